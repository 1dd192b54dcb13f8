"""The graph as a LangGraph server runs it: `langgraph.json` names it, and the thread is one of Octo's own."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command

from octo_cli.engine import served
from octo_cli.errors import StorageError, UsageError
from tests.conftest import LEASE, REST, Octo
from tests.servers import free_port

PROJECT = Path(__file__).parents[2]
DECLARED = json.loads((PROJECT / "langgraph.json").read_text(encoding="utf-8"))
SAY = {"say": {"text": LEASE}}
CONFIG: Any = {"configurable": {"thread_id": "01a1ffe2-d0cf-768e-88e2-2cee593ad295"}}


@pytest.fixture
def home(octo: Octo, monkeypatch: pytest.MonkeyPatch) -> Octo:
    """A server process started in Octo's folder, with Octo's environment."""
    for name in os.environ:
        if name.startswith("OCTO_"):
            monkeypatch.delenv(name)
    for name, value in octo.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(octo.folder)
    return octo


@asynccontextmanager
async def hosted() -> AsyncIterator[Any]:
    """The graph with its checkpointer put in, as `langgraph_api.graph.get_graph` does it for every request."""
    async with served.checkpointer() as saver:
        yield (await served.graph()).copy(update={"checkpointer": saver, "name": "octo"})


def test_what_the_file_names_is_there() -> None:
    module, name = DECLARED["graphs"]["octo"]["path"].split(":")
    assert getattr(import_module(module), name) is served.graph
    module, name = DECLARED["checkpointer"]["path"].rsplit(".", 1)
    assert getattr(import_module(module), name) is served.checkpointer


def test_it_streams_pauses_is_answered_and_finishes(home: Octo) -> None:
    async def story() -> tuple[Path, str]:
        async with hosted() as graph:
            chunks = [chunk async for chunk in graph.astream(SAY, CONFIG, stream_mode=["custom"], subgraphs=True)]
            told = [data["type"] for _, _, data in chunks]
            assert told[:3] == ["intent_recognised", "plan_ready", "step_started"]
            assert "step_progress" in told

            form = (await graph.aget_state(CONFIG)).interrupts[0]
            assert form.value["type"] == "collaboration_required"
            missing = {one["name"] for one in form.value["fields"] if one["required"] and one["value"] is None}
            assert missing == set(REST)

            answer = {"action": "submit", "fields": REST, "base_revision": form.value["base_revision"]}
            await graph.ainvoke(Command(resume={form.id: answer}), CONFIG)
            approval = (await graph.aget_state(CONFIG)).interrupts[0]

            # One question is open: an answer without its id can only mean that one.
            approve = {"action": "approve", "doc_hash": approval.value["doc_hash"]}
            done = await graph.ainvoke(Command(resume=approve), CONFIG)
            (document,) = done["documents"].values()
            assert (await graph.aget_state(CONFIG)).next == ()
            return Path(document["path"]), approval.value["preview"]

    path, approved = asyncio.run(story())
    assert path.read_text(encoding="utf-8") == approved


@pytest.mark.parametrize("kept", ["sqlite", "postgres"])
def test_the_thread_is_octos_own(
    kept: str, home: Octo, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if kept == "postgres":
        home.environment["OCTO_POSTGRES_URL"] = request.getfixturevalue("address")
        monkeypatch.setenv("OCTO_POSTGRES_URL", home.environment["OCTO_POSTGRES_URL"])

    async def begin() -> None:
        async with hosted() as graph:
            await graph.ainvoke(SAY, CONFIG)

    asyncio.run(begin())
    (waiting,) = home("inbox", "--json").json["interrupts"]
    assert waiting["thread_id"] == CONFIG["configurable"]["thread_id"]
    finished = home("resume", "01a1ffe2", *home.answered(), "--approve", "--json").json
    assert finished["status"] == "completed"

    async def go_on() -> Mapping[str, Any]:
        async with hosted() as graph:
            said = await graph.ainvoke({"say": {"text": "안녕하세요", "format": "json"}}, CONFIG)
            assert isinstance(said, Mapping)
            return said

    assert set(asyncio.run(go_on())["output"]) == {"json"}
    (listed,) = home("threads", "list", "--json").json["threads"]
    assert (listed["turns"], listed["status"], listed["documents"]) == (2, "completed", 1)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"text": "안녕"}, "served_input"),
        ({"say": {"text": " "}}, "text_empty"),
        (Command(goto="remember"), "served_input"),
        (Command(resume="yes"), "served_answer"),
        (Command(resume={"0" * 32: {"action": "submit"}}), "question_not_open"),
        (Command(resume={"action": "approve"}), "action_not_offered"),
        (Command(resume={"action": "submit", "fields": {"deposit": "많이"}}), "invalid_value"),
        ({"say": {"text": "안녕하세요", "format": "nope"}}, "format_not_found"),
        (SAY, "question_open"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_in_a_sentence_and_spoils_nothing(given: Any, code: str, home: Octo) -> None:
    async def story() -> None:
        async with hosted() as graph:
            await graph.ainvoke(SAY, CONFIG)
            before = await graph.aget_state(CONFIG)
            with pytest.raises(served.Refused, match=rf"^{code}: \S.*"):
                await graph.ainvoke(given, CONFIG)
            assert await graph.aget_state(CONFIG) == before
            form = before.interrupts[0]
            await graph.ainvoke(Command(resume={form.id: {"action": "submit", "fields": REST}}), CONFIG)
            assert (await graph.aget_state(CONFIG)).interrupts[0].value["type"] == "approval_required"

    asyncio.run(story())


def test_an_answer_to_a_thread_there_is_none_of_is_refused(home: Octo) -> None:
    async def story() -> None:
        async with hosted() as graph:
            nobodys: Any = Command(resume={"0" * 32: {"action": "submit"}})
            for given in (None, nobodys):
                with pytest.raises(served.Refused, match=r"^thread_not_found: "):
                    await graph.ainvoke(given, CONFIG)

    asyncio.run(story())


def test_a_client_that_leaves_loses_nothing(home: Octo) -> None:
    async def story() -> None:
        async with hosted() as graph:
            async with aclosing(graph.astream(SAY, CONFIG, stream_mode="updates")) as chunks:
                async for chunk in chunks:
                    if "make_plan" in chunk:
                        break
            left = await graph.aget_state(CONFIG)
            assert (left.interrupts, bool(left.next)) == ((), True)
            await graph.ainvoke(None, CONFIG)
            assert len((await graph.aget_state(CONFIG)).interrupts) == 1

    asyncio.run(story())


def test_a_state_is_not_written_beside_the_runs(home: Octo) -> None:
    async def story() -> None:
        async with hosted() as graph:
            await graph.ainvoke(SAY, CONFIG)
            with pytest.raises(served.Refused, match=r"^served_no_update: "):
                await graph.aupdate_state(CONFIG, {"format": "json"})

    asyncio.run(story())


def test_a_thread_that_is_run_elsewhere_is_left_alone(home: Octo) -> None:
    async def story() -> None:
        async with hosted() as graph, hosted() as beside:
            async for _ in graph.astream(SAY, CONFIG):
                with pytest.raises(served.Refused, match=r"^thread_busy: "):
                    await beside.ainvoke(None, CONFIG)
                break

    asyncio.run(story())


def test_without_a_thread_or_a_checkpointer_it_says_what_is_missing(home: Octo) -> None:
    async def story() -> None:
        async with hosted() as graph:
            with pytest.raises(served.Refused, match=r"^served_without_thread: "):
                await graph.copy(update={"checkpointer": None}).ainvoke(SAY, CONFIG)
        with pytest.raises(served.Refused, match=r"^served_without_storage: "):
            await (await served.graph()).ainvoke(SAY, CONFIG)

    asyncio.run(story())


def test_settings_and_a_home_that_cannot_be_taken_are_told_at_the_start(
    home: Octo, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with hosted():
            pass

    (home.folder / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("OCTO_HOME", str(home.folder / "file" / "home"))
    with pytest.raises(StorageError, match="file"):
        asyncio.run(story())
    monkeypatch.setenv("OCTO_LANG", "fr")
    with pytest.raises(UsageError, match="OCTO_LANG"):
        asyncio.run(story())


@pytest.fixture
def langgraph_server(octo: Octo) -> Iterator[str]:
    """A LangGraph server of this graph, in memory but for what Octo keeps; nothing of it leaves the machine."""
    if find_spec("langgraph_api") is None:
        pytest.skip("langgraph-cli[inmem] is not installed; docs/library.md says how")
    (octo.folder / "langgraph.json").write_text(json.dumps(DECLARED), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-c", "from langgraph_cli.cli import cli; cli()", "dev", "--host", "127.0.0.1"]
    quiet = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGSMITH_TRACING": "false", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command, "--port", str(port), "--no-browser", "--no-reload", "--allow-blocking"],
        cwd=octo.folder, env={**octo.environment, **quiet}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        log = []
        for line in process.stdout:
            log.append(line)
            if "Application started up" in line:
                break
        else:
            pytest.fail("".join(log))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_a_server_is_spoken_to_as_any_other(langgraph_server: str, octo: Octo) -> None:
    from langgraph.pregel.remote import RemoteException, RemoteGraph
    from langgraph_sdk import get_client

    async def story() -> str:
        async with get_client(url=langgraph_server) as client:
            return await told_by(RemoteGraph("octo", client=client), (await client.threads.create())["thread_id"])

    async def told_by(graph: RemoteGraph, thread_id: str) -> str:
        config: Any = {"configurable": {"thread_id": thread_id}}
        chunks: Any = graph.astream(SAY, config, stream_mode=["custom"], subgraphs=True)
        told = [data["type"] async for _, _, data in chunks]
        assert told[:4] == ["intent_recognised", "plan_ready", "step_started", "step_progress"]

        form = (await graph.aget_state(config)).interrupts[0]
        with pytest.raises(RemoteException, match="action_not_offered"):
            await graph.ainvoke(Command(resume={form.id: {"action": "approve"}}), config)
        await graph.ainvoke(Command(resume={form.id: {"action": "submit", "fields": REST}}), config)
        approval = (await graph.aget_state(config)).interrupts[0]
        approve = {"action": "approve", "doc_hash": approval.value["doc_hash"]}
        done = await graph.ainvoke(Command(resume={approval.id: approve}), config)
        assert isinstance(done, dict)
        (document,) = done["documents"].values()
        return Path(document["path"]).name

    assert asyncio.run(story()) in [path.name for path in octo.documents]
    assert [thread["status"] for thread in octo("threads", "list", "--json").json["threads"]] == ["completed"]


@pytest.mark.parametrize("page", ["library.md", "library.ko.md"])
def test_a_page_speaks_to_a_server(page: str, langgraph_server: str, octo: Octo) -> None:
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    *_, program = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    spoken = program.replace("http://127.0.0.1:2024", langgraph_server)
    subprocess.run([sys.executable, "-c", spoken], cwd=octo.folder, check=True, capture_output=True)
    (asked,) = octo("inbox", "--json").json["interrupts"]
    assert {one["name"]: one["confirmed"] for one in asked["fields"]}["tenant_name"]
