"""The voice: what a turn came to becomes what is handed out. One table, one file each.

Other packages add formats by entry points (`foreign`); those are looked for only when a name is none of Octo's own.
"""

from typing import Any, Final

from octo_cli.errors import UsageError
from octo_cli.outputs import all as every
from octo_cli.outputs import chat, foreign, graph, json, report
from octo_cli.outputs.base import Output, Screen, Subject, subject_of, subject_told
from octo_cli.outputs.foreign import BROKEN, broken, problems
from octo_cli.values.text import one_line

__all__ = [
    "BROKEN",
    "FORMATS",
    "OWN",
    "Output",
    "Screen",
    "Subject",
    "broken",
    "formats",
    "made",
    "output",
    "problems",
    "subject_of",
    "subject_told",
    "wanted",
]

OWN: Final = {made.name: made for made in (chat.OUTPUT, graph.OUTPUT, report.OUTPUT, json.OUTPUT, every.OUTPUT)}
FORMATS: Final[tuple[str, ...]] = tuple(OWN)


def output(name: str) -> Output | None:
    """The format of that name; None when there is none. Raises Failed "output_broken" for a package's that fails."""
    return OWN.get(name) or foreign.output(name)


def formats() -> tuple[str, ...]:
    """The names of all formats there are: Octo's own, then those of other packages."""
    return (*FORMATS, *foreign.names())


def wanted(name: str) -> Output:
    """The format of that name. Raises UsageError "format_not_found" when there is none, and as `output` does."""
    found = output(name)
    if found is None:
        raise UsageError("format_not_found", name=one_line(name), known=", ".join(formats()))
    return found


def made(name: str, subject: Subject) -> Any:
    """The result in that format; of one with parts, the result of each by name.

    Raises UsageError "format_not_found", and Failed "output_broken" when another package's fails.
    """
    form = wanted(name)
    if name not in OWN:
        return foreign.made(form, subject)
    if form.generate:
        return form.generate(subject)
    return {part: made(part, subject) for part in form.parts}
