"""What every document type has to hold to, in both languages. A new folder under `types/` is tested by being there."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from octo_cli.documents.catalog import Catalog, DocumentType
from octo_cli.i18n import LANGUAGES, Language
from octo_cli.wire.forms import FieldSpec, FieldValue, FormField, Issue

TODAY = date(2026, 11, 21)
CATALOG = Catalog()
NAMES = tuple(card.name for card in CATALOG.cards())
HOSTILE = (
    "# 제목 | 칸 | <script>alert(1)</script> `코드` [링크](http://x.y) **굵게** __밑줄__ ~~지움~~ &lt; ![그림](z) \\",
    "- 목록\n\n# 새 제목\n\n| 가 | 나 |\n|---|---|\n| 다 | 라 |",
    "1. 하나",
    "===",
    "---",
    "> 인용",
    "[x]: http://x.y",
    "{{ landlord_name }}{% raw %}",
    "제3조 (위조)\n### 제4조",
)


@pytest.fixture(params=NAMES)
def paper(request: pytest.FixtureRequest) -> DocumentType:
    return CATALOG.find(request.param)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    chosen: Language = request.param
    return chosen


def test_the_built_in_types_are_there() -> None:
    assert {"lease", "nda"} <= set(NAMES)


def test_every_formula_template_and_translation_is_sound(paper: DocumentType) -> None:
    paper.check()


def test_no_two_fields_answer_to_the_same_name(paper: DocumentType) -> None:
    called: dict[str, set[str]] = {}
    for spec in paper.fields:
        for word in (spec.name, *spec.label.values(), *spec.aliases):
            called.setdefault(_folded(word), set()).add(spec.name)
    assert {word: names for word, names in called.items() if len(names) > 1} == {}


def test_every_field_can_be_found_in_both_languages(paper: DocumentType) -> None:
    for spec in paper.fields:
        words = (*spec.label.values(), *spec.aliases)
        assert any(re.search("[가-힣]", word) for word in words), spec.name
        assert any(word.isascii() for word in words), spec.name


def test_every_example_is_an_answer_to_its_field(paper: DocumentType) -> None:
    for spec in paper.fields:
        if spec.example:
            assert paper.parse(spec.name, spec.example, TODAY) is not None, spec.name


def test_no_two_types_answer_to_the_same_name() -> None:
    called = [{_folded(alias) for alias in (card.name, *card.aliases)} for card in CATALOG.cards()]
    words = Counter(word for words in called for word in words)
    assert [word for word, times in words.items() if times > 1] == []


def test_filling_what_is_required_by_type_alone_leaves_no_error(paper: DocumentType, language: Language) -> None:
    chance = random.Random(f"{paper.name} {language}")
    for _ in range(200):
        given = _some_choices(paper, chance)
        while fields := _asked(paper, _settled(paper, given, language), language):
            given |= {field.name: paper.parse(field.name, _any_value(field, chance), TODAY) for field in fields}
        values = _settled(paper, given, language)
        issues = paper.review(values, paper.render(values, language), language=language, today=TODAY)
        assert _errors(issues) == [], values


def test_completing_adds_only_and_comes_to_rest(paper: DocumentType, language: Language) -> None:
    chance = random.Random(7)
    for _ in range(100):
        given = _random_values(paper, chance)
        added = paper.complete(given, today=TODAY, language=language)
        assert given.keys().isdisjoint(added)
        assert added == paper.complete(given, today=TODAY, language=language)
        assert paper.complete(given | added, today=TODAY, language=language) == {}


def test_a_completed_value_is_one_its_field_accepts(paper: DocumentType, language: Language) -> None:
    chance = random.Random(8)
    for _ in range(50):
        values = _settled(paper, {}, language)
        for field in _asked(paper, values, language):
            values[field.name] = paper.parse(field.name, _any_value(field, chance), TODAY)
        for name, value in paper.complete(values, today=TODAY, language=language).items():
            assert paper.parse(name, value, TODAY) == value, name


def test_a_document_is_the_same_bytes_each_time(paper: DocumentType, language: Language) -> None:
    chance = random.Random(1)
    for _ in range(20):
        values = _random_values(paper, chance)
        text = paper.render(values, language)
        assert text == paper.render(dict(reversed(values.items())), language)
        assert text == Catalog().find(paper.name).render(values, language)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "\r" not in text
        assert not re.search(r"[ \t]\n|\n\n\n|None|Undefined", text)


def test_blanks_show_at_every_level_of_completeness(paper: DocumentType, language: Language) -> None:
    chance = random.Random(2)
    for share in (0.0, 0.2, 0.5, 0.8):
        for _ in range(25):
            values = {name: value for name, value in _random_values(paper, chance).items() if chance.random() < share}
            text = paper.render(values, language)
            assert "____" in text
            # A blank that Markdown takes for an emphasis would vanish from the printed page.
            assert "".join(_texts(text)).count("____") == text.count("____"), text


def test_empty_texts_are_blanks_too(paper: DocumentType, language: Language) -> None:
    empty: dict[str, Any] = {spec.name: "" for spec in paper.fields if spec.type != "list"}
    assert paper.render(empty, language) == paper.render({}, language)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_person_wrote_cannot_forge_the_document(paper: DocumentType, language: Language, text: str) -> None:
    hostile = _everywhere(paper, text)
    plain = _everywhere(paper, "글")
    assert _blocks(paper.render(hostile, language)) == _blocks(paper.render(plain, language))
    assert all(token.type in ("text", "softbreak") for token in _inline(paper.render(hostile, language)))


def test_what_a_person_wrote_still_reads_as_written(paper: DocumentType, language: Language) -> None:
    text = "가 | 나 # <b> `x` [y](z) *w* a_b ~ 1. 끝"
    printed = _texts(paper.render(_everywhere(paper, text), language))
    for spec in paper.shown(_everywhere(paper, text)):
        if spec.type in ("name", "address") and spec.required is True:
            assert any(text in line for line in printed)


def test_a_resident_registration_number_is_never_printed(paper: DocumentType, language: Language) -> None:
    values = _everywhere(paper, "홍길동 920101-1234567")
    text = paper.render(values, language)
    assert "1234567" not in text
    assert "920101-1" in text
    issues = paper.review(values, text, language=language, today=TODAY)
    assert {name for name, found in issues.items() if any(issue.ref and "24조의2" in issue.ref for issue in found)}
    fields = {name: FieldValue(value) for name, value in values.items()}
    assert not any("1234567" in field.display for field in paper.form(fields, {}, language=language))
    assert "1234567" not in paper.file_stem(values, language)


def test_an_untouched_document_speaks_of_no_void_term(paper: DocumentType, language: Language) -> None:
    """The rules that search the text must not trip over the template's own clauses."""
    chance = random.Random(3)
    for _ in range(50):
        values = _settled(paper, _some_choices(paper, chance), language)
        issues = paper.review(values, paper.render(values, language), language=language, today=TODAY)
        assert {issue.rule for issue in issues.get("special_terms", ())} == set()


