"""Words that speak for a category, and how loudly. A table: what is counted, never how.

Each row counts once however often it occurs. 4 and more decides alone, 2 to 3 is a verb or noun of the trade, 1 and
less a hint.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from octo_cli.values.patterns import HANGUL, lazy
from octo_cli.values.urls import URL


class Cue(NamedTuple):
    category: str
    weight: float
    pattern: re.Pattern[str]


def heard(text: str, cues: tuple[Cue, ...]) -> Iterator[tuple[Cue, str]]:
    """The cues that occur in the text, each with its first words."""
    for cue in cues:
        if match := cue.pattern.search(text):
            yield cue, match[0].strip()


def _cues(*rows: tuple[str, float, str]) -> tuple[Cue, ...]:
    return tuple(Cue(category, weight, lazy(pattern, re.I)) for category, weight, pattern in rows)


_LANGUAGES: Final = (
    r"파이썬|자바스크립트|타입스크립트|자바(?!스크립트)|러스트|코틀린|스위프트|"
    r"(?<![a-z])(?:python|javascript|typescript|java|rust|golang|kotlin|swift|c\+\+|c#|sql|bash|ruby|php|haskell)"
    r"(?![a-z])"
)
TABLE_FILE: Final = r"\.(?:csv|tsv|xlsx?|parquet|jsonl?|ndjson|sqlite3?|db)(?![A-Za-z0-9])"

# The categories that have cues of their own; every other agent is known by its card.
TRADES: Final = frozenset({"chat", "search", "contract", "web", "code", "data"})

TOPICS: Final = _cues(
    # Talk: a greeting alone decides, at the head of a longer text it is only polite.
    ("chat", 4.0, r"^\W*(?:안녕\S{0,5}|하이|반가\S{0,5}|여보세요)(?: 옥토)?\W*$"),
    ("chat", 4.0, r"^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening))(?: there| octo)?\W*$"),
    ("chat", 4.0, r"^\W*(?:고마워\S{0,3}|고맙\S{0,5}|감사\S{0,6}|잘 ?가|수고\S{0,5})\W*$"),
    ("chat", 4.0, r"^\W*(?:thanks?(?: you)?(?: so much| a lot)?|bye|goodbye)\W*$"),
    ("chat", 0.3, r"^\W*(?:안녕\S{0,5}|hello|hi|hey)(?![a-z])"),
    ("chat", 5.0, r"(?:뭐|뭘|무엇|어떤 ?(?:일|것))\S{0,2} ?(?:을 ?|를 ?)?(?:할|해 ?줄|도와 ?줄) ?수"),
    ("chat", 5.0, r"^\W*(?:너는?|넌|당신은?)? ?누구(?:야|세요|니|신가요)\W*$|^\W*(?:도와줘|도움말|사용법)\W*$"),
    ("chat", 5.0, r"what (?:can|do) you do|who are you|what are you\b|how can you help|^\W*help\W*$"),
    # Search: the user's own folders.
    ("search", 2.0, r"에 ?(?:대해|대한|대하여|관해|관한|관하여)|관련(?:된|해|해서)? ?(?:내용|자료|문서|글)"),
    ("search", 1.0, r"\babout\b"),
    ("search", 2.5, r"알려 ?(?:줘|주|줄|달|드)|가르쳐|설명|궁금|알고 ?싶"),
    ("search", 2.5, r"\b(?:tell me|explain|describe|define|i want to know|i wonder)\b"),
    ("search", 3.0, r"찾아|찾고|검색|조회|조사해|알아 ?(?:봐|보|볼)"),
    ("search", 3.0, r"\b(?:find|search|look(?:ing)? (?:up|for|into)|research)\b"),
    ("search", 1.0, r"(?:내|우리|제) ?(?:문서|노트|메모|파일|폴더|자료)"),
    ("search", 1.0, r"\b(?:my|our) (?:notes|files|documents|folders?)\b"),
    ("search", 1.5, r"[\w./-]{1,80}\.(?:md|txt|pdf|docx|html?)(?![A-Za-z0-9])"),
    # The open web, by address, by name, or because only it can know.
    ("web", 3.5, URL),
    ("web", 2.0, rf"(?<![a-z])urls?(?![a-z])|(?<!{HANGUL})(?:링크|홈페이지|웹 ?(?:페이지|사이트))"),
    ("web", 2.0, r"\b(?:this|the|that) (?:link|web ?(?:page|site))\b"),
    ("web", 1.5, rf"(?:요약|번역|정리|읽어|summar\w{{1,4}})[^.]{{0,40}}{URL}|{URL}[^.]{{0,40}}(?:요약|정리|읽어)"),
    ("web", 4.0, rf"(?:웹|인터넷|온라인|구글|네이버)(?:에서|으로|에|에다)?(?!{HANGUL}{{2}})|웹 ?검색"),
    ("web", 4.0, r"\b(?:on|from|search) the (?:web|internet|net)\b|\bonline\b|\bgoogle\b"),
    ("web", 2.5, r"뉴스|날씨|환율|주가|최신 ?(?:소식|기사|정보)"),
    ("web", 2.5, r"\bnews\b|\bweather\b|\bexchange rate\b|\bstock price\b|\blatest\b"),
    # Code: given to be run, or a word of the trade.
    ("code", 6.0, r"(?:^|\n)(?:```|~~~)|실행해 ?(?:줘|주세요|주십시오|봐)?\s*:|돌려 ?(?:줘|주세요|봐)\s*:"),
    (
        "code",
        6.0,
        r"\b(?:run|execute)(?: (?:this|the following))?(?: (?:python|shell))?(?: (?:code|command|script))?\s*:",
    ),
    ("code", 1.0, _LANGUAGES),
    (
        "code",
        1.2,
        rf"(?<!{HANGUL})(?:코드|함수|스크립트|프로그램|알고리즘|소스 ?코드|정규식|단위 ?테스트|크롤러)(?!명)",
    ),
    ("code", 1.2, r"\b(?:code|function|script|algorithm|regex|unit tests?|source code|web scraper)\b"),
    ("code", 1.2, r"퀵 ?소트|정렬 ?(?:함수|알고리즘|코드)|피보나치|이진 ?(?:탐색|트리)"),
    ("code", 1.2, r"\b(?:quick|merge|bubble) ?sort\b|\bfibonacci\b|\bbinary search\b"),
    ("code", 2.5, r"코딩|디버그|디버깅|리팩터링|리팩토링|컴파일|구현해|버그"),
    ("code", 2.5, r"\b(?:debug|refactor|implement|compile|bug)\b"),
    ("code", 3.5, r"```"),
    (
        "code",
        2.5,
        r"(?:코드|스크립트|파이썬|셸)\S{0,2} ?(?:실행|돌려)|(?:실행|돌려) ?(?:해 ?)?(?:줘|봐|주세요)?\s?[:：]",
    ),
    ("code", 2.5, r"\brun (?:this|the) (?:code|script|snippet|program)\b|\brun this\s*:"),
    ("code", 1.5, r"[\w./-]{1,80}\.(?:py|js|ts|rs|go|java|c|cpp|sh|rb)(?![A-Za-z0-9])"),
    # Data.
    ("data", 3.0, rf"[\w./~-]{{1,80}}{TABLE_FILE}"),
    ("data", 2.5, r"분석|통계|집계|시각화|차트|그래프|평균|상관관계"),
    ("data", 2.5, r"\banaly[sz]e\b|\banalysis\b|\bstatistics?\b|\bchart\b|\bplot\b|\bvisuali[sz]e\b"),
    ("data", 1.0, r"데이터|엑셀|스프레드시트|\bdata(?:set|frame)?\b|\bspreadsheet\b|\bexcel\b"),
)

# The form of a question. It asks the user's folders, unless it is a polite order.
QUESTIONS: Final = _cues(
    (
        "search",
        2.0,
        r"언제|어디|누가|누구|왜|얼마|어떻게|어떤|무엇|무슨|뭐|뭔|몇 ?(?:년|개|일|번|달|살|시)|방법(?!원)|차이",
    ),
    ("search", 2.0, r"\b(?:what|when|where|who|whom|why|how|which|difference)\b"),
    (
        "search",
        1.5,
        r"(?:나요|까요|가요|는가|는지|은지|한지|을까|할까|되나|하나|있나|없나|돼|되니|냐|뭐지|뭔데)[\s?？.!~]*$",
    ),
    ("search", 1.5, r"^\W*(?:is|are|was|do|does|did|can|could|should|must|may|will|would|has|have)\b"),
    ("search", 0.4, r"[?？]"),
)

PAPER: Final = lazy(r"계약서|\bcontracts?\b|\bagreements?\b", re.I)

# Someone is about to let or rent: beside words like 보증금 it speaks for a contract.
DEALING: Final = lazy(
    r"(?:갱신|재계약|연장)(?:을\s)?\s?(?:하려(?:고|는|\s)|하기로|하고\s?싶|하고자|할게|할래|하자|합니다)|빌려\s?(?:주|줄)|빌리|세\s?(?:놓|놔|주려|줄)|임대\s?(?:하|할|주)|들어가(?:기로|려|고)|계약하(?:고|려|기로|자)|내놓|"
    r"\b(?:rent(?:ing)? out|let(?:ting)? (?:my|our|the)|leasing|lend)\b",
    re.I,
)

# An order made only of these orders nothing yet: "그거 써줘", "write it please".
EMPTY_WORDS: Final = lazy(
    r"그거|이거|저거|그것|이것|저것|뭐|좀|하나|한번|빨리|제발|작성|만들어|써|해|줘|주세요|줄래|"
    r"\b(?:it|that|this|something|some|a|an|the|please|me|one|write|make|create|draft|generate|give|get|need|want|i|for|"
    r"to)\b",
    re.I,
)
