"""`-f json`: summary, steps, insights and metrics, for programs."""

from typing import Any

import msgspec

from octo_cli.wire.events import AggregatedData


def generate(data: AggregatedData) -> dict[str, Any]:
    return {
        "summary": data.final_answer,
        "steps": list(data.steps),
        "insights": list(data.insights),
        "metrics": msgspec.to_builtins(data.execution_summary),
    }
