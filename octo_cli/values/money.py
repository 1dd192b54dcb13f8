"""Amounts of won: read from a form, found in a sentence, shown in figures and in words. Decimal, never float.

Written Korean groups by 만 (10^4), 억 (10^8) and 조 (10^12), and after 억 leaves 만 unsaid: 3억5천 is 350,000,000.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Final

from octo_cli.values.found import (
    CLEAR,
    EXPLICIT,
    GUESSED,
    INFERRED,
    UNREAD,
    Found,
    Unreadable,
    found_at,
    in_order,
    shorten,
)
from octo_cli.values.text import half_width, one_line

if TYPE_CHECKING:
    from octo_cli.wire.work import Language

LIMIT: Final = 10**15

_DIGITS: Final = "영일이삼사오육칠팔구"
_SMALL: Final = {"": Decimal(1), "십": Decimal(10), "백": Decimal(100), "천": Decimal(1000)}
_BIG: Final = {"": Decimal(1), "만": Decimal(10**4), "억": Decimal(10**8), "조": Decimal(10**12)}
_UNSAID: Final = {"억": "만", "조": "억"}
_SCALES: Final = {
    "": Decimal(1),
    "k": Decimal(10**3),
    "m": Decimal(10**6),
    "bn": Decimal(10**9),
    "thousand": Decimal(10**3),
    "million": Decimal(10**6),
    "billion": Decimal(10**9),
    "trillion": Decimal(10**12),
}
_WORDS: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100,
}  # fmt: skip

# What a number is made of. Every repetition is bounded or possessive: no text makes these slow.
_NUMBER: Final = r"[0-9]++(?:,[0-9]{3})*+(?:\.[0-9]++)?+"
_DIGIT: Final = "[일이삼사오육칠팔구]"
_STEP: Final = rf"(?:{_NUMBER}|{_DIGIT})?[천백십]"
_STEPS: Final = rf"{_STEP}(?:(?:[ ](?={_NUMBER}|{_DIGIT}))?{_STEP}){{0,2}}(?:{_NUMBER}|{_DIGIT})?"
_SECTION: Final = rf"(?:(?:{_STEPS}|{_NUMBER})[ ]?[만억조]|{_DIGIT}[만억조])"
_TAIL: Final = rf"(?:[ ]?{_STEPS}|[ ]?(?:[0-9],[0-9]{{3}}|[0-9]{{3,4}})(?![0-9,./:~년월-])|{_DIGIT})"
_RUN: Final = (
    rf"(?:(?:{_SECTION}|만)(?:[ ]?{_SECTION}){{0,2}}{_TAIL}?|{_STEPS}|{_NUMBER})"
    r"(?![0-9]|[.,][0-9])"
)
# Where a number may begin: digits where none go on, Hangul numerals at a word or after the end of a money word.
_BEGIN: Final = r"(?<![0-9A-Za-z])(?<![0-9][.,])(?:(?=[0-9])|(?<![가-힣])|(?<=[금세비료임총약]))"
# What may follow one: particles. In front of an amount without a unit 만 is a unit (오천만), not the particle.
_PARTICLES: Final = (
    "에서|에게|에|으로|로|까지|부터|이고|이며|이나|이야|이에요|입니다|인데|인|은|는|이|가|을|를|과|와|의|도"
    "|정도|쯤|씩|짜리"
)
_COUNTER: Final = (
    "[ ]?(?:명|개|평|대(?!출)|건|권|번|회|시간|가구|세대|킬로|제곱|㎡|km|kg|톤|점|표|주(?!고|면|세|시)|%|퍼센트)"
)
_ENDS_WITH_UNIT: Final = rf"(?=(?:{_PARTICLES}|만)?(?![가-힣A-Za-z0-9%㎡]))(?!{_COUNTER})"
_ENDS_WITHOUT: Final = rf"(?=(?:{_PARTICLES})?(?![가-힣A-Za-z0-9%㎡)]))(?!{_COUNTER})"
_WON: Final = r"[ ]?원(?![룸칙본래하했할해문서장생목])(?:[ ]?정(?![가-힣]))?"
_FOREIGN_WORD: Final = (
    rf"[ ]?(?:(?:미국[ ]?)?달러|유로(?!운)|위안|파운드|바트|(?:불|엔)(?=(?:{_PARTICLES}|만)?(?![가-힣])))"
)
_FOREIGN_CODE: Final = "USD|EUR|JPY|CNY|RMB|GBP|HKD|SGD|AUD|CAD|VND|THB"
_FOREIGN_SIGN: Final = rf"(?:(?:US|HK|NT|[ASC])?\$|€|£|¥|(?:{_FOREIGN_CODE})(?![A-Za-z]))"


def parse_won(text: str) -> int:
    """The won an answer means: 5천만원, 1억 2천, 1.5억, 500,000, KRW 50 million, 금 오천만원정 (₩50,000,000).

    A bare number is won as it stands (500 is 500 won); 만 is filled in only after 억.
    Raises Unreadable: not_won, negative, foreign_currency, too_large, two_amounts, ambiguous_won.
    """
    line = half_width(one_line(text))
    if re.match(r"[-−△▲–]|마이너스|minus\b", line, re.IGNORECASE):
        raise Unreadable("negative", text=shorten(text))
    if twice := re.fullmatch(r"([^()]+)\(([^()]+)\)", line):
        return _agreed(_parse_one(twice[1].strip()), _parse_one(twice[2].strip()), line)
    return _parse_one(line)


def find_won(text: str) -> list[Found[int]]:
    """Every amount whose unit is said: by 원, won, a currency sign, or 만 and 억.

    Notes: "elliptic_amount" (만 left unsaid after 억); with value None "foreign_currency", "amount_range" (50~60만원),
    "ambiguous_amount" (1억 2천원 has two readings) and "too_large".
    """
    line = half_width(text)
    return [_outside_ranges(found, line) for found in in_order((*_find_korean(line, text), *_find_english(line, text)))]


def find_elliptic_won(text: str) -> list[Found[int]]:
    """Every number without a unit that would be an amount beside a money label: 보증금 500에 월 45, 500/45.

    Below 10,000 (in a pair with a slash: below 100,000) it counts 만원, from there on it is won as it stands; a text
    without Hangul has only the latter. The note is "elliptic_amount". Amounts of `find_won` are left out.
    The caller decides by the labels: a house number or an age looks the same.
    """
    line = half_width(text)
    said = frozenset(find_won(text))
    founds = in_order((*said, *_find_pairs(line, text), *_find_bare(line, text)))
    return [found for found in founds if found not in said]


def won_reading(amount: int) -> str:
    """The amount in Hangul as contracts write it: 일천만, 일억이천만, 일백오십만.

    Every 일 is kept, so that no digit can be written in front. Raises Unreadable: negative, too_large.
    """
    if amount == 0:
        return "영"
    if not 0 < amount <= LIMIT:
        raise Unreadable("too_large" if amount > 0 else "negative", text=f"{amount:,}")
    groups = []
    for unit in _BIG:
        amount, group = divmod(amount, 10**4)
        if group:
            groups.append(_group_reading(group) + unit)
    return "".join(reversed(groups))


def show_won(amount: int, language: "Language") -> str:
    """금 오천만원정 (₩50,000,000) · KRW 50,000,000"""
    if language == "en":
        return f"KRW {amount:,}"
    return f"금 {won_reading(amount)}원정 (₩{amount:,})" if amount else "0원"


def _parse_one(line: str) -> int:
    if korean := _form_korean().fullmatch(line):
        return _decided(*_value(korean["run"]), said=bool(korean["won"]), line=line)
    english = _english().fullmatch(line)
    if english and not english["foreign"] and not english["abroad"]:
        return _whole(_english_value(english), line)
    if re.search(rf"{_FOREIGN_SIGN}|{_FOREIGN_WORD}|(?i:dollars?|euros?|pounds?|yen\b)", line):
        raise Unreadable("foreign_currency", text=shorten(line))
    raise Unreadable("not_won", text=shorten(line))


def _decided(value: Decimal, tail: Decimal, *, said: bool, line: str) -> int:
    """1억 2천 is 1억 2천만; 1억 2천원 may be that or 1억 and 2천원, so it is asked again."""
    filled = _whole(value + tail, line)
    if tail and said:
        literal = filled - tail + tail / _BIG["만"]
        raise Unreadable("ambiguous_won", text=shorten(line), first=f"{filled:,}", second=f"{int(literal):,}")
    return filled


def _agreed(first: int, second: int, line: str) -> int:
    if first != second:
        raise Unreadable("two_amounts", text=shorten(line), first=f"{first:,}", second=f"{second:,}")
    return first


def _whole(value: Decimal, line: str) -> int:
    if value > LIMIT:
        raise Unreadable("too_large", text=shorten(line))
    if value != value.to_integral_value():
        raise Unreadable("not_won", text=shorten(line))
    return int(value)


def _find_korean(line: str, text: str) -> Iterator[Found[int]]:
    for match in _korean().finditer(line):
        if match["foreign"] or match["abroad"]:
            yield _unread(match, text, "foreign_currency")
        elif match["won"] or match["sign"] or _says_big_unit(match["run"]):
            yield from _read_korean(match, text)


def _read_korean(match: re.Match[str], text: str) -> Iterator[Found[int]]:
    try:
        value, tail = _value(match["run"])
        won = _whole(value + tail, match["run"])
    except Unreadable as unreadable:
        yield from _too_large(unreadable, match, text)
        return
    if tail and match["won"]:
        yield _unread(match, text, "ambiguous_amount")
    elif tail:
        yield found_at(match, text, won, CLEAR, note="elliptic_amount")
    elif won:
        yield found_at(match, text, won, EXPLICIT if match["won"] or match["sign"] else CLEAR)


def _find_english(line: str, text: str) -> Iterator[Found[int]]:
    if not re.search("[A-Za-z₩$€£¥]", line):
        return
    for match in _english().finditer(line):
        if match["foreign"] or match["abroad"]:
            yield _unread(match, text, "foreign_currency")
        elif match["sign"] or match["won"]:
            try:
                yield found_at(match, text, _whole(_english_value(match), match[0]), EXPLICIT)
            except Unreadable as unreadable:
                yield from _too_large(unreadable, match, text)


def _too_large(unreadable: Unreadable, match: re.Match[str], text: str) -> Iterator[Found[int]]:
    if unreadable.reason == "too_large":
        yield _unread(match, text, "too_large")


def _outside_ranges(found: Found[int], line: str) -> Found[int]:
    before, after = line[max(0, found.start - 3) : found.start], line[found.end : found.end + 3]
    if re.search("[0-9천백십만억원][ ]?[~∼][ ]?$", before) or re.match("[ ]?[~∼][ ]?[0-9]", after):
        return Found(None, found.start, found.end, found.raw, UNREAD, "amount_range")
    return found


def _find_pairs(line: str, text: str) -> Iterator[Found[int]]:
    if "/" not in line:
        return
    for match in _pair().finditer(line):
        if re.fullmatch("(?:1[0-2]|[1-9])/(?:[12][0-9]|3[01]|[1-9])", match[0]):
            continue  # 12/25 is a day
        for group in ("first", "second"):
            value = _elliptic(match[group] or "", below=10**5)
            if value:
                yield found_at(match, text, value, GUESSED, note="elliptic_amount", group=group)


def _find_bare(line: str, text: str) -> Iterator[Found[int]]:
    korean = re.search("[가-힣]", line) is not None
    for match in _bare().finditer(line):
        value = _elliptic(match["run"], below=10**4)
        if value and str(value) == match["run"].replace(",", ""):
            yield found_at(match, text, value, INFERRED, note="elliptic_amount", group="run")
        elif value and korean:
            yield found_at(match, text, value, GUESSED, note="elliptic_amount", group="run")


def _elliptic(run: str, *, below: int) -> int | None:
    try:
        value = sum(_value(run), Decimal(0))
        return _whole(value * _BIG["만"] if value < below else value, run) or None
    except Unreadable:
        return None


def _says_big_unit(run: str) -> bool:
    """Whether 만 or 억 makes this an amount without 원. 조 alone is an article of law; 이만 and 십만 are words."""
    if re.fullmatch("만|[일이삼사오육칠팔구]만|십만|[^억]*조", run):
        return False
    return "만" in run or "억" in run


def _value(run: str) -> tuple[Decimal, Decimal]:
    """What a run of figures and units says, and apart from it what its tail adds with the unsaid 만 (억 after 조)."""
    total, last = Decimal(0), ""
    for coefficient, unit in re.findall("([^만억조]*)([만억조]|$)", run.replace(" ", "")):
        if not coefficient and not unit:
            continue
        number = _coefficient(coefficient) if coefficient else Decimal(1)
        if last and (number >= 10**4 or _BIG[unit] >= _BIG[last]):
            raise Unreadable("not_won", text=shorten(run))
        if not unit and last in _UNSAID:
            return total, number * _BIG[_UNSAID[last]]
        total += number * _BIG[unit]
        last = unit
    return total, Decimal(0)


def _coefficient(text: str) -> Decimal:
    total, last = Decimal(0), Decimal(10**4)
    for number, unit in re.findall(rf"({_NUMBER}|{_DIGIT})?([천백십]|$)", text):
        if not number and not unit:
            continue
        if _SMALL[unit] >= last:
            raise Unreadable("not_won", text=shorten(text))
        total += (_number(number) if number else Decimal(1)) * _SMALL[unit]
        last = _SMALL[unit]
    return total


def _number(text: str) -> Decimal:
    if len(text) > 25:  # beyond what Decimal's 28 digits keep exact
        raise Unreadable("too_large", text=shorten(text))
    return Decimal(_DIGITS.index(text)) if text in _DIGITS else Decimal(text.replace(",", ""))


def _english_value(match: re.Match[str]) -> Decimal:
    word = match["number"].lower()
    number = Decimal(_WORDS[word]) if word in _WORDS else _number(word)
    return number * _SCALES[(match["scale"] or match["letter"] or "").lower()]


def _group_reading(group: int) -> str:
    places = zip(f"{group:04}", ("천", "백", "십", ""), strict=True)
    return "".join(_DIGITS[int(digit)] + place for digit, place in places if digit != "0")


def _unread(match: re.Match[str], text: str, note: str) -> Found[int]:
    return found_at(match, text, None, UNREAD, note=note)


@cache
def _korean() -> re.Pattern[str]:
    return re.compile(
        rf"(?=[0-9금{_DIGITS}십백천만₩￦K원$€£¥A-Z])"
        rf"(?:(?:(?P<abroad>{_FOREIGN_SIGN})|(?P<sign>₩|KRW|원화))[ ]?(?=[0-9]|{_DIGIT}|[십백천])"
        rf"|(?<![가-힣])(?:일금|금)[ ]?{_BEGIN}|{_BEGIN})"
        rf"(?P<run>{_RUN})(?:(?P<won>{_WON})|(?P<foreign>{_FOREIGN_WORD})|{_ENDS_WITH_UNIT})"
    )


@cache
def _form_korean() -> re.Pattern[str]:
    sign = "(?:₩|KRW|원화|총|일금|금)[ ]?"
    return re.compile(
        rf"(?:{sign}){{0,2}}(?P<run>{_RUN}|[{_DIGITS}](?=[ ]?원))(?P<won>[ ]?원)?(?:[ ]?정)?(?:[ ]?KRW)?", re.IGNORECASE
    )


@cache
def _english() -> re.Pattern[str]:
    scale = r"(?:[ -]?(?P<scale>thousand|million|billion|trillion)(?![a-z])|(?P<letter>k|m|bn)(?![A-Za-z]))"
    foreign = rf"(?:US[ ])?dollars?|euros?|pounds?|yen|yuan|{_FOREIGN_CODE}"
    return re.compile(
        rf"(?=[0-9₩$€£¥A-Za-z])(?:(?:(?P<abroad>{_FOREIGN_SIGN})|(?P<sign>₩|KRW))[ ]?|(?<![0-9A-Za-z])(?<![0-9][.,]))"
        rf"(?P<number>{_NUMBER}|{'|'.join(_WORDS)}){scale}?(?![0-9]|[.,][0-9])"
        rf"(?:[ ]?(?:(?P<won>(?:Korean[ ])?won|KRW)|(?P<foreign>{foreign}))(?![a-z]))?",
        re.IGNORECASE,
    )


@cache
def _pair() -> re.Pattern[str]:
    number = rf"(?:{_STEPS}|{_NUMBER})"
    return re.compile(
        rf"(?:(?<=[만억원])|{_BEGIN}(?<![-/:.])(?P<first>{number}))[ ]?/[ ]?"
        rf"(?P<second>{number})(?![0-9]|[-.,/:][0-9]){_ENDS_WITHOUT}"
    )


@cache
def _bare() -> re.Pattern[str]:
    return re.compile(rf"{_BEGIN}(?<![-/:~.#])(?!0)(?P<run>{_STEPS}|{_NUMBER})(?![0-9]|[-.,/:~][0-9]){_ENDS_WITHOUT}")
