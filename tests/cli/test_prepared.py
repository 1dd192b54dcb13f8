"""Answers of the command line: each flag is taken by a question that offers it, refused, or told of."""

import pytest
from msgspec import structs

from octo_cli.errors import InvalidAnswer
from octo_cli.prepared import Prepared
from octo_cli.wire.forms import Action, FormField, Question

FLAGS = {
    "submit": Prepared(submit=True),
    "approve": Prepared(approve=True),
    "reject": Prepared(reject=""),
    "revise": Prepared(revise="shorter"),
    "back": Prepared(back="collaborate"),
}
PUT = Question("q", "collaboration_required", "t", "1", "contract", "", "", fields=(FormField("a", "A", "text", True),))
QUESTIONS: dict[str, tuple[Question, tuple[Action, ...]]] = {
    "form": (PUT, ("submit", "reject", "defer")),
    "approval": (structs.replace(PUT, type="approval_required"), ("approve", "revise", "reject", "back", "defer")),
    "plan": (structs.replace(PUT, type="plan_review_required"), ("approve", "submit", "reject", "defer")),
    "clarification": (structs.replace(PUT, type="clarification_required"), ("submit", "defer")),
    "tool": (structs.replace(PUT, type="tool_approval_required", tool="run"), ("approve", "edit", "reject", "defer")),
}


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("kind", QUESTIONS)
def test_no_flag_is_passed_over_in_silence(kind: str, flag: str) -> None:
    question, actions = QUESTIONS[kind]
    question = structs.replace(question, actions=actions)
    prepared = FLAGS[flag].once()
    prepared.seen = {"q": question}
    answer = prepared.answer(question, frozenset({"a"}))
    if flag in actions:
        assert answer is not None
        assert (answer.action, prepared.unused) == (flag, ())
        prepared.check_all_used(())
        return
    assert (answer, prepared.unused) == (None, (f"--{flag}",))
    with pytest.raises(InvalidAnswer) as refused:
        prepared.check_all_used((question,))
    assert refused.value.code == "action_not_offered"
    assert refused.value.values == {"action": flag, "offered": ", ".join(actions)}


def test_what_was_meant_for_a_question_to_come_is_no_mistake_but_told() -> None:
    prepared = FLAGS["approve"].once()
    question = structs.replace(PUT, actions=QUESTIONS["form"][1])
    assert prepared.answer(question, frozenset()) is None
    prepared.check_all_used((question,))  # It was put by this very command; nobody has seen it.
    assert prepared.unused == ("--approve",)
