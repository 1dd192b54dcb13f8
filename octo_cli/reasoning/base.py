"""The mind's face: one Protocol, whatever thinks behind it. Nothing here knows a provider, a folder or a store."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, TypeVar

from msgspec import Struct

from octo_cli.wire import work
from octo_cli.wire.forms import FieldSpec, Issue, Proposal, Slot
from octo_cli.wire.memory import Length, Memory, Recap, Wish
from octo_cli.wire.work import AgentCard, DocumentRef, Intent, Language, Plan, Step, StepResult, TypeCard, Usage

T = TypeVar("T")
Role = Literal["router", "planner", "writer"]
# (speaker, text); what a person, a file or a page said goes in "user" messages, never in "system" ones.
Message = tuple[Literal["system", "user", "assistant"], str]

# Below this a mind says that it does not know what is asked, and the person is asked instead.
LOW_CONFIDENCE: Final = 0.5
# What `Issue.rule` says of a remark that no rule made.
MODEL_RULE: Final = "model"
NO_WORDING: Final[Mapping[str, str]] = MappingProxyType({})


class Request(Struct, frozen=True):
    """One thing a person said, with all a mind may look at to understand it.

    `today` is the clock's date in the user's zone; `agents` are those that can run here; `documents` are the thread's
    own, newest first; `chosen` is what the person picked when asked to clarify (`category` and/or `document_type`).
    `history` is what was said before in this thread, oldest first; `memory` what is remembered from elsewhere, None
    when nothing may be. `wish` is what the person wants of that memory.
    """

    text: str
    language: Language
    today: date
    agents: tuple[AgentCard, ...] = ()
    document_types: tuple[TypeCard, ...] = ()
    documents: tuple[DocumentRef, ...] = ()
    chosen: Mapping[str, str] = {}
    history: tuple[work.Message, ...] = ()
    memory: Memory | None = None
    wish: Wish | None = None


class Rewording(Struct, frozen=True):
    """The wording a draft has, and what a person said of it (`feedback`, "" when only values changed)."""

    feedback: str
    wording: Mapping[str, str]


class Paper(Protocol):
    """What a mind needs of a document type: it reads, renders and checks its values itself.

    `sources` are the statutes and practices its rules rest on.
    """

    name: str

    @property
    def fields(self) -> Sequence[FieldSpec]: ...

    @property
    def sources(self) -> Collection[str]: ...

    def parse(self, name: str, raw: object, today: date) -> Any: ...

    def show(self, name: str, value: Any, language: Language) -> str: ...

    def slots(self, values: Mapping[str, Any]) -> Sequence[Slot]: ...

    def render(self, values: Mapping[str, Any], language: Language, wording: Mapping[str, str] = NO_WORDING) -> str: ...

    def review(
        self, values: Mapping[str, Any], text: str, *, language: Language, today: date
    ) -> Mapping[str, tuple[Issue, ...]]: ...


class Warn(Protocol):
    """How a mind tells the person of what went wrong and was mended; `warning.<code>` words it."""

    def __call__(self, code: str, **values: object) -> None: ...


class Models(Protocol):
    """Language models by role, with everything that can go wrong between here and a provider taken care of.

    Keys, timeouts, retries, rate limits, fallbacks, budgets, usage and the response cache live behind this. Whatever
    cannot be mended is a ModelError; an answer cut short is one too, never half an answer.
    """

    async def structured(self, role: Role, messages: Sequence[Message], shape: type[T], *, name: str) -> T:
        """An answer of `shape` (a msgspec Struct; `name` tells the model what it is).

        One that does not validate is shown its error once. Raises UnusableAnswer (a ModelError) when that does not
        help, so that the caller may do without.
        """
        ...

    def stream(self, role: Role, messages: Sequence[Message]) -> AsyncIterator[str]:
        """Text as it comes."""
        ...

    def chat_model(self, role: Role) -> Any:
        """The role's LangChain chat model, for a loop with tools; metered, bounded and retried like the others."""
        ...

    def usage(self, step_id: str | None = None) -> Usage:
        """What this turn has used so far, or what one of its steps has."""
        ...

    async def aclose(self) -> None:
        """Close every connection; the run is over."""
        ...


class Reasoner(Protocol):
    """A mind. Two exist: `offline` (rules) and a language model; both pass the same contract tests.

    `models` are the language models it thinks with, None for the offline mind.
    """

    name: str
    models: Models | None

    async def understand(self, request: Request) -> Intent:
        """What is asked. A category no agent serves is still named ("code"), the plan then says so."""
        ...

    async def wish(self, request: Request) -> Wish | None:
        """What the request wants of the memory, if that is all it wants. Only words the person typed are kept."""
        ...

    async def recap(self, said: Sequence[work.Message], length: Length, language: Language) -> Recap:
        """What a conversation was about, "long" in a few sentences and "short" in one; nothing that was not said."""
        ...

    async def plan(self, request: Request, intent: Intent) -> Plan:
        """Steps for the agents in `request.agents`; empty when nothing needs doing (a greeting, an open question).

        A contract step carries `inputs["document_type"]`, or `inputs["document_id"]` too when it edits a document of
        this thread; without either the type is still unknown and the person is asked.
        """
        ...

    async def replan(
        self, request: Request, failed: Mapping[str, Step], results: Sequence[StepResult]
    ) -> Sequence[Step]:
        """Another way to do steps that failed, each under the failed one's id, at most one each; none is usual.

        `failed` are those steps by id, `results` what came of the plan so far.
        """
        ...

    async def extract(self, request: Request, paper: Paper) -> Sequence[Proposal]:
        """Values the text states for the paper's fields, at most one a field, none guessed."""
        ...

    async def phrase(
        self, paper: Paper, values: Mapping[str, Any], language: Language, before: Rewording | None = None
    ) -> Mapping[str, str]:
        """Wording for the clauses the paper leaves open, by slot; one left out keeps the template's own words.

        It holds no value: `{field}` stands where one belongs, `{field:을/를}` with the Korean particle it asks for.
        `before` is the wording there is; {} leaves it to the caller whether that still fits.
        """
        ...

    async def draft(
        self, paper: Paper, values: Mapping[str, Any], language: Language, wording: Mapping[str, str] = NO_WORDING
    ) -> str:
        """The document's canonical Markdown; blanks are shown as `____`."""
        ...

    async def review(
        self, paper: Paper, values: Mapping[str, Any], text: str, *, language: Language, today: date
    ) -> Mapping[str, tuple[Issue, ...]]:
        """Remarks on a draft, by the field each is about. Those of rule `MODEL_RULE` are a model's, none an error."""
        ...

    def summarise(self, request: Request, results: Sequence[StepResult]) -> AsyncIterator[str]:
        """One answer out of the steps' results. Yields text as it comes."""
        ...

    def answer(self, request: Request, intent: Intent) -> AsyncIterator[str]:
        """Talk: a greeting, an open question, a request no agent here can serve. Yields text as it comes."""
        ...
