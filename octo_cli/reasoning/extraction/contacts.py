"""Phones, e-mail and addresses: whose they are, by the role named nearest before them. `values.contact` reads them."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from octo_cli.reasoning.extraction.claims import INFERRED, LABELLED, POSITIONED, Claim
from octo_cli.reasoning.extraction.labels import Label, find_labels, last_before
from octo_cli.values.contact import find_addresses, find_emails, find_phones
from octo_cli.values.found import Found
from octo_cli.values.patterns import lazy
from octo_cli.wire.forms import FieldSpec

_READERS: Final[dict[str, Callable[[str], list[Found[str]]]]] = {
    "phone": find_phones,
    "email": find_emails,
    "address": find_addresses,
}
_NEAR: Final = 40  # characters from a role to what is said of it


def contact_spans(text: str) -> list[Found[str]]:
    """Everything in the text that is a contact, whosever it is."""
    return [found for find in _READERS.values() for found in find(text)]


def read_contacts(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """Claims for phone, e-mail and address fields."""
    roles = _Roles(text, specs)
    for kind, find in _READERS.items():
        own = [spec for spec in specs if spec.type == kind]
        if not own:
            continue
        labels = [label for label in find_labels(text, specs, kind) if label.fields]
        for found in find(text):
            if claimed := _owner(text, found, own, labels, roles):
                field, tied = claimed
                yield Claim(field, found.value, found.start, found.end, tied, found.note, found.confidence)


def _owner(
    text: str, found: Found[str], own: list[FieldSpec], labels: list[Label], roles: "_Roles"
) -> tuple[str, float] | None:
    """The field a contact belongs to and how surely."""
    label = _label_before(text, found, labels)
    role = roles.before(found)
    general = _without_role(own, roles)
    if label and (len(label.fields) == 1 and label.fields[0] not in general):
        return label.fields[0], LABELLED
    if label and general and label.fields[0] in general and not _said_of(text, role, label.start):
        return label.fields[0], LABELLED
    if role is not None and (not general or _said_of(text, role, found.start)):
        theirs = roles.field_of(role, own)
        return (theirs, POSITIONED) if theirs else None
    if general:
        return general[0], POSITIONED if label else INFERRED
    return (own[0].name, INFERRED) if len(own) == 1 and role is None else None


_OF_A_PERSON: Final = lazy(
    r"\S{0,6}\s?(?:\([^)]{0,40}|의\s?(?:현\s?)?(?:집\s?)?(?:주소|거주지)\S{0,2}\s?|'s\s\w+\s(?:is\s)?|,?\s(?:who\s)?(?:lives?|living|residing|of)\s(?:at\s)?)?$",
    re.I,
)


def _said_of(text: str, role: Label | None, start: int) -> bool:
    """Whether what begins at `start` is told of the person in that role, and not only after them in a list."""
    if role is None:
        return False
    between = text[role.end : start]
    if re.search(r"[,;\n]", between):
        return False
    return (
        re.search(r"\(|의\s|'s\b|(?:거주|사는|살고|lives?|residing)|주소", between) is not None
        or len(between.strip()) <= 2
    )


def _label_before(text: str, found: Found[str], labels: list[Label]) -> Label | None:
    label = last_before(labels, found.start)
    if label is None or found.start - label.end > 14 or re.search(r"[\n;.]\s?\S", text[label.end : found.start]):
        return None
    return label


def _without_role(own: list[FieldSpec], roles: "_Roles") -> list[str]:
    """Fields of this kind that belong to no person: the address of the property itself."""
    return [spec.name for spec in own if not roles.is_personal(spec)]


class _Roles:
    """The people of a document (landlord_name, tenant_name …) and where the text names their roles."""

    _TITLE = lazy(r"_(?:name|party)$")

    def __init__(self, text: str, specs: Sequence[FieldSpec]) -> None:
        self._text = text
        self._people = {self._TITLE.sub("", spec.name): spec for spec in specs if spec.type == "name"}
        self._labels = find_labels(text, specs, "name")

    def is_personal(self, spec: FieldSpec) -> bool:
        return any(spec.name.startswith(f"{stem}_") for stem in self._people)

    def before(self, found: Found[str]) -> Label | None:
        """The role named last before `found` in its sentence, or right behind it in brackets."""
        bracket = re.match(r"\s?\(", self._text[found.end : found.end + 2])
        behind = last_before(self._labels, found.end + 16) if bracket else None
        if bracket and behind and behind.start == found.end + bracket.end():
            return behind
        role = last_before(self._labels, found.start)
        if role is None or found.start - role.end > _NEAR:
            return None
        return None if re.search(r"[\n;]|[.!?]\s", self._text[role.end : found.start]) else role

    def field_of(self, role: Label, own: list[FieldSpec]) -> str | None:
        """The contact field of the person in that role; None for one the document does not ask about."""
        stems = [stem for stem, spec in self._people.items() if spec.name in role.fields]
        return next((spec.name for stem in stems for spec in own if spec.name.startswith(f"{stem}_")), None)
