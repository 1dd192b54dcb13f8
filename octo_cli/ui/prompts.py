"""Questions on a terminal: a form one line a field, and a decision about a document. Prompts go to stderr.

The real cursor of the terminal is used throughout, because that is where a Korean input method draws its composition.
"""

import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session, get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer, WordCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.utils import is_dumb_terminal

from octo_cli.errors import InvalidAnswer, OctoError
from octo_cli.i18n import Words
from octo_cli.ui.cells import clip, fold, width, wrap
from octo_cli.ui.plain import may_be_allowed, missing, remark, short_hash
from octo_cli.ui.problems import worded
from octo_cli.ui.sanitise import one_line, visible
from octo_cli.ui.style import Style
from octo_cli.wire.forms import Answer, FormField, Question
from octo_cli.wire.work import ThreadRecord

Read = Callable[[str, str], tuple[Any, str]]

_SEVERAL_LINES: Final = ("longtext", "list")
_BACK: Final = "\0back"
_MENU_LINES: Final = 4
_SHORT: Final = 12
# "ㅛ" is what the key of "y" writes on a Korean keyboard.
_YES: Final = frozenset({"y", "yes", "네", "예", "ㅛ"})
# A shorter number can be no beginning of an id.
SHORTEST_REFERENCE: Final = 4
# What stands in front of each line of a tool's call.
_BAR: Final = "  │ "
_BAR_CELLS: Final = 4
# Of a plan's fields, those that few would change.
_PLAN_DETAILS: Final = ("agent_", "after_")
# Cells in front of each row of the list a thread is picked from.
PICK_MARGIN: Final = 5


class Desk:
    """Where a person is asked: one prompt at a time, and notes in between."""

    def __init__(self, say: Words, style: Style, *, source: Input | None = None, screen: Output | None = None) -> None:
        self.say = say
        self.style = style
        self._source = source or create_input(sys.stdin)
        self._screen = screen or create_output(stdout=sys.stderr)

    def note(self, line: str = "") -> None:
        self._screen.write_raw(f"{line}\r\n")
        self._screen.flush()

    @property
    def columns(self) -> int:
        return self._screen.get_size().columns

    def tell(self, text: str, *, margin: int, look: Callable[[str], str] = str) -> None:
        """A sentence, broken at spaces, every line of it behind the same margin."""
        for line in wrap(one_line(text), max(self.columns - margin, 1)):
            self.note(f"{'':{margin}}{look(line)}")

    def offer(self, labels: Iterable[str], *, margin: int, look: Callable[[str], str] = str) -> None:
        """Numbered choices: side by side where they fit, else one below the other."""
        numbered = [f"{number}) {one_line(label)}" for number, label in enumerate(labels, 1)]
        abreast = "  ".join(numbered)
        if margin + width(abreast) <= self.columns:
            self.note(f"{'':{margin}}{look(abreast)}")
            return
        for line in numbered:
            self.tell(line, margin=margin, look=look)

    async def line(
        self,
        label: str,
        *,
        text: str = "",
        several: bool = False,
        check: Callable[[str], str] | None = None,
        completer: Completer | None = None,
        history: History | None = None,
    ) -> str:
        """What the person typed, NFC. `check` says how a text reads, or raises InvalidAnswer: then it is asked again.

        With a `completer`, `text` is not put into the line, and a blank keeps it. Raises KeyboardInterrupt and EOFError
        for Ctrl-C and Ctrl-D.
        """
        kept = bool(completer and text)
        text = "" if kept else text
        while True:
            session: PromptSession[str] = PromptSession(
                message=label,
                multiline=several,
                completer=completer,
                history=history or InMemoryHistory(),
                bottom_toolbar=self._reading_of(check, kept=kept) if check else None,
                key_bindings=_keys(several=several, field=check is not None, leaving=history is None),
                prompt_continuation=lambda cells, *_: " " * cells,
                reserve_space_for_menu=_MENU_LINES if completer else 0,
                color_depth=None if self.style.on else ColorDepth.DEPTH_1_BIT,
                input=self._source,
                output=None if is_dumb_terminal() else self._screen,
            )
            session.default_buffer.on_text_changed += _compose
            text = unicodedata.normalize("NFC", await self._typed(session, text))
            if check is None or text == _BACK or (refusal := self._refused(check, text)) is None:
                return text
            self.tell(refusal, margin=4, look=self.style.alarming)

    async def _typed(self, session: "PromptSession[str]", text: str) -> str:
        # The loop's SIGINT belongs to the session: while the work runs, Ctrl-C must still cancel it afterwards.
        if not is_dumb_terminal():
            return await session.prompt_async(default=text, handle_sigint=False)
        # Without a cursor to move, nothing can be edited in place: Enter keeps the text shown, a blank empties it.
        # Keys count from the moment the prompt is there, which it is before its application runs.
        with create_app_session(self._source, self._screen), self._source.raw_mode():
            session.message = f"{session.message}[{text}] " if text else session.message
            return await session.prompt_async(handle_sigint=False) or text

    def _refused(self, check: Callable[[str], str], text: str) -> str | None:
        """Why `text` is not taken; a blank may wait."""
        try:
            if text.strip():
                check(text)
        except InvalidAnswer as error:
            return _refusal(error, self.say)
        return None

    def _reading_of(self, check: Callable[[str], str], *, kept: bool) -> Callable[[], str]:
        def show() -> str:
            text = get_app().current_buffer.text
            if not text.strip():
                return self.say("form.keys_kept" if kept else "form.keys")
            try:
                return f"= {one_line(check(text))}"
            except InvalidAnswer:
                # Half a value is no mistake yet; Enter tells.
                return " "

        return show

    async def pick(self, options: Mapping[str, str], *, default: str | None = None, yes: str | None = None) -> str:
        """One of `options` (name → label) by number, name, label, or the first letters of either.

        `yes` is what "y" means, `default` what Enter does.
        """
        self.offer(options.values(), margin=2)
        while True:
            typed = (await self.line("  > ")).strip()
            if not typed and default is not None:
                return default
            if yes is not None and typed.casefold() in _YES:
                return yes
            if (name := _named(typed, options)) is not None:
                return name
            self.tell(self.say("form.pick_one", count=len(options)), margin=2, look=self.style.quiet)


