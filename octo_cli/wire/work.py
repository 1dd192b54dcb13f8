"""Work: what was asked, what was planned, what came of it."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import force_setattr

Language = Literal["ko", "en"]
StepStatus = Literal["pending", "running", "waiting", "completed", "failed", "skipped", "cancelled"]
Strategy = Literal["sequential", "parallel"]
RunStatus = Literal["completed", "waiting_human", "failed", "cancelled"]
ThreadStatus = Literal["active", "running", "waiting_human", "completed", "failed"]


class Intent(Struct, frozen=True):
    """What a request is about. `category` is an agent's name or "chat"; `confidence` lies in 0..1."""

    category: str
    confidence: float
    keywords: tuple[str, ...] = ()
    language: Language = "ko"


class Step(Struct, frozen=True):
    """One piece of a plan, done by one agent.

    `inputs` are the agent's own (for contract: `document_type`, or `document_id` when it edits, and the task in `words`
    of a person's own); they stay inside.
    """

    step_id: str
    agent: str
    task: str
    depends_on: tuple[str, ...] = ()
    status: StepStatus = "pending"
    inputs: dict[str, Any] = field(default_factory=dict)


class Plan(Struct, frozen=True):
    """`strategy` is what the steps say, whatever is given: "parallel" when at least two need not wait for each other.

    `unserved` are the tasks a request names that no agent here can do; they stay inside.
    """

    strategy: Strategy = "sequential"
    steps: tuple[Step, ...] = ()
    unserved: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        force_setattr(self, "strategy", _strategy(self.steps))


def _strategy(steps: Sequence[Step]) -> Strategy:
    left = {step.step_id: step.depends_on for step in steps}
    while ready := [name for name, needs in left.items() if left.keys().isdisjoint(needs)]:
        if len(ready) > 1:
            return "parallel"
        del left[ready[0]]
    return "sequential"


class Problem(Struct, frozen=True):
    """An error as scripts see it: `code` in snake_case, one sentence, and the next command to type."""

    code: str
    message: str
    hint: str | None = None


class Insight(Struct, frozen=True):
    category: str
    description: str
    importance: Literal["high", "medium", "low"] = "medium"


class Artifact(Struct, frozen=True):
    """A finished document: `path` is the written file, `doc_hash` the SHA-256 of its bytes."""

    document_id: str
    document_type: str
    title: str
    version: int
    language: Language
    doc_hash: str
    path: str
    created_at: str


class Usage(Struct, frozen=True):
    """What models were asked for.

    `cached_tokens` are those of `input_tokens` that a provider had in its cache, left out when there are none.
    `cost_usd` comes from a public price table; a model it does not know costs nothing there.
    """

    model: str = "offline"
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0
    cached_tokens: int | UnsetType = UNSET

    @property
    def cached(self) -> int:
        return self.cached_tokens or 0

    def __add__(self, other: "Usage") -> "Usage":
        """Both together; the models that answered are named in the order they were first asked."""
        names = dict.fromkeys(f"{self.model}, {other.model}".split(", "))
        return Usage(
            model=", ".join(name for name in names if name != "offline") or "offline",
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=round(self.cost_usd + other.cost_usd, 10),
            cached_tokens=self.cached + other.cached or UNSET,
        )


def total(used: Iterable[Usage]) -> Usage | None:
    """All of it together; None when no model was asked."""
    parts = list(used)
    return reduce(Usage.__add__, parts) if parts else None


class StepResult(Struct, frozen=True):
    """What an agent hands back. `text` is Markdown for a person; `data` is for the steps that follow.

    `seconds` is measured active time, pauses left out; `ended` says how many of them the turn had when the step ended.
    `pauses` counts the answers a person gave.
    """

    step_id: str
    agent: str
    task: str
    status: StepStatus
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    documents: tuple[Artifact, ...] = ()
    insights: tuple[Insight, ...] = ()
    confidence: float | None = None
    seconds: float = 0.0
    ended: float | None = None
    pauses: int = 0
    problem: Problem | None = None
    usage: Usage | None = None

    @property
    def reason(self) -> str | None:
        """Why it was not done, in a sentence; a skipped step's text says nothing else."""
        return self.problem.message if self.problem else self.text if self.status == "skipped" else None


class AgentCard(Struct, frozen=True):
    """What the planner and `octo agents` know of an agent without importing it.

    `when` says in each language when to use it; `keywords` are words of a request that call for it, read by the
    offline mind. `tools` are the names of what it may run, `needs` the settings it does nothing useful without.
    """

    name: str
    when: dict[str, str]
    examples: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("ko", "en")
    tools: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


class AgentRecord(Struct, frozen=True):
    """One row of `octo agents list`. `source` is the package it comes with, `missing` the needs that are not met.

    Without a card it was not loaded: it is broken, for the reason in `problem`, or was switched off before anybody
    looked.
    """

    name: str
    source: str
    status: Literal["ready", "needs", "disabled", "broken"]
    card: AgentCard | None = None
    missing: tuple[str, ...] = ()
    problem: Problem | None = None


class ToolRecord(Struct, frozen=True):
    """A tool of an agent: what it does to the world, and whether it is asked about. None where it is not declared.

    `rules` are the patterns of `[approvals]` that name the tool.
    """

    name: str
    effect: Literal["read", "write", "execute", "remote"] | None = None
    verdict: Literal["allow", "ask", "deny"] | None = None
    rules: tuple[str, ...] = ()
    description: str = ""


class TypeCard(Struct, frozen=True):
    """What the planner knows of a document type: its name, its titles by language, and what people call it."""

    name: str
    title: dict[str, str]
    aliases: tuple[str, ...] = ()


class DocumentRef(Struct, frozen=True):
    """A document of this thread that a follow-up may mean, newest version."""

    document_id: str
    document_type: str
    title: str
    version: int


class Message(Struct, frozen=True):
    """One line of a conversation. The key is `speaker`: LangGraph rewrites dictionaries that carry `role`."""

    speaker: Literal["user", "octo"]
    text: str
    at: str


class ThreadRecord(Struct, frozen=True):
    """One row of `octo threads list`. Times are RFC 3339; `pending` counts open questions."""

    thread_id: str
    title: str
    status: ThreadStatus
    user: str
    created_at: str
    updated_at: str
    pending: int = 0
    turns: int = 0
    documents: int = 0


class Match(Struct, frozen=True):
    """A text of a thread where a search found something.

    `at` is when it was said or made, `marks` the begin and end of each hit in `snippet`, in characters.
    """

    where: Literal["title", "message", "document"]
    at: str
    snippet: str
    marks: tuple[tuple[int, int], ...]
    document_id: str | None = None


class FoundThread(ThreadRecord, frozen=True):
    """A thread that a search found, with the newest places where it did."""

    matches: tuple[Match, ...] = ()
