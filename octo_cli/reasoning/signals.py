"""What kind of sentence a request is: it orders a document, declines one, changes one. No category, no plan."""

import re
from functools import cached_property
from typing import Final

from octo_cli.reasoning.base import Request
from octo_cli.reasoning.cues import PAPER
from octo_cli.reasoning.naming import Mention, mentions
from octo_cli.values.patterns import HANGUL, lazy

# Words of a document's content by the type they belong to; `_` are those of many types.
FIELD_WORDS: Final = {
    "lease": (
        r"보증금|월세|전세|차임|집세|방세|임대료|임대인|임차인|집주인|세입자|관리비|임대차|전월세|"
        r"\brent\b|\bmonthly rent\b|\bjeonse\b|\blandlord\b|\btenant\b|\blessor\b|\blessee\b|\bmaintenance fee\b"
    ),
    "nda": (
        r"비밀\s?유지|기밀|정보\s?제공자|정보\s?수령자|공개\s?당사자|수령\s?당사자|공개자|수령자|위약벌|비밀\s?정보|"
        r"\bdisclosing party\b|\breceiving party\b|\bconfidential\w*|\bdiscloser\b|\brecipient\b"
    ),
    "employment": r"연봉|시급|월급|수습|근로자|입사일|주휴|\bsalary\b|\bprobation\b|\bemployee\b|\bemployer\b",
    "service": r"용역|착수금|납품|도급인|수급인|\bdeliverables?\b|\bcontractor\b",
    "sale": r"매매\s?대금|매도인|매수인|매매가|\bseller\b|\bbuyer\b|\bpurchase price\b",
    "_": (
        r"특약|계약금|중도금|잔금|입주|지급일|납부일|전화\s?번호|생년월일|만기|계약\s?기간|시작일|종료일|위약금|연락처|계좌|"
        r"\bdeposit\b|\bspecial terms?\b|\bstart date\b|\bend date\b|\bdown payment\b|\bpenalty\b"
    ),
}
_FIELD_WORD: Final = lazy("|".join(FIELD_WORDS.values()), re.I)
_AMOUNT: Final = lazy(
    r"\d[\d,]{0,15}\s?(?:천|백|십)?\s?(?:만|억|원|won)|[₩￦]\s?\d|KRW\s?\d|[일이삼사오육칠팔구십백천만억]{2,12}\s?원|\d{1,6}/\d{1,6}",
    re.I,
)

_ORDER: Final = lazy(
    r"(?:작성|준비|생성|초안|마련|기안|완성)(?:을|를|본)?\s{0,2}(?:좀\s{0,2}|하나\s{0,2})?"
    r"(?:해\s?(?:줘|주|줄|줬|달|봐|보|드)|하(?:자|고\s?싶|려고|려는|겠|여\s|시|십)|할(?:게|래|까|\s?거)|부탁|바[라랍]|요청|필요|잡아|[.!]?$)"
    r"|(?:써|만들어|뽑아|꾸며|적어|짜)\s{0,2}(?:줘|주|줄|줬|달|봐|보자|드려|내\s?줘)"
    rf"|(?:쓰|만들|작성하)(?:고\s?싶|려고|려\s?해|자(?!{HANGUL})|겠)"
    r"|(?:계약서|각서|합의서|위임장|약정서|NDA)(?:가|이|를|을|도)?\s{0,2}(?:하나|한\s?부|좀)?\s{0,2}(?:필요|부탁|줘|주세요|해\s?줘|해\s?주)"
    r"|\b(?:draft|write|prepare|create|generate|draw\s?up|compose|give\s+me|get\s+me|make\s+(?:me\s+|us\s+)?(?:an?|another|two|some)|"
    r"(?:need|want|would\s+like)\s+(?:an?|another|the|some|to\s+(?:draft|write|create|make|prepare|have)))\b",
    re.I,
)
_HOW: Final = lazy(
    r"어떻게|방법|작성법|(?:쓰|만드)는\s?법|\bhow\s+(?:do|does|to|can|could|should)\b|\bdo\s+(?:i|we|you)\s+need\b|\bwhat\b|\bwhy\b|"
    r"(?:필요|작성)\S{0,6}(?:한가요|할까요|하나요|해요\?|해\?)|\bshould\s+i\b",
    re.I,
)
_DECLINED: Final = lazy(
    r"(?:(?:작성|준비|생성)\s?하?|쓰|만들|적)지\s?(?:는\s?|는|도\s?)?(?:마|말|않아도|않았으면)|(?:작성|초안)(?:은|는)?\s?(?:필요\s?없|됐|하지\s?마)|"
    r"\b(?:do\s?n[o']?t|don’t|do\s+not|never|no\s+need\s+to|stop)\s+(?:want\s+(?:you\s+)?to\s+)?(?:to\s+)?"
    r"(?:draft|writ(?:e|ing)|prepar(?:e|ing)|creat(?:e|ing)|mak(?:e|ing)|generat(?:e|ing))",
    re.I,
)
_CHANGE: Final = lazy(
    r"바꿔|바꾸|바뀌|고쳐|고치|수정|변경|정정|올려|올리|내려|내리|낮춰|낮추|줄여|늘려|연장|추가|빼\s?(?:줘|주)|삭제|지워|넣어|"
    r"(?:으로|로|만)\s?(?:해|하자|할게|해줘|조정)|\b(?:change|update|set|raise|lower|increase|reduce|amend|revise|correct|replace|add|"
    r"remove|delete|extend|move|rename|fix|make)\b",
    re.I,
)
# A field is told what it is, without a verb: "지급일을 말일로", "전화번호는 010-1234-5678".
_TOLD: Final = lazy(
    r"(?:을|를|은|는)\s[^\n?？]{1,30}(?<=[가-힣0-9])(?:으로|로)[.!]?$|"
    r"(?:은|는|이|가)?\s?[:：]?\s(?:0\d{1,2}-?\d{3,4}-?\d{4}|\d{4}\s?[-.년]\s?\d|(?:매월|매달)\s?\d|(?:\d{1,2}일|말일)(?:입니다|이야|이에요)?[.!]?$)"
)
_AGAIN: Final = lazy(r"다시|바꿔서|고쳐서|수정해서|\bagain\b|\bre-?(?:write|draft)\b", re.I)
_PLACES_OF_BUSINESS: Final = lazy(
    r"상가|점포|가게|매장|사무실|창고|공장|토지|농지|\b(?:commercial|office|shop|retail|warehouse)\b", re.I
)
_SENTENCE: Final = lazy(r"(?<=[.!?？。\n])\s+|\n")


