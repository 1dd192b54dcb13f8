"""Where code runs: the tightest of a few cages this machine has, named honestly. What runs in them is not said here.

LangChain's execution policies start the process, in a group of its own or in Docker; what they lack is added: a cage
around it, no network, limits that hold from the first instruction, a bounded output, a sure end.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from msgspec import Struct

from octo_cli.errors import Failed
from octo_cli.i18n import Words
from octo_cli.settings import CodeSettings

if TYPE_CHECKING:
    from langchain.agents.middleware import DockerExecutionPolicy

Cage = Literal["bubblewrap", "namespaces", "subprocess", "docker"]

# Of stdout and of stderr each, in bytes; a program that says more is stopped.
MOST_OUTPUT: Final = 200_000
_MOST_PROCESSES: Final = 128
_MOST_FILE_BYTES: Final = 100_000_000
_DOCKER_START: Final = 30.0
_PROBE_SECONDS: Final = 10
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
# LangChain mounts no workspace of this name writable; here it is mounted read-only.
_TEMPORARY: Final = "langchain-shell-"
# The child sets its own limits before it becomes the program. LangChain's policy would set them from outside once it
# runs, which comes too late for a cage that has forked by then.
_LIMIT: Final = (
    "import os,resource,sys\n"
    "for name, most in zip(('NPROC', 'FSIZE', 'AS', 'CPU', 'CORE'), map(int, sys.argv[1:6])):\n"
    "    kind = getattr(resource, 'RLIMIT_' + name)\n"
    "    hard = resource.getrlimit(kind)[1]\n"
    "    most = most if hard == resource.RLIM_INFINITY else min(most, hard)\n"
    "    resource.setrlimit(kind, (most, most))\n"
    "os.execvp(sys.argv[6], sys.argv[6:])\n"
)


class Finished(Struct, frozen=True):
    """What came of a program. `exit_status` is None when it was stopped: too slow, or too much output (`cut`)."""

    exit_status: int | None
    stdout: str
    stderr: str
    sandbox: Cage
    seconds: float
    timed_out: bool = False
    cut: bool = False


class Program(NamedTuple):
    """What to run in `workspace`: a command, and the source that is put into a file as its last argument, if any."""

    command: tuple[str, ...]
    source: str | None
    workspace: Path


def cage(settings: CodeSettings) -> Cage:
    """Where code would run here. Raises Failed when the settings ask for one that is not to be had."""
    if settings.sandbox == "docker":
        if shutil.which("docker") is None:
            raise Failed("sandbox_missing", sandbox="docker")
        return "docker"
    if settings.sandbox in ("auto", "bubblewrap") and _works(tuple(_bubblewrap(None, None))):
        return "bubblewrap"
    if settings.sandbox == "bubblewrap":
        raise Failed("sandbox_missing", sandbox="bubblewrap")
    return "namespaces" if _works(_NAMESPACES) else "subprocess"


def told(found: Cage, say: Words) -> str:
    """What a cage keeps from code, and what it does not, in one sentence."""
    return say(f"sandbox.{found}")


async def run(program: Program, settings: CodeSettings) -> Finished:
    """Run `program` to its end or to its limits. When cancelled, whatever it started is dead before this returns."""
    running = _Running(program, settings, await asyncio.to_thread(cage, settings))
    try:
        return await asyncio.to_thread(running.finish)
    except asyncio.CancelledError:
        running.kill()
        raise


class _Running:
    """One program on its way. `finish` blocks; `kill` may come from another thread at any time."""

    def __init__(self, program: Program, settings: CodeSettings, found: Cage) -> None:
        self.program = program
        self.settings = settings
        self.cage = found
        self.process: subprocess.Popen[str] | None = None
        self.container = f"octo-{os.getpid()}-{time.monotonic_ns()}"
        self.killed = False
        self.cut = False

    def finish(self) -> Finished:
        with tempfile.TemporaryDirectory(prefix=_TEMPORARY, ignore_cleanup_errors=True) as name:
            began, timed_out = time.monotonic(), False
            self.process = process = self._started(Path(name))
            if self.killed:
                self.kill()  # It was cancelled while it started.
            streams = [_Stream(process.stdout, self._too_much), _Stream(process.stderr, self._too_much)]
            try:
                process.wait(self.settings.timeout + (_DOCKER_START if self.cage == "docker" else 0))
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                # What it left running in the background ends with it.
                stopped = self.killed or timed_out
                self.kill()
                process.wait()
            stdout, stderr = (stream.text() for stream in streams)
        status = None if stopped else process.returncode
        seconds = round(time.monotonic() - began, 3)
        return Finished(status, stdout, stderr, self.cage, seconds, timed_out, self.cut)

    def kill(self) -> None:
        self.killed = True
        if (process := self.process) is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if self.cage == "docker":
            # The container is no child of ours, only its client is.
            subprocess.run(["docker", "kill", self.container], capture_output=True, check=False, timeout=30)

    def _too_much(self) -> None:
        self.cut = True
        self.kill()

    def _started(self, folder: Path) -> "subprocess.Popen[str]":
        """The program, started by LangChain's policy with nothing to read."""
        if self.killed:
            raise Failed("sandbox_unusable", sandbox=self.cage, reason="cancelled")
        from langchain.agents.middleware import HostExecutionPolicy

        command = self._command(folder)
        policy = self._docker(folder) if self.cage == "docker" else HostExecutionPolicy()
        workspace = folder if self.cage == "docker" else self.program.workspace
        try:
            process = policy.spawn(workspace=workspace, env=_environment(folder, self.cage), command=command)
        except (OSError, RuntimeError) as error:
            raise Failed("sandbox_unusable", sandbox=self.cage, reason=str(error)) from error
        assert process.stdin is not None
        process.stdin.close()
        return process

    def _command(self, folder: Path) -> list[str]:
        command = list(self.program.command)
        if self.program.source is not None:
            source = folder / "source"
            source.write_text(self.program.source, encoding="utf-8", errors="surrogatepass")
            command.append("/tmp/source" if self.cage == "docker" else str(source))
        if self.cage == "docker":
            return command
        memory, seconds = self.settings.memory_mb * 2**20, int(self.settings.timeout) + 1
        limits = (_processes(self.cage), _MOST_FILE_BYTES, memory, seconds, 0)
        limited = [sys.executable, "-I", "-S", "-c", _LIMIT, *map(str, limits), *command]
        if self.cage == "bubblewrap":
            return [*_bubblewrap(self.program.workspace, folder), *limited]
        return [*_NAMESPACES, *limited] if self.cage == "namespaces" else limited

    def _docker(self, folder: Path) -> "DockerExecutionPolicy":
        from langchain.agents.middleware import DockerExecutionPolicy

        workspace = str(self.program.workspace)
        return DockerExecutionPolicy(
            image=self.settings.docker_image,
            memory_bytes=self.settings.memory_mb * 2**20,
            read_only_rootfs=True,
            extra_run_args=(
                *("--name", self.container, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
                *("--pids-limit", str(_MOST_PROCESSES), "--tmpfs", "/scratch"),
                *("-v", f"{folder}:/tmp:ro", "-v", f"{workspace}:{workspace}:ro", "-w", workspace),
            ),
        )


class _Stream:
    """What a program says on one stream, up to a limit, read beside it."""

    def __init__(self, stream: Any, too_much: Callable[[], None]) -> None:
        self._stream = stream.buffer
        self._too_much = too_much
        self._said = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while chunk := self._stream.read1(65536):
                self._said += chunk[: MOST_OUTPUT - len(self._said) + 1]
                if len(self._said) > MOST_OUTPUT:
                    self._too_much()
                    return
        except (OSError, ValueError):
            return

    def text(self) -> str:
        # Whoever left the group may hold the pipe open; what they say is not waited for.
        self._thread.join(1)
        if not self._thread.is_alive():
            self._stream.close()
        return bytes(self._said[:MOST_OUTPUT]).decode("utf-8", "replace")


def _environment(folder: Path, found: Cage) -> dict[str, str]:
    """All that a program finds around itself; nothing of Octo's own environment, where keys may be."""
    place = "/scratch" if found == "docker" else str(folder)
    return {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": place, "TMPDIR": place, "PYTHONDONTWRITEBYTECODE": "1"}


# `setpriv` ends it with Octo, however that ends.
_NAMESPACES: Final = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--user", "--map-current-user", "--net", "--pid", "--fork", "--kill-child", "--"),
)


def _bubblewrap(workspace: Path | None, folder: Path | None) -> list[str]:
    """System, interpreter and workspace to be read, the temporary folder to be written; nothing else is there."""
    cage = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev"]
    cage += ["--tmpfs", "/tmp"]
    for path in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache"):
        cage += ["--ro-bind-try", path, path]
    for prefix in dict.fromkeys((sys.base_prefix, sys.prefix)):
        if not prefix.startswith("/usr"):
            cage += ["--ro-bind", prefix, prefix]
    if workspace is not None and folder is not None:
        cage += ["--ro-bind", str(workspace), str(workspace), "--bind", str(folder), str(folder)]
        cage += ["--chdir", str(workspace)]
    return [*cage, "--remount-ro", "/", "--"]


@cache
def _works(cage: Sequence[str]) -> bool:
    """Whether the kernel and whoever runs it let us build this cage: being installed is not enough."""
    if shutil.which(cage[0]) is None:
        return False
    try:
        done = subprocess.run(
            [*cage, "true"], capture_output=True, check=False, timeout=_PROBE_SECONDS, env={"PATH": _PATH}
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _processes(found: Cage) -> int:
    """How many processes there may be: in a namespace of its own few, otherwise on top of the person's own."""
    if found != "subprocess":
        return _MOST_PROCESSES
    try:
        mine = sum(name.isdigit() for name in os.listdir("/proc"))  # noqa: PTH208
    except OSError:
        mine = 1024
    return mine + _MOST_PROCESSES
