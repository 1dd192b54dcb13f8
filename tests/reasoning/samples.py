"""A request as the supervisor makes it, with the package's own document types."""

from collections.abc import Mapping
from datetime import date

from octo_cli.reasoning.base import Request
from octo_cli.wire.forms import FieldSpec
from octo_cli.wire.work import AgentCard, DocumentRef, TypeCard

TODAY = date(2026, 11, 21)
AGENTS = (AgentCard("contract", {}), AgentCard("search", {}))
TYPES = (
    TypeCard(
        "lease", {"ko": "주택 임대차계약서", "en": "Residential Lease Agreement"}, ("임대차계약서", "임대차", "lease")
    ),
    TypeCard("nda", {"ko": "비밀유지계약서", "en": "Non-Disclosure Agreement"}, ("비밀유지계약서", "NDA")),
)
LEASE = DocumentRef("d-lease", "lease", "주택 임대차계약서", 1)
NDA = DocumentRef("d-nda", "nda", "비밀유지계약서", 2)


def asked(
    text: str, *documents: DocumentRef, agents: tuple[AgentCard, ...] = AGENTS, chosen: Mapping[str, str] | None = None
) -> Request:
    return Request(
        text, "ko", TODAY, agents=agents, document_types=TYPES, documents=documents, chosen=dict(chosen or {})
    )


def spec(name: str, kind: str, ko: str, *aliases: str) -> FieldSpec:
    return FieldSpec(name, kind, {"ko": ko, "en": name.replace("_", " ")}, aliases=aliases)
