"""The built-in tools on real files and real processes: they do their work, and nothing beyond it."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from octo_cli.agents.kit import Kit
from octo_cli.agents.tools import fenced, sandbox
from octo_cli.agents.tools.files import reading_tools, writing_tools
from octo_cli.agents.tools.running import running_tools
from octo_cli.agents.tools.sandbox import MOST_OUTPUT, Finished, Program
from octo_cli.errors import Failed
from octo_cli.i18n import LANGUAGES, words
from octo_cli.settings import CodeSettings
from octo_cli.settings.sections import Sandbox
from tests.agents.kits import kit_in

TOOLS = {tool.name: tool for tool in (*reading_tools(), *writing_tools(), *running_tools())}


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = kit_in(tmp_path / "work")
    with made.storage:
        yield made


def run(kit: Kit, name: str, **args: Any) -> Any:
    return asyncio.run(TOOLS[name].run(args, kit))  # type: ignore[arg-type]


def shown(kit: Kit, name: str, **args: Any) -> str:
    show = TOOLS[name].shown
    assert show is not None
    return show(args, kit)


# Files


def test_a_file_is_written_read_found_and_edited(kit: Kit) -> None:
    assert "+첫 줄" in shown(kit, "write_file", path="a/b.txt", content="첫 줄\n둘째\n")
    assert run(kit, "write_file", path="a/b.txt", content="첫 줄\n둘째\n")["new"]
    assert run(kit, "read_file", path="a/b.txt", start=2)["text"] == "둘째"
    assert run(kit, "find_in_files", text="첫")["hits"] == [{"path": "a/b.txt", "line": 1, "text": "첫 줄"}]
    diff = shown(kit, "edit_file", path="a/b.txt", old="둘째", new="셋째")
    assert "-둘째\n+셋째" in diff
    run(kit, "edit_file", path="a/b.txt", old="둘째", new="셋째")
    assert (kit.settings.workspace / "a/b.txt").read_text(encoding="utf-8") == "첫 줄\n셋째\n"
    assert run(kit, "list_files")["files"] == ["a/b.txt"]


def test_a_file_keeps_its_rights_and_nothing_is_left_beside_it(kit: Kit) -> None:
    script = kit.settings.workspace / "run.sh"
    script.write_text("old")
    script.chmod(0o750)
    run(kit, "write_file", path="run.sh", content="new")
    assert (script.read_text(), script.stat().st_mode & 0o777) == ("new", 0o750)
    assert [path.name for path in kit.settings.workspace.iterdir()] == ["run.sh"]


@pytest.mark.parametrize("path", ["../out.txt", "/etc/passwd", "a/../../out.txt", "link/x", "~/x", "file-link"])
def test_nothing_leads_out_of_the_workspace(kit: Kit, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("secret")
    (kit.settings.workspace / "link").symlink_to(outside)
    (kit.settings.workspace / "file-link").symlink_to(outside / "x")
    for name, args in (("read_file", {}), ("write_file", {"content": "x"}), ("edit_file", {"old": "s", "new": "x"})):
        with pytest.raises(Failed) as refused:
            run(kit, name, path=path, **args)
        assert refused.value.code == "tool_path_outside"
    assert run(kit, "find_in_files", text="secret")["hits"] == []
    assert (outside / "x").read_text() == "secret"
    assert sorted(path.name for path in outside.iterdir()) == ["x"]


def test_what_is_no_text_or_too_much_is_refused(kit: Kit) -> None:
    (kit.settings.workspace / "binary").write_bytes(b"a\0b")
    (kit.settings.workspace / "large").write_bytes(b"a" * 1_000_001)
    codes = {}
    for path in ("binary", "large", "missing"):
        with pytest.raises(Failed) as refused:
            run(kit, "read_file", path=path)
        codes[path] = refused.value.code
    assert codes == {"binary": "tool_file_binary", "large": "tool_file_too_large", "missing": "tool_file_missing"}
    with pytest.raises(Failed):
        run(kit, "write_file", path="a", content="a" * 1_000_001)


@pytest.mark.parametrize(("old", "text"), [("a", "b"), ("a", "a a"), ("", "a")])
def test_a_passage_that_is_not_there_once_changes_nothing(kit: Kit, old: str, text: str) -> None:
    (kit.settings.workspace / "f").write_text(text)
    with pytest.raises(Failed) as refused:
        shown(kit, "edit_file", path="f", old=old, new="x")
    assert refused.value.code == "tool_passage_not_once"


def test_a_secret_is_neither_searched_nor_read_under_another_name(kit: Kit) -> None:
    (kit.settings.workspace / ".env").write_text("KEY=needle")
    (kit.settings.workspace / "notes").symlink_to(".env")
    assert run(kit, "find_in_files", text="needle", pattern=".env")["hits"] == []
    with pytest.raises(Failed) as refused:
        run(kit, "read_file", path="notes")
    assert refused.value.code == "tool_file_secret"


def test_korean_names_are_found_however_they_are_composed(kit: Kit) -> None:
    (kit.settings.workspace / unicodedata.normalize("NFD", "메모.txt")).write_text("글")
    assert run(kit, "read_file", path="메모.txt")["text"] == "글"
    run(kit, "write_file", path=unicodedata.normalize("NFD", "새글.txt"), content="x")
    assert (kit.settings.workspace / "새글.txt").exists()


def test_no_text_ends_its_own_block() -> None:
    assert fenced("a\n```\nb", "sh") == "````sh\na\n```\nb\n````"


# Code

CAGES: list[Sandbox] = ["subprocess", *(["bubblewrap"] if shutil.which("bwrap") else [])]  # type: ignore[list-item]


def python(folder: Path, code: str, cage: Sandbox = "auto", **settings: Any) -> Finished:
    program = Program((sys.executable, "-I"), code, folder)
    return asyncio.run(sandbox.run(program, CodeSettings(sandbox=cage, **settings)))


@pytest.mark.parametrize("cage", CAGES)
def test_code_runs_in_the_workspace_without_octos_environment(
    tmp_path: Path, cage: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-leak")
    (tmp_path / "data.txt").write_text("42")
    code = (
        "import os,sys\nprint(open('data.txt').read(), sorted(os.environ))\nprint('oops', file=sys.stderr)\nsys.exit(3)"
    )
    done = python(tmp_path, code, cage)
    assert (done.exit_status, done.stderr) == (3, "oops\n")
    assert done.stdout.startswith("42 ")
    environment = set(done.stdout.split(" ", 1)[1].strip("[]\n").replace("'", "").split(", "))
    assert environment <= {"HOME", "LANG", "LC_CTYPE", "PATH", "PWD", "PYTHONDONTWRITEBYTECODE", "TMPDIR"}
    assert (done.sandbox == "bubblewrap") == (cage == "bubblewrap")
    assert all(words(language)(f"sandbox.{done.sandbox}") for language in LANGUAGES)


def test_there_is_a_temporary_folder_and_it_goes(tmp_path: Path) -> None:
    done = python(tmp_path, "import os\np=os.environ['TMPDIR']+'/x'\nopen(p,'w').write('1')\nprint(p)")
    assert done.exit_status == 0
    assert not Path(done.stdout.strip()).exists()


@pytest.mark.skipif("bubblewrap" not in CAGES or sandbox.cage(CodeSettings()) != "bubblewrap", reason="no bubblewrap")
@pytest.mark.parametrize("target", ["{workspace}/x", "{outside}/x", "/etc/x", "/usr/x"])
def test_bubblewrap_keeps_files_as_they_are(tmp_path: Path, target: str) -> None:
    workspace, outside = tmp_path / "work", tmp_path / "outside"
    workspace.mkdir()
    outside.mkdir()
    path = target.format(workspace=workspace, outside=outside)
    done = python(workspace, f"open({path!r}, 'w').write('x')", "bubblewrap")
    assert done.exit_status == 1
    assert not Path(path).exists()
    assert not list(outside.iterdir())


@pytest.mark.skipif(sandbox.cage(CodeSettings()) == "subprocess", reason="this system isolates no network")
def test_there_is_no_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = python(tmp_path, f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)")
    assert done.exit_status == 1
    assert "Error" in done.stderr


@pytest.mark.parametrize("cage", CAGES)
def test_what_takes_too_long_is_stopped_with_all_its_children(tmp_path: Path, cage: Sandbox) -> None:
    marker = f"octo-{os.getpid()}-{cage}"
    code = (
        "import subprocess,sys,time\n"
        f"[subprocess.Popen([sys.executable,'-c','import time; time.sleep(60)',{marker!r}]) for _ in range(3)]\n"
        "print('started', flush=True)\ntime.sleep(60)"
    )
    done = python(tmp_path, code, cage, timeout=1.0)
    assert (done.timed_out, done.exit_status, done.stdout) == (True, None, "started\n")
    assert processes_with(marker) == []


def test_without_any_cage_a_group_of_processes_still_ends_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = f"octo-plain-{os.getpid()}"
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox._works.cache_clear()
    code = (
        f"import subprocess,sys\nsubprocess.Popen([sys.executable,'-c','import time; time.sleep(60)',{marker!r}])\n"
        "print('done')"
    )
    done = python(tmp_path, code, "subprocess")
    sandbox._works.cache_clear()
    assert (done.sandbox, done.exit_status, done.stdout) == ("subprocess", 0, "done\n")
    assert processes_with(marker) == []


@pytest.mark.skipif(sandbox.cage(CodeSettings()) == "subprocess", reason="this system ends nothing with its parent")
@pytest.mark.parametrize("cage", CAGES)
def test_what_runs_ends_with_an_octo_that_is_killed(tmp_path: Path, cage: Sandbox) -> None:
    marker = f"octo-killed-{os.getpid()}-{cage}"
    runs = f"""
