"""Octo inside another program: `open_engine` on an event loop of somebody else's, as docs/library.md promises it."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

import octo_cli
from octo_cli import (
    Answer,
    InterruptRaised,
    InvalidAnswer,
    NotFound,
    Octo,
    OctoError,
    Options,
    RunFinished,
    RunStarted,
    StorageError,
    ThreadBusy,
    UsageError,
    open_engine,
)
from octo_cli.i18n import words
from octo_cli.wire.events import PlanReady
from octo_cli.wire.work import Problem
from tests.conftest import LEASE, REST

PROJECT = Path(__file__).parents[2]
EXAMPLE = PROJECT / "examples" / "embed" / "lease.py"
PAGES = [PROJECT / "docs" / name for name in ("library.md", "library.ko.md")]
FILLED = {"action": "submit", "fields": REST}

Story = Callable[[Octo], Coroutine[Any, Any, Any]]


@pytest.fixture
def options(tmp_path: Path) -> Options:
    (tmp_path / "work").mkdir()
    return {"home": tmp_path / "home", "folder": tmp_path / "work", "lang": "ko", "user": "u", "model": "offline"}


@contextmanager
def refused(error: type[OctoError], code: str) -> Iterator[None]:
    """It is refused with that code, in a sentence."""
    with pytest.raises(error) as raised:
        yield
    assert (raised.value.code, str(raised.value)) == (code, words("ko")(f"error.{code}", **raised.value.values))


def told(story: Story, options: Options) -> Any:
    """What `story` comes to with an engine that is open as long as it lasts."""

    async def within() -> Any:
        async with open_engine(**options) as octo:
            return await story(octo)

    return asyncio.run(within())


def printed(program: str, folder: Path) -> list[str]:
    """What a program of somebody else's prints, in a folder and with a home of its own."""
    environment = {**os.environ, "OCTO_HOME": str(folder / "home"), "PYTHONUTF8": "1"}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.splitlines()


