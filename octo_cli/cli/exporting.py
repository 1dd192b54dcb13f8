"""threads export and import: one thread as a record to read, or as a file another Octo takes up."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer
from typer import Argument, Option

from octo_cli.cli.commands import Caller
from octo_cli.cli.looping import finished
from octo_cli.cli.printing import ask_to_go_on, print_json, print_lines
from octo_cli.errors import StorageError, UsageError
from octo_cli.storage import open_storage
from octo_cli.ui.sanitise import one_line
from octo_cli.values.sizes import size

if TYPE_CHECKING:
    from octo_cli.wire.inspection import Dossier


def export(
    ctx: typer.Context,
    thread: Annotated[str, Argument(metavar="THREAD")],
    form: Annotated[str | None, Option("--as", metavar="md|json|html")] = None,
    output: Annotated[str | None, Option("--output", "-o", metavar="PATH")] = None,
    force: Annotated[bool, Option("--force")] = False,
    yes: Annotated[bool, Option("--yes", "-y")] = False,
) -> None:
    """One thread, whole, to a file or to stdout."""
    caller: Caller = ctx.obj
    kind = _kind(form, output)
    with open_storage(caller.settings.database, create=False) as storage:
        thread_id, encrypts = storage.resolve(thread), storage.encrypts
    path = _place(caller, output, f"{thread_id}.{kind}", force=force)
    if encrypts and not yes:
        _ask_about_clear(caller)
    dossier = finished(_dossier(caller, thread_id), caller.settings)
    content = _WRITERS[kind](dossier, caller)
    if path is None:
        sys.stdout.buffer.write(content)
        return
    from octo_cli.documents.files import write_over

    try:
        write_over(path, content)
    except StorageError as error:
        raise StorageError("export_unwritable", path=path, reason=error.values["reason"]) from error
    print_lines([caller.words("dossier.written", path=one_line(str(path)), size=size(len(content)))])


def take_in(ctx: typer.Context, file: Annotated[str, Argument(metavar="FILE.json")]) -> None:
    """Take up a thread that was exported as JSON."""
    caller: Caller = ctx.obj
    from octo_cli.storage.exchange import take_in

    done = take_in(caller.cwd / Path(file).expanduser(), caller.settings.database)
    if done.chain_broken:
        print(caller.words("db.chain_broken", thread=one_line(done.thread_id)), file=sys.stderr)  # noqa: T201
    if caller.flags.get("json"):
        print_json(done)
        return
    key = "dossier.imported" if done.imported else "dossier.unchanged"
    print_lines([caller.words(key, thread=done.thread_id, title=one_line(done.title))])
    if done.status == "waiting_human":
        print_lines([f"  → {caller.settings.again(f'octo resume {done.thread_id}')}"])


def _kind(form: str | None, output: str | None) -> str:
    """What is written: as `--as` says, else as the suffix of the file does, else Markdown."""
    suffix = Path(output).suffix.lower().removeprefix(".") if output else ""
    if form is not None and form not in _WRITERS:
        raise UsageError("bad_setting", place="--as", value=form, accepted=", ".join(_WRITERS))
    if suffix and suffix not in _WRITERS and form is None:
        raise UsageError("bad_setting", place="-o", value=output, accepted=", ".join(f".{one}" for one in _WRITERS))
    if form and suffix in _WRITERS and suffix != form:
        raise UsageError("bad_setting", place="-o", value=output, accepted=f".{form}")
    return form or suffix or "md"


def _place(caller: Caller, output: str | None, name: str, *, force: bool) -> Path | None:
    """Where it goes, None for stdout; a folder gets a file of that name. What is there is not written over unasked."""
    if output is None:
        return None
    path = (caller.cwd / Path(output).expanduser()).absolute()
    # os.path, not pathlib: a name too long is no folder, and no crash.
    if output.endswith(("/", os.sep)) or os.path.isdir(path):  # noqa: PTH112
        path /= name
    if os.path.lexists(path) and not force:
        if not caller.interactive:
            raise UsageError("output_exists", path=path)
        ask_to_go_on((), caller.words("run.replace", path=one_line(str(path))))
    return path


def _ask_about_clear(caller: Caller) -> None:
    if not caller.interactive:
        raise UsageError("export_needs_yes", path=caller.settings.database.name)
    ask_to_go_on((), caller.words("dossier.in_clear"))


async def _dossier(caller: Caller, thread_id: str) -> "Dossier":
    from octo_cli.engine import open_engine

    async with open_engine(caller.settings) as engine:
        return await engine.dossier(thread_id)


def _as_markdown(dossier: "Dossier", caller: Caller) -> bytes:
    from octo_cli.outputs.dossiers import markdown, told

    return markdown.render(told(dossier, caller.settings.now(), caller.words)).encode()


def _as_page(dossier: "Dossier", caller: Caller) -> bytes:
    from octo_cli.outputs.dossiers import page, told

    return page.render(told(dossier, caller.settings.now(), caller.words), caller.language).encode()


def _as_json(dossier: "Dossier", caller: Caller) -> bytes:
    import msgspec

    from octo_cli import __version__
    from octo_cli.storage.exchange import export

    record = msgspec.to_builtins(dossier)
    with open_storage(caller.settings.database, create=False) as storage:
        return export(storage, dossier.found.thread.thread_id, record, __version__)


_WRITERS: Final[Mapping[str, "Callable[[Dossier, Caller], bytes]"]] = MappingProxyType(
    {"md": _as_markdown, "json": _as_json, "html": _as_page}
)
