"""The contract agent: a document from one sentence to an approved file, through two questions.

    initialize → collect_context → generate_draft ⇄ collaborate
                                         │  ▲
                                         ▼  └───────────────┐ revise, back, errors found
                                   user_confirm → ai_review ┴→ finalize

A stage that asks does nothing else. What the person said is recorded and worked in by the stage after it, so the
draft a person approves is always made by `generate_draft`, from the fields they agreed to.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from octo_cli.agents import drafting
from octo_cli.agents.drafting import Fields, Issues
from octo_cli.agents.kit import Done, Kit, StepOutput, StepState, ask, emit, result_of
from octo_cli.documents.catalog import DocumentType
from octo_cli.documents.files import doc_hash, write_once
from octo_cli.errors import ModelError, NotFound, OctoError, StorageError
from octo_cli.i18n import Words, describe, words
from octo_cli.reasoning.base import Request
from octo_cli.storage import AuditEntry, DocumentDraft
from octo_cli.wire.events import DocumentReady, StepProgress
from octo_cli.wire.forms import Answer, FieldValue, Issue, Question
from octo_cli.wire.work import Artifact, Insight, Language, Problem, Step

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

NAME = "contract"


class ContractState(StepState, total=False):
    """JSON values only. `fields` are `FieldValue`s by name.

    `answer` is what the person said last and no stage has worked in yet; `note` why the form comes (again), a name
    under `contract.note_`; `revision` counts changes of the fields; `verdict` is how the document ended.
    """

    document_id: str
    document_type: str
    language: Language
    fields: dict[str, Any]
    revision: int
    draft: str
    doc_hash: str
    answer: dict[str, Any] | None
    note: str | None
    verdict: str | None
    problem: dict[str, Any] | None


def build() -> "CompiledStateGraph[Any, Kit, Any, Any]":
    """The agent's sub-graph, compiled without a checkpointer: it uses its parent's."""
    graph = StateGraph(ContractState, context_schema=Kit, output_schema=StepOutput)
    for name, work in (
        ("initialize", _initialize),
        ("collect_context", _collect_context),
        ("generate_draft", _generate_draft),
        ("ai_review", _ai_review),
        ("finalize", _finalize),
    ):
        graph.add_node(name, _stage(name, work))
    graph.add_node("collaborate", _ask_person)
    graph.add_node("user_confirm", _ask_person)
    graph.add_node("error_handler", _error_handler)
    graph.add_edge(START, "initialize")
    graph.add_conditional_edges("initialize", _unless_failed("collect_context"))
    graph.add_conditional_edges("collect_context", _unless_failed("generate_draft"))
    graph.add_conditional_edges("generate_draft", _to_question)
    graph.add_conditional_edges("collaborate", _after_collaborate)
    graph.add_conditional_edges("user_confirm", _after_user_confirm)
    graph.add_conditional_edges("ai_review", _after_review)
    graph.add_conditional_edges("finalize", _unless_failed(END))
    graph.add_edge("error_handler", END)
    return graph.compile()


# Routes


def _unless_failed(target: str) -> Callable[[ContractState], str]:
    def route(state: ContractState) -> str:
        return "error_handler" if state.get("problem") else target

    return route


def _to_question(state: ContractState) -> str:
    if state.get("problem"):
        return "error_handler"
    question = state.get("question") or {}
    return "user_confirm" if question["type"] == "approval_required" else "collaborate"


def _after_collaborate(state: ContractState) -> str:
    return {"submit": "generate_draft", "reject": "finalize"}.get(_said(state), "collaborate")


def _after_user_confirm(state: ContractState) -> str:
    targets = {"approve": "ai_review", "reject": "finalize", "revise": "generate_draft", "back": "generate_draft"}
    return targets.get(_said(state), "user_confirm")


def _after_review(state: ContractState) -> str:
    if state.get("problem"):
        return "error_handler"
    return "finalize" if state.get("verdict") == "approved" else "generate_draft"


def _said(state: ContractState) -> str:
    answer = state.get("answer") or {}
    return str(answer.get("action", ""))


# Stages


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a stage works with: the state read once, and what it may use."""

    state: ContractState
    kit: Kit
    paper: DocumentType
    # The running task's id: the same when the stage is run again after a crash, another on every branch of history.
    task_id: str

    @property
    def step(self) -> Step:
        return msgspec.convert(self.state["step"], Step)

    @property
    def language(self) -> Language:
        return self.state["language"]

    @property
    def words(self) -> Words:
        return words(self.language)

    @property
    def fields(self) -> Fields:
        return msgspec.convert(self.state.get("fields", {}), dict[str, FieldValue])

    @property
    def answer(self) -> Answer | None:
        raw = self.state.get("answer")
        return msgspec.convert(raw, Answer) if raw else None

    def request(self, text: str) -> Request:
        return Request(text=text, language=self.language, today=self.kit.today)

    async def record(self, *entries: AuditEntry) -> None:
        """Put `entries` into the audit log, once however often this stage runs."""
        await _in_thread(self.kit.storage.record, entries, key=self.task_id)

    def entry(self, event: str, *, actor: str | None = None, **members: Any) -> AuditEntry:
        return AuditEntry(
            thread_id=self.kit.thread_id,
            document_id=self.state["document_id"],
            at=self.kit.now().isoformat(),
            actor=actor or self.kit.actor,
            event=event,
            step_id=self.step.step_id,
            **members,
        )


