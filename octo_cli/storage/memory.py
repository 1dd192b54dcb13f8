"""What is remembered of a person: facts in LangGraph's store, earlier conversations and their summaries in the index.

A turn's memory is kept here under its hash and only named in the turn's thread: it stays as it was over any pause, and
what is forgotten is gone for every thread at once. Which of it a turn gets is not decided here.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, get_args
from unicodedata import normalize

import msgspec
from msgspec import Struct

from octo_cli.errors import NotFound, StorageError
from octo_cli.storage.database import Database, Row
from octo_cli.storage.moments import stamp
from octo_cli.wire.memory import Fact, Length, Memory, Recalled, RecalledSession, Recap, Session

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore

_ID_LENGTH: Final = 12
_PREFIX: Final = 4
_NAMED: Final = 5
_SUMMARY: Final = ("octo_summaries", "text")
_RECALLED: Final = ("octo_recalled", "text")
# What stands in `forgotten`: 1 is for good.
_RECALLABLE: Final = 0
_LEFT_OUT: Final = 2
_FORGOTTEN: Final = ("octo_summaries", "octo_recalled")
# LangGraph's store may hold what is none of Octo's: the namespaces of facts begin so.
_FACTS: Final = ("octo", "facts")


class Earlier(Struct, frozen=True):
    """A conversation that may be recalled; `digest` is of its last message and all before it."""

    thread_id: str
    at: str
    digest: str


class _Stored(Struct, frozen=True):
    """A fact's value in the store."""

    text: str
    at: str = ""
    thread_id: str = ""


