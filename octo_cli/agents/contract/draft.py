"""What the contract agent's stages share: a document on its way, read once, and its entries in the audit log."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from octo_cli.agents.contract.fields import Fields, Issues, changes
from octo_cli.agents.kit import Kit, StepState
from octo_cli.documents.catalog import DocumentType
from octo_cli.i18n import Words, words
from octo_cli.reasoning.base import Request, Rewording
from octo_cli.storage import AuditEntry
from octo_cli.values.contact import mask_rrn
from octo_cli.wire.forms import Answer, FieldValue
from octo_cli.wire.work import Language, Step

NAME = "contract"
# No field's name has a dot.
_WORDING: Final = "wording."


class ContractState(StepState, total=False):
    """JSON values only. `fields` are `FieldValue`s by name.

    `answer` is what the person said last and no stage has worked in yet; `note` why the form comes (again), a name
    under `contract.note_`; `revision` counts changes of the fields; `insights` are the review's remarks on the approved
    text; `verdict` is how the document ended. `wording` is what a model worded: `clauses` by slot, and the values they
    were worded for (`of`); it stays until those change or the person asks. `remarks` are a model's on the draft.
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
    wording: dict[str, Any]
    remarks: dict[str, Any]
    insights: list[dict[str, Any]]
    verdict: str | None
    problem: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A document as one stage finds it. `began` is the stage's own start, monotonic seconds."""

    state: ContractState
    kit: Kit
    paper: DocumentType
    began: float
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
    def title(self) -> str:
        return self.paper.title[self.language]

    @property
    def fields(self) -> Fields:
        return msgspec.convert(self.state.get("fields", {}), dict[str, FieldValue])

    @property
    def answer(self) -> Answer | None:
        raw = self.state.get("answer")
        return msgspec.convert(raw, Answer) if raw else None

    @property
    def seconds(self) -> float:
        """Active time of this step so far, this stage's included."""
        return self.state.get("seconds", 0.0) + time.monotonic() - self.began

    def request(self, text: str) -> Request:
        return Request(text=text, language=self.language, today=self.kit.today)

    # What a mind adds

    async def wording(self, values: Mapping[str, Any], *, settled: bool) -> dict[str, Any]:
        """The state's `wording` for these values: made once they are settled, and anew when they change.

        What a person wants changed of the draft is put to the mind too, if there is wording to change.
        """
        kept: dict[str, Any] = self.state.get("wording") or {"of": None, "clauses": {}}
        of = self.worded_from(values)
        feedback = (self.answer.feedback or "") if self.answer and self.answer.action == "revise" else ""
        wanted = bool(feedback and kept["clauses"])
        if not wanted and (not settled or kept["of"] == of):
            return kept
        before = Rewording(feedback, kept["clauses"]) if kept["clauses"] else None
        clauses = await self.kit.mind.phrase(self.paper, values, self.language, before)
        if not clauses and kept["of"] == of:
            # What nobody could word anew stays as long as it fits.
            return kept
        return {"of": of, "clauses": dict(clauses)}

    def worded_from(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the open clauses are worded from, by slot."""
        return {slot.name: {name: values.get(name) for name in slot.fields} for slot in self.paper.slots(values)}

    async def reviewed(self, values: Mapping[str, Any], text: str, *, by_mind: bool) -> Issues:
        """Remarks on the text. A form still to be filled in is a matter for the rules alone."""
        if not by_mind:
            return self.paper.review(values, text, language=self.language, today=self.kit.today)
        found = await self.kit.mind.review(self.paper, values, text, language=self.language, today=self.kit.today)
        return dict(found)

    # The audit log

    async def record(self, *entries: AuditEntry) -> None:
        """Put `entries` into the audit log, once however often this stage runs."""
        await in_thread(self.kit.storage.record, entries, key=self.task_id)

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

    def changed(self, after: Fields, event: str, *, actor: str | None = None) -> list[AuditEntry]:
        """An entry for each field that `after` has otherwise than the state."""
        return [
            self.entry(event, actor=actor, field=name, old=_masked(old), new=_masked(new))
            for name, (old, new) in changes(self.fields, after).items()
        ]


def with_wording(state: ContractState) -> dict[str, Any]:
    """The state's fields as a version of the document keeps them, its wording among them."""
    clauses = (state.get("wording") or {}).get("clauses", {})
    worded = {f"{_WORDING}{slot}": FieldValue(clause, provenance="llm") for slot, clause in clauses.items()}
    return {**state["fields"], **to_json(worded)}


def without_wording(kept: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields of a version of a document, and the wording of its clauses by slot."""
    fields = {name: field for name, field in kept.items() if not name.startswith(_WORDING)}
    clauses = {name.removeprefix(_WORDING): kept[name]["value"] for name in kept.keys() - fields.keys()}
    return fields, clauses


def to_json(fields: Mapping[str, FieldValue]) -> dict[str, Any]:
    builtins: dict[str, Any] = msgspec.to_builtins(fields)
    return builtins


async def in_thread(work: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Storage and files block; the event loop must not, or it could not commit what the saver has begun."""
    return await asyncio.to_thread(work, *args, **named)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_rrn(value)
    return [_masked(item) for item in value] if isinstance(value, list) else value
