"""threads prune: which threads go and which are thinned, by what was said or by the retention policy. No SQL here."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer
from typer import Option

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines, screen_columns
from octo_cli.cli.threads import as_count, as_status, confirm, show_threads
from octo_cli.errors import StorageError, ThreadBusy, UsageError
from octo_cli.settings import RetentionSettings, duration
from octo_cli.storage import Storage, open_storage
from octo_cli.values.sizes import size
from octo_cli.wire.work import ThreadRecord, ThreadStatus

# Threads deleted in one transaction: the index is tidied once for all of them.
_AT_ONCE: Final = 100
_PRUNED: Final[tuple[ThreadStatus, ...]] = ("active", "completed", "failed")
_WAITING: Final[ThreadStatus] = "waiting_human"


def prune(
    ctx: typer.Context,
    older_than: Annotated[str | None, Option("--older-than", metavar="TIME")] = None,
    keep_last: Annotated[str | None, Option("--keep-last", metavar="N")] = None,
    status: Annotated[str | None, Option("--status", metavar="STATUS")] = None,
    history: Annotated[bool, Option("--history")] = False,
    all_users: Annotated[bool, Option("--all-users")] = False,
    dry_run: Annotated[bool, Option("--dry-run")] = False,
    yes: Annotated[bool, Option("--yes", "-y")] = False,
) -> None:
    """Delete old threads, or thin their histories: one's own, unless everybody's are meant."""
    caller: Caller = ctx.obj
    user = None if all_users else caller.settings.user
    wanted, kept, span = _status(status), as_count(keep_last, "--keep-last") or 0, _span(older_than)
    with open_storage(caller.settings.database, create=False) as storage:
        records = storage.threads(status=wanted, user=user)
        now = caller.settings.now()
        if span or kept or wanted or history:
            found = _matching(records[kept:], wanted, now - span if span else None)
            old, long = ([], found) if history else (found, [])
        else:
            old, long = _by_policy(records, caller.settings.retention, now)
        if not (dry_run or yes) and (old or long):
            confirm(caller, [*old, *long], "prune" if old else "thin")
        pruned = _Pruned(storage, dry=dry_run)
        pruned.prune(old, long)
    if caller.flags.get("json"):
        print_json(pruned.told)
        return
    if dry_run and pruned.records:
        print_lines(show_threads(caller.settings, pruned.records, caller.words, screen_columns(sys.stdout)))
    print_lines(pruned.lines(caller))


def _status(text: str | None) -> ThreadStatus | None:
    if text == "running":
        raise UsageError("bad_setting", place="--status", value=text, accepted=", ".join((*_PRUNED, _WAITING)))
    return as_status(text)


def _matching(
    records: Sequence[ThreadRecord], status: ThreadStatus | None, untouched_since: datetime | None
) -> list[ThreadRecord]:
    """Never one that runs; one that waits for a person only when that was said."""
    return [
        record
        for record in records
        if record.status in (status, *_PRUNED)
        and (untouched_since is None or datetime.fromisoformat(record.updated_at) <= untouched_since)
    ]


def _by_policy(
    records: Sequence[ThreadRecord], policy: RetentionSettings, now: datetime
) -> tuple[list[ThreadRecord], list[ThreadRecord]]:
    """The threads to delete, and those to thin. Raises UsageError when there is no policy."""
    if policy.threads is None and policy.history == "full":
        raise UsageError("no_retention")
    finished = [record for record in records if record.status == "completed"]
    old = _matching(finished, None, now - policy.threads) if policy.threads else []
    gone = {record.thread_id for record in old}
    long = [record for record in _matching(records, _WAITING, None) if record.thread_id not in gone]
    return old, long if policy.history == "named" else []


class _Pruned:
    """What was done, or with `dry` would be."""

    def __init__(self, storage: Storage, *, dry: bool) -> None:
        self.storage = storage
        self.dry = dry
        self.deleted: list[ThreadRecord] = []
        self.thinned: list[ThreadRecord] = []
        self.checkpoints = 0
        self.freed = {"deleted": 0, "thinned": 0}
        self.shrunk: bool | None = None

    @property
    def records(self) -> list[ThreadRecord]:
        return [*self.deleted, *self.thinned]

    @property
    def told(self) -> dict[str, object]:
        return {
            "dry_run": self.dry,
            "deleted": [record.thread_id for record in self.deleted],
            "thinned": [record.thread_id for record in self.thinned],
            "checkpoints": self.checkpoints,
            "bytes": sum(self.freed.values()),
            "shrunk": self.shrunk,
        }

    def prune(self, old: Sequence[ThreadRecord], long: Sequence[ThreadRecord]) -> None:
        """One that somebody has begun to run meanwhile is left alone."""
        for start in range(0, len(old), _AT_ONCE):
            self._delete(old[start : start + _AT_ONCE])
        for record in long:
            with suppress(ThreadBusy):
                self._thin(record)
        if self.records and not self.dry:
            # What was deleted is: a database that others keep busy is made smaller another time.
            with suppress(StorageError):
                self.shrunk = self.storage.shrink()

    def _delete(self, records: Sequence[ThreadRecord]) -> None:
        held = sum(self.storage.bytes_of(record.thread_id) for record in records)
        try:
            if not self.dry:
                self.storage.delete([record.thread_id for record in records])
        except ThreadBusy:
            # All but the one that is being run.
            for one in records if len(records) > 1 else ():
                self._delete([one])
            return
        self.freed["deleted"] += held
        self.deleted += records

    def _thin(self, record: ThreadRecord) -> None:
        thinned = self.storage.thinned(record.thread_id, dry=self.dry)
        if thinned.checkpoints:
            self.checkpoints += thinned.checkpoints
            self.freed["thinned"] += thinned.bytes
            self.thinned.append(record)

    def lines(self, caller: Caller) -> list[str]:
        if not self.records:
            return [caller.words("list.nothing_to_prune")]
        done = "list.would_be" if self.dry else "list.was"
        lines = [
            caller.words(
                f"{done}_{what}", count=len(records), size=size(self.freed[what]), checkpoints=self.checkpoints
            )
            for what, records in (("deleted", self.deleted), ("thinned", self.thinned))
            if records
        ]
        return [*lines, caller.words("list.not_shrunk")] if self.shrunk is False else lines


def _span(text: str | None) -> timedelta | None:
    if text is None:
        return None
    if not (span := duration(text)):
        raise UsageError("bad_setting", place="--older-than", value=text, accepted='"12h", "30d", "8w"')
    return span
