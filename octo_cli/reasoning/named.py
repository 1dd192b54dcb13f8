"""What a request names to work on: addresses of pages, files of tables, a piece of code. Nothing is opened here."""

import re
from typing import Final

from octo_cli.reasoning.cues import TABLE_FILE, URL
from octo_cli.values.patterns import HANGUL, lazy

_QUOTED_FILE: Final = lazy(rf"[\"'“‘`]([^\"'“”‘’`\n]{{1,200}}{TABLE_FILE})[\"'”’`]", re.I)
_FILE: Final = lazy(rf"[\w./~\\-]{{1,200}}{TABLE_FILE}", re.I)
_CLOSING: Final = ".,;:!?)]}>\"'”’…。"
# Behind Latin letters any particle is one; behind Hangul only those that end no word of a page's name.
_PARTICLE: Final = lazy(
    rf"(?<!{HANGUL})(?:을|를|은|는|이|가|의|에서|에|와|과|랑|로|으로|도)$|(?<={HANGUL})(?:을|를|에서|으로)$"
)
_FENCE: Final = lazy(r"```[ \t]*([\w+#-]*)[^\n]*\n(.*?)(?:```|\Z)", re.S)
_TOLD_TO_RUN: Final = lazy(
    r"(?:(?:실행|돌려)\s?(?:해\s?)?(?:줘|봐|주세요|보세요)?|\brun\s+(?:this|the\s+following|it)[^:\n]{0,40}?|\bexecute)\s*[:：]\s*(\S.*)",
    re.I | re.S,
)
_LANGUAGES: Final = {
    "python": lazy(r"파이썬|(?<![a-z])py(?:thon)?(?![a-z])", re.I),
    "shell": lazy(r"셸|쉘|터미널|명령|(?<![a-z])(?:shell|bash|sh|zsh|terminal|command)(?![a-z])", re.I),
}


def urls(text: str) -> list[str]:
    """The addresses in a text, without the punctuation or the particle behind them, each once."""
    return list(dict.fromkeys(_address(match[0]) for match in URL.finditer(text)))


def without_urls(text: str) -> str:
    """A text without its addresses: words in them say nothing about what is asked."""
    return URL.sub(" ", text)


def table_files(text: str) -> list[str]:
    """Names of files with tables, as written; one with blanks in it must stand in quotes."""
    bare = without_urls(text)
    found = [(match.start(), match[1]) for match in _QUOTED_FILE.finditer(bare)]
    quoted = [range(*match.span()) for match in _QUOTED_FILE.finditer(bare)]
    found += [(m.start(), m[0]) for m in _FILE.finditer(bare) if not any(m.start() in span for span in quoted)]
    return list(dict.fromkeys(name for _, name in sorted(found)))


def snippet(text: str) -> dict[str, str]:
    """`snippet` and, when it can be told, `language`: what stands in a fence, or behind "실행해줘:"; else nothing."""
    if fence := _FENCE.search(text):
        code, said = fence[2].rstrip(), fence[1] or text[: fence.start()]
    elif told := _TOLD_TO_RUN.search(text):
        code, said = told[1].strip(), text[: told.start(1)]
    else:
        return {}
    language = next((name for name, words in _LANGUAGES.items() if words.search(said)), None)
    return {"snippet": code, "language": language} if language else {"snippet": code}


def _address(text: str) -> str:
    address = _PARTICLE.sub("", text.rstrip(_CLOSING)).rstrip(_CLOSING)
    return address if address.lower().startswith("http") else f"https://{address}"
