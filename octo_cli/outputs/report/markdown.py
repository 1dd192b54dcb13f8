"""The report's Markdown. Every figure was measured and every sentence is an agent's or the mind's: a part that nobody
filled is left out."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from octo_cli.i18n import Words, words
from octo_cli.outputs.base import Subject
from octo_cli.outputs.figures import LONGEST_NAME, called, insights, lasting, measured, seconds, shares, step_name
from octo_cli.ui.cells import width
from octo_cli.values.markdown import escape_line
from octo_cli.values.text import one_line

_HEADING: Final = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_DEEPEST: Final = 6
# A step's own headings begin below the one that names it.
_BELOW_STEP: Final = 3
# What ends or opens something in a line of a Mermaid timeline, and what looks like it.
_TIMELINE: Final = str.maketrans({":": "：", ";": "；", "#": "＃", "%": "％", "{": "｛", "}": "｝", "`": "'"})


def generate(subject: Subject) -> str:
    say = words(subject.language)
    parts = (_opening, _summary, _statistics, _times, _steps, _insights, _recommendations, _conclusion)
    return "\n\n".join(block for part in parts for block in part(subject, say))


def _opening(subject: Subject, say: Words) -> Iterator[str]:
    yield f"# {say('report.title')}"
    yield f"> {escape_line(one_line(subject.title))}"


def _summary(subject: Subject, say: Words) -> Iterator[str]:
    if told := _summarised(subject):
        yield f"## {say('report.summary')}"
        yield nested(told, 2)


def _summarised(subject: Subject) -> str:
    """The answer, without what one step of several came to, where it holds that word for word: the step tells it."""
    answer = subject.data.final_answer.strip()
    if len(subject.data.steps) < 2:
        return answer
    for step in subject.data.steps:
        if text := _result(step):
            answer = _blocks(answer).replace(_blocks(text), "\n\n", 1).strip()
    return answer


def _result(step: Mapping[str, Any]) -> str:
    return str(step["result"] or "").strip()


def _blocks(markdown: str) -> str:
    """Whole blocks, so that a word is not found inside of another."""
    return f"\n\n{markdown}\n\n"


def _statistics(subject: Subject, say: Words) -> Iterator[str]:
    counted = subject.data.execution_summary
    statuses = [step["status"] for step in subject.data.steps]
    rows = [
        (say("report.steps"), counted.total_steps),
        (say("report.completed"), counted.completed_steps),
        (say("report.failed"), counted.failed_steps),
        *((say(f"report.{status}"), statuses.count(status)) for status in ("skipped", "cancelled")),
        (say("report.pauses"), counted.hitl_interactions),
        (say("report.time"), seconds(counted.execution_time, say)),
    ]
    yield f"## {say('report.statistics')}"
    yield "\n".join(["| | |", "|:---|---:|", *(f"| {name} | {value} |" for name, value in rows)])


def _times(subject: Subject, say: Words) -> Iterator[str]:
    if not (steps := measured(subject)):
        return
    yield f"## {say('report.times')}"
    slices = (f"    {_quoted(name)} : {took:.3f}" for name, took in shares(subject, say))
    yield "\n".join(["```mermaid", f"pie showData title {say('report.share')}", *slices, "```"])
    lines = (
        f"    {_timeline(step_name(step))} :s{number}, {_ms(step['started'])}, {_ms(step['started'] + lasting(step))}"
        for number, step in enumerate(steps, 1)
    )
    yield "\n".join(["```mermaid", "gantt", "    dateFormat x", "    axisFormat %M:%S.%L", *lines, "```"])


def _steps(subject: Subject, say: Words) -> Iterator[str]:
    if subject.data.steps:
        yield f"## {say('report.detail')}"
    for step in subject.data.steps:
        yield f"### {escape_line(step_name(step))}"
        yield "\n".join(f"- {name}: {value}" for name, value in _facts(step, say))
        text = _result(step)
        if text and _blocks(text) in _blocks(_summarised(subject)):
            yield say("report.as_above")
        elif text:
            yield nested(text, _BELOW_STEP)
        if (problem := step.get("problem")) and problem.strip() != text:
            yield f"> {escape_line(one_line(problem))}"


def _facts(step: Mapping[str, Any], say: Words) -> Iterator[tuple[str, str]]:
    yield say("report.agent"), escape_line(called(step["agent"], say))
    if width(task := one_line(step["task"])) > LONGEST_NAME:
        yield say("report.task"), escape_line(task)
    yield say("report.status"), say(f"status.{step['status']}")
    if step.get("depends_on"):
        yield say("report.needed"), ", ".join(step["depends_on"])
    if step.get("confidence") is not None:
        yield say("report.confidence"), f"{step['confidence']:.2f}"
    if step.get("started") is not None:
        yield say("report.time"), seconds(step["seconds"], say)


def _insights(subject: Subject, say: Words) -> Iterator[str]:
    if found := [one for one in insights(subject) if not _advises(one)]:
        yield f"## {say('report.insights')}"
        yield "\n".join(f"- {_weighed(one, say)}" for one in found)


def _recommendations(subject: Subject, say: Words) -> Iterator[str]:
    """What whoever reviewed the work advises, and what is left to do: what failed and why, and what nobody got to."""
    advice = [_weighed(one, say) for one in insights(subject) if _advises(one)]
    left = [step for step in subject.data.steps if step["status"] in ("failed", "skipped", "cancelled")]
    told = [escape_line(f"{step_name(step)}: {one_line(step.get('problem') or step['result'])}") for step in left]
    if advice or told:
        yield f"## {say('report.recommendations')}"
        yield "\n".join(f"- {line}" for line in (*told, *advice))


def _advises(insight: Mapping[str, Any]) -> bool:
    """Whether it is a remark on what was made, and more than for information."""
    return bool(insight["category"] == "review" and insight["importance"] != "low")


def _weighed(insight: Mapping[str, Any], say: Words) -> str:
    weight, category = say(f"report.importance_{insight['importance']}"), called(insight["category"], say)
    return f"**{weight}** · {escape_line(category)}: {escape_line(insight['description'])}"


def _conclusion(subject: Subject, say: Words) -> Iterator[str]:
    counted = subject.data.execution_summary
    if counted.total_steps:
        yield f"## {say('report.conclusion')}"
        values = {"done": counted.completed_steps, "all": counted.total_steps}
        yield say("report.concluded", **values, time=seconds(counted.execution_time, say))


def nested(markdown: str, by: int) -> str:
    """`markdown` as a part of a larger text: its headings so much deeper, and no fence of it left open."""
    lines, fence = [], ""
    for line in markdown.strip().splitlines():
        found = _FENCE.match(line)
        if fence:
            closes = found and found[1].startswith(fence) and not line.strip().strip(fence[0])
            fence = "" if closes else fence
        elif found:
            fence = found[1]
        elif heading := _HEADING.match(line):
            line = "#" * min(len(heading[1]) + by, _DEEPEST) + line[heading.end() :]
        lines.append(line)
    return "\n".join([*lines, fence] if fence else lines)


def _quoted(name: str) -> str:
    shown = name.replace('"', "'").replace("`", "'")
    return f'"{shown}"'


def _timeline(name: str) -> str:
    return name.translate(_TIMELINE)


def _ms(second: float) -> int:
    return round(second * 1000)
