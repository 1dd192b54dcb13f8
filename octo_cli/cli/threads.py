"""threads … and inbox: what the index knows is read straight from it; what checkpoints know, through the engine."""

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, cast, get_args

import typer
from typer import Argument, Option

from octo_cli.cli.commands import Caller
from octo_cli.cli.looping import finished
from octo_cli.cli.printing import ask_to_go_on, print_json, print_lines, screen_columns
from octo_cli.errors import StorageError, UsageError
from octo_cli.i18n import Words, describe
from octo_cli.settings import Settings
from octo_cli.storage import open_storage
from octo_cli.ui import lists
from octo_cli.wire.forms import Question
from octo_cli.wire.work import ThreadRecord, ThreadStatus

if TYPE_CHECKING:
    from octo_cli.wire.inspection import CheckpointRecord, Course, Inspection

# A screenful: who wants more says so.
RECENT: Final = 20
SHOWN: Final = 50
FOUND: Final = 20
_ALL: Final = "all"
_MOST: Final = 10**9
# A server's index takes no longer one.
_LONGEST_TITLE: Final = 500
# Into a pipe a drawing is made for a screen as well.
_WIDEST: Final = 200


def list_threads(
    ctx: typer.Context,
    status: Annotated[str | None, Option("--status", metavar="STATUS")] = None,
    limit: Annotated[str | None, Option("--limit", metavar="N|all")] = None,
) -> None:
    """The threads there are, the most recent first."""
    caller: Caller = ctx.obj
    wanted = as_status(status)
    user, most = caller.flags.get("user"), as_count(limit, "--limit", None if caller.flags.get("json") else SHOWN)
    damaged: list[StorageError] = []
    with open_storage(caller.settings.database, create=False) as storage:
        records = storage.threads(status=wanted, user=user, limit=most, damaged=damaged)
        left = storage.count_threads(status=wanted, user=user) - len(records) if len(records) == most else 0
    if caller.flags.get("json"):
        print_json({"threads": records})
    else:
        print_lines(show_threads(caller.settings, records, caller.words, screen_columns(sys.stdout)))
        _tell_more(caller, "octo threads list", left, status=wanted, user=user)
    _tell_damaged(caller, damaged)


def search(
    ctx: typer.Context,
    query: Annotated[str, Argument(metavar="QUERY")],
    limit: Annotated[str | None, Option("--limit", metavar="N|all")] = None,
) -> None:
    """The threads that say something, in their titles, messages and documents."""
    caller: Caller = ctx.obj
    from octo_cli.values.terms import terms_of

    if not terms_of(query):
        raise UsageError("nothing_to_search")
    most = as_count(limit, "--limit", FOUND)
    _index_messages(caller)
    with open_storage(caller.settings.database, create=False) as storage:
        # One more than is shown tells whether there are more.
        found = storage.search(query, limit=None if most is None else most + 1)
    shown = found[:most]
    if caller.flags.get("json"):
        print_json({"threads": shown})
        return
    from octo_cli.ui.style import style_for

    style = style_for(sys.stdout, color=caller.settings.color)
    print_lines(lists.found_lines(shown, caller.settings.now(), caller.words, style, screen_columns(sys.stdout)))
    if not found:
        _tell(caller, caller.words("list.search_hint"))
    elif len(found) > len(shown):
        _tell(caller, caller.words("list.more_found"))