_ENDS: Final = 4000


def ends_of(text: str) -> str:
    """A text, without the middle of a very long one: what is wanted of a long paste stands before or behind it."""
    return text if len(text) <= 2 * _ENDS else f"{text[:_ENDS]}\n{text[-_ENDS:]}"


class Signals:
    """A request read once; every property is a fact about its wording."""

    def __init__(self, request: Request) -> None:
        self.text = request.text
        self._request = request

    @cached_property
    def papers(self) -> tuple[Mention, ...]:
        return mentions(self.text, self._request.document_types)

    @cached_property
    def declines(self) -> bool:
        """A document is not to be written: "계약서 쓰지 마", "don't draft anything"."""
        return _DECLINED.search(self.text) is not None

    @cached_property
    def orders(self) -> bool:
        """Something is to be written: an order, not a question about how one would."""
        return not self.declines and any(
            _ORDER.search(sentence) and not _HOW.search(sentence) for sentence in _SENTENCE.split(self.text)
        )

    @cached_property
    def orders_paper(self) -> bool:
        return self.orders and bool(self.papers or PAPER.search(self.text))

    @cached_property
    def changes(self) -> bool:
        return _CHANGE.search(self.text) is not None

    @cached_property
    def amounts(self) -> tuple[str, ...]:
        return tuple(match[0] for match in _AMOUNT.finditer(self.text))

    @cached_property
    def field_words(self) -> tuple[str, ...]:
        """Distinct words of document fields, as written, in order."""
        return tuple(dict.fromkeys(match[0] for match in _FIELD_WORD.finditer(self.text)))

    @cached_property
    def edits(self) -> bool:
        """It changes a document of this thread rather than asking for another one."""
        if not self._request.documents or self.declines:
            return False
        if self.orders and not _AGAIN.search(self.text):
            return False
        asks = "?" in self.text or _HOW.search(self.text) is not None
        told = not asks and _TOLD.search(self.text) is not None
        return self.changes or bool(self.field_words and (self.amounts or told))

    def types_by_words(self) -> tuple[str, ...]:
        """Document types whose own field words occur, most words first; a type needs two words, or one in an edit."""
        counts = {
            name: len({match[0] for match in re.finditer(pattern, self.text, re.I)})
            for name, pattern in FIELD_WORDS.items()
            if name != "_"
        }
        return tuple(sorted((name for name, count in counts.items() if count), key=lambda name: -counts[name]))

    @property
    def is_about_business_premises(self) -> bool:
        return _PLACES_OF_BUSINESS.search(self.text) is not None
