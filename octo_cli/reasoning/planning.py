"""From what is asked to who does it: one step for each errand a request names, in the order it names them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from octo_cli.i18n import words
from octo_cli.reasoning.base import LOW_CONFIDENCE, Request
from octo_cli.reasoning.cards import addressed, heard_cards
from octo_cli.reasoning.cues import TABLE_FILE, TRADES
from octo_cli.reasoning.figures import several
from octo_cli.reasoning.formats import without_format
from octo_cli.reasoning.intent import understand
from octo_cli.reasoning.naming import Mention
from octo_cli.reasoning.signals import FIELD_WORDS, Signals, ends_of
from octo_cli.reasoning.snippets import snippet_in
from octo_cli.reasoning.topics import topic_of
from octo_cli.values.patterns import lazy
from octo_cli.values.urls import find_urls
from octo_cli.wire.work import DocumentRef, Intent, Language, Plan, Step, StepResult, TypeCard


class _Errand(NamedTuple):
    agent: str
    task: str
    inputs: dict[str, Any]
    waits: bool = False


def plan(request: Request, intent: Intent) -> Plan:
    """One step an errand; they run in parallel unless one says it builds on those before it.

    Errands no agent in `request.agents` can do are left out and named in `unserved`; talk has none.
    """
    served = {card.name for card in request.agents}
    request = replace(request, text=ends_of(request.text))
    wanted = tuple(_errands(request, intent))
    errands = [errand for errand in wanted if errand.agent in served]
    unserved = tuple(errand.task for errand in wanted if errand.agent not in served)
    steps = tuple(
        Step(
            step_id=str(number),
            agent=errand.agent,
            task=errand.task,
            depends_on=tuple(str(earlier) for earlier in range(1, number)) if errand.waits else (),
            inputs=errand.inputs,
        )
        for number, errand in enumerate(errands, 1)
    )
    return Plan(steps=steps, unserved=unserved)


# A web search that cannot be made here.
_NO_WEB_SEARCH: Final = frozenset(
    f"web_search_{why}" for why in ("unset", "no_address", "no_key", "no_json", "refused", "failed")
)


def other_ways(request: Request, failed: Mapping[str, Step], results: Sequence[StepResult]) -> tuple[Step, ...]:
    """What cannot be sought on the web is sought in the person's own files. Of any other failure rules know no way."""
    codes = {result.step_id: result.problem.code for result in results if result.problem}
    if not any(card.name == "search" for card in request.agents):
        return ()
    said = words(request.language)
    hopeless = [step for number, step in failed.items() if codes.get(number) in _NO_WEB_SEARCH]
    topics = {step.step_id: str(step.inputs.get("query") or topic_of(request.text)) for step in hopeless}
    return tuple(
        replace(
            step,
            agent="search",
            task=said("offline.task_search", topic=_shortened(topics[step.step_id])),
            inputs={"query": topics[step.step_id]},
        )
        for step in hopeless
    )


def inputs_for(request: Request, agent: str, task: str) -> dict[str, Any]:
    """What `agent` needs to do `task`, a step in words of a person's own; {} for a document of an unknown type."""
    if agent != "contract":
        return _TOLD.get(agent, _for_any)(_asked(agent, task))[2]
    return next(_papers(replace(request, text=task, chosen={}), request.language)).inputs


def _errands(request: Request, intent: Intent) -> Iterator[_Errand]:
    if intent.category == "chat":
        return
    if not request.chosen and (called := addressed(request)):
        yield from _of_category(request, called[0], called[1], intent.language)
        return
    pieces = _pieces(request) if not request.chosen else ()
    if len({piece.category for piece in pieces if piece.category}) < 2:
        yield from _of_category(request, intent.category, request.text, intent.language)
        return
    for piece in pieces:
        category = piece.category or intent.category
        for errand in _of_category(request, category, _with_address(piece, request.text), intent.language):
            yield errand._replace(waits=_BUILDING_ON.search(piece.text) is not None)


def _of_category(request: Request, category: str, text: str, language: Language) -> Iterator[_Errand]:
    if category == "contract":
        yield from _papers(replace(request, text=text), language)
        return
    said = words(language)
    asked = _asked(category, text)
    for part in (several(asked) if category == "data" else ()) or (asked,):
        name, topic, inputs = _TOLD.get(category, _for_any)(part)
        task = said(f"offline.{name}", topic=_shortened(topic)) if name else _shortened(topic)
        yield _Errand(category, task, inputs)


# The agents whose work does not depend on what becomes of it.
_FINDING: Final = frozenset({"search", "web", "data"})


def _asked(agent: str, text: str) -> str:
    return without_format(text) if agent in _FINDING else text


# What an agent is told: a sentence's key and topic for the person, and the inputs.
_Told = tuple[str, str, dict[str, Any]]


_THIS_PAGE: Final = lazy(
    r"(?:이|다음|아래|해당)\s?(?:URL|링크|주소|(?:웹\s?)?페이지|(?:웹\s?)?사이트)|"
    r"\b(?:this|that|the\s+following)\s+(?:url|link|address|(?:web\s?)?(?:page|site))\b",
    re.I,
)


