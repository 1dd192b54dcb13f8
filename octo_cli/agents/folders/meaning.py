"""Which passages mean what is sought, by a model's vectors. Knows no provider: what embeds is handed in.

A vector is kept by its text's hash, so only text that is new to the index is ever sent to the model again.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from octo_cli.agents.folders.store import transaction
from octo_cli.values.contact import mask_rrn

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    Vectors = NDArray[float32]

MOST_NEAR: Final = 5
# What no model in use gives to texts that have nothing in common; and the share of the best one's likeness below which
# the rest are only what happens to be next.
_LEAST, _NEAR_ENOUGH = 0.2, 0.8
_BATCH: Final = 64  # texts a request
_GLANCE: Final = 0.1  # seconds between two looks at whether anybody still waits
# Characters of a passage: the least before a heading and before a blank line, and the most.
_BEFORE_HEADING, _BEFORE_BLANK, _LONGEST = 300, 900, 1800
_MOST_PASSAGES: Final = 300


class Embedder(NamedTuple):
    """A model by name, and what turns texts into its vectors, one each. May raise ModelError."""

    model: str
    embed: Callable[[Sequence[str]], Sequence[Sequence[float]]]


class _Stopped(Exception):
    """Nobody waits for the answer any longer."""


class Near(NamedTuple):
    """A file's passage that is likest: the line it begins on, from 1, and its cosine with what is sought."""

    file: int
    line: int
    likeness: float


class Passage(NamedTuple):
    number: int
    line: int
    text: str

    @property
    def digest(self) -> bytes:
        return hashlib.blake2b(self.text.encode(), digest_size=16).digest()


class Meaning:
    """The passages of the files in an index, by one model."""

    def __init__(self, connection: sqlite3.Connection, embedder: Embedder, stopped: Callable[[], bool]) -> None:
        self._connection = connection
        self._embedder = embedder
        self._stopped = stopped

    def nearest(self, sought: str, live: Mapping[int, bytes], text_of: Callable[[int], str | None]) -> list[Near]:
        """The files likest to what is sought, likest first; none when stopped. Raises ModelError."""
        try:
            return self._nearest(sought, live, text_of)
        except _Stopped:
            return []

    def _nearest(self, sought: str, live: Mapping[int, bytes], text_of: Callable[[int], str | None]) -> list[Near]:
        self._embed_new(live, text_of)
        rows = [
            row
            for row in self._connection.execute(
                "SELECT file, line, vector FROM passages JOIN vectors USING (digest) WHERE model = ?",
                (self._embedder.model,),
            )
            if row[0] in live
        ]
        if not rows:
            return []
        (wanted,) = self._vectors([sought])
        # A server that changed its mind about the size of a vector has made the old ones useless.
        rows = [row for row in rows if len(row[2]) == wanted.nbytes]
        best: dict[int, Near] = {}
        for (file, line, _), likeness in zip(rows, _likenesses(rows, wanted), strict=True):
            if file not in best or likeness > best[file].likeness:
                best[file] = Near(file, line, likeness)
        ranked = sorted(best.values(), key=lambda near: (-near.likeness, live[near.file]))[:MOST_NEAR]
        return [near for near in ranked if near.likeness >= max(_LEAST, _NEAR_ENOUGH * ranked[0].likeness)]

    def _embed_new(self, live: Mapping[int, bytes], text_of: Callable[[int], str | None]) -> None:
        passages = self._without_vector(live, text_of)
        while batch := list(islice(passages, _BATCH)):
            vectors = self._vectors([passage.text for passage in batch])
            rows = [
                (passage.digest, self._embedder.model, vector.tobytes())
                for passage, vector in zip(batch, vectors, strict=True)
            ]
            # Kept at once, so that nothing is paid for twice whatever happens next.
            with transaction(self._connection, "IMMEDIATE"):
                self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
        self._connection.execute("DELETE FROM vectors WHERE digest NOT IN (SELECT digest FROM passages)")

    def _without_vector(self, live: Mapping[int, bytes], text_of: Callable[[int], str | None]) -> Iterator[Passage]:
        """The passages this model has not seen, each text once."""
        done = {
            file
            for (file,) in self._connection.execute(
                "SELECT file FROM passages LEFT JOIN vectors ON vectors.digest = passages.digest AND model = ?"
                " GROUP BY file HAVING count(*) = count(vector)",
                (self._embedder.model,),
            )
        }
        seen: set[bytes] = set()
        for file in sorted(live.keys() - done):
            passages = list(islice(passages_of(text_of(file) or ""), _MOST_PASSAGES))
            rows = [(file, passage.number, passage.line, passage.digest) for passage in passages]
            with transaction(self._connection, "IMMEDIATE"):
                self._connection.executemany("INSERT OR REPLACE INTO passages VALUES (?, ?, ?, ?)", rows)
            asked = "SELECT 1 FROM vectors WHERE digest = ? AND model = ?"
            for passage in passages:
                known = self._connection.execute(asked, (passage.digest, self._embedder.model)).fetchone()
                if not known and passage.digest not in seen:
                    seen.add(passage.digest)
                    yield passage

    def _vectors(self, texts: Sequence[str]) -> "list[Vectors]":
        """The vectors of `texts`, each of length one. What identifies a person stays here."""
        import numpy as np

        given = np.asarray(self._embedded([mask_rrn(text) for text in texts]), dtype="<f4")
        lengths = np.linalg.norm(given, axis=1, keepdims=True)
        return list(given / np.maximum(lengths, np.float32(1e-12)))

    def _embedded(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """What the model answers, asked in a thread of its own, so that who leaves waits for no server."""
        answer: Future[Sequence[Sequence[float]]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._embedder.embed(texts))
            except BaseException as exc:  # noqa: BLE001 (raised again where it is waited for)
                answer.set_exception(exc)

        if not self._stopped():
            threading.Thread(target=ask, daemon=True).start()
        while not wait((answer,), timeout=_GLANCE).done:
            if self._stopped():
                raise _Stopped
        return answer.result()


def passages_of(text: str) -> Iterator[Passage]:
    """`text` in passages that end at a heading or a blank line where they can, so that a change moves few of them."""
    number, begin, lines, length = 0, 1, list[str](), 0
    for at, line in enumerate(text.split("\n"), start=1):
        least = _BEFORE_HEADING if line.startswith("#") else _LONGEST if line.strip() else _BEFORE_BLANK
        if lines and (length >= least or length + len(line) > _LONGEST):
            yield Passage(number, begin, "\n".join(lines).rstrip()[:_LONGEST])
            number, lines, length = number + 1, [], 0
        if lines or line.strip():
            begin = begin if lines else at
            lines.append(line)
            length += len(line) + 1
    if lines:
        yield Passage(number, begin, "\n".join(lines).rstrip()[:_LONGEST])


def _likenesses(rows: Sequence[Any], wanted: "Vectors") -> list[float]:
    import numpy as np

    matrix = np.frombuffer(b"".join(row[2] for row in rows), dtype="<f4").reshape(len(rows), wanted.size)
    return [float(likeness) for likeness in matrix @ wanted]
