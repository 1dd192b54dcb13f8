"""What lists, lookups and search ask is answered by indexes, on both stores: the plans of their real statements."""

import re
from collections.abc import Callable

from crowd import COMMON, RARE, fill

from octo_cli.errors import NotFound
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage
from octo_cli.storage.database import Row
from octo_cli.storage.postgres import PostgresDatabase
from octo_cli.storage.sqlite import SqliteDatabase
from octo_cli.storage.threads import NEXT_RECENCY
from tests.storage.storage_samples import later

THREADS = 3_000
# The tables that grow with the threads; of open questions the crowd has ten.
BIG = "octo_threads|octo_messages|octo_texts|octo_documents|octo_audit"
SLOW = {
    "sqlite": re.compile(rf"SCAN ({BIG})(?! USING)|TEMP B-TREE FOR ORDER BY"),
    "postgres": re.compile(rf"Seq Scan on ({BIG})"),
}
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgres": "EXPLAIN "}


class _File(SqliteDatabase):
    def __init__(self, settings: DatabaseSettings) -> None:
        self.heard: list[tuple[str, tuple[object, ...]]] = []
        super().__init__(settings.sqlite, str(settings.sqlite), timeout=30)

    def read(self, sql: str, *parameters: object) -> list[Row]:
        self.heard.append((sql, parameters))
        return super().read(sql, *parameters)


class _Server(PostgresDatabase):
    def __init__(self, settings: DatabaseSettings) -> None:
        self.heard: list[tuple[str, tuple[object, ...]]] = []
        super().__init__(settings)

    def read(self, sql: str, *parameters: object) -> list[Row]:
        self.heard.append((sql, parameters))
        return super().read(sql, *parameters)


def listening(crowd: DatabaseSettings) -> _File | _Server:
    """The crowd's database; `heard` is what was read from it."""
    return _Server(crowd) if crowd.postgres else _File(crowd)


def plans(database: _File | _Server) -> str:
    """How it found what it read since it was last asked."""
    heard, explain = list(database.heard), EXPLAIN[database.dialect]
    explained = [database.read(explain + sql, *values) for sql, values in heard]
    database.heard.clear()
    return "\n".join(str(row[-1]) for plan in explained for row in plan)


def _resolved(ref: str) -> Callable[[Storage], object]:
    def resolve(storage: Storage) -> object:
        try:
            return storage.resolve(ref)
        except NotFound as error:
            return error

    return resolve


ASKED: dict[str, Callable[[Storage], object]] = {
    "list": lambda storage: storage.threads(limit=50),
    "list by user": lambda storage: storage.threads(user="user1", limit=50),
    "list by status": lambda storage: storage.threads(status="active", limit=50),
    "list by both": lambda storage: storage.threads(status="active", user="user1", limit=50),
    "abandoned": lambda storage: storage.abandoned(),
    "unindexed": lambda storage: storage.unindexed(),
    "due": lambda storage: storage.due_questions(later()),
    "prefix": _resolved("abcd"),
    "title": _resolved("새 제목"),
    "last": _resolved("last"),
    "unknown": _resolved("zzzz"),
    "thread": lambda storage: storage.thread("abcd"),
    "search, rare": lambda storage: storage.search(RARE, limit=10),
    "search, common": lambda storage: storage.search(COMMON, limit=10),
    "search, one syllable": lambda storage: storage.search("느", limit=10),
    "search, phrase": lambda storage: storage.search('"임차인 홍길동"', limit=10),
}


def test_nothing_that_grows_is_read_from_end_to_end(database: DatabaseSettings) -> None:
    fill(database, THREADS)
    slow = {}
    for name, ask in ASKED.items():
        listener = listening(database)
        with Storage(listener) as storage:
            ask(storage)
            plan = plans(listener)
            if not plan or SLOW[listener.dialect].search(plan):
                slow[name] = plan
    assert slow == {}
    listener = listening(database)
    with Storage(listener):
        listener.read(f"SELECT {NEXT_RECENCY}")
        assert "octo_threads_recency" in plans(listener)
        # What this test looks for is what it would find.
        listener.read("SELECT title FROM octo_threads WHERE turns = 77")
        assert SLOW[listener.dialect].search(plans(listener))


def test_a_crowd_is_as_octo_would_have_made_it(database: DatabaseSettings) -> None:
    fill(database, 30)
    with Storage(listening(database)) as storage:
        assert len(storage.questions(limit=5)) == 5
        before = [{one.thread_id for one in storage.search(word)} for word in (RARE, COMMON, "인도한다")]
        assert [len(ids) for ids in before] == [10, 30, 6]
        storage.index_again()
        assert [{one.thread_id for one in storage.search(word)} for word in (RARE, COMMON, "인도한다")] == before
