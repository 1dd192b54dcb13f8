"""The face for a person: streamed text, prompts for questions, and the line they type in `octo chat`."""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from octo_cli.errors import UsageError
from octo_cli.i18n import Words
from octo_cli.settings import make_private
from octo_cli.ui.plain import PlainFace, result_text
from octo_cli.ui.problems import worded
from octo_cli.ui.prompts import Desk, Read, decide, fill, give_leave, review_plan
from octo_cli.ui.sanitise import one_line, visible
from octo_cli.ui.style import Style
from octo_cli.ui.typed import fit
from octo_cli.wire import events
from octo_cli.wire.events import Event, Summary
from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.work import Problem

PROMPT: Final = "› "
# One word of letters, of whatever script; anything longer may be a path, and a request about it.
_SLASH: Final = re.compile(r"/[^\W\d_]+")
# What a slash command does: the lines it prints.
Slash = Mapping[str, Callable[[Words], Iterable[str]]]
NO_SLASH: Final[Slash] = {}


class TerminalFace(PlainFace):
    """`history` is the file that remembers what was typed; None remembers for this process only."""

    def __init__(
        self, out: TextIO, err: TextIO, say: Words, style: Style, *, quiet: bool = False, history: Path | None = None
    ) -> None:
        super().__init__(out, err, say, style, quiet=quiet)
        self.desk = Desk(say, style)
        self.slash: Slash = NO_SLASH
        self._history = _history_in(history)
        self._streamed = ""
        self._inside_line = False
        # What was typed into a form and is in no answer that was taken: by form, and by the question that put it.
        self._typed: dict[str, dict[str, str]] = {}
        self._put: dict[str, Question] = {}

    def speak(self, say: Words) -> None:
        super().speak(say)
        self.desk.say = say

    def show(self, event: Event) -> None:
        match event:
            case events.TextDelta(text=text):
                self._stream(text)
                return
            case events.RunStarted():
                self._streamed = ""
            case events.InterruptAnswered(interrupt_id=question_id, action=action) if question_id in self._put:
                question = self._put.pop(question_id)
                # Back to the form, what was typed there is still wanted.
                if action in ("submit", "edit"):
                    self._typed.pop(_form(question), None)
        self._end_line()
        super().show(event)

    def open(self) -> None:
        if not self.quiet:
            self.note(self.style.quiet(self.say("chat.opening")))

    def offer(self, server: str, commands: Sequence[str]) -> None:
        """Say that a model server runs on this machine, and how to work with it."""
        if not self.quiet:
            self.note(self.say("chat.local_model", server=server))
            for command in commands:
                self.note(f"  → {command}")

    async def ask(self, question: Question, read: Read) -> Answer | None:
        self._end_line()
        self._put[question.id] = question
        typed = self._typed.setdefault(_form(question), {})
        if question.tool:
            return await give_leave(question, read, self.desk, typed)
        if question.type == "plan_review_required":
            return await review_plan(question, read, self.desk, typed)
        if "approve" in question.actions:
            return await decide(question, self.desk, typed)
        return await fill(question, read, self.desk, typed)

    async def read_line(self) -> str | None:
        """The next thing said. None when the person leaves, "" when they want a new thread."""
        while True:
            try:
                typed = (await self.desk.line(PROMPT, history=self._history)).strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                typed = "/exit"
            if typed == "/exit":
                self._leave()
                return None
            if typed == "/new":
                self.thread_id = None
                self.note(self.style.quiet(self.say("chat.new")))
                return ""
            if _SLASH.fullmatch(typed):
                self._run_slash(typed)
            elif (text := self._fit(typed)) is not None:
                return text

    def fail(self, problem: Problem) -> None:
        if problem.code == "interrupted" and not self.finished:
            self.note("")  # The terminal has just written ^C into this line.
        super().fail(problem)
        self._give_back(problem)

    def finish(self, summary: Summary) -> None:
        super().finish(summary)
        self._give_back(None)

    def answer(self, summary: Summary) -> None:
        """The answer, or what it says beyond what was already on the screen word by word."""
        streamed, shown = self._streamed.strip(), visible(result_text(summary)).strip()
        self._streamed = ""
        if not (streamed and shown.startswith(streamed)):
            super().answer(summary)
        elif rest := shown.removeprefix(streamed).strip("\n"):
            self.out.write(f"\n{rest}\n")
            self.out.flush()

    def wait(self, questions: Sequence[Question]) -> None:
        """The command that asks again, with what the person had already typed: they have just seen the rest."""
        for question in questions:
            self.note(f"octo: {self.say('run.left_open', title=one_line(question.title))}")
        self._tell_commands(questions)

    def _give_back(self, problem: Problem | None) -> None:
        """What was answered and not taken: as the command that goes on with it while its question may be open."""
        put = list(self._put.values())
        self._put.clear()
        if problem is None or problem.code.startswith("answered_"):
            lost = [_flags(typed) for question in put if (typed := self._typed.pop(_form(question), {}))]
            if lost:
                self.note(f"octo: {visible(self.say('run.not_taken', values=' '.join(lost)))}")
        elif put:
            self.note(f"octo: {self.say('run.typed_kept')}")
            self._tell_commands(put)

    def _tell_commands(self, questions: Sequence[Question]) -> None:
        commands = [_with_typed(question, self._typed.get(_form(question), {})) for question in questions]
        for command in dict.fromkeys(sorted(commands, key=len, reverse=True)):
            self.note(f"  → {command}")
        told = {_form(question) for question in questions}
        self._put = {put_id: question for put_id, question in self._put.items() if _form(question) not in told}

    def _stream(self, text: str) -> None:
        safe = visible(text)
        self._streamed += safe
        self._inside_line = not safe.endswith("\n")
        self.out.write(safe)
        self.out.flush()

    def _end_line(self) -> None:
        if self._inside_line:
            self._inside_line = False
            self.out.write("\n")
            self.out.flush()

    def _run_slash(self, typed: str) -> None:
        if typed not in self.slash and typed != "/help":
            self.note(f"octo: {self.say('chat.unknown', typed=typed)}")
        for line in self.slash.get(typed, _help)(self.say):
            self.note(line)

    def _fit(self, typed: str) -> str | None:
        """`typed` as a request; None after saying what is wrong with it. An empty line is no request either."""
        if not typed:
            return None
        try:
            return fit(typed)
        except UsageError as error:
            self.note(f"octo: {worded(error, self.say).message}")
            return None

    def _leave(self) -> None:
        if self.thread_id:
            self.note(f"  → octo chat --thread {self.thread_id}")


def _form(question: Question) -> str:
    """What a form is known by when it is put again, by another question; a tool's call is never another's."""
    return question.id if question.tool else f"{question.thread_id}/{question.step_id}/{question.document_id or ''}"


def _with_typed(question: Question, typed: Mapping[str, str]) -> str:
    command = f"octo resume {question.thread_id}"
    if not typed:
        return command
    # Values go into the form, and from an approval that is one stage back.
    back = "" if "submit" in question.actions or question.tool else " --back collaborate"
    return f"{command}{back} {_flags(typed)}"


def _flags(typed: Mapping[str, str]) -> str:
    return " ".join(f"--set {name}={shlex.quote(text)}" for name, text in typed.items())


def _help(say: Words) -> Iterable[str]:
    return say("chat.help").strip("\n").splitlines()


def _history_in(path: Path | None) -> History:
    """What was typed before, in a file only its owner may read; in memory where none can be made."""
    if path is None:
        return InMemoryHistory()
    try:
        make_private(path.parent)
        path.touch(mode=0o600)
        with path.open("ab"):
            return FileHistory(str(path))
    except OSError:
        return InMemoryHistory()
