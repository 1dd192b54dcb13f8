"""Words of questions about tables, Korean and English. A table: what is looked for, never what it leads to."""

import re
from typing import Final, Literal

from octo_cli.values.patterns import lazy

Aggregate = Literal["count", "sum", "avg", "median", "min", "max"]
Unit = Literal["year", "quarter", "month", "week", "day"]

# What may follow a Korean name: a particle, or a word of a question written together with it.
PARTICLE: Final = (
    "(?:에서는|에서도|에서만|에서|에는|에도|에게|별로|으로|이랑|이나|이고|하고|중에서|중에|은|는|이|가|을|를|의|에|로|와|과|랑|도|만|들|"
    "나|인|중|고|부터|까지|시|님)"
)
_JOINED: Final = (
    "별|마다|당|합계|총합|총액|총계|합|평균|최대|최소|최고|최저|최댓값|최솟값|중앙값|중간값|비율|비중|점유율|건수|개수|수|순위|순|상위|하위|"
    "기준|추이|목록|종류|분포|제외|아닌"
)
BEFORE: Final = r"(?:(?<![가-힣A-Za-z0-9])|(?<=총)|(?<=평균)|(?<=최고)|(?<=최저)|(?<=최대)|(?<=최소))"
AFTER: Final = rf"(?=(?:{_JOINED})|{PARTICLE}{{0,2}}(?![가-힣]))"
GROUP_AFTER: Final = lazy(r"\s?(?:별로|별|마다|당(?![가-힣]))|\s(?:each|wise)\b|\s기준(?:으로)?(?![가-힣])")
GROUP_BEFORE: Final = lazy(
    r"(?:\bby|\bper|\bfor (?:each|every)|\beach|\bevery|\bacross|\bgrouped by|\bin each|각)\s(?:the\s)?$", re.I
)
LISTED: Final = lazy(r"[\s\x00]*(?:,|and|&|및|와|과|/|·)[\s\x00]*", re.I)

# Names that mean one another. Used only where one single column of a table fits.
SYNONYMS: Final = (
    ("매출", "매출액", "판매액", "판매금액", "sales", "revenue", "turnover", "amount", "금액"),
    ("지역", "권역", "region", "area"),
    ("수량", "판매량", "판매수량", "quantity", "qty", "units"),
    ("가격", "단가", "price", "unit price"),
    ("날짜", "일자", "일시", "date", "order date", "주문일", "판매일"),
    ("고객", "고객명", "손님", "customer", "client"),
    ("상품", "제품", "품목", "상품명", "제품명", "품명", "product", "item"),
    ("부서", "팀", "department", "dept", "team"),
    ("나이", "연령", "age"),
    ("이름", "성명", "name"),
    ("성별", "gender", "sex"),
    ("분류", "카테고리", "category", "유형"),
    ("급여", "연봉", "월급", "임금", "salary", "wage", "pay"),
    ("비용", "원가", "cost", "expense"),
    ("국가", "나라", "country", "nation"),
    ("도시", "city", "town"),
    ("직원", "사원", "employee", "staff"),
    ("점수", "성적", "score", "grade"),
    ("이익", "순이익", "profit"),
    ("지점", "매장", "점포", "store", "shop", "branch"),
    ("도시명", "시도", "province", "state"),
    ("담당자", "담당", "manager", "rep", "salesperson"),
    ("상태", "status"),
)
# Adjectives that say which column is compared.
ADJECTIVES: Final = (
    (
        r"(?:많이|잘)\s?(?:팔린|팔리는|팔렸\S*)|best[- ]?selling|(?:most )?sold(?: the)? most",
        ("수량", "판매량", "quantity", "qty", "units"),
        "desc",
    ),
    (r"비싼|비싸|expensive|priciest", ("가격", "price"), "desc"),
    (r"싼|저렴한|cheapest|cheap", ("가격", "price"), "asc"),
    (r"나이 ?많은|oldest", ("나이", "age"), "desc"),
    (r"어린|젊은|youngest", ("나이", "age"), "asc"),
)
# Adding these up says nothing; without a word for it they are averaged.
RATES: Final = lazy(
    r"가격|단가|나이|연령|평점|점수|성적|비율|율$|률$|온도|기온|습도|키$|몸무게|체중|"
    r"price|age\b|rate|rating|score|grade|ratio|percent|temperature|height|weight|salary|급여|연봉",
    re.I,
)
IDENTIFIERS: Final = lazy(r"(?:^|[\s_])(?:id|no|code|zip|year|month)$|번호$|코드$|^연도$|^년도$|^년$|^월$|^id", re.I)
YEARS: Final = lazy(r"^(?:연도|년도|년|year)$|[\s_]year$|연도$", re.I)