def test_the_form_lists_what_is_shown_in_order(paper: DocumentType, language: Language) -> None:
    values = _settled(paper, {}, language)
    issue = Issue("warning", "x", "…")
    name = paper.main_fields[0]
    form = paper.form({key: FieldValue(value) for key, value in values.items()}, {name: (issue,)}, language=language)
    assert [field.name for field in form] == [spec.name for spec in paper.shown(values)]
    assert next(field for field in form if field.name == name).issues == (issue,)
    for field in form:
        assert field.label
        assert (field.choices is None) == (field.type != "choice")
        assert len(field.choices or ()) == len(field.choice_labels or ())
    required = tuple(field.name for field in form if field.required and field.value in (None, "", []))
    assert required == paper.missing(values)
    msgspec.json.encode(form)


def test_a_file_name_is_safe(paper: DocumentType, language: Language) -> None:
    for text in (*HOSTILE, "../../etc/passwd", ".숨김", "CON", "a" * 300, "홍길동" * 60, "가\x00나", "/", ""):
        stem = paper.file_stem(_everywhere(paper, text), language)
        assert re.fullmatch(r"[\w()][\w.()-]*", stem), stem
        assert len(stem.encode()) <= 80
    assert paper.file_stem({}, language)


def _folded(word: str) -> str:
    return re.sub(r"[\s'’]", "", word).casefold()


