"""What a model says in prose, as it comes: one answer out of several results, and plain talk."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from octo_cli.i18n import words
from octo_cli.reasoning import talk
from octo_cli.reasoning.base import Message, Models, Request
from octo_cli.reasoning.llm import prompts, recalling
from octo_cli.reasoning.planning import title_of
from octo_cli.reasoning.recent import conversation, glance
from octo_cli.values.contact import mask_rrn
from octo_cli.wire.work import Intent, StepResult

LONGEST_RESULT: Final = 12_000


def worth_joining(results: Sequence[StepResult]) -> bool:
    """Whether there is more than one thing to tell, and something to tell it from."""
    return len(results) > 1 and any(result.status == "completed" and result.text for result in results)


async def summarise(models: Models, request: Request, results: Sequence[StepResult]) -> AsyncIterator[str]:
    """The joint answer; what was not done follows in the program's own words, with what to type next."""
    told = prompts.about(
        prompts.SUMMARISE,
        language=request.language,
        request=glance(request.text),
        results=[
            {
                "agent": result.agent,
                "task": result.task,
                "status": result.status,
                "text": glance(result.text, LONGEST_RESULT),
            }
            for result in results
        ],
    )
    async for text in models.stream("writer", told):
        yield text
    say = words(request.language)
    for result in results:
        if result.status != "completed":
            yield f"\n\n{result.task}\n\n{talk.outcome(result, say)}"


async def answer(models: Models, request: Request, intent: Intent) -> AsyncIterator[str]:
    abilities = {
        "today": request.today.isoformat(),
        "agents": {card.name: card.when.get(intent.language, "") for card in request.agents},
        "documents": [title_of(request.document_types, card.name, intent.language) for card in request.document_types],
    }
    system = f"{prompts.ANSWER}\n- `language`: {intent.language}"
    messages: list[Message] = [("system", system), ("user", prompts.as_json(abilities))]
    if remembered := recalling.shown(request):
        messages.append(("user", prompts.as_json({"remembered": remembered})))
    for speaker, text in conversation(request.history):
        messages.append(("user" if speaker == "user" else "assistant", mask_rrn(text)))
    messages.append(("user", mask_rrn(request.text)))
    async for text in models.stream("writer", messages):
        yield text
