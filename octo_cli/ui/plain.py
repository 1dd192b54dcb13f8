"""The face for a pipe: progress and how to go on to stderr, the answer and nothing else to stdout. It never asks."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TextIO

from msgspec import UNSET

from octo_cli.i18n import Words
from octo_cli.ui.cells import broken
from octo_cli.ui.lists import category
from octo_cli.ui.sanitise import one_line, visible
from octo_cli.ui.style import Style
from octo_cli.wire import events
from octo_cli.wire.events import Event, Summary
from octo_cli.wire.forms import Answer, FormField, Question
from octo_cli.wire.work import Problem, Step

# A verdict the command line can give, as it is typed; the values are the catalogue's names for what stands in a flag.
_VERDICTS: Final = {
    "approve": ("--approve", ""),
    "revise": ("--revise", "flag_text"),
    "reject": ("--reject", "flag_reason"),
    "back": ("--back", "flag_step"),
}


class PlainFace:
    """Lines of text. `quiet` keeps the answer, failures and what is waited for."""

    def __init__(self, out: TextIO, err: TextIO, say: Words, style: Style, *, quiet: bool = False) -> None:
        self.out = out
        self.err = err
        self.say = say
        self.style = style
        self.quiet = quiet
        self.thread_id: str | None = None
        self.finished = False
        # What makes a command that goes on with a thread whole: the flags it needs again.
        self.again: Callable[[str], str] = str
        # How a result is drawn that is no text; None for one that is shown as it is.
        self.draw: Callable[[Summary], str | None] = lambda _: None

    def speak(self, say: Words) -> None:
        self.say = say

    def show(self, event: Event) -> None:
        if isinstance(event, events.RunStarted):
            self.finished = False
            self.thread_id = event.thread_id or self.thread_id
        if isinstance(event, events.RunFinished):
            self.finish(event.summary)
        elif isinstance(event, events.Warned):
            self.note(self.style.alarming(f"! {one_line(event.message)}"))
        elif not self.quiet:
            for line in progress(event, self.say):
                self.note(self.style.quiet(line))

    async def ask(self, question: Question, read: Any) -> Answer | None:  # noqa: ARG002
        return None

    def fail(self, problem: Problem) -> None:
        """Tell of a failure that ended everything, unless the run's own end told it already."""
        if self.finished:
            return
        self.finished = True
        self.note(f"octo: {visible(problem.message)}")
        for line in (problem.hint or "").splitlines():
            self.note(f"  → {visible(line)}")

    def finish(self, summary: Summary) -> None:
        self.thread_id = summary.thread_id or self.thread_id
        self.answer(summary)
        self.wait(summary.interrupts)
        if summary.error is not None:
            self.fail(summary.error)
        self.finished = True

    def answer(self, summary: Summary) -> None:
        drawn = self.draw(summary)
        if text := result_text(summary) if drawn is None else drawn:
            self.out.write(f"{visible(text)}\n" if drawn is None else f"{drawn}\n")
            self.out.flush()

    def wait(self, questions: Sequence[Question]) -> None:
        """What is asked, and the commands that answer it."""
        for question in questions:
            for line in how_to_answer(question, self.say):
                self.note(line)

    def note(self, line: str) -> None:
        if line.startswith("  → "):
            # Not broken: it is there to be copied.
            line = visible(self.again(line))
        elif line.startswith("octo: "):
            line = broken(line, self.err)
        self.err.write(f"{line}\n")
        self.err.flush()


def progress(event: Event, say: Words) -> Iterator[str]:
    """The lines an event is worth; most are worth one or none."""
    match event:
        case events.IntentRecognised(intent=intent):
            what = category(intent.category, say)
            yield f"· {say('run.understood', what=what, confidence=f'{intent.confidence:.2f}')}"
        case events.PlanReady(plan=plan) if len(plan.steps) > 1:
            some_wait = plan.strategy == "parallel" and any(step.depends_on for step in plan.steps)
            how = "mixed" if some_wait else plan.strategy
            yield f"· {say(f'run.plan_{how}', count=len(plan.steps))}"
            for step in plan.steps:
                yield f"    {_step_line(step, say)}"
        case events.StepStarted(step_id=step_id, agent=agent, task=task):
            yield f"· [{step_id}] {category(agent, say)}: {one_line(task)}"
        case events.StepProgress(step_id=step_id, message=message, fraction=fraction):
            share = f" ({fraction:.0%})" if fraction is not UNSET else ""
            yield f"· [{step_id}] {one_line(message)}{share}"
        case events.StepFinished(step_id=step_id, status=status, seconds=seconds):
            yield f"· [{step_id}] {say(f'status.{status}')} ({say('run.seconds', seconds=f'{seconds:.1f}')})"
        case events.DocumentReady(document=document):
            yield f"· {say('run.document', title=one_line(document.title), path=one_line(document.path))}"
        case events.InterruptAnswered(action=action):
            yield f"· {say('run.answered', action=say(f'action.{action}'))}"


