"""Labels: the words of a text that name a field, and those that name something nobody asked for."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from octo_cli.reasoning.extraction.vocabulary import DECOYS, SAME
from octo_cli.reasoning.naming import occurrences
from octo_cli.values.patterns import lazy
from octo_cli.wire.forms import FieldSpec


class Label(NamedTuple):
    """`text[start:end]` names `fields`; a decoy names none: it takes the value beside it out of the game."""

    start: int
    end: int
    fields: tuple[str, ...]


# Words that mean the same: a field one of whose own names is in a row, and whose type fits, answers to all of the row.
# Another's terms, and what used to hold.
_ELSEWHERE: Final = lazy(
    r"(?:옆집|앞집|윗집|아랫집|다른\s?집|친구|주변|시세|neighbou?r\S*|elsewhere)[^,.;\n]{0,8}$", re.I
)
_BEFORE_NOW: Final = lazy(
    r"(?:기존|예전|원래|이전|저번|지난번|전에는|종전|아까|처음|current|old|previous|former|original)\S{0,3}[^,.;\n]{0,8}$",
    re.I,
)
_KEPT_AFTER: Final = lazy(
    r"[^.;\n]{0,24}?(?:그대로|그냥\s?(?:두|놔)|변동\s?없|안\s?바꾸|바꾸지|건드리지|놔두|unchanged|as\s(?:it\s)?is\b|"
    r"(?:stays?|remains?)\s(?:the\ssame|as))|\S{0,2}\s?(?:현행|지금|기존)?(?:대로)?\s?유지",
    re.I,
)
_THE_REST: Final = lazy(r"나머지|다른\s?(?:건|것|조건)|그\s?외|everything else|the rest|others", re.I)
# "월세를 60만원으로 하고 특약은 그대로": what stays is the other.
_CHANGED_FIRST: Final = lazy(r"(?:으로|로)[\s,]|(?:하|꾸|리|치|추|경하|정하)고,?\s(?=\S)")
_KEPT_BEFORE: Final = lazy(
    r"\b(?:keep|leave|retain|don['’]?t (?:change|touch))\s(?:the\s|my\s|our\s)?(?:\w{1,12}\s)?$", re.I
)
_NONE_AFTER: Final = lazy(
    r"\s?(?:은|는|이|가|을|를|도)?\s?(?:없이|없고|없어|없는|없음|없다|없습|안\s?(?:받|내|낼|줘)|받지\s?않|내지\s?않|면제|:\s?(?:없음|none))",
    re.I,
)
_NONE_BEFORE: Final = lazy(r"\b(?:no|without|zero|free of)\s(?:any\s|the\s)?(?:monthly\s)?$", re.I)


def find_labels(text: str, specs: Sequence[FieldSpec], kind: str) -> list[Label]:
    """The labels of all fields of one type in the text, decoys of the type among them, in order.

    Of overlapping ones the longer counts. A label whose words are about another home is a decoy too.
    """
    meant: dict[str, list[str]] = {name: [] for name in DECOYS.get(kind, ())}
    for spec in specs:
        if spec.type == kind:
            for name in names_of(spec):
                meant.setdefault(name, []).append(spec.name)
    found = (
        Label(match.start(), match.end(), tuple(fields))
        for name, fields in meant.items()
        for match in _occurrences(name, text)
    )
    return [_elsewhere(text, label) for label in _longest(found)]


def names_of(spec: FieldSpec) -> frozenset[str]:
    """Every word a field answers to: its labels and aliases, also without 성명 or "name", and what means the same."""
    own = {_bare(name) for name in (*spec.label.values(), *spec.aliases)} | {*spec.aliases, *spec.label.values()}
    lowered = {name.lower() for name in own}
    same = {word for kind, row in SAME if kind == spec.type and lowered & row for word in row}
    return frozenset(name for name in own | same if name)


def last_before(labels: Sequence[Label], position: int) -> Label | None:
    """The last label that ends at or before a position; the labels are in order."""
    index = bisect_right(labels, position, key=lambda label: label.end)
    return labels[index - 1] if index else None


def kept_fields(text: str, labels: Sequence[Label]) -> set[str]:
    """Fields the text leaves as they are."""
    ends = [*(label.start for label in labels[1:]), len(text)]
    kept = (label for label, until in zip(labels, ends, strict=False) if is_kept(text, label, until))
    return {field for label in kept for field in label.fields}


def is_kept(text: str, label: Label, until: int) -> bool:
    """What the label names stays as it is, "keep the deposit". `until`: where the next label begins."""
    if _KEPT_BEFORE.search(text[max(0, label.start - 30) : label.start]):
        return True
    match = _KEPT_AFTER.match(text, label.end, until)
    return match is not None and not (_THE_REST.search(match[0]) or _CHANGED_FIRST.search(match[0]))


def is_none(text: str, label: Label) -> bool:
    """What the label names does not exist: "월세 없이", "no monthly rent"."""
    before = text[max(0, label.start - 24) : label.start]
    return _NONE_AFTER.match(text, label.end) is not None or _NONE_BEFORE.search(before) is not None


def was_before(text: str, label: Label) -> bool:
    """The label speaks of what used to hold: "기존 보증금", "the current rent"."""
    return _BEFORE_NOW.search(text[max(0, label.start - 14) : label.start]) is not None


def _occurrences(name: str, text: str) -> Iterator[re.Match[str]]:
    if len(name) > 1:
        return occurrences(name, text)
    # 집, 갑, 을: only as a word of its own.
    return re.finditer(rf"(?<![가-힣]){re.escape(name)}(?=(?:은|는|이|가|을|를|의|에)?(?![가-힣]))", text)


_TITLES: Final = lazy(r"\s?(?:성명|성함|이름|명칭|\(성명\)|의 성명|'s name|\sname)$", re.I)


def _bare(name: str) -> str:
    return _TITLES.sub("", name)


def _longest(labels: Iterable[Label]) -> Iterator[Label]:
    kept: Label | None = None
    for label in sorted(labels, key=lambda label: (label.start, -label.end, not label.fields, label.fields)):
        if kept is None or label.start >= kept.end:
            if kept is not None:
                yield kept
            kept = label
        elif label.end - label.start > kept.end - kept.start:
            kept = label
    if kept is not None:
        yield kept


def _elsewhere(text: str, label: Label) -> Label:
    if _ELSEWHERE.search(text[max(0, label.start - 14) : label.start]):
        return label._replace(fields=())
    return label
