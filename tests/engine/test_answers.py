"""Whether an answer fits a question about a tool: what does not fit is refused before anything is changed."""

from datetime import date
from typing import Any

import msgspec
import pytest

from octo_cli.documents.catalog import Catalog
from octo_cli.engine.answers import bound, check
from octo_cli.errors import InvalidAnswer
from octo_cli.wire.forms import Answer, FormField, Question

QUESTION = Question(
    id="q",
    type="tool_approval_required",
    thread_id="t",
    step_id="1",
    agent="code",
    title="run_python",
    message="",
    doc_hash="sha256:shown",
    fields=(FormField("code", "Code", "text", True, value="print(1)"), FormField("times", "Times", "integer", False)),
    editable_fields=("code", "times"),
    actions=("approve", "edit", "reject", "defer"),
    tool="run_python",
)


def checked(answer: dict[str, Any]) -> Answer:
    given = msgspec.convert(answer, Answer)
    check(QUESTION, given, Catalog(()), date(2026, 11, 21))
    return bound(QUESTION, given, Catalog(()), date(2026, 11, 21))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"action": "approve", "doc_hash": "sha256:other"}, "text_changed"),
        ({"action": "edit"}, "edit_without_args"),
        ({"action": "edit", "args": {"path": "/etc"}}, "unknown_field"),
        ({"action": "edit", "args": {"code": 7}}, "invalid_value"),
        ({"action": "edit", "args": {"times": "often"}}, "invalid_value"),
        ({"action": "reject", "scope": "run"}, "scope_without_approval"),
        ({"action": "edit", "args": {"code": "x"}, "scope": "run"}, "scope_without_approval"),
        ({"action": "submit"}, "action_not_offered"),
    ],
)
def test_what_does_not_fit_is_refused(answer: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidAnswer) as refused:
        checked(answer)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "aprove"},
        {"action": "approve", "scope": "forever"},
        {"action": "approve", "sudo": True},
        {},
        {"args": 1},
    ],
)
def test_what_is_no_answer_is_none(answer: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        checked(answer)


def test_an_approval_is_tied_to_what_was_shown() -> None:
    assert checked({"action": "approve"}).doc_hash == "sha256:shown"
    assert checked({"action": "edit", "args": {"times": "1,000"}}).args == {"times": "1,000"}
