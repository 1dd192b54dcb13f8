"""The stages of a document, each a node of the contract agent's sub-graph. Which comes after which is not said here."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from langgraph.runtime import Runtime

from octo_cli.agents.contract import fields as drafting
from octo_cli.agents.contract.draft import NAME, ContractState, Draft, in_thread, to_json, without_wording
from octo_cli.agents.contract.fields import Fields, Issues
from octo_cli.agents.contract.questions import Page, question
from octo_cli.agents.contract.writing import shown_path, written
from octo_cli.agents.kit import Done, Kit, ask, attempted, result_of
from octo_cli.documents.files import doc_hash
from octo_cli.errors import NotFound
from octo_cli.i18n import words
from octo_cli.reasoning.models.metering import working_on
from octo_cli.wire.events import DocumentReady, StepProgress
from octo_cli.wire.forms import Answer, FieldValue, Issue, Level
from octo_cli.wire.work import Insight, Problem, Step

Update = dict[str, Any]
Stage = Callable[[Draft], Awaitable[Update]]

_EVENTS: Final = {"submit": "submitted", "revise": "revised", "back": "sent_back", "reject": "rejected"}
_IMPORTANCE: Final[dict[Level, Literal["high", "medium", "low"]]] = {
    "error": "high",
    "warning": "medium",
    "info": "low",
}


def node(name: str, stage: Stage) -> Callable[..., Awaitable[Update]]:
    """A node that works: says that it began, measures itself, and turns a failure into the step's own problem."""

    async def run(state: ContractState, runtime: Runtime[Kit]) -> Update:
        kit, began = runtime.context, time.monotonic()
        say = words(state["request"]["language"])
        step = msgspec.convert(state["step"], Step)
        kit.tell(StepProgress(step.step_id, NAME, name, say(f"contract.stage_{name}")))
        info = runtime.execution_info
        work = _work(stage, state, kit, began=began, task_id=info.task_id if info else "")
        with working_on(step.step_id):
            done = await attempted(work, say, kit, spent=state.get("seconds", 0.0))
        update = {"problem": msgspec.to_builtins(done)} if isinstance(done, Problem) else done
        for document in update.pop("ready", ()):
            kit.tell(DocumentReady(document))
        return {**update, "seconds": state.get("seconds", 0.0) + time.monotonic() - began}

    return run


async def _work(stage: Stage, state: ContractState, kit: Kit, *, began: float, task_id: str) -> Update:
    step = msgspec.convert(state["step"], Step)
    paper = kit.catalog.find(state.get("document_type") or _wanted_type(step, kit))
    return await stage(Draft(_opened(state, step, kit), kit, paper, began, task_id))


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


async def initialize(draft: Draft) -> Update:
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
    known = await in_thread(draft.kit.storage.document, inputs["document_id"], inputs.get("version"))
    if known is None:
        raise NotFound("document_not_found", ref=inputs["document_id"])
    fields, clauses = without_wording(known.fields)
    values = drafting.values_of(msgspec.convert(fields, dict[str, FieldValue]))
    wording = {"of": draft.worded_from(values), "clauses": clauses}
    return {**settled, "fields": fields, "language": known.language, "wording": wording}


async def collect_context(draft: Draft) -> Update:
    """Read what the request says about the document's fields, and then a task in the person's own words.

    Everything read is only proposed.
    """
    editing, fields = "document_id" in draft.step.inputs, draft.fields
    for text in filter(None, (draft.state["request"]["text"], draft.step.inputs.get("words"))):
        proposals = await draft.kit.mind.extract(draft.request(text), draft.paper)
        fields = drafting.propose(fields, proposals, over_user=editing)
    await draft.record(*draft.changed(fields, "extracted", actor=f"model:{draft.kit.mind.name}"))
    note = "nothing_read" if editing and fields == draft.fields else None
    return {"fields": to_json(fields), "note": note}


async def generate_draft(draft: Draft) -> Update:
    """Work in what the person said, write the text anew, and set the next question."""
    kit, paper, answer = draft.kit, draft.paper, draft.answer
    fields, refused, note = await _worked_in(draft, answer)
    fields = drafting.complete(fields, paper, today=kit.today, language=draft.language)
    values = drafting.values_of(fields)
    missing = paper.missing(values)
    submitted = answer is not None and answer.action == "submit"
    settled = submitted and not missing and not refused
    wording = await draft.wording(values, settled=settled)
    if note == "not_understood" and wording != draft.state.get("wording"):
        note = "revised"
    text = await kit.mind.draft(paper, values, draft.language, wording["clauses"])
    found = await draft.reviewed(values, text, by_mind=settled)
    # A blank that is still to be asked for is no fault yet; the form says what is needed.
    faults = {name: issues for name, issues in found.items() if name not in missing}
    page = Page(
        fields=fields,
        issues=drafting.joined(refused, drafting.remarks(fields, paper, draft.words), faults),
        missing=missing,
        refused=bool(refused),
        submitted=submitted,
        text=text,
        revision=draft.state.get("revision", 0) + 1,
    )
    return {
        "fields": to_json(fields),
        "draft": text,
        "doc_hash": doc_hash(text),
        "wording": wording,
        "remarks": msgspec.to_builtins(drafting.of_model(found)),
        "revision": page.revision,
        "answer": None,
        "note": None,
        "question": msgspec.to_builtins(question(draft, page, note)),
    }


