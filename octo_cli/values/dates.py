"""Dates, periods and days of the month: read from a form, found in a sentence, reckoned, shown.

`today` is always the caller's clock. A period is a number of months; a day of the month is 1..31 or "last".
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

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

Day: TypeAlias = int | Literal["last"]

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199
LONGEST: Final = 1200

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_WEEKDAYS_KO: Final = "월화수목금토일"
_WEEKDAYS_EN: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_YEARS_KO: Final = {
    **dict.fromkeys(("내후년",), 2),
    **dict.fromkeys(("내년", "다음 해", "다음해", "명년"), 1),
    **dict.fromkeys(("올해", "금년", "이번 해"), 0),
    **dict.fromkeys(("작년", "지난해"), -1),
}
_MONTHS_KO: Final = {
    **dict.fromkeys(("다다음 달", "다다음달"), 2),
    **dict.fromkeys(("다음 달", "다음달", "내달", "익월"), 1),
    **dict.fromkeys(("이번 달", "이번달", "이달", "금월"), 0),
    **dict.fromkeys(("지난달", "지난 달"), -1),
}
_WEEKS_KO: Final = {
    **dict.fromkeys(("다다음 주", "다다음주"), 2),
    **dict.fromkeys(("다음 주", "다음주", "내주", "차주"), 1),
    **dict.fromkeys(("이번 주", "이번주", "금주"), 0),
    **dict.fromkeys(("지난주", "지난 주"), -1),
}
_NEAR: Final = {
    **dict.fromkeys(("오늘", "금일", "today"), 0),
    **dict.fromkeys(("내일", "명일", "tomorrow"), 1),
    **dict.fromkeys(("내일모레", "모레", "the day after tomorrow", "day after tomorrow"), 2),
    "글피": 3,
    **dict.fromkeys(("어제", "yesterday"), -1),
}
_DAYS_KO: Final = {"하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "열흘": 10, "보름": 15}
_NATIVE: Final = {
    "한": 1, "두": 2, "세": 3, "석": 3, "네": 4, "넉": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9,
    "열": 10, "열한": 11, "열두": 12, "열여덟": 18, "스물네": 24,
}  # fmt: skip
_SINO: Final = {
    "일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "칠": 7, "팔": 8, "구": 9, "십": 10,
    "십이": 12, "십팔": 18, "이십": 20, "이십사": 24, "삼십육": 36,
}  # fmt: skip
_ENGLISH: Final = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "eighteen": 18, "twenty-four": 24, "twenty four": 24, "thirty-six": 36,
}  # fmt: skip
_COUNTS: Final = _NATIVE | _SINO | _ENGLISH
# What after or before a period makes it a point in time, a rate or an age.
_NO_LENGTH_AFTER: Final = (
    "[ ]?(?:전(?![세월부체입])|뒤|후(?!보)|이내|안에|이상|이하|미만|이전|이후|마다)"
    "|에[ ](?:[한두세네]|[0-9]{1,2})[ ]?(?:번|회|차례)|분(?![양쟁당])|치|차(?!임)|째|생|산|식|형|된"
    "|[ ]?[0-9]{1,2}[ ]?월|['s]*[ ](?:ago|later|before|prior|notice|from[ ](?:now|today)|old|rent)"
)
_NO_LENGTH_BEFORE: Final = "(?:in|within|after|every|last|past|매|지난|최근|매번) ?$"


def _words(words: "dict[str, int]") -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True)).replace(r"\ ", " ")


_COUNT_KO: Final = rf"(?:[0-9]{{1,3}}|{_words(_NATIVE)}|{_words(_SINO)})"
_COUNT_EN: Final = rf"(?:[0-9]{{1,3}}|{_words(_ENGLISH)})"
_MONTH_NAME: Final = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY_NAME: Final = "(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"

Reader: TypeAlias = "Callable[[re.Match[str], date], date]"


def parse_date(text: str, today: date, *, past: bool = False) -> date:
    """The day a form's answer means, relative words counted from `today`; a day without a year is the next such day.

    `past`, for a date of birth: a year of two digits and a day without a year are the latest that is not after `today`.

    Raises Unreadable: not_a_date, impossible_date (30 February, a year outside 1900..2199), ambiguous_date (3/4/2027).
    """
    line = half_width(one_line(text)).removesuffix(".")
    for pattern, reader, _ in (*_form_patterns(), *_patterns()):
        match = pattern.fullmatch(line)
        if match:
            day = reader(match, today)
            return _plausible(_latest(day, match, today) if past else day)
    raise Unreadable("not_a_date", text=shorten(text))


def _latest(day: date, match: re.Match[str], today: date) -> date:
    """The day as it was last, if its year was not written in full."""
    groups = match.groupdict()
    if day <= today or ("month" not in groups and "name" not in groups) or groups.get("relative"):
        return day
    year = (groups.get("year") or "").lstrip("'")
    if len(year) > 2:
        return day
    step = 100 if year else 1
    years = range(day.year - step, FIRST_YEAR - 1, -step)
    return next((_day(one, day.month, day.day) for one in years if day.day <= monthrange(one, day.month)[1]), day)


def find_dates(text: str, today: date) -> list[Found[date]]:
    """Every day named; with value None the notes "impossible_date" (30 February) and "ambiguous_date" (3/4/2027).

    In "2028년 3월 1일부터 5월 31일" the second takes the first one's year.
    """
    line = half_width(text)
    founds = in_order(found for entry in _patterns() for found in _matches(entry, line, text, today))
    return list(_with_years_of_ranges(founds, line))


def parse_months(text: str) -> int:
    """A period in months: 2년, 24개월, 1년 6개월, 일년 반, 두 달, 2 years and 6 months, or a bare number of months.

    Raises Unreadable: not_a_period, period_out_of_range (outside 1..1200).
    """
    line = half_width(one_line(text))
    if re.fullmatch(r"[0-9]{1,9}", line):
        return _in_range(int(line), text)
    lengths = _lengths(line)
    if len(lengths) == 1 and (lengths[0].start, re.sub("[ ]?(?:간|동안)$", "", line)) == (0, line[: lengths[0].end]):
        return _in_range(lengths[0].months, text)
    raise Unreadable("not_a_period", text=shorten(text))


def find_months(text: str) -> list[Found[int]]:
    """Every period in years or months that stands for a length: no 2년 전, 3개월 후, 2개월분, no year of a date."""
    line = half_width(text)
    return [
        Found(length.months, length.start, length.end, text[length.start : length.end], EXPLICIT)
        for length in _lengths(line)
        if 1 <= length.months <= LONGEST and _stands_alone(length, line)
    ]


def term_end(start: date, months: int) -> date:
    """The last day of a term: the day before the same day `months` later; where that is missing, the month's last.

    Civil Act 157, 159, 160: 2026-03-01 + 24 → 2028-02-29, 2027-01-31 + 1 → 2027-02-28.
    Raises Unreadable: period_out_of_range.
    """
    if not 1 <= months <= LONGEST or start.year + months // 12 > 9990:
        raise Unreadable("period_out_of_range", text=str(months), most=LONGEST)
    year, month = _month_after(start, months)
    if start.day > monthrange(year, month)[1]:
        return _last_of(year, month)
    return date(year, month, start.day) - timedelta(days=1)


def months_between(start: date, end: date) -> int | None:
    """The months for which `term_end(start, months)` is `end`, if there are."""
    nearest = (end.year - start.year) * 12 + end.month - start.month
    candidates = (months for months in (nearest, nearest + 1) if 1 <= months <= LONGEST)
    return next((months for months in candidates if term_end(start, months) == end), None)


def parse_day(text: str) -> Day:
    """A day of every month: 25, 25일, 매월 25일, the 5th, or "last" for 말일, 월말, last day of the month.

    Raises Unreadable: not_a_day, day_out_of_range (outside 1..31).
    """
    line = half_width(one_line(text)).lower()
    every, of_month = "(?:매[ ]?[월달][ ]?)?", "(?: of (?:the|each|every) month)?"
    if re.fullmatch(rf"{every}(?:말일|월말|마지막[ ]?날)|last|(?:the )?(?:last day|end){of_month}", line):
        return "last"
    korean, english = rf"{every}([0-9]{{1,4}})[ ]?일?", rf"(?:on )?(?:the )?([0-9]{{1,4}})(?:st|nd|rd|th){of_month}"
    match = re.fullmatch(rf"{korean}|{english}", line)
    if match is None:
        raise Unreadable("not_a_day", text=shorten(text))
    day = int(match[1] or match[2])
    if not 1 <= day <= 31:
        raise Unreadable("day_out_of_range", text=shorten(text))
    return day


def find_days(text: str) -> list[Found[Day]]:
    """Every day of the month named by itself: 매달 25일, 말일에, due on the 5th, and with less confidence 25일에."""
    line = half_width(text)
    founds: list[Found[Day]] = []
    for pattern, confidence in _day_patterns():
        for match in pattern.finditer(line):
            day: Day = int(match["day"]) if match["day"] else "last"
            if day == "last" or 1 <= day <= 31:
                founds.append(found_at(match, text, day, confidence))
    return in_order(founds)


def show_date(day: date, language: "Language") -> str:
    """2027년 1월 15일 · January 15, 2027"""
    if language == "ko":
        return f"{day.year}년 {day.month}월 {day.day}일"
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


def show_months(months: int, language: "Language") -> str:
    """24개월 (2년) · 18개월 (1년 6개월) · 24 months"""
    if language == "en":
        return f"{months} month{'' if months == 1 else 's'}"
    years, rest = divmod(months, 12)
    in_years = " ".join(part for part in (f"{years}년" if years else "", f"{rest}개월" if rest else "") if part)
    return f"{months}개월 ({in_years})" if years else f"{months}개월"


def show_day(day: Day, language: "Language") -> str:
    """25일, 말일 · the 25th, the last day"""
    if day == "last":
        return "말일" if language == "ko" else "the last day"
    return f"{day}일" if language == "ko" else f"the {day}{_ordinal_ending(day)}"


def _ordinal_ending(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _matches(
    entry: "tuple[re.Pattern[str], Reader, float]", line: str, text: str, today: date
) -> Iterator[Found[date]]:
    pattern, reader, confidence = entry
    for match in pattern.finditer(line):
        try:
            yield found_at(match, text, _plausible(reader(match, today)), confidence)
        except Unreadable as unreadable:
            yield found_at(match, text, None, UNREAD, note=unreadable.reason)


def _with_years_of_ranges(founds: list[Found[date]], line: str) -> Iterator[Found[date]]:
    previous: Found[date] | None = None
    for found in founds:
        if previous and previous.value and found.value and found.confidence == INFERRED:
            between = line[previous.end : found.start].strip()
            if re.fullmatch(r"부터|에서|[~∼–-]|to|until|through|and ends on|까지", between, re.IGNORECASE):
                later = _next_such_day(previous.value, found.value.month, found.value.day)
                found = Found(later, found.start, found.end, found.raw, found.confidence)
        yield found
        previous = found


def _plausible(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Unreadable("impossible_date", text=day.isoformat())
    return day


def _in_range(months: int, text: str) -> int:
    if not 1 <= months <= LONGEST:
        raise Unreadable("period_out_of_range", text=shorten(text), most=LONGEST)
    return months


class _Length(NamedTuple):
    start: int
    end: int
    months: int
    in_years: bool


def _lengths(line: str) -> list[_Length]:
    """The periods of a line; years and the months that follow them are one."""
    lengths: list[_Length] = []
    for match in _lengths_pattern().finditer(line):
        length = _length(match)
        before = lengths[-1] if lengths else None
        gap = line[before.end : length.start] if before else ""
        if before and before.in_years and not length.in_years and gap.lower() in ("", " ", " and ", ", "):
            lengths[-1] = _Length(before.start, length.end, before.months + length.months, False)
        else:
            lengths.append(length)
    return lengths


def _length(match: re.Match[str]) -> _Length:
    if match["half_year"] or match["en_half_year"]:
        return _Length(match.start(), match.end(), 6, False)
    digits = match["digits"] or match["en_digits"]
    count = (
        Decimal(digits) if digits else Decimal(_COUNTS[(match["sino"] or match["native"] or match["en_word"]).lower()])
    )
    if match["half"] or match["en_half"] or match["en_half_first"]:
        count += Decimal("0.5")
    in_years = (match["unit"] or match["en_unit"])[0] in "년해yY"
    return _Length(match.start(), match.end(), int(count * 12 if in_years else count), in_years)


def _stands_alone(length: _Length, line: str) -> bool:
    after = line[length.end : length.end + 12]
    before = line[max(0, length.start - 8) : length.start]
    return not (re.match(_NO_LENGTH_AFTER, after, re.I) or re.search(_NO_LENGTH_BEFORE, before, re.I))


def _count(word: str) -> int:
    return _COUNTS[word] if word in _COUNTS else int(word)


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError as exc:
        raise Unreadable("impossible_date", text=f"{year}-{month}-{day}") from exc


def _next_such_day(today: date, month: int, day: int) -> date:
    for year in range(today.year, today.year + 9):  # 29 February comes within eight years
        if 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1] and date(year, month, day) >= today:
            return date(year, month, day)
    raise Unreadable("impossible_date", text=f"{month}-{day}")


def _month_after(start: date, months: int) -> tuple[int, int]:
    years, month = divmod(start.month - 1 + months, 12)
    return start.year + years, month + 1


def _last_of(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


def _same_day(start: date, months: int) -> date:
    """`months` later, on the month's last day where that day is missing."""
    year, month = _month_after(start, months)
    return date(year, month, min(start.day, monthrange(year, month)[1]))


