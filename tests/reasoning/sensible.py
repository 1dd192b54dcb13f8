"""A model that answers sensibly: over real HTTP, out of the offline mind's own answers. No test of its own."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from octo_cli.documents.catalog import Catalog
from octo_cli.reasoning import extraction, intent, planning
from octo_cli.reasoning.base import Reasoner, Request
from octo_cli.reasoning.llm import LanguageMind
from octo_cli.reasoning.models import LanguageModels
from octo_cli.reasoning.offline import Offline
from octo_cli.settings import ModelSettings
from octo_cli.wire.work import Step
from tests.models import KEY, MODEL, Asked, ModelServer
from tests.reasoning.samples import LEASE, NDA, asked

T = TypeVar("T")

CLAUSES = {
    "ko": {
        "use": "임차인은 {options:을/를} 본래의 용도로 쓴다.",
        "purpose": "당사자는 {purpose:을/를} 위하여 정보를 나눈다.",
    },
    "en": {"use": "The Tenant uses {options} as intended.", "purpose": "The parties share information for {purpose}."},
}
PROSE = "모델이 쓴 답입니다."


@dataclass
class Thinking:
    """A mind of either kind, for as long as one question takes. `warned` are the warnings: their code and task."""

    server: ModelServer | None
    warned: list[tuple[str, object]] = field(default_factory=list)

    def __call__(self, think: Callable[[Reasoner], Awaitable[T]]) -> T:
        return asyncio.run(self._thought(think))

    async def _thought(self, think: Callable[[Reasoner], Awaitable[T]]) -> T:
        if self.server is None:
            return await think(Offline())
        settings = ModelSettings(name=MODEL, base_url=self.server.base_url, retries=0)
        models = LanguageModels(settings, key_for=lambda _: KEY, warn=self._warn, cache=None, spent={})
        try:
            return await think(LanguageMind(models, Offline(), self._warn))
        finally:
            await models.aclose()

    def _warn(self, code: str, **values: object) -> None:
        self.warned.append((code, values.get("task")))


def told(question: Asked) -> dict[str, Any]:
    """The data a model was given."""
    data: dict[str, Any] = json.loads(question.body["messages"][1]["content"])
    return data


def be_sensible(server: ModelServer) -> None:
    server.knows("Intent", _intent)
    server.knows("Plan", _plan)
    server.knows("Readings", _readings)
    server.knows("Remarks", _remarks)
    server.knows("Wording", lambda question: {c["name"]: _clause(c, question) for c in told(question)["clauses"]})
    server.otherwise(lambda _: PROSE)


def _request(data: Mapping[str, Any]) -> Request:
    known = {ref.document_id: ref for ref in (LEASE, NDA)}
    return asked(data["request"], *(known[ref["document_id"]] for ref in data.get("documents", ())))


def _intent(question: Asked) -> dict[str, Any]:
    found = intent.understand(_request(told(question)))
    return {"category": found.category, "confidence": found.confidence, "keywords": list(found.keywords)}


def _plan(question: Asked) -> dict[str, Any]:
    request = _request(told(question))
    return {"steps": [_step(step) for step in planning.plan(request, intent.understand(request)).steps]}


def _step(step: Step) -> dict[str, Any]:
    unsupported = step.inputs.get("unsupported")
    return {
        "agent": step.agent,
        "task": step.task,
        "query": step.inputs.get("query", ""),
        "depends_on": [int(earlier) for earlier in step.depends_on],
        "document_type": "unsupported" if unsupported else step.inputs.get("document_type"),
        "document_name": unsupported,
        "document_id": step.inputs.get("document_id"),
    }


def _readings(question: Asked) -> dict[str, Any]:
    data = told(question)
    names = {one["name"] for one in data["fields"]}
    paper = next(paper for paper in map(Catalog().find, ("lease", "nda")) if {s.name for s in paper.fields} == names)
    request = Request(data["request"], "ko", date.fromisoformat(data["today"]))
    found = [one for one in extraction.extract(request, paper.fields) if one.value is not None]
    readings = [reading(one.field, one.raw, _written(one.value), one.confidence) for one in found]
    return {"readings": readings}


def reading(name: str, quote: str, value: str, confidence: float = 0.9) -> dict[str, Any]:
    return {"field": name, "quote": quote, "value": value, "confidence": confidence}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "\n".join(value) if isinstance(value, list) else str(value)


def remark(name: str, quote: str, message: str, statute: str | None = None) -> dict[str, Any]:
    return {"field": name, "quote": quote, "statute": statute, "message": message, "level": "warning"}


def _remarks(question: Asked) -> dict[str, Any]:
    data = told(question)
    line = next(line for line in data["draft"].splitlines() if len(line) > 30)
    return {"remarks": [remark(next(iter(data["fields"])), line, "모호합니다.")]}


def _clause(clause: Mapping[str, Any], question: Asked) -> str:
    return CLAUSES[told(question)["language"]][clause["name"]]


def be_absurd(server: ModelServer, seed: int) -> None:
    """Every answer has the right shape, and nothing else to be said for it."""
    chance = random.Random(seed)

    def absurd(question: Asked) -> dict[str, Any]:
        schema = question.body["response_format"]["json_schema"]["schema"]
        found: dict[str, Any] = anything(schema, schema.get("$defs", {}), question.text, chance)
        return found

    for shape in ("Intent", "Plan", "Readings", "Remarks", "Wording"):
        server.knows(shape, absurd)


def anything(schema: Mapping[str, Any], known: Mapping[str, Any], text: str, chance: random.Random) -> Any:
    """Some JSON that fits `schema`; texts are now and then words of what was asked."""

    def some(part: Mapping[str, Any]) -> Any:
        return anything(part, known, text, chance)

    start = chance.randrange(len(text))
    makers: dict[str, Callable[[], Any]] = {
        "$ref": lambda: some(known[schema["$ref"].rpartition("/")[2]]),
        "anyOf": lambda: some(chance.choice(schema["anyOf"])),
        "enum": lambda: chance.choice(schema["enum"]),
        "object": lambda: {name: some(part) for name, part in schema["properties"].items()},
        "array": lambda: [some(schema["items"]) for _ in range(chance.randrange(8))],
        "string": lambda: chance.choice([*_ABSURD, text[start : start + chance.randrange(1, 40)]]),
        "integer": lambda: chance.randint(-3, 9),
        "number": chance.random,
        "null": lambda: None,
    }
    return next(maker for name, maker in makers.items() if name in schema or schema.get("type") == name)()


_ABSURD = (
    "",
    "\x1b[2J",
    "____",
    "{options}",
    "{{7*7}}",
    "| a | b |",
    "5천만원",
    "9" * 400,
    "../../etc/passwd",
    "\u202e",
)
