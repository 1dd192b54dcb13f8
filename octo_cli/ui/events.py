"""Faces for scripts: one JSON object, or one JSON object a line. No words but those of the events themselves."""

from datetime import datetime
from typing import Any, Final, TextIO

import msgspec

from octo_cli.wire.events import VERSION, Event, InterruptRaised, RunFinished, RunStarted, Summary
from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.work import Problem, RunStatus

# What a step needs to be done stays between the supervisor and its agents.
_INSIDE: Final = ("inputs",)


class EventsFace:
    """NDJSON, one line an event, each out at once. The last line is the one `run_finished`, whatever happened."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._seq = 0
        self._thread_id: str | None = None
        self.finished = False

    def speak(self, say: Any) -> None:
        """JSON has no words of its own."""

    def show(self, event: Event) -> None:
        if self.finished:
            return
        self.finished = isinstance(event, RunFinished)
        self._thread_id = _thread_of(event) or self._thread_id
        self._seq += 1
        body = msgspec.to_builtins(event)
        body.pop("thread_id", None)
        stamp = {"version": VERSION, "seq": self._seq, "ts": _now(), "thread_id": self._thread_id}
        self._out.write(plain_json({**stamp, **outside(body)}) + "\n")
        self._out.flush()

    async def ask(self, question: Question, read: Any) -> Answer | None:  # noqa: ARG002
        return None

    def fail(self, problem: Problem) -> None:
        self.show(RunFinished(failed(problem, self._thread_id)))


class JsonFace:
    """The contract's one object, when the run is over."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._thread_id: str | None = None
        self.finished = False

    def speak(self, say: Any) -> None:
        """JSON has no words of its own."""

    def show(self, event: Event) -> None:
        self._thread_id = _thread_of(event) or self._thread_id
        if self.finished or not isinstance(event, RunFinished):
            return
        self.finished = True
        self._out.write(summary_json(event.summary) + "\n")
        self._out.flush()

    async def ask(self, question: Question, read: Any) -> Answer | None:  # noqa: ARG002
        return None

    def fail(self, problem: Problem) -> None:
        self.show(RunFinished(failed(problem, self._thread_id)))


def failed(problem: Problem, thread_id: str | None = None) -> Summary:
    """The object of a run that never got to say anything else."""
    status: RunStatus = "cancelled" if problem.code == "interrupted" else "failed"
    return Summary(thread_id=thread_id, status=status, error=problem)


def summary_json(summary: Summary) -> str:
    """The contract's one object."""
    return plain_json({"version": VERSION, **msgspec.to_builtins(summary)})


def plain_json(value: Any) -> str:
    """JSON as UTF-8 text; Korean stays Korean."""
    return msgspec.json.encode(value).decode("utf-8")


def outside(body: dict[str, Any]) -> dict[str, Any]:
    """`body` as the contract shows it: a plan's steps without what only their agents need."""
    plan = body.get("plan")
    if not plan:
        return body
    steps = [{name: value for name, value in step.items() if name not in _INSIDE} for step in plan["steps"]]
    return {**body, "plan": {"strategy": plan["strategy"], "steps": steps}}


def _thread_of(event: Event) -> str | None:
    match event:
        case RunStarted(thread_id=thread_id):
            return thread_id
        case InterruptRaised(interrupt=question):
            return question.thread_id
        case RunFinished(summary=summary):
            return summary.thread_id
        case _:
            return None


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
