"""Commands as children of a parent that has imported Octo: they say and end as a process of their own would."""

import subprocess

import pytest

from tests.conftest import LEASE, PROGRAM, Octo
from tests.parent import Parent


@pytest.fixture
def both(octo: Octo, parent: Parent | None) -> list[list[str]]:
    return [list(parent.command if parent else PROGRAM), list(PROGRAM)]


def said(octo: Octo, command: list[str], given: bytes = b"", **environment: str) -> tuple[int, bytes, bytes]:
    environment = octo.environment | environment
    done = subprocess.run(
        command, input=given, capture_output=True, cwd=octo.folder, env=environment, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["threads", "list"], ["resume", "nothing"], ["nonsense"]], ids=" ".join
)
def test_it_says_the_same(octo: Octo, both: list[list[str]], arguments: list[str]) -> None:
    child, own = (said(octo, [*program, *arguments]) for program in both)
    assert child == own


def test_its_input_is_read(octo: Octo, both: list[list[str]]) -> None:
    assert [said(octo, [*program, "ask", "-"], LEASE.encode())[0] for program in both] == [3, 3]


def test_what_python_reads_at_the_start_counts(octo: Octo, both: list[list[str]]) -> None:
    (octo.folder / "sitecustomize.py").write_text("print('here')", encoding="utf-8")
    child, own = (said(octo, [*program, "--version"], PYTHONPATH=str(octo.folder)) for program in both)
    assert child == own
    assert child[1].startswith(b"here\n")
