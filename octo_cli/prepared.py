"""Answers given on the command line, before anyone was asked."""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from msgspec import Struct, ValidationError, convert, field, structs

from octo_cli.errors import InvalidAnswer
from octo_cli.wire.forms import Answer, Question

_OF_ANSWER = frozenset(Answer.__struct_fields__)


class Prepared(Struct, frozen=True):
    """The answer flags of `octo ask` and `octo resume`.

    `fields` are `--set` (texts as typed), `answers` the `--answers` file: values by field name, or whole answers by
    interrupt id. `reject` is "" for a rejection without a reason.
    """

    fields: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    submit: bool = False
    approve: bool = False
    reject: str | None = None
    revise: str | None = None
    back: str | None = None

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What the flags do that answer without naming a field."""
        given = {
            "submit": self.submit,
            "approve": self.approve,
            "reject": self.reject is not None,
            "revise": self.revise is not None,
            "back": self.back is not None,
        }
        return tuple(action for action, is_given in given.items() if is_given)

    def once(self) -> "_Unused":
        return _Unused(self)


class _Unused:
    """What of the prepared answers was not given yet. Each serves a step once; a question that comes back is asked."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.whole = {name: value for name, value in prepared.answers.items() if _is_answer(value)}
        values = {name: value for name, value in prepared.answers.items() if name not in self.whole}
        self.values = {**values, **prepared.fields}
        self.given: set[tuple[str, str]] = set()
        self.named: set[str] = set()
        # The actions that questions were answered with.
        self.done: set[str] = set()
        # The questions that were open, and shown, before this command: only of those can a flag mean a tool's call.
        self.seen: Mapping[str, Question] = {}

    def answer(self, question: Question, takes: Set[str]) -> Answer | None:
        """What was prepared for `question`; `takes` are the fields an answer to it may give, shown or not."""
        if self.is_other(question):
            return None
        if question.id in self.whole:
            return self._whole(question)
        if question.tool:
            return self._leave(question)
        if (question.step_id, question.type) in self.given:
            return None
        answer = self._submission(question, takes) if question.fields and "submit" in question.actions else None
        answer = answer or self._verdict(question)
        if answer is not None:
            self.given.add((question.step_id, question.type))
            self.done.add(answer.action)
        return answer

    def is_other(self, question: Question) -> bool:
        """Whether lists showed it otherwise than it is: what was prepared was meant for something else."""
        shown = self.seen.get(question.id, question)
        return shown != structs.replace(question, created_at=shown.created_at, expires_at=shown.expires_at)

    def check(self, questions: Sequence[Question], takes: Callable[[Question], Set[str]]) -> None:
        """Raise InvalidAnswer for a value that no form takes, before anything of the rest is taken.

        While something else is asked first (which document, say), the form that wants it may still come.
        """
        forms = [question for question in questions if question.type == "collaboration_required"]
        if not forms or len(forms) < len(questions):
            return
        known = self.named.union(*map(takes, forms))
        for name in self.values:
            if name not in known:
                raise InvalidAnswer("unknown_field", field=name, known=", ".join(sorted(known)))

    def check_all_used(self, still_open: Sequence[Question]) -> None:
        """Raise InvalidAnswer for answers that no question took: nothing is lost, but the person should know."""
        if any(map(self.is_other, still_open)):
            return
        if not self.given and self.unused:
            self._check_offered(still_open)
        for question_id in self.whole:
            if (question_id, "whole") not in self.given:
                raise InvalidAnswer("question_not_open", id=question_id)
        unused = [name for name in self.values if name not in self.named]
        if unused and not self.named:
            raise InvalidAnswer("nothing_to_answer", flags=", ".join(unused))
        if unused:
            raise InvalidAnswer("unknown_field", field=unused[0], known=", ".join(sorted(self.named)))

    @property
    def unused(self) -> tuple[str, ...]:
        """The flags that no question took."""
        return tuple(f"--{action}" for action in self.prepared.verdicts if action not in self.done)

    def _check_offered(self, still_open: Sequence[Question]) -> None:
        """Raise InvalidAnswer for a flag that none of the questions takes; only what was open before has been seen."""
        if not still_open:
            raise InvalidAnswer("nothing_to_answer", flags=", ".join(self.unused))
        offered = dict.fromkeys(action for question in still_open for action in question.actions)
        strange = [action for action in self.prepared.verdicts if action not in offered]
        if self.seen and strange:
            raise InvalidAnswer("action_not_offered", action=strange[0], offered=", ".join(offered))

    def _whole(self, question: Question) -> Answer | None:
        if (question.id, "whole") in self.given:
            return None
        self.given.add((question.id, "whole"))
        try:
            return convert(self.whole[question.id], Answer)
        except ValidationError as error:
            raise InvalidAnswer("malformed_answer", id=question.id, reason=str(error)) from error

    def _leave(self, question: Question) -> Answer | None:
        """What the flags say about a tool's call that the person has seen; values change the first that takes them."""
        if question.id not in self.seen or (question.id, question.type) in self.given:
            return None
        names = {field.name for field in question.fields}
        args = {name: value for name, value in self.values.items() if name in names and name not in self.named}
        self.named.update(args)
        answer = Answer("edit", args=args) if args else self._verdict(question)
        if answer is not None:
            self.given.add((question.id, question.type))
            self.done.add(answer.action)
        return answer

    def _submission(self, question: Question, takes: Set[str]) -> Answer | None:
        fitting = {name: value for name, value in self.values.items() if name in takes}
        if not fitting and not self.prepared.submit:
            return None
        self.named.update(fitting)
        return Answer("submit", fields=fitting, base_revision=question.base_revision)

    def _verdict(self, question: Question) -> Answer | None:
        prepared = self.prepared
        if prepared.back is not None and "back" in question.actions:
            return Answer("back", to=prepared.back)
        if prepared.revise is not None and "revise" in question.actions:
            return Answer("revise", feedback=prepared.revise)
        if prepared.reject is not None and "reject" in question.actions:
            return Answer("reject", reason=prepared.reject or None)
        if prepared.approve and "approve" in question.actions:
            return Answer("approve", doc_hash=question.doc_hash)
        return None


def _is_answer(value: object) -> bool:
    return isinstance(value, dict) and "action" in value and set(value) <= _OF_ANSWER
