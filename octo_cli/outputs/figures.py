"""What was measured and found, in the order and the words every format shows it in."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from octo_cli.i18n import Words
from octo_cli.outputs.base import Subject
from octo_cli.ui.cells import clip
from octo_cli.values.text import one_line

# A step that was over at once is still seen.
_SHORTEST: Final = 0.001
_MINUTE: Final = 60
# Cells of a step's name.
LONGEST_NAME: Final = 100
_IMPORTANCE: Final = ("high", "medium", "low")


def measured(subject: Subject) -> Sequence[Mapping[str, Any]]:
    """The steps that began, in the order they did."""
    begun = (step for step in subject.data.steps if step.get("started") is not None)
    return sorted(begun, key=lambda step: float(step["started"]))


def insights(subject: Subject) -> Sequence[Mapping[str, Any]]:
    """What was found, the weightiest first."""
    return sorted(subject.data.insights, key=lambda one: _IMPORTANCE.index(one["importance"]))


def lasting(step: Mapping[str, Any]) -> float:
    return max(float(step["seconds"]), _SHORTEST)


def shares(subject: Subject, say: Words) -> list[tuple[str, float]]:
    """Seconds by what they went into, the most first: by agent, or by step where all of them are one agent's."""
    steps = measured(subject)
    taken: defaultdict[str, float] = defaultdict(float)
    for step in steps:
        taken[share_of(step, steps, say)] += lasting(step)
    return sorted(taken.items(), key=lambda item: -item[1])


def share_of(step: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], say: Words) -> str:
    by_step = len({step["agent"] for step in steps}) == 1
    return step_name(step) if by_step else called(step["agent"], say)


def step_name(step: Mapping[str, Any]) -> str:
    """A step as it is called everywhere in the report, however long its task is."""
    return f"[{step['step_id']}] {clip(one_line(step['task']), LONGEST_NAME)}"


def called(category: str, say: Words) -> str:
    """An agent or a kind of insight; one that Octo has no word for is called by its own name."""
    key = f"category.{category}"
    return say(key) if say.has(key) else one_line(category)


def seconds(value: float, say: Words) -> str:
    if value >= _MINUTE:
        minutes, rest = divmod(round(value), _MINUTE)
        return say("report.minutes", minutes=minutes, seconds=rest)
    return say("run.seconds", seconds=f"{value:.2f}" if value < 1 else f"{value:.1f}")