async def _worked_in(draft: Draft, answer: Answer | None) -> tuple[Fields, Issues, str | None]:
    """The fields after `answer`, what of it could not be read, and why the form comes next, if it does."""
    fields, note = draft.fields, draft.state.get("note")
    refused: Issues = {}
    if answer is None:
        return fields, refused, note
    if answer.action == "submit":
        fields, refused = drafting.submit(fields, answer.fields, draft.paper, draft.kit.today, draft.words)
    elif answer.action == "revise":
        proposals = await draft.kit.mind.extract(draft.request(answer.feedback or ""), draft.paper)
        fields = drafting.propose(fields, proposals, over_user=True)
        note = "revised" if fields != draft.fields else "not_understood"
    elif answer.action == "back":
        note = "back"
    decision = draft.entry(_EVENTS[answer.action], doc_hash=draft.state.get("doc_hash"), detail=_detail(answer))
    await draft.record(decision, *draft.changed(fields, "edited"))
    return fields, refused, note


async def ai_review(draft: Draft) -> Update:
    """Check the approved text once more. Only what was shown is approved; an error sends it back to the form."""
    answer, shown = draft.answer, draft.state["doc_hash"]
    if answer is None or answer.doc_hash != shown:
        return {"answer": None, "note": "changed", "verdict": None}
    await draft.record(draft.entry("approved", doc_hash=shown))
    values, text = drafting.values_of(draft.fields), draft.state["draft"]
    # The rules look again, for it may be another day; the model's remarks were shown with this very text.
    kept = msgspec.convert(draft.state.get("remarks", {}), dict[str, tuple[Issue, ...]])
    found = drafting.joined(await draft.reviewed(values, text, by_mind=False), kept)
    if any(issue.level == "error" for issues in found.values() for issue in issues):
        return {"answer": None, "note": "review_found", "verdict": None}
    return {"answer": None, "verdict": "approved", "insights": msgspec.to_builtins(_insights(found))}


async def finalize(draft: Draft) -> Update:
    """Write the approved text once, or close the step without a document when it was rejected."""
    state = draft.state
    if state.get("verdict") != "approved":
        answer = draft.answer or Answer("reject")
        await draft.record(draft.entry("rejected", doc_hash=state["doc_hash"], detail=_detail(answer)))
        done = Done(draft.words("contract.rejected", title=draft.title), status="cancelled")
        return result_of(state, done, seconds=draft.seconds)
    document, finished = await written(draft)
    said = {"new": msgspec.to_builtins(finished), "detail": {"path": document.path}}
    await draft.record(draft.entry("finalized", actor="system", doc_hash=document.doc_hash, **said))
    where = shown_path(document.path)
    done = Done(
        draft.words("contract.finished", title=document.title, path=where, version=document.version),
        data={"document_id": document.document_id, "document_type": document.document_type, "path": document.path},
        documents=(document,),
        insights=msgspec.convert(state.get("insights", []), tuple[Insight, ...]),
    )
    return {**result_of(state, done, seconds=draft.seconds), "ready": (document,)}


def error_handler(state: ContractState) -> Update:
    """A step that cannot go on is a failed result, not a dead run."""
    problem = msgspec.convert(state["problem"], Problem)
    done = Done(problem.message, status="failed")
    return result_of(state, done, seconds=state.get("seconds", 0.0), problem=problem)


def ask_person(state: ContractState) -> Update:
    answer = ask(state["question"] or {})
    heard = {"answer": msgspec.to_builtins(answer), "pauses": state.get("pauses", 0) + 1}
    # Any other answer leads to a draft with a question of its own; after these, every checkpoint would repeat this one.
    return {**heard, "question": None} if answer.action in ("approve", "reject") else heard


def _detail(answer: Answer) -> dict[str, Any] | None:
    said = {"feedback": answer.feedback, "reason": answer.reason, "to": answer.to}
    return {name: value for name, value in said.items() if value} or None


def _insights(found: Mapping[str, tuple[Issue, ...]]) -> list[Insight]:
    return [
        Insight("review", _sourced(issue), _IMPORTANCE[issue.level]) for issues in found.values() for issue in issues
    ]


def _sourced(issue: Issue) -> str:
    return f"{issue.message} ({issue.ref})" if issue.ref else issue.message
