"""`-f report`: what a turn came to, as a document to hand on: Markdown, a page, or a PDF with its diagrams drawn."""

from typing import Final

from octo_cli.outputs.base import Output, Subject, as_text
from octo_cli.outputs.report.markdown import generate


def _page(result: str, subject: Subject) -> bytes:
    from octo_cli.outputs.report import page

    return page.render(result, subject).encode()


def _pdf(result: str, subject: Subject) -> bytes:
    from octo_cli.documents import typesetting
    from octo_cli.outputs.report import charts

    drawn = {"pie": charts.pie(subject, style=charts.PRINT), "gantt": charts.gantt(subject, style=charts.PRINT)}
    return typesetting.pdf(result, subject.language, drawn={name: svg for name, svg in drawn.items() if svg})


OUTPUT: Final = Output("report", {".md": as_text, ".html": _page, ".pdf": _pdf}, generate)
