"""One answer out of numbered passages: what a model is told, and what of its answer is kept. Finds no passages.

A passage is what somebody wrote in a file or on a page: it reaches the model as data, and no tool is within the model's
reach here.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from octo_cli.agents.kit import Task
from octo_cli.documents.markdown import escape
from octo_cli.errors import UnusableAnswer
from octo_cli.reasoning.base import Models
from octo_cli.reasoning.llm import prompts
from octo_cli.values.text import clean

# Characters of all passages together in one prompt.
_LONGEST_PROMPT: Final = 48_000
_ORDERS: Final = """\
You answer `question` from `passages` of the user's files or of web pages, each with its number `n`, its `source` and
its `text`. `task` is the part of the question to do now.
- Use the passages only, nothing you know from elsewhere. Put the number of the passage behind each statement: [1], [2].
- Copy names, numbers and dates exactly. Where passages contradict each other, say so.
- When they do not answer the question, `answer` is an empty string.
- Answer in the language `language` (Korean: 합니다체), in plain sentences or a short list, without headings, links,
  images or code."""
_MARKER: Final = re.compile(r"[ \t]*([-*•]|\d{1,2}\.)[ \t]+")
_LINK: Final = re.compile(r"!?\[([^\]\n]*)\](?:\([^)\n]*\)|:\s*(?:https?:|www\.|<)\S+)")
# As `escape` leaves them.
_CITED: Final = re.compile(r"[ \t]*\\\[([\d ,]{1,40})\\\]")


class Passage(NamedTuple):
    source: str
    text: str


class Cited(NamedTuple):
    """An answer as Markdown, and the passages it cites, by number from 1 in order."""

    text: str
    numbers: tuple[int, ...]


class Answer(Struct, frozen=True):
    """`answer` cites passages as [n]; "" when they do not answer the question."""

    answer: str


async def answer_from(models: Models, task: Task, passages: Sequence[Passage]) -> Cited | None:
    """The model's answer; None when the passages hold none, or it cites none of them and so may be made up.

    Raises ModelError for whatever `octo resume` can mend.
    """
    share = _LONGEST_PROMPT // len(passages)
    asked = prompts.about(
        _ORDERS,
        language=task.language,
        question=task.text,
        task=task.step.task,
        passages=[
            {"n": number, "source": passage.source, "text": passage.text[:share]}
            for number, passage in enumerate(passages, start=1)
        ],
    )
    try:
        answer = await models.structured("writer", asked, Answer, name="answer")
    except UnusableAnswer:
        return None
    return _kept(answer.answer, len(passages))


def _kept(text: str, count: int) -> Cited | None:
    """The answer without citations of passages there are not, and without any structure but lists.

    Of a link its words stay: where to go is said by Octo alone.
    """
    cited: set[int] = set()

    def existing(match: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", match[1]) if 1 <= int(number) <= count]
        cited.update(numbers)
        return "".join(f" [{number}]" for number in numbers)

    def bare(match: re.Match[str]) -> str:
        return f"[{match[1]}]" if match[1].isdecimal() else match[1]

    lines = [_CITED.sub(existing, _line(line)) for line in _LINK.sub(bare, clean(text)).split("\n")]
    return Cited("\n".join(lines).strip(), tuple(sorted(cited))) if cited else None


def _line(line: str) -> str:
    if not line.strip():
        return ""
    marker = _MARKER.match(line)
    if marker is None or not line[marker.end() :].strip():
        return escape(line)
    return f"{'-' if marker[1] in '-*•' else marker[1]} {escape(line[marker.end() :])}"
