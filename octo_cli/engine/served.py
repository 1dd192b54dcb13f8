"""Octo's graph for a LangGraph server, as `langgraph.json` names it: `graph`, and the `checkpointer` it is kept by.

The server streams the graph; everything else is as in any run of Octo's: the thread stands in Octo's own database with
its checkpoints, questions, documents and audit log, one lease keeps others off it, and an answer is checked before it
is taken. So a thread that was begun over HTTP can be gone on with by `octo resume`, and the other way round.
"""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import msgspec
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from octo_cli import outputs
from octo_cli.agents.registry import Registry
from octo_cli.engine import Engine
from octo_cli.engine.apart import Apart, open_apart
from octo_cli.engine.run import RECURSION_LIMIT
from octo_cli.engine.sentences import in_words, told
from octo_cli.errors import Failed, InvalidAnswer, OctoError, UsageError
from octo_cli.i18n import language_of_locale, words
from octo_cli.settings import OFFLINE, Settings, resolve
from octo_cli.storage import open_storage
from octo_cli.supervisor.build import build
from octo_cli.supervisor.foreign import nodes
from octo_cli.values.text import one_line
from octo_cli.wire.events import Answers, Continue, Say, Turn
from octo_cli.wire.forms import Answer

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from octo_cli.agents.kit import Kit

_LONGEST_SHOWN = 200


class Refused(RuntimeError):
    """What Octo does not take, or could not do: its code and its sentence. Of errors it knows nothing about, a server
    tells its client only that there was one."""


class _Here(threading.local):
    """What this thread's event loop has: a server asks for a checkpointer once a loop, and closes it at its end."""

    apart: Apart | None = None
    graph: "Served | None" = None


_here = _Here()


@asynccontextmanager
async def checkpointer() -> AsyncIterator["BaseCheckpointSaver[Any]"]:
    """Octo's own, of the database that settings name; open until the server ends, and so is the engine that runs.

    Raises UsageError for settings that cannot be taken, StorageError for a database that cannot be opened or written.
    """
    settings = await asyncio.to_thread(_settings)
    async with open_apart(settings) as apart:
        # The server reads threads on its own event loop: that takes a connection of its own.
        with await asyncio.to_thread(open_storage, settings.database) as storage:
            async with storage.checkpointer() as saver:
                _here.apart = apart
                try:
                    yield saver
                finally:
                    _here.apart = None


async def graph() -> "Served":
    """The graph with the agents that settings name. Nothing is opened: a server also asks for it to draw it.

    Raises UsageError for settings that cannot be taken.
    """
    if _here.graph is None:
        _here.graph = await asyncio.to_thread(_built)
    return _here.graph


def _built() -> "Served":
    settings = _settings()
    made = build(
        Registry(settings),
        assisted=settings.model != OFFLINE,
        step_timeout=settings.plan.timeout,
        nodes_of_others=tuple(nodes()),
    )
    # As LangGraph copies a graph; a server does the same to put its checkpointer in.
    return Served(**vars(made))


def _settings() -> Settings:
    with in_words(words(language_of_locale())):
        return resolve({}, os.environ, Path.cwd())


class Served(CompiledStateGraph[Any, "Kit", Any, Any]):
    """The supervisor's graph, run under Octo's books wherever a server streams it.

    In goes `{"say": {"text": "…", "format": "chat"}}` (a format may be left out), `Command(resume={interrupt id:
    answer})` with the contract's answers, or nothing, to go on with what broke off.
    """

    async def astream(self, input: Any, config: "RunnableConfig | None" = None, **options: Any) -> AsyncGenerator[Any]:
        """LangGraph's chunks. Raises Refused for every OctoError there is."""
        apart, configurable = _here.apart, (config or {}).get("configurable", {})
        user = configurable.get("langgraph_auth_user_id")
        # What the server put in for itself belongs to its own event loop.
        kept = {name: value for name, value in configurable.items() if not name.startswith("__")}
        limited: Any = {"configurable": kept, "recursion_limit": RECURSION_LIMIT}

        async def begin() -> AsyncGenerator[Any]:
            assert apart is not None  # it was there when the run began
            thread_id, engine = str(kept["thread_id"]), apart.engine
            turn = await _turn(input, thread_id, engine)
            graph = await engine.graph()

            def stream(given: Any, kit: "Kit") -> AsyncGenerator[Any]:
                ours = {**options, "context": kit, "durability": "sync"}
                return cast("AsyncGenerator[Any]", graph.astream(given, limited, **ours))

            return engine.hosted(thread_id, turn, stream, actor=f"user:{user}" if user else None)

        try:
            if apart is None:
                raise Failed("served_without_storage")
            # A server that was told of no thread makes one up, and keeps nothing of it.
            if self.checkpointer is None or not kept.get("thread_id"):
                raise UsageError("served_without_thread")
            async with aclosing(apart.told(begin)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except OctoError as error:
            raise _refused(error) from error

    async def abulk_update_state(self, *_: Any, **__: Any) -> NoReturn:
        """A state is made by runs alone: one that was written beside them loses what is asked in it."""
        raise _refused(UsageError("served_no_update"))


def _refused(error: OctoError) -> Refused:
    problem = told(error, _here.apart.say if _here.apart else words(language_of_locale()))
    return Refused(f"{problem.code}: {problem.message}")


async def _turn(given: Any, thread_id: str, engine: Engine) -> Turn:
    """What a client sends, as a turn; the thread of one that says something is made if Octo has none of it."""
    match given:
        case {"say": {"text": str(text), **rest}}:
            format = outputs.wanted(str(rest["format"])).name if rest.get("format") else engine.settings.format
            await engine.thread_for(text, thread_id, create=True)
            return Say(text, format)
        case None:
            return Continue()
        case Command(resume=answers) if answers is not None and not (given.update or given.goto):
            return await _answers(answers, thread_id, engine)
    raise UsageError("served_input", input=one_line(repr(given))[:_LONGEST_SHOWN])


async def _answers(resume: Any, thread_id: str, engine: Engine) -> Turn:
    """The answers by interrupt id; one without an id is meant for the only question there is."""
    questions = await engine.questions(thread_id)
    if isinstance(resume, dict) and "action" in resume and len(questions) == 1:
        resume = {questions[0].id: resume}
    try:
        return Answers(msgspec.convert(resume, dict[str, Answer]))
    except msgspec.ValidationError as error:
        open_now = ", ".join(question.id for question in questions) or "—"
        raise InvalidAnswer("served_answer", open=open_now) from error
