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
from octo_cli.ui.prompts import Desk, Read, decide, fill, give_leave
from octo_cli.ui.sanitise import one_line, visible
from octo_cli.ui.style import Style
from octo_cli.ui.typed import fit
from octo_cli.wire import events
from octo_cli.wire.events import Event, Summary
from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.work import Problem

PROMPT: Final = "› "
_SLASH: Final = re.compile(r"/[a-z]+")
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
        self._typed: dict[str, dict[str, str]] = {}

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
        if question.tool:
            return await give_leave(question, read, self.desk, self._typed.setdefault(question.id, {}))
        if "approve" in question.actions:
            self._typed[question.id] = {}
            return await decide(question, self.desk)
        return await fill(question, read, self.desk, self._typed.setdefault(question.id, {}))

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

    def answer(self, summary: Summary) -> None:
        """The answer, unless it was already on the screen word by word."""
        if self._streamed.strip() != visible(result_text(summary)).strip():
            super().answer(summary)
        self._streamed = ""

    def wait(self, questions: Sequence[Question]) -> None:
        """The command that asks again, with what the person had already typed: they have just seen the rest."""
        for question in questions:
            self.note(f"octo: {self.say('run.left_open', title=one_line(question.title))}")
        commands = [_with_typed(question, self._typed.get(question.id, {})) for question in questions]
        for command in dict.fromkeys(sorted(commands, key=len, reverse=True)):
            self.note(f"  → {command}")

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


def _with_typed(question: Question, typed: Mapping[str, str]) -> str:
    values = (f"--set {name}={shlex.quote(text)}" for name, text in typed.items())
    return " ".join((f"octo resume {question.thread_id}", *values))


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
