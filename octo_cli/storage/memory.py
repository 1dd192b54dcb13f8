"""What is remembered of a person: facts in LangGraph's store, earlier conversations and their summaries in the index.

A turn's memory is kept here under its hash and only named in the turn's thread: it stays as it was over any pause, and
what is forgotten is gone for every thread at once. Which of it a turn gets is not decided here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from unicodedata import normalize

import msgspec
from msgspec import Struct

from octo_cli.errors import NotFound
from octo_cli.storage.database import Database
from octo_cli.storage.moments import stamp
from octo_cli.wire.memory import Fact, Length, Memory, Recalled, RecalledSession, Recap, Session

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore

_ID_LENGTH: Final = 12
_NAMED: Final = 5
_FORGOTTEN: Final = ("octo_summaries", "octo_recalled")


class Earlier(Struct, frozen=True):
    """A conversation that may be recalled; `digest` is of its last message and all before it."""

    thread_id: str
    at: str
    digest: str


class Memories:
    _database: Database

    # Facts

    def facts(self, user: str) -> list[Fact]:
        """What `user` asked to be remembered, newest first."""
        if not self._database.has_table("store"):
            return []
        # Read as it stands: LangGraph's store brings numpy along, and every turn would wait for that.
        prefix = ".".join(_namespace(user))
        rows = self._database.read("SELECT key, value FROM store WHERE prefix = ?", prefix)
        facts = [self._fact(key, value) for key, value in rows]
        return sorted(facts, key=lambda fact: (fact.at, fact.fact_id), reverse=True)

    def keep_fact(self, user: str, text: str, *, thread_id: str, now: datetime) -> tuple[Fact, bool]:
        """The fact, and whether it is new: said again in the same words it is the same."""
        fact_id = _fact_id(user, text)
        if known := next((fact for fact in self.facts(user) if fact.fact_id == fact_id), None):
            return known, False
        fact = Fact(fact_id, text, stamp(now), thread_id)
        value = {"text": self._database.seal(text), "at": fact.at, "thread_id": thread_id}

        # A function and no lambda: `put` returns nothing, and nothing is what comes back.
        def put(store: "BaseStore") -> None:
            store.put(_namespace(user), fact_id, value)

        self._database.in_store(put)
        return fact, True

    def forget_facts(self, user: str, fact_ids: Sequence[str]) -> None:
        """Remove them for good."""

        def delete(store: "BaseStore") -> None:
            for fact_id in fact_ids:
                store.delete(_namespace(user), fact_id)

        if fact_ids:
            self._database.in_store(delete)
            self._database.wipe()

    def find_fact(self, user: str, ref: str) -> Fact | None:
        """The fact `ref` names by its id, or by a beginning of it that no other has."""
        found = [fact for fact in self.facts(user) if fact.fact_id.startswith(ref)] if len(ref) >= 4 else []
        if len(found) > 1:
            named = ", ".join(f"{fact.fact_id} “{fact.text}”" for fact in found[:_NAMED])
            raise NotFound("memory_ambiguous", ref=ref, matches=named)
        return found[0] if found else None

    # Earlier conversations

    def earlier(self, user: str, *, but: str | None, limit: int) -> list[Earlier]:
        """The conversations of `user` that may be recalled, the most recent first, without the thread `but`."""
        rows = self._database.read(
            "SELECT t.thread_id, t.updated_at, m.digest FROM octo_threads t JOIN octo_messages m"
            " ON m.thread_id = t.thread_id AND m.current = 1 AND m.place ="
            " (SELECT MAX(place) FROM octo_messages WHERE thread_id = t.thread_id AND current = 1)"
            " WHERE t.user_name = ? AND t.forgotten = 0 AND t.indexed = 1 AND t.thread_id <> ?"
            " ORDER BY t.recency DESC LIMIT ?",
            *(user, but or "", limit),
        )
        return [Earlier(*row) for row in rows]

    def summary(self, thread_id: str, length: Length, *, digest: str = "") -> Recap | None:
        """The summary there is; with `digest` only one of the conversation as it stands."""
        rows = self._database.read(
            "SELECT text, made_by FROM octo_summaries WHERE thread_id = ? AND length = ? AND (digest = ? OR ? = '')",
            *(thread_id, length, digest, digest),
        )
        return Recap(self._database.unseal(rows[0][0]), rows[0][1]) if rows else None

    def keep_summary(self, earlier: Earlier, length: Length, recap: Recap, *, now: datetime) -> None:
        """Instead of the one there was. One forgotten or deleted meanwhile stays so."""
        with self._database.write(memory_key(earlier.thread_id)) as run:
            key = (earlier.thread_id, length)
            run("DELETE FROM octo_summaries WHERE thread_id = ? AND length = ?", key)
            values = (*key, earlier.digest, recap.made_by, stamp(now), self._database.seal(recap.text))
            run(
                "INSERT INTO octo_summaries (thread_id, length, digest, made_by, at, text)"
                " SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),"
                " CAST(? AS TEXT) WHERE EXISTS"
                " (SELECT 1 FROM octo_threads WHERE thread_id = ? AND forgotten = 0)",
                (*values, earlier.thread_id),
            )

    def forget_conversations(self, thread_ids: Sequence[str]) -> None:
        """They are not recalled any more, and what was kept for that is removed; the threads themselves stay."""
        with self._database.write(*map(memory_key, thread_ids)) as run:
            for thread_id in thread_ids:
                for table in _FORGOTTEN:
                    run(f"DELETE FROM {table} WHERE thread_id = ?", (thread_id,))
                run("UPDATE octo_threads SET forgotten = 1 WHERE thread_id = ?", (thread_id,))
        self._database.wipe()

    def is_forgotten(self, thread_id: str) -> bool:
        return bool(self._database.read("SELECT 1 FROM octo_threads WHERE thread_id = ? AND forgotten = 1", thread_id))

    def conversations(self, user: str) -> list[str]:
        """All threads of `user` that are not forgotten, by id."""
        rows = self._database.read("SELECT thread_id FROM octo_threads WHERE user_name = ? AND forgotten = 0", user)
        return [thread_id for (thread_id,) in rows]

    # A turn's memory

    def keep_recalled(self, sessions: Sequence[tuple[Session, int]]) -> tuple[RecalledSession, ...]:
        """Sessions with their tokens, kept as they are now, under names a thread can hold."""
        from hashlib import sha256

        texts = [msgspec.json.encode(session).decode() for session, _ in sessions]
        named = tuple(
            RecalledSession(session.thread_id, session.tier, tokens, sha256(text.encode()).hexdigest())
            for (session, tokens), text in zip(sessions, texts, strict=True)
        )
        known = self._kept(named).keys()
        new = [(one, text) for one, text in zip(named, texts, strict=True) if one.digest not in known]
        if not new:
            return named
        with self._database.write(*(memory_key(one.thread_id) for one, _ in new)) as run:
            for one, text in new:
                run(
                    "INSERT INTO octo_recalled (thread_id, digest, text)"
                    " SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)"
                    " WHERE EXISTS (SELECT 1 FROM octo_threads WHERE thread_id = ? AND forgotten = 0)"
                    " ON CONFLICT DO NOTHING",
                    (one.thread_id, one.digest, self._database.seal(text), one.thread_id),
                )
        return named

    def recalled(self, user: str, named: Recalled) -> Memory:
        """The memory a turn was given, without what was forgotten since."""
        facts = {fact.fact_id: fact for fact in self.facts(user)} if named.facts else {}
        kept = self._kept(named.sessions)
        return Memory(
            tuple(facts[fact_id] for fact_id in named.facts if fact_id in facts),
            tuple(kept[one.digest] for one in named.sessions if one.digest in kept),
        )

    def _kept(self, named: Sequence[RecalledSession]) -> dict[str, Session]:
        if not named:
            return {}
        marks = ", ".join("?" * len(named))
        rows = self._database.read(
            f"SELECT digest, text FROM octo_recalled WHERE thread_id IN ({marks}) AND digest IN ({marks})",
            *(one.thread_id for one in named),
            *(one.digest for one in named),
        )
        return {digest: self._database.decode(self._database.unseal(text), Session) for digest, text in rows}

    def _fact(self, fact_id: str, stored: str | bytes | dict[str, Any]) -> Fact:
        value = stored if isinstance(stored, dict) else self._database.decode(stored, dict[str, Any])
        text = self._database.unseal(str(value.get("text", "")))
        return Fact(fact_id, text, str(value.get("at", "")), str(value.get("thread_id", "")))


def memory_key(thread_id: str) -> str:
    """What a transaction names that keeps or removes what others recall of a thread.

    Not the thread itself: whoever looks back on a thread is not running it, and waits for nobody who is.
    """
    return f"memory {thread_id}"


def _namespace(user: str) -> tuple[str, ...]:
    # A label may hold no dot, and a name anything.
    return ("octo", "facts", f"u{user.encode('utf-8', 'surrogateescape').hex()}")


def _fact_id(user: str, text: str) -> str:
    from hashlib import sha256

    same = " ".join(normalize("NFKC", text).casefold().split()).rstrip(".!。 ")
    return sha256(f"{user}\0{same}".encode("utf-8", "surrogatepass")).hexdigest()[:_ID_LENGTH]