Work = Callable[[_Draft], Awaitable[dict[str, Any]]]


def _stage(name: str, work: Work) -> Callable[..., Awaitable[dict[str, Any]]]:
    """A node that works: says that it began, measures itself, and turns a failure into the step's own problem.

    What `octo resume` can mend (storage, model) is raised on, so that only this stage is run again.
    """

    async def node(state: ContractState, runtime: Runtime[Kit]) -> dict[str, Any]:
        kit, began = runtime.context, time.monotonic()
        say = words(state["request"]["language"])
        step = msgspec.convert(state["step"], Step)
        emit(runtime, StepProgress(step.step_id, NAME, name, say(f"contract.stage_{name}")))
        try:
            paper = kit.catalog.find(state.get("document_type") or _wanted_type(step, kit))
            info = runtime.execution_info
            update = await work(_Draft(_opened(state, step, kit), kit, paper, info.task_id if info else ""))
        except (StorageError, ModelError):
            raise
        except OctoError as error:
            message, hint = describe(error, say, thread=kit.thread_id)
            update = {"problem": msgspec.to_builtins(Problem(error.code, message, hint))}
        for document in update.pop("ready", ()):
            emit(runtime, DocumentReady(document))
        return {**update, "seconds": state.get("seconds", 0.0) + time.monotonic() - began}

    return node


def _wanted_type(step: Step, kit: Kit) -> str:
    if "document_type" in step.inputs:
        return str(step.inputs["document_type"])
    # The planner names what it heard when no type fits; what there is instead is said in the person's words.
    known = ", ".join(card.title[step.inputs.get("language", "en")] for card in kit.catalog.cards())
    raise NotFound("document_type_not_found", name=step.inputs.get("unsupported", "?"), known=known)


def _opened(state: ContractState, step: Step, kit: Kit) -> ContractState:
    """`state` with what `initialize` settles, there already for `initialize` itself."""
    if "document_id" in state:
        return state
    document_id = step.inputs.get("document_id") or f"{kit.thread_id}-{state['request']['turn']}-{step.step_id}"
    language = step.inputs.get("language") or state["request"]["language"]
    return {**state, "document_id": document_id, "language": language}


async def _initialize(draft: _Draft) -> dict[str, Any]:
    """Settle what is drafted: its type, its language, and the version it starts from when a document is edited."""
    state, inputs = draft.state, draft.step.inputs
    settled = {
        "document_id": state["document_id"],
        "document_type": draft.paper.name,
        "language": state["language"],
        "fields": {},
        "revision": 0,
    }
    if "document_id" not in inputs:
        return settled
    known = await _in_thread(draft.kit.storage.document, inputs["document_id"], inputs.get("version"))
    if known is None:
        raise NotFound("document_not_found", document=inputs["document_id"])
    return {**settled, "fields": known.fields, "language": known.language}


async def _collect_context(draft: _Draft) -> dict[str, Any]:
    """Read from the request what it says about the document's fields. Everything read is only proposed."""
    proposals = await draft.kit.mind.extract(draft.request(draft.state["request"]["text"]), draft.paper.fields)
    editing = "document_id" in draft.step.inputs
    fields = drafting.propose(draft.fields, proposals, over_user=editing)
    await draft.record(*_change_entries(draft, draft.fields, fields, "extracted", actor=f"model:{draft.kit.mind.name}"))
    note = "nothing_read" if editing and fields == draft.fields else None
    return {"fields": _json(fields), "note": note}


async def _generate_draft(draft: _Draft) -> dict[str, Any]:
    """Work in what the person said, write the text anew, and set the next question."""
    kit, paper, answer = draft.kit, draft.paper, draft.answer
    fields, refused, note = await _worked_in(draft, answer)
    fields = drafting.complete(fields, paper, today=kit.today, language=draft.language)
    values = drafting.values_of(fields)
    text = await kit.mind.draft(paper, values, draft.language)
    found = await kit.mind.review(paper, values, text, language=draft.language, today=kit.today)
    page = _Page(
        fields=fields,
        issues=drafting.joined(refused, drafting.remarks(fields, draft.words), found),
        missing=paper.missing(values),
        refused=bool(refused),
        submitted=answer is not None and answer.action == "submit",
        text=text,
        revision=draft.state.get("revision", 0) + 1,
    )
    return {
        "fields": _json(fields),
        "draft": text,
        "doc_hash": doc_hash(text),
        "revision": page.revision,
        "answer": None,
        "note": None,
        "question": msgspec.to_builtins(_question(draft, page, note)),
    }


