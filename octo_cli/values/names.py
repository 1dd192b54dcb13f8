"""Names of people and organisations, the particles Korean glues to them, and the particle a word asks for."""

import re
import unicodedata
from typing import Final

from octo_cli.values.found import Unreadable, shorten
from octo_cli.values.patterns import lazy
from octo_cli.values.text import half_width, one_line

SHORTEST: Final = 2
LONGEST: Final = 40

_SURNAMES: Final = frozenset(
    "김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구민나진지엄채원천방공현함변염여추도"
    "소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용예경봉사부가복태목형피두감음빈동온호범좌팽승간상시갈단견당화창"
)
_LONG_SURNAMES: Final = ("남궁", "황보", "제갈", "사공", "선우", "서문", "독고", "동방")
# Everyday words of requests and contracts that begin like a surname.
_EVERYDAY: Final = (
    "성함 성명 이름 이번 오늘 내일 모레 이하 이상 이전 이후 이달 이사 이후로 임대 임대인 임차인 임대차 임차 "
    "임대료 임금 전세 전화 전화번호 전부 전체 전입 주소 주민 주민번호 주민등록번호 보증금 월세 차임 계약 "
    "계약서 계약금 계약일 기간 기한 기타 기존 금액 중도금 잔금 관리비 연락처 대표 대표자 사장 사용자 사용인 "
    "사업자 사무실 회사 법인 근로자 고용주 매도인 매수인 매매 매매가 양도인 양수인 위임인 수임인 수신인 "
    "발신인 당사자 갑 을 상대방 상호 소재지 오피스텔 원룸 아파트 빌라 상가 건물 주택 지금 현재 현금 여기 우리 "
    "나는 저는 제가 내가 모두 서로 하나 조건 조항 특약 문서 서류 작성 수정 변경 연장 신규 갱신 신청 신청인 "
    "입주 입금 지급 지급일 시작 시작일 종료 종료일 만기 만료 정보 안내 안녕 안녕하세요 감사 감사합니다 고객 "
    "고객님 선생님 부동산 중개사 공인중개사 이메일 메일 계좌 계좌번호 은행 국민은행 신한은행 하나은행 "
    "우리은행 서울 서울시 경기 경기도 인천 부산 대구 대전 광주 울산 세종 강원 제주 미정"
)
_NOT_NAMES: Final = frozenset(_EVERYDAY.split())
_ORGANISATION: Final = lazy(
    r"주식회사|㈜|\(주\)|유한회사|\(유\)|㈲|유한책임회사|합자회사|합명회사|(?:사단|재단|학교|의료|복지|비영리|특수)법인|법인$|협동조합"
    r"|\b(?:inc|llc|llp|ltd|limited|corp|corporation|company|co|gmbh|plc|foundation|university)\b\.?",
    re.IGNORECASE,
)
_HONORIFIC: Final = "씨|님"
# Which particle may follow what: after a final consonant, after a vowel, after either. ㄹ takes 로 like a vowel.
_AFTER_CONSONANT: Final = ("이라고", "이라는", "이고", "이며", "이랑", "이나", "이야", "이", "은", "을", "과", "으로")
_AFTER_VOWEL: Final = ("라고", "라는", "고", "며", "랑", "가", "는", "를", "와", "로", "야")
_AFTER_EITHER: Final = (
    "입니다",
    "이에요",
    "예요",
    "에게서",
    "에게",
    "한테",
    "께서",
    "하고",
    "의",
    "도",
    "만",
    "께",
    "에",
)
_PARTICLES: Final = tuple(sorted((*_AFTER_CONSONANT, *_AFTER_VOWEL, *_AFTER_EITHER), key=len, reverse=True))
_PAIRS: Final = {
    frozenset(pair): pair
    for pair in (
        ("은", "는"),
        ("이", "가"),
        ("을", "를"),
        ("과", "와"),
        ("으로", "로"),
        ("이랑", "랑"),
        ("이나", "나"),
        ("아", "야"),
    )
}
_DIGIT_FINALS: Final = {"0": "ㅇ", "1": "ㄹ", "3": "ㅇ", "6": "ㅇ", "7": "ㄹ", "8": "ㄹ"}


