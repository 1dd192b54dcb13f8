"""The language-model mind: what a model is asked, and what of its answers counts. No provider, no key, no retry.

Every answer but prose comes in a small shape and is held against what is really there: agents, types, the text. What
cannot be used is done by the offline mind, and said. Rules stay beside the model wherever both can see the same thing.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from octo_cli.errors import ModelError, UnusableAnswer
from octo_cli.i18n import words
from octo_cli.reasoning.base import NO_WORDING, Models, Paper, Reasoner, Request, Rewording, Warn
from octo_cli.reasoning.cards import addressed
from octo_cli.reasoning.llm import phrasing, reading, recalling, reviewing, talking, understanding
from octo_cli.wire.forms import Issue, Proposal
from octo_cli.wire.memory import Length, Recap, Wish
from octo_cli.wire.work import Intent, Language, Message, Plan, Step, StepResult

T = TypeVar("T")


class LanguageMind:
    """A Reasoner with models. `offline` does what a model's answer was no use for; `warn` tells the person of it."""

    name = "llm"

    def __init__(self, models: Models, offline: Reasoner, warn: Warn) -> None:
        self.models: Models | None = models
        self._models = models
        self._offline = offline
        self._warn = warn

    async def understand(self, request: Request) -> Intent:
        if request.chosen or addressed(request):
            return await self._offline.understand(request)
        thought = understanding.understand(self._models, request)
        return await self._usable("understand", request.language, thought, lambda: self._offline.understand(request))

    async def wish(self, request: Request) -> Wish | None:
        if (sure := await self._offline.wish(request)) or not recalling.may_wish(request):
            return sure
        return await self._usable(
            "wish", request.language, recalling.wish(self._models, request), lambda: self._offline.wish(request)
        )

    async def recap(self, said: Sequence[Message], length: Length, language: Language) -> Recap:
        if not said:
            return Recap("", self._offline.name)
        try:
            return Recap(await recalling.recap(self._models, said, length, language), self.name)
        except ModelError:
            # Nobody asked for it: whatever is wrong with the model, the turn's own work will meet and tell it.
            return await self._offline.recap(said, length, language)

    async def plan(self, request: Request, intent: Intent) -> Plan:
        if intent.category == "chat":
            return Plan()
        if addressed(request):
            # Whom a person named is not for a model to decide, nor for a page it read to change.
            return await self._offline.plan(request, intent)
        thought = understanding.plan(self._models, request, intent)
        return await self._usable("plan", request.language, thought, lambda: self._offline.plan(request, intent))

    async def replan(
        self, request: Request, failed: Mapping[str, Step], results: Sequence[StepResult]
    ) -> Sequence[Step]:
        try:
            return await understanding.replan(self._models, request, failed, results)
        except ModelError:
            # Nobody asked for it: whatever is wrong with the model, the turn's own work will meet and tell it.
            return await self._offline.replan(request, failed, results)

    async def extract(self, request: Request, paper: Paper) -> Sequence[Proposal]:
        own = await self._offline.extract(request, paper)

        async def alone() -> Sequence[Proposal]:
            return own

        return await self._usable(
            "extract", request.language, reading.extract(self._models, request, paper, own), alone
        )

    async def phrase(
        self, paper: Paper, values: Mapping[str, Any], language: Language, before: Rewording | None = None
    ) -> Mapping[str, str]:
        thought = phrasing.phrase(self._models, paper, values, language, before)
        return await self._usable("phrase", language, thought, lambda: self._offline.phrase(paper, values, language))

    async def draft(
        self, paper: Paper, values: Mapping[str, Any], language: Language, wording: Mapping[str, str] = NO_WORDING
    ) -> str:
        return await self._offline.draft(paper, values, language, wording)

    async def review(
        self, paper: Paper, values: Mapping[str, Any], text: str, *, language: Language, today: date
    ) -> Mapping[str, tuple[Issue, ...]]:
        found = await self._offline.review(paper, values, text, language=language, today=today)

        async def alone() -> Mapping[str, tuple[Issue, ...]]:
            return found

        thought = reviewing.review(self._models, paper, text, found, language)
        return await self._usable("review", language, thought, alone)

    async def summarise(self, request: Request, results: Sequence[StepResult]) -> AsyncIterator[str]:
        if len(results) == 1 and results[0].text and results[0].problem is None:
            yield results[0].text
            return
        instead = self._offline.summarise(request, results)
        told = talking.summarise(self._models, request, results) if talking.worth_joining(results) else instead
        async for text in self._told("summarise", request.language, told, instead):
            yield text

    async def answer(self, request: Request, intent: Intent) -> AsyncIterator[str]:
        said = talking.answer(self._models, request, intent)
        async for text in self._told("answer", request.language, said, self._offline.answer(request, intent)):
            yield text

    async def _usable(
        self, task: str, language: Language, thought: Awaitable[T], instead: Callable[[], Awaitable[T]]
    ) -> T:
        try:
            return await thought
        except UnusableAnswer:
            self._fell_back(task, language)
            return await instead()

    async def _told(
        self, task: str, language: Language, said: AsyncIterator[str], instead: AsyncIterator[str]
    ) -> AsyncIterator[str]:
        """What a model says, or the offline mind when nothing of it can be used. A text once begun is not mended."""
        begun = False
        try:
            async for text in said:
                begun = True
                yield text
        except UnusableAnswer:
            if begun:
                raise
            self._fell_back(task, language)
            async for text in instead:
                yield text

    def _fell_back(self, task: str, language: Language) -> None:
        self._warn("mind_fell_back", task=words(language)(f"mind.{task}"))
