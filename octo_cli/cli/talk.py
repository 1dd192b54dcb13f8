"""chat, ask, resume: flags to a session and back to an exit status."""

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer import Argument, Option

from octo_cli.cli import tracing
from octo_cli.cli.answers import prepared, read_stdin
from octo_cli.cli.commands import Caller
from octo_cli.cli.looping import finished
from octo_cli.cli.printing import ask_to_go_on, screen_columns
from octo_cli.cli.servers import Search, first_look, remember_told
from octo_cli.errors import UsageError
from octo_cli.settings import Settings, duration
from octo_cli.ui.problems import worded
from octo_cli.ui.sanitise import one_line
from octo_cli.ui.typed import fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from octo_cli.ui.terminal import Slash, TerminalFace
    from octo_cli.wire.events import Summary

# Seconds a local model server has left to answer when everything else is ready.
_PATIENCE: Final = 0.05


def chat(
    ctx: typer.Context,
    text: Annotated[str | None, Argument(metavar="TEXT")] = None,
    thread: Annotated[str | None, Option("--thread", metavar="THREAD")] = None,
) -> None:
    """A conversation on a terminal."""
    caller: Caller = ctx.obj
    settings = _begun(caller)
    if not caller.interactive:
        raise UsageError("chat_needs_terminal")
    said = fit(text) if text is not None else None
    face = _terminal_face(caller, settings, said or "")
    face.slash = _slash(settings)
    look = first_look(settings, caller.environment)
    from octo_cli import session

    if look is not None:
        _offer_local_model(look, settings, face)
    raise typer.Exit(finished(session.chat(settings, face, said, thread), settings))


def ask(
    ctx: typer.Context,
    text: Annotated[str | None, Argument(metavar="TEXT")] = None,
    thread: Annotated[str | None, Option("--thread", metavar="THREAD")] = None,
    create: Annotated[bool, Option("--create")] = False,
) -> None:
    """One request."""
    caller: Caller = ctx.obj
    settings = _begun(caller)
    said = fit(_request(text, caller))
    command = _command(caller, said, thread=thread, create=create)
    from octo_cli import session

    face = _face(caller, settings, said)
    # stdout is the face's alone: what a plug-in prints is no part of the answer.
    with redirect_stdout(sys.stderr):
        outcome = finished(session.ask(settings, face, said, command), settings)
    raise typer.Exit(outcome.status)


def resume(
    ctx: typer.Context,
    thread: Annotated[str | None, Argument(metavar="THREAD")] = None,
    last: Annotated[bool, Option("--last")] = False,
    at: Annotated[str | None, Option("--at", metavar="CHECKPOINT")] = None,
) -> None:
    """Go on with a thread."""
    caller: Caller = ctx.obj
    settings = _begun(caller)
    if last and thread is not None:
        raise UsageError("thread_or_last", thread=thread)
    command = _command(caller, "", thread="last" if last else thread or _picked(caller, settings), at=at)
    from octo_cli import session

    face = _face(caller, settings, "")
    with redirect_stdout(sys.stderr):
        outcome = finished(session.resume(settings, face, command), settings)
    raise typer.Exit(outcome.status)


def _offer_local_model(look: Search, settings: Settings, face: "TerminalFace") -> None:
    """One line for a newcomer whose machine runs a model server; it had the time of our imports to answer."""
    for server in look.found(_PATIENCE)[:1]:
        face.offer(server.name, server.commands)
        remember_told(settings)


def _begun(caller: Caller) -> Settings:
    settings = caller.settings
    from octo_cli.cli.logs import log_to_file

    log_to_file(settings)
    if (warning := tracing.start(caller.environment)) is not None:
        sys.stderr.write(f"octo: {caller.words(f'warning.{warning}')}\n")
    return settings


def _command(caller: Caller, said: str, **named: Any) -> Any:
    """How the work is wanted, from the flags; everything that can be wrong with them is found here, before any work."""
    from octo_cli import session

    flags = caller.flags
    if flags.get("json") and flags.get("events"):
        raise UsageError("json_or_events")
    format = _format(flags.get("format")) or _format_said(said, flags.get("output"))
    output = _output(flags.get("output"), format or caller.settings.format, caller.cwd)
    return session.Command(
        format=format,
        output=output,
        force=_may_be_replaced(output, caller),
        prepared=prepared(flags, caller.cwd),
        timeout=_seconds(flags.get("timeout")),
        **named,
    )


def _format(name: str | None) -> str | None:
    from octo_cli.outputs import formats, output

    if name is not None and output(name) is None:
        raise UsageError("bad_setting", place="--format", value=name, accepted=", ".join(formats()))
    return name


def _format_said(said: str, output: str | None) -> str | None:
    """The format that the request names in words, where the file to write is of its kind."""
    from octo_cli.outputs import OWN
    from octo_cli.reasoning.formats import format_in

    named = format_in(said) if output else None
    return named if named and Path(output or "").suffix.lower() in OWN[named].files else None


