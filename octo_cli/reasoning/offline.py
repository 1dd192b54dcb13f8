"""The offline mind: rules, patterns and templates, Korean and English. Deterministic, no network, no model.

Each of its abilities is a module of its own; this is only their common face.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any

from octo_cli.reasoning import extraction, intent, planning, talk
from octo_cli.reasoning.base import Models, Paper, Request
from octo_cli.wire.forms import FieldSpec, Issue, Proposal
from octo_cli.wire.work import Intent, Language, Plan, StepResult


class Offline:
    """A Reasoner without a model."""

    name = "offline"
    models: Models | None = None

    async def understand(self, request: Request) -> Intent:
        return intent.understand(request)

    async def plan(self, request: Request, intent: Intent) -> Plan:
        return planning.plan(request, intent)

    async def extract(self, request: Request, fields: Sequence[FieldSpec]) -> Sequence[Proposal]:
        return extraction.extract(request, fields)

    async def draft(self, paper: Paper, values: Mapping[str, Any], language: Language) -> str:
        return paper.render(values, language)

    async def review(
        self, paper: Paper, values: Mapping[str, Any], text: str, *, language: Language, today: date
    ) -> Mapping[str, tuple[Issue, ...]]:
        return paper.review(values, text, language=language, today=today)

    async def summarise(self, results: Sequence[StepResult], language: Language) -> str:
        return talk.summary(results, language)

    async def answer(self, request: Request, intent: Intent) -> AsyncIterator[str]:
        for number, sentence in enumerate(talk.sentences(request, intent)):
            yield sentence if number == 0 else f" {sentence}"
