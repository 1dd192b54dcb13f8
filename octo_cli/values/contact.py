"""Where somebody is reached and paid: phones, e-mail, addresses, business and account numbers.

A resident registration number is only ever recognised and masked.
"""

import re
from functools import cache
from typing import Final

from octo_cli.values.found import CLEAR, EXPLICIT, GUESSED, INFERRED, Found, Unreadable, found_at, in_order, shorten
from octo_cli.values.text import half_width, one_line

_LOCAL: Final = r"(?P<middle>[0-9]{3,4})[ .-]?(?P<last>[0-9]{4})(?![0-9]|-[0-9])"
_PHONES: Final = (
    rf"(?<![0-9A-Za-z.+-])\(?0(?P<area>1[016789]|2|[3-6][0-9]|70|80|50[0-9])\)?[ .)-]{{0,2}}{_LOCAL}",
    rf"(?<![0-9A-Za-z.+-])\+82[ .-]?(?:\(0\)|0)?(?P<area>1[016789]|2|[3-6][0-9]|70|80|50[0-9])[ .-]?{_LOCAL}",
    r"(?<![0-9A-Za-z.+-])(?P<nationwide>1[568][0-9]{2})-(?P<last>[0-9]{4})(?![0-9]|-[0-9])",
)
_EMAIL_NAME: Final = "(?<![A-Za-z0-9._%+-])[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}+"
_EMAIL_HOST: Final = r"(?:[A-Za-z0-9-]{1,63}+\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9@-])"
_EMAIL: Final = rf"{_EMAIL_NAME}@{_EMAIL_HOST}"
_RRN: Final = (
    r"(?<![0-9])(?P<birth>[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
    r"[ ]{0,2}[-–—−‐‑~]?[ ]{0,2}(?P<kind>[0-9])[0-9]{6}(?![0-9])"
)
# Words that look like the parts of an address.
_NO_CITY: Final = "다시|역시|혹시|잠시|즉시|임시|수시|당시|친구|누구|아무"
_NO_ROAD: Final = (
    "월세로|전세로|반전세로|임대료로|관리비로|계약서로|별도로|그대로|이대로|따로|서로|바로|새로|새롭게로|주로|추가로|실제로|최대로|대로|"
    "월로|기준로|아래로|위로|전화로|문자로|카드로|계좌로|수수료로|차로|하나로"
)
_NO_BUILDING: Final = (
    "보증금|월세|전세|반전세|계약|임차|임대|관리비|그리고|소재|있는|위치|원룸|투룸|보증|차임|입주|매매"
)
_NOT_AN_AMOUNT: Final = (
    "(?![0-9%/~]|,[0-9]{3}|[.:-][0-9]|(?:만|억|천|백|원|년|개월|월|일|명|개|시간|분)|[ ](?:만|억|천|백)[ ]?원|에[ ]?월)"
)
# Without one of these nothing is a Korean address: a province, a 시, 군 or 구, a road or a lot with its number. Looking
# for them first spares most texts the whole pattern, which takes ten milliseconds to compile.
_KOREAN_PLACE: Final = (
    "서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|제주|[충전경][남북]|충청|전라|경상|[시군구]"
    "|(?:[로길]|[읍면동리가][ ](?:산[ ]?)?)[ ]?(?:지하[ ]?)?[0-9]"
)
_WEIGHTS: Final = (1, 3, 7, 1, 3, 7, 1, 3, 5)


def parse_phone(text: str) -> str:
    """A phone number with hyphens: 010-1234-5678, 02-555-1234, 1588-1234, +1-415-555-1234.

    Raises Unreadable: not_a_phone.
    """
    line = half_width(one_line(text))
    for pattern in _PHONES:
        if match := re.fullmatch(pattern, line):
            return _hyphenated(match)
    if re.fullmatch(r"\+(?!82)[0-9][0-9 ().\-]{6,24}", line) and 8 <= sum(map(str.isdigit, line)) <= 15:
        return "+" + "-".join(re.findall("[0-9]+", line))
    raise Unreadable("not_a_phone", text=shorten(text))


def find_phones(text: str) -> list[Found[str]]:
    """Every Korean phone number, written with hyphens."""
    line = half_width(text)
    matches = (match for pattern in _PHONES for match in re.finditer(pattern, line))
    return in_order(found_at(match, text, _hyphenated(match), EXPLICIT) for match in matches)


def parse_email(text: str) -> str:
    """An e-mail address, as written. Raises Unreadable: not_an_email."""
    line = half_width(one_line(text))
    if re.fullmatch(_EMAIL, line) is None or ".." in line:
        raise Unreadable("not_an_email", text=shorten(text))
    return line


