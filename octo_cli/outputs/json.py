"""`-f json`: summary, steps, insights and metrics, for programs."""

from typing import Any, Final

import msgspec

from octo_cli.outputs.base import Output, Subject, as_json


def generate(subject: Subject) -> dict[str, Any]:
    data = subject.data
    return {
        "summary": data.final_answer,
        "steps": list(data.steps),
        "insights": list(data.insights),
        "metrics": msgspec.to_builtins(data.execution_summary),
    }


OUTPUT: Final = Output("json", {".json": as_json}, generate)