def _full_year(written: str, today: date) -> int:
    year = int(written.lstrip("'"))
    if len(written.lstrip("'")) > 2:
        return year
    year += today.year // 100 * 100
    return year if year <= today.year + 50 else year - 100


def _read_numbers(match: re.Match[str], today: date) -> date:
    return _day(_full_year(match["year"], today), int(match["month"]), int(match["day"]))


def _read_korean(match: re.Match[str], today: date) -> date:
    month = int(match["month"])
    if match["relative"]:
        year = today.year + _YEARS_KO[match["relative"]]
    elif match["year"]:
        year = _full_year(match["year"], today)
    elif match["last"]:
        return _day(*_upcoming_month(today, month))
    else:
        return _next_such_day(today, month, int(match["day"]))
    if match["last"]:
        return _last_of(year, month) if 1 <= month <= 12 else _day(year, month, 1)
    return _day(year, month, int(match["day"]))


def _upcoming_month(today: date, month: int) -> tuple[int, int, int]:
    if not 1 <= month <= 12:
        raise Unreadable("impossible_date", text=str(month))
    year = today.year if month >= today.month else today.year + 1
    return year, month, monthrange(year, month)[1]


def _read_month_word(match: re.Match[str], today: date) -> date:
    year, month = _month_after(today, _MONTHS_KO[match["relative"]])
    return _last_of(year, month) if match["last"] else _day(year, month, int(match["day"]))