def find_emails(text: str) -> list[Found[str]]:
    if "@" not in text:
        return []
    return [found_at(match, text, match[0], EXPLICIT) for match in re.finditer(_EMAIL, half_width(text))]


def parse_address(text: str) -> str:
    """An address as one line, 5 to 200 characters with a letter in it; how complete it is stays the writer's affair.

    Raises Unreadable: not_an_address.
    """
    line = one_line(text)
    if not 5 <= len(line) <= 200 or not any(map(str.isalpha, line)):
        raise Unreadable("not_an_address", text=shorten(text))
    return line


def find_addresses(text: str) -> list[Found[str]]:
    """Every address, from the province, city or road up to its number and 동/층/호. English ones with less confidence.

    One that ends before any number (서울 마포구 망원동) has the note "incomplete_address".
    """
    line = half_width(text)
    korean = _korean_address().finditer(line) if re.search(_KOREAN_PLACE, line) else ()
    english = _english_address().finditer(line) if re.search("[A-Za-z]", line) else ()
    founds = (
        *(_read_korean_address(match, text) for match in korean),
        *(found_at(match, text, match[0], GUESSED) for match in english),
    )
    return in_order(found for found in founds if found is not None)


def has_rrn(text: str) -> bool:
    """Whether a whole resident registration number stands in the text."""
    return re.search(_RRN, half_width(text)) is not None


def mask_rrn(text: str) -> str:
    """The text with every resident registration number as 920101-1******: birth date and kind stay, the tail goes.

    The checksum is not asked: numbers issued since October 2020 have none.
    """
    masked, end = [], 0
    for match in re.finditer(_RRN, half_width(text)):
        masked += [text[end : match.start()], f"{match['birth']}-{match['kind']}******"]
        end = match.end()
    return "".join((*masked, text[end:]))


def parse_business_number(text: str) -> str:
    """A business registration number as 123-45-67891.

    Raises Unreadable: not_a_business_number, business_number_checksum.
    """
    line = half_width(one_line(text))
    match = re.fullmatch(r"([0-9]{3})[- ]?([0-9]{2})[- ]?([0-9]{5})", line)
    if match is None:
        raise Unreadable("not_a_business_number", text=shorten(text))
    digits = [int(digit) for digit in "".join(match.groups())]
    total = sum(digit * weight for digit, weight in zip(digits, _WEIGHTS, strict=False)) + digits[8] * 5 // 10
    if (10 - total % 10) % 10 != digits[9]:
        raise Unreadable("business_number_checksum", text=shorten(text))
    return "-".join(match.groups())


def parse_bank_account(text: str) -> str:
    """Bank, number and holder as one line: 국민은행 123-45-678901 홍길동. Raises Unreadable: not_a_bank_account."""
    line = half_width(one_line(text))
    number = re.search(r"(?<![0-9\-])[0-9][0-9\- ]{6,24}[0-9](?![0-9\-])", line)
    if number is None or not 8 <= sum(map(str.isdigit, number[0])) <= 16 or not any(map(str.isalpha, line)):
        raise Unreadable("not_a_bank_account", text=shorten(text))
    return line


