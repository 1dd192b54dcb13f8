"""`octo` in a forked child of one process that has imported all of it, so that a command costs its own work only.

    python parent.py serve ADDRESS              be that process, until the socket's owner closes the input
    python parent.py run ADDRESS ARGUMENTS…     what a person types: the command in a child, with what is ours

The child is the program itself: its `main`, with the arguments, folder, environment, input and outputs of the `run`
that asked for it. With another environment than the parent's in what Python and libraries read while they start, it
starts Octo anew.
"""

import json
import os
import re
import signal
import socket
import sys
import tempfile

# Only what `run` needs: it is started for every command.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from selectors import BaseSelector
    from typing import Final, NoReturn

# Variables that are read while Python or a library starts.
READ_AT_START: "Final" = re.compile(r"PYTHON[A-Z]+|(LANGSMITH|LANGCHAIN|LANGGRAPH|OTEL)_.*")
STARTED_WITH: "Final" = {"LANGGRAPH_STRICT_MSGPACK": "true", "LANGSMITH_TRACING": "false"}
HEADER: "Final" = 8  # bytes before what is asked, telling how many it has; and of the answer


class Parent:
    """A started parent. `command` is how to type `octo` in a process list; `close` it when done."""

    def __init__(self) -> None:
        import subprocess

        self._folder = tempfile.TemporaryDirectory(prefix="octo-")
        address = f"{self._folder.name}/parent"
        self.command = (sys.executable, "-SI", __file__, "run", address)
        kept = {name: value for name, value in os.environ.items() if name not in _read_at_start(os.environ)}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "serve", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=kept
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def close(self) -> None:
        self._process.communicate(timeout=10)
        self._folder.cleanup()


def run(address: str, arguments: "list[str]") -> None:
    """End as the command ends, which has this process's folder, environment, input and outputs."""
    with socket.socket(socket.AF_UNIX) as parent:
        parent.connect(address)
        folder = os.getcwd()  # noqa: PTH109 (importing pathlib costs more than the rest)
        wanted = json.dumps({"arguments": arguments, "folder": folder, "environment": dict(os.environ)}).encode()
        socket.send_fds(parent, [len(wanted).to_bytes(HEADER)], [0, 1, 2])
        parent.sendall(wanted)
        status = int.from_bytes(parent.recv(HEADER), signed=True)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def serve(address: str) -> None:
    """A child for every `run`, several at once; one whose `run` is gone is killed."""
    from selectors import EVENT_READ, DefaultSelector

    with socket.socket(socket.AF_UNIX) as listener, DefaultSelector() as waiting:
        listener.bind(address)
        listener.listen()
        started_with = _read_at_start(os.environ)
        warm_up()
        print("ready", flush=True)  # noqa: T201
        waiting.register(sys.stdin, EVENT_READ, None)
        waiting.register(listener, EVENT_READ, lambda: _begin(listener, waiting, started_with))
        while True:
            for key, _ in waiting.select():
                if key.data is None:
                    return
                key.data()


def _read_at_start(environment: "Mapping[str, str]") -> "dict[str, str]":
    return {name: value for name, value in environment.items() if READ_AT_START.fullmatch(name)}


def _begin(listener: socket.socket, waiting: "BaseSelector", started_with: "Mapping[str, str]") -> None:
    from contextlib import suppress
    from selectors import EVENT_READ

    asked, _ = listener.accept()
    header, descriptors, _, _ = socket.recv_fds(asked, HEADER, 3)
    with asked.makefile("rb") as file:
        wanted = json.loads(file.read(int.from_bytes(header)))
    child = os.fork()
    if not child:
        anew = _read_at_start(wanted["environment"]) != started_with
        become(wanted["arguments"], wanted["folder"], wanted["environment"], descriptors, anew=anew)
    for descriptor in descriptors:
        os.close(descriptor)
    process = os.pidfd_open(child)

    def ended() -> None:
        _, status = os.waitpid(child, 0)
        waiting.unregister(process)
        waiting.unregister(asked)
        os.close(process)
        with asked, suppress(BrokenPipeError):  # It may have been killed because nobody waits any more.
            asked.sendall(os.waitstatus_to_exitcode(status).to_bytes(HEADER, signed=True))

    waiting.register(process, EVENT_READ, ended)
    waiting.register(asked, EVENT_READ, lambda: os.kill(child, signal.SIGKILL))


def become(
    arguments: "list[str]",
    folder: str,
    environment: "Mapping[str, str]",
    descriptors: "list[int]",
    *,
    anew: bool = False,
) -> "NoReturn":
    """Be the program in this forked child, to its end; the descriptors are its input and outputs."""
    for standard, given in enumerate(descriptors):
        os.dup2(given, standard)
        os.close(given)
    import atexit
    import threading

    os.chdir(folder)
    if anew:
        os.execve(sys.executable, [sys.executable, "-m", "octo_cli", *arguments], environment)
    # Those of the parent know whether they are files, which these may not be.
    streams = {
        "stdin": os.fdopen(0, closefd=False),
        "stdout": os.fdopen(1, "w", closefd=False),
        "stderr": os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False),
    }
    for name, stream in streams.items():
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.environ.clear()
    os.environ.update(STARTED_WITH | dict(environment))
    sys.argv = ["octo", *arguments]
    status = _done()
    # As the interpreter ends, but that it does not take itself apart: that would be a third of a command's time.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status)


def _done() -> int:
    from octo_cli.__main__ import main

    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 (as the interpreter tells it)
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def warm_up() -> None:
    """Ask for a lease in this process, at a home of its own that is gone afterwards, and import what others ask for."""
    import asyncio
    import gc
    import io
    from pathlib import Path

    os.environ.update(STARTED_WITH)
    import langchain_openai  # noqa: F401

    from octo_cli import session
    from octo_cli.cli import db, documents, memory, talk, threads  # noqa: F401
    from octo_cli.settings import resolve
    from octo_cli.storage import postgres  # noqa: F401
    from octo_cli.ui.events import EventsFace

    with tempfile.TemporaryDirectory() as home:
        settings = resolve({}, {"OCTO_HOME": home}, Path(home))
        asyncio.run(session.ask(settings, EventsFace(io.StringIO()), "임대차계약서 작성해줘", session.Command()))
    # No child need search, or copy, what it starts with.
    gc.freeze()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", address]:
            serve(address)
        case ["run", address, *arguments]:
            run(address, arguments)