def inspect(
    ctx: typer.Context,
    thread: Annotated[str, Argument(metavar="THREAD")],
    at: Annotated[str | None, Option("--at", metavar="CHECKPOINT")] = None,
    history: Annotated[bool, Option("--history")] = False,
    audit: Annotated[bool, Option("--audit")] = False,
    graph: Annotated[bool, Option("--graph")] = False,
) -> None:
    """A thread laid open, its audit log, or how its last turn went."""
    caller: Caller = ctx.obj
    settings = caller.settings
    if sum((audit, graph, history or at is not None)) > 1:
        raise UsageError("inspect_one")
    if audit:
        _tell_audit(caller, thread)
        return
    if graph:
        _draw(caller, thread)
        return
    from octo_cli.ui.inspection import history_lines, inspection_lines

    found, checkpoints = finished(_laid_open(settings, thread, at=at, history=history), settings)
    if caller.flags.get("json"):
        print_json(found.thread, _beside_thread(found), {"history": checkpoints} if history else {})
        return
    print_lines(_again(settings, inspection_lines(found, settings.now(), caller.words)))
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
        storage.rename(thread_id, " ".join(fit(title, most=_LONGEST_TITLE).split()))
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
    record = finished(_forked(caller.settings, thread, at), caller.settings)
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
    settings = caller.settings
    if to is None:
        raise UsageError("option_missing", option="--to CHECKPOINT|STEP")
    from octo_cli.ui.inspection import inspection_lines

    found = finished(_rolled_back(settings, thread, to), settings)
    if caller.flags.get("json"):
        print_json(found.thread, _beside_thread(found))
    else:
        print_lines(_again(settings, inspection_lines(found, settings.now(), caller.words)))


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
            confirm(caller, [record for record in map(storage.thread, ids) if record is not None])
        storage.delete(ids)
    if caller.flags.get("json"):
        print_json({"deleted": ids})


def inbox(
    ctx: typer.Context,
    limit: Annotated[str | None, Option("--limit", metavar="N|all")] = None,
) -> None:
    """The open questions of every thread, oldest first."""
    caller: Caller = ctx.obj
    most = as_count(limit, "--limit", None if caller.flags.get("json") else SHOWN)
    _catch_up(caller.settings)
    user, damaged = caller.flags.get("user"), list[StorageError]()
    with open_storage(caller.settings.database, create=False) as storage:
        questions = storage.questions(user=user, limit=most, damaged=damaged)
        left = storage.count_questions(user=user) - len(questions) if len(questions) == most else 0
    if caller.flags.get("json"):
        print_json({"interrupts": questions})
    else:
        print_lines(show_questions(caller.settings, questions, caller.words, screen_columns(sys.stdout)))
        _tell_more(caller, "octo inbox", left, user=user)
    _tell_damaged(caller, damaged)


def _tell_damaged(caller: Caller, damaged: Sequence[StorageError]) -> None:
    """What a list could not show, after it; exits with status 5 then."""
    for error in damaged:
        print(f"octo: {describe(error, caller.words)[0]}", file=sys.stderr)  # noqa: T201
    if damaged:
        raise typer.Exit(StorageError.status)


def recent(settings: Settings) -> list[ThreadRecord]:
    with open_storage(settings.database, create=False) as storage:
        return storage.threads(limit=RECENT)


def open_questions(settings: Settings) -> list[Question]:
    with open_storage(settings.database, create=False) as storage:
        return storage.questions(limit=SHOWN)


def show_threads(settings: Settings, records: Sequence[ThreadRecord], say: Words, total: int) -> list[str]:
    """A table of at most `total` cells a line."""
    return lists.thread_lines(records, settings.now(), say, total)


def show_questions(settings: Settings, questions: Sequence[Question], say: Words, total: int) -> list[str]:
    """A table of at most `total` cells a line: what is asked, and in which thread."""
    with open_storage(settings.database, create=False) as storage:
        records = [storage.thread(thread_id) for thread_id in {question.thread_id for question in questions}]
    threads = {record.thread_id: record for record in records if record is not None}
    return lists.inbox_lines(questions, threads, settings.now(), say, total)


def _tell_audit(caller: Caller, ref: str) -> None:
    from octo_cli.cli.audit import tell, thread_log

    with open_storage(caller.settings.database, create=False) as storage:
        thread_id = storage.resolve(ref)
        log = thread_log(storage, thread_id)
    tell(caller, {"thread_id": thread_id}, log)