def parse_name(text: str) -> str:
    """A person's or an organisation's name, NFC, single spaces, 2 to 40 characters.

    Raises Unreadable: not_a_name (digits only, controls, several lines, signs no name has), name_length.
    """
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text.strip(" \t")):
        raise Unreadable("not_a_name", text=shorten(text))
    name = one_line(text)
    if not SHORTEST <= len(name) <= LONGEST:
        raise Unreadable("name_length", text=shorten(text), least=SHORTEST, most=LONGEST)
    if not any(char.isalpha() for char in name) or not all(map(_may_be_in_a_name, name)):
        raise Unreadable("not_a_name", text=shorten(text))
    return name


def is_korean_name(word: str) -> bool:
    """Two to five syllables that begin with a Korean surname and are no everyday word (성함, 이번, 전화)."""
    if not re.fullmatch("[가-힣]{2,5}", word) or word in _NOT_NAMES:
        return False
    return word[0] in _SURNAMES or word.startswith(_LONG_SURNAMES)


def is_organisation(name: str) -> bool:
    """Whether the name says a legal form: 주식회사, ㈜, 유한회사, 법인, Inc., LLC, Ltd."""
    return _ORGANISATION.search(half_width(name)) is not None


def split_particle(word: str) -> tuple[str, str]:
    """A word and the particle (with 씨 or 님) glued to it; ("이지은", "") when nothing may be taken off.

    A particle comes off only if it agrees with the sound before it and three syllables remain: 이지은 stays, 이지은은
    loses 은. Two are enough when a surname begins them and the particle is longer or 씨: 허준으로, 허준씨가. After
    Latin letters, digits and signs any particle comes off.
    """
    stem, particle = _without_particle(word)
    for honorific in ("씨", "님"):
        bare = stem.removesuffix(honorific).rstrip(" ")
        if bare != stem and len(bare) >= 2 and _keeps_a_name(bare, honorific):
            return bare, word[len(bare) :].strip()
    return stem, particle


def josa(word: str, pair: str) -> str:
    """The particle of a pair ("은/는", "이/가", "을/를", "와/과", "으로/로") that `word` asks for.

    Digits are read in Korean (0 1 3 6 7 8 end in a consonant); after anything else, "은(는)".
    """
    consonant_form, vowel_form = _PAIRS[frozenset(pair.split("/"))]
    final = _final_sound(word)
    if final is None:
        return "(으)로" if vowel_form == "로" else f"{consonant_form}({vowel_form})"
    if vowel_form == "로" and final == "ㄹ":
        return vowel_form
    return consonant_form if final else vowel_form


def _may_be_in_a_name(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char) in ("Mn", "Mc", "So") or char in " .,'’‘`-–·ㆍ&()/+"


def _without_particle(word: str) -> tuple[str, str]:
    for particle in _PARTICLES:
        stem = word.removesuffix(particle)
        if stem not in (word, "") and _agrees(stem, particle) and _keeps_a_name(stem, particle):
            return stem, particle
    return word, ""


def _keeps_a_name(stem: str, particle: str) -> bool:
    syllables = re.search("[가-힣]*$", stem)
    left = len(syllables[0]) if syllables else 0
    if left == 0 or left >= 3:
        return True
    return left == 2 and stem == stem[-2:] and (len(particle) > 1 or particle in "씨님") and is_korean_name(stem)


def _agrees(stem: str, particle: str) -> bool:
    final = _final_sound(stem)
    if particle in _AFTER_EITHER or final is None:
        return True
    if particle in ("로", "으로"):
        return (particle == "로") == (final in ("", "ㄹ"))
    return (particle in _AFTER_CONSONANT) == bool(final)


def _final_sound(word: str) -> str | None:
    """What a word ends in: "" for a vowel, "ㄹ", "ㅇ" for any other consonant, None where Korean cannot tell."""
    letters = [char for char in word if char.isalnum()]
    if not letters:
        return None
    last = letters[-1]
    if "가" <= last <= "힣":
        final = (ord(last) - 0xAC00) % 28
        return "ㄹ" if final == 8 else "ㅇ" if final else ""
    return _DIGIT_FINALS.get(last, "") if last.isascii() and last.isdigit() else None