def _output(text: str | None, format: str, cwd: Path) -> Path | None:
    """Where `-o` wants the product: a folder, a Markdown file, or a file of the answer's format."""
    from octo_cli.outputs import OWN, output

    if text is None:
        return None
    path = (cwd / Path(text).expanduser()).absolute()
    # os.path, not pathlib: a name too long is no folder, and no crash.
    is_folder = text.endswith(("/", os.sep)) or os.path.isdir(path)  # noqa: PTH112
    made, suffix = output(format), path.suffix.lower()
    accepted = dict.fromkeys(("", ".md", *(made.files if made else ())))
    if is_folder or suffix in accepted:
        return path
    by = [f"-f {other.name}" for other in OWN.values() if suffix in other.files]
    values = {"format": format, "accepted": " ".join(filter(None, accepted)), "by": ", ".join(by) or "—"}
    raise UsageError("output_suffix", value=text, suffix=path.suffix, **values)


def _may_be_replaced(path: Path | None, caller: Caller) -> bool:
    """Whether `-o` may write over what stands there: by `--force`, or because the person says so.

    Markdown is not asked for: it may be where a document goes, and those stand beside one another.
    """
    if caller.flags.get("force"):
        return True
    if path is None or path.suffix.lower() in ("", ".md") or not path.is_file():
        return False
    if not caller.interactive:
        raise UsageError("output_exists", path=path)
    ask_to_go_on((), caller.words("run.replace", path=one_line(str(path))))
    return True


def _seconds(text: str | None) -> float | None:
    """`--timeout`: seconds such as "90", "2.5" or "30s", or a length such as "2m"."""
    if text is None:
        return None
    if length := duration(text):
        return length.total_seconds()
    try:
        seconds = float(text.strip().removesuffix("s"))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError("bad_setting", place="--timeout", value=text, accepted='90, 2.5, "30s", "2m"')
    return seconds


def _request(text: str | None, caller: Caller) -> str:
    if text is not None and text != "-":
        return text
    if caller.flags.get("answers") == "-":
        raise UsageError("stdin_twice")
    if text is None and sys.stdin.isatty():
        raise UsageError("text_missing")
    return read_stdin()


def _face(caller: Caller, settings: Settings, text: str) -> Any:
    """Who shows the work: what was asked for, else a terminal if a person sits there, else plain lines."""
    from octo_cli.ui.events import EventsFace, JsonFace
    from octo_cli.ui.plain import PlainFace
    from octo_cli.ui.style import style_for

    if caller.flags.get("json"):
        caller.face = JsonFace(sys.stdout)
    elif caller.flags.get("events"):
        caller.face = EventsFace(sys.stdout)
    elif caller.interactive:
        caller.face = _terminal_face(caller, settings, text)
    else:
        style = style_for(sys.stderr, color=settings.color)
        face = PlainFace(sys.stdout, sys.stderr, caller.words_for(text), style, quiet=settings.quiet)
        face.again, face.draw = settings.again, _drawing(caller)
        caller.face = face
    return caller.face


def _drawing(caller: Caller) -> "Callable[[Summary], str | None]":
    """How a result is shown that is no text to read: drawn on a screen, and as it is anywhere else."""

    def draw(summary: "Summary") -> str | None:
        from octo_cli import outputs

        made = outputs.output(summary.format)
        if made is None or made.draw is None or summary.result is None or not sys.stdout.isatty():
            return None
        screen = outputs.Screen(screen_columns(sys.stdout), color=caller.settings.color)
        try:
            return str(made.draw(summary.result, outputs.subject_told(summary), screen))
        except outputs.BROKEN as error:
            if summary.format in outputs.OWN:
                raise
            # What was made is there all the same, and shown as it is.
            problem = worded(outputs.broken(summary.format, error), caller.words)
            sys.stderr.write(f"octo: {problem.message}\n")
            return None

    return draw


def _terminal_face(caller: Caller, settings: Settings, text: str) -> "TerminalFace":
    from octo_cli.ui.style import style_for
    from octo_cli.ui.terminal import TerminalFace

    face = TerminalFace(
        *(sys.stdout, sys.stderr, caller.words_for(text), style_for(sys.stderr, color=settings.color)),
        quiet=settings.quiet,
        history=settings.folders.state / "history",
    )
    face.again, face.draw = settings.again, _drawing(caller)
    caller.face = face
    return face


def _picked(caller: Caller, settings: Settings) -> str:
    """The thread a person points at; without one, somebody has to name it."""
    from octo_cli.cli.threads import recent, show_threads
    from octo_cli.ui.style import style_for

    if not caller.interactive:
        raise UsageError("thread_missing")
    records = recent(settings)
    if not records:
        raise UsageError("no_threads")
    from octo_cli.ui.prompts import PICK_MARGIN, Desk, pick_thread

    desk = Desk(caller.words, style_for(sys.stderr, color=settings.color))
    lines = show_threads(settings, records, caller.words, screen_columns(sys.stderr) - PICK_MARGIN)
    return finished(pick_thread(records, lines, desk), settings)


def _slash(settings: Settings) -> "Slash":
    from octo_cli.cli.threads import open_questions, recent, show_questions, show_threads

    return {
        "/threads": lambda say: show_threads(settings, recent(settings), say, screen_columns(sys.stderr)),
        "/inbox": lambda say: show_questions(settings, open_questions(settings), say, screen_columns(sys.stderr)),
    }
