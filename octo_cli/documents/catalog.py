"""The document types there are: the user's folders before the program's own. Listing them reads heads only."""

import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from octo_cli.documents.declaration import Declaration
from octo_cli.documents.document_type import DocumentType
from octo_cli.documents.rules import read_law, read_rules
from octo_cli.errors import Failed, NotFound, OctoError
from octo_cli.wire.work import TypeCard

PACKAGE_TYPES: Final = Path(__file__).parent / "types"


class Catalog:
    """Document types by name. A folder holds one folder a type; the first folder that has a name wins.

    `Catalog((home / "documents", PACKAGE_TYPES))`; a folder that does not exist is an empty one. `cache` is a folder
    where compiled templates may be kept from one process to the next.
    """

    def __init__(self, folders: Sequence[Path] = (PACKAGE_TYPES,), *, cache: Path | None = None) -> None:
        self._folders = tuple(folders)
        self._cache = cache
        self._found: dict[str, DocumentType] = {}

    def cards(self) -> tuple[TypeCard, ...]:
        """A card for each type, in the order of names; one whose head cannot be read is left out (see `problems`)."""
        return tuple(card for card in map(_card, self._type_folders().values()) if card is not None)

    def find(self, name: str) -> DocumentType:
        """Raises NotFound("document_type_not_found", name, known) and Failed("document_type_broken", name, reason)."""
        if name not in self._found:
            folders = self._type_folders()
            if name not in folders:
                raise NotFound("document_type_not_found", name=name, known=", ".join(folders))
            self._found[name] = _load(folders[name], self._cache)
        return self._found[name]

    def problems(self) -> tuple[OctoError, ...]:
        """What `find` would raise for each type that is broken; reads every folder."""
        return tuple(self._troubles())

    def _troubles(self) -> Iterator[OctoError]:
        for name in self._type_folders():
            try:
                self.find(name)
            except OctoError as exc:
                yield exc

    def _type_folders(self) -> dict[str, Path]:
        first: dict[str, Path] = {}
        for folder in self._folders:
            for path in sorted(folder.glob("*/type.toml")):
                first.setdefault(path.parent.name, path.parent)
        return dict(sorted(first.items()))


def _card(folder: Path) -> TypeCard | None:
    try:
        return _card_of(folder, (folder / "type.toml").stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError):
        return None


@lru_cache
def _card_of(folder: Path, changed: int) -> TypeCard:  # noqa: ARG001 (every turn asks; one that was changed is read anew)
    """From `type.toml` up to its first table of fields or rules."""
    text = (folder / "type.toml").read_text(encoding="utf-8")
    head = tomllib.loads(text.partition("\n[[")[0])
    return TypeCard(folder.name, dict(head["title"]), tuple(head.get("aliases", ())))


def _load(folder: Path, cache: Path | None) -> DocumentType:
    try:
        declared = tomllib.loads((folder / "type.toml").read_text(encoding="utf-8"))
        declaration = msgspec.convert(declared, Declaration)
    except (OSError, ValueError, msgspec.MsgspecError) as exc:
        raise Failed("document_type_broken", name=folder.name, reason=str(exc)) from exc
    if declaration.name != folder.name:
        raise Failed("document_type_broken", name=folder.name, reason=f"type.toml calls itself {declaration.name!r}")
    law, rules = read_law(PACKAGE_TYPES), read_rules(PACKAGE_TYPES)
    found = DocumentType(declaration, folder, law=law, rules=rules, cache=cache)
    if folder.parent != PACKAGE_TYPES:
        found.check()
    return found


__all__ = ["PACKAGE_TYPES", "Catalog", "DocumentType"]
