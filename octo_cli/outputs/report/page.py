"""The report as a page of its own: no script, nothing from elsewhere; its diagrams are drawn in it."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

from octo_cli.outputs.base import Subject
from octo_cli.outputs.markup import reader
from octo_cli.outputs.report import charts

_STYLE: Final = Path(__file__).with_name("page.css")


def render(report: str, subject: Subject) -> str:
    """The HTML of the report's Markdown."""
    drawn = {"pie": charts.pie(subject), "gantt": charts.gantt(subject)}
    body = reader(links=True)
    body.add_render_rule("fence", _fence(drawn))
    return (
        f'<!doctype html>\n<html lang="{subject.language}">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(subject.title)}</title>\n<style>{_STYLE.read_text(encoding='utf-8')}</style>\n"
        f"<main>\n{body.render(report)}</main>\n</html>\n"
    )


def _fence(drawn: Mapping[str, str]) -> Any:
    """A report's own diagrams are drawn; any other block of code is shown as it is."""
    left = dict(drawn)

    def render(_: Any, tokens: Any, index: int, *_more: Any) -> str:
        token = tokens[index]
        kind = token.content.split(maxsplit=1)[0] if token.content.strip() else ""
        if token.info.strip() == "mermaid" and (svg := left.pop(kind, "")):
            return f"<figure>{svg}</figure>\n"
        return f"<pre><code>{escape(token.content)}</code></pre>\n"

    return render
