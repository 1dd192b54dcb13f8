"""Addresses of pages as people write them into a sentence: found in a text, or taken out of it. Opens nothing."""

import re
from collections.abc import Iterator
from typing import Final

from octo_cli.values.patterns import lazy

# Brackets and quotation marks end an address; so does what only Korean writes there.
_PART: Final = r"[^\s<>\"'`“”‘’「」『』《》]{3,2000}"
# The "www." of an e-mail address or of an address already begun is none of its own.
URL: Final = rf"(?:(?<![a-z])https?://|(?<![\w.@/])www\.){_PART}"
_URL: Final = lazy(URL, re.I)
_AFTER_A_URL: Final = frozenset(".,;:!?…。、)]}*")
# Behind Latin letters any particle is one; behind Hangul only those that end no word of a page's name.
_PARTICLE: Final = lazy(
    r"(?<=[\x21-\x7e])(?:을|를|은|는|이|가|의|에|에서|에는|에게|와|과|도|만|로|으로|부터|까지|하고|이랑|랑|이나|나|에서는|이라는|라는)$"
    r"|(?<=[가-힣])(?:을|를|에서|으로)$"
)
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}


def find_urls(text: str) -> list[str]:
    """The addresses that stand in a text, in order, each once, without the particles and marks around them."""
    return list(dict.fromkeys(_found(text)))


def without_urls(text: str) -> str:
    """A text without its addresses: words in them say nothing about what is asked."""
    return _URL.sub(" ", text)


def _found(text: str) -> Iterator[str]:
    for match in _URL.finditer(text):
        url = _trimmed(match[0])
        yield url if "://" in url else f"https://{url}"


def _trimmed(url: str) -> str:
    while url[-1] in _AFTER_A_URL and not _closes(url):
        url = url[:-1]
    without = _PARTICLE.sub("", url)
    return url if without == url else _trimmed(without)


def _closes(url: str) -> bool:
    """Whether the last character closes a bracket that the address opened: ".../Octopus_(disambiguation)"."""
    last = url[-1]
    return last in _PAIRS and url.count(_PAIRS[last]) >= url.count(last)
