"""Strangers' text in Markdown: as a cell and as a code span it forges no structure."""

import pytest
from markdown_it import MarkdownIt

from octo_cli.values.markdown import code_span, escape_cell

STRANGE = (
    *("a | b", "`x`", "``", "a ``` b", "`", "*b* ~~c~~", "<b>", "[a](b)", "back\\slash", "\\| `a|b`"),
    *("two\nlines", "서울"),
)


@pytest.mark.parametrize("text", STRANGE)
def test_a_cell_holds_exactly_its_characters(text: str) -> None:
    table = f"| head | next |\n| --- | --- |\n| {escape_cell(text)} | last |"
    cells = [one for one in MarkdownIt().enable("table").enable("strikethrough").parse(table) if one.type == "inline"]
    said = [[(one.type, one.content) for one in cell.children or ()] for cell in cells]
    assert said == [[("text", words)] for words in ("head", "next", " ".join(text.split()), "last")]


@pytest.mark.parametrize("text", STRANGE)
def test_a_code_span_ends_where_its_text_does(text: str) -> None:
    (paragraph,) = [one for one in MarkdownIt().parse(f"see {code_span(text)}.") if one.type == "inline"]
    assert [(one.type, one.content) for one in paragraph.children or ()] == [
        ("text", "see "),
        ("code_inline", " ".join(text.split())),
        ("text", "."),
    ]