def _read_week_word(match: re.Match[str], today: date) -> date:
    monday = today - timedelta(days=today.weekday())
    return monday + timedelta(weeks=_WEEKS_KO[match["relative"]], days=_WEEKDAYS_KO.index(match["weekday"]))


def _read_near(match: re.Match[str], today: date) -> date:
    return today + timedelta(days=_NEAR[match["near"].lower()])


def _read_days(match: re.Match[str], today: date) -> date:
    return today + timedelta(days=_DAYS_KO[match["days"]])


def _read_later(match: re.Match[str], today: date) -> date:
    count, unit = _count(match["count"].lower()), match["unit"].lower().removesuffix("s")
    if unit in ("일", "day"):
        return today + timedelta(days=count)
    if unit in ("주", "주일", "week"):
        return today + timedelta(weeks=count)
    return _same_day(today, count * 12 if unit in ("년", "year") else count)


def _read_english(match: re.Match[str], today: date) -> date:
    month = next(n for n, name in enumerate(_MONTHS, 1) if name.lower().startswith(match["name"][:3].lower()))
    if match["year"]:
        return _day(int(match["year"]), month, int(match["day"]))
    return _next_such_day(today, month, int(match["day"]))


def _read_english_weekday(match: re.Match[str], today: date) -> date:
    """The first such day after today ("this": today counts)."""
    weekday = _WEEKDAYS_EN.index(match["weekday"][:3].lower())
    ahead = (weekday - today.weekday()) % 7
    return today + timedelta(days=ahead if ahead or match["which"].lower() == "this" else 7)


