"""Measuring processes and calls side by side: interleaved rounds, medians, ratios. No opinion on what is measured."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Cost:
    """Seconds of one run: processor time of the process and its children, and time on the wall."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Limit:
    """A case may cost `most` times what the bare case costs; with None the ratio is only told.

    `of` is what is limited: both times, or the one on the wall where waiting is the matter.
    """

    case: str
    bare: str
    most: float | None
    of: Literal["both", "wall"] = "both"


Runs = Mapping[str, Sequence[Cost]]


def interleaved(cases: Mapping[str, Callable[[], Cost]], rounds: int) -> Runs:
    """Each case once a round, so that whatever else the machine does meets all alike; a first round is not counted."""
    counted = [{name: run() for name, run in cases.items()} for _ in range(rounds + 1)][1:]
    return {name: [costs[name] for costs in counted] for name in cases}


def process(argv: list[str], environment: Mapping[str, str], *, exits: int = 0) -> Cost:
    """Run a program without a terminal and say what it cost. Raises RuntimeError at any other exit status."""
    silence = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    started = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, environment, file_actions=silence)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    if (code := os.waitstatus_to_exitcode(status)) != exits:
        raise RuntimeError(f"exit status {code} instead of {exits}: {' '.join(argv)}")
    return Cost(usage.ru_utime + usage.ru_stime, wall)


def report(runs: Runs, limits: Sequence[Limit]) -> bool:
    """Print medians in milliseconds and each ratio; true when every one keeps its limit."""
    print(f"{'':32}{'cpu ms':>9}{'wall ms':>9}{'cpu ×':>8}{'wall ×':>8}{'limit':>8}")
    for name, costs in runs.items():
        if not any(limit.case == name for limit in limits):
            print(_medians(name, _middle(costs)))
    kept = [_ratio(runs, limit) for limit in limits]
    return all(kept)


def finish(kept: bool, *, check: bool) -> None:
    if check and not kept:
        sys.exit(1)


def _ratio(runs: Runs, limit: Limit) -> bool:
    cost, bare = _middle(runs[limit.case]), _middle(runs[limit.bare])
    cpu, wall = cost.cpu / bare.cpu, cost.wall / bare.wall
    kept = limit.most is None or (wall if limit.of == "wall" else max(cpu, wall)) <= limit.most
    most = "" if limit.most is None else f"{limit.most:.2f}"
    verdict = "" if limit.most is None else "ok, " if kept else "over, "
    print(f"{_medians(limit.case, cost)}{cpu:8.2f}{wall:8.2f}{most:>8}  {verdict}against {limit.bare}")
    return kept


def _medians(name: str, cost: Cost) -> str:
    return f"{name:32}{cost.cpu * 1000:9.1f}{cost.wall * 1000:9.1f}"


def _middle(costs: Sequence[Cost]) -> Cost:
    return Cost(median(cost.cpu for cost in costs), median(cost.wall for cost in costs))