async def fill(question: Question, read: Read, desk: Desk, typed: dict[str, str]) -> Answer | None:
    """Put a form. `typed` collects what the person changed, so that leaving loses nothing.

    None when they left it with Ctrl-C or Ctrl-D.
    """
    try:
        return await _Form(question, read, desk, typed).run()
    except (KeyboardInterrupt, EOFError):
        return None


async def decide(question: Question, desk: Desk, typed: Mapping[str, str]) -> Answer | None:
    """Show a document exactly as it would be written, and ask what to do with it. `typed` waits for the form."""
    try:
        return await _decide(question, desk, typed)
    except (KeyboardInterrupt, EOFError):
        return None


class _Form:
    def __init__(self, question: Question, read: Read, desk: Desk, typed: dict[str, str]) -> None:
        self.question = question
        self.read = read
        self.desk = desk
        self.typed = typed
        self.fields = {field.name: field for field in question.fields}
        self.values: dict[str, Any] = dict(self._typed_before())
        self.kept = set(self.values)

    async def run(self) -> Answer:
        say, desk = self.desk.say, self.desk
        _head(self.question, desk)
        desk.tell(say("form.legend"), margin=2, look=desk.style.quiet)
        if self.kept:
            labels = ", ".join(self.fields[name].label for name in self.fields if name in self.kept)
            desk.tell(say("form.typed_kept", labels=labels), margin=2, look=desk.style.alarming)
        await self.walk(self.worth_a_look())
        while True:
            blanks = self.blanks()
            desk.note()
            if blanks:
                labels = ", ".join(self.fields[name].label for name in blanks)
                desk.tell(say("form.blanks", labels=labels), margin=2, look=desk.style.alarming)
            menu = self._menu(blanks)
            match await desk.pick(menu, default=list(menu)[1] if blanks else "submit"):
                case "submit":
                    return Answer("submit", fields=self.values, base_revision=self.question.base_revision)
                case "fill":
                    await self.walk(blanks)
                case "again":
                    await self.walk(self.worth_a_look())
                case "all":
                    await self.walk(list(self.fields))
                case "reject":
                    return Answer("reject", reason=await _reason(desk))
                case _:
                    return Answer("defer")

    def blanks(self) -> list[str]:
        # Whoever says it again in other words need not choose as well.
        if self.question.type == "clarification_required" and any(self.values.values()):
            return []
        return [name for name, field in self.fields.items() if field.required and self._blank(field)]

    def worth_a_look(self) -> list[str]:
        """The fields to go through first: the main ones, those still needed, and those with an error."""
        wanted = {*self.question.editable_fields, *(field.name for field in missing(self.question))}
        wanted |= {field.name for field in self.fields.values() if any(i.level == "error" for i in field.issues)}
        wanted |= self.kept
        return [name for name in self.fields if name in wanted] or list(self.fields)

    async def walk(self, names: Sequence[str]) -> None:
        """Ask field after field; Shift-Tab goes back to the one before."""
        place = 0
        while place < len(names):
            forward = await self.ask(self.fields[names[place]])
            place = place + 1 if forward else max(place - 1, 0)

    async def ask(self, field: FormField) -> bool:
        """One field. False when the person wants the one before."""
        self._introduce(field)
        typed = self.typed.get(field.name)
        before = editable_text(field, self.read) if typed is None else _labels(field).get(typed, typed)

        def check(text: str) -> str:
            meant = chosen(field, text)
            display = self.read(field.name, meant)[1]
            return _labels(field).get(meant, display)

        # What is chosen by a number stands beside the line: typed behind a word, the number would be part of it.
        shown = f" [{one_line(before)}]" if field.choices and before else ""
        text = await self.desk.line(
            f"  {one_line(field.label)}{' *' if field.required else ''}{shown}: ",
            text=before,
            several=field.type in _SEVERAL_LINES,
            check=check,
            completer=WordCompleter(list(_labels(field).values())) if field.choices else None,
        )
        if text == _BACK:
            return False
        if text.strip() != before.strip() and (text.strip() or not field.choices):
            self._take(field, text.strip())
        return True

    def _take(self, field: FormField, text: str) -> None:
        if not text:
            self.values[field.name], self.typed[field.name] = None, ""
            return
        meant = chosen(field, text)
        value, display = self.read(field.name, meant)
        self.values[field.name], self.typed[field.name] = value, meant
        display = _labels(field).get(meant, display)
        if display and display != text:
            self.desk.tell(f"= {display}", margin=4, look=self.desk.style.quiet)

    def _introduce(self, field: FormField) -> None:
        desk = self.desk
        if field.choices:
            desk.offer(_labels(field).values(), margin=4, look=desk.style.quiet)
        elif field.help and self._blank(field):
            desk.tell(field.help, margin=4, look=desk.style.quiet)
        if field.type in _SEVERAL_LINES:
            desk.tell(desk.say("form.several"), margin=4, look=desk.style.quiet)
        _remarks(field, desk)

    def _typed_before(self) -> Iterator[tuple[str, Any]]:
        """What was typed when this form was put before, as far as it still means something."""
        for name, text in list(self.typed.items()):
            try:
                value = self.read(name, text)[0] if text else None
            except InvalidAnswer:
                del self.typed[name]
            else:
                yield name, value

    def _blank(self, field: FormField) -> bool:
        return self.values.get(field.name, field.value) in (None, "", [])

    def _menu(self, blanks: Sequence[str]) -> dict[str, str]:
        # A number means the same whenever the menu comes, and giving up comes last.
        more = len(self.fields) > len(self.worth_a_look())
        names = ["submit", "fill" if blanks and more else "again", *(["all"] if more else []), "defer"]
        names += ["reject"] if "reject" in self.question.actions else []
        return {name: self.desk.say(f"form.{name}") for name in names}


