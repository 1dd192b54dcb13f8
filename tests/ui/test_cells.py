"""Widths agree with wcwidth; cutting and wrapping never split a cell."""

import pytest
from wcwidth import wcswidth

from octo_cli.ui.cells import clip, columns, pad, width, wrap

TEXTS = ["lease", "임대차계약서", "보증금 5,000만원 · 월세", "한글", "“따옴표” — ₩50,000", "日本語", "é", "", "①②"]


@pytest.mark.parametrize("text", TEXTS)
def test_width_is_what_wcwidth_says(text: str) -> None:
    assert width(text) == wcswidth(text)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("cells", [1, 2, 5, 6, 7, 40])
def test_a_clipped_text_fits_and_a_padded_one_fills(text: str, cells: int) -> None:
    assert width(clip(text, cells)) <= cells
    assert width(pad(clip(text, cells), cells)) == cells


def test_a_text_that_fits_is_left_alone() -> None:
    assert clip("임대차", 6) == "임대차"
    assert clip("임대차", 5) == "임대…"


def test_wrapping_keeps_every_word_within_the_width() -> None:
    text = "보증금은 계약과 동시에 지급하고 아주긴단어아주긴단어아주긴단어 끝"
    lines = wrap(text, 12)
    assert all(width(line) <= 12 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_columns_align_by_cells_and_stay_on_the_screen() -> None:
    lines = columns([("ID", "TITLE"), ("a1", "임대차계약서 작성해 주세요 그리고 더"), ("b2", "nda")], 20, flexible=(1,))
    assert all(width(line) <= 20 for line in lines)
    assert [line.index(cell) for line, cell in zip(lines, ("TITLE", "임", "nda"), strict=True)] == [4, 4, 4]
    assert lines[1].endswith("…")
