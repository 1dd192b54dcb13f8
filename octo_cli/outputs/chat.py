"""`-f chat`: the answer as a person reads it, Markdown."""

from typing import Final

from octo_cli.outputs.base import Output, Subject, as_text


def generate(subject: Subject) -> str:
    return subject.data.final_answer


OUTPUT: Final = Output("chat", {".md": as_text, ".txt": as_text}, generate)
