"""The audit log: one document's, and one thread's beside its inspection. What breaks a chain is found in storage."""

import sys
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from typer import Argument

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines
from octo_cli.errors import StorageError
from octo_cli.storage import AuditRow, Storage, open_storage
from octo_cli.ui.inspection import audit_lines
from octo_cli.wire.inspection import AuditChain, AuditRecord


def document_log(ctx: typer.Context, document: Annotated[str, Argument(metavar="DOCUMENT")]) -> None:
    """Who changed what of a document, and whether that record is whole."""
    caller: Caller = ctx.obj
    with open_storage(caller.settings.database, create=False) as storage:
        document_id = storage.resolve_document(document)
        chains = [chain_of(storage, thread_id) for thread_id in storage.document_threads(document_id)]
        records = _told(storage.document_audit(document_id))
    tell(caller, {"document_id": document_id}, records, chains)


def thread_log(storage: Storage, thread_id: str) -> tuple[list[AuditRecord], list[AuditChain]]:
    return _told(storage.audit(thread_id)), [chain_of(storage, thread_id)]


def chain_of(storage: Storage, thread_id: str) -> AuditChain:
    return AuditChain(thread_id, storage.audit_length(thread_id), storage.verify_audit(thread_id))


def tell(
    caller: Caller, about: dict[str, object], records: Sequence[AuditRecord], chains: Sequence[AuditChain]
) -> None:
    """Print the log, `about` beside it as data. Exits with status 5 when a chain is broken, after all was shown."""
    broken = next((chain for chain in chains if chain.broken_at is not None), None)
    if caller.flags.get("json"):
        print_json(about, {"entries": records, "chains": chains, "verified": broken is None})
        if broken is not None:
            raise typer.Exit(StorageError.status)
        return
    print_lines(audit_lines(records, chains, caller.settings.now(), caller.words))
    if broken is not None:
        sys.stdout.flush()
        raise StorageError("audit_broken", thread=broken.thread_id, entry=broken.broken_at)


def _told(rows: Sequence[AuditRow]) -> list[AuditRecord]:
    return [AuditRecord(seq=row.seq, hash=row.hash, **msgspec.structs.asdict(row.entry)) for row in rows]
