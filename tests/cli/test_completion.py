"""Completion: what `octo` answers a shell, what bash makes of it, and that the written scripts are the current ones."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from octo_cli.cli.completion import SCRIPTS
from octo_cli.storage import open_storage
from tests.conftest import NOW, Octo
from tests.databases import file

ROOT = Path(__file__).parents[2]
SUFFIX = {"bash": "bash", "zsh": "zsh", "fish": "fish", "powershell": "ps1"}


@pytest.fixture
def filled(octo: Octo) -> Octo:
    with open_storage(file(octo.database)) as storage:
        storage.create_thread(
            "abcd1234", title="$(touch pwned) `x` \t\x1b[31m", user="kim", now=datetime.fromisoformat(NOW)
        )
    return octo


def completed(octo: Octo, *words: str, shell: str = "fish") -> dict[str, str]:
    octo.environment["_OCTO_COMPLETE"] = shell
    said = octo(*words)
    del octo.environment["_OCTO_COMPLETE"]
    assert said.err == ""
    return dict(line.split("\t", 1) for line in said.out.splitlines())


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_written_script_is_the_current_one(octo: Octo, shell: str) -> None:
    assert (ROOT / "completions" / f"octo.{SUFFIX[shell]}").read_text() == octo("completion", shell).out


def test_commands_and_options_come_with_help(filled: Octo) -> None:
    assert completed(filled, "th") == {"threads": "List threads, look into them, and manage them."}
    assert set(completed(filled, "threads", "re")) == {"rename"}
    assert "--format" in completed(filled, "ask", "--")
    assert set(completed(filled, "--lang", "")) == {"ko", "en"}


def test_values_are_completed_by_what_they_name(filled: Octo) -> None:
    assert set(completed(filled, "ask", "-f", "")) == {"chat", "graph", "report", "json", "all"}
    assert set(completed(filled, "ask", "x", "--format=j")) == {"--format=json"}
    assert set(completed(filled, "ask", "x", "--format", "=", "j")) == {"json"}
    assert set(completed(filled, "documents", "show", "le")) == {"lease"}
    assert set(completed(filled, "threads", "list", "--status", "w")) == {"waiting_human"}
    assert set(completed(filled, "completion", "")) == set(SCRIPTS)


def test_threads_are_completed_with_their_titles(filled: Octo) -> None:
    found = completed(filled, "threads", "inspect", "")
    assert found["abcd1234"] == "$(touch pwned) `x` ‹U+001B›[31m"
    assert set(completed(filled, "threads", "delete", "abcd1234", "a")) == {"abcd1234"}
    assert set(completed(filled, "ask", "x", "--thread", "la")) == {"last"}


def test_powershells_dot_is_no_part_of_the_word(filled: Octo) -> None:
    assert set(completed(filled, "threads", ".li", shell="powershell")) == {"list"}
    assert len(completed(filled, ".", shell="powershell")) > 5


def test_a_broken_home_is_silence(filled: Octo) -> None:
    filled.database.write_bytes(b"broken" * 200)
    assert completed(filled, "threads", "inspect", "") == {}


def test_bash_takes_a_title_for_text(filled: Octo) -> None:
    script = """
        octo() { "$PYTHON" -m octo_cli "$@"; }
        source "$SCRIPT"
        COMP_WORDS=(octo threads inspect ""); COMP_CWORD=3; _octo; printf '%s\\n' "${COMPREPLY[@]}"
        COMP_WORDS=(octo ask x --format = js); COMP_CWORD=5; _octo; printf '%s\\n' "${COMPREPLY[@]}"
        complete -p octo
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True, text=True, check=True, cwd=filled.folder,
        env={**filled.environment, "PYTHON": sys.executable, "SCRIPT": str(ROOT / "completions" / "octo.bash")},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["abcd1234", "last", "json", "complete -o default -F _octo octo"]
    assert not (filled.folder / "pwned").exists()


def test_completing_loads_nothing_heavy(filled: Octo) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "octo_cli", "threads", "inspect", ""],
        capture_output=True, text=True, check=True, cwd=filled.folder,
        env={**filled.environment, "_OCTO_COMPLETE": "bash"},
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "abcd1234" in done.stdout
    assert imported.isdisjoint({"pydantic", "asyncio", "langgraph", "rich", "prompt_toolkit"})
