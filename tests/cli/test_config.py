"""config get, set, unset: the user's file is changed line by line, and only to what Octo can read."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from octo_cli.cli import _invoke, config
from octo_cli.cli.commands import Caller
from octo_cli.errors import UsageError
from octo_cli.i18n import words
from octo_cli.settings import KEYS, Place, resolve
from octo_cli.ui.problems import worded
from tests.conftest import Octo

KEPT = """\
# mine

lang = "ko"   # spoken at home

[search]
# all my notes
folders = [
  "~/notes",   # daily
]
"""


@pytest.fixture
def file(octo: Octo) -> Path:
    """Where the settings file is; there is none yet."""
    return Path(octo.environment["OCTO_HOME"]) / "config.toml"


@pytest.fixture
def kept(file: Path) -> Path:
    file.parent.mkdir()
    file.write_text(KEPT)
    return file


def values(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text())


def test_a_setting_is_written_read_and_taken_out(octo: Octo, file: Path) -> None:
    assert octo("config", "get", "model.timeout").out == "60.0\n"
    assert octo("config", "set", "model.timeout", "90").status == 0
    assert (values(file), file.stat().st_mode & 0o777) == ({"model": {"timeout": 90.0}}, 0o600)
    told = octo("config", "get", "model.timeout", "--json").json
    assert told == {"version": 1, "name": "model.timeout", "value": 90.0, "source": "user"}
    assert octo("config", "unset", "model.timeout").status == 0
    assert file.read_text() == ""
    assert octo("config", "unset", "model.timeout").status == 2


def test_remarks_and_layout_stay(octo: Octo, kept: Path) -> None:
    octo("config", "set", "model.cache_writer", "true")
    octo("config", "set", "lang", "en")
    octo("config", "set", "search.folders", "--add", "papers")
    octo("config", "unset", "model.cache_writer")
    added = f'  "~/notes",   # daily\n  "{octo.folder}/papers",\n]\n'
    assert kept.read_text().rstrip("\n") == (
        KEPT.replace('lang = "ko" ', 'lang = "en" ').replace('  "~/notes",   # daily\n]\n', added).rstrip("\n")
    )


def test_a_list_takes_several_values_or_changes_by_one(octo: Octo, file: Path) -> None:
    octo("config", "set", "approvals.deny", "run_shell:rm *", "write_file")
    octo("config", "set", "approvals.deny", "--add", "mcp", "--add", "mcp", "--remove", "write_file")
    assert octo("config", "get", "approvals.deny").out == "run_shell:rm *\nmcp\n"
    assert values(file) == {"approvals": {"deny": ["run_shell:rm *", "mcp"]}}
    octo("config", "set", "approvals.deny", "--remove", "mcp", "--remove", "run_shell:rm *")
    assert octo("config", "get", "approvals.deny").out == ""


def test_a_list_written_as_one_text_is_a_list_all_the_same(octo: Octo, kept: Path) -> None:
    kept.write_text('[agents]\ndisabled = "web, code"\n')
    octo("config", "set", "agents.disabled", "--add", "data")
    assert values(kept) == {"agents": {"disabled": ["web", "code", "data"]}}


def test_a_folder_is_the_one_meant_however_it_is_written(octo: Octo, kept: Path) -> None:
    kept.write_text('[search]\nfolders = ["notes"]\n')
    inside = str(kept.parent / "notes")
    octo("config", "set", "search.folders", "--add", inside)
    assert values(kept) == {"search": {"folders": ["notes"]}}
    octo("config", "set", "search.folders", "--add", "notes", "--remove", inside)
    assert values(kept) == {"search": {"folders": [str(octo.folder / "notes")]}}


def test_a_model_and_its_table_live_together(octo: Octo, kept: Path) -> None:
    kept.write_text('model = "openai:a"   # good\nlang = "ko"\n')
    octo("config", "set", "model.base_url", "http://127.0.0.1:8000/v1/")
    assert values(kept)["model"] == {"name": "openai:a", "base_url": "http://127.0.0.1:8000/v1"}
    assert "# good" in kept.read_text()
    octo("config", "set", "model", "openai:b")
    assert octo("config", "get", "model").out == "openai:b\n"
    octo("config", "unset", "model")
    assert values(kept) == {"lang": "ko", "model": {"base_url": "http://127.0.0.1:8000/v1"}}


# For what takes only certain words, one of them.
SAMPLES = {
    "lang": "en",
    "format": "json",
    "questions.on_timeout": "reject",
    "questions.expire_after": "7d",
    "retention.history": "named",
    "retention.threads": "90d",
    "model.structured": "auto",
    "model.cache": "off",
    "database.postgres": "postgresql://kim@db.example/octo",
    "web.search": "brave",
    "code.sandbox": "docker",
}


@pytest.mark.parametrize("key", KEYS, ids=[key.name for key in KEYS])
def test_whatever_is_written_is_read_again(octo: Octo, file: Path, key: Any) -> None:
    for sample in (SAMPLES.get(key.name), "1", "1024", "true", "http://h", "x"):
        try:
            wanted = key.read([sample] if key.name == "search.folders" else sample, Place("user", "", octo.folder))
        except (UsageError, TypeError):
            continue  # A sample of another kind.
        break
    # In this process: forty commands would say no more.
    document = config._read(file)
    config._put(document, key, config._plain(wanted))
    config._write(file, document)
    settings = resolve({}, {"OCTO_HOME": str(file.parent)}, octo.folder)
    assert config._values(settings)[key.name] == wanted
    assert settings.sources[key.name] == "user"


REFUSED = [
    (["set", "model.tiemout", "4"], "config_no_such_key", "model.timeout"),
    (["set", "timeout", "4"], "config_no_such_key", "web.timeout"),
    (["get", "nope"], "config_no_such_key", "octo config list"),
    (["set", "lang", "fr"], "bad_setting", "ko, en"),
    (["set", "model.timeout", "soon"], "bad_setting", "3600"),
    (["set", "lang", "ko", "en"], "config_one_value", "lang"),
    (["set", "lang", "--add", "ko"], "config_one_value", "lang"),
    (["set", "lang"], "config_value_missing", "octo config set lang"),
    (["set", "approvals.deny", "x", "--add", "y"], "config_value_missing", "approvals.deny"),
    (["set", "approvals.deny", "--remove", "x"], "config_not_listed", "approvals.deny"),
    (["set", "model", "sk-test-0123456789abcdefWXYZ"], "config_holds_key", "octo auth set"),
    (["unset", "web.search"], "config_not_set", "web.search"),
    (["unset", "nope"], "config_no_such_key", "octo config list"),
]


@pytest.mark.parametrize(("command", "code", "named"), REFUSED, ids=[" ".join(one[0])[:40] for one in REFUSED])
def test_what_cannot_be_written_is_refused_and_the_file_stays(
    octo: Octo, kept: Path, command: list[str], code: str, named: str
) -> None:
    with pytest.raises(UsageError) as refused:
        _invoke(Caller(("config", *command), octo.environment, folder=octo.folder))
    assert refused.value.code == code
    said = worded(refused.value, words("en"))
    assert named in f"{said.message} {said.hint}"
    assert "sk-test" not in f"{said.message} {said.hint}"
    assert kept.read_text() == KEPT


def test_a_broken_line_can_be_mended_by_the_command(octo: Octo, kept: Path) -> None:
    kept.write_text('lang = "fr"\nnope = 1\n')
    assert octo("threads", "list").status == 2
    assert octo("config", "path").out == f"{kept}\n"
    assert octo("config", "unset", "nope").status == 0
    assert octo("config", "set", "lang", "ko").status == 0
    assert octo("threads", "list").status == 0


def test_a_file_that_is_no_toml_is_left_alone(octo: Octo, kept: Path) -> None:
    kept.write_text("lang = \n")
    said = octo("config", "set", "lang", "ko")
    assert (said.status, kept.read_text()) == (2, "lang = \n")
    assert "Traceback" not in said.err


def test_a_linked_file_stays_a_link(octo: Octo, kept: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    kept.replace(target)
    kept.symlink_to(target)
    octo("config", "set", "lang", "en")
    assert kept.is_symlink()
    assert values(target)["lang"] == "en"


def test_it_says_when_something_else_has_the_last_word(octo: Octo, file: Path) -> None:
    octo.environment["OCTO_MODEL"] = "offline"
    said = octo("config", "set", "model", "openai:b")
    assert said.status == 0
    assert "environment" in said.err
    assert values(file) == {"model": "openai:b"}
