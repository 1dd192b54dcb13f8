"""A thread's dossier as a person reads it: what is told, and in which order. How it looks is `markdown` and `page`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from octo_cli.i18n import Words
from octo_cli.ui.inspection import change_told, usage_told
from octo_cli.ui.lists import category
from octo_cli.ui.moments import clock_time
from octo_cli.ui.sanitise import one_line, visible
from octo_cli.wire.forms import Answer, FormField
from octo_cli.wire.inspection import AuditRecord, Dossier, Exchange, TurnRecord
from octo_cli.wire.work import Step, StepResult

_UNKNOWN: Final = "—"
Pair = tuple[str, str]


class Table(NamedTuple):
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Entry(NamedTuple):
    """One thing: `facts` are short, `text` is told as it stands, `folded` texts are there for whoever looks.

    `kind` says what it is ("user", "octo", a step's status, …), for its looks; with `markdown` the text is some.
    """

    title: str
    kind: str = ""
    facts: tuple[Pair, ...] = ()
    text: str = ""
    table: Table | None = None
    folded: tuple[Pair, ...] = ()
    markdown: bool = False


class Section(NamedTuple):
    name: str
    title: str
    blocks: tuple[Entry | Table, ...]


class Told(NamedTuple):
    title: str
    facts: tuple[Pair, ...]
    sections: tuple[Section, ...]


def told(dossier: Dossier, now: datetime, say: Words) -> Told:
    """What is said of the thread: lines without line breaks, texts without anything hidden."""
    return _Teller(now, say).told(dossier)


class _Teller:
    def __init__(self, now: datetime, say: Words) -> None:
        self._now = now
        self._say = say

    def told(self, dossier: Dossier) -> Told:
        thread, say = dossier.found.thread, self._say
        facts = self._facts(
            id=thread.thread_id,
            status=say(f"thread.{thread.status}"),
            owner=thread.user,
            begun=self._at(thread.created_at),
            touched=self._at(thread.updated_at),
            exported=self._at(self._now.isoformat()),
            # "+09:00": whoever reads it may live elsewhere.
            zone=f"UTC{self._now.isoformat()[-6:]}",
        )
        blocks: dict[str, Iterator[Entry | Table]] = {
            "conversation": self._conversation(dossier),
            "work": self._work(dossier.turns),
            "questions": map(self._question, dossier.exchanges),
            "documents": self._documents(dossier),
            "audit": self._audit(dossier),
            "usage": self._usage(dossier),
            "history": self._history(dossier),
        }
        sections = (Section(name, say(f"dossier.{name}"), tuple(found)) for name, found in blocks.items())
        return Told(one_line(thread.title) or _UNKNOWN, facts, tuple(part for part in sections if part.blocks))

    def _conversation(self, dossier: Dossier) -> Iterator[Entry]:
        for message in dossier.found.messages:
            title = f"{self._say(f'dossier.{message.speaker}')} · {self._at(message.at)}"
            yield Entry(title, message.speaker, text=visible(message.text), markdown=message.speaker == "octo")

    def _work(self, turns: Sequence[TurnRecord]) -> Iterator[Entry]:
        for turn in turns:
            results = {result.step_id: result for result in turn.results}
            for step in turn.plan.steps if turn.plan else ():
                yield self._step(step, results.get(step.step_id))

    def _step(self, step: Step, result: StepResult | None) -> Entry:
        say = self._say
        seconds = say("run.seconds", seconds=f"{result.seconds:.1f}") if result and result.seconds else ""
        sure = f"{result.confidence:.2f}" if result and result.confidence is not None else ""
        facts = self._facts(
            status=say(f"status.{step.status}"),
            after=", ".join(step.depends_on),
            took=seconds,
            confidence=sure,
            problem=result.problem.message if result and result.problem else "",
        )
        title = one_line(f"[{step.step_id}] {category(step.agent, say)}: {step.task}")
        return Entry(title, step.status, facts, visible(result.text if result else ""), markdown=True)

    def _question(self, exchange: Exchange) -> Entry:
        question, answer, say = exchange.question, exchange.answer, self._say
        by = exchange.by.partition(":")[2] or exchange.by if exchange.by else ""
        facts = self._facts(
            kind=say(f"question.{question.type}"),
            step=question.step_id,
            put=self._at(question.created_at),
            answer=self._answered(exchange),
            by=by,
            at=self._at(exchange.at) if exchange.at else "",
            said=" ".join(filter(None, (answer.feedback, answer.reason, answer.to))) if answer else "",
            args=_json(answer.args) if answer and answer.args else "",
            hash=question.doc_hash or "",
        )
        rows = tuple(self._field(field, answer) for field in question.fields)
        header = tuple(say(f"dossier.{name}") for name in ("field", "value", "answered", "remarks"))
        preview = ((say("dossier.shown"), visible(question.preview)),) if question.preview else ()
        kind = "waiting" if exchange.open else "completed" if answer else "cancelled"
        table = Table(header, rows) if rows else None
        return Entry(one_line(question.title), kind, facts, visible(question.message), table, preview)

    def _answered(self, exchange: Exchange) -> str:
        if exchange.answer is not None:
            return self._say(f"action.{exchange.answer.action}")
        return self._say("dossier.open" if exchange.open else "dossier.left")

    def _field(self, field: FormField, answer: Answer | None) -> tuple[str, ...]:
        given = answer.fields.get(field.name) if answer else None
        remarks = "; ".join(issue.message for issue in field.issues)
        shown = field.display or _value(field.value)
        return tuple(map(one_line, (f"{field.label} ({field.name})", shown, _value(given), remarks)))

    def _documents(self, dossier: Dossier) -> Iterator[Entry]:
        for paper in dossier.documents:
            say = self._say
            facts = self._facts(
                id=paper.document_id,
                finished=self._at(paper.finished_at),
                file=paper.path,
                hash=paper.doc_hash,
                check=say("dossier.intact" if paper.intact else "dossier.not_intact"),
            )
            title = one_line(f"{paper.title} v{paper.version}")
            yield Entry(title, "completed" if paper.intact else "failed", facts, visible(paper.text))

    def _audit(self, dossier: Dossier) -> Iterator[Entry | Table]:
        if not dossier.audit:
            return
        say, chain = self._say, dossier.chain
        if chain.broken_at is None:
            verdict = say("audit.verified", thread=chain.thread_id, count=chain.entries)
            yield Entry(verdict, "completed")
        else:
            yield Entry(say("error.audit_broken", thread=chain.thread_id, entry=chain.broken_at), "failed")
        header = tuple(say(f"dossier.{name}") for name in ("number", "at", "by", "event", "detail", "hash"))
        yield Table(header, tuple(map(self._audit_row, dossier.audit)))

    def _audit_row(self, record: AuditRecord) -> tuple[str, ...]:
        key = f"audit.{record.event}"
        event = self._say(key) if self._say.has(key) else record.event
        change = " ".join(filter(None, (change_told(record), record.doc_hash)))
        row = (f"{record.seq}", self._at(record.at), record.actor, event, change, record.hash)
        return tuple(map(one_line, row))

    def _usage(self, dossier: Dossier) -> Iterator[Entry]:
        if dossier.found.usage is not None:
            yield Entry(usage_told(dossier.found.usage, self._say))

    def _history(self, dossier: Dossier) -> Iterator[Table]:
        names = ("checkpoint", "before", "at", "where", "ran", "next", "changed")
        rows = (
            (
                *(one.checkpoint_id, one.parent_id or "", self._at(one.at), one.namespace),
                *(one.node, ", ".join(one.next), ", ".join(one.changed)),
            )
            for one in dossier.history
        )
        yield Table(
            tuple(self._say(f"dossier.{name}") for name in names), tuple(tuple(map(one_line, row)) for row in rows)
        )

    def _facts(self, **facts: str) -> tuple[Pair, ...]:
        return tuple((self._say(f"dossier.{name}"), one_line(value)) for name, value in facts.items() if value)

    def _at(self, then: str) -> str:
        return clock_time(then, self._now) if then else ""


def _value(value: Any) -> str:
    """As it was typed, or as JSON; nothing for nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return _json(value)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
