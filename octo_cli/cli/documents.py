"""documents …: the types there are, and the documents that were made."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer
from typer import Argument

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines, screen_columns
from octo_cli.documents.catalog import PACKAGE_TYPES, Catalog, DocumentType
from octo_cli.i18n import Language, Words
from octo_cli.settings import Settings
from octo_cli.storage import DocumentRecord, open_storage
from octo_cli.ui import lists
from octo_cli.ui.sanitise import one_line
from octo_cli.wire.forms import FieldSpec


def types(ctx: typer.Context) -> None:
    """The document types there are."""
    caller: Caller = ctx.obj
    cards = catalog(caller.settings).cards()
    if caller.flags.get("json"):
        print_json({"types": cards})
    else:
        print_lines(lists.type_lines(cards, caller.language, caller.words, screen_columns(sys.stdout)))


def show(ctx: typer.Context, document_type: Annotated[str, Argument(metavar="TYPE")]) -> None:
    """One document type and its fields."""
    caller: Caller = ctx.obj
    found = catalog(caller.settings).find(document_type)
    if caller.flags.get("json"):
        print_json(_as_data(found))
    else:
        print_lines(_as_lines(found, caller.language, caller.words))


def list_documents(ctx: typer.Context) -> None:
    """The documents that were made, newest first."""
    caller: Caller = ctx.obj
    with open_storage(caller.settings.database, create=False) as storage:
        records = storage.documents()
    if caller.flags.get("json"):
        print_json({"documents": [_in_thread(record) for record in records]})
    else:
        print_lines(lists.document_lines(records, caller.settings.now(), caller.words, screen_columns(sys.stdout)))


def catalog(settings: Settings) -> Catalog:
    return Catalog((settings.types_folder, PACKAGE_TYPES))


def _as_data(found: DocumentType) -> dict[str, Any]:
    return {"type": found.name, "title": found.title, "fields": found.fields}


def _as_lines(found: DocumentType, language: Language, say: Words) -> Iterator[str]:
    yield f"{found.name}  {one_line(found.title[language])}"
    group = ""
    for spec in found.fields:
        if spec.group != group:
            group = spec.group
            yield ""
        yield from _field_lines(spec, language, say)


def _field_lines(spec: FieldSpec, language: Language, say: Words) -> Iterator[str]:
    required = f" {say('run.required')}" if spec.required is True else ""
    yield f"  {spec.name}  {one_line(spec.label[language])} <{spec.type}>{required}"
    if spec.choices:
        yield f"      {', '.join(f'{choice.value} ({one_line(choice.label[language])})' for choice in spec.choices)}"
    elif spec.example:
        yield f"      {say('list.example')} {one_line(spec.example)}"


def _in_thread(record: DocumentRecord) -> dict[str, Any]:
    return {"thread_id": record.thread_id, **msgspec.to_builtins(record.artifact)}