async def _worked_in(draft: _Draft, answer: Answer | None) -> tuple[Fields, Issues, str | None]:
    """The fields after `answer`, what of it could not be read, and why the form comes next, if it does."""
    fields, note = draft.fields, draft.state.get("note")
    refused: Issues = {}
    if answer is None:
        return fields, refused, note
    if answer.action == "submit":
        fields, refused = drafting.submit(fields, answer.fields, draft.paper, draft.kit.today)
    elif answer.action == "revise":
        proposals = await draft.kit.mind.extract(draft.request(answer.feedback or ""), draft.paper.fields)
        fields = drafting.propose(fields, proposals, over_user=True)
        note = "revised" if fields != draft.fields else "not_understood"
    elif answer.action == "back":
        note = "back"
    decision = draft.entry(_EVENT[answer.action], doc_hash=draft.state.get("doc_hash"), detail=_detail(answer))
    await draft.record(decision, *_change_entries(draft, draft.fields, fields, "edited"))
    return fields, refused, note


async def _ai_review(draft: _Draft) -> dict[str, Any]:
    """Check the approved text once more. Only what was shown is approved; an error sends it back to the form."""
    answer, kit = draft.answer, draft.kit
    shown = draft.state["doc_hash"]
    if answer is None or answer.doc_hash != shown:
        return {"answer": None, "note": "changed", "verdict": None}
    await draft.record(draft.entry("approved", doc_hash=shown))
    values = drafting.values_of(draft.fields)
    found = await kit.mind.review(draft.paper, values, draft.state["draft"], language=draft.language, today=kit.today)
    if any(issue.level == "error" for issues in found.values() for issue in issues):
        return {"answer": None, "note": "review_found", "verdict": None}
    return {"answer": None, "verdict": "approved"}


async def _finalize(draft: _Draft) -> dict[str, Any]:
    """Write the approved text once, or close the step without a document when it was rejected."""
    if draft.state.get("verdict") != "approved":
        answer = draft.answer or Answer("reject")
        await draft.record(draft.entry("rejected", doc_hash=draft.state["doc_hash"], detail=_detail(answer)))
        text = draft.words("contract.rejected", title=draft.paper.title[draft.language])
        return result_of(draft.state, Done(text, status="cancelled"))
    document = await _written(draft)
    await draft.record(
        draft.entry("finalized", actor="system", doc_hash=document.doc_hash, detail={"path": document.path})
    )
    text = draft.words(
        "contract.finished", title=document.title, path=_shown_path(document.path), version=document.version
    )
    found = await draft.kit.mind.review(
        draft.paper,
        drafting.values_of(draft.fields),
        draft.state["draft"],
        language=draft.language,
        today=draft.kit.today,
    )
    done = Done(
        text,
        data={"document_id": document.document_id, "document_type": document.document_type, "path": document.path},
        documents=(document,),
        insights=_insights(found),
    )
    return {**result_of(draft.state, done), "ready": (document,)}


async def _written(draft: _Draft) -> Artifact:
    kit, paper, state = draft.kit, draft.paper, draft.state
    values = drafting.values_of(draft.fields)
    version = await _in_thread(kit.storage.next_version, state["document_id"])
    wanted = DocumentDraft(
        document_id=state["document_id"],
        version=version,
        thread_id=kit.thread_id,
        document_type=paper.name,
        title=paper.title[draft.language],
        language=draft.language,
        doc_hash=state["doc_hash"],
        text=state["draft"],
        fields=state["fields"],
        path=str(_target(draft, version, paper.file_stem(values, draft.language))),
    )
    # The first reservation of this very text counts: a second try after a crash writes the same file, wherever it runs.
    reserved = await _in_thread(kit.storage.reserve_document, wanted, kit.now())
    path = await _in_thread(write_once, Path(reserved.path), reserved.text)
    await _in_thread(kit.storage.finish_document, reserved.document_id, reserved.doc_hash, kit.now(), path=str(path))
    artifact: Artifact = msgspec.structs.replace(reserved.artifact, path=str(path))
    return artifact


