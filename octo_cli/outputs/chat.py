"""`-f chat`: the answer as a person reads it, Markdown."""

from octo_cli.wire.events import AggregatedData


def generate(data: AggregatedData) -> str:
    return data.final_answer
