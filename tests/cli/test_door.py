"""The front door: help, versions, wrong flags and wrong texts, as a script sees them."""

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from octo_cli import __version__
from octo_cli.cli import COMMANDS
from octo_cli.cli.commands import Branch, Entry
from octo_cli.i18n import LANGUAGES, Language, words
from octo_cli.ui.cells import width
from tests.conftest import Octo


def paths(entries: dict[str, Entry | Branch], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, entry in entries.items():
        found.append((*before, name))
        if isinstance(entry, Branch):
            found += paths(dict(entry.entries), (*before, name))
    return found


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_one_line(octo: Octo, flag: str) -> None:
    assert octo(flag).out == f"octo {__version__}\n"
    assert octo("--lang", "ko", flag).out == f"octo {__version__}\n"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", [(), *paths(COMMANDS)], ids=" ".join)
def test_every_command_has_a_help_page_in_both_languages(octo: Octo, path: tuple[str, ...], language: Language) -> None:
    said = octo(*path, "--help", "--lang", language)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"{words(language)('page.usage')} {' '.join(['octo', *path])}")
    assert "--sqlite PATH" in said.out
    assert all(width(line) <= 80 for line in said.out.splitlines())


def test_alone_in_a_pipe_it_shows_help_as_an_error(octo: Octo) -> None:
    for command in ([], ["threads"], ["documents", "--lang", "ko"]):
        said = octo(*command)
        assert (said.status, said.out) == (2, "")
        assert "octo" in said.err


WRONG = [
    (["ask", "x", "--nope"], "unknown_option"),
    (["nope"], "unknown_command"),
    (["threads", "lst"], "unknown_command"),
    (["threads", "list", "x"], "unexpected_argument"),
    (["threads", "rename", "x"], "missing_argument"),
    (["ask", "--set"], "option_needs_value"),
    (["ask", "x", "--set", "deposit"], "set_needs_value"),
    (["ask", "x", "--lang", "fr"], "bad_setting"),
    (["ask", "x", "-f", "poem"], "bad_setting"),
    (["ask", "x", "--timeout", "soon"], "bad_setting"),
    (["ask", "x", "--timeout", "0s"], "bad_setting"),
    (["ask", "x", "-o", "lease.pdf"], "output_suffix"),
    (["ask", "x", "--approve", "--revise", "y"], "answers_conflict"),
    (["ask", "x", "--answers", "none.toml"], "answers_missing"),
    (["ask", "x", "--answers", "answers.yaml"], "answers_suffix"),
    (["ask", "-", "--answers", "-"], "stdin_twice"),
    (["ask", ""], "text_empty"),
    (["ask", "  "], "text_empty"),
    (["ask"], "text_empty"),
    (["ask", "x" * 100_001], "text_too_long"),
    (["resume"], "thread_missing"),
    (["resume", "x", "--last"], "thread_or_last"),
    (["threads", "rollback", "x"], "option_missing"),
    (["threads", "list", "--limit", "0"], "bad_setting"),
    (["threads", "list", "--status", "done"], "bad_setting"),
    (["threads", "import", "none.json"], "import_missing"),
    (["config", "list", "--config", "none.toml"], "config_missing"),
]


@pytest.mark.parametrize(("command", "code"), WRONG, ids=[f"{' '.join(command)[:40]}" for command, _ in WRONG])
def test_wrong_usage_is_a_sentence_and_two(octo: Octo, command: list[str], code: str) -> None:
    said = octo(*command)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("octo: ")
    assert "Traceback" not in said.err
    verb = 2 if command[0] in ("threads", "config") else 1
    error = octo(*command[:verb], "--json", *command[verb:]).json["error"]
    assert error["code"] == code
    assert error["message"]


def test_an_unknown_shell_is_told_which_there_are(octo: Octo) -> None:
    said = octo("completion", "tcsh")
    assert (said.status, said.out) == (2, "")
    assert "powershell" in said.err


def test_a_wrong_flag_with_json_is_the_contracts_one_object(octo: Octo) -> None:
    said = octo("ask", "안녕", "--json", "--nope")
    assert (said.status, said.err) == (2, "")
    assert said.json["status"] == "failed"
    assert {"version", "thread_id", "interrupts", "documents", "usage", "error"} <= said.json.keys()


def test_a_wrong_flag_with_events_is_the_last_line(octo: Octo) -> None:
    (line,) = octo("ask", "안녕", "--events", "--nope").events
    assert (line["seq"], line["type"], line["summary"]["error"]["code"]) == (1, "run_finished", "unknown_option")


def test_what_follows_two_dashes_is_no_flag(octo: Octo) -> None:
    assert octo("threads", "list", "--", "--json").out == ""


