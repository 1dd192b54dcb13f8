"""Which agents can run: the program's own, those of packages in every shape they may have, and those switched off."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph

from octo_cli.agents import Kit, StepState
from octo_cli.agents.cards import CARDS
from octo_cli.agents.registry import Registry
from octo_cli.i18n import words
from octo_cli.supervisor.build import build
from octo_cli.supervisor.state import State
from tests.agents.kits import kit_in
from tests.conftest import Octo

HEAD = """
from octo_cli.agents import Done, Kit, StepOutput, StepState, result_of
from octo_cli.wire.work import AgentCard
CARD = AgentCard("guest", {"en": "Comes by."}, tools=("look",))
"""
GRAPH = """
from langgraph.graph import END, START, StateGraph
async def stay(state: StepState):
    return result_of(state, Done("stayed"), seconds=0.0)
graph = StateGraph(StepState, context_schema=Kit, output_schema=StepOutput)
graph.add_node("stay", stay)
graph.add_edge(START, "stay")
graph.add_edge("stay", END)
"""
CLASS = """
class Agent:
    card = CARD
    async def work(self, task, kit):
        {body}
"""


def offer(folder: Path, code: str, *, name: str = "guest", package: str = "guests") -> None:
    """An installed package `package` whose module offers `Agent` as the agent `name`."""
    module = f"{package}_{name}_{folder.parent.name}".replace("-", "_")
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{module}.py").write_text(HEAD + code, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[octo.agents]\n{name} = {module}:Agent\n", encoding="utf-8")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def registry_in(tmp_path: Path, config: str = "") -> tuple[Registry, Kit]:
    kit = kit_in(tmp_path / "work", config=config)
    return Registry(kit.settings), kit


def result_of_guest(registry: Registry, kit: Kit) -> dict[str, Any]:
    graph = StateGraph(StepState, context_schema=Kit)
    graph.add_node("guest", registry.graph("guest"))
    graph.add_edge(START, "guest")
    graph.add_edge("guest", END)
    request = {"text": "hello", "language": "en", "turn": 1, "steps": 1}
    step = {"step_id": "1", "agent": "guest", "task": "come"}
    compiled: Any = graph.compile()
    done = asyncio.run(compiled.ainvoke({"step": step, "request": request}, context=kit))
    return dict(done["results"]["1"])


@pytest.mark.parametrize(
    "code",
    [
        CLASS.format(body="return Done('stayed')"),
        CLASS.format(body="return Done('stayed')") + "Agent = Agent()",
        CLASS.format(body="return Done('stayed')") + "agent = Agent()\ndef Agent(): return agent",
        GRAPH + "Agent = graph.compile()\nAgent.card = CARD",
        GRAPH + "def Agent():\n    made = graph.compile()\n    made.card = CARD\n    return made",
    ],
    ids=["class", "object", "factory", "graph", "factory of a graph"],
)
def test_an_agent_may_come_in_any_of_these_shapes(packages: Path, tmp_path: Path, code: str) -> None:
    offer(packages, code)
    registry, kit = registry_in(tmp_path)

    (card,) = (card for card in registry.cards() if card.name == "guest")
    assert card.when == {"ko": "Comes by.", "en": "Comes by."}
    assert registry.problems == ()
    assert result_of_guest(registry, kit)["text"] == "stayed"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("Agent = 1", "agent_card_unusable"),
        ("Agent = None", "agent_card_unusable"),
        ("class Agent:\n    card = CARD\n    def work(self, task, kit): ...", "agent_no_work"),
        (
            "class Agent:\n    card = CARD\n    tools = ('look',)\n    async def work(self, task, kit): ...",
            "agent_no_work",
        ),
        ("class Agent:\n    card = AgentCard('guest', {})", "agent_card_unusable"),
        ("class Agent:\n    card = AgentCard('guest', 'when')", "agent_card_unusable"),
        ("class Agent:\n    card = CARD\n    def __init__(self, more): ...", "agent_broken"),
        ("class Elsewhere: ...", "agent_broken"),
        ("this is no Python", "agent_broken"),
        ("raise SystemExit(0)", "agent_broken"),
        ("class Odd(BaseException): ...\nraise Odd", "agent_broken"),
        (GRAPH + "Agent = graph.compile(checkpointer=True)\nAgent.card = CARD", "agent_graph_unusable"),
        (GRAPH.replace("StepState, context", "dict, context") + "Agent = graph\nAgent.card = CARD", "agent_no_work"),
    ],
)
def test_whatever_is_wrong_with_a_plug_in_only_leaves_it_out(
    packages: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], code: str, problem: str
) -> None:
    offer(packages, "print('noise')\n" + code)
    registry, _ = registry_in(tmp_path)

    assert [card.name for card in registry.cards()] == [card.name for card in CARDS]
    assert [error.code for error in registry.problems] == [problem]
    record = registry.record("guest", words("ko"))
    assert (record.status, record.source, record.card) == ("broken", "guests 1.0", None)
    assert "guest" in str(record.problem)
    assert "noise" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("name", ["contract", "plan", "chat", "generate_x", "Guest", "a:b", "messages", "guest-agent"])
def test_a_name_that_cannot_be_had_is_refused_before_anything_is_imported(
    packages: Path, tmp_path: Path, name: str
) -> None:
    offer(packages, f"open({str(tmp_path / 'imported')!r}, 'w').close()")
    points = next(packages.glob("*.dist-info")) / "entry_points.txt"
    points.write_text(points.read_text(encoding="utf-8").replace("guest =", f"{name} ="), encoding="utf-8")

    registry, _ = registry_in(tmp_path)

    assert [error.code for error in registry.problems] in (["agent_name_invalid"], ["agent_name_taken"])
    assert not (tmp_path / "imported").exists()


def test_every_name_the_graph_uses_itself_is_refused(tmp_path: Path) -> None:
    from octo_cli.agents.plugins import _NAME

    agents = {card.name for card in CARDS}
    taken = {*build(Registry()).nodes, *State.__annotations__} - agents - {"__start__"}

    assert {name for name in taken if _NAME.fullmatch(name)} == set()


def test_of_two_agents_of_one_name_the_first_stays(packages: Path, tmp_path: Path) -> None:
    offer(packages, CLASS.format(body="return Done('first')"), package="a_guests")
    offer(packages, CLASS.format(body="return Done('second')"), package="b_guests")
    registry, kit = registry_in(tmp_path)

    (error,) = registry.problems
    assert (error.code, error.values["by"]) == ("agent_name_taken", "a_guests 1.0")
    assert result_of_guest(registry, kit)["text"] == "first"


def test_what_is_switched_off_is_not_even_imported(packages: Path, tmp_path: Path) -> None:
    offer(packages, f"open({str(tmp_path / 'imported')!r}, 'w').close()")
    registry, _ = registry_in(tmp_path, '[agents]\ndisabled = ["guest", "search", "nobody"]\n')

    assert {"guest", "search"}.isdisjoint(card.name for card in registry.cards())
    assert [(error.code, error.values["name"]) for error in registry.problems] == [("agent_disabled_unknown", "nobody")]
    status = {record.name: record.status for record in registry.records(words("en"))}
    assert (status["guest"], status["search"]) == ("disabled", "disabled")
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    "body", ["return None", "return Done(5)", "return Done('x', data={'odd': object()})", "raise SystemExit(3)"]
)
def test_what_a_plug_in_does_at_work_is_its_step_s_failure(packages: Path, tmp_path: Path, body: str) -> None:
    offer(packages, CLASS.format(body=body))
    registry, kit = registry_in(tmp_path)

    result = result_of_guest(registry, kit)
    assert (result["status"], result["problem"]["code"]) == ("failed", "step_failed")


def test_needs_are_met_by_settings(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    bare, _ = registry_in(tmp_path)
    assert bare.record("search", words("en")).missing == ("search.folders",)

    told, _ = registry_in(tmp_path, f'[search]\nfolders = ["{tmp_path / "notes"}"]\n')
    assert told.record("search", words("en")).status == "ready"


def test_inspect_lays_an_agent_open(octo: Octo) -> None:
    home = Path(octo.environment["OCTO_HOME"])
    home.mkdir()
    (home / "config.toml").write_text(
        '[approvals]\ndeny = ["run_*:*sudo*"]\nallow = ["run_python"]\n', encoding="utf-8"
    )

    shown = octo("agents", "inspect", "code", "--lang", "en")
    assert shown.status == 0
    assert "run_python  executes · not asked  [approvals] run_*:*sudo*, run_python" in shown.out
    assert "read_file  reads · not asked" in shown.out

    unknown = octo("agents", "inspect", "juggler", "--json")
    assert (unknown.status, unknown.json["error"]["code"]) == (4, "agent_not_found")


def test_an_errand_whose_agent_is_not_here_is_said_and_the_rest_is_done(octo: Octo) -> None:
    home = Path(octo.environment["OCTO_HOME"])
    home.mkdir()
    (home / "config.toml").write_text('[agents]\ndisabled = ["code"]\n', encoding="utf-8")

    asked = octo("ask", "--json", "--no-input", "임대차계약서 작성하고 파이썬 코드도 짜줘")

    assert [step["agent"] for step in asked.json["plan"]["steps"]] == ["contract"]
    assert set(asked.json["plan"]) == {"strategy", "steps"}
    (warning,) = asked.json["warnings"]
    assert (warning["code"], "파이썬 코드" in warning["message"]) == ("not_served", True)


def test_a_graph_of_another_package_that_raises_fails_its_step_and_one_that_asks_is_taken_up(
    octo: Octo, packages: Path
) -> None:
    code = """
