"""What was said, message by message, so that neither search nor memory has to read a checkpoint.

The conversation itself is the graph's. What is kept here follows it: at the end of every run, and not in between.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from octo_cli.errors import StorageError
from octo_cli.storage.database import Database
from octo_cli.storage.sealing import Seal
from octo_cli.storage.texts import ThreadTexts
from octo_cli.wire.work import Message

# The digest of a conversation in which nothing was said.
START: Final = ""
_PLACE: Final = ("octo_messages", "text")


class Said(Struct, frozen=True):
    """A message in its place, counted from 0. `digest` is of it and of all before it: a branch has its own."""

    place: int
    digest: str
    message: Message


class Messages:
    _database: Database

    def keep_messages(self, thread_id: str, said: Sequence[Message], *, only_first: bool = False) -> int:
        """Make `said` the thread's conversation; returns how many messages are new here.

        What another branch said stays, and is no longer current. Of a thread that is no more nothing is kept.
        With `only_first` nothing happens to one whose messages were kept before, perhaps just now by a run of its own.
        """
        chain = list(self._placed(said))
        with self._database.write(thread_id) as run:
            texts = ThreadTexts(self._database, run, thread_id)
            row = run("SELECT indexed FROM octo_threads WHERE thread_id = ?", (thread_id,)).fetchone()
            indexed = bool(row and row[0])
            if row is None or (indexed and only_first):
                return 0
            last = run(
                "SELECT place, digest FROM octo_messages WHERE thread_id = ? AND current = 1"
                " ORDER BY place DESC LIMIT 1",
                (thread_id,),
            ).fetchone()
            # A turn adds to what was said; only after going back is the rest looked at.
            if last and last[0] < len(chain) and chain[last[0]].digest == last[1]:
                chain = chain[last[0] + 1 :]
            else:
                texts.take_all()
                indexed = False
                run("UPDATE octo_messages SET current = 0 WHERE thread_id = ?", (thread_id,))
            added = 0
            for one in chain:
                known = run(
                    "UPDATE octo_messages SET current = 1 WHERE thread_id = ? AND digest = ?", (thread_id, one.digest)
                )
                if not known.rowcount:
                    added += 1
                    run(
                        "INSERT INTO octo_messages (thread_id, digest, place, current, speaker, at, text)"
                        " VALUES (?, ?, ?, 1, ?, ?, ?)",
                        (
                            *(thread_id, one.digest, one.place, one.message.speaker, one.message.at),
                            self._database.seal(one.message.text, *_PLACE, thread_id, one.digest),
                        ),
                    )
                if indexed:
                    texts.put("message", str(one.place))
            if not indexed:
                texts.put_all()
                run("UPDATE octo_threads SET indexed = 1 WHERE thread_id = ?", (thread_id,))
        return added

    def messages(self, thread_id: str) -> list[Message]:
        """The conversation as it stands, oldest first."""
        rows = self._database.read(
            "SELECT speaker, text, at, digest FROM octo_messages WHERE thread_id = ? AND current = 1 ORDER BY place",
            thread_id,
        )
        return [self._message(thread_id, *row) for row in rows]

    def message_faults(self, thread_id: str) -> Iterator[StorageError]:
        """Every message that is not what was said there: each digest is of its message and of those before it."""
        rows = self._database.read(
            "SELECT place, current, speaker, text, at, digest FROM octo_messages WHERE thread_id = ? ORDER BY place",
            thread_id,
        )
        before: dict[object, list[str]] = defaultdict(list, {-1: [START]})
        for place, _, _, _, _, digest in rows:
            before[place].append(digest)
        for place, _, *stored in rows:
            try:
                message = self._message(thread_id, *stored)
            except StorageError as error:
                yield error
                continue
            earlier = before[place - 1] if isinstance(place, int) else ()
            if stored[-1] not in {chained(self._database.sealed, one, message) for one in earlier}:
                yield self._database.damaged(*_PLACE, thread_id, stored[-1], detail="changed")
        places = [row[0] for row in rows if row[1]]
        if places != list(range(len(places))):
            yield self._database.damaged("octo_messages", "place", thread_id, detail="some are missing")

    def _message(self, thread_id: str, speaker: Any, text: str, at: str, digest: str) -> Message:
        message = Message(speaker, self._database.unseal(text, *_PLACE, thread_id, digest), at)
        return self._database.checked(message, ("at",), "octo_messages", thread_id, digest)

    def _placed(self, said: Sequence[Message]) -> Iterator[Said]:
        digest = START
        for place, message in enumerate(said):
            digest = chained(self._database.sealed, digest, message)
            yield Said(place, digest, message)


def chained(seal: Seal, before: str, message: Message) -> str:
    """The digest of a message that was said after what has the digest `before`."""
    # A short text could be guessed from a digest that needs no key.
    return seal.digest("\0".join((before, message.speaker, message.at, message.text)))
