"""threads … and inbox: what the index knows is read straight from it; what checkpoints know, through the engine."""

import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, cast, get_args

import typer
from typer import Argument, Option

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines, screen_columns
from octo_cli.errors import UsageError
from octo_cli.i18n import Words
from octo_cli.settings import Settings
from octo_cli.storage import open_storage
from octo_cli.ui import lists
from octo_cli.wire.forms import Question
from octo_cli.wire.work import ThreadRecord, ThreadStatus

if TYPE_CHECKING:
    from octo_cli.wire.inspection import CheckpointRecord, Inspection

T = TypeVar("T")
# A screenful: who wants more says so.
RECENT: Final = 20
_YES: Final = frozenset({"y", "yes", "예", "네"})


def list_threads(
    ctx: typer.Context,
    status: Annotated[str | None, Option("--status", metavar="STATUS")] = None,
    limit: Annotated[str | None, Option("--limit", metavar="N")] = None,
) -> None:
    """The threads there are, the most recent first."""
    caller: Caller = ctx.obj
    wanted = _status(status)
    with open_storage(caller.settings.database, create=False) as storage:
        records = storage.threads(status=wanted, user=caller.flags.get("user"), limit=_count(limit))
    if caller.flags.get("json"):
        print_json({"threads": records})
    else:
        print_lines(show_threads(caller.settings, records, caller.words, screen_columns(sys.stdout)))


def inspect(
    ctx: typer.Context,
    thread: Annotated[str, Argument(metavar="THREAD")],
    at: Annotated[str | None, Option("--at", metavar="CHECKPOINT")] = None,
    history: Annotated[bool, Option("--history")] = False,
    audit: Annotated[bool, Option("--audit")] = False,
) -> None:
    """A thread laid open, or its audit log."""
    caller: Caller = ctx.obj
    settings = caller.settings
    if audit:
        _tell_audit(caller, thread)
        return
    from octo_cli.ui.inspection import history_lines, inspection_lines

    found, checkpoints = _done(_laid_open(settings, thread, at=at, history=history))
    if caller.flags.get("json"):
        print_json(found.thread, _beside_thread(found), {"history": checkpoints} if history else {})
        return
    print_lines(inspection_lines(found, settings.now(), caller.words))
    if history:
        print_lines(["", f"{caller.words('inspect.history')}:"])
        print_lines(history_lines(checkpoints, settings.now(), caller.words))


def rename(
    ctx: typer.Context,
    thread: Annotated[str, Argument(metavar="THREAD")],
    title: Annotated[str, Argument(metavar="TITLE")],
) -> None:
    """Give a thread another title."""
    caller: Caller = ctx.obj
    from octo_cli.ui.typed import fit

    with open_storage(caller.settings.database, create=False) as storage:
        thread_id = storage.resolve(thread)
        storage.rename(thread_id, " ".join(fit(title).split()))
        record = storage.thread(thread_id)
    if caller.flags.get("json"):
        print_json(record)


def fork(
    ctx: typer.Context,
    thread: Annotated[str, Argument(metavar="THREAD")],
    at: Annotated[str | None, Option("--at", metavar="CHECKPOINT")] = None,
) -> None:
    """A new thread that starts where this one stands."""
    caller: Caller = ctx.obj
    record = _done(_forked(caller.settings, thread, at))
    if caller.flags.get("json"):
        print_json(record)
    else:
        print_lines([record.thread_id])


def rollback(
    ctx: typer.Context,
    thread: Annotated[str, Argument(metavar="THREAD")],
    to: Annotated[str | None, Option("--to", metavar="CHECKPOINT|STEP")] = None,
) -> None:
    """Go back; both branches stay."""
    caller: Caller = ctx.obj
    if to is None:
        raise UsageError("option_missing", option="--to CHECKPOINT|STEP")
    from octo_cli.ui.inspection import inspection_lines

    found = _done(_rolled_back(caller.settings, thread, to))
    if caller.flags.get("json"):
        print_json(found.thread, _beside_thread(found))
    else:
        print_lines(inspection_lines(found, caller.settings.now(), caller.words))


def delete(
    ctx: typer.Context,
    threads: Annotated[list[str], Argument(metavar="THREAD")],
    yes: Annotated[bool, Option("--yes", "-y")] = False,
) -> None:
    """Remove threads for good."""
    caller: Caller = ctx.obj
    with open_storage(caller.settings.database, create=False) as storage:
        ids = list(dict.fromkeys(map(storage.resolve, threads)))
        if not yes:
            _confirm(caller, [record for record in map(storage.thread, ids) if record is not None])
        storage.delete(ids)
    if caller.flags.get("json"):
        print_json({"deleted": ids})