_N: Final = r"(\d{1,6}|한|두|세|네|다섯|열|one|two|three|four|five|six|seven|eight|nine|ten)"
NUMBER_WORDS: Final = {
    **{"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "열": 10},
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5},
    **{"six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10},
}
_COUNTERS: Final = r"\s?(?:개|곳|명|가지|위|건|줄|행|종)?(?:만|의|을|를|까지)?"
_MANY: Final = "많은|높은|큰|긴|비싼"
_FEW: Final = "적은|낮은|작은|짧은|싼|저렴한"
# A name already understood may stand between: "가장 매출이 많은".
_NAME: Final = r"[\s\x00]*(?:이|가|은|는|을|를)?\s?"
# (pattern, direction); group 1 is how many.
LIMITS: Final = (
    (
        lazy(
            rf"상위\s?{_N}(?!\d|\s?%|\s?퍼센트){_COUNTERS}|\btop\s?{_N}\b(?!\s?%|\spercent)|\b{_N}\s(?:highest|largest|biggest|best|most)\b",
            re.I,
        ),
        "desc",
    ),
    (
        lazy(
            rf"하위\s?{_N}(?!\d|\s?%|\s?퍼센트){_COUNTERS}|\bbottom\s?{_N}\b(?!\s?%|\spercent)|\b{_N}\s(?:lowest|smallest|least|fewest|cheapest)\b",
            re.I,
        ),
        "asc",
    ),
    (lazy(rf"(?:(?:가장|제일)\s?)?(?:{_MANY})\s?(?:순으로\s?|순서로\s?)?{_N}\s?(?:개|곳|명|가지|건)"), "desc"),
    (lazy(rf"(?:(?:가장|제일)\s?)?(?:{_FEW})\s?(?:순으로\s?|순서로\s?)?{_N}\s?(?:개|곳|명|가지|건)"), "asc"),
    (
        lazy(rf"(?:처음|앞)\s?{_N}{_COUNTERS}|\bfirst\s{_N}(?:\srows?)?\b|{_N}\s?(?:줄|행)만|\blimit\s{_N}\b", re.I),
        None,
    ),
)
SUPERLATIVES: Final = (
    (
        lazy(
            rf"(?:가장|제일|젤){_NAME}(?:{_MANY}|많이)|"
            r"\b(?:the\s)?(?:highest|largest|biggest|greatest|most|best)\b(?! first)",
            re.I,
        ),
        "desc",
    ),
    (
        lazy(
            rf"(?:가장|제일|젤){_NAME}(?:{_FEW}|적게)|\b(?:the\s)?(?:lowest|smallest|least|fewest|worst)\b(?! first)",
            re.I,
        ),
        "asc",
    ),
)
# They compare values, where "most" may count rows.
SIZES: Final = lazy(
    r"\b(?:highest|largest|biggest|greatest|lowest|smallest)\b|(?:가장|제일|젤)[\s\x00]*(?:이|가)?\s?(?:높은|낮은|큰|작은)",
    re.I,
)
MOST: Final = lazy(r"가장|제일|\bthe most\b|\bmost\b|\bleast\b", re.I)
ORDERS: Final = (
    (
        lazy(
            rf"내림차순|(?:{_MANY})\s?순서?(?:대로|으로)?|(?<=\x00)순서?(?:대로|으로)|"
            r"\bdesc(?:ending)?\b|\b(?:highest|largest|biggest) first\b",
            re.I,
        ),
        "desc",
    ),
    (
        lazy(rf"오름차순|(?:{_FEW})\s?순(?:서)?(?:대로|으로)?|\basc(?:ending)?\b|\b(?:lowest|smallest) first\b", re.I),
        "asc",
    ),
    (lazy(r"최신\s?순(?:으로)?|최근\s?순(?:으로)?|\b(?:newest|latest|most recent)(?: first)?\b", re.I), "newest"),
    (lazy(r"오래된\s?순(?:으로)?|날짜\s?순(?:으로)?|\boldest first\b|\bchronological\w*\b", re.I), "oldest"),
)
SORT: Final = lazy(r"정렬\S{0,5}|\b(?:sort|order|rank)(?:ed|ing)?(?:\s(?:it|them|rows))?(?:\sby)?\b", re.I)

AGGREGATES: Final[tuple[tuple[Aggregate, re.Pattern[str]], ...]] = (
    ("median", lazy(r"중앙값|중간값|중위수|\bmedian\b", re.I)),
    ("avg", lazy(r"평균(?:값|치)?(?!\s?보다)|\b(?:average|avg|mean)\b", re.I)),
    ("max", lazy(r"최대값|최댓값|최대|최고(?:값|치|가)?|\bmax(?:imum)?\b", re.I)),
    ("min", lazy(r"최소값|최솟값|최소|최저(?:값|치|가)?|\bmin(?:imum)?\b", re.I)),
    (
        "sum",
        lazy(
            r"합계|총합|총액|총계|누계|합산\S{0,3}|(?<![가-힣])합(?![가-힣])|\b(?:total|sum|overall|altogether)\b", re.I
        ),
    ),
)
# "월별 합계와 지역별 합계": what is asked a second time, with a grouping of its own, is another question.
AGAIN: Final = lazy(
    r"(합계|총합|총액|총계|평균|중앙값|최대|최소|건수|개수|비율|비중)(?:(?!대비|보다).){0,100}?[\s,]"
    r"([^\s,]+(?:별|마다)(?:로)?\s(?:[^\s,]+(?<![고서])\s){0,2}?[^\s,]*?\1)|"
    r"\b(total|sum|average|mean|median|count|number)s?\b.{0,100}?\b(?:by|per|each)\b.{0,100}?\b(?:and|then)\s(?:the\s)?"
    r"(\3s?\b.{0,100}?\b(?:by|per|each)\s\w+)",
    re.I,
)
TOTAL: Final = lazy(r"(?<![가-힣])(?:총|전체)(?=[\s\x00]|$)|(?<![가-힣])총")
COUNT: Final = lazy(
    r"몇\s?(?:개|건|명|행|줄|번|곳|대|가지|종류|분|사람)?(?:인가요|입니까|이나|인지|이야|야|일까|나)?|"
    r"(?:행|줄|레코드|데이터)\s?(?:의\s?)?(?:수|개수|갯수)|건수|개수|갯수|인원(?:\s?수)?|(?<=[\s\x00])수(?=[\s\x00.?!를는은가]|$)|횟수|빈도|"
    r"\bhow many\b|\b(?:the\s)?number of\b|\bcounts?(?:\sof)?\b",
    re.I,
)
ROWS: Final = lazy(
    r"(?:행|줄|레코드|데이터|기록|자료|건)(?:이|가|은|는|의|만|을|를)?(?![가-힣])|"
    r"\b(?:rows?|records?|entries|lines|data points)\b",
    re.I,
)
DISTINCT: Final = lazy(
    r"종류|가지|고유(?:한)?|서로\s?다른|중복\s?(?:없이|제외)|\b(?:distinct|unique|different)\b", re.I
)
SHARE: Final = lazy(
    r"비율|비중|점유율|구성비|퍼센트|백분율|\b(?:share|percent(?:age)?s?|proportions?|breakdown)\b(?:\sof)?|%", re.I
)
LIST: Final = lazy(r"목록|리스트|(?:어떤|무슨)(?=\s)|\blist(?:\sof)?\b|\bwhat are\b", re.I)
WHICH: Final = lazy(r"(?:어느|어떤|무슨)(?=\s)|\bwhich\b|\bwhat\b|\bwho\b|누구|어디|뭐|무엇", re.I)
# A figure alone is no answer to these.
WHO: Final = lazy(r"\bwho\b|\bwhen\b(?=\s(?:was|is|were|did|do|does)\b)|누구|어디|언제", re.I)
COMPARE: Final = lazy(r"비교\S{0,4}|\bcompar(?:e|ed|ing|ison)\b", re.I)
PROFILE: Final = lazy(
    r"요약\S{0,6}|분석\S{0,6}|통계\S{0,4}|살펴\S{0,4}|프로필|프로파일\S{0,3}|개요|구조|어떤 데이터|"
    r"\b(?:summar\w+|analy\w+|profile|describe|overview|statistics|explore|schema|columns)\b",
    re.I,
)
CHART: Final = lazy(
    r"(?:막대|선|꺾은선|원형?)?\s?(?:차트|그래프)\S{0,3}|시각화\S{0,4}|그려\S{0,4}|\b(?:chart|graph|plot|visuali[sz]e|diagram|draw)s?\b",
    re.I,
)
PICTURE: Final = lazy(
    r"\b(png|svg)\b|(?:차트|그래프|그림|이미지|시각화)[^.]{0,20}(?:저장|파일)|(?:그림|이미지)(?:으로|로)|"
    r"\bsave\b[^.]{0,30}\b(?:chart|graph|plot|picture|image|figure)|\b(?:chart|graph|plot)\b[^.]{0,20}\b(?:file|picture|image)|"
    r"\b(?:as|to) an? (?:image|picture)\b",
    re.I,
)
UNITS: Final[tuple[tuple[Unit, re.Pattern[str]], ...]] = (
    ("quarter", lazy(r"분기\s?(?:별로|별|마다)|매\s?분기|\bquarterly\b|\b(?:by|per|each|every)\squarter\b", re.I)),
    (
        "month",
        lazy(r"(?<![가-힣])(?:월|달)\s?(?:별로|별|마다)|매월|매달|\bmonthly\b|\b(?:by|per|each|every)\smonth\b", re.I),
    ),
    ("week", lazy(r"(?<![가-힣])주\s?(?:별로|별|마다)|주간별?|매주|\bweekly\b|\b(?:by|per|each|every)\sweek\b", re.I)),
    (
        "year",
        lazy(
            r"(?:연도|년도|해|연|년)\s?(?:별로|별|마다)|매년|\b(?:yearly|annual(?:ly)?)\b|\b(?:by|per|each|every)\syear\b",
            re.I,
        ),
    ),
    (
        "day",
        lazy(
            r"(?<!요)(?:일자|날짜|일)\s?(?:별로|별|마다)|매일|\bdaily\b|\b(?:by|per|each|every)\s(?:day|date)\b", re.I
        ),
    ),
)

NEGATED_AFTER: Final = lazy(
    r"(?:을|를|은|는|이|가)?\s?(?:제외\S{0,3}|빼고|뺀|말고|아닌|이외\S?|외의|외에(?:는)?)|\s(?:excluded|aside)\b", re.I
)
NEGATED_BEFORE: Final = lazy(
    r"(?:\b(?:except(?: for)?|excluding|exclude|not|without|other than|is not|isn't|but)|!=|<>)"
    r"\s?(?:in\s|from\s|the\s)?['\"“‘]?$",
    re.I,
)

AMOUNT: Final = (
    r"(-?\d[\d,]*(?:\.\d+)?)\s?(억|천만|백만|십만|만|천|백|k\b|m\b|thousand\b|million\b|billion\b)?"
    r"\s?(?:원|달러|won\b|dollars?\b|개|명|세|살|점|건|%|years?\b)?"
)
SCALES: Final = {
    "억": 10**8, "천만": 10**7, "백만": 10**6, "십만": 10**5, "만": 10**4, "천": 1000, "백": 100,
    "k": 1000, "m": 10**6, "thousand": 1000, "million": 10**6, "billion": 10**9,
}  # fmt: skip
# Groups: number and scale (twice for a range).
BETWEEN: Final = lazy(
    rf"\b(?:between|from)\s{AMOUNT}\s(?:and|to)\s{AMOUNT}|{AMOUNT}\s?(?:에서|부터|이상|~|–)\s?{AMOUNT}\s?(?:까지|사이|이하)(?:의|인)?",
    re.I,
)


def _comparison(before: str, after: str) -> re.Pattern[str]:
    return lazy(rf"(?:{before})\s?{AMOUNT}|{AMOUNT}\s?(?:{after})", re.I)


COMPARISONS: Final = (
    (
        _comparison(
            r">=|=>|\b(?:at least|no less than|not less than|minimum of)",
            r"이상|or (?:more|higher|older|above)",
        ),
        ">=",
    ),
    (
        _comparison(
            r"<=|=<|\b(?:at most|no more than|not more than|up to)",
            r"이하|or (?:less|lower|younger|below)",
        ),
        "<=",
    ),
    (
        _comparison(
            r">|\b(?:over|above|(?:more|greater|higher|older|bigger|larger) than|exceed(?:s|ing)?)",
            r"초과|(?:을|를|이|가)?\s?넘(?:는|은|게|었\S*)|보다\s?(?:크|큰|많|높)\S{0,2}",
        ),
        ">",
    ),
    (
        _comparison(
            r"<|\b(?:under|below|(?:less|lower|fewer|younger|smaller|cheaper) than)",
            r"미만|보다\s?(?:작|적|낮)\S{0,2}",
        ),
        "<",
    ),
    (_comparison(r"==?|\b(?:is|equals?|equal to|of)", r"(?:인|이고)(?![가-힣])"), "="),
)

# Words that only carry a question. What is left beside them was not understood.
CARRYING: Final = lazy(
    rf"{PARTICLE}{{1,2}}|"
    r"(?:알려|보여|구해|계산해|뽑아|정리해|찾아|그려|만들어|분석해|요약해|내|말해|비교해|표시해|나타내|해|조회해|골라|저장해|세)?\s?"
    r"(?:줘|줘요|주세요|주십시오|줄래|줄래요|주라|봐|봐요|달라|다오|줄|드려)?|"
    r"(?:알려|보여|구해|계산해|뽑아|정리해|찾아|그려|만들어|분석해|요약해|비교해|조회해|골라|저장해)(?:줘|줘요|주세요|줄래|봐|서|주십시오|라|요)?|"
    r"(?:보여|알려|구하|계산하|비교하|저장하|정리하|세어|세)(?:줘|주세요|고|시오|세요|십시오|줄래|라)?|"
    r"얼마(?:나|야|예요|인가요|인지|입니까|지)?|어떻게|되나요?|됩니까|되니|돼|돼요|인가요?|입니까|인지|이야|야|예요|이에요|있나요?|있어|있습니까|있는|"
    r"있는지|하나요|했나요|됐나요|나요|까요|니|지|요|좀|그냥|한번|그리고|또|또는|및|각|각각|모든|모두|전체|총|전부|중|중에|중에서|가운데|대한|"
    r"대해|관한|기준|기준으로|파일|데이터|자료|표|테이블|열|컬럼|값|값이|값은|값을|액|결과|내용|순|순으로|순서|나온|나오는|해당하는|해당|경우|것|건|"
    r"때|곳|개|명|사람|추이|현황|흐름|순위|랭킹|에|의|별|로|만|보기|안에|속|에서의|수|사이|기간|동안|조건|조건으로|필터|필터링|저장|"
    r"차지하는|쓴|든|나간|들어온|일어난|발생한|포함된|등록된|입력된|기록된|사용된|쓰인|받은|낸|올린|구매한|주문한|판매한|판|산|비교|비교하면|써서|사용해서?|이용해서?|활용해서?|읽고|읽어서?|열어서?|보고|그림|이미지|파일로|함께|같이|이상|부탁|부탁해|부탁합니다|png|svg|로|거|게|했어|했|된|한|하는|인|이|팔린|판매된|내역|정보|은|합니다|해주세요|해줘|"
    r"a|an|the|of|in|on|at|for|to|from|with|and|or|by|per|is|are|was|were|be|do|does|did|have|has|had|there|that|this|those|these|it|its|"
    r"me|my|i|we|us|our|you|can|could|would|will|please|show|give|tell|get|find|calculate|compute|display|make|draw|what|which|who|where|whose|"
    r"when|how|much|many|all|each|every|any|only|just|value|values|table|file|data|dataset|column|columns|row|rows|result|results|list|look|compare|comparison|"
    r"like|as|into|than|then|trend|trends|over|time|rank|ranking|ranked|sorted|sort|ordered|order|filter|"
    r"filtered|between|within|across|s|so|if|save|saved|saving|image|picture|breakdown|grouped|group|split|cost|sold|made|come|comes|came|"
    r"people|person|using|use|see|want|need|know|let|does|records|out|up",
    re.I,
)

_MONTHS: Final = (
    "jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?", "aug(?:ust)?",
    "sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?",
)  # fmt: skip
MONTH_NAMES: Final = tuple(lazy(name, re.I) for name in _MONTHS)
_MONTH: Final = f"(?:{'|'.join(_MONTHS)})"
_Y: Final = r"(?:19|20)\d{2}"
# One span of time. The names of the groups say how it is read.
SPAN: Final = (
    rf"(?P<d_y>{_Y})\s?[-./년]\s?(?P<d_m>\d{{1,2}})\s?[-./월]\s?(?P<d_d>\d{{1,2}})(?!\d)일?|"
    rf"(?P<q_y>{_Y})년?\s?(?P<q_q>[1-4])\s?(?:사\s?)?분기|\bq(?P<q2_q>[1-4])(?:\sof)?\s(?P<q2_y>{_Y})|(?P<q3_y>{_Y})\s?q(?P<q3_q>[1-4])|"
    rf"(?P<m_y>{_Y})(?:년\s?(?P<m_m>\d{{1,2}})월|[-./](?P<m2_m>\d{{1,2}})(?![\d.,]*\d))|"
    rf"\b(?P<n_name>{_MONTH})\.?\s(?:(?P<n_d>\d{{1,2}})(?:st|nd|rd|th)?,?\s)?(?:of\s)?(?P<n_y>{_Y})\b|"
    rf"(?P<y_y>{_Y})년(?:도)?(?!별)|(?P<r_year>올해|금년|this year|작년|지난해|last year|재작년)|"
    r"(?P<r_month>이번\s?달|이달|this month|지난\s?달|last month)|(?P<r_day>오늘|today|어제|yesterday)|"
    r"(?P<p_q>[1-4])\s?(?:사\s?)?분기|\bq(?P<p2_q>[1-4])\b|(?<!\d)(?P<p_m>1[0-2]|[1-9])월(?!별)|"
    rf"\b(?:in|during|for)\s(?P<p_name>{_MONTH})\b|"
    r"(?:(?<=in )|(?<=of )|(?<=for )|(?<=since )|(?<=after )|(?<=before )|(?<=from )|(?<=until )|(?<=to )|(?<=and )|"
    rf"(?<=between )|(?<=during )|(?<=through ))(?P<b_y>{_Y})\b"
)
SPANS: Final = lazy(SPAN, re.I)
SINCE: Final = lazy(r"\s?(?:이후\S{0,2}|부터|이래)|\s(?:onwards?|or later|and later)", re.I)
UNTIL: Final = lazy(r"\s?까지", re.I)
EARLIER: Final = lazy(r"\s?이전\S{0,2}|\s?전(?:의|에)?(?![가-힣])|\sor earlier", re.I)
BEFORE_SPAN: Final = {
    ">=": lazy(r"(?:\bsince|\bfrom|\bstarting(?: in| from)?|\bbetween)\s(?:the\s)?$", re.I),
    ">": lazy(r"\bafter\s(?:the\s)?$", re.I),
    "<": lazy(r"\bbefore\s(?:the\s)?$", re.I),
    "<=": lazy(r"(?:\buntil|\bthrough|\bup to|\btill|\bto|\band)\s(?:the\s)?$", re.I),
}