def _read_next_month(match: re.Match[str], today: date) -> date:
    return _day(*_month_after(today, 1), int(match["day"]))


def _read_slashed(match: re.Match[str], _today: date) -> date:
    """3/25/2027 and 25/3/2027 have one reading, 3/4/2027 has two."""
    first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
    if first <= 12 and second <= 12 and first != second:
        raise Unreadable("ambiguous_date", text=match[0])
    month, day = (first, second) if first <= 12 else (second, first)
    return _day(year, month, day)


def _read_next_day(match: re.Match[str], today: date) -> date:
    return _next_such_day(today, int(match["month"]), int(match["day"]))


@cache
def _patterns() -> "tuple[tuple[re.Pattern[str], Reader, float], ...]":
    # Hangul has no case, and a class of it takes three times as long to compile where case is ignored.
    tables = ((_korean_dates(), 0), (_english_dates(), re.IGNORECASE))
    return tuple(
        (re.compile(pattern, flags), reader, confidence)
        for table, flags in tables
        for pattern, reader, confidence in table
    )


def _korean_dates() -> "tuple[tuple[str, Reader, float], ...]":
    rest = (
        r"[ ]?(?P<mark>[.\-/])[ ]?(?P<month>[0-9]{1,2})[ ]?(?P=mark)[ ]?(?P<day>[0-9]{1,2})(?:\.(?![0-9]))?"
        r"(?![0-9]|[-/.][0-9])"
    )
    day = r"(?:(?P<day>[0-9]{1,2})[ ]?일|(?P<last>말일))(?!간|[ ]?동안)"
    month_day = rf"(?P<month>[0-9]{{1,2}})[ ]?월[ ]?{day}"
    later = rf"(?<![0-9가-힣])(?P<count>{_COUNT_KO})[ ]?(?P<unit>일|주일|주|달|개월|년)[ ]?(?:뒤|후(?![보불]))"
    slashed = r"(?<![0-9/.])(?P<month>1[0-2]|[1-9])/(?P<day>[12][0-9]|3[01]|[1-9])"
    return (
        (rf"(?<![0-9./-])(?P<year>[0-9]{{4}}){rest}", _read_numbers, EXPLICIT),
        (rf"(?<![0-9./-])(?P<year>'[0-9]{{2}}){rest}", _read_numbers, CLEAR),
        (rf"(?<![0-9./A-Za-z'-])(?P<year>[2-5][0-9]){rest}", _read_numbers, INFERRED),
        (rf"(?<![0-9])(?P<year>[0-9]{{4}})[ ]?년(?P<relative>)[ ]?{month_day}", _read_korean, EXPLICIT),
        (rf"(?<![0-9])(?P<year>'?[0-9]{{2}})[ ]?년(?P<relative>)[ ]?{month_day}", _read_korean, CLEAR),
        (rf"(?P<relative>{_words(_YEARS_KO)})(?P<year>)[ ]?{month_day}", _read_korean, CLEAR),
        (rf"(?<![0-9])(?P<relative>)(?P<year>){month_day}", _read_korean, INFERRED),
        (rf"(?P<relative>{_words(_MONTHS_KO)})[ ]?{day}", _read_month_word, CLEAR),
        (rf"(?P<relative>{_words(_WEEKS_KO)})[ ]?(?P<weekday>[{_WEEKDAYS_KO}])요일", _read_week_word, CLEAR),
        (later, _read_later, CLEAR),
        (rf"(?<![가-힣])(?P<days>{_words(_DAYS_KO)})[ ]?(?:뒤|후(?![보불]))", _read_days, CLEAR),
        (rf"(?<![A-Za-z가-힣])(?i:(?P<near>{_words(_NEAR)}))(?![A-Za-z])", _read_near, CLEAR),
        (rf"{slashed}(?=[ ]?(?:부터|까지|에|일|자|~|입주|계약))", _read_next_day, GUESSED),
    )


