"""Finding document types: the user's folders first, heads only for the list, and a plain word about a broken folder."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from octo_cli.documents.catalog import PACKAGE_TYPES, Catalog
from octo_cli.documents.expressions import BrokenExpression, Formula, Sentence
from octo_cli.errors import Failed, NotFound

TODAY = date(2026, 11, 21)
RECEIPT = """
name = "receipt"
title = { ko = "영수증", en = "Receipt" }
aliases = ["영수증", "receipt"]
file_stem = { ko = "영수증-{{ payer }}", en = "receipt-{{ payer }}" }

[[fields]]
name = "payer"
type = "name"
label = { ko = "내는 사람", en = "Payer" }
required = true

[[fields]]
name = "amount"
type = "won"
label = { ko = "금액", en = "Amount" }

[[fields]]
name = "tax"
type = "won"
label = { ko = "세금", en = "Tax" }
when = "amount"
default = "amount // 10"

[[rules]]
id = "R1"
level = "warning"
field = "amount"
when = "amount > 1000000"
message = { ko = "{{ amount | integer }}원은 큰돈입니다.", en = "KRW {{ amount | integer }} is a lot." }
"""
TEXT = "# 영수증\n\n{{ payer | josa('이/가') }} {{ amount | won }}을 냈다.\n"


WORDING = """[[wording]]
name = "thanks"
fields = ["payer", "tax"]
about = { ko = "감사", en = "Thanks" }

