"""What an output format is: what is made, from what, how it is written to a file and shown on a screen."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from octo_cli.wire.events import AggregatedData, Summary
from octo_cli.wire.work import Language


class Subject(NamedTuple):
    """What a turn came to: everything a format may draw from.

    `title` is what was asked, in the words of whoever asked; `at` is when the turn was made, RFC 3339.
    """

    data: AggregatedData
    title: str
    language: Language
    at: str


def subject_of(values: Mapping[str, Any]) -> Subject:
    """Of a thread's state, once the turn's results are aggregated."""
    request, data = values["request"], msgspec.convert(values["aggregated"], AggregatedData)
    return Subject(data, request["text"], request["language"], request.get("at", ""))


def subject_told(summary: Summary) -> Subject:
    """Of the contract's object: for whoever writes or draws a result that is made already."""
    language = summary.intent.language if summary.intent else "ko"
    return Subject(summary.aggregated_data or AggregatedData(), summary.title, language, "")


class Screen(NamedTuple):
    """A terminal: its width in cells, and whether it shows colours."""

    columns: int
    color: bool


class Output(NamedTuple):
    """One format. Nothing heavy is imported before one of its functions is called.

    `generate` makes the result: Markdown, or what JSON can hold. `files` tells by suffix how a result is written to a
    file; the first suffix is what a file in a folder is called. `draw` shows the result on a screen, for one that is
    not text to read as it is. `parts` are formats that are made side by side instead: the result holds theirs by name.
    """

    name: str
    files: Mapping[str, Callable[[Any, Subject], bytes]]
    generate: Callable[[Subject], Any] | None = None
    draw: Callable[[Any, Subject, Screen], str] | None = None
    parts: tuple[str, ...] = ()


def as_text(result: Any, _: Subject) -> bytes:
    return f"{str(result).rstrip()}\n".encode()


def as_json(result: Any, _: Subject) -> bytes:
    import json

    return f"{json.dumps(result, ensure_ascii=False, indent=2)}\n".encode()
