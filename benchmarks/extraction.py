"""How much of a sentence the offline mind reads, and how much of it wrongly.

    python benchmarks/extraction.py [--cases FILE] [--misses]

For each field: how often it was stated, how often the value proposed was right, wrong or left blank. A value proposed
where none was stated is wrong too. A foreign currency is right when it is marked and not taken. `marked` counts the
right values that carry a note asking a person to look twice.
"""

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from octo_cli.documents.catalog import Catalog
from octo_cli.reasoning.base import Request
from octo_cli.reasoning.extraction import extract
from octo_cli.wire.forms import FieldSpec, Proposal

CASES = Path(__file__).parent / "data" / "extraction_cases.json"


class Verdict(NamedTuple):
    case: int
    field: str
    outcome: str  # right, wrong or blank
    expected: Any
    proposal: Proposal | None


def verdicts(path: Path = CASES) -> Iterator[Verdict]:
    """What became of every field of every case."""
    data = json.loads(path.read_text(encoding="utf-8"))
    declared = {name: msgspec.convert(fields, list[FieldSpec]) for name, fields in data["fields"].items()}
    catalog = Catalog()
    for case in data["cases"]:
        kind = case["document_type"]
        fields = declared[kind] if kind in declared else catalog.find(kind).fields
        yield from judge(case, fields)


def judge(case: Mapping[str, Any], fields: Sequence[FieldSpec]) -> Iterator[Verdict]:
    request = Request(case["text"], case["lang"], date.fromisoformat(case["reference_date"]))
    proposals = {one.field: one for one in extract(request, fields)}
    for field, expected in case["expected"].items():
        proposal = proposals.pop(field, None)
        yield Verdict(case["id"], field, _outcome(expected, proposal), expected, proposal)
    for field, proposal in proposals.items():
        if proposal.value is not None:
            yield Verdict(case["id"], field, "wrong", None, proposal)


def _outcome(expected: Any, proposal: Proposal | None) -> str:
    if isinstance(expected, dict) and expected["currency"] != "KRW":
        marked = proposal is not None and proposal.note == "foreign_currency" and proposal.value is None
        return "right" if marked else "blank" if proposal is None else "wrong"
    if proposal is None or proposal.value is None:
        return "blank"
    return "right" if proposal.value == (expected["amount"] if isinstance(expected, dict) else expected) else "wrong"


def _print(found: Sequence[Verdict]) -> None:
    by_field: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in found:
        by_field[verdict.field][verdict.outcome] += 1
        by_field[verdict.field]["stated"] += verdict.expected is not None
        by_field[verdict.field]["marked"] += bool(
            verdict.outcome == "right" and verdict.proposal and verdict.proposal.note
        )
    print(f"{'field':24}{'stated':>8}{'right':>8}{'wrong':>8}{'blank':>8}{'marked':>8}{'recall':>8}")
    total: Counter[str] = Counter()
    for field, counts in sorted(by_field.items()):
        _print_row(field, counts)
        total.update(counts)
    _print_row("all", total)


def _print_row(name: str, counts: Mapping[str, int]) -> None:
    recall = f"{counts['right'] / counts['stated']:.0%}" if counts["stated"] else "-"
    cells = "".join(f"{counts[column]:8}" for column in ("stated", "right", "wrong", "blank", "marked"))
    print(f"{name:24}{cells}{recall:>8}")


def _print_misses(found: Sequence[Verdict], path: Path) -> None:
    texts = {case["id"]: case["text"] for case in json.loads(path.read_text(encoding="utf-8"))["cases"]}
    for verdict in found:
        if verdict.outcome != "right":
            said = verdict.proposal and (verdict.proposal.value, verdict.proposal.raw, verdict.proposal.note)
            print(f"{verdict.outcome}  #{verdict.case} {verdict.field}: {verdict.expected!r} ← {said!r}")
            print(f"       {texts[verdict.case]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--misses", action="store_true", help="show every value that was wrong or left blank")
    options = parser.parse_args()
    began = time.perf_counter()
    found = list(verdicts(options.cases))
    seconds = time.perf_counter() - began
    _print(found)
    cases = {case["id"] for case in json.loads(options.cases.read_text(encoding="utf-8"))["cases"]}
    whole = cases - {verdict.case for verdict in found if verdict.outcome != "right"}
    print(
        f"\n{len(whole)} of {len(cases)} sentences wholly right, {seconds / max(1, len(cases)) * 1000:.1f} ms a "
        f"sentence"
    )
    if options.misses:
        _print_misses(found, options.cases)


if __name__ == "__main__":
    main()