def result_text(summary: Summary) -> str:
    if summary.result is None or isinstance(summary.result, str):
        return (summary.result or "").strip("\n")
    return json.dumps(summary.result, ensure_ascii=False, indent=2)


def how_to_answer(question: Question, say: Words) -> Iterator[str]:
    """A question as lines: what it is about, what is still missing, and the commands that answer it."""
    yield f"octo: {say('run.waiting', title=one_line(question.title))}"
    yield from (f"  {line}" for line in visible(question.message).splitlines())
    if question.tool:
        yield from ("", *(f"  | {line}".rstrip() for line in visible(question.preview).splitlines()), "")
    elif "approve" in question.actions:
        yield from ("", *(f"  | {line}".rstrip() for line in visible(question.preview).splitlines()), "")
        if question.doc_hash:
            yield f"  {say('run.doc_hash', hash=short_hash(question.doc_hash))}"
    else:
        yield from (f"  {line}" for line in read_lines(question))
    yield from field_lines(question, say)
    yield from (f"  → octo resume {question.thread_id} {flags}" for flags in _flags(question, say))
    if question.expires_at:
        yield f"  {say(f'run.expires_{question.on_timeout}', when=question.expires_at)}"


def _flags(question: Question, say: Words) -> Iterator[str]:
    """The flags that answer the question, the likeliest first."""
    blanks = missing(question)
    if "submit" in question.actions and blanks:
        yield " ".join(f"--set {field.name}=…" for field in blanks)
    elif "approve" in question.actions and "submit" in question.actions:
        # A plan: approved as it stands, or with changes.
        yield "--approve"
        yield " ".join(f"--set {name}=…" for name in question.editable_fields[:2])
        yield f"--reject {say('run.flag_reason')}"
        return
    elif "submit" in question.actions:
        yield "--submit"
        yield f"--set {say('run.flag_any')}"
    for action, (flag, value) in _VERDICTS.items():
        if action in question.actions:
            yield f"{flag} {say(f'run.{value}')}" if value else flag
    if "edit" in question.actions and question.fields:
        yield f"--set {question.fields[0].name}=…"
    if may_be_allowed(question):
        yield f"--allow-tool {question.tool}"


def field_lines(question: Question, say: Words) -> Iterator[str]:
    """The fields still needed and every remark on a field, in the form's own order."""
    needed = {field.name for field in missing(question)}
    for field in question.fields:
        if field.name in needed:
            yield f"  {field.name}  {one_line(field.label)} {say('run.required')}{_accepted(field)}"
        for issue in field.issues:
            yield f"  {say(f'level.{issue.level}')} {one_line(field.label)}: {remark(issue.message, issue.ref)}"


def read_lines(question: Question) -> Iterator[str]:
    """What is known so far and nobody assumed: what was read from the request, and what a person gave."""
    for field in question.fields:
        if field.provenance in ("extracted", "user", "llm", "imported") and field.display:
            yield f"{field.name}  {one_line(field.label)}: {one_line(field.display)}"


def may_be_allowed(question: Question) -> bool:
    """Whether a rule could spare this question; a risky call is asked for whatever the rules say."""
    return bool(question.tool) and not any(field.issues for field in question.fields)


def missing(question: Question) -> list[FormField]:
    return [field for field in question.fields if field.required and field.value in (None, "", [])]


def remark(message: str, ref: str | None) -> str:
    return f"{one_line(message)} ({one_line(ref)})" if ref else one_line(message)


def short_hash(doc_hash: str | None) -> str:
    return (doc_hash or "").removeprefix("sha256:")[:12]


def _step_line(step: Step, say: Words) -> str:
    after = f" ({say('plan.comes_after', steps=', '.join(step.depends_on))})" if step.depends_on else ""
    return f"[{step.step_id}] {category(step.agent, say)}: {one_line(step.task)}{after}"


def _accepted(field: FormField) -> str:
    return f" [{'|'.join(field.choices)}]" if field.choices else ""
