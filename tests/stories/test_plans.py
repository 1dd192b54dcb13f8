"""Plans of several steps: side by side, one after the other, tried again, ended in time, another way, and cancelled."""

import json
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.agents.sites import Visit, page, serving
from tests.conftest import Octo, Said
from tests.loopback import loopback
from tests.models import ModelServer

AGENTS = '''
"""Agents that fail, meet and never end."""
import asyncio
from octo_cli.agents import Done, Kit, StepOutput, StepState, result_of
from octo_cli.wire.work import AgentCard
from langgraph.graph import END, START, StateGraph

both = asyncio.Barrier(2)
tries = dict(flaky=0, down=0)

def agent(does):
    class Agent:
        card = AgentCard(does.__name__, {"en": does.__name__})
        async def work(self, task, kit):
            return await does(task, kit)
    return Agent

@agent
async def meet(task, kit):
    await both.wait()
    return Done(f"met {task.query}", data={"query": task.query})

@agent
async def never(task, kit):
    await asyncio.Event().wait()

@agent
async def raises(task, kit):
    raise RuntimeError("no \\x1b[31mcolour")

@agent
async def flaky(task, kit):
    tries["flaky"] += 1
    if tries["flaky"] < 2:
        raise ConnectionError("lost")
    return Done(f"came at try {tries['flaky']}")

@agent
async def down(task, kit):
    tries["down"] += 1
    raise ConnectionError(f"lost {tries['down']} times")

@agent
async def echo(task, kit):
    return Done("heard: " + "; ".join(f"{key}={one.text}" for key, one in task.earlier.items()))

async def stay(state):
    await asyncio.Event().wait()

graph = StateGraph(StepState, context_schema=Kit, output_schema=StepOutput)
graph.add_node("stay", stay)
graph.add_edge(START, "stay")
graph.add_edge("stay", END)
stuck = graph.compile()
stuck.card = AgentCard("stuck", {"en": "stuck"})
'''
NAMES = ("meet", "never", "raises", "flaky", "down", "echo", "stuck")
WEB = '[web]\nallow_private = ["127.0.0.1"]\nrobots = false\n'
SALES = "region,amount\nSeoul,1200\nBusan,700\n"


def install(octo: Octo, code: str, points: str) -> None:
    """A package beside Octo: `code` is its module `trial_parts`."""
    site = octo.folder.parent / "site"
    info = site / "trial_parts-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "trial_parts.py").write_text(code, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trial-parts\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    octo.environment["PYTHONPATH"] = str(site)


def configured(octo: Octo, config: str) -> None:
    home = Path(octo.environment["OCTO_HOME"])
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(config, encoding="utf-8")


@pytest.fixture
def trial(octo: Octo) -> Octo:
    install(octo, AGENTS, "[octo.agents]\n" + "".join(f"{name} = trial_parts:{name}\n" for name in NAMES))
    return octo


