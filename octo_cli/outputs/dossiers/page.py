"""A dossier as one HTML page: no script, nothing from a network, light or dark as the reader has it, and for paper."""

from pathlib import Path
from typing import Final

from octo_cli.i18n import Language
from octo_cli.outputs.dossiers import Table, Told
from octo_cli.outputs.markup import reader

_TEMPLATE: Final = Path(__file__).with_name("page.html")


def render(told: Told, language: Language) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["markdown"] = reader(links=False).render
    environment.tests["table"] = lambda block: isinstance(block, Table)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(told=told, language=language)
