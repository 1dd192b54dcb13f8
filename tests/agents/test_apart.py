"""The child process for what strangers wrote: what it has, what it may not do, and how it ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from octo_cli.agents.apart import Apart, Most, NoAnswer, asked

MOST = Most(seconds=60, memory=1 << 30)
HERE = __name__


def surroundings(message: bytes) -> bytes:
    sys.stdout.write("never an answer")
    sys.stdout.flush()
    try:
        Path(os.fsdecode(message)).write_text("x")
    except OSError as error:
        written = type(error).__name__
    else:
        written = "written"
    return json.dumps({"environment": sorted(os.environ), "written": written}).encode()


def greedy(message: bytes) -> bytes:
    return b"x" * int(message)


def never(message: bytes) -> bytes:
    signal.sigwait([signal.SIGUSR1])
    return message


def busy(message: bytes) -> bytes:
    while True:
        message = message[::-1]


def test_a_child_has_no_environment_and_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-strangers")
    with Apart(f"{HERE}:surroundings", MOST) as child:
        said = json.loads(child.ask(os.fsencode(tmp_path / "file")))
    assert said["written"] == "OSError"
    # What the C library may put there by itself.
    assert set(said["environment"]) <= {"LC_CTYPE"}


def test_a_child_that_wants_too_much_memory_is_replaced() -> None:
    with Apart(f"{HERE}:greedy", MOST) as child:
        with pytest.raises(NoAnswer) as raised:
            child.ask(b"%d" % (2 << 30))
        assert not raised.value.slow
        assert child.ask(b"3") == b"xxx"


def test_an_answer_without_end_is_none() -> None:
    with Apart(f"{HERE}:greedy", MOST) as child, pytest.raises(NoAnswer):
        child.ask(b"%d" % (65 << 20))


def test_a_child_whose_parent_is_gone_computes_only_so_long() -> None:
    serving = f"from octo_cli.agents.apart import serve; serve('{HERE}:busy', (-2, -1))"
    child = f"import sys; sys.path[:] = {sys.path!r}; {serving}"
    ended = subprocess.run([sys.executable, "-c", child], input=bytes(8), capture_output=True, check=False)
    assert ended.returncode == -signal.SIGXCPU


def test_who_leaves_waits_for_no_answer() -> None:
    async def leave() -> None:
        reading = asyncio.create_task(asked(f"{HERE}:never", b"", MOST))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    began = time.monotonic()
    # Before it returns it waits for every thread: for as long as the child lives.
    asyncio.run(leave())
    assert time.monotonic() - began < MOST.seconds