from langgraph.graph import START, END, StateGraph
from octo_cli.agents import ask
QUESTION = {"id": "", "type": "clarification_required", "thread_id": "", "step_id": "1", "agent": "guest",
            "title": "T", "message": "M", "fields": [{"name": "a", "label": "A", "type": "text", "required": True}]}
async def stay(state: StepState):
    answer = ask(QUESTION)
    if answer.fields["a"] == "raise":
        raise ValueError("broken inside")
    if answer.fields["a"] == "leave":
        raise SystemExit(3)
    return result_of(state, Done(answer.fields["a"]), seconds=0.0)
graph = StateGraph(StepState, context_schema=Kit, output_schema=StepOutput)
graph.add_node("stay", stay)
graph.add_edge(START, "stay")
graph.add_edge("stay", END)
Agent = graph.compile()
Agent.card = CARD
"""
    offer(packages, code)
    octo.environment["PYTHONPATH"] = str(packages)
    for said, status, text in (("fine", 0, "fine"), ("raise", 1, "broken inside"), ("leave", 1, "SystemExit: 3")):
        asked = octo("ask", "--json", "--no-input", "@guest come")
        assert (asked.status, asked.json["interrupts"][0]["agent"]) == (3, "guest")
        done = octo("resume", "last", "--json", "--no-input", "--set", f"a={said}")
        assert (done.status, text in done.json["result"]) == (status, True), done.out
