"""Patterns compiled when they are first used: Octo knows hundreds, and one request needs a few dozen of them.

Compiling is what costs: a class of all Hangul takes a millisecond, as long as searching a page of text with it.
"""

import re
from functools import cached_property
from typing import Any, Final, cast

# In a pattern that ignores case: Hangul has none, and said so its classes compile three times as fast.
HANGUL: Final = "(?-i:[가-힣])"


def lazy(source: str, flags: int = 0) -> re.Pattern[str]:
    """`re.compile(source, flags)`, put off until something is looked for."""
    return cast(re.Pattern[str], _Later(source, flags))


class _Later:
    def __init__(self, source: str, flags: int) -> None:
        self._source = source
        self._flags = flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._source, self._flags)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiled, name)
