"""A model's wording for the clauses a document leaves open. It sees no amount, date or name, and may write none."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, defstruct

from octo_cli.reasoning.base import Models, Paper, Rewording
from octo_cli.reasoning.llm import prompts
from octo_cli.values.dates import find_days, find_months
from octo_cli.values.money import find_elliptic_won, find_won
from octo_cli.values.names import is_organisation
from octo_cli.values.places import PLACE
from octo_cli.values.text import one_line
from octo_cli.wire.forms import Slot
from octo_cli.wire.work import Language

# What a clause may be worded from; of all other types a model sees only that there is a place for the value.
_SEEN: Final = frozenset({"text", "longtext", "list", "choice", "bool"})
# Within a sentence.
_CAPITALISED: Final = re.compile(r"(?<=[^.!?:] )[A-Z][\w’'-]*")
# What no wording may hold: figures, structure of Markdown, addresses of pages, spelled-out terms.
_FORBIDDEN: Final = (
    ("digits", re.compile(r"\d")),
    ("Markdown or line breaks", re.compile(r"[\n\r#*`|<>\[\]~\\]|^\s*[-+>]\s|_{2,}")),
    ("links or addresses", re.compile(r"https?:|www\.|\S@\S", re.I)),
    ("amounts or percentages", re.compile(r"[₩$€¥%]|퍼센트|\b(?:won|krw|percent|dollars?)\b", re.I)),
    (
        "dates or lengths of time",
        re.compile(
            r"[일이삼사오육칠팔구십]+\s?(?:개월|년|주일|영업일)|(?:한|두|세|네|다섯|여섯)\s?(?:달|해|주)(?:마다|간|동안|\b)"
            r"|내년|내달|다음\s?(?:달|주|해)\b|[일이삼사오육칠팔구시십]+월"
            r"|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|thirty|sixty|ninety)\s+(?:day|week|month|year)s?\b"
            r"|\b(?:january|february|march|april|june|july|august|september|october|november|december)\b",
            re.I,
        ),
    ),
    ("names", re.compile(r"[가-힣]{2,4}\s?(?:씨|님)(?:\b|[이가은는을를의과와도만께])|\b(?:Mr|Ms|Mrs|Dr)\.?\s")),
)


async def phrase(
    models: Models, paper: Paper, values: Mapping[str, Any], language: Language, before: Rewording | None
) -> Mapping[str, str]:
    """Wording by slot. Raises UnusableAnswer for one that says more than it may, and did so again when told."""
    slots = paper.slots(values)
    if not slots:
        return {}
    specs = {spec.name: spec for spec in paper.fields}
    clauses = [
        {
            "name": slot.name,
            "about": slot.about[language],
            "longest": slot.longest,
            "fields": [
                {
                    "place": f"{{{name}}}",
                    "label": specs[name].label[language],
                    "value": paper.show(name, values.get(name), language) if specs[name].type in _SEEN else None,
                }
                for name in slot.fields
            ],
        }
        for slot in slots
    ]
    wanted = {"feedback": before.feedback, "wording": dict(before.wording)} if before else {}
    told = prompts.about(prompts.PHRASE.format(), language=language, clauses=clauses, **wanted)
    shape = _shape(slots, frozenset(_CAPITALISED.findall(paper.render({}, language))))
    wording: Struct = await models.structured("writer", told, shape, name="Wording")
    return {slot.name: one_line(getattr(wording, slot.name)) for slot in slots}


def _shape(slots: Sequence[Slot], terms: Collection[str]) -> type[Struct]:
    """A text a slot, checked where it comes in, so that a model is told what was wrong with it.

    `terms` are the document's own words in capitals; any other is a name.
    """

    def check(wording: Struct) -> None:
        for slot in slots:
            if fault := _fault(str(getattr(wording, slot.name)).strip(), slot, terms):
                raise ValueError(f"{slot.name}: {fault}")

    fields = [(slot.name, str) for slot in slots]
    return defstruct("Wording", fields, namespace={"__post_init__": check}, frozen=True)


def _fault(text: str, slot: Slot, terms: Collection[str]) -> str | None:
    if not text or len(text) > slot.longest:
        return f"must have 1 to {slot.longest} characters"
    if unknown := sorted({place["name"] for place in PLACE.finditer(text)} - set(slot.fields)):
        return f"no such place: {', '.join(unknown)}"
    bare = PLACE.sub("", text)
    if re.search(r"[{}]", bare):
        return "a place is written {name} or {name:을/를}"
    if is_organisation(bare) or any(word not in terms for word in _CAPITALISED.findall(bare)):
        return "must not hold names"
    if any(find(bare) for find in (find_won, find_elliptic_won, find_months, find_days)):
        return "must not hold amounts, dates or lengths of time"
    return next((f"must not hold {what}" for what, pattern in _FORBIDDEN if pattern.search(bare)), None)