def _target(draft: _Draft, version: int, stem: str) -> Path:
    """Where the document goes: `-o` names a folder or one file; several documents share a file's name, told apart."""
    output = draft.kit.output
    name = f"{stem}.md" if version == 1 else f"{stem}-v{version}.md"
    if output is None:
        return (draft.kit.documents_folder / name).absolute()
    if output.is_dir() or not output.suffix:
        return (output / name).absolute()
    if draft.state["request"]["steps"] > 1:
        return output.with_name(f"{output.stem}-{draft.paper.name}{output.suffix}").absolute()
    return output.absolute()


def _error_handler(state: ContractState) -> dict[str, Any]:
    """A step that cannot go on is a failed result, not a dead run."""
    problem = msgspec.convert(state["problem"], Problem)
    return result_of(state, Done(problem.message, status="failed"), problem=problem)


def _ask_person(state: ContractState) -> dict[str, Any]:
    answer = ask(state["question"] or {})
    return {"answer": msgspec.to_builtins(answer), "pauses": state.get("pauses", 0) + 1}


# The question


@dataclass(frozen=True, slots=True)
class _Page:
    """A draft as it is put before a person. `refused`: some value they gave could not be read."""

    fields: Fields
    issues: Issues
    missing: tuple[str, ...]
    refused: bool
    submitted: bool
    text: str
    revision: int

    @property
    def agreed(self) -> bool:
        return self.submitted and not self.missing and not self.refused


def _question(draft: _Draft, page: _Page, note: str | None) -> Question:
    kit, say, title = draft.kit, draft.words, draft.paper.title[draft.language]
    created_at, expires_at = kit.ask_until()
    return Question(
        id="",  # LangGraph names it when it is raised; the engine fills it in.
        type="approval_required" if page.agreed else "collaboration_required",
        thread_id=kit.thread_id,
        step_id=draft.step.step_id,
        agent=NAME,
        title=say("contract.title_approval" if page.agreed else "contract.title_fields", title=title),
        message=_approval_message(draft, page) if page.agreed else _form_message(draft, page, note),
        document_id=draft.state["document_id"],
        document_type=draft.paper.name,
        base_revision=page.revision,
        doc_hash=doc_hash(page.text),
        fields=draft.paper.form(page.fields, page.issues, language=draft.language),
        editable_fields=() if page.agreed else draft.paper.main_fields,
        preview=page.text,
        actions=("approve", "revise", "reject", "back", "defer") if page.agreed else ("submit", "reject", "defer"),
        created_at=created_at,
        expires_at=expires_at,
        on_timeout=kit.on_timeout,
    )


def _approval_message(draft: _Draft, page: _Page) -> str:
    lines = [draft.words("contract.ask_approval")]
    if errors := _errors(page.issues):
        lines.append(draft.words("contract.errors_ahead", errors="; ".join(errors)))
    return "\n".join(lines)


def _form_message(draft: _Draft, page: _Page, note: str | None) -> str:
    if page.submitted:
        note = "refused" if page.refused else "missing"
    lines = [draft.words(f"contract.note_{note}")] if note else []
    lines.append(draft.words("contract.ask_fields"))
    if page.missing:
        labels = {spec.name: spec.label[draft.language] for spec in draft.paper.fields}
        lines.append(draft.words("contract.still_needed", fields=", ".join(labels[name] for name in page.missing)))
    return "\n".join(lines)


def _errors(issues: Issues) -> list[str]:
    return [issue.message for found in issues.values() for issue in found if issue.level == "error"]


# The audit log

_EVENT = {"submit": "submitted", "revise": "revised", "back": "sent_back", "reject": "rejected"}


def _change_entries(
    draft: _Draft, before: Fields, after: Fields, event: str, actor: str | None = None
) -> list[AuditEntry]:
    return [
        draft.entry(event, actor=actor, field=name, old=old, new=new)
        for name, (old, new) in drafting.changes(before, after).items()
    ]


def _detail(answer: Answer) -> dict[str, Any] | None:
    said = {"feedback": answer.feedback, "reason": answer.reason, "to": answer.to}
    return {name: value for name, value in said.items() if value} or None


def _insights(found: Any) -> tuple[Insight, ...]:
    importance = {"error": "high", "warning": "high", "info": "low"}
    issues: list[Issue] = [issue for issues in found.values() for issue in issues]
    return tuple(Insight("review", issue.message, importance[issue.level]) for issue in issues)  # type: ignore[arg-type]


def _json(fields: Fields) -> dict[str, Any]:
    builtins: dict[str, Any] = msgspec.to_builtins(fields)
    return builtins


def _shown_path(path: str) -> str:
    """Relative to where the person is when that is shorter to read."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


async def _in_thread(work: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Storage and files block; the event loop must not, or it could not commit what the saver has begun."""
    return await asyncio.to_thread(work, *args, **named)