import asyncio, sys
from pathlib import Path
from octo_cli.agents.tools import sandbox
from octo_cli.settings import CodeSettings
code = "import time; time.sleep(60)"
program = sandbox.Program((sys.executable, "-c", code, {marker[::-1]!r}[::-1]), None, Path({str(tmp_path)!r}))
asyncio.run(sandbox.run(program, CodeSettings(sandbox={cage!r})))
"""
    octo = subprocess.Popen([sys.executable, "-c", runs])
    try:
        assert comes(lambda: len(processes_with(marker)) > 0), octo.poll()
    finally:
        octo.kill()
        octo.wait()
    assert comes(lambda: processes_with(marker) == [])


@pytest.mark.parametrize("cage", CAGES)
def test_endless_output_is_cut(tmp_path: Path, cage: Sandbox) -> None:
    done = python(tmp_path, "while True: print('x' * 1000)", cage, timeout=20)
    assert (done.cut, done.timed_out, done.exit_status, len(done.stdout)) == (True, False, None, MOST_OUTPUT)


def test_too_much_memory_is_refused(tmp_path: Path) -> None:
    done = python(tmp_path, "x = bytearray(2_000_000_000)", memory_mb=256)
    assert done.exit_status == 1
    assert "MemoryError" in done.stderr


def test_a_limit_of_processes_is_set(tmp_path: Path) -> None:
    done = python(
        tmp_path, "import resource as r\nprint(r.getrlimit(r.RLIMIT_NPROC)[1], r.getrlimit(r.RLIMIT_FSIZE)[1])"
    )
    processes, size = map(int, done.stdout.split())
    assert 0 < processes < 10_000
    assert 0 < size <= 100_000_000


@pytest.mark.parametrize("cage", CAGES)
def test_whatever_forks_without_end_is_gone_in_the_end(tmp_path: Path, cage: Sandbox) -> None:
    marker = f"octo-bomb-{os.getpid()}-{cage}"
    # As a bomb does, but no more than 30 of them where the system does not bound a privileged user.
    code = (
        "import os,sys,time\nmade = 0\n"
        "for _ in range(30):\n"
        "    try:\n        child = os.fork()\n"
        "    except OSError:\n        break\n"
        "    if not child:\n"
        f"        os.execv(sys.executable, ['python', '-c', 'import time; time.sleep(60)', {marker!r}])\n"
        "    made += 1\n"
        "print(made, flush=True)\nos.setsid() if os.fork() == 0 else None\ntime.sleep(60)"
    )
    done = python(tmp_path, code, cage, timeout=1.5)
    assert done.exit_status is None
    assert processes_with(marker) == []


def test_a_cancelled_run_leaves_nothing_behind(tmp_path: Path) -> None:
    marker = f"octo-cancelled-{os.getpid()}"
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    code = f"import time\nMARK={marker!r}\nopen({str(ready)!r}, 'w').write('1')\ntime.sleep(60)"
    program = Program((sys.executable, "-I", "-c", code, marker), None, tmp_path)

    async def story() -> None:
        work = asyncio.create_task(sandbox.run(program, CodeSettings(sandbox="subprocess")))
        await asyncio.to_thread(ready.read_text)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(story())
    assert processes_with(marker) == []


def test_a_sandbox_that_was_asked_for_is_never_replaced_by_a_weaker_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for asked in ("docker", "bubblewrap"):
        sandbox._works.cache_clear()
        with pytest.raises(Failed) as refused:
            python(tmp_path, "print(1)", asked)
        assert refused.value.code == "sandbox_missing"
    assert sandbox.cage(CodeSettings()) == "subprocess"
    sandbox._works.cache_clear()


def test_the_shell_runs_too(kit: Kit) -> None:
    done = run(kit, "run_shell", command="echo 안녕 && exit 4")
    assert (done["stdout"], done["exit_status"]) == ("안녕\n", 4)


def comes(expected: Callable[[], bool]) -> bool:
    """Whether it becomes so within a minute: what is waited for may have to be imported on a busy machine."""
    until = time.monotonic() + 60
    while not expected() and time.monotonic() < until:
        time.sleep(0.02)
    return expected()


def processes_with(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if marker.encode() in line and b"pytest" not in line:
            found.append(path.parent.name)
    return found