def _hyphenated(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if "nationwide" in groups:
        return f"{groups['nationwide']}-{groups['last']}"
    return f"0{groups['area']}-{groups['middle']}-{groups['last']}"


def _read_korean_address(match: re.Match[str], text: str) -> Found[str] | None:
    raw = match[0].rstrip(" ,")
    if raw.count("(") != raw.count(")"):
        return None
    placed = bool(match["province"] or match["cities"])
    if match["street"] and not placed:
        return _trimmed(match, text, raw, GUESSED)
    if match["street"] or (match["lot"] and (placed or "번지" in match["lot"])):
        return _trimmed(match, text, raw, CLEAR)
    if placed and match["towns"] and match["unit"]:
        return _trimmed(match, text, raw, INFERRED)
    if match["province"] and match["cities"]:
        named = text[match.start() : match.end("towns")].rstrip(" ,")
        return _trimmed(match, text, named, GUESSED, "incomplete_address")
    return None


def _trimmed(match: re.Match[str], text: str, raw: str, confidence: float, note: str | None = None) -> Found[str]:
    end = match.start() + len(raw)
    return Found(one_line(raw), match.start(), end, text[match.start() : end], confidence, note)


@cache
def _korean_address() -> re.Pattern[str]:
    gap = r"(?:[ ]{1,2}|(?![가-힣A-Za-z0-9])|(?=(?:에|의|이고|이며|이야|입니다|으로|은|을|이)(?![가-힣]{2})))"
    province = (
        "(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|제주|[충전경][남북]|충청[남북]|전라[남북]|경상[남북])"
        "(?:특별자치시|특별자치도|특별시|광역시|시|도)?"
    )
    bare_city = "(?:[가-힣]{2,3}[ ](?=[가-힣]{1,4}구[ ]))?"  # 경기 고양 일산동구
    city = rf"(?!(?:{_NO_CITY})(?![가-힣]))[가-힣]{{1,4}}[시군구]"
    town = "(?:[가-힣]{1,6}[0-9]{0,2}[읍면동리가])"
    number = r"(?:지하[ ]?)?[0-9]{1,5}(?:-[0-9]{1,4})?(?:번지)?" + _NOT_AN_AMOUNT
    road = (
        rf"(?!(?:{_NO_ROAD})(?![가-힣]))[가-힣A-Za-z][가-힣A-Za-z0-9·.]{{0,13}}(?:(?<!으)로|길)"
        "(?:[ ]?[0-9]{1,4}번?[가-힣]?길)?"
    )
    unit = r"(?:제|지하[ ]?|B)?(?:[0-9]{1,4}(?:-[0-9]{1,3})?|[A-Za-z가나다라마])(?:동(?!안)|층|호실|호(?!선|기)|관)"
    building = rf"(?!{_NO_BUILDING})[가-힣A-Za-z·]{{2,15}}[0-9]{{0,2}}(?:차)?"
    kind = "아파트|빌라|빌딩|타워|오피스텔|맨션|하우스|센터|프라자|플라자|연립|자이|래미안|푸르지오|캐슬"
    aside = r"\([가-힣0-9·]{1,12}[동리가](?:,[ ]?[^()\n]{1,20})?\)"
    return re.compile(
        rf"(?<![가-힣A-Za-z0-9])(?=[가-힣(0-9])(?:\(?[0-9]{{5}}\)?[ ])?(?P<province>{province}{gap}{bare_city})?"
        rf"(?P<cities>(?:{city}{gap}){{0,2}})(?P<towns>(?:{town}{gap}){{0,2}})"
        rf"(?:(?P<street>{road}[ ]?{number})|(?P<lot>(?<=[읍면동리가][ ])(?:산[ ]?)?{number}))?"
        rf"(?:,?[ ]?(?:{aside}|(?P<unit>{unit})|(?<=,[ ])[0-9]{{1,4}}-[0-9]{{1,4}}(?![0-9-])"
        rf"|[가-힣A-Za-z0-9]{{1,12}}(?:{kind})"
        rf"|(?<=[ ]){building}(?:[ ]{building})?(?=[ ]{unit}))){{0,6}}"
    )


@cache
def _english_address() -> re.Pattern[str]:
    street = "(?i:street|st|avenue|ave|road|rd|boulevard|blvd|drive|dr|lane|ln|way|court|ct|place|pl|terrace|square)"
    word = "(?:[A-Z][A-Za-z.'-]{0,20}|[0-9]{1,3}(?:st|nd|rd|th))"
    unit = (
        "(?i:apartment|apt|suite|ste|unit|floor|fl|room|rm)[.]?[ ]?#?[A-Za-z0-9-]{1,6}|#[0-9A-Za-z-]{1,6}|[0-9]{1,3}F"
    )
    korean_part = "[A-Z][A-Za-z]{0,15}-(?:gu|si|dong|do|eup|myeon|ri)"
    city = "Seoul|Busan|Incheon|Daegu|Daejeon|Gwangju|Ulsan|Sejong|Jeju|(?:South[ ]|Republic of[ ])?Korea"
    american_city = "(?:[A-Z][a-z]{1,15},?[ ])?[A-Z]{2}[ ][0-9]{5}"
    return re.compile(
        rf"(?<![0-9A-Za-z-])(?:[0-9]{{1,4}}-[0-9]{{1,4}},[ ])?[0-9]{{1,5}}(?:-[0-9]{{1,4}})?,?[ ]"
        rf"(?:(?:{word}[ ]){{1,4}}{street}\b[.]?|(?:{word}[ ]){{0,3}}[A-Za-z][A-Za-z-]{{0,20}}-(?:ro|gil|daero)\b)"
        rf"(?:,?[ ](?:{unit}|{korean_part}|(?:{city})\b|{american_city}|[0-9]{{5}}\b)){{0,6}}"
    )
