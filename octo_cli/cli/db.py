"""db …: the database as a whole: looked at, brought up to date, backed up, put back, carried to another."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer
from typer import Argument, Option

from octo_cli.cli.commands import Caller
from octo_cli.cli.looping import finished
from octo_cli.cli.printing import ask_to_go_on, print_json, print_lines
from octo_cli.errors import NotFound, StorageError, UsageError
from octo_cli.i18n import Words
from octo_cli.settings import DatabaseSettings, Place
from octo_cli.settings.databases import postgres_address
from octo_cli.storage import DatabaseInfo, Storage, open_storage
from octo_cli.storage.sqlite import need_folder
from octo_cli.ui.cells import pad, width
from octo_cli.ui.moments import ago
from octo_cli.ui.sanitise import one_line
from octo_cli.values.sizes import size

# Of a server's tables, so many are shown; --json has all.
_LARGEST: Final = 3


def info(ctx: typer.Context) -> None:
    """What the database is and holds."""
    caller: Caller = ctx.obj
    settings = caller.settings.database
    with open_storage(settings, create=False) as storage:
        found = storage.info()
    if caller.flags.get("json"):
        print_json({"database": found})
    else:
        print_lines(_aligned(_info_rows(found, caller)))


def upgrade(ctx: typer.Context) -> None:
    """Bring an older database up to date."""
    caller: Caller = ctx.obj

    with _opened(caller) as storage:
        found, now = storage.database.found, storage.info().schema
        storage.database.make_checkpoint_tables()
        waiting = storage.unindexed()
    if waiting:
        _index(caller, waiting)
    if caller.flags.get("json"):
        print_json({"from": found or now, "to": now, "indexed": len(waiting)})
        return
    say, upgraded = caller.words, found not in (0, now)
    print_lines([say("db.upgraded", found=found, now=now) if upgraded else say("db.current", now=now)])
    if waiting:
        print_lines([say("db.indexed", count=len(waiting))])


def backup(
    ctx: typer.Context,
    file: Annotated[str, Argument(metavar="FILE")],
    force: Annotated[bool, Option("--force")] = False,
    skip_damaged: Annotated[bool, Option("--skip-damaged")] = False,
) -> None:
    """Write the database to one file."""
    caller: Caller = ctx.obj
    from octo_cli.storage.archives import back_up

    path = caller.cwd / Path(file).expanduser()
    with _opened(caller) as storage:
        made = back_up(storage, caller.settings.database, path, replace=force, skip_damaged=skip_damaged)
        # Somebody may be writing for long: the backup is there all the same.
        with suppress(StorageError):
            storage.note_backup(path, now=storage.database.now())
    _warn(caller, "db.left_out", made.damaged)
    _warn(caller, "db.chain_broken", made.broken_chains)
    if caller.flags.get("json"):
        print_json(made)
    else:
        values = {"path": one_line(made.path), "size": size(made.bytes), "count": made.threads}
        print_lines([caller.words("db.backed_up", **values), _summed(made.checksum, made.path)])


def restore(
    ctx: typer.Context,
    file: Annotated[str, Argument(metavar="FILE")],
    yes: Annotated[bool, Option("--yes", "-y")] = False,
    force: Annotated[bool, Option("--force")] = False,
    skip_damaged: Annotated[bool, Option("--skip-damaged")] = False,
) -> None:
    """Put back what a backup holds."""
    caller: Caller = ctx.obj
    from octo_cli.storage import archives

    settings = caller.settings.database
    # A server has to be empty, whatever is said.
    if force and not yes and not settings.postgres:
        _confirm(caller, settings)
    path = caller.cwd / Path(file).expanduser()
    done = archives.restore(path, settings, replace=force, skip_damaged=skip_damaged)
    _warn(caller, "db.left_out", done.damaged)
    _warn(caller, "db.chain_broken", done.broken_chains)
    if caller.flags.get("json"):
        print_json(done)
        return
    restored = caller.words("db.restored", count=done.threads, path=one_line(settings.name))
    print_lines([restored, _summed(done.checksum, str(path))])
    if done.kept:
        print_lines([caller.words("db.kept", path=one_line(done.kept))])


def copy(
    ctx: typer.Context,
    to: Annotated[str | None, Option("--to", metavar="URL|PATH")] = None,
    thread: Annotated[list[str] | None, Option("--thread", metavar="THREAD")] = None,
    skip_damaged: Annotated[bool, Option("--skip-damaged")] = False,
) -> None:
    """Carry threads to another database."""
    caller: Caller = ctx.obj
    if not to:
        raise UsageError("copy_where")
    from octo_cli.storage import moving
    from octo_cli.storage.upkeep import need_space

    settings = _target(caller, to)
    with _opened(caller) as storage:
        chosen = [storage.resolve(ref) for ref in thread] if thread else None
        if not settings.postgres:
            need_space(settings.sqlite, 0 if chosen else storage.database.sizes()["total"])
        with open_storage(settings) as target:
            watched = _progress(caller)
            done = moving.copy(storage.database, target.database, chosen, watched, skip_damaged=skip_damaged)
    _warn(caller, "db.left_out", done.damaged)
    if caller.flags.get("json"):
        print_json(done)
        return
    values = {"path": one_line(settings.name), "copied": done.copied, "unchanged": done.unchanged}
    print_lines([caller.words("db.copied", **values), done.checksum])


def vacuum(ctx: typer.Context) -> None:
    """Give back the room that deleted threads took."""
    caller: Caller = ctx.obj
    with _opened(caller) as storage:
        before = storage.database.sizes()["total"]
        if not storage.shrink():
            raise StorageError(
                "no_space", path=storage.name, needed=size(2 * before), free=size(storage.info().free or 0)
            )
        after = storage.database.sizes()["total"]
    if caller.flags.get("json"):
        print_json({"before": before, "after": after})
    else:
        print_lines([caller.words("db.vacuumed", before=size(before), after=size(after))])


def _opened(caller: Caller) -> Storage:
    """The database, which has to be there: a mistyped path must not pass for an empty one."""
    settings = caller.settings.database
    if not settings.postgres and not settings.sqlite.exists():
        need_folder(settings)
        raise NotFound("database_missing", path=settings.name)
    # It says itself whether it is encrypted; what the settings ask for is what a new one becomes.
    return open_storage(settings._replace(encrypt=False))


def _target(caller: Caller, to: str) -> DatabaseSettings:
    settings = caller.settings.database
    scheme, separator, rest = to.partition("://")
    if separator and scheme != "sqlite":
        return settings._replace(postgres=postgres_address(to, Place("flag", "--to", caller.cwd)))
    # As SQLAlchemy writes it: three slashes before a relative path, four before an absolute one.
    path = rest.removeprefix("/") if separator else to
    return settings._replace(postgres=None, sqlite=caller.cwd / Path(path).expanduser(), given=True)


def _summed(checksum: str, path: str) -> str:
    """The line that `sha256sum` prints, and `sha256sum -c` reads."""
    return f"{checksum.partition(':')[2]}  {one_line(path)}"


def _index(caller: Caller, thread_ids: Sequence[str]) -> None:
    from octo_cli.engine import open_engine

    async def indexed() -> None:
        async with open_engine(caller.settings) as engine:
            await engine.index_messages(thread_ids)

    finished(indexed(), caller.settings)


def _progress(caller: Caller) -> Callable[[int, int], None]:
    """A line on stderr that is written over, for who watches."""
    if not sys.stderr.isatty() or caller.flags.get("quiet"):
        return lambda _done, _all: None

    def show(done: int, every: int) -> None:
        end = "\n" if done == every else ""
        sys.stderr.write(f"\r{caller.words('db.copying', done=done, all=every)}{end}")
        sys.stderr.flush()

    return show


def _confirm(caller: Caller, settings: DatabaseSettings) -> None:
    if not caller.interactive:
        raise UsageError("restore_needs_yes", path=settings.name)
    ask_to_go_on((), caller.words("db.restore_into", path=one_line(settings.name)))


def _warn(caller: Caller, sentence: str, names: Iterable[str]) -> None:
    for name in names:
        print(caller.words(sentence, thread=one_line(name)), file=sys.stderr)  # noqa: T201


def _info_rows(found: DatabaseInfo, caller: Caller) -> Iterator[tuple[str, str]]:
    say, now = caller.words, caller.settings.now()
    yield say("db.name"), one_line(found.name)
    yield say("db.software"), one_line(found.software)
    yield say("db.schema"), f"{found.schema}"
    yield say("db.encrypted"), say("db.yes" if found.encrypted else "db.no")
    total, *rest = found.sizes.items()
    largest = ", ".join(f"{_part(name, say)} {size(count)}" for name, count in rest[:_LARGEST])
    yield say("db.size"), f"{size(total[1])} ({largest})"
    if found.free is not None:
        yield say("db.free"), size(found.free)
    statuses = ", ".join(f"{say(f'thread.{status}')} {count}" for status, count in found.threads.items() if count)
    yield say("db.threads"), f"{sum(found.threads.values())}" + (f" ({statuses})" if statuses else "")
    for name, count in found.counts.items():
        yield say(f"db.{name}"), f"{count}"
    if found.oldest and found.newest:
        yield say("db.touched"), f"{ago(found.oldest, now, say)} – {ago(found.newest, now, say)}"
    yield say("db.last_backup"), _backup_line(found, caller)


def _part(name: str, say: Words) -> str:
    """A file's parts have names in sentences, a server's tables have their own."""
    return say(f"db.size_{name}") if say.has(f"db.size_{name}") else name


def _backup_line(found: DatabaseInfo, caller: Caller) -> str:
    if found.last_backup is None:
        return caller.words("db.never")
    return f"{ago(found.last_backup.at, caller.settings.now(), caller.words)}  {one_line(found.last_backup.path)}"


def _aligned(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    listed: list[tuple[str, str]] = list(rows)
    left = max(width(name) for name, _ in listed)
    return (f"{pad(name, left)}  {value}" for name, value in listed)