async def _decide(question: Question, desk: Desk, typed: Mapping[str, str]) -> Answer:
    say = desk.say
    _head(question, desk)
    desk.note()
    for line in visible(question.preview).splitlines():
        for part in [line] if width(line) <= desk.columns else wrap(line, desk.columns):
            desk.note(desk.style.strong(part) if line.startswith("#") else part)
    desk.note()
    for field in question.fields:
        _remarks(field, desk, named=True)
    if question.doc_hash:
        desk.note(f"  {desk.style.quiet(say('run.doc_hash', hash=short_hash(question.doc_hash)))}")
    if typed:
        desk.tell(say("form.typed_waits", back=say("form.back")), margin=2, look=desk.style.alarming)
    names = [name for name in ("approve", "revise", "back", "reject") if name in question.actions]
    match await desk.pick({name: say(f"form.{name}") for name in (*names, "defer")}):
        case "approve":
            return Answer("approve", doc_hash=question.doc_hash)
        case "revise":
            return Answer("revise", feedback=await _something(desk, say("form.feedback")))
        case "back":
            return Answer("back", to="collaborate")
        case "reject":
            return Answer("reject", reason=await _reason(desk))
        case _:
            return Answer("defer")


async def give_leave(question: Question, read: Read, desk: Desk, typed: dict[str, str]) -> Answer | None:
    """Show a tool's call exactly as it would run, and ask whether it may; None when they left with Ctrl-C or Ctrl-D."""
    try:
        return await _Leave(question, read, desk, typed).run()
    except (KeyboardInterrupt, EOFError):
        return None


