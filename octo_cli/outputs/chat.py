"""`-f chat`: the answer as a person reads it, Markdown: what was said, what is worth knowing, how the work went."""

from collections.abc import Iterator
from typing import Final

from octo_cli.i18n import Words, words
from octo_cli.outputs.base import Output, Subject, as_text
from octo_cli.outputs.figures import insights, seconds
from octo_cli.values.markdown import escape_line
from octo_cli.values.text import one_line

_MOST_INSIGHTS: Final = 3
_TOLD: Final = ("high", "medium")


def generate(subject: Subject) -> str:
    """The answer first and as it stands, so that whoever has seen it can be shown the rest alone."""
    say = words(subject.language)
    return "\n\n".join(filter(None, (subject.data.final_answer, _insights(subject, say), _run(subject, say))))


def _insights(subject: Subject, say: Words) -> str:
    """The weightiest of what the answer does not say already."""
    said = one_line(subject.data.final_answer)
    found = [one_line(one["description"]) for one in insights(subject) if one["importance"] in _TOLD]
    new = [f"- {escape_line(description)}" for description in found if description not in said]
    return "\n".join((f"{say('report.insights')}:", *new[:_MOST_INSIGHTS])) if new else ""


def _run(subject: Subject, say: Words) -> str:
    """How many steps came to what, in one line; nothing for an answer that took none."""
    counted = subject.data.execution_summary
    if not counted.total_steps:
        return ""
    return f"— {', '.join(_counts(subject, say))} ({seconds(counted.execution_time, say)})"


def _counts(subject: Subject, say: Words) -> Iterator[str]:
    counted = subject.data.execution_summary
    key = "chat.done" if counted.completed_steps == counted.total_steps else "chat.done_of"
    yield say(key, count=counted.completed_steps, all=counted.total_steps)
    statuses = [step["status"] for step in subject.data.steps]
    for status in ("failed", "skipped", "cancelled"):
        if count := statuses.count(status):
            yield say(f"chat.{status}", count=count)
    if counted.hitl_interactions:
        yield say("chat.answered", count=counted.hitl_interactions)


OUTPUT: Final = Output("chat", {".md": as_text, ".txt": as_text}, generate)
