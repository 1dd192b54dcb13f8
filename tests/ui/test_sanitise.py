"""Nothing hidden reaches a screen, and nothing that is shown is lost."""

import unicodedata

import pytest

from octo_cli.ui.sanitise import one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J지움", "‹U+001B›[2J지움"),
        ("\x1b]0;title\x07rest", "‹U+001B›]0;title‹U+0007›rest"),
        ("\x1b]8;;http://evil never closed", "‹U+001B›]8;;http://evil never closed"),
        ("\x9b31m", "‹U+009B›31m"),
        ("a\u202eb", "a‹U+202E›b"),
        ("zero\u200bwidth", "zero‹U+200B›width"),
        ("\u3164", "‹U+3164›"),
        ("\uffa0\u115f\u1160", "‹U+FFA0›‹U+115F›‹U+1160›"),
        ("tag\U000e0041", "tag‹U+E0041›"),
        ("half\udcff", "half‹U+DCFF›"),
        ("over\rwritten", "over‹U+000D›written"),
        ("line\u2028break", "line‹U+2028›break"),
    ],
)
def test_hidden_characters_become_marks(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("text", ["임대차계약서", "[bold]괄호[/bold]", "표\t와\n줄", "한글 ½ € “q”"])
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_no_format_or_control_character_survives() -> None:
    everything = "".join(map(chr, range(0x110000)))
    left = {char for char in visible(everything) if unicodedata.category(char) in ("Cc", "Cs")}
    assert left == {"\n", "\t"}
    bidi = {
        char for char in visible(everything) if unicodedata.bidirectional(char) in ("RLO", "LRO", "RLE", "LRE", "RLI")
    }
    assert not bidi


def test_windows_line_ends_are_line_ends() -> None:
    assert visible("a\r\nb") == "a\nb"


def test_a_title_stays_on_its_line() -> None:
    assert one_line(" a\n\n  b\tc ") == "a b c"
