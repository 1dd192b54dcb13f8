"""The two questions about a document: the form that agrees its fields, and the approval of the very text."""

from dataclasses import dataclass

from octo_cli.agents.contract.draft import NAME, Draft
from octo_cli.agents.contract.fields import Fields, Issues
from octo_cli.documents.files import doc_hash
from octo_cli.wire.forms import Question


@dataclass(frozen=True, slots=True)
class Page:
    """A draft as it is put before a person. `refused`: some value they gave could not be read."""

    fields: Fields
    issues: Issues
    missing: tuple[str, ...]
    refused: bool
    submitted: bool
    text: str
    revision: int

    @property
    def agreed(self) -> bool:
        return self.submitted and not self.missing and not self.refused


def question(draft: Draft, page: Page, note: str | None) -> Question:
    """What to ask next. `note` says why the form comes again, a name under `contract.note_`."""
    kit, say = draft.kit, draft.words
    created_at, expires_at = kit.ask_until()
    return Question(
        id="",  # LangGraph names it when it is raised; the engine fills it in.
        type="approval_required" if page.agreed else "collaboration_required",
        thread_id=kit.thread_id,
        step_id=draft.step.step_id,
        agent=NAME,
        title=say("contract.title_approval" if page.agreed else "contract.title_fields", title=draft.title),
        message=_approval_message(draft, page) if page.agreed else _form_message(draft, page, note),
        document_id=draft.state["document_id"],
        document_type=draft.paper.name,
        base_revision=page.revision,
        doc_hash=doc_hash(page.text),
        fields=draft.paper.form(page.fields, page.issues, language=draft.language),
        editable_fields=() if page.agreed else draft.paper.main_fields,
        preview=page.text,
        actions=("approve", "revise", "reject", "back", "defer") if page.agreed else ("submit", "reject", "defer"),
        created_at=created_at,
        expires_at=expires_at,
        on_timeout=kit.settings.on_timeout,
    )


def _approval_message(draft: Draft, page: Page) -> str:
    lines = [draft.words("contract.ask_approval")]
    if errors := [issue.message for found in page.issues.values() for issue in found if issue.level == "error"]:
        lines.append(draft.words("contract.errors_ahead", errors="; ".join(errors)))
    return "\n".join(lines)


def _form_message(draft: Draft, page: Page, note: str | None) -> str:
    if page.submitted:
        note = "refused" if page.refused else "missing"
    lines = [draft.words(f"contract.note_{note}")] if note else []
    lines.append(draft.words("contract.ask_fields"))
    if page.missing:
        labels = {spec.name: spec.label[draft.language] for spec in draft.paper.fields}
        lines.append(draft.words("contract.still_needed", fields=", ".join(labels[name] for name in page.missing)))
    return "\n".join(lines)
