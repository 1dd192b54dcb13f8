"""The shapes of a model's answers. Whatever a shape can refuse, the model is told of and may mend."""

from functools import lru_cache
from operator import getitem
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, defstruct

MOST_STEPS: Final = 8
MOST_REMARKS: Final = 6

Share = Annotated[float, Meta(ge=0, le=1)]


class Understood(Struct, frozen=True):
    category: str
    confidence: Share
    keywords: list[str]


class PlannedStep(Struct, frozen=True):
    agent: str
    task: str
    query: str
    depends_on: list[int]
    document_type: str | None
    document_name: str | None
    document_id: str | None


class Planned(Struct, frozen=True):
    steps: list[Any]

    def __post_init__(self) -> None:
        if len(self.steps) > MOST_STEPS:
            raise ValueError(f"at most {MOST_STEPS} steps")
        for number, step in enumerate(self.steps, 1):
            # Only looking back, so that no circle can be planned.
            if not all(1 <= earlier < number for earlier in step.depends_on):
                raise ValueError(f"step {number}: depends_on may hold only numbers of steps before it, from 1")


class OtherStep(Struct, frozen=True):
    instead_of: str
    agent: str
    task: str
    query: str


class Replanned(Struct, frozen=True):
    steps: list[Any]

    def __post_init__(self) -> None:
        if len({step.instead_of for step in self.steps}) < len(self.steps):
            raise ValueError("at most one step instead of each that failed")


class Reading(Struct, frozen=True):
    field: str
    quote: str
    value: str
    confidence: Share


class Readings(Struct, frozen=True):
    readings: list[Any]


class Remark(Struct, frozen=True):
    field: str
    quote: str
    statute: str | None
    message: str
    level: Literal["warning", "info"]


class Remarks(Struct, frozen=True):
    remarks: list[Any]


class Told(Struct, frozen=True):
    summary: str


class Wished(Struct, frozen=True):
    action: Literal["keep", "forget", "recall", "none"]
    quote: str


@lru_cache(maxsize=16)
def understood(categories: tuple[str, ...]) -> type[Understood]:
    return _narrowed(Understood, category=_one_of(categories))


@lru_cache(maxsize=16)
def planned(agents: tuple[str, ...], types: tuple[str, ...], documents: tuple[str, ...]) -> type[Planned]:
    step = _narrowed(
        PlannedStep,
        agent=_one_of(agents),
        document_type=_one_of((*types, "unsupported")) | None,
        document_id=_one_of(documents) | None if documents else None,
    )
    return _narrowed(Planned, steps=list[step])  # type: ignore[valid-type]


@lru_cache(maxsize=16)
def replanned(agents: tuple[str, ...], failed: tuple[str, ...]) -> type[Replanned]:
    step = _narrowed(OtherStep, agent=_one_of(agents), instead_of=_one_of(failed))
    return _narrowed(Replanned, steps=list[step])  # type: ignore[valid-type]


@lru_cache(maxsize=16)
def readings(fields: tuple[str, ...]) -> type[Readings]:
    reading = _narrowed(Reading, field=_one_of(fields))
    return _narrowed(Readings, readings=list[reading])  # type: ignore[valid-type]


@lru_cache(maxsize=16)
def remarks(fields: tuple[str, ...]) -> type[Remarks]:
    remark = _narrowed(Remark, field=_one_of(fields))
    return _narrowed(Remarks, remarks=list[remark])  # type: ignore[valid-type]


def _one_of(names: tuple[str, ...]) -> Any:
    return getitem(Literal, names)


def _narrowed(shape: type[Any], **fields: Any) -> type[Any]:
    """`shape` with closer types for some of its fields, so that a provider can hold a model to them."""
    narrowed: type[Any] = defstruct(shape.__name__, list(fields.items()), bases=(shape,), frozen=True)
    return narrowed