class Planner:
    """A model that plans what a test says, and sums nothing up."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        server.knows("Intent", {"category": "echo", "confidence": 0.9, "keywords": []})
        server.knows("Replan", {"steps": []})
        server.otherwise(lambda _: "A summary.")

    def plans(self, *steps: tuple[str, Sequence[int]]) -> None:
        empty = {"document_type": None, "document_name": None, "document_id": None}
        self.server.knows(
            "Plan",
            {
                "steps": [
                    {"agent": agent, "task": f"{agent} {number}", "query": "", "depends_on": list(needs), **empty}
                    for number, (agent, needs) in enumerate(steps, 1)
                ]
            },
        )

    def ask(self, octo: Octo, *arguments: str) -> Said:
        return octo("ask", "Do it", "--json", *self.server.flags, *arguments)


@pytest.fixture
def planner(model_server: ModelServer) -> Planner:
    return Planner(model_server)


def steps_of(said: Said) -> dict[str, dict[str, Any]]:
    return {step["step_id"]: step for step in said.json["aggregated_data"]["steps"]}


def test_steps_that_do_not_need_each_other_run_side_by_side_and_hand_on_what_they_found(
    trial: Octo, planner: Planner
) -> None:
    planner.plans(("meet", ()), ("meet", ()), ("echo", (1, 2)))
    said = planner.ask(trial)
    steps = steps_of(said)
    assert said.json["plan"]["strategy"] == "parallel"
    # Neither of the first two could have ended without the other.
    assert {step["status"] for step in steps.values()} == {"completed"}
    assert steps["3"]["result"] == "heard: 1=met meet 1; 2=met meet 2"
    ends = [steps[number]["started"] + steps[number]["seconds"] for number in ("1", "2")]
    assert max(steps[number]["started"] for number in ("1", "2")) < min(ends)
    assert steps["3"]["started"] >= max(ends)


def test_what_needs_a_failed_step_is_skipped_and_says_why(trial: Octo, planner: Planner) -> None:
    planner.plans(("raises", ()), ("echo", (1,)), ("echo", (2,)), ("echo", ()))
    said = planner.ask(trial)
    steps = steps_of(said)
    assert [steps[number]["status"] for number in "1234"] == ["failed", "skipped", "skipped", "completed"]
    assert "RuntimeError" in steps["1"]["problem"]
    assert "needs step 1" in steps["2"]["result"]
    assert steps["2"]["problem"] == steps["2"]["result"]
    assert "RuntimeError" in steps["2"]["result"]
    assert "needs step 2" in steps["3"]["result"]
    assert steps["2"]["result"] in said.json["result"]
    assert "\n\n— steps done: 1 of 4, failed: 1, skipped: 2 (" in said.json["result"]
    assert (said.status, "\x1b" in said.out) == (0, False)


def test_what_failed_by_chance_is_tried_again_and_not_for_ever(trial: Octo, planner: Planner) -> None:
    configured(trial, "[plan]\nretries = 1\n")
    planner.plans(("flaky", ()), ("down", ()))
    said = trial("ask", "Do it", "--events", *planner.server.flags)
    told = [event for event in said.events if event["type"] == "step_progress"]
    assert sorted((event["step_id"], event["stage"]) for event in told) == [("1", "retry"), ("2", "retry")]
    assert all("1 of 1" in event["message"] for event in told)
    steps = said.events[-1]["summary"]["aggregated_data"]["steps"]
    assert steps[0]["result"] == "came at try 2"
    assert "lost 2 times" in steps[1]["problem"]


def test_a_step_that_never_ends_is_ended(trial: Octo, planner: Planner) -> None:
    configured(trial, "[plan]\ntimeout = 0.2\n")
    planner.plans(("never", ()), ("stuck", ()), ("echo", ()), ("echo", (1,)))
    said = planner.ask(trial)
    steps = steps_of(said)
    assert [steps[number]["status"] for number in "1234"] == ["failed", "failed", "completed", "skipped"]
    assert all("0.2 seconds" in steps[number]["problem"] for number in "12")
    assert [warning["code"] for warning in said.json["warnings"]] == ["step_timeout", "step_timeout"]


def test_a_model_that_falls_silent_in_its_loop_is_ended(octo: Octo, planner: Planner) -> None:
    configured(octo, "[plan]\ntimeout = 0.3\n")
    planner.server.knows("Intent", {"category": "code", "confidence": 0.9, "keywords": []})
    planner.plans(("code", ()))
    over = threading.Event()
    planner.server.otherwise(lambda _: "At last." if over.wait(20) else "Too late.")
    said = planner.ask(octo)
    over.set()
    assert (said.status, said.json["error"]["code"]) == (1, "step_timeout")


def test_another_way_is_tried_once_and_what_waited_for_the_first_waits_for_it(trial: Octo, planner: Planner) -> None:
    configured(trial, "[plan]\nretries = 0\n")
    planner.plans(("raises", ()), ("echo", (1,)), ("down", ()))
    another = {"instead_of": "1", "agent": "raises", "task": "another go", "query": "elsewhere"}
    # The same once more is no other way.
    same = {"instead_of": "3", "agent": "down", "task": "down 3", "query": "down 3"}
    planner.server.knows("Replan", {"steps": [another, same]})
    said = trial("ask", "Do it", "--events", *planner.server.flags)
    plans = [event["plan"]["steps"] for event in said.events if event["type"] == "plan_ready"]
    assert [[(step["step_id"], step["depends_on"]) for step in plan] for plan in plans] == [
        [("1", []), ("2", ["1"]), ("3", [])],
        [("1", []), ("4", []), ("2", ["4"]), ("3", [])],
    ]
    (asked,) = (asked for asked in planner.server.requests if asked.shape == "Replan")
    assert "RuntimeError" in asked.text
    statuses = {step["step_id"]: step["status"] for step in said.events[-1]["summary"]["plan"]["steps"]}
    assert statuses == {"1": "failed", "4": "failed", "2": "skipped", "3": "failed"}
    assert "replanned" in {warning["code"] for warning in said.events[-1]["summary"]["warnings"]}


def test_without_a_search_engine_the_own_files_are_searched_instead(octo: Octo) -> None:
    notes = octo.folder / "notes"
    notes.mkdir()
    (notes / "deposit.md").write_text("The deposit is returned within ten days.\n", encoding="utf-8")
    configured(octo, f"[search]\nfolders = [{json.dumps(str(notes))}]\n")
    said = octo("ask", "@web deposit", "--json")
    assert [(step["agent"], step["status"]) for step in said.json["plan"]["steps"]] == [
        ("web", "failed"),
        ("search", "completed"),
    ]
    assert "ten days" in said.json["result"]


def test_ctrl_c_ends_every_step_and_resume_does_what_is_left(octo: Octo) -> None:
    """The first page comes at once; the second not before the run was interrupted."""
    (octo.folder / "sales.csv").write_text(SALES, encoding="utf-8")
    configured(octo, WEB)
    silent = [True]

    def slow(visit: Visit) -> None:
        if silent.pop():
            running.send_signal(signal.SIGINT)
            visit.site.closing.wait(20)
            return
        page("<html><body><article><p>The page has come at last, as pages do.</p></article></body></html>")(visit)

    with serving({"/slow": slow}) as site:
        silent[:] = [False, True]
        text = f"Summarize {site.url}/slow and analyze sales.csv"
        running = octo.start("ask", text, "--json")
        out, _ = running.communicate(timeout=30)
        site.closing.set()
        cut = json.loads(out)
        assert (running.returncode, cut["status"], cut["error"]["code"]) == (130, "cancelled", "interrupted")
        said = octo("resume", "last", "--json")
    assert [step["status"] for step in said.json["plan"]["steps"]] == ["completed", "completed"]
    assert "at last" in said.json["result"]


@pytest.mark.parametrize(
    "text", ["sales.csv를 분석하고 보고서로 써줘", "Analyze sales.csv and write it up as a report"]
)
def test_a_report_that_is_asked_for_in_words_is_the_format(octo: Octo, text: str) -> None:
    (octo.folder / "sales.csv").write_text(SALES, encoding="utf-8")
    said = octo("ask", text, "--json").json
    assert [step["agent"] for step in said["plan"]["steps"]] == ["data"]
    assert octo("ask", text, "-o", "report.pdf").status == 0
    assert (octo.folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert octo("ask", "Analyze sales.csv", "-o", "other.pdf").status == 2
    assert said["format"] == "report"
    assert octo("ask", text, "-f", "json", "--json").json["format"] == "json"


@pytest.mark.parametrize(
    "text", ["이 URL 요약하고 비밀유지계약서도 작성해줘 {url}", "Summarize {url} and draft an NDA too"]
)
def test_a_page_is_summed_up_while_a_contract_asks(octo: Octo, text: str) -> None:
    html = b"<html><body><article><p>The deposit is returned within ten days.</p></article></body></html>"
    with loopback({"/a": (200, html)}) as site:
        configured(octo, WEB)
        said = octo("ask", text.format(url=f"{site.address}/a"), "--json", "--no-input").json
    assert [(step["agent"], step["status"]) for step in said["plan"]["steps"]] == [
        ("web", "completed"),
        ("contract", "waiting"),
    ]
    (form,) = said["interrupts"]
    assert form["document_type"] == "nda"


def test_a_page_without_an_address_is_asked_for_beside_the_contract(octo: Octo) -> None:
    asked = octo("ask", "이 URL 요약하고 비밀유지계약서도 작성해줘", "--json").json
    assert [(one["agent"], one["type"]) for one in asked["interrupts"]] == [
        ("web", "clarification_required"),
        ("contract", "collaboration_required"),
    ]
    html = b"<html><body><article><p>The deposit is returned within ten days.</p></article></body></html>"
    with loopback({"/a": (200, html)}) as site:
        configured(octo, WEB)
        said = octo("resume", "last", "--set", f"url={site.address}/a", "--json", "--no-input").json
    assert [step["status"] for step in said["plan"]["steps"]] == ["completed", "waiting"]


def test_fifty_steps_one_after_the_other(octo: Octo) -> None:
    install(octo, NODES, "[octo.agents]\necho = trial_parts:Echo\n[octo.nodes]\nmany = trial_parts:many\n")
    said = octo("ask", "@echo hello", "--json")
    steps = said.json["plan"]["steps"]
    assert (len(steps), {step["status"] for step in steps}) == (50, {"completed"})


NODES = """
from octo_cli.agents import Done
from octo_cli.supervisor import Node, Refused
from octo_cli.wire.work import AgentCard

