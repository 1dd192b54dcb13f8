"""What a request is about, and how sure that is. It names a category; what to do about it is planning's.

Evidence is counted, not guessed: each cue that occurs in the text adds its weight to its category, once however often
it occurs. With `best` the winner's sum and `rivals` the sum of all others,

    confidence = best / (best + RIVALRY × rivals + DOUBT)

so it lies in 0..1, grows with every further cue for the winner, shrinks with every cue against it, and is 0 for a text
that says nothing.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from octo_cli.i18n import language_of
from octo_cli.reasoning.base import Request
from octo_cli.reasoning.cards import addressed, heard_cards
from octo_cli.reasoning.cues import DEALING, EMPTY_WORDS, PAPER, QUESTIONS, TOPICS, Cue, heard
from octo_cli.reasoning.signals import Signals, ends_of
from octo_cli.reasoning.topics import topic_of
from octo_cli.values.urls import without_urls
from octo_cli.wire.work import Intent

DOUBT: Final = 0.5
RIVALRY: Final = 0.5


class Evidence(NamedTuple):
    """`weight` for `category`, because of `words` as they stand in the text."""

    category: str
    weight: float
    words: tuple[str, ...] = ()


def understand(request: Request) -> Intent:
    """The category most of the evidence speaks for. What a person chose is taken as it is, with confidence 1."""
    language = language_of(request.text) or request.language
    if not request.chosen and (called := addressed(request)):
        return Intent(called[0], 1.0, (called[0],), language)
    request = replace(request, text=ends_of(request.text))
    evidence = tuple(_evidence(request))
    if category := _chosen(request):
        return Intent(category, 1.0, _keywords(request, category, evidence), language)
    sums: dict[str, float] = {}
    for item in evidence:
        sums[item.category] = sums.get(item.category, 0.0) + item.weight
    if not sums:
        return Intent("chat", 0.0, (), language)
    best = max(sums, key=lambda category: sums[category])
    rivals = sum(sums.values()) - sums[best]
    confidence = round(sums[best] / (sums[best] + RIVALRY * rivals + DOUBT), 2)
    return Intent(best, confidence, _keywords(request, best, evidence), language)


def _chosen(request: Request) -> str | None:
    if category := request.chosen.get("category"):
        return category
    return "contract" if request.chosen.get("document_type") else None


def _evidence(request: Request) -> Iterator[Evidence]:
    # Words in an address are a page's, not the person's: there they speak for the web alone.
    bare = replace(request, text=without_urls(request.text))
    signals = Signals(bare)
    topics = (
        *(item for item in _weighed(request.text, TOPICS) if item.category == "web"),
        *(item for item in _weighed(bare.text, TOPICS) if item.category != "web"),
    )
    yield from topics
    cards = tuple(Evidence(*heard) for heard in heard_cards(bare))
    yield from cards
    # "계약서 써 줄 수 있나요?" is a polite order; its question mark says nothing.
    questions = () if signals.orders_paper else tuple(_weighed(bare.text, QUESTIONS))
    yield from questions
    asks = bool(questions) or any(item.category == "search" for item in topics)
    yield from _papers(signals, asks=asks)
    yield from _facts(signals)
    if signals.orders and not signals.orders_paper:
        yield from _other_orders(bare.text, (*topics, *cards))


def _weighed(text: str, cues: tuple[Cue, ...]) -> Iterator[Evidence]:
    for cue, words in heard(text, cues):
        yield Evidence(cue.category, cue.weight, (words,))


def _papers(signals: Signals, *, asks: bool) -> Iterator[Evidence]:
    """A document's name, an order for one, a change to one that exists; a question only has it as its topic."""
    if signals.declines:
        yield Evidence("chat", 1.0 if asks else 3.0)
        return
    only_topic = asks and not signals.orders and not signals.edits
    if signals.papers:
        yield Evidence("contract", 1.0 if only_topic else 4.0, tuple(paper.text for paper in signals.papers))
    elif generic := PAPER.search(signals.text):
        yield Evidence("contract", 0.8 if only_topic else 3.0, (generic[0],))
    if signals.orders_paper:
        yield Evidence("contract", 2.5)
    if signals.edits:
        yield Evidence("contract", 3.0 if signals.field_words or signals.amounts or signals.papers else 1.5)


def _facts(signals: Signals) -> Iterator[Evidence]:
    """Words of a document's fields, with amounts beside them."""
    if signals.declines or not signals.field_words:
        return
    # A change to nothing: the document meant is not in this thread, so the words weigh less.
    dealing = DEALING.search(signals.text)
    dangling = signals.changes and not (signals.edits or signals.orders or signals.papers or dealing)
    weight = 0.15 if dangling else 0.4
    for word in signals.field_words:
        yield Evidence("contract", weight, (word,))
    if signals.amounts:
        yield Evidence("contract", weight)
    if dealing:
        yield Evidence("contract", 2 * weight, (dealing[0],))


def _other_orders(text: str, topics: tuple[Evidence, ...]) -> Iterator[Evidence]:
    """Something is to be written that is no document: by whoever its own words speak for, else an open request."""
    trades = {item.category: item.weight for item in topics if item.category not in ("chat", "search")}
    if trades:
        yield Evidence("code" if "code" in trades else max(sorted(trades), key=lambda name: trades[name]), 2.0)
    elif sum(char.isalpha() for char in EMPTY_WORDS.sub("", text[:2000])) >= 2:
        yield Evidence("chat", 2.5)


def _keywords(request: Request, category: str, evidence: tuple[Evidence, ...]) -> tuple[str, ...]:
    """The words that decided: those of the strongest evidence for the category; for a search, its topic."""
    if category == "search":
        return tuple(topic_of(request.text).split())[:8]
    mine = [item for item in evidence if item.category == category and item.words]
    strongest = max((item.weight for item in mine), default=0.0)
    words = (word for item in mine if item.weight == strongest for word in item.words)
    return tuple(dict.fromkeys(words))[:8]