class _Leave(_Form):
    """The call, its arguments as a form, and a menu between the two."""

    async def run(self) -> Answer:
        say, desk = self.desk.say, self.desk
        _head(self.question, desk)
        desk.note()
        # A bar in front of every line: nothing in the call can pass for Octo's own words or for the menu.
        for line in visible(self.question.preview).expandtabs().splitlines():
            for part in fold(line, max(desk.columns - _BAR_CELLS, 1)):
                desk.note(f"{_BAR}{part}")
        desk.note()
        for field in self.question.fields:
            _remarks(field, desk)
        names = ("approve", "edit", "reject", *(("run",) if may_be_allowed(self.question) else ()))
        options = {name: say(f"form.tool_{name}") for name in names}
        while True:
            match await desk.pick({**options, "defer": say("form.defer")}, yes="approve"):
                case "approve":
                    return Answer("approve", doc_hash=self.question.doc_hash)
                case "run":
                    return Answer("approve", doc_hash=self.question.doc_hash, scope="run")
                case "reject":
                    return Answer("reject", reason=await _reason(desk))
                case "edit":
                    await self.walk(list(self.fields))
                    if self.values:
                        return Answer("edit", args=self.values)
                case _:
                    return Answer("defer")


async def review_plan(question: Question, read: Read, desk: Desk, typed: dict[str, str]) -> Answer | None:
    """Show a plan's steps and ask whether to begin; None when the person left with Ctrl-C or Ctrl-D."""
    try:
        return await _Review(question, read, desk, typed).run()
    except (KeyboardInterrupt, EOFError):
        return None


class _Review(_Form):
    """The steps, what may be changed of them as a form, and a menu between the two."""

    async def run(self) -> Answer:
        say, desk = self.desk.say, self.desk
        _head(self.question, desk)
        desk.note()
        for line in visible(self.question.preview).splitlines():
            desk.tell(line, margin=2)
        desk.note()
        if self.kept:
            labels = ", ".join(self.fields[name].label for name in self.fields if name in self.kept)
            desk.tell(say("form.typed_kept", labels=labels), margin=2, look=desk.style.alarming)
        menu = {name: say(f"form.plan_{name}") for name in ("start", "edit", "more", "reject")}
        while True:
            match await desk.pick({**menu, "defer": say("form.defer")}, yes="start"):
                case "start" if self.values:
                    return Answer("submit", fields=self.values)
                case "start":
                    return Answer("approve")
                case "edit":
                    await self.walk([name for name in self.fields if not name.startswith(_PLAN_DETAILS)])
                case "more":
                    await self.walk([name for name in self.fields if name.startswith(_PLAN_DETAILS)])
                case "reject":
                    return Answer("reject", reason=await _reason(desk))
                case _:
                    return Answer("defer")


async def pick_thread(records: Sequence[ThreadRecord], lines: Iterable[str], desk: Desk) -> str:
    """The thread a person points at, by the number in front of it; any other text is taken as a reference itself."""
    header, *rows = lines
    desk.note(f"{'':{PICK_MARGIN}}{header}")
    for number, row in enumerate(rows, 1):
        desk.note(f"{number:>{PICK_MARGIN - 2}}) {row}")
    while True:
        typed = (await desk.line(f"{desk.say('form.which_thread')} ")).strip()
        if typed.isdecimal() and 1 <= int(typed) <= len(records):
            return records[int(typed) - 1].thread_id
        if len(typed) >= SHORTEST_REFERENCE or (not typed.isdecimal() and typed):
            return typed
        desk.tell(desk.say("form.pick_one", count=len(records)), margin=2, look=desk.style.quiet)


