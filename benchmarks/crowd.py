"""A database with as many threads as you like, filled in bulk: what years of a team's work would leave, in seconds."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from octo_cli.settings import DatabaseSettings
from octo_cli.storage import open_storage
from octo_cli.storage.texts import grams
from octo_cli.wire.forms import FormField, Question

START = datetime(2020, 1, 1, tzinfo=UTC)
NAMES = ("홍길동", "김철수", "이영희", "박민수", "최지우", "정하늘", "강산", "윤슬", "Jane Doe", "John Smith")
PLACES = ("서울특별시 마포구 월드컵북로", "부산광역시 해운대구 우동", "대전광역시 유성구 대학로", "제주시 첨단로")
WISHES = (
    "임대차계약서를 작성해 줘",
    "비밀유지계약서 초안을 만들어 줘",
    "Draft a residential lease",
    "내용증명을 써 줘",
)
# Said in ten threads of any crowd, and in all of them.
RARE, COMMON = "느티나무", "보증금"
WAITING = 10
MESSAGES = 4


def fill(settings: DatabaseSettings, threads: int) -> None:
    """Make the database and put `threads` threads in: ten of them wait with a question, one in five has a document."""
    open_storage(settings).close()
    tables = dict(_tables(threads))
    if settings.postgres:
        _copy(settings.postgres, tables)
    else:
        _insert(settings, tables)


def _tables(threads: int) -> Iterator[tuple[str, Iterable[Sequence[Any]]]]:
    crowd = [_Thread(number, threads) for number in range(threads)]
    yield (
        "octo_threads (thread_id, title, status, user_name, created_at, updated_at, recency, turns, pending, indexed)",
        (
            (one.id, one.title, one.status, one.user, one.at(0), one.at(MESSAGES), one.number, 2, int(one.waits), 1)
            for one in crowd
        ),
    )
    yield (
        "octo_messages (thread_id, digest, place, current, speaker, at, text)",
        (
            (one.id, sha256(f"{one.id}{place}".encode()).hexdigest(), place, 1, speaker, one.at(place), text)
            for one in crowd
            for place, (speaker, text) in enumerate(one.said)
        ),
    )
    yield (
        "octo_audit (thread_id, seq, entry_key, part, at, actor, event, field, new_value, prev_hash, hash)",
        (
            (
                one.id,
                seq,
                f"{one.id}:{seq}",
                0,
                one.at(seq),
                "user:lee",
                "field_changed",
                "deposit",
                "1",
                "a" * 64,
                "b" * 64,
            )
            for one in crowd
            for seq in range(1, 7)
        ),
    )
    yield (
        "octo_documents (document_id, version, thread_id, document_type, title, language, doc_hash, path, reserved_at,"
        " finished_at, fields, text)",
        (
            (
                f"doc-{one.id}",
                1,
                one.id,
                "lease",
                one.title,
                "ko",
                "sha256:a",
                "/papers/lease.md",
                one.at(0),
                one.at(1),
                "{}",
                one.paper,
            )
            for one in crowd
            if one.number % 5 == 0
        ),
    )
    yield (
        "octo_questions (thread_id, question_id, created_at, place, question)",
        (
            (one.id, f"q-{one.id}", one.at(MESSAGES), 0, msgspec.json.encode(one.question).decode())
            for one in crowd
            if one.waits
        ),
    )
    yield "octo_texts", ((one.id, *text) for one in crowd for text in one.texts)


class _Thread:
    def __init__(self, number: int, of: int) -> None:
        chance = random.Random(number)
        self.number = number
        self.id = sha256(str(number).encode()).hexdigest()[:16]
        self.user = f"user{number % 10}"
        # Spread over all ages, as many in any crowd.
        step = max(1, of // WAITING)
        self.waits = number % step == 0 and number < WAITING * step
        self.status = "waiting_human" if self.waits else ("completed", "active", "failed")[number % 10 % 3]
        name, other = chance.sample(NAMES, 2)
        place = f"{chance.choice(PLACES)} {chance.randrange(1, 999)}"
        amount = f"{chance.randrange(1, 99)}천만원"
        self.title = f"{chance.choice(WISHES)}. {COMMON} {amount}, 임차인 {name}"
        rare = f" {RARE} 아래 집입니다." if self.waits else ""
        self.said = (
            ("user", f"{self.title}, 임대인 {other}, 주소는 {place}.{rare}"),
            (
                "octo",
                f"{place}의 초안을 썼습니다. {COMMON} {amount}에서 확인할 값이 {chance.randrange(2, 9)}개 있습니다.",
            ),
            (
                "user",
                f"월세는 {chance.randrange(30, 200)}만원이고 {chance.randrange(1, 29)}일에 냅니다. 특약은 없습니다.",
            ),
            ("octo", f"{name} 님과 {other} 님의 계약서를 마쳤습니다. 파일은 octo-documents에 있습니다."),
        )
        self.paper = f"# 주택임대차계약서\n\n| 임대인 | {other} |\n| 임차인 | {name} |\n| 소재지 | {place} |\n\n" + (
            f"제1조 임차인은 {COMMON} {amount}을 임대인에게 지급한다. 임대인은 목적물을 임차인에게 인도한다.\n" * 4
        )

    def at(self, hours: int) -> str:
        return (START + timedelta(minutes=7 * self.number, hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    @property
    def question(self) -> Question:
        fields = tuple(FormField(f"field_{n}", f"항목 {n}", "text", required=True, value=self.title) for n in range(20))
        return Question(
            *(f"q-{self.id}", "collaboration_required", self.id, "1", "contract", self.title, "확인해 주세요."),
            created_at=self.at(MESSAGES), fields=fields, preview=self.paper,
        )  # fmt: skip

    @property
    def texts(self) -> Iterator[tuple[str, str, str]]:
        """Kind, ref and grams of what can be searched, as the index takes them."""
        yield "title", "", grams(self.title)
        for place, (_, text) in enumerate(self.said):
            yield "message", str(place), grams(text)
        if self.number % 5 == 0:
            yield "document", f"doc-{self.id}/1", grams(self.paper)


def _insert(settings: DatabaseSettings, tables: dict[str, Iterable[Sequence[Any]]]) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(settings.sqlite)) as connection, connection:
        texts = tables.pop("octo_texts")
        for table, rows in tables.items():
            marks = ", ".join("?" * (table.count(",") + 1))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        for number, (thread_id, kind, ref, words) in enumerate(texts, 1):
            row = (number, thread_id, kind, ref)
            connection.execute("INSERT INTO octo_texts (id, thread_id, kind, ref) VALUES (?, ?, ?, ?)", row)
            connection.execute("INSERT INTO octo_grams (rowid, grams) VALUES (?, ?)", (number, words))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy(address: str, tables: dict[str, Iterable[Sequence[Any]]]) -> None:
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        texts = tables.pop("octo_texts")
        vectors = ((*row, " ".join(f"'{word}'" for word in words.split())) for *row, words in texts)
        tables["octo_texts (thread_id, kind, ref, grams)"] = vectors
        for table, rows in tables.items():
            with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        # The server does so by itself within minutes.
        connection.execute("VACUUM ANALYZE")