def _english_dates() -> "tuple[tuple[str, Reader, float], ...]":
    ordinal = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
    name, year = rf"(?P<name>{_MONTH_NAME})\b\.?", r",?[ ](?P<year>[0-9]{4})\b"
    day_first = rf"\b(?:the[ ])?{ordinal}(?:[ ]day)?(?:[ ]of)?[ ]{name}"
    length = rf"(?P<count>{_COUNT_EN})[ ](?P<unit>days?|weeks?|months?|years?)"
    nth = "[0-9]{1,2})(?:st|nd|rd|th)"
    slashed = r"(?<![0-9/])(?P<first>[0-9]{1,2})/(?P<second>[0-9]{1,2})/(?P<year>[0-9]{4})(?![0-9/])"
    return (
        (rf"\b{name}[ ]{ordinal}{year}", _read_english, EXPLICIT),
        (rf"{day_first}{year}", _read_english, EXPLICIT),
        (rf"\b{name}[ ]{ordinal}\b(?P<year>)(?!,?[ ]?[0-9])", _read_english, INFERRED),
        (rf"{day_first}(?P<year>)(?!,?[ ]?[0-9])", _read_english, INFERRED),
        (rf"\b(?P<which>next|this|coming|on)[ ](?P<weekday>{_WEEKDAY_NAME})\b", _read_english_weekday, GUESSED),
        (rf"\bin[ ]{length}\b", _read_later, CLEAR),
        (rf"\b{length}[ ](?:from (?:now|today)|later)\b", _read_later, CLEAR),
        (rf"\b(?:the[ ])?(?P<day>{nth}[ ]of next month\b", _read_next_month, CLEAR),
        (rf"\bnext month on the (?P<day>{nth}\b", _read_next_month, CLEAR),
        (slashed, _read_slashed, INFERRED),
    )


