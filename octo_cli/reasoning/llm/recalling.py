"""A model and the memory: it sums conversations up, hears wishes, and is shown what is remembered, as data."""

import re
from collections.abc import Sequence
from typing import Any, Final

from octo_cli.errors import UnusableAnswer
from octo_cli.reasoning.base import Models, Request
from octo_cli.reasoning.cards import addressed
from octo_cli.reasoning.llm import prompts, shapes
from octo_cli.reasoning.recaps import LONGEST
from octo_cli.reasoning.recaps import recap as extracted
from octo_cli.reasoning.recent import conversation
from octo_cli.values.patterns import lazy
from octo_cli.values.text import one_line
from octo_cli.wire import work
from octo_cli.wire.memory import Length, Session, Wish
from octo_cli.wire.work import Language

# Without one of these words nobody talks to the memory, and no model is asked whether they do.
_CUE: Final = lazy(
    r"기억|잊|명심|외워|알아\s?(?:둬|두)|새겨|remember|forget|memor|keep in mind|bear in mind|note that|from now on",
    re.I,
)
_LONGEST_WISH: Final = 400
_SENTENCES: Final[dict[Length, str]] = {"long": "three sentences", "short": "one sentence"}
_NUMBER: Final = re.compile(r"\d+")
_BRIEF_SESSIONS: Final = 5


def may_wish(request: Request) -> bool:
    """Whether the person's own short words might be to the memory. A paste of several lines is not theirs alone."""
    text = request.text.strip()
    own = len(text) <= _LONGEST_WISH and "\n" not in text
    return own and not request.chosen and not addressed(request) and _CUE.search(text) is not None


async def wish(models: Models, request: Request) -> Wish | None:
    """Raises UnusableAnswer when what is to be kept or forgotten was not said."""
    asked = prompts.about(prompts.WISH, request=request.text)
    found = await models.structured("router", asked, shapes.Wished, name="Wish")
    if found.action == "none":
        return None
    if found.action == "recall":
        return Wish("recall", (request.text,))
    quote = one_line(found.quote)
    if not quote or quote not in one_line(request.text):
        raise UnusableAnswer("model_unusable", model=models.usage().model, name="Wish")
    return Wish(found.action, (quote,))


async def recap(models: Models, said: Sequence[work.Message], length: Length, language: Language) -> str:
    """Raises UnusableAnswer for a summary that is empty, far too long, or has a number nobody said."""
    told = conversation(said)
    task = prompts.RECAP.format(sentences=_SENTENCES[length], longest=LONGEST[length])
    found = await models.structured(
        "writer", prompts.about(task, language=language, conversation=told), shapes.Told, name="Summary"
    )
    summary = " ".join(found.summary.split())
    known = set(_NUMBER.findall(" ".join(text for _, text in told).replace(",", "")))
    invented = set(_NUMBER.findall(summary.replace(",", ""))) - known
    if not summary or len(summary) > 2 * LONGEST[length] or invented:
        raise UnusableAnswer("model_unusable", model=models.usage().model, name="Summary")
    return summary


def shown(request: Request, *, brief: bool = False) -> dict[str, Any]:
    """What is remembered, as data; `brief` with a line for each of the nearest conversations. {} when there is none."""
    memory = request.memory
    if memory is None or not (memory.facts or memory.sessions):
        return {}
    facts = [fact.text for fact in memory.facts]
    if brief:
        near = memory.sessions[:_BRIEF_SESSIONS]
        return {
            "facts": facts,
            "conversations": [session.summary or extracted(session.messages, "short") for session in near],
        }
    return {"facts": facts, "conversations": [_session(session) for session in memory.sessions]}


def _session(session: Session) -> dict[str, Any]:
    if session.summary:
        return {"at": session.at, "summary": session.summary}
    said = [{"speaker": message.speaker, "text": message.text} for message in session.messages]
    return {"at": session.at, "messages": said, "earlier_messages_left_out": session.left_out}