def _for_search(text: str) -> _Told:
    topic = topic_of(text)
    return "task_search", topic, {"query": topic}


def _for_web(text: str) -> _Told:
    if urls := find_urls(text):
        return "task_pages", ", ".join(urls), {"urls": urls}
    topic = topic_of(text)
    if pointed := _THIS_PAGE.search(text):
        # The agent asks which.
        return "task_pages", pointed[0], {"urls": []}
    return "task_web", topic, {"query": topic}


def _for_data(text: str) -> _Told:
    return "task_data", topic_of(text), {"query": text}


def _for_code(text: str) -> _Told:
    if (given := snippet_in(text)) and given.is_to_run:
        return "task_run", given.code, {"query": text}
    return "task_code", topic_of(text), {"query": text}


def _for_mcp(text: str) -> _Told:
    return "task_mcp", text, {"query": text}


def _for_any(text: str) -> _Told:
    """An agent that is known by its card alone."""
    return "", text, {"query": text}


_TOLD: Final = {"search": _for_search, "web": _for_web, "data": _for_data, "code": _for_code, "mcp": _for_mcp}


class _Piece(NamedTuple):
    category: str | None  # None as long as nothing is ordered
    text: str


_JOINT: Final = lazy(
    r"(?<=[가-힣]고),?\s+|(?<=[가-힣])(?:해서|면서|아서|어서),?\s+|,?\s*(?:그리고|그다음에?|그 다음에?|다음에|후에|"
    r"뒤에),?\s+|[;\n]\s*|(?<=[.!?])\s+|"
    r",?\s+(?:and\s+then|then|and)\s+(?=[a-z]+\s)|,\s+then\s+",
    re.I,
)
_SEARCH_ORDER: Final = lazy(
    r"찾아|찾고|검색|조회|조사|알아\s?(?:봐|보)|알려\s?(?:줘|주)|설명[해하]|분석[해하]|요약[해하]|정리[해하]|번역[해하]|읽[고어]|"
    r"비교[해하]|계산[해하]|집계[해하]|합계\S{0,2}\s구[하해]|"
    r"(?:분석|요약|정리|번역|조사|설명)\s*$|\b(?:find|search|look\s+up|look\s+for|research|"
    r"analy[sz]e|summari[sz]e|compare|calculate|compute|explain|tell\s+me)\b",
    re.I,
)
# "작성하고", at the end of a piece: the order's verb comes with what follows.
_AND: Final = lazy(r"(?:작성|준비|생성|완성)(?:을|를)?\s?하고$|(?:쓰|만들|뽑)고$")
_ASKED: Final = lazy(
    r"(?:줘|줘요|주세요|줄래요?|주라|달라|하자|해라|하고|보내고|쓰고)[\s.!?~]*$|\b(?:send|post|run|call|book|schedule|notify|share|email|mail)"
    r"\s+\w",
    re.I,
)
_CODE_ORDER: Final = lazy(
    r"(?:코드|함수|스크립트|프로그램|소트|정렬|크롤러|알고리즘|정규식)\S{0,2}\s?(?:짜|작성|만들|구현|실행|돌려|고쳐|리팩)|구현해|디버[그깅]|"
    r"리팩[터토]링|```|\b(?:write|implement|debug|refactor|run|fix)\b[^.]{0,40}\b(?:code|script|function|program|algorithm|"
    r"sort|regex|tests?)\b",
    re.I,
)
# "Totals by region in sales.csv" is an order without a verb.
_NAMES_TABLE: Final = lazy(TABLE_FILE, re.I)
_BUILDING_ON: Final = lazy(
    r"(?:바탕|토대|기반|근거)(?:으로)|참고(?:해서|하여)|(?:그|찾은|조사한|정리한|분석한|요약한)\s?(?:내용|결과|자료)(?:을|를|으로|로|대로)|"
    r"^\s*결과(?:를|로|대로)|그에\s?맞[춰게]|"
    r"\bbased\s+on\s+(?:it|that|this|them|the\s+result)|\busing\s+(?:it|that|the\s+result|what\s+you)",
    re.I,
)


def _pieces(request: Request) -> tuple[_Piece, ...]:
    """The request cut where one errand ends and another begins; () when it is all one.

    A piece stands for itself only if it orders something of its own category; any other belongs to the piece before it,
    so that a document's facts, however many sentences long, stay with the document.
    """
    orders = (_SEARCH_ORDER, _CODE_ORDER, _NAMES_TABLE)
    if not (any(order.search(request.text) for order in orders) or any(heard_cards(request))):
        return ()
    pieces: list[_Piece] = []
    for joint, text in _cut(request.text):
        category = _ordered(replace(request, text=text), first=not pieces)
        if pieces and (category is None or pieces[-1].category in (None, category)):
            pieces[-1] = _Piece(category or pieces[-1].category, f"{pieces[-1].text}{joint}{text}")
        else:
            pieces.append(_Piece(category, text))
    return tuple(pieces)


