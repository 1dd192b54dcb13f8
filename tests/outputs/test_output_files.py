"""Where `-o` writes an answer: by the format's suffixes, over what stands there only by leave, or not at all."""

import json
from pathlib import Path

import pytest

from tests.conftest import Octo


def test_a_suffix_that_the_format_does_not_have_is_refused_before_any_work(octo: Octo) -> None:
    said = octo("ask", "hello", "-f", "json", "-o", "answer.xyz", "--json")
    assert (said.status, said.json["error"]["code"]) == (2, "output_suffix")
    assert ".json" in said.json["error"]["message"]
    assert octo("threads", "list", "--json").json["threads"] == []


def test_an_unknown_format_is_told_with_those_there_are(octo: Octo) -> None:
    said = octo("ask", "hello", "-f", "poem", "--json")
    assert (said.status, said.json["error"]["code"]) == (2, "bad_setting")
    assert "chat, " in said.json["error"]["hint"]


def test_what_stands_there_is_written_over_only_by_leave(octo: Octo) -> None:
    answer = octo.folder / "answer.json"
    answer.write_text("mine")
    refused = octo("ask", "hello", "-f", "json", "-o", "answer.json", "--json")
    assert (refused.status, refused.json["error"]["code"]) == (2, "output_exists")
    assert "--force" in refused.json["error"]["hint"]
    assert answer.read_text() == "mine"
    assert octo("threads", "list", "--json").json["threads"] == []
    assert octo("ask", "hello", "-f", "json", "-o", "answer.json", "--force").status == 0
    assert answer.read_text().startswith("{")
    assert list(octo.folder.iterdir()) == [answer]


@pytest.mark.parametrize(("typed", "kept"), [("y\r", False), ("n\r", True), ("\r", True)])
def test_a_person_is_asked(octo: Octo, typed: str, kept: bool) -> None:
    answer = octo.folder / "answer.json"
    answer.write_text("mine")
    terminal = octo.terminal("ask", "안녕", "-f", "json", "-o", "answer.json")
    terminal.at("answer.json? [y/N]", typed)
    status, _ = terminal.ends()
    assert (status, answer.read_text() == "mine") == (1 if kept else 0, kept)


def test_markdown_stands_beside_what_is_there(octo: Octo) -> None:
    (octo.folder / "answer.md").write_text("mine")
    assert octo("ask", "hello", "-o", "answer.md", "--timeout", "30s").status == 0
    assert (octo.folder / "answer.md").read_text() == "mine"
    assert (octo.folder / "answer-v2.md").exists()


@pytest.mark.parametrize("format", ["graph", "json", "all"])
def test_what_is_no_markdown_is_written_to_a_markdown_file_as_it_is(octo: Octo, format: str) -> None:
    done = octo("ask", "hello", "-f", format, "-o", "answer.md", "--json")
    assert done.status == 0
    assert json.loads((octo.folder / "answer.md").read_text(encoding="utf-8")) == done.json["result"]


def test_where_nothing_can_be_written_the_answer_is_shown_all_the_same(octo: Octo) -> None:
    (octo.folder / "file").write_text("no folder")
    said = octo("ask", "hello", "-f", "json", "-o", str(Path("file") / "answer.json"), "--json")
    assert (said.status, said.json["error"]["code"]) == (5, "document_unwritable")
    assert said.json["result"]["summary"]
    # In the format that was asked for now, not in the thread's.
    again = octo("resume", "last", "-f", "report", "-o", str(Path("file") / "answer.html"), "--json")
    assert (again.status, again.json["format"], again.json["result"].splitlines()[0]) == (5, "report", "# Report")
