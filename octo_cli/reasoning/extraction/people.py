"""Names: who is the landlord, who the tenant, told by the role word beside them. No guess at which word is a name."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from octo_cli.reasoning.extraction.claims import INFERRED, LABELLED, POSITIONED, Claim
from octo_cli.reasoning.extraction.labels import Label, find_labels, last_before, names_of
from octo_cli.reasoning.extraction.vocabulary import NO_KOREAN_NAMES, NO_LATIN_NAMES, SOMEBODY
from octo_cli.values.names import is_korean_name, is_organisation, split_particle
from octo_cli.values.patterns import lazy
from octo_cli.wire.forms import FieldSpec

SEVERAL: Final = "several_names"


class _Name(NamedTuple):
    """A name at text[start:end], and the particle glued to it, which ends at `after`."""

    value: str
    start: int
    end: int
    particle: str
    after: int


def read_people(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """Claims for the name fields."""
    labels = find_labels(text, specs, "name")
    starts = {label.start for label in labels}
    used: set[int] = set()
    behind: list[tuple[Label, _Name]] = []
    for label in labels:
        if name := _after(text, label, starts):
            used.add(name.start)
            yield from _claims(text, label, name, starts, LABELLED)
        else:
            before = _before(text, label)
            behind += [(label, before)] if before else []
    for label, name in behind:
        if name.start not in used:
            yield from _claims(text, label, name, starts, POSITIONED)
    yield from _titled(text, labels, used)
    yield from _givers(text, specs)


_TITLED: Final = lazy(r"(?:이름|성함|성명|상호|법인명|회사명)(?:은|는|이|가)\s{1,2}")
_WITHIN: Final = 24


def _titled(text: str, labels: list[Label], used: set[int]) -> Iterator[Claim]:
    """ "집주인은 우리 아버지 성함이 백종원이시고": a name told by its title, of the role named last in the sentence."""
    for match in _TITLED.finditer(text):
        role = last_before(labels, match.start())
        name = _name_at(text, match.end())
        if role is None or name is None or not role.fields or name.start in used:
            continue
        between = text[role.end : match.start()]
        if len(between) <= _WITHIN and not re.search(r"[,;.\n]", between) and _introduced(text, "은", name):
            yield Claim(role.fields[0], name.value, name.start, name.end, POSITIONED)


def _claims(text: str, label: Label, name: _Name, starts: set[int], tied: float) -> Iterator[Claim]:
    if not label.fields:
        return
    if other := _joined(text, name, starts):
        yield Claim(label.fields[0], None, name.start, other.end, 0.0, SEVERAL)
        return
    short = len(name.value) == 2 and not name.value.isascii()
    yield Claim(label.fields[0], name.value, name.start, name.end, min(tied, POSITIONED) if short else tied)


def _joined(text: str, name: _Name, starts: set[int]) -> _Name | None:
    """A second person in the same role: "임차인은 김철수랑 이영희"."""
    if name.particle in ("와", "과", "랑", "이랑", "하고"):
        gap = re.match(r"\s?", text[name.after :])
    else:
        gap = re.match(r",\s?|\s(?:및|and|&)\s", text[name.after : name.after + 6])
    if gap is None or name.after + gap.end() in starts:
        return None
    second = _name_at(text, name.after + gap.end())
    if second is None or second.start in starts or is_organisation(name.value):
        return None
    ended = re.match(r"\s?(?:$|[,.)\n]|입니다|이에요|예요|공동)", text[second.after :]) or second.particle.endswith(
        ("입니다", "이에요", "예요", "야", "고")
    )
    return second if ended else None


# Between a role and the name: "임차인 이름은", "tenant's name is", a colon, or nothing.
_LINK: Final = lazy(
    r"(?:['’]s)?(?:\s?[측쪽])?(?:\s?의)?(?:\s?(?:이름|성함|성명|명의|full\sname|name))?"
    r"(?P<link>\s{0,2}[:：=]\s{0,2}|\s?\((?!주\)|유\))|(?:은|는|이|가|을|를|도)\s{1,2}|"
    r"\s(?:is|will\sbe|shall\sbe|should\sbe|named|called|as|to|changes?\sto)\s(?:now\s)?(?:mr\.?\s|ms\.?\s|mrs\.?\s|dr\.?\s)?|,\s(?=[A-Z])|\s{1,2})",
    re.I,
)
_FROM: Final = lazy(r"\s?(?:에서|(?:이|가|을|를)?\s?(?:말고|아니고|아니라)),?\s{1,2}|,?\s(?:to|but(?:\srather)?)\s")
_COPULAS: Final = ("이고", "고", "이며", "며", "입니다", "이에요", "예요", "야", "이야", "라고", "이라고")
_COMPANY: Final = ("와", "과", "랑", "이랑", "하고", "의")
_TOPICS: Final = ("은", "는", "이", "가", "을", "를", "께서", "도")


def _after(text: str, label: Label, starts: set[int]) -> _Name | None:
    """The name a role introduces: "임차인 홍길동", "임대인은 박서준이고", "tenant: John Smith"."""
    link = _LINK.match(text, label.end)
    if link is None:
        return None
    position = link.end()
    if position in starts:
        return None
    if leaving := re.match(r"(?:from|not)\s", text[position : position + 5]):
        position += leaving.end()
    name = _name_at(text, position)
    if name is None:
        return None
    change = _FROM.match(text, name.end)
    replacement = _name_at(text, change.end()) if change else None
    if replacement is not None:
        return replacement
    if leaving and leaving[0].startswith("not"):
        return None
    return name if _introduced(text, link["link"], name) else None


def _introduced(text: str, link: str, name: _Name) -> bool:
    """Whether what follows a word after a role shows that the word is a name: 동의 in "임대인 동의 없이" is none."""
    if not "가" <= name.value[0] <= "힣" or is_organisation(name.value):
        return True
    colon = link.strip() in (":", "：", "=", "(")
    if name.particle.startswith(("씨", "님")) or name.particle in _COPULAS:
        return True
    if name.particle in _COMPANY:
        return link.strip() == "" or colon or len(name.value) >= 3
    if name.particle in ("으로", "로"):
        return _BECOMES.match(text, name.after) is not None
    if name.particle in _TOPICS:
        return link.strip() == "" and len(name.value) >= 3
    rest = text[name.after : name.after + 16]
    return colon or name.particle != "" or _ENDS.match(rest) is not None


_BECOMES: Final = lazy(
    r"\s?(?:해|하|바꾸|바꿔|바뀌|변경|수정|고쳐|고치|정정|계약|적|써|쓰|작성|기재|등록|넣|입력|임대|지정|$|[,.])"
)
_ENDS: Final = lazy(
    r"\s?(?:$|[,.;:/)(\n·])|\s?(?:씨|님|입니다|이고|임(?![가-힣]))|\s(?:연락처|전화|번호|휴대|핸드폰|주소|보증금|월세|전세|임대인|임차인|집주인|"
    r"세입자|매수인|매도인|계약|작성|수령|공개|[0-9(])"
)
_SAYS: Final = lazy(
    r"(?:이고|이며|이에요|예요|입니다|이야|야|임|이다|인데|이자|고요|이고요|이라고|으로|로)?\s?(?:$|[,.;:)\n!]|\s)"
)
_BEFORE_KO: Final = lazy(r"(?<![가-힣])([가-힣]{2,8})(?:\s(?:씨|님)(?:가|이|은|는)?)?(\s?\(|\s)$")
_CAPITAL: Final = "[A-ZÀ-ÖØ-ÞĐƠƯĂŁŠŽČŚŻŐĆĽŘĞİŞẠ-Ỹ]"
_LATIN_WORD: Final = rf"{_CAPITAL}[A-Za-zÀ-ÖØ-öø-ɏẠ-ỹ'’.-]{{0,30}}"
# The small words within a name: Ludwig van Beethoven, Maria de la Cruz.
_SMALL: Final = r"(?:&|van|von|de|del|della|di|da|dos|du|der|den|la|le|bin|binti|ibn|al|el)"
_LATIN: Final = rf"{_LATIN_WORD}(?:\s(?:{_SMALL}\s){{0,2}}{_LATIN_WORD}){{0,4}}"
_BEFORE_EN: Final = lazy(
    rf"({_LATIN})(?:\s(?:is|as|will\sbe|shall\sbe)\s(?:the\s|my\s|our\s|a\s)?|\s?\((?:the\s|as\s|hereinafter\s)?|,\s(?:the|as|as\sthe)\s)$"
)


def _before(text: str, label: Label) -> _Name | None:
    """The name a role follows: "이지은이 집주인이야", "홍길동(임차인)", "John Smith is the tenant"."""
    if not _SAYS.match(text, label.end):
        return None
    offset = max(0, label.start - 70)
    head = text[offset : label.start]
    if latin := _BEFORE_EN.search(head):
        value = _latin(latin[1], "")
        start = offset + latin.end(1) - len(value or "")
        return _Name(value, start, start + len(value), "", start + len(value)) if value else None
    korean = _BEFORE_KO.search(head)
    if korean is None:
        return None
    name = _korean(korean[1], offset + korean.start(1))
    if name is None or (
        name.particle not in ("이", "가", "은", "는", "께서", "고", "이고", "씨가", "씨는", "님이", "")
        or len(name.value) < 3
    ):
        return None
    if name.particle == "" and korean[2].strip() == "" and not re.match(r"\s?(?:$|[,.)\n])", text[label.end :]):
        return None
    return name


_FIRM: Final = r"(?:주식회사|㈜|\(주\)|유한회사|\(유\)|사단법인|재단법인|의료법인|학교법인)"
_ORGANISATION: Final = lazy(
    rf"{_FIRM}\s?[가-힣A-Za-z0-9&·-]{{1,20}}|[가-힣A-Za-z0-9&·-]{{1,20}}\s?(?:주식회사|㈜|\(주\)|유한회사|협동조합)"
)
_LATIN_NAME: Final = lazy(_LATIN)
_KOREAN_WORD: Final = lazy(r"[가-힣]{2,10}")
_VERBS: Final = lazy(
    r"(?:줘|해줘|세요|니다|까요|해요|어요|아요|에요|했다|한다|해라|하면|하는|하기|되면|되는|인데|없이|에서)$"
)


def _name_at(text: str, position: int) -> _Name | None:
    """The name that begins at a place: an organisation, capitalised Latin words, or a Korean surname and given name."""
    if firm := _ORGANISATION.match(text, position):
        return _firm(firm[0], position)
    if latin := _LATIN_NAME.match(text, position):
        value = _latin(latin[0], text[latin.end() : latin.end() + 4], leading=True)
        if value is None:
            return None
        end = position + len(value)
        glued = re.match(r"(?:이고|입니다|은|는|이|가|와|과|로|으로|에게|의|예요|이에요)(?![가-힣]{2})", text[end:])
        return _Name(value, position, end, glued[0] if glued else "", end + (glued.end() if glued else 0))
    word = _KOREAN_WORD.match(text, position)
    return _korean(word[0], position) if word else None


def _firm(words: str, position: int) -> _Name:
    stem, particle = ("", "")
    if not re.search(r"(?:주식회사|㈜|\(주\)|유한회사|협동조합)$", words):
        stem, particle = _without_particle(words)
    value = stem or words
    end = position + len(value)
    return _Name(value, position, end, particle, end + len(particle))


_LONG_PARTICLES: Final = lazy(r"(?<=[가-힣A-Za-z0-9]{2})(?:입니다|이에요|예요|이고|에게|에서|으로|하고|이며)$")


def _without_particle(words: str) -> tuple[str, str]:
    head, _, last = words.rpartition(" ")
    if plain := _LONG_PARTICLES.search(last):
        stem, particle = last[: plain.start()], plain[0]
    else:
        stem, particle = split_particle(last)
    if particle.startswith(("씨", "님")):  # 주식회사 케이앤씨 is called so
        stem, particle = last, ""
    return (f"{head} {stem}" if head else stem), particle


# Everyday words that are parts of names too: Nguyen Van An, Theresa May, John A. Smith.
_ALSO_NAMES: Final = frozenset(("an", "a", "may", "will", "april", "june", "august", "to", "at", "i", "no", "mr", "dr"))


def _ends_a_name(parts: list[str], index: int, after: str) -> bool | None:
    """Whether the name ends before a word that is also an everyday one; None if nobody can tell."""
    word, last = parts[index], index + 1 == len(parts)
    if parts[index - 1].endswith(".") and len(parts[index - 1]) > 2:
        return True  # a new sentence
    if word.lower().strip(".,'") not in _ALSO_NAMES or (last and re.match(r"\s\d", after)):
        return True
    if re.fullmatch(r"[A-Z]\.", word) and not last:
        return False
    if word in ("An", "To", "May", "Will", "April", "June", "August") and last and not re.match(r"\s[a-z]", after):
        return False
    return None


def _latin(words: str, after: str, *, leading: bool = False) -> str | None:
    """Capitalised words as a name: without everyday words at their head (or, if it must begin there, none at all).

    Whole or not at all: where it cannot be told whether the name goes on, there is none.
    """
    if after and (unicodedata.combining(after[0]) or (after[0].isalpha() and not "가" <= after[0] <= "힣")):
        return None
    parts = words.split()
    while parts and parts[0].lower().strip(".,'") in NO_LATIN_NAMES and not leading:
        parts.pop(0)
    if not parts or parts[0].lower().strip(".,'") in NO_LATIN_NAMES:
        return None
    for index, part in enumerate(parts):
        if index and part.lower().strip(".,'") in NO_LATIN_NAMES:
            ends = _ends_a_name(parts, index, after)
            if ends is None:
                return None
            if not ends:
                continue
            parts = parts[:index]
            break
    value = " ".join(parts)
    kept = re.search(r"\b(?:inc|ltd|co|corp|llc|jr|sr)\.$", value, re.I)
    value = value if kept else value.rstrip(".'’-")
    return value if len(value) >= 2 else None


_LONG_SURNAMES: Final = ("남궁", "황보", "제갈", "사공", "선우", "서문", "독고", "동방")


def _korean(word: str, start: int) -> _Name | None:
    if _VERBS.search(word) and not word.endswith(("입니다", "이에요", "예요", "에서", "인데")):
        return None
    bare = re.sub(r"(?:에서|인데(?:요)?|이라서|이고요|고요|이구요|이시고|이시며|이세요|이십니다|임)$", "", word)
    stem, particle = split_particle(bare)
    stem = stem if bare == word or particle else bare
    if not is_korean_name(stem) or stem in NO_KOREAN_NAMES:
        return None
    # Four syllables are a name with a surname of two, or before 씨; else they are a compound like 전세자금.
    if len(stem) > 3 and not (particle.startswith(("씨", "님")) or stem.startswith(_LONG_SURNAMES)):
        return None
    end = start + len(stem)
    tail = word[len(stem) :]
    ending = "이고" if tail and bare != word and not word.endswith("에서") else tail
    return _Name(stem, start, end, particle or ending, start + len(word))


_WHO: Final = rf"((?:{_FIRM}\s?)?[가-힣A-Za-z0-9&㈜]{{2,15}}?(?:\s?(?:주식회사|㈜|\(주\)))?)"
_GIVES: Final = lazy(
    rf"(?<![가-힣A-Za-z0-9]){_WHO}(?:이|가|에서)\s(?:{_WHO}에게\s)?(?:비밀\s?)?(?:정보|자료|기술)?(?:을|를)?\s?(?:제공|주고|주는|준다|주며|공개|전달)"
)
_TAKES: Final = lazy(
    rf"(?<![가-힣A-Za-z0-9]){_WHO}(?:이|가|에서)\s(?:(?:비밀\s?)?(?:정보|자료|기술)(?:을|를)?\s)?(?:제공\s?)?(?:받|수령)"
)
_GIVES_EN: Final = lazy(
    rf"({_LATIN})\s(?:will\s|shall\s|is\s)?(?:disclos|provid|giv|shar)(?:es|e|ing|"
    rf"s)\s(?:[a-z][a-z ]{{0,40}}?\s)?to\s({_LATIN})"
)


def _givers(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """Who gives information and who gets it, told by the verb: "새벽이 정보를 주고 블루웨일이 받는다"."""
    giver = _field_of(specs, "공개자", "제공자", "disclosing party")
    taker = _field_of(specs, "수령자", "receiving party")
    if giver is None or taker is None:
        return
    for match in _GIVES_EN.finditer(text):
        for field, group in ((giver, 1), (taker, 2)):
            if value := _latin(match[group], text[match.end(group) : match.end(group) + 4]):
                yield Claim(field, value, match.end(group) - len(value), match.end(group), INFERRED)
    for field, pattern, group in ((giver, _GIVES, 1), (taker, _GIVES, 2), (taker, _TAKES, 1)):
        for match in pattern.finditer(text):
            value = match[group]
            if value and value not in SOMEBODY and not value.endswith(("자", "인", "측", "쪽")):
                yield Claim(field, value, match.start(group), match.end(group), INFERRED)


def _field_of(specs: Sequence[FieldSpec], *names: str) -> str | None:
    return next((spec.name for spec in specs if spec.type == "name" and names_of(spec) & {*names}), None)
