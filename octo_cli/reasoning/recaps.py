"""A conversation in a few lines, all of them sentences that were said in it: what is not worded is not invented."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from octo_cli.values.contact import mask_rrn
from octo_cli.values.patterns import lazy
from octo_cli.values.text import one_line
from octo_cli.wire.memory import Length
from octo_cli.wire.work import Message

# Characters of a whole summary: five long and ten short ones in Korean take about half of the usual budget.
LONGEST: Final[dict[Length, int]] = {"long": 240, "short": 70}
_EXCHANGES: Final[dict[Length, int]] = {"long": 2, "short": 1}
_SENTENCE: Final = lazy(r"(?<=[.!?。？！])\s+|\n+")
# What decides in a document is its amounts, dates and terms: a sentence that has one tells more than its neighbours.
_DECISIVE: Final = re.compile(r"\d")
_MARKS: Final = " \t#>*-·|`"


def recap(said: Sequence[Message], length: Length) -> str:
    """Each request with its outcome, the first and the newest ones; the same for the same conversation."""
    exchanges = list(_exchanges(said))
    most = _EXCHANGES[length]
    kept = exchanges if len(exchanges) <= most else [*exchanges[: most // 2], *exchanges[most // 2 - most :]]
    share = LONGEST[length] // max(1, len(kept)) // 2 - len(" → ")
    told = (" → ".join(filter(None, (_essence(asked, share), _essence(came, share)))) for asked, came in kept)
    return "\n".join(told)


def _exchanges(said: Sequence[Message]) -> Iterator[tuple[str, str]]:
    """(what a person said, what Octo said to that); the latter "" where nothing was."""
    for place, message in enumerate(said):
        if message.speaker == "user":
            after = next(islice(said, place + 1, None), None)
            yield message.text, after.text if after and after.speaker == "octo" else ""


def _essence(text: str, longest: int) -> str:
    """The first sentence, and the decisive ones after it as far as there is room."""
    sentences = [found for part in _SENTENCE.split(mask_rrn(text)) if (found := one_line(part).strip(_MARKS))]
    if not sentences:
        return ""
    essence = _clipped(sentences[0], longest)
    for sentence in sentences[1:]:
        if _DECISIVE.search(sentence) and len(essence) + len(sentence) < longest:
            essence = f"{essence} {sentence}"
    return essence


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
