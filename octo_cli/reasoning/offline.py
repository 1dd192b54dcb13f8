"""The offline mind: rules, patterns and templates, Korean and English. Deterministic, no network, no model.

Each of its abilities is a module of its own; this is only their common face.
"""

# ruff: noqa: ARG002 (the Protocol gives more than rules need)

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any

from octo_cli.reasoning import extraction, intent, planning, recaps, talk, wishes
from octo_cli.reasoning.base import NO_WORDING, Models, Paper, Request, Rewording
from octo_cli.wire.forms import Issue, Proposal
from octo_cli.wire.memory import Length, Recap, Wish
from octo_cli.wire.work import Intent, Language, Message, Plan, Step, StepResult


class Offline:
    """A Reasoner without a model."""

    name = "offline"
    models: Models | None = None

    async def understand(self, request: Request) -> Intent:
        return intent.understand(request)

    async def wish(self, request: Request) -> Wish | None:
        return wishes.wish_in(request)

    async def recap(self, said: Sequence[Message], length: Length, language: Language) -> Recap:
        return Recap(recaps.recap(said, length), self.name)

    async def plan(self, request: Request, intent: Intent) -> Plan:
        return planning.plan(request, intent)

    async def replan(
        self, request: Request, failed: Mapping[str, Step], results: Sequence[StepResult]
    ) -> Sequence[Step]:
        return planning.other_ways(request, failed, results)

    async def extract(self, request: Request, paper: Paper) -> Sequence[Proposal]:
        return extraction.extract(request, paper.fields)

    async def phrase(
        self, paper: Paper, values: Mapping[str, Any], language: Language, before: Rewording | None = None
    ) -> Mapping[str, str]:
        return {}

    async def draft(
        self, paper: Paper, values: Mapping[str, Any], language: Language, wording: Mapping[str, str] = NO_WORDING
    ) -> str:
        return paper.render(values, language, wording)

    async def review(
        self, paper: Paper, values: Mapping[str, Any], text: str, *, language: Language, today: date
    ) -> Mapping[str, tuple[Issue, ...]]:
        return paper.review(values, text, language=language, today=today)

    async def summarise(self, request: Request, results: Sequence[StepResult]) -> AsyncIterator[str]:
        yield talk.summary(results, request.language)

    async def answer(self, request: Request, intent: Intent) -> AsyncIterator[str]:
        for number, paragraph in enumerate(talk.paragraphs(request, intent)):
            yield f"\n\n{paragraph}" if number else paragraph
