"""The audit log: one document's, and one thread's beside its inspection. What breaks a chain is found in storage."""

import sys
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
import typer
from typer import Argument

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines
from octo_cli.errors import StorageError
from octo_cli.i18n import describe
from octo_cli.storage import AuditRow, Storage, open_storage
from octo_cli.ui.inspection import audit_lines
from octo_cli.wire.inspection import AuditChain, AuditRecord


class Log(NamedTuple):
    """What is told: entries, the chains they are of, and what of the documents is not as the chains say."""

    entries: Sequence[AuditRecord]
    chains: Sequence[AuditChain]
    faults: Sequence[StorageError]


def document_log(ctx: typer.Context, document: Annotated[str, Argument(metavar="DOCUMENT")]) -> None:
    """Who changed what of a document, and whether that record is whole."""
    caller: Caller = ctx.obj
    with open_storage(caller.settings.database, create=False) as storage:
        document_id = storage.resolve_document(document)
        threads = storage.document_threads(document_id)
        log = Log(_told(storage.document_audit(document_id)), *_verified(storage, threads))
    tell(caller, {"document_id": document_id}, log)


def thread_log(storage: Storage, thread_id: str) -> Log:
    return Log(_told(storage.audit(thread_id)), *_verified(storage, [thread_id]))


def _verified(storage: Storage, threads: Sequence[str]) -> tuple[list[AuditChain], list[StorageError]]:
    faults = [fault for thread_id in threads for fault in storage.document_faults(thread_id)]
    return [_chain_of(storage, thread_id) for thread_id in threads], faults


def _chain_of(storage: Storage, thread_id: str) -> AuditChain:
    return AuditChain(thread_id, storage.audit_length(thread_id), storage.verify_audit(thread_id))


def tell(caller: Caller, about: dict[str, object], log: Log) -> None:
    """Print the log, `about` beside it as data. Exits with status 5 when it does not hold, after all was shown."""
    broken = [
        StorageError("audit_broken", thread=chain.thread_id, entry=chain.broken_at)
        for chain in log.chains
        if chain.broken_at is not None
    ]
    faults = [*broken, *log.faults]
    if caller.flags.get("json"):
        changed = [describe(fault, caller.words)[0] for fault in log.faults]
        print_json(about, {"entries": log.entries, "chains": log.chains, "verified": not faults, "changed": changed})
        if faults:
            raise typer.Exit(StorageError.status)
        return
    print_lines(audit_lines(log.entries, log.chains, caller.settings.now(), caller.words))
    if faults:
        sys.stdout.flush()
        raise faults[0]


def _told(rows: Sequence[AuditRow]) -> list[AuditRecord]:
    return [AuditRecord(seq=row.seq, hash=row.hash, **msgspec.structs.asdict(row.entry)) for row in rows]
