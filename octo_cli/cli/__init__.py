"""The door: which command is where, and the one map from errors to sentences and exit statuses. No command's work."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import typer

from octo_cli.cli.commands import (
    Branch,
    Caller,
    Entry,
    NoCommandError,
    answering,
    data,
    planning,
    recalling,
    result,
    root,
    spending,
)
from octo_cli.errors import Failed, OctoError, UsageError

if TYPE_CHECKING:
    from octo_cli.wire.work import Problem

INTERRUPTED: Final = 130

_TALK: Final = "octo_cli.cli.talk"
_THREADS: Final = "octo_cli.cli.threads"
_EXPORTING: Final = "octo_cli.cli.exporting"
_PAPERS: Final = "octo_cli.cli.documents"
_AGENTS: Final = "octo_cli.cli.agents"
_MEMORY: Final = "octo_cli.cli.memory"
_CONFIG: Final = "octo_cli.cli.config"
_AUTH: Final = "octo_cli.cli.auth"
_DB: Final = "octo_cli.cli.db"

COMMANDS: Final[dict[str, Entry | Branch]] = {
    "chat": Entry(_TALK, "chat", (spending, recalling, planning)),
    "ask": Entry(_TALK, "ask", (result, spending, recalling, planning, answering)),
    "resume": Entry(_TALK, "resume", (result, spending, recalling, planning, answering)),
    "inbox": Entry(_THREADS, "inbox", (data,)),
    "threads": Branch(
        {
            "list": Entry(_THREADS, "list_threads", (data,)),
            "inspect": Entry(_THREADS, "inspect", (data,)),
            "search": Entry(_THREADS, "search", (data,)),
            "rename": Entry(_THREADS, "rename", (data,)),
            "fork": Entry(_THREADS, "fork", (data,)),
            "rollback": Entry(_THREADS, "rollback", (data,)),
            "export": Entry(_EXPORTING, "export"),
            "import": Entry(_EXPORTING, "take_in", (data,)),
            "delete": Entry(_THREADS, "delete", (data,)),
            "prune": Entry("octo_cli.cli.pruning", "prune", (data,)),
        }
    ),
    "documents": Branch(
        {
            "types": Entry(_PAPERS, "types", (data,)),
            "show": Entry(_PAPERS, "show", (data,)),
            "list": Entry(_PAPERS, "list_documents", (data,)),
            "log": Entry("octo_cli.cli.audit", "document_log", (data,)),
        }
    ),
    "agents": Branch({"list": Entry(_AGENTS, "list_agents", (data,)), "inspect": Entry(_AGENTS, "inspect", (data,))}),
    "memory": Branch(
        {
            "list": Entry(_MEMORY, "list_memory", (data,)),
            "show": Entry(_MEMORY, "show", (data,)),
            "forget": Entry(_MEMORY, "forget", (data,)),
        }
    ),
    "config": Branch(
        {
            "path": Entry(_CONFIG, "path"),
            "list": Entry(_CONFIG, "list_settings", (data,)),
            "get": Entry(_CONFIG, "get", (data,)),
            "set": Entry(_CONFIG, "set_value"),
            "unset": Entry(_CONFIG, "unset"),
        }
    ),
    "auth": Branch(
        {
            "set": Entry(_AUTH, "set_key", (data,)),
            "status": Entry(_AUTH, "status", (data,)),
            "remove": Entry(_AUTH, "remove", (data,)),
        }
    ),
    "db": Branch(
        {
            "info": Entry(_DB, "info", (data,)),
            "upgrade": Entry(_DB, "upgrade", (data,)),
            "backup": Entry(_DB, "backup", (data,)),
            "restore": Entry(_DB, "restore", (data,)),
            "copy": Entry(_DB, "copy", (data,)),
            "vacuum": Entry(_DB, "vacuum", (data,)),
        }
    ),
    "doctor": Entry("octo_cli.cli.doctor", "doctor", (data,)),
    "completion": Entry("octo_cli.cli.completion", "completion"),
}


def run(argv: Sequence[str]) -> int:
    """One command line, from its words to the exit status."""
    _speak_utf8()
    if os.environ.get("_OCTO_COMPLETE"):
        from octo_cli.cli.completion import answer

        return answer(argv, os.environ)
    caller = Caller(tuple(argv))
    try:
        status = _dispatch(caller)
        sys.stdout.flush()
    except BrokenPipeError:
        _stop_writing()
        return 0
    except OSError as exc:
        _stop_writing()
        return _tell_on_stderr(caller, Failed("output_unwritable", reason=exc.strerror))
    return status


def _dispatch(caller: Caller) -> int:
    try:
        return _invoke(caller)
    except OctoError as exc:
        return _tell(caller, exc)
    except OSError as exc:
        # What names no file is stdout's own trouble: `run` stops writing to it.
        if exc.filename is None:
            raise
        return _tell(caller, _unforeseen(caller, exc))
    except (KeyboardInterrupt, EOFError):
        # A script waits for its object or its last line even when Ctrl-C comes before the first event.
        if caller.asks_for("--json") or caller.asks_for("--events"):
            _tell(caller, OctoError("interrupted"))
        return INTERRUPTED
    except Exception as exc:  # noqa: BLE001 (the last place where it can be told in a sentence)
        return _tell(caller, _unforeseen(caller, exc))


def _invoke(caller: Caller) -> int:
    try:
        with root(COMMANDS).make_context("octo", list(caller.argv), obj=caller) as ctx:
            ctx.command.invoke(ctx)
    except typer.Exit as exc:
        return exc.exit_code
    except NoCommandError as exc:
        print(exc, file=sys.stderr)  # noqa: T201
        return UsageError.status
    except typer.TyperException as exc:
        raise _misuse(exc) from exc
    return 0


def _misuse(exc: Any) -> OctoError:
    """The parser's own errors, by what they are about."""
    page = f"{exc.ctx.command_path if getattr(exc, 'ctx', None) else 'octo'} --help"
    match type(exc).__name__:
        case "NoSuchOption":
            near = ", ".join(exc.possibilities or ()) or page
            return UsageError("unknown_option", option=exc.option_name, near=near)
        case "BadOptionUsage":
            return UsageError("option_needs_value", option=exc.option_name, page=page)
        case "MissingParameter":
            return UsageError("missing_argument", argument=exc.param.metavar or exc.param.name, page=page)
        case _:
            return UsageError("bad_usage", reason=exc.format_message(), page=page)