def inbox(ctx: typer.Context) -> None:
    """Every open question of every thread, oldest first."""
    caller: Caller = ctx.obj
    _catch_up(caller.settings)
    questions = open_questions(caller.settings)
    if caller.flags.get("json"):
        print_json({"interrupts": questions})
    else:
        print_lines(show_questions(caller.settings, questions, caller.words, screen_columns(sys.stdout)))


def recent(settings: Settings) -> list[ThreadRecord]:
    with open_storage(settings.database, create=False) as storage:
        return storage.threads(limit=RECENT)


def open_questions(settings: Settings) -> list[Question]:
    with open_storage(settings.database, create=False) as storage:
        return storage.questions()


def show_threads(settings: Settings, records: Sequence[ThreadRecord], say: Words, total: int) -> list[str]:
    """A table of at most `total` cells a line."""
    return lists.thread_lines(records, settings.now(), say, total)


def show_questions(settings: Settings, questions: Sequence[Question], say: Words, total: int) -> list[str]:
    """A table of at most `total` cells a line: what is asked, and in which thread."""
    with open_storage(settings.database, create=False) as storage:
        records = [storage.thread(thread_id) for thread_id in {question.thread_id for question in questions}]
    titles = {record.thread_id: record.title for record in records if record is not None}
    return lists.inbox_lines(questions, titles, settings.now(), say, total)


def _tell_audit(caller: Caller, ref: str) -> None:
    from octo_cli.cli.audit import tell, thread_log

    with open_storage(caller.settings.database, create=False) as storage:
        thread_id = storage.resolve(ref)
        records, chains = thread_log(storage, thread_id)
    tell(caller, {"thread_id": thread_id}, records, chains)


def _catch_up(settings: Settings) -> None:
    """A deadline that has passed does its work, and a run that died is looked after, before anybody looks."""
    with open_storage(settings.database, create=False) as storage:
        behind = storage.due_questions(settings.now()) or storage.abandoned()
    if behind:
        _done(_caught_up(settings))


async def _laid_open(
    settings: Settings, ref: str, *, at: str | None, history: bool
) -> tuple["Inspection", Sequence["CheckpointRecord"]]:
    from octo_cli.engine import open_engine

    async with open_engine(settings) as engine:
        return await engine.inspect(ref, at), await engine.history(ref) if history else ()


async def _forked(settings: Settings, ref: str, at: str | None) -> ThreadRecord:
    from octo_cli.engine import open_engine

    async with open_engine(settings) as engine:
        return await engine.fork(ref, at)


async def _rolled_back(settings: Settings, ref: str, to: str) -> "Inspection":
    from octo_cli.engine import open_engine

    async with open_engine(settings) as engine:
        thread_id = await engine.resolve(ref)
        await engine.rollback(thread_id, to)
        return await engine.inspect(thread_id)


async def _caught_up(settings: Settings) -> None:
    from octo_cli.engine import open_engine

    async with open_engine(settings) as engine:
        await engine.catch_up()


def _done(work: Coroutine[Any, Any, T]) -> T:
    # Lists never wait for anything: asyncio is loaded by the commands that do.
    import asyncio

    return asyncio.run(work)


def _beside_thread(found: "Inspection") -> dict[str, Any]:
    return {name: getattr(found, name) for name in found.__struct_fields__ if name != "thread"}


def _status(text: str | None) -> ThreadStatus | None:
    known = get_args(ThreadStatus)
    if text is not None and text not in known:
        raise UsageError("bad_setting", place="--status", value=text, accepted=", ".join(known))
    return cast("ThreadStatus | None", text)


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise UsageError("bad_setting", place="--limit", value=text, accepted="1, 2, 3 …")
    return int(text)


def _confirm(caller: Caller, records: Sequence[ThreadRecord]) -> None:
    if not caller.interactive:
        raise UsageError("delete_needs_yes", count=len(records))
    for line in show_threads(caller.settings, records, caller.words, screen_columns(sys.stderr)):
        print(line, file=sys.stderr)  # noqa: T201
    print(caller.words("list.delete_these"), end=" ", file=sys.stderr, flush=True)  # noqa: T201
    if sys.stdin.readline().strip().casefold() not in _YES:
        raise typer.Exit(1)
