"""Field values out of a text, read twice: by rules and by a model. What both read is agreed; a difference is asked.

A model's reading counts only if the words it quotes stand in the text and its value is one the field takes. What rules
cannot derive from the quote is kept for a person to look at twice, or dropped where a slip would cost money.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Final

from msgspec.structs import replace

from octo_cli.errors import InvalidAnswer
from octo_cli.reasoning.base import Models, Paper, Request
from octo_cli.reasoning.llm import prompts, shapes
from octo_cli.values.dates import find_dates, find_days, find_months
from octo_cli.values.found import Found
from octo_cli.values.money import find_elliptic_won, find_won
from octo_cli.values.text import half_width
from octo_cli.wire.forms import FieldSpec, Proposal

# Notes under `extract.` in the catalogue.
LOOK_TWICE: Final = "model_reading"
DIFFERENT: Final = "two_readings"

_WORDS: Final = frozenset({"text", "longtext", "name", "address", "phone", "email", "account", "list"})
_COUNTED: Final = frozenset({"won", "integer", "decimal", "period", "day"})
# Two readings of such a text differ in where it begins and ends, not in what it says.
_LOOSE: Final = frozenset({"text", "longtext", "address", "list"})


async def extract(models: Models, request: Request, paper: Paper, own: Sequence[Proposal]) -> Sequence[Proposal]:
    """`own`, what the rules read, together with what the model reads; in the order of the text."""
    if not request.text.strip():
        return own
    asked = prompts.about(
        prompts.EXTRACT,
        request=request.text,
        today=request.today.isoformat(),
        fields=[_described(spec, request) for spec in paper.fields],
    )
    shape = shapes.readings(tuple(spec.name for spec in paper.fields))
    found = await models.structured("router", asked, shape, name="Readings")
    specs = {spec.name: spec for spec in paper.fields}
    theirs: dict[str, Proposal] = {}
    for reading in found.readings:
        if reading.field not in theirs and (proposal := _taken(reading, specs[reading.field], request, paper)):
            theirs[reading.field] = proposal
    return tuple(sorted(_settled(own, theirs, specs), key=lambda proposal: proposal.span))


def _described(spec: FieldSpec, request: Request) -> dict[str, Any]:
    told = {"name": spec.name, "type": spec.type, "label": spec.label[request.language], "also": spec.aliases[:5]}
    choices = {choice.value: choice.label[request.language] for choice in spec.choices}
    return {**told, "choices": choices} if choices else told


def _settled(own: Sequence[Proposal], theirs: dict[str, Proposal], specs: dict[str, FieldSpec]) -> Iterator[Proposal]:
    for mine in own:
        other = theirs.pop(mine.field, None)
        yield mine if other is None else _joined(mine, other, specs[mine.field])
    for proposal in theirs.values():
        taken = any(_overlap(proposal.span, mine.span) for mine in own)
        yield replace(proposal, note=LOOK_TWICE) if taken else proposal


def _joined(mine: Proposal, other: Proposal, spec: FieldSpec) -> Proposal:
    """What rules and model make of the same field. What the rules could not take as it stands stays to be asked."""
    if mine.value is None or mine.note == "addition":
        return mine
    if mine.value == other.value:
        return replace(mine, agreed=True, note=None, confidence=max(mine.confidence, other.confidence))
    if spec.type in _LOOSE and _overlap(mine.span, other.span):
        return mine
    return replace(mine, note=DIFFERENT, other=other.value)


def _taken(reading: shapes.Reading, spec: FieldSpec, request: Request, paper: Paper) -> Proposal | None:
    """A model's reading as a proposal, if the text bears it out."""
    span = _place(reading.quote, request.text)
    if span is None:
        return None
    quote = request.text[slice(*span)]
    try:
        value = paper.parse(spec.name, reading.value, request.today)
    except InvalidAnswer:
        return None
    if value is None or value == []:
        return None
    derived = _states(quote, request, spec, value, paper)
    if not derived and spec.type in _WORDS | _COUNTED:
        return None
    note = None if derived else LOOK_TWICE
    return Proposal(spec.name, value, quote, span, round(reading.confidence, 2), note, provenance="llm")


def _place(quote: str, text: str) -> tuple[int, int] | None:
    """Where a quote stands in a text, however its white space runs."""
    pattern = r"\s+".join(map(re.escape, quote.split()))
    found = re.search(pattern, text) if pattern else None
    return found.span() if found else None


def _states(quote: str, request: Request, spec: FieldSpec, value: Any, paper: Paper) -> bool:
    """Whether rules find the value in the words quoted for it."""
    if spec.type in _WORDS:
        said = _letters(request.text)
        return all(_letters(piece) in said for piece in (value if isinstance(value, list) else [str(value)]))
    try:
        if paper.parse(spec.name, quote, request.today) == value:
            return True
    except InvalidAnswer:
        pass
    return any(found == value for found in _FOUND.get(spec.type, _nothing)(quote, request.today))


def _numbers(quote: str, _: date) -> list[Any]:
    written = re.findall(r"[0-9]+(?:\.[0-9]+)?", half_width(quote).replace(",", ""))
    return [*written, *(int(number) for number in written if number.isdigit())]


def _values(*finders: Callable[[str], list[Found[Any]]]) -> Callable[[str, date], list[Any]]:
    return lambda quote, _: [found.value for finder in finders for found in finder(quote)]


def _nothing(_: str, __: date) -> list[Any]:
    return []


# What rules find in a quote, as the JSON values of a field type.
_FOUND: Final[dict[str, Callable[[str, date], list[Any]]]] = {
    "won": _values(find_won, find_elliptic_won),
    "period": _values(find_months),
    "day": _values(find_days),
    "date": lambda quote, today: [found.value.isoformat() for found in find_dates(quote, today) if found.value],
    "integer": _numbers,
    "decimal": _numbers,
}


def _letters(text: str) -> str:
    return "".join(char for char in half_width(text).casefold() if char.isalnum())


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
