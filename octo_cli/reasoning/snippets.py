"""A piece of code that a request gives to be run or looked at. Nothing is run here, nor is its language guessed."""

import re
from typing import Final, NamedTuple

from octo_cli.values.patterns import lazy

# One that never ends goes on to the end of the request.
_FENCED: Final = lazy(
    r"^(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[^\n]*\n(?P<code>.*?)(?:^(?P=fence)|\Z)", re.M | re.S
)
_RUN: Final = (
    r"(?:실행|돌려)\s?(?:해\s?)?(?:줘|봐|주세요|주십시오|보세요)?"
    r"|\b(?:run|execute)(?:\s+(?:this|it|the\s+following))?(?:\s+(?:python|shell))?(?:\s+(?:code|command|script))?"
)
_ORDERED: Final = lazy(rf"(?:{_RUN})\s*[:：]\s*(?P<code>\S.*)", re.I | re.S)
_TO_RUN: Final = lazy(_RUN, re.I)


class Snippet(NamedTuple):
    """`language` is what a fence says, lower case, "" when nothing does; `around` the request's other words."""

    code: str
    language: str
    around: str

    @property
    def is_to_run(self) -> bool:
        return _TO_RUN.search(self.around) is not None


def snippet_in(text: str) -> Snippet | None:
    """The code a request gives: a fenced block, or what follows "실행해줘:" or "run this:"."""
    if match := _FENCED.search(text):
        around = text[: match.start()] + text[match.end() :]
        return Snippet(match["code"].rstrip("\n"), match["language"].casefold(), around)
    if match := _ORDERED.search(text):
        return Snippet(match["code"].strip(), "", text[: match.start("code")])
    return None