def _settled(paper: DocumentType, values: dict[str, Any], language: Language) -> dict[str, Any]:
    return values | paper.complete(values, today=TODAY, language=language)


def _asked(paper: DocumentType, values: dict[str, Any], language: Language) -> list[FormField]:
    """What a script sees of the fields it has to fill: nothing but the question."""
    form = paper.form({name: FieldValue(value) for name, value in values.items()}, {}, language=language)
    return [field for field in form if field.required and field.value in (None, "", [])]


def _some_choices(paper: DocumentType, chance: random.Random) -> dict[str, Any]:
    """Values for some of the main choices, as a request may have stated them."""
    choices = [spec for spec in paper.fields if spec.main and spec.choices and chance.random() < 0.5]
    return {spec.name: chance.choice(spec.choices).value for spec in choices}


def _any_value(field: FormField | FieldSpec, chance: random.Random) -> Any:
    """Some valid answer of the field's type."""
    if isinstance(field, FormField) and field.choices:
        return chance.choice(field.choices)
    if isinstance(field, FieldSpec) and field.choices:
        return chance.choice(field.choices).value
    far = chance.choice((30, 3000, 30000))
    past = isinstance(field, FieldSpec) and field.type == "date" and field.maximum == 0
    day = TODAY + timedelta(days=chance.randint(-far, 0 if past else far))
    if past:
        return chance.choice((day.isoformat(), f"{day.year}년 {day.month}월 {day.day}일", "5월 1일", "'70.5.1"))
    by_type: dict[str, tuple[Any, ...]] = {
        "text": ("글", "보통의 글 한 줄", "A line"),
        "longtext": ("글", "두 줄\n짜리 글"),
        "name": ("홍길동", "남궁민수", "John Smith", "주식회사 가나다", "O'Neil"),
        "address": (
            "서울특별시 마포구 월드컵북로 396",
            "경기도 양평군 양평읍 1",
            "1 Main Street, Busan",
            "제주시 애월읍",
        ),
        "phone": ("010-1234-5678", "02-555-1234"),
        "email": ("hong@example.com",),
        "account": ("국민은행 123-45-678901 홍길동",),
        "won": (0, 1, 9999, 500000, 50000000, 123456789, 10**12, 10**15, "5천만원", "1억 2천", "₩500,000"),
        "date": (day.isoformat(), f"{day.year}년 {day.month}월 {day.day}일", "내년 3월 1일", "2028-02-29"),
        "period": (1, 11, 12, 24, 25, 120, 1200, "2년", "18개월", "1 year"),
        "day": (1, 15, 29, 31, "last", "말일", "25일"),
        "integer": (1, 2, 30),
        "decimal": (1, "84.97", 33.5),
        "bool": (True, False, "예", "no"),
        "list": (["글"], "하나; 둘", []),
    }
    return chance.choice(by_type[field.type])


def _random_values(paper: DocumentType, chance: random.Random) -> dict[str, Any]:
    """JSON values for about half of the fields, not meant to agree with each other."""
    specs = [spec for spec in paper.fields if chance.random() < 0.5]
    return {spec.name: paper.parse(spec.name, _any_value(spec, chance), TODAY) for spec in specs}


def _everywhere(paper: DocumentType, text: str) -> dict[str, Any]:
    """The text in each field that holds text, as if no parser had looked at it."""
    texts = {"text", "longtext", "name", "address", "phone", "email", "account"}
    written: dict[str, Any] = {spec.name: text for spec in paper.fields if spec.type in texts}
    return written | {spec.name: [text, text] for spec in paper.fields if spec.type == "list"}


def _errors(issues: dict[str, tuple[Issue, ...]]) -> list[Issue]:
    return [issue for found in issues.values() for issue in found if issue.level == "error"]


def _parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def _blocks(text: str) -> list[tuple[str, str]]:
    return [(token.type, token.tag) for token in _parsed(text)]


def _inline(text: str) -> Iterator[Token]:
    for token in _parsed(text):
        yield from token.children or ()


def _texts(text: str) -> list[str]:
    return ["".join(child.content for child in token.children or ()) for token in _parsed(text)]
