"""Text as it enters, and text that is far too long."""

import tomllib
import unicodedata
from datetime import date
from itertools import chain
from pathlib import Path
from re import findall

import pytest

import octo_cli.values
from octo_cli.values.contact import find_addresses, find_emails, find_phones, mask_rrn
from octo_cli.values.dates import find_dates, find_days, find_months
from octo_cli.values.money import find_elliptic_won, find_won
from octo_cli.values.text import clean, half_width, one_line

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        (unicodedata.normalize("NFD", "임대차계약서"), "임대차계약서"),
        ("a\x00b\x1b[31mc\x7f\x9b", "ab[31mc"),
        ("줄\r\n둘\r셋\u2028넷\t끝", "줄\n둘\n셋\n넷\t끝"),
        ("\u202e거꾸로\u202c \u2066x\u2069", "거꾸로 x"),
        ("보\u200b증\u200d금\ufeff", "보증금"),
        ("깨진 \udcff 글자", "깨진  글자"),
        ("ㄱㅏ는 그대로 ㈜ 😀", "ㄱㅏ는 그대로 ㈜ 😀"),
    ],
)
def test_text_enters_clean(dirty: str, cleaned: str) -> None:
    assert clean(dirty) == cleaned
    assert clean(cleaned) == cleaned


def test_one_line_has_single_spaces() -> None:
    assert one_line("  보증금\n\t 5천만원 \u3000") == "보증금 5천만원"


def test_half_width_keeps_every_offset() -> None:
    text = "보증금 ５，０００만　원（₩）"
    assert half_width(text) == "보증금 5,000만 원(₩)"
    assert len(half_width(text)) == len(text)


@pytest.mark.parametrize("text", ["1" * 1_000_000, "가" * 333_333, " " * 1_000_000, "천" * 333_333, "a" * 1_000_000])
def test_a_megabyte_is_read_to_its_end(text: str) -> None:
    """A pattern that backtracks never comes back from these; ours need well under a second each."""
    amounts = (find_won(text), find_elliptic_won(text))
    days = (find_dates(text, TODAY), find_months(text), find_days(text))
    contacts = (find_phones(text), find_emails(text), find_addresses(text))
    assert not any((*amounts, *days, *contacts))
    assert mask_rrn(text) == text


def test_every_reason_has_its_sentence_in_both_languages() -> None:
    sources = Path(octo_cli.values.__file__).parent.glob("*.py")
    code = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    raised = set(chain(findall(r'Unreadable\(\s*"(\w+)"', code), findall(r'Unreadable\("(\w+)" if', code)))
    assert len(raised) > 15
    i18n = Path(octo_cli.values.__file__).parent.parent / "i18n"
    for language in ("ko", "en"):
        said = tomllib.loads((i18n / f"{language}.toml").read_text(encoding="utf-8"))["value"]
        assert raised <= said.keys()
