"""A document's fields on their way to agreement: what was read, what a person said, what follows, what is still open.

Pure functions over `FieldValue`s; no graph, no storage, no question.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from msgspec import structs

from octo_cli.documents.catalog import DocumentType
from octo_cli.errors import InvalidAnswer
from octo_cli.i18n import Words, describe
from octo_cli.reasoning.base import MODEL_RULE
from octo_cli.wire.forms import FieldValue, Issue, Proposal
from octo_cli.wire.work import Language

Fields = dict[str, FieldValue]
Issues = dict[str, tuple[Issue, ...]]


def values_of(fields: Mapping[str, FieldValue]) -> dict[str, Any]:
    return {name: field.value for name, field in fields.items() if field.value is not None}


def propose(fields: Fields, proposals: Iterable[Proposal], *, over_user: bool = False) -> Fields:
    """`fields` with what a mind read from a text. A value a person gave stays, unless they now ask for another."""
    proposed = dict(fields)
    for proposal in proposals:
        known = proposed.get(proposal.field, FieldValue())
        if known.provenance != "user" or over_user:
            proposed[proposal.field] = _read(proposal, known)
    return proposed


def _read(proposal: Proposal, known: FieldValue) -> FieldValue:
    value, note = proposal.value, proposal.note
    # A list that only a model read never takes the place of one there is.
    if note == "addition" or (proposal.provenance == "llm" and isinstance(value, list)):
        before = known.value if isinstance(known.value, list) else []
        value, note = [*before, *(item for item in value if item not in before)], None if note == "addition" else note
    if value is None and known.value is not None:
        # Something was said of it that could not be read: the value stays, and is looked at again.
        return structs.replace(known, note=note, other=proposal.other, confirmed=False)
    if value is not None and value == known.value:
        return known
    return FieldValue(
        value=value,
        raw=proposal.raw,
        provenance="none" if value is None else proposal.provenance,
        confirmed=proposal.agreed,
        confidence=proposal.confidence,
        span=proposal.span,
        note=note,
        other=proposal.other,
    )


def submit(
    fields: Fields, given: Mapping[str, Any], paper: DocumentType, today: date, say: Words
) -> tuple[Fields, Issues]:
    """`fields` after a person handed in the form: what they gave is theirs, what they left is accepted.

    A value that cannot be read leaves its field as it was, with the reason as an issue.
    """
    taken = {name: structs.replace(field, confirmed=field.value is not None) for name, field in fields.items()}
    refused: Issues = {}
    for name, raw in given.items():
        try:
            value = None if _is_blank(raw) else paper.parse(name, raw, today)
        except InvalidAnswer as error:
            refused[name] = (Issue(level="error", rule="value", message=describe(error, say)[0]),)
            continue
        before = fields.get(name, FieldValue())
        if value != before.value or before.provenance == "none":
            taken[name] = FieldValue(value=value, raw=_as_text(raw), provenance="user", confirmed=True)
    return taken, refused


def complete(fields: Fields, paper: DocumentType, *, today: date, language: Language) -> Fields:
    """`fields` with defaults and computed values made anew from the others. A field a person emptied stays empty."""
    given = {name: field for name, field in fields.items() if field.provenance != "default"}
    added = paper.complete(values_of(given), today=today, language=language)
    completed = dict(given)
    for name, value in added.items():
        known = given.get(name)
        # What a person emptied, or mentioned in words that could not be read, is not filled by assumption.
        if value is None or (
            known is not None and (known.value is not None or known.provenance == "user" or known.note)
        ):
            continue
        before = fields.get(name, FieldValue())
        note = known.note if known else None
        kept = before.confirmed and before.value == value
        completed[name] = FieldValue(value=value, provenance="default", confirmed=kept, note=note)
    return completed


def remarks(fields: Fields, paper: DocumentType, say: Words) -> Issues:
    """What a person should look at twice before confirming, from the notes of those who read the text."""
    found: Issues = {}
    for name, field in fields.items():
        if field.note and not field.confirmed and say.has(f"extract.{field.note}"):
            other = paper.show(name, field.other, say.language)
            message = say(f"extract.{field.note}", raw=field.raw, other=other)
            found[name] = (Issue(level="warning", rule="reading", message=message),)
    return found


def joined(*parts: Mapping[str, tuple[Issue, ...]]) -> Issues:
    """Issues of several origins, by field, each said once."""
    found: Issues = {}
    for part in parts:
        for name, issues in part.items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *issues)))
    return found


def of_model(found: Mapping[str, tuple[Issue, ...]]) -> Issues:
    """The remarks among `found` that no rule made."""
    remarked = {name: tuple(issue for issue in issues if issue.rule == MODEL_RULE) for name, issues in found.items()}
    return {name: issues for name, issues in remarked.items() if issues}


def changes(before: Mapping[str, FieldValue], after: Mapping[str, FieldValue]) -> dict[str, tuple[Any, Any]]:
    """(old, new) by name for each value that differs."""
    names = [*after, *(name for name in before if name not in after)]
    pairs = {name: (before.get(name, FieldValue()).value, after.get(name, FieldValue()).value) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _is_blank(raw: object) -> bool:
    return raw is None or (isinstance(raw, str) and not raw.strip()) or raw == []


def _as_text(raw: object) -> str:
    return raw if isinstance(raw, str) else ""