def _draw(caller: Caller, ref: str) -> None:
    course = finished(_went(caller.settings, ref), caller.settings)
    if caller.flags.get("json"):
        print_json(course)
        return
    from octo_cli.ui.course import course_lines
    from octo_cli.ui.style import style_for

    style = style_for(sys.stdout, color=caller.settings.color)
    print_lines(course_lines(course, caller.words, style, min(screen_columns(sys.stdout), _WIDEST)))


def _catch_up(settings: Settings) -> None:
    """A deadline that has passed does its work, and a run that died is looked after, before anybody looks."""
    with open_storage(settings.database, create=False) as storage:
        behind = storage.due_questions(settings.now()) or storage.abandoned()
    if behind:
        finished(_caught_up(settings), settings)


def _index_messages(caller: Caller) -> None:
    """Threads of an older Octo come into the index before the first search, once."""
    with open_storage(caller.settings.database, create=False) as storage:
        behind = storage.unindexed()
    if len(behind) > RECENT:
        _tell(caller, caller.words("list.indexing", count=f"{len(behind):,}"))
    if behind:
        finished(_indexed(caller.settings, behind), caller.settings)


async def _laid_open(
    settings: Settings, ref: str, *, at: str | None, history: bool
) -> tuple["Inspection", Sequence["CheckpointRecord"]]:
    from octo_cli.engine import open_engine

    async with open_engine(settings) as engine:
        return await engine.inspect(ref, at), await engine.history(ref) if history else ()


async def _went(settings: Settings, ref: str) -> "Course":
    from octo_cli.engine import open_engine

    async with open_engine(settings) as engine:
        return await engine.course(ref)


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


async def _indexed(settings: Settings, thread_ids: Sequence[str]) -> None:
    from octo_cli.engine import open_engine

    async with open_engine(settings) as engine:
        await engine.index_messages(thread_ids)


def _again(settings: Settings, lines: Iterable[str]) -> Iterator[str]:
    """The lines, their commands as they have to be typed here."""
    return (settings.again(line) if line.startswith("  → ") else line for line in lines)


def _beside_thread(found: "Inspection") -> dict[str, Any]:
    return {name: getattr(found, name) for name in found.__struct_fields__ if name != "thread"}


def as_status(text: str | None) -> ThreadStatus | None:
    known = get_args(ThreadStatus)
    if text is not None and text not in known:
        raise UsageError("bad_setting", place="--status", value=text, accepted=", ".join(known))
    return cast("ThreadStatus | None", text)


def as_count(text: str | None, option: str, usual: int | None = None) -> int | None:
    """How many; None is all."""
    if text is None:
        return usual
    if text == _ALL:
        return None
    if not text.isdecimal() or not 0 < int(text) < _MOST:
        raise UsageError("bad_setting", place=option, value=text, accepted=f"1, 2, 3 … {_ALL}")
    return int(text)


def _tell_more(caller: Caller, command: str, left: int, **filters: str | None) -> None:
    if left > 0:
        said = "".join(f" --{name} {shlex.quote(value)}" for name, value in filters.items() if value is not None)
        again = caller.settings.again(f"{command}{said} --limit {_ALL}")
        _tell(caller, caller.words("list.more", count=f"{left:,}", command=again))


def _tell(caller: Caller, sentence: str) -> None:
    if not caller.flags.get("quiet"):
        print(sentence, file=sys.stderr)  # noqa: T201


def confirm(caller: Caller, records: Sequence[ThreadRecord], doing: str = "delete") -> None:
    """Show the threads and ask whether to go on with `doing` ("delete", "prune", "thin"); a no ends the command."""
    if not caller.interactive:
        raise UsageError(f"{doing}_needs_yes", count=len(records))
    shown = show_threads(caller.settings, records, caller.words, screen_columns(sys.stderr))
    ask_to_go_on(shown, caller.words(f"list.{doing}_these"))
