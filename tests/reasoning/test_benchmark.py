"""The extraction benchmark runs as a script, and what it measures does not slip."""

import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "extraction.py"


def test_nearly_everything_is_read_and_nothing_wrongly() -> None:
    printed = subprocess.run([sys.executable, BENCHMARK], capture_output=True, text=True, check=True).stdout
    heads, *rows = (line.split() for line in printed.splitlines() if line.strip())
    total = next(dict(zip(heads, row, strict=True)) for row in rows if row[0] == "all")

    assert int(total["wrong"]) == 0
    assert int(total["right"]) / int(total["stated"]) >= 0.95