def test_the_example_makes_its_document(tmp_path: Path) -> None:
    path = printed(EXAMPLE.read_text(encoding="utf-8"), tmp_path)[-1]
    assert Path(path).read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_works(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown, program, _ = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert shown in EXAMPLE.read_text(encoding="utf-8")
    *_, status, refusal = printed(program, tmp_path)
    assert (status, refusal.partition(":")[0]) == ("waiting_human", "invalid_value")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_lists_every_call_and_error(page: Path) -> None:
    first = re.findall(r"^\| `(?:octo\.)?(\w+)(\(.*?\))?`", page.read_text(encoding="utf-8"), re.MULTILINE)
    calls = {name: parameters for name, parameters in first if parameters}
    assert set(calls) == {"open_engine", *(name for name in vars(Octo) if not name.startswith("_"))}
    for name in calls.keys() - {"open_engine"}:
        named = [one.name for one in signature(getattr(Octo, name)).parameters.values()][1:]
        assert [word.partition("=")[0] for word in calls[name][1:-1].split(", ") if word != "*"] == named
    errors = {name for name in octo_cli.__all__ if isinstance(getattr(octo_cli, name), type(OctoError))}
    raised = {name for name in errors if issubclass(getattr(octo_cli, name), OctoError)} - {"OctoError"}
    assert {name for name, parameters in first if not parameters} == raised


def test_whoever_types_a_wrong_option_is_told_by_their_type_checker_too() -> None:
    """An `ignore` that ignores nothing is an error, as is anything in `examples/embed`, where the example is."""
    assert (PROJECT / "octo_cli" / "py.typed").exists()
    with pytest.raises(TypeError, match="sqlight"):
        asyncio.run(open_engine(sqlight="octo.db").__aenter__())  # type: ignore[call-arg]


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys, octo_cli; assert {n for n in sys.modules if n.startswith('octo_cli')} == {'octo_cli'}\n"
        "octo_cli.OctoError, octo_cli.Answer, octo_cli.RunFinished; assert 'octo_cli.engine' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_promised_name_is_there() -> None:
    assert [name for name in octo_cli.__all__ if getattr(octo_cli, name, None) is None] == []
    with pytest.raises(AttributeError, match="nonsense"):
        octo_cli.nonsense  # type: ignore[attr-defined]  # noqa: B018


def test_events_come_as_they_happen_and_the_last_sums_up(options: Options) -> None:
    async def story(octo: Octo) -> None:
        events = [event async for event in octo.run(LEASE)]
        started, finished = events[0], events[-1]
        assert isinstance(started, RunStarted)
        assert isinstance(finished, RunFinished)
        raised = [event.interrupt for event in events if isinstance(event, InterruptRaised)]
        assert finished.summary.interrupts == tuple(raised) == await octo.questions() == await octo.questions("last")
        assert finished.summary.thread_id == started.thread_id

    told(story, options)


def test_a_thread_is_answered_forked_and_told_of(options: Options) -> None:
    async def story(octo: Octo) -> None:
        asked = await octo.run(LEASE)
        form = asked.interrupts[0]
        approval = (await octo.answer(form, FILLED)).interrupts[0]
        done = await octo.answer(approval, Answer("approve"))
        assert (done.status, done.documents[0].document_type) == ("completed", "lease")

        thread = str(done.thread_id)
        assert await octo.summary(thread[:6]) == done
        confirming = next(one for one in await octo.history(thread) if one.next == ("user_confirm",))
        fork = await octo.fork(thread, confirming.checkpoint_id)
        again = await octo.questions(fork.thread_id)
        assert [question.preview for question in again] == [approval.preview]
        assert {record.thread_id: record.status for record in await octo.threads()} == {
            thread: "completed",
            fork.thread_id: "waiting_human",
        }
        assert [record.thread_id for record in await octo.threads(status="waiting_human", limit=5)] == [fork.thread_id]

    told(story, options)


def test_a_server_keeps_it_as_a_file_does(options: Options, address: str) -> None:
    async def begin(octo: Octo) -> str:
        return str((await octo.run(LEASE)).thread_id)

    async def go_on(octo: Octo) -> str:
        (question,) = await octo.questions()
        return (await octo.answer(question, FILLED)).interrupts[0].thread_id

    served: Options = {**options, "postgres": address}
    assert told(begin, served) == told(go_on, served)
    assert told(lambda octo: octo.threads(), options) == ()


def test_talk_goes_on_in_a_thread_of_the_embedders_own_name(options: Options) -> None:
    async def story(octo: Octo) -> None:
        await octo.run("안녕하세요", "customer-7", create=True)
        outcome = await octo.run("고마워요", "customer-7", format="json")
        assert (outcome.thread_id, outcome.format, outcome.status) == ("customer-7", "json", "completed")
        assert [record.turns for record in await octo.threads()] == [2]

    told(story, options)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ({"action": "submit", "fields": {"rent_amount": "많이"}}, "invalid_value"),
        ({"action": "submit", "fields": {"colour": "red"}}, "unknown_field"),
        ({"action": "submit", "base_revision": 7}, "stale_revision"),
        ({"action": "approve"}, "action_not_offered"),
        ({"fields": {}}, "malformed_answer"),
        ({"action": "explode"}, "malformed_answer"),
        (Answer("submit", fields={"tenant_name": "\ud800"}), "malformed_answer"),
        ({"action": "submit", "fields": {"tenant_name": object()}}, "malformed_answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_that_does_not_fit_changes_nothing(reply: dict[str, Any], code: str, options: Options) -> None:
    async def story(octo: Octo) -> None:
        question = (await octo.run(LEASE)).interrupts[0]
        with pytest.raises(InvalidAnswer) as raised:
            await octo.answer(question, reply)
        assert octo.explain(raised.value) == Problem(code, str(raised.value), octo.explain(raised.value).hint)
        assert await octo.questions() == (question,)

    told(story, options)


def test_an_answered_question_is_not_answered_twice(options: Options) -> None:
    async def story(octo: Octo) -> None:
        question = (await octo.run(LEASE)).interrupts[0]
        await octo.answer(question, FILLED)
        with refused(InvalidAnswer, "question_not_open"):
            await octo.answer(question, FILLED)

    told(story, options)


@pytest.mark.parametrize(
    "call",
    [
        lambda octo: octo.run("안녕", "nowhere"),
        lambda octo: octo.resume("nowhere"),
        lambda octo: octo.questions("nowhere"),
        lambda octo: octo.summary("nowhere"),
        lambda octo: octo.history("nowhere"),
        lambda octo: octo.fork("nowhere"),
    ],
    ids=["run", "resume", "questions", "summary", "history", "fork"],
)
def test_an_unknown_thread_is_not_found_and_never_made(call: Callable[[Octo], Any], options: Options) -> None:
    async def story(octo: Octo) -> None:
        with refused(NotFound, "thread_not_found"):
            await call(octo)
        assert await octo.threads() == ()

    told(story, options)


UNFIT: list[Callable[[Any], Any]] = [
    lambda octo: octo.threads(limit=-1),
    lambda octo: octo.threads(limit=True),
    lambda octo: octo.threads(limit=10**30),
    lambda octo: octo.threads(status="asleep"),
    lambda octo: octo.run(b"hello"),
    lambda octo: octo.run("hello", 3),
    lambda octo: octo.run("hello", format=3),
    lambda octo: octo.resume(None),
    lambda octo: octo.history(3),
    lambda octo: octo.fork("last", 3),
    lambda octo: octo.answer({"id": "1"}, FILLED),
]


def test_an_argument_of_another_kind_is_said(options: Options) -> None:
    async def story(octo: Octo) -> None:
        for call in UNFIT:
            with refused(UsageError, "bad_setting"):
                await call(octo)
        assert await octo.threads() == ()

    told(story, options)


def test_a_format_there_is_none_of_is_said_before_a_thread_is_made(options: Options) -> None:
    async def story(octo: Octo) -> None:
        for format in ("nope", ""):
            with refused(UsageError, "format_not_found"):
                await octo.run("안녕", format=format)
        assert await octo.threads() == ()

    told(story, options)


def test_what_cannot_be_taken_is_said_before_a_thread_is_made(options: Options) -> None:
    async def story(octo: Octo) -> None:
        for text, thread, code in (("  ", None, "text_empty"), ("안녕", "no/slash", "thread_id_invalid")):
            with refused(UsageError, code):
                await octo.run(text, thread, create=True)
        assert await octo.threads() == ()

    told(story, options)


def test_many_first_runs_share_one_database(options: Options) -> None:
    async def story(octo: Octo) -> None:
        done = await asyncio.gather(*(octo.run("안녕하세요") for _ in range(5)))
        assert {outcome.status for outcome in done} == {"completed"}
        assert {record.thread_id for record in await octo.threads()} == {outcome.thread_id for outcome in done}

    told(story, options)


def test_two_engines_in_one_process_have_a_database_each_or_share_one(options: Options, tmp_path: Path) -> None:
    async def story(octo: Octo) -> None:
        thread = str((await octo.run(LEASE)).thread_id)
        apart: Options = {**options, "sqlite": tmp_path / "other.db"}
        async with open_engine(**options) as beside, open_engine(**apart) as elsewhere:
            assert await elsewhere.threads() == ()
            assert await beside.threads() == await octo.threads()
            answering = beside.answer((await beside.questions())[0], FILLED)
            async for _ in answering:
                # Whoever runs a thread has it for itself, in the same process too.
                with refused(ThreadBusy, "thread_busy"):
                    await octo.resume(thread)
                break
            await answering.aclose()

    told(story, options)


def test_whoever_stops_listening_cancels_the_run_and_resume_goes_on(options: Options) -> None:
    async def story(octo: Octo) -> None:
        run = octo.run(LEASE)
        async for event in run:
            if isinstance(event, PlanReady):
                break
        await run.aclose()
        assert [(record.status, record.pending) for record in await octo.threads()] == [("active", 0)]
        assert (await octo.resume("last")).status == "waiting_human"
        with refused(UsageError, "run_left"):
            await run

    told(story, options)


def test_whoever_leaves_at_the_first_event_has_said_it_all_the_same(options: Options) -> None:
    async def story(octo: Octo) -> None:
        # A new thread, and the next turn of one; the loop is only left, nobody closes the run or lets go of it.
        for thread, text in ((None, LEASE), ("last", "안녕하세요")):
            run = octo.run(text, thread)
            async for _ in run:
                break
            assert (await octo.summary("last")).status == "cancelled"
            resumed = await octo.resume("last")
            if resumed.interrupts:
                resumed = await octo.answer(resumed.interrupts[0], {"action": "reject"})
            assert resumed.status != "cancelled"
        assert [record.turns for record in await octo.threads()] == [2]
        assert resumed.aggregated_data
        assert "안녕" in resumed.aggregated_data.final_answer

    told(story, options)


@pytest.mark.parametrize("turns", [1, 2, 5])
def test_a_listener_cancelled_at_once_leaves_nothing_half_begun(turns: int, options: Options) -> None:
    """After so many turns of the host's loop: before anything was done, while the thread is made, and later."""

    async def story(octo: Octo) -> None:
        async def listen() -> None:
            await octo.run(LEASE)

        listener = asyncio.create_task(listen())
        for _ in range(turns):
            await asyncio.sleep(0)
        listener.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listener
        for record in await octo.threads():
            assert (await octo.summary(record.thread_id)).status == "cancelled"
            assert (await octo.resume(record.thread_id)).status == "waiting_human"

    told(story, options)


def test_a_run_nobody_waits_for_is_never_begun_and_one_is_awaited_twice(options: Options) -> None:
    async def story(octo: Octo) -> None:
        octo.run(LEASE)
        assert await octo.threads() == ()
        run = octo.run("안녕하세요")
        first, beside = await asyncio.gather(run, run)
        assert first is beside is await run
        unknown = octo.resume("nowhere")
        for _ in range(2):
            with refused(NotFound, "thread_not_found"):
                await unknown

    told(story, options)


def test_a_cancelled_listener_cancels_its_run(options: Options) -> None:
    async def story(octo: Octo) -> None:
        planned = asyncio.Event()

        async def listen() -> None:
            async for event in octo.run(LEASE):
                if isinstance(event, PlanReady):
                    planned.set()

        listener = asyncio.create_task(listen())
        await planned.wait()
        listener.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listener
        assert (await octo.summary("last")).status == "cancelled"

    told(story, options)


def test_closing_waits_until_what_goes_on_is_saved(options: Options) -> None:
    async def story() -> None:
        planned = asyncio.Event()

        async def listen(octo: Octo) -> None:
            async for event in octo.run(LEASE):
                if isinstance(event, PlanReady):
                    planned.set()

        async with open_engine(**options) as octo:
            listener = asyncio.create_task(listen(octo))
            await planned.wait()
        with refused(UsageError, "engine_closed"):
            await listener
        async with open_engine(**options) as octo:
            assert (await octo.summary("last")).status == "cancelled"
            assert (await octo.resume("last")).status == "waiting_human"

    asyncio.run(story())


def test_closing_ends_a_run_that_nobody_asks_on(options: Options) -> None:
    async def story() -> None:
        async with open_engine(**options) as octo:
            events = aiter(octo.run(LEASE))
            while not isinstance(await anext(events), PlanReady):
                pass
        with refused(UsageError, "engine_closed"):
            await anext(events)
        async with open_engine(**options) as octo:
            assert (await octo.resume("last")).status == "waiting_human"

    asyncio.run(story())


def test_a_run_left_in_the_middle_does_not_keep_the_engine_open(options: Options) -> None:
    """The loop is left by `break`, and the generator nobody holds is closed by whoever comes by."""

    async def story(octo: Octo) -> None:
        async for event in octo.run(LEASE):
            if isinstance(event, PlanReady):
                break

    told(story, options)
    assert [record.status for record in told(lambda octo: octo.threads(), options)] == ["active"]


def test_a_closed_engine_says_so(options: Options) -> None:
    async def keep(octo: Octo) -> Octo:
        return octo

    octo: Octo = told(keep, options)

    async def calls() -> None:
        for call in (octo.run("안녕"), octo.resume("last"), octo.threads(), octo.questions(), octo.history("last")):
            with refused(UsageError, "engine_closed"):
                await call

    asyncio.run(calls())


def test_a_home_that_cannot_be_written_is_told_before_anything_is_done(options: Options, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with refused(StorageError, "storage_unreachable"):
        told(lambda octo: octo.threads(), {**options, "home": tmp_path / "file" / "home"})


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"sqlight": "octo.db"}, TypeError),
        ({"postgres": "mysql://host/db"}, UsageError),
        ({"lang": "fr"}, UsageError),
        ({"config": "nowhere.toml"}, UsageError),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_option_that_cannot_be_taken_is_said(given: Any, error: type[Exception], options: Options) -> None:
    with pytest.raises(error):
        told(lambda octo: octo.threads(), {**options, **given})