def _tell(caller: Caller, error: OctoError) -> int:
    """Say what went wrong: in the shape that was asked for, by the face that is already talking if there is one."""
    from octo_cli.ui import problems

    problem = _worded(caller, error)
    if caller.face is not None:
        caller.face.fail(problem)
    elif caller.asks_for("--events"):
        problems.as_event(problem)
    elif caller.asks_for("--json"):
        problems.as_object(problem, summary=caller.runs_a_thread)
    else:
        problems.as_sentence(problem)
    return error.status


def _tell_on_stderr(caller: Caller, error: OctoError) -> int:
    from octo_cli.ui import problems

    problems.as_sentence(_worded(caller, error))
    return error.status


def _worded(caller: Caller, error: OctoError) -> "Problem":
    """The error's sentence and hint; a hint that goes on with a thread says the model again."""
    from msgspec.structs import replace

    from octo_cli.ui import problems

    problem = problems.worded(error, caller.words)
    # What is wrong may be the settings themselves.
    with suppress(OctoError):
        problem = replace(problem, hint=caller.settings.again(problem.hint)) if problem.hint else problem
    return problem


def _unforeseen(caller: Caller, exc: Exception) -> OctoError:
    """A defect: its traceback goes to a file, and to the screen when the person asked for more."""
    import traceback

    from octo_cli.cli.logs import keep_traceback
    from octo_cli.credentials import scrub

    text = scrub("".join(traceback.format_exception(exc)))
    if caller.asks_for("--verbose") or caller.asks_for("-v"):
        sys.stderr.write(text)
    return Failed("internal", reason=f"{type(exc).__name__}: {exc}", log=keep_traceback(text, caller.environment))


def _speak_utf8() -> None:
    # A Korean answer must survive a C locale; a path that is no text is shown escaped.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell (`>&-`): nobody listens
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _stop_writing() -> None:
    # `| head` left. What Python still holds in its buffer must go somewhere when it exits.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
