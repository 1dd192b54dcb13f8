"""octo threads export and import as they are typed: records to read, and a thread that goes on elsewhere."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from octo_cli.cli.completion import candidates
from octo_cli.storage.sealing import new_key
from octo_cli.ui.cells import width
from tests.conftest import LEASE, REST, Octo

NDA = {"disclosing_party": "주식회사 한강", "receiving_party": "이수민", "purpose": "투자 검토"}
HOSTILE = (
    "비밀유지계약서 작성해줘. </script><script>alert(1)</script><img src=//evil.example/x onerror=alert(1)> "
    "[누름](javascript:alert(1)) | 칸 | `코드`\n```\n# 제목\n````\nمرحبا שלום " + "긴이름" * 170
)


@pytest.fixture
def waiting(octo: Octo) -> str:
    """The id of a lease that waits for its fields."""
    octo.environment["OCTO_LANG"] = "en"
    return str(octo("ask", LEASE, "--json").json["thread_id"])


def elsewhere(octo: Octo, name: str, **environment: str) -> Octo:
    """Another machine: a home and a folder of its own."""
    folder = octo.folder / name
    folder.mkdir()
    return replace(octo, folder=folder, environment={**octo.environment, "OCTO_HOME": f"{folder}/home", **environment})


def test_a_waiting_lease_goes_on_elsewhere_and_comes_to_the_same_bytes(
    octo: Octo, waiting: str, address: str, tmp_path: Path
) -> None:
    octo("threads", "fork", waiting)
    octo("threads", "rollback", waiting, "--to", "collaborate")
    file = str(tmp_path / "lease.json")
    assert octo("threads", "export", waiting, "-o", file).status == 0
    history = octo("threads", "inspect", waiting, "--history", "--json").json["history"]
    (question,) = octo("resume", waiting, "--json").json["interrupts"]
    here = octo("resume", waiting, *octo.answered(), "--approve", "--submit", "--json").json
    expected = Path(here["documents"][0]["path"]).read_bytes()
    for other in (elsewhere(octo, "file"), elsewhere(octo, "server", OCTO_POSTGRES_URL=address)):
        done = other("threads", "import", file, "--json").json
        assert (done["thread_id"], done["status"], done["imported"]) == (waiting, "waiting_human", True)
        assert other("threads", "import", file, "--json").json == {**done, "imported": False}
        assert other("inbox", "--json").json["interrupts"] == [question]
        assert other("threads", "inspect", waiting, "--history", "--json").json["history"] == history
        finished = other("resume", waiting, *octo.answered(), "--approve", "--submit", "--json").json
        (document,) = finished["documents"]
        assert (finished["status"], Path(document["path"]).read_bytes()) == ("completed", expected)
        assert document["doc_hash"] == here["documents"][0]["doc_hash"]
        assert other.folder in Path(document["path"]).parents
        log = other("threads", "inspect", waiting, "--audit", "--json")
        assert (log.status, log.json["verified"]) == (0, True)
        assert "rolled_back" in {entry["event"] for entry in log.json["entries"]}
        # It went on, so it is another thread than the file's.
        refused = other("threads", "import", file)
        assert (refused.status, refused.out) == (5, "")
        assert waiting in refused.err


def test_the_record_says_who_answered_what_and_when(octo_anywhere: Octo) -> None:
    octo = octo_anywhere
    octo.environment["OCTO_LANG"] = "en"
    waiting = octo("ask", LEASE, "--json").json["thread_id"]
    octo("resume", waiting, *octo.answered(), "--user", "mina")
    octo("resume", waiting, "--revise", "임차인 이름을 이수민으로 고쳐줘", "--user", "hong")
    octo("resume", waiting, "--submit", "--user", "mina")
    octo("resume", waiting, "--approve", "--user", "kim")
    record = octo("threads", "export", waiting, "--as", "json").json["record"]
    told = [(one["question"]["type"], one["answer"]["action"], one["by"], one["open"]) for one in record["exchanges"]]
    assert told == [
        ("collaboration_required", "submit", "user:mina", False),
        ("approval_required", "revise", "user:hong", False),
        ("collaboration_required", "submit", "user:mina", False),
        ("approval_required", "approve", "user:kim", False),
    ]
    assert record["exchanges"][0]["answer"]["fields"].keys() >= REST.keys()
    assert {one["at"] for one in record["exchanges"]} == {octo.environment["OCTO_NOW"]}
    (turn,) = record["turns"]
    assert (turn["asked"], turn["plan"]["steps"][0]["status"], len(turn["results"])) == (LEASE, "completed", 1)
    (paper,) = record["documents"]
    assert (paper["intact"], paper["text"].encode()) == (True, Path(paper["path"]).read_bytes())
    assert record["chain"]["broken_at"] is None

    markdown, page = (octo("threads", "export", waiting, "--as", kind).out for kind in ("md", "html"))
    for text in (
        "mina",
        "hong",
        "kim",
        paper["doc_hash"],
        record["history"][3]["checkpoint_id"],
        f"{len(record['audit'])} entries",
        "김철수",
    ):
        assert text in markdown, text
        assert text in page, text
    assert paper["text"].rstrip() in markdown
    assert "UTC+09:00" in markdown


def test_turns_before_the_last_keep_their_plans(octo: Octo, waiting: str) -> None:
    octo("resume", waiting, "--reject")
    octo("ask", "비밀유지계약서 작성해줘", "--thread", waiting)
    turns = octo("threads", "export", waiting, "--as", "json").json["record"]["turns"]
    assert [(turn["asked"], turn["plan"]["steps"][0]["status"]) for turn in turns] == [
        (LEASE, "cancelled"),
        ("비밀유지계약서 작성해줘", "waiting"),
    ]


class _Page(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, and its text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_was_written_stays_text(octo: Octo) -> None:
    asked = octo("ask", HOSTILE, "--json").json
    thread_id = asked["thread_id"]
    fields = {**NDA, "disclosing_address": "<b>서울</b> & \"강\" '남' </td></table>"}
    octo("resume", thread_id, *octo.answered(fields), "--approve", "--submit")
    content = octo("threads", "export", thread_id, "--as", "html").out
    page = _Page(content)
    assert not page.elements & {"script", "img", "svg", "b", "iframe", "link", "object", "form"}
    assert not {name for name in page.attributes if name.startswith("on")} | page.attributes & {"src", "srcset"}
    assert "</script><script>alert(1)</script><img src=//evil.example/x" in page.text
    sections = ("conversation", "work", "questions", "documents", "audit", "history")
    assert re.findall(r'href="([^"]*)"', content) == [f"#{name}" for name in sections]
    assert re.findall(r"url\(|@import|https?://", content.split("</style>")[0]) == []
    assert "مرحبا שלום" in page.text

    markdown = octo("threads", "export", thread_id, "--as", "md").out
    # Inside a fence nothing is read; outside every sign that could be is escaped.
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", markdown)
    assert re.findall(r"(?<!\\)[<>`*~\[]", outside.replace("**", "")) == []
    assert HOSTILE.split("\n")[0] in markdown
    assert "`````text" in markdown


def test_where_it_goes(octo: Octo, waiting: str) -> None:
    def export(*flags: str) -> tuple[int, str]:
        said = octo("threads", "export", waiting, *flags)
        return said.status, said.err or said.out

    folder = octo.folder
    for name in ("a.md", "a.json", "a.HTML"):
        assert export("-o", name)[0] == 0
    assert (folder / "a.md").read_text(encoding="utf-8").startswith("# ")
    assert json.loads((folder / "a.json").read_bytes())["thread_id"] == waiting
    assert (folder / "a.HTML").read_text(encoding="utf-8").startswith("<!doctype html>")
    (folder / "sub").mkdir()
    assert export("-o", "sub", "--as", "html")[0] == 0
    assert (folder / "sub" / f"{waiting}.html").exists()
    assert octo("threads", "export", waiting).out.startswith("# ")
    (folder / "a.md").write_text("mine", encoding="utf-8")
    status, told = export("-o", "a.md")
    assert (status, "exists already" in told, (folder / "a.md").read_text(encoding="utf-8")) == (2, True, "mine")
    assert export("-o", "a.md", "--force")[0] == 0
    for flags, wrong in (
        (("--as", "pdf"), 2),
        (("-o", "a.pdf"), 2),
        (("--as", "md", "-o", "b.html"), 2),
        (("-o", "/proc/none/a.md"), 5),
        (("-o", f"{'x' * 300}.md"), 5),
    ):
        status, told = export(*flags)
        assert (status, len(told.splitlines()) <= 2) == (wrong, True), (flags, told)
    assert octo("threads", "export", "nothing-like-it").status == 4


def test_a_person_is_asked_before_something_is_lost_or_shown(octo: Octo, waiting: str) -> None:
    path = octo.folder / "a.md"
    path.write_text("mine", encoding="utf-8")
    terminal = octo.terminal("threads", "export", waiting, "-o", "a.md")
    terminal.at("[y/N]", "n\r")
    assert (terminal.ends()[0], path.read_text(encoding="utf-8")) == (1, "mine")
    terminal = octo.terminal("threads", "export", waiting, "-o", "a.md")
    terminal.at("[y/N]", "y\r")
    assert terminal.ends()[0] == 0
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert [value for value, _ in candidates(["threads", "export", waiting, "--as"], "", {})] == ["md", "json", "html"]


def test_a_thread_that_nobody_can_read_is_not_written_unasked(octo: Octo) -> None:
    octo.environment |= {"OCTO_ENCRYPTION_KEY": new_key(), "OCTO_LANG": "en"}
    octo("config", "set", "database.encrypt", "true")
    thread_id = octo("ask", LEASE, "--json").json["thread_id"]
    refused = octo("threads", "export", thread_id, "-o", "a.json")
    assert (refused.status, "in clear" in refused.err or "is not" in refused.err) == (2, True)
    assert not (octo.folder / "a.json").exists()
    assert octo("threads", "export", thread_id, "-o", "a.json", "--yes").status == 0
    other = elsewhere(octo, "other", OCTO_ENCRYPTION_KEY=new_key())
    other("config", "set", "database.encrypt", "true")
    assert other("threads", "import", "../a.json").status == 0
    done = other("resume", thread_id, *octo.answered(), "--approve", "--submit", "--json").json
    assert done["status"] == "completed"
    assert other("threads", "inspect", thread_id, "--audit", "--json").json["verified"]


def test_the_graph_shows_what_ran_and_what_waits(octo: Octo, waiting: str) -> None:
    graph = octo("threads", "inspect", waiting, "--graph", "--json").json
    nodes = {node["id"]: node for node in graph["nodes"]}
    status = {name: node["status"] for name, node in nodes.items()}
    assert status == {
        **dict.fromkeys(("guard", "recall", "understand", "make_plan", "dispatch"), "completed"),
        **dict.fromkeys(("gather", "aggregate", "choose_output", "remember"), "pending"),
        **dict.fromkeys(("step_1.initialize", "step_1.collect_context", "step_1.generate_draft"), "completed"),
        **dict.fromkeys(("step_1", "step_1.collaborate"), "waiting"),
    }
    assert nodes["step_1.initialize"]["metadata"]["parent"] == "step_1"
    assert nodes["step_1.initialize"]["metadata"]["seconds"] > 0
    edges = {(edge["source"], edge["target"]) for edge in graph["edges"]}
    assert {("guard", "recall"), ("dispatch", "step_1"), ("step_1", "gather")} <= edges
    assert ("step_1.generate_draft", "step_1.collaborate") in edges
    assert all(name in nodes for pair in edges for name in pair)

    octo("resume", waiting, *octo.answered())
    octo("threads", "rollback", waiting, "--to", "collaborate")
    octo("resume", waiting, *octo.answered(), "--approve")
    nodes = {one["id"]: one for one in octo("threads", "inspect", waiting, "--graph", "--json").json["nodes"]}
    assert {node["status"] for node in nodes.values()} == {"completed"}
    # Once as it was left, once with the answer; nobody worked while it waited.
    assert (nodes["step_1.generate_draft"]["metadata"]["runs"], nodes["dispatch"]["metadata"]["runs"]) == (2, 2)
    assert nodes["step_1.collaborate"]["metadata"]["seconds"] is None
    # The next turn is another one.
    octo("ask", "안녕", "--thread", waiting)
    nodes = {one["id"]: one for one in octo("threads", "inspect", waiting, "--graph", "--json").json["nodes"]}
    assert (nodes["guard"]["metadata"]["runs"], "step_1" in nodes) == (1, False)


def test_the_graph_is_drawn_on_a_screen(octo: Octo) -> None:
    octo.environment["OCTO_LANG"] = "en"
    (octo.folder / "sales.csv").write_text("지역,금액\n서울,10\n", encoding="utf-8")
    asked = octo(
        "ask", "sales.csv를 분석하고 비밀유지계약서도 작성해줘. 그리고 notes.txt에서 회의 찾아줘", "--json"
    ).json
    assert len(asked["plan"]["steps"]) == 3
    for columns in (80, 120):
        status, screen = octo.terminal("threads", "inspect", "last", "--graph", columns=columns, NO_COLOR="1").ends()
        lines = screen.splitlines()
        assert (status, max(map(width, lines)) <= columns, "\x1b" in screen) == (0, True, False), screen
        assert sum("╭" in line for line in lines) == {80: 2, 120: 1}[columns]
        assert any("? collaborate  waiting for you" in line for line in lines)
    status, screen = octo.terminal("threads", "inspect", "last", "--graph").ends()
    assert "\x1b[33m? collaborate" in screen
    refused = octo("threads", "inspect", "last", "--graph", "--history")
    assert (refused.status, refused.out) == (2, "")