@pytest.mark.parametrize(
    ("stdin", "code"),
    [
        (b"", "text_empty"),
        (b" \n\n", "text_empty"),
        (b"a\x00b", "text_control"),
        (b"\x1b[31mred", "text_control"),
        ("임대차".encode("cp949"), "text_not_utf8"),
        (b"x" * 1_000_000, "text_too_long"),
    ],
)
def test_a_text_from_a_pipe_is_checked(octo: Octo, stdin: bytes, code: str) -> None:
    for command in (["ask"], ["ask", "-"]):
        said = octo(*command, "--json", stdin=stdin)
        assert (said.status, said.json["error"]["code"]) == (2, code)


def test_bytes_that_are_no_text_are_refused(octo: Octo) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "octo_cli", "ask", b"\xff\xfe", "--json"],
        capture_output=True, env=octo.environment, cwd=octo.folder, check=False,
    )  # fmt: skip
    assert said.returncode == 2
    assert json.loads(said.stdout)["error"]["code"] == "text_not_utf8"


def test_a_model_that_is_not_there_is_status_six(octo: Octo) -> None:
    said = octo("ask", "안녕", "--model", "openai:gpt-5")
    assert said.status == 6
    assert "openai:gpt-5" in said.err
    assert octo("threads", "list", "--model", "openai:gpt-5").status == 0


def test_shared_options_stand_on_either_side(octo: Octo) -> None:
    octo.environment["LANG"] = "en_US.UTF-8"
    for command in (
        ["--lang", "ko", "threads", "list"],
        ["threads", "--lang", "ko", "list"],
        ["threads", "list", "--lang=ko"],
    ):
        assert octo(*command).out == "아직 대화가 없습니다.\n"
    assert octo("--lang", "ko", "threads", "list", "--lang", "en").out == "No threads yet.\n"


def test_a_c_locale_still_speaks_korean(octo: Octo) -> None:
    octo.environment |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    assert "대화를 최근 순서로" in octo("threads", "--help", "--lang", "ko").out


def test_a_reader_that_leaves_is_no_error(octo: Octo) -> None:
    program = f"{sys.executable} -m octo_cli ask --help"
    done = subprocess.run(
        ["bash", "-c", f"for n in 1 2 3; do {program}; done | head -n 1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, env=octo.environment, cwd=octo.folder, check=False,
    )  # fmt: skip
    assert (done.stderr, done.stdout.splitlines()[-1]) == ("", "0")


def test_a_conversation_needs_a_terminal(octo: Octo) -> None:
    said = octo("chat")
    assert said.status == 2
    assert "octo ask" in said.err


def test_a_broken_settings_file_does_not_break_help(octo: Octo) -> None:
    (octo.folder / ".octo.toml").write_text("lang = ")
    assert octo("--help").status == 0
    said = octo("threads", "list")
    assert said.status == 2
    assert ".octo.toml" in said.err


def test_settings_say_where_they_come_from(octo: Octo) -> None:
    (octo.folder / ".octo.toml").write_text('lang = "ko"\n')
    found = {row["name"]: (row["value"], row["source"]) for row in octo("config", "list", "--json").json["settings"]}
    assert found["lang"] == ("ko", "project")
    assert found["model"] == ("offline", "default")
    assert found["search.folders"] == found["questions.expire_after"] == (None, "default")
    assert octo("config", "path").out == f"{octo.environment['OCTO_HOME']}{os.sep}config.toml\n"


def test_settings_are_printed_as_a_file_would_say_them(octo: Octo) -> None:
    home = Path(octo.environment["OCTO_HOME"])
    home.mkdir()
    (home / "config.toml").write_text('[search]\nfolders = ["a", "b"]\n[questions]\nexpire_after = "12h"\n')
    found = {row["name"]: row["value"] for row in octo("config", "list", "--json").json["settings"]}
    assert found["search.folders"] == [str(home / "a"), str(home / "b")]
    assert found["questions.expire_after"] == "12h"


def test_answers_are_read_before_any_work(octo: Octo) -> None:
    (octo.folder / "broken.toml").write_text("deposit = ")
    (octo.folder / "list.json").write_text("[1]")
    for name in ("broken.toml", "list.json"):
        assert octo("ask", "안녕", "--answers", name, "--json").json["error"]["code"] == "answers_unreadable"
    assert not octo.database.exists()


def test_both_catalogues_say_the_same_things() -> None:
    korean, english = words("ko")._sentences, words("en")._sentences
    assert korean.keys() == english.keys()
    assert all(unicodedata.is_normalized("NFC", sentence) for sentence in korean.values())


def test_a_sentence_is_broken_at_spaces_on_a_screen_and_nowhere_in_a_pipe(octo: Octo) -> None:
    octo.environment["LANG"] = "en_US.UTF-8"
    name = "/".join(["a folder with a long name"] * 8)
    arguments = ("--sqlite", f"{name}/octo.db", "threads", "list")
    (whole, *_) = octo(*arguments).err.splitlines()
    status, shown = octo.terminal(*arguments, columns=100).ends()
    lines = [line for line in shown.splitlines() if "→" not in line]
    assert status == 5
    assert len(lines) > 2
    assert all(len(line) <= 100 for line in lines)
    assert " ".join(line.strip() for line in lines) == whole
