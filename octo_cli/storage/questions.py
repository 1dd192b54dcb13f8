"""Open questions of every thread, for the inbox and for what a passed deadline does."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from octo_cli.errors import StorageError
from octo_cli.storage.database import Database, Row, Run
from octo_cli.storage.moments import restamp, stamp
from octo_cli.wire.forms import Question

# One run puts its questions in the order of their steps, often at the same instant.
_OLDEST_FIRST: Final = "ORDER BY created_at, thread_id, place"
_ROW: Final = "thread_id, question_id, question, created_at, expires_at, place"
_PLACE: Final = ("octo_questions", "question")

_ALL: Final = 2**62


class Questions:
    _database: Database

    def put_questions(self, thread_id: str, questions: Sequence[Question]) -> list[Question]:
        """Make these the thread's open questions, and count them in its row. Returns them as they are stored.

        A question that was open already keeps its first `created_at` and `expires_at`: answering its neighbour re-asks
        it, and must not move its deadline.
        """
        with self._database.write(thread_id) as run:
            known = self._known(run, thread_id, {question.id for question in questions})
            stored = [_first_seen(question, known) for question in questions]
            run("DELETE FROM octo_questions WHERE thread_id = ?", (thread_id,))
            for place, question in enumerate(stored):
                self._insert(run, thread_id, question, known, place)
            run("UPDATE octo_threads SET pending = ? WHERE thread_id = ?", (len(stored), thread_id))
        return stored

    def questions(
        self,
        thread_id: str | None = None,
        *,
        user: str | None = None,
        limit: int | None = None,
        damaged: list[StorageError] | None = None,
    ) -> list[Question]:
        """Oldest first, of one thread or of all; of all only in threads of `user`, and at most `limit`.

        Raises StorageError for a row that is none; of all, with `damaged`, it is told there, and the others come.
        """
        if thread_id is None:
            where, values = _of(user)
            sql = f"SELECT {_ROW} FROM octo_questions{where} {_OLDEST_FIRST} LIMIT ?"
            return self._decoded(self._database.read(sql, *values, _ALL if limit is None else limit), damaged)
        sql = f"SELECT {_ROW} FROM octo_questions WHERE thread_id = ? {_OLDEST_FIRST}"
        return self._decoded(self._database.read(sql, thread_id))

    def count_questions(self, *, user: str | None = None) -> int:
        where, values = _of(user)
        return int(self._database.read(f"SELECT COUNT(*) FROM octo_questions{where}", *values)[0][0])

    def due_questions(self, now: datetime) -> list[Question]:
        """Those whose `expires_at` has passed and which nobody has marked yet, oldest first."""
        sql = f"SELECT {_ROW} FROM octo_questions WHERE expires_at <= ? AND timed_out_at IS NULL {_OLDEST_FIRST}"
        return self._decoded(self._database.read(sql, stamp(now)))

    def mark_timed_out(self, question_id: str, now: datetime, *, thread_id: str | None = None) -> bool:
        """False when it was marked before or is no longer open: of several processes, one gets True.

        A fork shares its original's question ids; `thread_id` tells them apart.
        """
        where, values = ("", ()) if thread_id is None else (" AND thread_id = ?", (thread_id,))
        with self._database.write() as run:
            marked = run(
                f"UPDATE octo_questions SET timed_out_at = ? WHERE question_id = ? AND timed_out_at IS NULL{where}",
                (stamp(now), question_id, *values),
            )
        return marked.rowcount > 0

    def _known(self, run: Run, thread_id: str, ids: set[str]) -> dict[str, tuple[Question, str | None]]:
        """Those of `ids` that are open already, by id, each with when it was marked as timed out."""
        sql = f"SELECT {_ROW}, timed_out_at FROM octo_questions WHERE thread_id = ?"
        rows = [row for row in run(sql, (thread_id,)).fetchall() if row[1] in ids]
        return {row[1]: (question, row[-1]) for question, row in zip(self._decoded(rows), rows, strict=True)}

    def _decoded(self, rows: Sequence[Row], damaged: list[StorageError] | None = None) -> list[Question]:
        questions = []
        for row in rows:
            try:
                questions.append(self._question(row))
            except StorageError as error:
                if damaged is None:
                    raise
                damaged.append(error)
        return questions

    def _question(self, row: Row) -> Question:
        thread_id, question_id, stored, created_at, expires_at, place = row[:6]
        key = (thread_id, question_id)
        question = self._database.decode_sealed(stored, Question, *_PLACE, *key)
        try:
            told = (question.id, *_times(question))
        except ValueError as exc:
            raise self._database.damaged(*_PLACE, *key, detail=str(exc)) from exc
        if told != (question_id, created_at, expires_at) or not isinstance(place, int):
            raise self._database.damaged(*_PLACE, *key, detail="its columns say otherwise")
        return question

    def _insert(
        self, run: Run, thread_id: str, question: Question, known: dict[str, tuple[Question, str | None]], place: int
    ) -> None:
        _, timed_out_at = known.get(question.id, (None, None))
        text = msgspec.json.encode(question).decode()
        run(
            "INSERT INTO octo_questions (thread_id, question_id, created_at, expires_at, timed_out_at, place,"
            " question) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(thread_id, question.id, *_times(question)),
                *(timed_out_at, place, self._database.seal(text, *_PLACE, thread_id, question.id)),
            ),
        )


def _times(question: Question) -> tuple[str, str | None]:
    """As the columns have them."""
    return restamp(question.created_at), restamp(question.expires_at or "") or None


def _of(user: str | None) -> tuple[str, tuple[str, ...]]:
    if user is None:
        return "", ()
    return " WHERE thread_id IN (SELECT thread_id FROM octo_threads WHERE user_name = ?)", (user,)


def _first_seen(question: Question, known: dict[str, tuple[Question, str | None]]) -> Question:
    if question.id not in known:
        return question
    first, _ = known[question.id]
    return msgspec.structs.replace(question, created_at=first.created_at, expires_at=first.expires_at)
