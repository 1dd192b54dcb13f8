"""memory …: what Octo remembers of a person, what of it the next turn would be given, and forgetting it."""

import sys
from typing import Annotated, Any, Final, get_args

import msgspec
import typer
from typer import Argument, Option

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import ask_to_go_on, print_json, print_lines, screen_columns
from octo_cli.errors import NotFound, UsageError
from octo_cli.settings import Settings
from octo_cli.storage import Storage, open_storage
from octo_cli.supervisor.memory import Outlook, outlook
from octo_cli.ui import memory as pages
from octo_cli.wire.memory import Fact, Length, Tier

_NEAR: Final = 5


def list_memory(ctx: typer.Context) -> None:
    """The facts there are, and the conversations the next turn would look back on."""
    caller: Caller = ctx.obj
    settings = caller.settings
    with open_storage(settings.database, create=False) as storage:
        found = outlook(storage, settings)
        facts = storage.facts(settings.user)
        sessions = _sessions(storage, found)
    totals = {"enabled": settings.memory.enabled, "tokens": found.tokens, "budget": settings.memory.budget}
    if caller.flags.get("json"):
        print_json({**totals, "facts": facts, "sessions": sessions})
    else:
        print_lines(pages.memory_lines(facts, sessions, totals, caller.words, screen_columns(sys.stdout)))


def show(ctx: typer.Context, memory: Annotated[str, Argument(metavar="ID|THREAD")]) -> None:
    """A fact, or a conversation as it would be recalled."""
    caller: Caller = ctx.obj
    settings = caller.settings
    with open_storage(settings.database, create=False) as storage:
        found = _found(storage, settings, memory)
        told = {"fact": found} if isinstance(found, Fact) else _conversation(storage, settings, found)
    if caller.flags.get("json"):
        print_json(told)
    elif isinstance(found, Fact):
        print_lines(pages.fact_lines(found, settings.now(), caller.words))
    else:
        print_lines(pages.conversation_lines(told, caller.words))


def forget(
    ctx: typer.Context,
    memory: Annotated[str | None, Argument(metavar="ID|THREAD")] = None,
    all_: Annotated[bool, Option("--all")] = False,
    yes: Annotated[bool, Option("--yes", "-y")] = False,
) -> None:
    """Forget a fact or a conversation, or everything, for good."""
    caller: Caller = ctx.obj
    settings = caller.settings
    if all_ == (memory is not None):
        raise UsageError("forget_what")
    with open_storage(settings.database, create=False) as storage:
        # A damaged fact, too, can be forgotten.
        found = None if memory is None else _found(storage, settings, memory, damaged=True)
        facts = (
            storage.facts(settings.user, damaged=True) if found is None else [found] if isinstance(found, Fact) else []
        )
        threads = storage.conversations(settings.user) if found is None else [found] if isinstance(found, str) else []
        if not yes:
            if not caller.interactive:
                raise UsageError("forget_needs_yes")
            ask_to_go_on(pages.forgetting_lines(facts, threads, caller.words), caller.words("memory.forget_these"))
        storage.forget_facts(settings.user, [fact.fact_id for fact in facts])
        storage.forget_conversations(threads)
    if caller.flags.get("json"):
        print_json({"facts": [fact.fact_id for fact in facts], "threads": threads})
    else:
        print_lines(pages.forgotten_lines(facts, threads, caller.words))


def _sessions(storage: Storage, found: Outlook) -> list[dict[str, Any]]:
    """The conversations in their order, each with its title; `tokens` is null while its summary is still to be made."""
    rows: list[tuple[str, Tier, str, int | None]] = [
        (session.thread_id, session.tier, session.at, tokens) for session, tokens in found.sessions
    ]
    rows += [(one.earlier.thread_id, one.tier, one.earlier.at, None) for one in found.waiting]
    records = {thread_id: storage.thread(thread_id) for thread_id, *_ in rows}
    return [
        {
            "thread_id": thread_id,
            "title": record.title if (record := records[thread_id]) else "",
            "tier": tier,
            "at": at,
            "tokens": tokens,
        }
        for thread_id, tier, at, tokens in sorted(rows, key=lambda row: row[2], reverse=True)
    ]


def _conversation(storage: Storage, settings: Settings, thread_id: str) -> dict[str, Any]:
    """The summaries there are, and what the next turn would be given; `session` is null when that is nothing."""
    found = outlook(storage, settings)
    session, tokens = next((pair for pair in found.sessions if pair[0].thread_id == thread_id), (None, 0))
    summaries = {length: recap for length in get_args(Length) if (recap := storage.summary(thread_id, length))}
    return {
        "thread_id": thread_id,
        "forgotten": storage.is_forgotten(thread_id),
        "tokens": tokens,
        "session": msgspec.to_builtins(session),
        "summaries": msgspec.to_builtins(summaries),
    }


def _found(storage: Storage, settings: Settings, ref: str, *, damaged: bool = False) -> Fact | str:
    """The fact, or the id of the conversation. Raises NotFound with what is near."""
    if fact := storage.find_fact(settings.user, ref, damaged=damaged):
        return fact
    try:
        thread_id = storage.resolve(ref)
    except NotFound as error:
        if error.code != "thread_not_found":
            raise
        raise _unknown(storage, settings, ref, str(error.values["near"])) from error
    record = storage.thread(thread_id)
    if record is None or record.user != settings.user:
        raise _unknown(storage, settings, ref, "")
    return thread_id


def _unknown(storage: Storage, settings: Settings, ref: str, threads: str) -> NotFound:
    from difflib import get_close_matches

    facts = {fact.fact_id: fact for fact in storage.facts(settings.user, damaged=True)}
    words = {key: fact for fact in facts.values() for key in (fact.fact_id, fact.fact_id[: len(ref)], fact.text)}
    close = dict.fromkeys(words[key].fact_id for key in get_close_matches(ref, words, n=_NEAR, cutoff=0.4))
    near = ", ".join(f'{fact_id} "{facts[fact_id].text}"' for fact_id in close)
    return NotFound("memory_not_found", ref=ref, near=", ".join(filter(None, (near, threads))))
