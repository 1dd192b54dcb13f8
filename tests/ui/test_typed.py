"""What is typed is taken whole or refused with its reason."""

import unicodedata

import pytest

from octo_cli.errors import UsageError
from octo_cli.ui.typed import MOST_CHARACTERS, fit


def test_decomposed_hangul_is_composed() -> None:
    assert fit(unicodedata.normalize("NFD", "임대차계약서")) == "임대차계약서"


def test_surrounding_blanks_and_line_ends_do_not_count() -> None:
    assert fit("\ufeff  첫째\r\n둘째\r  ") == "첫째\n둘째"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "text_empty"),
        (" \n\t ", "text_empty"),
        ("가" * (MOST_CHARACTERS + 1), "text_too_long"),
        ("a\x00b", "text_control"),
        ("a\x1b[31m", "text_control"),
        ("a\udcff", "text_not_utf8"),
    ],
)
def test_what_cannot_be_taken_says_why(text: str, code: str) -> None:
    with pytest.raises(UsageError) as refused:
        fit(text)
    assert refused.value.code == code


def test_the_longest_text_is_taken() -> None:
    assert len(fit("가" * MOST_CHARACTERS)) == MOST_CHARACTERS
