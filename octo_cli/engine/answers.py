"""Whether an answer fits its question, and how a typed value is read. Nothing is changed here."""

from datetime import date
from typing import Any

from msgspec import structs

from octo_cli.agents import approvals
from octo_cli.documents.catalog import Catalog
from octo_cli.errors import InvalidAnswer
from octo_cli.i18n import language_of
from octo_cli.supervisor import reviewing
from octo_cli.values.text import clean
from octo_cli.wire.forms import Answer, FormField, Question

STEPS_BACK = ("collaborate", "generate_draft")


def check(question: Question, answer: Answer, catalog: Catalog, today: date) -> None:
    """Raise InvalidAnswer unless `answer` can be taken as it stands."""
    if answer.action not in question.actions:
        raise InvalidAnswer("action_not_offered", action=answer.action, offered=", ".join(question.actions))
    if answer.scope == "run" and (answer.action != "approve" or not question.tool):
        raise InvalidAnswer("scope_without_approval")
    match answer.action:
        case "submit":
            _check_submission(question, answer, catalog, today)
        case "edit":
            _check_edit(question, answer)
        case "approve" if answer.doc_hash is None and question.tool:
            return  # The engine binds it to what was shown.
        case "approve" if answer.doc_hash != question.doc_hash:
            raise InvalidAnswer("text_changed", thread=question.thread_id, shown=answer.doc_hash or "-")
        case "revise" if not (answer.feedback or "").strip():
            raise InvalidAnswer("feedback_missing")
        case "back" if answer.to not in STEPS_BACK:
            raise InvalidAnswer("no_such_step", step=answer.to or "", steps=", ".join(STEPS_BACK))
        case _:
            return


def bound(question: Question, answer: Answer, catalog: Catalog, today: date) -> Answer:
    """`answer` tied to what the question showed: an approved call that would do something else by now does not run.

    Of a plan, the values as they were read: its steps are looked up by them.
    """
    if question.type == "plan_review_required" and answer.action == "submit":
        return structs.replace(answer, fields=_submitted(question, answer, catalog, today))
    if not question.tool or answer.action != "approve":
        return answer
    return structs.replace(answer, doc_hash=question.doc_hash)


def read_value(question: Question, name: str, raw: Any, catalog: Catalog, today: date) -> tuple[Any, str]:
    """What `raw` means for a field of `question`, and how that reads. Raises InvalidAnswer."""
    if question.tool:
        value = approvals.read_value(_field(question, name), raw)
        return value, str(raw)
    if question.type == "plan_review_required" and (field := _field(question, name)).choices is None:
        value = reviewing.read(question, field, raw)
        return value, value
    if question.document_type is None:
        value = _chosen(_field(question, name), raw)
        return value, str(value or "")
    paper = catalog.find(question.document_type)
    value = paper.parse(name, raw, today)
    # A question is worded in its document's language.
    return value, paper.show(name, value, language_of(question.message) or "en")


def _check_submission(question: Question, answer: Answer, catalog: Catalog, today: date) -> None:
    if answer.base_revision not in (None, question.base_revision):
        newer = ", ".join(f"{field.name}={field.display or '-'}" for field in question.fields if field.confirmed)
        raise InvalidAnswer(
            "stale_revision", given=answer.base_revision, now=question.base_revision, newer=newer or "—"
        )
    given = _submitted(question, answer, catalog, today)
    if question.type == "plan_review_required":
        reviewing.revised(reviewing.steps_in(question), given)


def _submitted(question: Question, answer: Answer, catalog: Catalog, today: date) -> dict[str, Any]:
    """The values of an answer as its fields read them; None for a blank."""
    given = {}
    for name, raw in answer.fields.items():
        blank = raw is None or raw == ""
        given[name] = None if blank else read_value(question, name, raw, catalog, today)[0]
        _field(question, name) if blank else None
    return given


def _check_edit(question: Question, answer: Answer) -> None:
    if not answer.args:
        raise InvalidAnswer("edit_without_args", known=", ".join(question.editable_fields))
    for name, raw in answer.args.items():
        approvals.read_value(_field(question, name), raw)


def _chosen(field: FormField, raw: Any) -> Any:
    """A value for a question without a document: one of the choices, by value, label or number, or free text."""
    if field.choices is None:
        return clean(str(raw))
    labels = dict(zip(field.choice_labels or field.choices, field.choices, strict=True))
    numbers = {str(number): value for number, value in enumerate(field.choices, 1)}
    said = clean(str(raw)).strip()
    for known in (dict(zip(field.choices, field.choices, strict=True)), labels, numbers):
        if said in known:
            return known[said]
    raise InvalidAnswer(
        "invalid_value",
        field=field.name,
        label=field.label,
        value=said,
        accepts=", ".join(field.choice_labels or field.choices),
        reason="not_a_choice",
        details={"text": said},
    )


def _field(question: Question, name: str) -> FormField:
    for field in question.fields:
        if field.name == name:
            return field
    raise InvalidAnswer("unknown_field", field=name, known=", ".join(field.name for field in question.fields))
