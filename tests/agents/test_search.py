"""The search agent as the supervisor runs it: what it says, what it hands on, and what it never repeats."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from msgspec import to_builtins

from octo_cli.agents.kit import Done, Kit, Task
from octo_cli.agents.registry import CARDS, Registry, UnknownAgent
from octo_cli.agents.search import work
from octo_cli.i18n import Language
from octo_cli.wire.work import Step
from tests.agents.kits import kit_in

Search = Callable[..., Done]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "임대차.md").write_text("# 임대차\n\n이사한 날 전입신고를 한다.\n확정일자도 받는다.\n", encoding="utf-8")
    (folder / "deposit.txt").write_text("The landlord keeps the deposit.\n", encoding="utf-8")
    return folder


def kit_with(tmp_path: Path, *folders: Path) -> Kit:
    listed = ", ".join(f'"{folder}"' for folder in folders)
    return kit_in(tmp_path / "work", config=f"[search]\nfolders = [{listed}]")


def done(kit: Kit, query: str | None, *, text: str = "", language: Language = "ko") -> Done:
    step = Step("1", "search", "검색", inputs={} if query is None else {"query": query})
    outcome = asyncio.run(work(Task(step, text, language, {}), kit))
    assert isinstance(outcome, Done)
    return outcome


def test_places_are_cited_by_file_and_line(tmp_path: Path, notes: Path) -> None:
    said = done(kit_with(tmp_path, notes), "전입신고")
    assert said.text == (
        "“전입신고” 검색 결과: 파일 1개, 1곳. 모두 파일 2개를 살펴보았습니다.\n\n"
        "- `notes/임대차.md:3` · 임대차\n  > 이사한 날 **전입신고**를 한다."
    )
    (hit,) = said.data["hits"]
    assert 0.5 < hit.pop("score") <= 1
    assert hit == {
        "path": "notes/임대차.md",
        "line": 3,
        "snippet": "이사한 날 **전입신고**를 한다.",
        "heading": "임대차",
    }
    assert (said.data["files"], said.data["skipped"], said.data["missing_folders"]) == (2, [], [])
    assert (said.status, said.confidence, said.insights, said.documents) == ("completed", 1.0, (), ())


def test_in_english(tmp_path: Path, notes: Path) -> None:
    said = done(kit_with(tmp_path, notes), "deposit unicorn", language="en")
    assert said.text == (
        "“deposit unicorn”: 1 place in 1 file, out of 2 files searched.\n\n"
        "- `notes/deposit.txt:1`\n  > The landlord keeps the **deposit**.\n\n"
        "Not in any file: unicorn."
    )
    assert said.confidence == 0.5


@pytest.mark.parametrize("query", [None, "", "  "])
def test_without_a_query_the_topic_of_what_was_said_is_sought(query: str | None, tmp_path: Path, notes: Path) -> None:
    said = done(kit_with(tmp_path, notes), query, text="내 메모에서 확정일자에 대해 알려 주세요")
    assert [hit["line"] for hit in said.data["hits"]] == [4]


@pytest.mark.parametrize(("language", "words"), [("ko", "검색 결과가 없습니다"), ("en", "Nothing found for “고래”")])
def test_nothing_found_says_what_was_searched(language: Language, words: str, tmp_path: Path, notes: Path) -> None:
    said = done(kit_with(tmp_path, notes), "고래", language=language)
    assert words in said.text
    assert f"`{notes}`" in said.text
    assert "2" in said.text
    assert (said.data["hits"], said.data["files"], said.confidence) == ([], 2, None)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_without_folders_it_says_how_to_name_them(language: Language, tmp_path: Path) -> None:
    said = done(kit_with(tmp_path), "고래", language=language)
    assert '[search]\nfolders = ["~/notes"]' in said.text
    assert "`octo config path`" in said.text
    assert (said.status, said.confidence) == ("completed", None)
    assert said.data["hits"] == []
    assert not (tmp_path / "data").exists()


def test_a_query_without_letters_is_told(tmp_path: Path, notes: Path) -> None:
    assert (
        done(kit_with(tmp_path, notes), "?!").text == "찾을 말이 없습니다. 글자나 숫자가 들어간 검색어를 적어 주세요."
    )


def test_missing_folders_and_skipped_files_are_named(tmp_path: Path, notes: Path) -> None:
    for number in range(5):
        (notes / f"{number}.txt").write_bytes(bytes(range(256)))
    said = done(kit_with(tmp_path, notes, tmp_path / "gone"), "전입신고")
    assert f"`{tmp_path / 'gone'}`" in said.text
    assert "`notes/0.txt` (글이 아님), `notes/1.txt` (글이 아님), `notes/2.txt` (글이 아님) 외 2개" in said.text
    assert said.data["missing_folders"] == [str(tmp_path / "gone")]
    assert said.data["skipped"][4] == {"path": "notes/4.txt", "reason": "binary"}


def test_more_matches_than_shown_are_counted(tmp_path: Path, notes: Path) -> None:
    for number in range(9):
        (notes / f"{number}.txt").write_text("고래", encoding="utf-8")
    assert "파일 4개가 더 있습니다" in done(kit_with(tmp_path, notes), "고래").text


def test_names_headings_and_queries_cannot_forge_structure(tmp_path: Path, notes: Path) -> None:
    (notes / "a`b\n# c\x1b[2J](x).md").write_text("## **[x](y)** <b> `\n\n고래 # [z](w)\n", encoding="utf-8")
    said = done(kit_with(tmp_path, notes), "고래 # [q](r) **굵게** \x1b[31m <i>\n## 제목")
    tokens = MarkdownIt("commonmark").parse(said.text)
    assert [token.type for token in tokens if token.type.endswith("_open")] == [
        *("paragraph_open", "bullet_list_open", "list_item_open", "paragraph_open"),
        *("blockquote_open", "paragraph_open", "paragraph_open"),
    ]
    inline = {child.type for token in tokens for child in token.children or []}
    assert inline <= {"text", "text_special", "code_inline", "softbreak", "strong_open", "strong_close"}
    assert "\x1b" not in said.text + json.dumps(said.data)


def test_through_its_graph(tmp_path: Path, notes: Path) -> None:
    step = to_builtins(Step("1", "search", "검색", inputs={"query": "확정일자"}))
    state = {"step": step, "request": {"text": "확정일자 찾아줘", "language": "ko"}}
    after = asyncio.run(Registry().graph("search").ainvoke(state, context=kit_with(tmp_path, notes)))
    result = json.loads(json.dumps(after["results"]["1"]))
    assert (result["agent"], result["status"], result["confidence"]) == ("search", "completed", 1.0)
    assert result["data"]["hits"][0]["line"] == 4


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_agent_has_a_card_and_a_graph(card: Any) -> None:
    registry = Registry()
    assert card in registry.cards()
    assert set(card.when) == set(card.languages) == {"ko", "en"}
    assert card.examples
    assert {"__start__"} < set(registry.graph(card.name).get_graph().nodes)


def test_an_unknown_agent_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownAgent) as raised:
        Registry().graph("juggler")
    assert (raised.value.code, raised.value.status) == ("agent_not_found", 4)
    known = ", ".join(card.name for card in CARDS)
    assert raised.value.values == {"name": "juggler", "known": known}