class Echo:
    card = AgentCard("echo", {"en": "Echoes."})
    async def work(self, task, kit):
        return Done(task.text)

def chain(agent, needs):
    steps = [{"step_id": str(n), "agent": agent, "task": str(n), "depends_on": needs(n)} for n in range(1, 51)]
    return {"plan": {"strategy": "sequential", "steps": steps}}

async def fifty(state, kit):
    return chain("echo", lambda n: [str(n - 1)] if n > 1 else [])
many = Node(fifty, after="make_plan")

async def round_about(state, kit):
    return chain("echo" if "circle" in state["request"]["text"] else "nobody", lambda n: [str(n % 50 + 1)])
circle = Node(round_about, before="dispatch")

async def look(state, kit):
    text = state["request"]["text"]
    if "secret" in text:
        raise Refused("no secrets here")
    if "break" in text:
        raise SystemExit("broken")
    if "strange" in text:
        return {"messages": []}
    return {"request": {"text": text.replace("colour", "color")}}
validate = Node(look, before="understand")
"""


@pytest.mark.parametrize("text", ["@echo circle", "@echo nobody"])
def test_a_plan_in_a_circle_or_for_nobody_ends_in_results(octo: Octo, text: str) -> None:
    install(octo, NODES, "[octo.agents]\necho = trial_parts:Echo\n[octo.nodes]\ncircle = trial_parts:circle\n")
    said = octo("ask", text, "--json")
    results = said.json["aggregated_data"]["steps"]
    if "circle" in text:
        # One of them is where the circle is entered; the others need it.
        assert {step["status"] for step in results} == {"failed", "skipped"}
        assert "wait for each other" in said.json["result"]
        assert (said.status, said.json["error"]["code"]) == (1, "plan_circle")
    else:
        assert (said.status, said.json["error"]["code"]) == (4, "agent_not_found")
        assert {step["status"] for step in results} == {"failed"}


def test_a_node_of_ones_own_stands_where_it_wants(octo: Octo) -> None:
    install(octo, NODES, "[octo.agents]\necho = trial_parts:Echo\n[octo.nodes]\nvalidate = trial_parts:validate\n")
    assert octo("ask", "@echo which colour", "--json").answer == "@echo which color"
    refused = octo("ask", "@echo my secret", "--json")
    assert (refused.status, refused.json["error"]["code"]) == (2, "node_refused")
    assert "no secrets here" in refused.json["error"]["message"]
    # The thread is there for another try, and what cannot be used of a node is only left out.
    for text, told in (("@echo break", "SystemExit: broken"), ("@echo strange", "not for a node to set: messages")):
        said = octo("ask", "--thread", refused.json["thread_id"], text, "--json")
        assert (said.status, said.answer) == (0, text)
        (warning,) = said.json["warnings"]
        assert warning["code"] == "node_failed"
        assert told in warning["message"]


def test_a_broken_node_is_left_out_with_a_warning(octo: Octo) -> None:
    code = NODES + "nowhere = Node(look, before='clarify')\nboth = Node(look, before='guard', after='guard')\nodd = 3\n"
    code += "print('noise')\nplain = Node(lambda state, kit: None, after='guard')\n"
    names = ("nowhere", "both", "odd", "plain", "absent")
    install(octo, code, "[octo.nodes]\n" + "".join(f"{name} = trial_parts:{name}\n" for name in names))
    said = octo("ask", "hello", "--json")
    assert (said.status, said.err.count("Traceback")) == (0, 0)
    assert [warning["code"] for warning in said.json["warnings"]] == ["node_broken"] * len(names)
    told = " ".join(warning["message"] for warning in said.json["warnings"])
    assert all(name in told for name in names)
    assert "trial-parts 1.0" in told


def test_how_much_is_done_is_told_where_it_can_be_counted(octo: Octo) -> None:
    for name in ("a.csv", "b.csv"):
        (octo.folder / name).write_text(SALES, encoding="utf-8")
    said = octo("ask", "Compare a.csv with b.csv and draft an NDA too", "--events", "--no-input")
    told = [event for event in said.events if event["type"] == "step_progress"]
    assert [event["fraction"] for event in told if event["agent"] == "data"] == [0.5, 1.0]
    assert all("fraction" not in event for event in told if event["agent"] == "contract")
    assert "Reading data files: 1 of 2 (50%)" in octo("ask", "Compare a.csv with b.csv").err
