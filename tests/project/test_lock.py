"""uv.lock: it pins everything and names no host, and the script that keeps it so."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / ".ci" / "neutralise-lock"
LOCK = PROJECT / "uv.lock"
HASH = "sha256:" + "0" * 64
WHEEL = f"""[[package]]
name = "thing"
version = "1.0"
source = {{ registry = "https://mirror.example/pypi/simple" }}
sdist = {{ url = "https://files.example/a/thing-1.0.tar.gz", hash = "{HASH}", upload-time = "2026-01-01T00:00:00Z" }}
wheels = [
    {{ url = "https://files.example/b/thing-1.0%2Bcpu-py3-none-any.whl", hash = "{HASH}" }},
]
"""
ADDRESSED = f'version = 1\nrevision = 5\nrequires-python = ">=3.11"\n\n{WHEEL}'


def test_the_committed_lock_names_no_host() -> None:
    shown = run(["git", "show", "HEAD:./uv.lock"])
    if shown.returncode:
        pytest.skip("not a git checkout: uv has filled this lock in, nobody commits it")
    checked = run([SCRIPT, "--check", "-"], text=shown.stdout)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_whatever_uv_wrote_here_can_be_neutralised(tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    shutil.copy(LOCK, lock)
    assert run([SCRIPT, lock]).returncode == 0
    assert run([SCRIPT, "--check", lock]).returncode == 0
    assert run([SCRIPT, "--same-as", LOCK, lock]).returncode == 0


def test_addresses_go_and_the_rest_stays(tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text(ADDRESSED, encoding="utf-8")
    assert run([SCRIPT, lock]).returncode == 0
    package = tomllib.loads(lock.read_text(encoding="utf-8"))["package"][0]
    assert package == {
        "name": "thing",
        "version": "1.0",
        "source": {"registry": "https://index.invalid/simple"},
        "sdist": {"filename": "thing-1.0.tar.gz", "hash": HASH, "upload-time": "2026-01-01T00:00:00Z"},
        "wheels": [{"filename": "thing-1.0+cpu-py3-none-any.whl", "hash": HASH}],
    }


def test_the_lock_is_wider_than_the_project_so_that_uv_fills_it_in(tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text(ADDRESSED, encoding="utf-8")
    run([SCRIPT, lock])
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11"
    assert tomllib.loads(lock.read_text(encoding="utf-8"))["requires-python"] == ">=3.10"


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text(ADDRESSED, encoding="utf-8")
    run([SCRIPT, lock])
    once = lock.read_bytes()
    run([SCRIPT, lock])
    assert lock.read_bytes() == once


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (("index.invalid", "mirror.example"), "names https://mirror.example/simple"),
        (('filename = "thing-1.0.tar.gz"', 'url = "https://files.example/x.tar.gz"'), "names https://files.example"),
        (('registry = "https://index.invalid/simple"', 'git = "ssh://git@host/x"'), "names ssh://git@host/x"),
        ((">=3.10", ">=3.11"), "requires-python is not >=3.10"),
    ],
)
def test_check_finds(damage: tuple[str, str], complaint: str, tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text(ADDRESSED, encoding="utf-8")
    run([SCRIPT, lock])
    text = lock.read_text(encoding="utf-8").replace(*damage)
    checked = run([SCRIPT, "--check", "-"], text=text)
    assert checked.returncode == 1
    assert complaint in checked.stderr


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('version = "1.0"', 'version = "1.1"'), "thing 1.1 is newly pinned"),
        ((f'whl", hash = "{HASH}"', 'whl", hash = "sha256:1"'), "was " + HASH + ", is sha256:1"),
    ],
)
def test_same_as_finds(change: tuple[str, str], complaint: str, tmp_path: Path) -> None:
    old = tmp_path / "old.lock"
    old.write_text(ADDRESSED, encoding="utf-8")
    compared = run([SCRIPT, "--same-as", old, "-"], text=ADDRESSED.replace(*change))
    assert compared.returncode == 1
    assert complaint in compared.stderr


def test_every_declared_dependency_is_pinned() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    pinned = {package["name"] for package in tomllib.loads(LOCK.read_text(encoding="utf-8"))["package"]}
    assert {name_of(requirement) for requirement in declared} <= pinned


def name_of(requirement: str) -> str:
    """ "psycopg[binary]>=3.2" names psycopg."""
    return requirement.split(">")[0].split("[")[0].strip()


def run(command: list[str | Path], *, text: str = "") -> subprocess.CompletedProcess[str]:
    if command[0] == SCRIPT:
        command = [sys.executable, *command]
    return subprocess.run(command, input=text, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)