# "이 URL 요약하고 …": the address itself may stand anywhere.
_AN_ADDRESS: Final = lazy(r"\b(?:url|link|page|site|address)s?\b|URL|링크|주소|페이지|사이트|웹\s?문서", re.I)


def _with_address(piece: _Piece, said: str) -> str:
    """The piece, with the addresses of the request if it speaks of one and has none of its own."""
    if piece.category != "web" or find_urls(piece.text) or not _AN_ADDRESS.search(piece.text):
        return piece.text
    return " ".join((piece.text, *find_urls(said)))


def _cut(text: str) -> Iterator[tuple[str, str]]:
    """Pieces of the text, each with what joins it to the one before."""
    start, before = 0, ""
    for joint in _JOINT.finditer(text):
        yield before, text[start : joint.start()]
        start, before = joint.end(), joint[0]
    yield before, text[start:]


def _ordered(request: Request, *, first: bool) -> str | None:
    """The category a piece orders by itself, or None."""
    intent = understand(request)
    if intent.confidence < LOW_CONFIDENCE or intent.category == "chat":
        return None
    # Behind another errand, a table that is only named is one of that errand's facts.
    told = first and intent.category == "data" and _NAMES_TABLE.search(request.text)
    return intent.category if told or _orders(intent.category, Signals(request)) else None


def _orders(category: str, signals: Signals) -> bool:
    """Whether a piece of this category orders something, rather than only speaking of it."""
    if category == "contract":
        return signals.orders_paper or signals.edits or bool(signals.papers and _AND.search(signals.text))
    if category == "code":
        return signals.orders or _CODE_ORDER.search(signals.text) is not None
    if category in TRADES:
        return _SEARCH_ORDER.search(signals.text) is not None
    return signals.orders or _ASKED.search(signals.text) is not None


def _papers(request: Request, language: Language) -> Iterator[_Errand]:
    """One errand a document: the one that is edited, those that are named, or one whose type is still to be asked."""
    said = words(language)
    signals = Signals(request)
    chosen = request.chosen.get("document_type")
    if not chosen and (target := _edited(request, signals)):
        inputs = {"document_id": target.document_id, "document_type": target.document_type}
        title = title_of(request.document_types, target.document_type, language) or target.title
        yield _Errand("contract", said("offline.task_edit", title=title), inputs)
        return
    named = [_drafted(request, mention, language) for mention in signals.papers]
    if chosen:
        named = [errand for errand in named if "document_type" in errand.inputs]
    if named:
        yield from named
        return
    name = chosen or _implied(request, signals)
    if name:
        yield _draft(request, name, language)
        return
    yield _Errand("contract", said("offline.task_draft_unknown"), {})


def _drafted(request: Request, mention: Mention, language: Language) -> _Errand:
    if mention.document_type is None:
        task = words(language)("offline.task_draft", title=mention.text)
        return _Errand("contract", task, {"unsupported": mention.text})
    return _draft(request, mention.document_type, language)


def _draft(request: Request, name: str, language: Language) -> _Errand:
    title = title_of(request.document_types, name, language) or name
    return _Errand("contract", words(language)("offline.task_draft", title=title), {"document_type": name})


def title_of(cards: tuple[TypeCard, ...], name: str, language: Language) -> str | None:
    """A document type's title in a language, or in any; None when no card knows it."""
    titles = next((card.title for card in cards if card.name == name), {})
    return titles.get(language) or next(iter(titles.values()), None)


def _edited(request: Request, signals: Signals) -> DocumentRef | None:
    """The newest document of this thread that a change fits: by the type it names, else by the words it uses."""
    if not signals.edits:
        return None
    named = [paper.document_type for paper in signals.papers]
    if named:
        return next((one for one in request.documents if one.document_type in named), None)
    own = signals.types_by_words()
    fitting = (one for name in own for one in request.documents if one.document_type == name)
    return next(fitting, request.documents[0])


_STATED: Final = {
    "lease": lazy(r"^(?!.*(?:권리금|대출|전세권)).*?(?:전세|월세|임대차|세\s?놓|\bjeonse\b)", re.I | re.S),
}
_NOTHING: Final = lazy(r"(?!)")


def _implied(request: Request, signals: Signals) -> str | None:
    """The type whose own words a text uses, two at least and no other's; never for business premises.

    One is enough beside an order for a contract if it is the deal itself: "전세 3억에 … 계약서 써줘".
    """
    if signals.is_about_business_premises or len(signals.types_by_words()) != 1:
        return None
    name = signals.types_by_words()[0]
    if signals.orders_paper and _STATED.get(name, _NOTHING).search(signals.text):
        return name if any(card.name == name for card in request.document_types) else None
    distinct = {word for word in signals.field_words if re.fullmatch(FIELD_WORDS[name], word, re.I)}
    return name if len(distinct) >= 2 and any(card.name == name for card in request.document_types) else None


def _shortened(text: str, limit: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
