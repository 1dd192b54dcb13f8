"""The shape of a `type.toml`."""

from msgspec import Struct

from octo_cli.documents.rules import Rule
from octo_cli.wire.forms import FieldSpec, Slot


class Declaration(Struct, frozen=True, forbid_unknown_fields=True):
    """`title` and `file_stem` are by language; `file_stem` is a sentence over the values."""

    name: str
    title: dict[str, str]
    file_stem: dict[str, str]
    fields: tuple[FieldSpec, ...]
    version: int = 1
    aliases: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    wording: tuple[Slot, ...] = ()