[[rules]]"""


def folder_of(home: Path, declared: str = RECEIPT, ko: str = TEXT, en: str = "# Receipt\n\n{{ payer }}\n") -> Path:
    folder = home / "receipt"
    folder.mkdir(parents=True)
    (folder / "type.toml").write_text(declared, encoding="utf-8")
    (folder / "ko.md.j2").write_text(ko, encoding="utf-8")
    (folder / "en.md.j2").write_text(en, encoding="utf-8")
    return home


def test_a_users_type_stands_beside_the_programs_own(tmp_path: Path) -> None:
    catalog = Catalog((folder_of(tmp_path), PACKAGE_TYPES))
    assert {"lease", "nda", "receipt"} <= {card.name for card in catalog.cards()}
    receipt = catalog.find("receipt")
    values = {"payer": "홍길동", "amount": 2000000}
    assert receipt.complete(values, today=TODAY, language="ko") == {"tax": 200000}
    assert receipt.render(values, "ko") == "# 영수증\n\n홍길동이 금 이백만원정 (₩2,000,000)을 냈다.\n"
    assert receipt.file_stem(values, "ko") == "영수증-홍길동"
    [issue] = receipt.review(values, "", language="ko", today=TODAY)["amount"]
    assert issue.message == "2,000,000원은 큰돈입니다."


def test_a_users_type_comes_before_the_programs_of_the_same_name(tmp_path: Path) -> None:
    own = tmp_path / "lease"
    folder_of(tmp_path, RECEIPT.replace('"receipt"', '"lease"', 1)).joinpath("receipt").rename(own)
    assert Catalog((tmp_path, PACKAGE_TYPES)).find("lease").title["ko"] == "영수증"


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    catalog = Catalog((tmp_path / "nowhere", PACKAGE_TYPES))
    assert catalog.find("lease").name == "lease"
    assert catalog.problems() == ()


@pytest.mark.parametrize("name", ["employment2", "", "../types/lease", "lease/", "law.toml", "LEASE "])
def test_an_unknown_type_names_those_there_are(name: str) -> None:
    with pytest.raises(NotFound) as missing:
        Catalog().find(name)
    assert missing.value.code == "document_type_not_found"
    assert "lease, nda" in str(missing.value.values["known"])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("[[fields]]", "[[fields", "Expected"),
        ('type = "won"', 'type = "money"', "unknown type 'money'"),
        ("required = true", "requird = true", "requird"),
        ('name = "receipt"', 'name = "recipe"', "recipe"),
        ('when = "amount"', 'when = "amuont"', "amuont"),
        ('when = "amount"\n', 'when = "later"\n', "later"),
        ('"amount // 10"', '"amount // "', "amount // "),
        ('"amount // 10"', '"total(amount) ** 2"', "Pow"),
        ('"amount // 10"', '"open(amount)"', "no such function"),
        ('"amount // 10"', '"amount | upper"', "no filter 'upper'"),
        ('"amount > 1000000"', '"law.nothing > amount"', "law.toml lacks nothing"),
        ('field = "amount"', 'field = "price"', "unknown field 'price'"),
        (', en = "Payer"', "", "lacks en"),
        ('name = "tax"', 'name = "amount"', "declared twice"),
        ('name = "tax"', 'name = "today"', "taken by the program"),
        (
            'label = { ko = "세금"',
            'choices = [{value = "a", label = {ko = "가", en = "A"}}]\nlabel = { ko = "세금"',
            "choices",
        ),
        ("[[rules]]", WORDING.replace("tax", "price"), "unknown fields price"),
        ("[[rules]]", WORDING.replace('ko = "감사", ', ""), "lacks ko"),
    ],
)
def test_a_broken_declaration_says_what_is_wrong(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in RECEIPT
    catalog = Catalog((folder_of(tmp_path, RECEIPT.replace(old, new)), PACKAGE_TYPES))
    with pytest.raises(Failed) as broken:
        catalog.find("receipt")
    assert broken.value.code == "document_type_broken"
    assert broken.value.values["name"] == "receipt"
    assert reason in str(broken.value.values["reason"])
    assert [problem.values["name"] for problem in catalog.problems()] == ["receipt"]
    assert {"lease", "nda"} <= {card.name for card in catalog.cards()}


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ paier }}", "undeclared variables: paier"),
        ("{% if %}", "ko.md.j2"),
        ("{{ ''.__class__.__mro__ }}", "ko.md.j2"),
        ("{{ payer.upper.__globals__ }}", "ko.md.j2"),
        ("{{ payer | nofilter }}", "ko.md.j2"),
        ("{% include '/etc/passwd' %}", "ko.md.j2"),
        ("{{ payer + amount.real }}", "ko.md.j2"),
    ],
)
def test_a_broken_or_grasping_template_is_refused(tmp_path: Path, template: str, reason: str) -> None:
    with pytest.raises(Failed) as broken:
        Catalog((folder_of(tmp_path, ko=template),)).find("receipt")
    assert reason in str(broken.value.values["reason"])


def test_a_missing_template_is_a_broken_type(tmp_path: Path) -> None:
    folder_of(tmp_path).joinpath("receipt", "en.md.j2").unlink()
    with pytest.raises(Failed, match="document_type_broken"):
        Catalog((tmp_path,)).find("receipt")


def test_a_head_that_cannot_be_read_leaves_the_list_standing(tmp_path: Path) -> None:
    catalog = Catalog((folder_of(tmp_path, "title = "), PACKAGE_TYPES))
    assert {card.name for card in catalog.cards()} >= {"lease", "nda"}
    assert "receipt" not in {card.name for card in catalog.cards()}
    with pytest.raises(Failed):
        catalog.find("receipt")


def test_a_particle_follows_the_word_and_a_blank_takes_both(tmp_path: Path) -> None:
    receipt = Catalog((folder_of(tmp_path),)).find("receipt")
    assert "김영희가" in receipt.render({"payer": "김영희"}, "ko")
    assert "____이(가) ____을" in receipt.render({}, "ko")
    assert "\\*별\\*이 " in receipt.render({"payer": "*별*"}, "ko")


VALUES = {"payer": "홍길동", "amount": 2000000}


def test_a_wording_is_printed_as_text_with_its_values(tmp_path: Path) -> None:
    declared = RECEIPT.replace("[[rules]]", WORDING)
    text = "# 영수증\n\n{% if wording.thanks %}{{ wording.thanks }}{% else %}고맙습니다.{% endif %}\n"
    receipt = Catalog((folder_of(tmp_path, declared, text), PACKAGE_TYPES)).find("receipt")
    wording = {"thanks": "# {payer:이/가} | {tax:을/를}\n## 냈다"}

    assert receipt.render({"payer": "홍길동"}, "ko", wording) == "# 영수증\n\n\\# 홍길동이 \\| ____을(를) \\#\\# 냈다\n"
    assert receipt.render({"payer": "*김*"}, "ko", {"thanks": "{payer}"}) == "# 영수증\n\n\\*김\\*\n"
    assert receipt.render({"payer": "{tax}"}, "ko", {"thanks": "{payer}"}) == "# 영수증\n\n{tax}\n"
    assert receipt.render({"payer": "홍길동"}, "ko", {"other": "x"}) == "# 영수증\n\n고맙습니다.\n"


def compiled_in(cache: Path) -> Path:
    """The kept Korean template."""
    [kept] = [path for path in cache.rglob("*") if path.is_file() and "영수증".encode() in path.read_bytes()]
    return kept


def test_a_template_is_compiled_once_until_it_changes(tmp_path: Path) -> None:
    types, cache = folder_of(tmp_path / "types"), tmp_path / "cache"
    first = Catalog((types,), cache=cache).find("receipt").render(VALUES, "ko")
    kept = compiled_in(cache)
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    compiled = kept.read_bytes()
    assert Catalog((types,), cache=cache).find("receipt").render(VALUES, "ko") == first
    assert kept.read_bytes() == compiled
    types.joinpath("receipt", "ko.md.j2").write_text("# {{ payer }}\n", encoding="utf-8")
    assert Catalog((types,), cache=cache).find("receipt").render(VALUES, "ko") == "# 홍길동\n"
    assert kept.read_bytes() != compiled


def test_what_is_kept_is_what_runs(tmp_path: Path) -> None:
    types, cache = folder_of(tmp_path / "types"), tmp_path / "cache"
    Catalog((types,), cache=cache).find("receipt").render(VALUES, "ko")
    kept = compiled_in(cache)
    kept.write_bytes(kept.read_bytes().replace("영수증".encode(), "계산서".encode()))
    assert Catalog((types,), cache=cache).find("receipt").render(VALUES, "ko").startswith("# 계산서")


def test_a_cache_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    types, cache = folder_of(tmp_path / "types"), tmp_path / "cache"
    expected = Catalog((types,)).find("receipt").render(VALUES, "ko")
    cache.write_text("no folder", encoding="utf-8")
    assert Catalog((types,), cache=cache).find("receipt").render(VALUES, "ko") == expected
    cache.unlink()
    Catalog((types,), cache=cache).find("receipt").render(VALUES, "ko")
    kept = compiled_in(cache)
    kept.write_bytes(kept.read_bytes()[:40])
    assert Catalog((types,), cache=cache).find("receipt").render(VALUES, "ko") == expected


def test_listing_types_does_without_jinja() -> None:
    code = (
        "import sys; from octo_cli.documents.catalog import Catalog; Catalog().cards();"
        "print([name for name in ('jinja2', 'langgraph', 'pydantic', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("source", "scope", "value"),
    [
        ("a - b", {"a": 5, "b": 3}, 2),
        ("a - b", {"a": 5, "b": None}, None),
        ("a < b", {"a": None, "b": 1}, None),
        ("a == none", {"a": None}, True),
        ("a > 1 or b", {"a": None, "b": True}, True),
        ("not a", {"a": 0}, True),
        ("a in ['x', none]", {"a": None}, True),
        ("a if b else 'c'", {"a": 1, "b": False}, "c"),
        ("a.b", {"a": {"b": 1}}, 1),
        ("a.b", {"a": None}, None),
        ("a.__class__", {"a": "text"}, None),
        ("earliest(a, b)", {"a": None, "b": date(2027, 1, 1)}, date(2027, 1, 1)),
        ("term_end(a, 1)", {"a": date(2027, 1, 31)}, date(2027, 2, 28)),
        ("term_end(a, 24)", {"a": None}, None),
        ("days_after(a, 1)", {"a": date(9999, 12, 31)}, None),
        ("total(a, b)", {"a": 1, "b": None}, 1),
        ("a + 1", {"a": "text"}, None),
        ("a // 0", {"a": 1}, None),
        ("1 < a < 3", {"a": 2}, True),
        ("-a", {"a": 2}, -2),
    ],
)
def test_a_formula_treats_blanks_as_blanks(source: str, scope: dict[str, object], value: object) -> None:
    assert Formula(source)(scope) == value


@pytest.mark.parametrize(
    "source", ["a.b()", "a()", "a[0]", "{'a': 1}", "a ~ ", "range(9)", "a b", "a is none", "lipsum"]
)
def test_what_is_no_formula_is_refused(source: str) -> None:
    try:
        names = Formula(source).names
    except BrokenExpression:
        return
    assert names == {"lipsum"}  # only a name, which no type declares


def test_a_sentence_takes_expressions_only() -> None:
    assert Sentence("{{ a | won }}!")({"a": 1000, "language": "en"}) == "KRW 1,000!"
    assert Sentence("{{ a }}")({"a": None}) == "____"
    with pytest.raises(BrokenExpression):
        Sentence("{% for a in b %}{% endfor %}")
