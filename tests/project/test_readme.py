"""The README and its pages in both languages: commands run and print what is shown; tables say what the code does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from octo_cli.cli.completion import SCRIPTS
from octo_cli.settings import KEYS
from tests.parent import Parent
from tests.project import console
from tests.project.console import PROJECT, Printed, Shown

PAGES = [PROJECT / name for name in ("README.md", "README.ko.md")]
TRANSCRIPTS = [
    *PAGES,
    *(
        PROJECT / "docs" / f"{name}{end}"
        for name in ("tour", "models", "agents", "plans", "outputs", "storage")
        for end in console.LOCALES
    ),
]
SETUP = re.compile(r"^```sh\n(pip install .*)\n```$", re.MULTILINE)
ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)
WHERE_COMPLETIONS_GO = {
    "bash": ".local/share/bash-completion/completions/octo",
    "zsh": ".zfunc/_octo",
    "fish": ".config/fish/completions/octo.fish",
}

page_by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pytest.mark.parametrize("page", TRANSCRIPTS, ids=lambda page: page.name)
def test_every_command_prints_what_is_shown(page: Path, tmp_path: Path, parent: Parent | None) -> None:
    for shown, printed in console.run(page, tmp_path, parent):
        assert printed.status == shown.status, told(shown, printed)
        assert console.matches(shown.lines, printed.lines), told(shown, printed)


@page_by_name
def test_the_two_commands_come_first_and_are_those_of_the_main_job(page: Path) -> None:
    job, tests = SETUP.findall(page.read_text(encoding="utf-8"))
    first = next(part for part in console.transcript(page) if isinstance(part, Shown))
    assert job == f"pip install uv && uv run {first.command.replace('--no-input ', '')}"
    assert tests == "pip install uv && uv run pytest"


@pytest.mark.parametrize(("name", "safe"), [("settings.md", ("no", "yes")), ("settings.ko.md", ("불가", "가능"))])
def test_every_setting_is_listed_with_where_it_may_be_given(name: str, safe: tuple[str, str]) -> None:
    page = PROJECT / "docs" / name
    listed = {row[0]: row[1:4] for row in rows(page) if row[0].strip("`") in {key.name for key in KEYS}}
    assert listed == {f"`{key.name}`": [ticked(key.option), ticked(key.variable), safe[key.safe]] for key in KEYS}


@page_by_name
def test_every_exit_status_of_the_contract_is_listed(page: Path) -> None:
    contract = PROJECT / "docs" / "contract.md"
    assert statuses(page) == statuses(contract) != []


@page_by_name
def test_the_completion_lines_install_the_scripts(page: Path, tmp_path: Path) -> None:
    lines = {row[0].lower(): row[1] for row in rows(page) if row[0].lower() in SCRIPTS}
    assert lines.keys() == SCRIPTS.keys()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for shell, file in WHERE_COMPLETIONS_GO.items():
        line = re.findall("`([^`]+)`", lines[shell])[0]
        subprocess.run(["bash", "-c", line], check=True, timeout=30, env={"HOME": str(tmp_path), "PATH": path})
        assert (tmp_path / file).read_text(encoding="utf-8") == SCRIPTS[shell]


def test_both_pages_have_the_same_chapters() -> None:
    english, korean = (len(re.findall(r"^## ", prose(page), re.MULTILINE)) for page in PAGES)
    assert english == korean


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (["a", "b"], ["a", "b"], True),
        (["a"], ["a", "b"], False),
        (["a", "b"], ["a"], False),
        (["…", "b"], ["a", "a", "b"], True),
        (["…", "b"], ["a", "b", "a"], False),
        (["a", "…"], ["a"], True),
        ([], ["a"], False),
    ],
)
def test_a_line_of_three_dots_stands_for_any_lines(shown: list[str], printed: list[str], same: bool) -> None:
    assert console.matches(shown, printed) is same


@pytest.mark.parametrize("shown", ["1f1e599c-30", "1f1e599c-30ee", "1f1e599c-30ee-6a4b-8004-9d5c"])
def test_a_checkpoint_is_called_the_same_however_much_of_its_id_tells_it_apart(shown: str, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"```console\n$ echo '* {shown}  collaborate'\n```\n", encoding="utf-8")
    (tmp_path / "run").mkdir()
    ((_, printed),) = console.run(page, tmp_path / "run")
    assert printed.lines == ("* 1f1e599c-30ee  collaborate",)


def test_a_page_is_refreshed_only_where_it_is_wrong(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("```console\n$ echo a; echo b\n…\nb\n$ octo nonsense 2> /dev/null\nold\n```\n", encoding="utf-8")
    (tmp_path / "run").mkdir()
    fresh = "```console\n$ echo a; echo b\n…\nb\n$ octo nonsense 2> /dev/null\n# exits 2\n```\n"
    assert console.refreshed(page, tmp_path / "run") == fresh


def told(shown: Shown, printed: Printed) -> str:
    """What pytest says of a page that is behind: the command and what it prints now."""
    return "\n".join(["", f"$ {shown.command}", *printed.lines, f"# exits {printed.status}"])


def rows(page: Path) -> list[list[str]]:
    return [[cell.strip() for cell in row.split("|")] for row in ROW.findall(page.read_text(encoding="utf-8"))]


def prose(page: Path) -> str:
    return console.BLOCK.sub("", page.read_text(encoding="utf-8"))


def statuses(page: Path) -> list[str]:
    return [row[0] for row in rows(page) if row[0].isdigit()]


def ticked(name: str | None) -> str:
    return f"`{name}`" if name else ""