@cache
def _form_patterns() -> "tuple[tuple[re.Pattern[str], Reader, float], ...]":
    """What a date field takes besides: 20270115, 1/15, 1.15, 27.1.15 of any year."""
    table: tuple[tuple[str, Reader], ...] = (
        (r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})", _read_numbers),
        (r"(?P<year>[0-9]{2})(?P<mark>[.\-/])[ ]?(?P<month>[0-9]{1,2})(?P=mark)[ ]?(?P<day>[0-9]{1,2})", _read_numbers),
        (r"(?P<month>[0-9]{1,2})[ ]?[.\-/][ ]?(?P<day>[0-9]{1,2})", _read_next_day),
    )
    return tuple((re.compile(pattern), reader, EXPLICIT) for pattern, reader in table)


@cache
def _lengths_pattern() -> re.Pattern[str]:
    korean = (
        r"(?:(?<![0-9.,'])(?P<digits>[0-9]{1,4}(?:\.5)?)[ ]?(?=년|개월|달)"
        rf"|(?<![가-힣])(?:(?P<sino>{_words(_SINO)})[ ]?(?=년|개월)|(?P<native>{_words(_NATIVE)})[ ]?(?=개월|달|해)))"
        r"(?P<unit>년|개월|달|해)(?P<half>[ ]?반(?![드전환려지영]))?"
    )
    english = (
        rf"\b(?:(?P<en_digits>[0-9]{{1,4}}(?:\.5)?)|(?P<en_word>{_words(_ENGLISH)}))(?P<en_half_first>[ ]and a half)?"
        r"[ -](?P<en_unit>years?|yrs?|months?|mos?)\b(?P<en_half>[ ]and a half)?"
    )
    return re.compile(
        rf"{korean}|(?i:{english})|(?<![가-힣])(?P<half_year>반[ ]?년)|(?P<en_half_year>\b(?i:half a year)\b)"
    )


@cache
def _day_patterns() -> tuple[tuple[re.Pattern[str], float], ...]:
    nth = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)"
    of_month = "[ ]of[ ](?:the|each|every)[ ]month"
    no_date = rf"(?![ ](?:of[ ](?!the|each|every)|{_MONTH_NAME}))"
    no_length = "(?![간차째치분]|[ ]?(?:동안|이내|안에|전(?!세)|뒤|후|이상|이하|마다))"
    table = (
        (r"(?:매[ ]?[월달]|다달이)[ ]?(?:(?P<day>[0-9]{1,2})[ ]?일|(?:말일|마지막[ ]?날))", EXPLICIT),
        (rf"(?i)\b(?:the|every)[ ]{nth}(?:[ ]day)?{of_month}\b", EXPLICIT),
        (rf"(?i)\b(?P<day>)(?:last[ ]day|end){of_month}\b", EXPLICIT),
        (r"(?<![월달년])(?<![월달년] )(?P<day>)(?:말일|월말)(?![가-힣]{3})", CLEAR),
        (rf"(?i)\b(?:on|by|due)[ ](?:the[ ])?{nth}\b{no_date}", CLEAR),
        (rf"(?<![0-9가-힣./-])(?<![월달주년] )(?P<day>[0-9]{{1,2}})[ ]?일{no_length}", INFERRED),
    )
    return tuple((re.compile(pattern), confidence) for pattern, confidence in table)