class Memories:
    _database: Database

    # Facts

    def facts(self, user: str, *, damaged: bool = False) -> list[Fact]:
        """What `user` asked to be remembered, newest first.

        Raises StorageError "fact_damaged" (fact), unless `damaged` ones are to be there too, without their text.
        """
        facts = []
        for prefix, key, value in self._stored("prefix = ?", ".".join(_namespace(user))):
            try:
                facts.append(self._fact(prefix, key, value))
            except StorageError:
                if not damaged:
                    raise
                facts.append(Fact(key, "", ""))
        return sorted(facts, key=lambda fact: (fact.at, fact.fact_id), reverse=True)

    def broken_facts(self) -> Iterator[StorageError]:
        """Every fact of anybody's that is not what was written there."""
        beginning = f"{'.'.join(_FACTS)}."
        for row in self._stored("prefix >= ? AND prefix < ? ORDER BY prefix, key", beginning, f"{beginning}\x7f"):
            try:
                self._fact(*row)
            except StorageError as error:
                yield error

    def keep_fact(self, user: str, text: str, *, thread_id: str, now: datetime) -> tuple[Fact, bool]:
        """The fact, and whether it is new: said again in the same words it is the same."""
        # By its words: one that came from a database with another key was named there.
        words = _words(text)
        if known := next((fact for fact in self.facts(user) if _words(fact.text) == words), None):
            return known, False
        prefix = ".".join(_namespace(user))
        fact_id = self._database.sealed.digest(f"{prefix}\0{words}")[:_ID_LENGTH]
        fact = Fact(fact_id, text, stamp(now), thread_id)
        sealed = self._database.seal(text, *fact_place(prefix, fact_id))
        value = {"text": sealed, "at": fact.at, "thread_id": thread_id}

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

    def find_fact(self, user: str, ref: str, *, damaged: bool = False) -> Fact | None:
        """The fact `ref` names by its id, or by a beginning of it that no other has; `damaged` as for `facts`."""
        if len(ref) < _PREFIX:
            return None
        found = [fact for fact in self.facts(user, damaged=damaged) if fact.fact_id.startswith(ref)]
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
        if not rows:
            return None
        text, made_by = rows[0]
        return Recap(self._database.unseal(text, *_SUMMARY, thread_id, length), made_by)

    def keep_summary(self, earlier: Earlier, length: Length, recap: Recap, *, now: datetime) -> None:
        """Instead of the one there was. One forgotten or deleted meanwhile stays so."""
        with self._database.write(memory_key(earlier.thread_id)) as run:
            key = (earlier.thread_id, length)
            run("DELETE FROM octo_summaries WHERE thread_id = ? AND length = ?", key)
            sealed = self._database.seal(recap.text, *_SUMMARY, *key)
            values = (*key, earlier.digest, recap.made_by, stamp(now), sealed)
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

    def leave_out(self, thread_id: str, *, out: bool) -> None:
        """Whether the thread is looked back on, as its latest turn wants it; one that was forgotten stays so."""
        before, after = (_RECALLABLE, _LEFT_OUT) if out else (_LEFT_OUT, _RECALLABLE)
        if self._database.read("SELECT 1 FROM octo_threads WHERE thread_id = ? AND forgotten = ?", thread_id, before):
            with self._database.write(thread_id) as run:
                run(
                    "UPDATE octo_threads SET forgotten = ? WHERE thread_id = ? AND forgotten = ?",
                    (after, thread_id, before),
                )

    def is_forgotten(self, thread_id: str) -> bool:
        return bool(self._database.read("SELECT 1 FROM octo_threads WHERE thread_id = ? AND forgotten = 1", thread_id))

    def conversations(self, user: str) -> list[str]:
        """All threads of `user` that are not forgotten, by id."""
        rows = self._database.read("SELECT thread_id FROM octo_threads WHERE user_name = ? AND forgotten <> 1", user)
        return [thread_id for (thread_id,) in rows]

    # A turn's memory

    def keep_recalled(self, sessions: Sequence[tuple[Session, int]]) -> tuple[RecalledSession, ...]:
        """Sessions with their tokens, kept as they are now, under names a thread can hold."""
        digest = self._database.sealed.digest
        texts = [msgspec.json.encode(session).decode() for session, _ in sessions]
        named = tuple(
            RecalledSession(session.thread_id, session.tier, tokens, digest(text))
            for (session, tokens), text in zip(sessions, texts, strict=True)
        )
        known = self._kept(named).keys()
        new = [(one, text) for one, text in zip(named, texts, strict=True) if one.digest not in known]
        if not new:
            return named
        with self._database.write(*(memory_key(one.thread_id) for one, _ in new)) as run:
            for one, text in new:
                sealed = self._database.seal(text, *_RECALLED, one.thread_id, one.digest)
                run(
                    "INSERT INTO octo_recalled (thread_id, digest, text)"
                    " SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)"
                    " WHERE EXISTS (SELECT 1 FROM octo_threads WHERE thread_id = ? AND forgotten = 0)"
                    " ON CONFLICT DO NOTHING",
                    (one.thread_id, one.digest, sealed, one.thread_id),
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

    def remembered(self, thread_id: str) -> tuple[list[Recap], list[Session]]:
        """All that is kept of a conversation: its summaries, and what turns of others were given of it."""
        recaps = [recap for length in get_args(Length) if (recap := self.summary(thread_id, length))]
        rows = self._database.read("SELECT thread_id, digest, text FROM octo_recalled WHERE thread_id = ?", thread_id)
        return recaps, [self._session(*row) for row in rows]

    def _kept(self, named: Sequence[RecalledSession]) -> dict[str, Session]:
        if not named:
            return {}
        marks = ", ".join("?" * len(named))
        rows = self._database.read(
            f"SELECT thread_id, digest, text FROM octo_recalled WHERE thread_id IN ({marks}) AND digest IN ({marks})",
            *(one.thread_id for one in named),
            *(one.digest for one in named),
        )
        return {digest: self._session(thread_id, digest, text) for thread_id, digest, text in rows}

    def _session(self, thread_id: str, digest: str, stored: str) -> Session:
        return self._database.decode_sealed(stored, Session, *_RECALLED, thread_id, digest)

    def _stored(self, where: str, *values: str) -> list[Row]:
        """(prefix, key, value) of facts, as they stand: LangGraph's store brings numpy along, every turn would wait."""
        if not self._database.has_table("store"):
            return []
        return self._database.read(f"SELECT prefix, key, CAST(value AS TEXT) FROM store WHERE {where}", *values)

    def _fact(self, prefix: str, key: str, value: str) -> Fact:
        place = fact_place(prefix, key)
        try:
            stored = self._database.decode(value, _Stored, *place)
            text = self._database.unseal(stored.text, *place)
        except StorageError as error:
            raise StorageError("fact_damaged", **{**error.values, "fact": key}) from error
        return Fact(key, text, stored.at, stored.thread_id)


def is_fact(prefix: str) -> bool:
    """Whether a namespace of the store, as it stands there, is one of facts."""
    return prefix.startswith(f"{'.'.join(_FACTS)}.")


def fact_place(prefix: str, key: str) -> tuple[str, str, str, str]:
    """What a fact's text is sealed for."""
    return "store", "text", prefix, key


def memory_key(thread_id: str) -> str:
    """What a transaction names that keeps or removes what others recall of a thread.

    Not the thread itself: whoever looks back on a thread is not running it, and waits for nobody who is.
    """
    return f"memory {thread_id}"


def _namespace(user: str) -> tuple[str, ...]:
    # A label may hold no dot, and a name anything.
    return (*_FACTS, f"u{user.encode('utf-8', 'surrogateescape').hex()}")


def _words(text: str) -> str:
    """What makes two facts the same."""
    return " ".join(normalize("NFKC", text).casefold().split()).rstrip(".!。 ")