def editable_text(field: FormField, read: Read) -> str:
    """A field's value as the shortest text that reads back as the same value."""
    if field.value in (None, "", []):
        return ""
    if field.choices:
        return _labels(field).get(str(field.value), field.display)
    if isinstance(field.value, list) and field.type != "array":
        return "\n".join(map(str, field.value))
    for text in _spellings(field):
        try:
            if read(field.name, text)[0] == field.value:
                return visible(text)
        except OctoError:
            continue
    return visible(field.display)


def _spellings(field: FormField) -> Iterator[str]:
    """How a value may be written, the handiest first: "24개월", "50,000,000", "2027-03-01", and in full."""
    if isinstance(field.value, int) and not isinstance(field.value, bool):
        if width(field.display) <= _SHORT:
            yield field.display
        yield f"{field.value:,}"
    yield str(field.value)
    yield field.display


def chosen(field: FormField, text: str) -> str:
    """The choice a number or a label stands for; any other text as it is."""
    text = text.strip()
    labels = _labels(field)
    if text in labels:
        return text
    by_label = {label: value for value, label in labels.items()}
    if text in by_label:
        return by_label[text]
    if text.isdecimal() and 1 <= int(text) <= len(labels):
        return list(labels)[int(text) - 1]
    return text


def _labels(field: FormField) -> dict[str, str]:
    choices = field.choices or ()
    return dict(zip(choices, field.choice_labels or choices, strict=True))


def _head(question: Question, desk: Desk) -> None:
    desk.note()
    desk.note(desk.style.strong(one_line(question.title)))
    for line in question.message.splitlines():
        desk.tell(line, margin=2)


def _remarks(field: FormField, desk: Desk, *, named: bool = False) -> None:
    for issue in field.issues:
        about = f"{one_line(field.label)}: " if named else ""
        line = f"{desk.say(f'level.{issue.level}')} {about}{remark(issue.message, issue.ref)}"
        desk.tell(line, margin=4, look=desk.style.quiet if issue.level == "info" else desk.style.alarming)


async def _something(desk: Desk, label: str) -> str:
    while not (text := (await desk.line(f"  {label}: ")).strip()):
        pass
    return text


async def _reason(desk: Desk) -> str | None:
    return (await desk.line(f"  {desk.say('form.reason')}: ")).strip() or None


def _named(typed: str, options: Mapping[str, str]) -> str | None:
    names = list(options)
    if typed.isdecimal() and 1 <= int(typed) <= len(names):
        return names[int(typed) - 1]
    lowered = typed.casefold()
    meant = [
        name for name in names if typed and (name.startswith(lowered) or options[name].casefold().startswith(lowered))
    ]
    return meant[0] if len(meant) == 1 else None


def _refusal(error: InvalidAnswer, say: Words) -> str:
    """Why a value is not taken, in the shortest words there are: the person sees which field it is."""
    reason, details = f"value.{error.values.get('reason')}", error.values.get("details")
    if not say.has(reason) or not isinstance(details, dict):
        return worded(error, say).message
    return say(reason, **{name: clip(one_line(str(detail)), _SHORT) for name, detail in details.items()})


def _compose(buffer: Buffer) -> None:
    """Jamo pasted from a macOS file name become syllables, so that Backspace deletes what one sees."""
    text = unicodedata.normalize("NFC", buffer.text)
    if text != buffer.text:
        before = unicodedata.normalize("NFC", buffer.document.text_before_cursor)
        buffer.document = Document(text, len(before))


def _keys(*, several: bool, field: bool, leaving: bool) -> KeyBindings:
    keys = KeyBindings()
    if leaving:
        # A shell's line keeps Ctrl-D for deleting while it has text; a field has text from the start.
        keys.add("c-d")(_leave)
    if field:
        keys.add("s-tab")(_go_back)
    if several:
        keys.add("enter")(_accept)
        keys.add("escape", "enter")(_break_line)
        keys.add("c-j")(_break_line)
    return keys


def _leave(event: KeyPressEvent) -> None:
    event.app.exit(exception=EOFError)


def _go_back(event: KeyPressEvent) -> None:
    event.app.exit(result=_BACK)


def _accept(event: KeyPressEvent) -> None:
    event.current_buffer.validate_and_handle()


def _break_line(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text("\n")
