"""Field values out of a sentence: proposals only, each with its place and how sure it is. No form, no document type.

What a field is called is all that is known of it (`FieldSpec`). Each reader looks for one kind of value, and
`claims.settle` lets at most one a field through. A value that is not plainly tied to its field is left out.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from octo_cli.reasoning.base import Request
from octo_cli.reasoning.extraction.amounts import no_rent, read_amounts
from octo_cli.reasoning.extraction.claims import Claim, settle
from octo_cli.reasoning.extraction.contacts import contact_spans, read_contacts
from octo_cli.reasoning.extraction.labels import names_of
from octo_cli.reasoning.extraction.people import read_people
from octo_cli.reasoning.extraction.room import Room
from octo_cli.reasoning.extraction.times import read_dates, read_days, read_periods
from octo_cli.reasoning.extraction.wording import (
    read_accounts,
    read_choices,
    read_flags,
    read_lease_kind,
    read_lists,
    read_numbers,
    read_texts,
)
from octo_cli.values.dates import find_dates
from octo_cli.wire.forms import FieldSpec, Proposal

_YEARS: Final = "_years"


def extract(request: Request, fields: Sequence[FieldSpec]) -> Sequence[Proposal]:
    """What `request.text` states for `fields`, in the order of the text; spans are offsets into it."""
    return tuple(settle(request.text, _claims(request, [_as_period(spec) for spec in fields])))


def _claims(request: Request, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    lists = tuple(read_lists(request.text, specs))
    yield from lists
    text = _without(request.text, lists)
    accounts = tuple(read_accounts(text, specs))
    yield from accounts
    text = _without(text, accounts)

    yield from read_contacts(text, specs)
    room = Room(text, contact_spans(text)).without(find_dates(text, request.today))
    amounts = tuple(read_amounts(text, specs, room))
    yield from amounts
    yield from read_dates(text, specs, request.today)
    yield from map(_in_years, read_periods(text, specs))
    yield from read_days(text, specs, room)
    yield from read_people(text, specs)

    yield from read_texts(text, specs)
    yield from read_choices(text, specs)
    yield from read_flags(text, specs)
    yield from read_numbers(text, specs)
    yield from read_lease_kind(text, specs, _rent(specs, amounts), no_rent(text, specs))


def _without(text: str, claims: Sequence[Claim]) -> str:
    """The text with what was read blanked out, every other character in its place."""
    kept, position = [], 0
    for claim in sorted(claims, key=lambda claim: claim.start):
        if claim.start >= position:
            kept += [text[position : claim.start], "\n" * (claim.end - claim.start)]
            position = claim.end
    return "".join((*kept, text[position:]))


def _as_period(spec: FieldSpec) -> FieldSpec:
    """A number of years is read as a length of time."""
    return replace(spec, type="period") if spec.type == "integer" and spec.name.endswith(_YEARS) else spec


def _in_years(claim: Claim) -> Claim:
    if not claim.field.endswith(_YEARS) or claim.value is None:
        return claim
    years, months = divmod(claim.value, 12)
    return claim._replace(value=years) if not months else claim._replace(value=None, note="not_whole_years")


def _rent(specs: Sequence[FieldSpec], amounts: Sequence[Claim]) -> Claim | None:
    rents = {spec.name for spec in specs if spec.type == "won" and "월세" in names_of(spec)}
    return next((claim for claim in amounts if claim.field in rents), None)
