"""Claims: what the readers say a field's value is, and which of them may be proposed."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from octo_cli.values.patterns import lazy
from octo_cli.wire.forms import Proposal

LABELLED: Final = 0.95  # a label stands beside the value
POSITIONED: Final = 0.8  # the sentence's form says it: "…부터 2년"
INFERRED: Final = 0.6  # nothing else would take it
CONFLICTING: Final = "conflicting"


class Claim(NamedTuple):
    """`text[start:end]` says `value` for `field`. `value` is None when it cannot be taken, `note` then says why.

    `tied` is how surely the place belongs to the field, `read` how surely the value was read there.
    """

    field: str
    value: Any
    start: int
    end: int
    tied: float
    note: str | None = None
    read: float = 1.0

    @property
    def confidence(self) -> float:
        return min(self.tied, self.read)


def settle(text: str, claims: Iterable[Claim]) -> Iterator[Proposal]:
    """At most one proposal a field, in the order of the text.

    Of different values a labelled one beats a guessed one; of two equals the later wins only where the words between
    correct the earlier, else neither is taken.
    """
    by_field: dict[str, list[Claim]] = {}
    for claim in sorted(claims, key=lambda claim: claim.start):
        by_field.setdefault(claim.field, []).append(claim)
    chosen = [_one_of(text, rivals) for rivals in by_field.values()]
    for claim in sorted(chosen, key=lambda claim: claim.start):
        raw = text[claim.start : claim.end]
        yield Proposal(claim.field, claim.value, raw, (claim.start, claim.end), round(claim.confidence, 2), claim.note)


_CORRECTION: Final = lazy(
    r"아니|아냐|정정|수정|잘못|말고|다시|바꿔|바꾸|변경|대신|그냥\s|\bactually\b|\binstead\b|\bsorry\b|\bno,|\bwait\b|\bcorrect|"
    r"\brather\b|\bi mean\b",
    re.I,
)


def _one_of(text: str, rivals: list[Claim]) -> Claim:
    plain = [claim for claim in rivals if claim.tied >= POSITIONED]
    serious = plain or rivals
    last = serious[-1]
    different = [claim for claim in serious if claim.value != last.value]
    if not different:
        return max(serious, key=lambda claim: (claim.value is not None, claim.confidence))
    between = text[different[-1].end : last.start]
    if _CORRECTION.search(between) or re.match(r"\s?(?:아니|말고)", text[different[-1].end : different[-1].end + 6]):
        return last
    return last._replace(value=None, tied=0.0, note=CONFLICTING)
