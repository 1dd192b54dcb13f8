"""The tables, as one text to read, and how an older database becomes a current one.

Times are `moments.stamp` text. JSON is text. LangGraph's own tables are in the same database. The text is SQLite's;
`for_postgres` says what PostgreSQL reads in its place. What only one of them has stands in a migration of its own.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from octo_cli.errors import StorageError

_FIRST: Final = """
-- One row: the number of migrations this file has seen.
CREATE TABLE octo_schema (version INTEGER NOT NULL);
INSERT INTO octo_schema (version) VALUES (0);

-- One row a thread, so that a list never touches checkpoints.
-- recency: higher is more recently touched; it orders lists, since clocks can stand still or go back.
CREATE TABLE octo_threads (
    thread_id      TEXT PRIMARY KEY,
    title          TEXT NOT NULL,
    titled_by_user INTEGER NOT NULL DEFAULT 0,
    status         TEXT NOT NULL,
    user_name      TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    updated_at     TEXT NOT NULL,
    recency        INTEGER NOT NULL,
    pending        INTEGER NOT NULL DEFAULT 0,
    turns          INTEGER NOT NULL DEFAULT 0,
    documents      INTEGER NOT NULL DEFAULT 0,
    graph_version  TEXT,
    active_seconds REAL NOT NULL DEFAULT 0,
    failure        TEXT
);
CREATE INDEX octo_threads_recency ON octo_threads (recency);
CREATE INDEX octo_threads_status  ON octo_threads (status, recency);
CREATE INDEX octo_threads_user    ON octo_threads (user_name, recency);
CREATE INDEX octo_threads_title   ON octo_threads (title);

-- Open questions only. A fork carries its original's interrupt ids, hence the two-part key.
CREATE TABLE octo_questions (
    thread_id    TEXT NOT NULL,
    question_id  TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT,
    timed_out_at TEXT,
    question     TEXT NOT NULL,
    PRIMARY KEY (thread_id, question_id)
);
CREATE INDEX octo_questions_oldest  ON octo_questions (created_at);
CREATE INDEX octo_questions_expires ON octo_questions (expires_at);

-- Append-only. hash covers every other column and the hash before it; octo_audit_heads says where each chain ends.
CREATE TABLE octo_audit (
    thread_id     TEXT NOT NULL,
    seq           INTEGER NOT NULL,
    entry_key     TEXT NOT NULL,
    part          INTEGER NOT NULL,
    at            TEXT NOT NULL,
    actor         TEXT NOT NULL,
    event         TEXT NOT NULL,
    document_id   TEXT,
    step_id       TEXT,
    field         TEXT,
    old_value     TEXT,
    new_value     TEXT,
    doc_hash      TEXT,
    checkpoint_id TEXT,
    detail        TEXT,
    prev_hash     TEXT NOT NULL,
    hash          TEXT NOT NULL,
    PRIMARY KEY (thread_id, seq)
);
CREATE UNIQUE INDEX octo_audit_key ON octo_audit (entry_key, part);
CREATE TABLE octo_audit_heads (
    thread_id TEXT PRIMARY KEY,
    seq       INTEGER NOT NULL,
    hash      TEXT NOT NULL
);

-- One row a version. Reserved before its file is written, finished once the file is there.
CREATE TABLE octo_documents (
    document_id   TEXT NOT NULL,
    version       INTEGER NOT NULL,
    thread_id     TEXT NOT NULL,
    document_type TEXT NOT NULL,
    title         TEXT NOT NULL,
    language      TEXT NOT NULL,
    doc_hash      TEXT NOT NULL,
    path          TEXT NOT NULL,
    reserved_at   TEXT NOT NULL,
    finished_at   TEXT,
    fields        TEXT NOT NULL,
    text          TEXT NOT NULL,
    PRIMARY KEY (document_id, version)
);
CREATE INDEX octo_documents_finished ON octo_documents (finished_at);
CREATE INDEX octo_documents_thread   ON octo_documents (thread_id, finished_at);

-- Who runs a thread. machine tells whether pid can be looked up from here; started tells a recycled pid.
CREATE TABLE octo_leases (
    thread_id  TEXT PRIMARY KEY,
    token      TEXT NOT NULL,
    host       TEXT NOT NULL,
    machine    TEXT NOT NULL,
    pid        INTEGER NOT NULL,
    started    TEXT NOT NULL,
    since      TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
"""

# What models were asked for, as JSON: by step in the turn that runs or ran last, and in all turns before it.
_USAGE: Final = """
ALTER TABLE octo_threads ADD COLUMN turn_usage TEXT NOT NULL DEFAULT '{}';
ALTER TABLE octo_threads ADD COLUMN past_usage TEXT;
"""

# The mind of the run that goes on or was the last: "offline", or the model it was told to ask.
_MODEL: Final = "ALTER TABLE octo_threads ADD COLUMN model TEXT"

# Questions in the order in which a run put them: those of one instant have no other.
_PLACES: Final = """
ALTER TABLE octo_questions ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
DROP INDEX octo_questions_oldest;
CREATE INDEX octo_questions_order ON octo_questions (created_at, thread_id, place);
"""

# What was said to questions and is not worked in yet, by question, as JSON: a run that dies has been told.
# going_to: the checkpoint that somebody is taking the thread back to, until it stands there.
_UNDER_WAY: Final = """
ALTER TABLE octo_threads ADD COLUMN answers TEXT;
ALTER TABLE octo_threads ADD COLUMN going_to TEXT;
"""

# What is known of the database as a whole.
_PROPERTIES: Final = """
CREATE TABLE octo_properties (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

# What was said, message by message, so that neither search nor memory reads a checkpoint. digest: of this message and
# all before it, so branches share what they have in common. current: 0 on a branch that was left.
# indexed on the thread: whether all its messages are here; of older threads they still are in checkpoints alone.
_MESSAGES: Final = """
CREATE TABLE octo_messages (
    thread_id TEXT NOT NULL,
    digest    TEXT NOT NULL,
    place     INTEGER NOT NULL,
    current   INTEGER NOT NULL,
    speaker   TEXT NOT NULL,
    at        TEXT NOT NULL,
    text      TEXT NOT NULL,
    PRIMARY KEY (thread_id, digest)
);
CREATE INDEX octo_messages_place ON octo_messages (thread_id, current, place);
ALTER TABLE octo_threads ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
"""

# What a thread was about, in a few sentences and in one. digest: of the last message it covers.
# octo_recalled: of this thread, what was brought to turns of others, under its own digest.
_MEMORY: Final = """
CREATE TABLE octo_summaries (
    thread_id TEXT NOT NULL,
    length    TEXT NOT NULL,
    digest    TEXT NOT NULL,
    made_by   TEXT NOT NULL,
    at        TEXT NOT NULL,
    text      TEXT NOT NULL,
    PRIMARY KEY (thread_id, length)
);
CREATE TABLE octo_recalled (
    thread_id TEXT NOT NULL,
    digest    TEXT NOT NULL,
    text      TEXT NOT NULL,
    PRIMARY KEY (thread_id, digest)
);
ALTER TABLE octo_threads ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
"""

# What `search` looks through, newest last: titles ("title", ref ""), what is said now ("message", ref its place) and
# the newest version of documents ("document", ref "id/version"). The words themselves lie where they always did; here
# are their grams, on a file in a table that keeps nothing but them. The other indexes serve lists of any length.
_SEARCH: Final = """
DROP INDEX octo_threads_title;
CREATE INDEX octo_threads_titled ON octo_threads (title, recency);
CREATE INDEX octo_threads_user_status ON octo_threads (user_name, status, recency);
CREATE INDEX octo_threads_unindexed ON octo_threads (recency) WHERE indexed = 0;
DROP INDEX octo_questions_expires;
CREATE INDEX octo_questions_due ON octo_questions (expires_at) WHERE timed_out_at IS NULL;
"""
_SEARCH_SQLITE: Final = """
CREATE TABLE octo_texts (
    id        INTEGER PRIMARY KEY,
    thread_id TEXT NOT NULL,
    kind      TEXT NOT NULL,
    ref       TEXT NOT NULL,
    UNIQUE (thread_id, kind, ref)
);
CREATE VIRTUAL TABLE octo_grams
    USING fts5 (grams, content = '', detail = none, columnsize = 0, prefix = '1', tokenize = 'ascii');
"""
_SEARCH_POSTGRES: Final = """
CREATE TABLE octo_texts (
    id        BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    thread_id TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    ref       TEXT COLLATE "C" NOT NULL,
    grams     TSVECTOR,
    UNIQUE (thread_id, kind, ref)
);
CREATE INDEX octo_texts_grams ON octo_texts USING gin (grams);
"""

# Where a thread's audit chain ends, once more: cut off with its head, it is missed here. "seq:hash", sealed.
_AUDIT: Final = """
ALTER TABLE octo_threads ADD COLUMN audit_head TEXT NOT NULL DEFAULT '0:';
UPDATE octo_threads SET audit_head = COALESCE(
    (SELECT seq || ':' || hash FROM octo_audit_heads WHERE octo_audit_heads.thread_id = octo_threads.thread_id), '0:');
CREATE INDEX octo_audit_document ON octo_audit (document_id);
"""


class Migration(NamedTuple):
    """`both` in either dialect, then what only one of them is told."""

    both: str
    sqlite: str = ""
    postgres: str = ""


# Migration n takes a database from version n to n + 1. A released one is never edited; no literal in one holds a
# semicolon. The first three were released before there was a server to run on.
MIGRATIONS: Final = (
    Migration(_FIRST),
    Migration(_USAGE),
    Migration(_MODEL),
    Migration(
        _PLACES + _UNDER_WAY + _PROPERTIES + _MESSAGES + _MEMORY + _SEARCH + _AUDIT,
        sqlite=_SEARCH_SQLITE,
        postgres=_SEARCH_POSTGRES,
    ),
)
VERSION: Final = len(MIGRATIONS)
# A bare LangGraph saver's file may become Octo's.
LANGGRAPH_TABLES: Final = frozenset({"checkpoints", "writes"})
# Ids and times are compared byte by byte, as SQLite does, and not as people of some country sort words.
_TYPES: Final = {"TEXT": 'TEXT COLLATE "C"', "INTEGER": "BIGINT", "REAL": "DOUBLE PRECISION"}
Execute = Callable[[str], Any]


def script(number: int, dialect: str) -> Iterator[str]:
    """The statements of a migration, one by one."""
    migration = MIGRATIONS[number]
    both = for_postgres(migration.both) if dialect == "postgres" else migration.both
    for text in (both, getattr(migration, dialect)):
        lines = (line for line in text.splitlines() if not line.startswith("--"))
        yield from (statement for statement in "\n".join(lines).split(";") if statement.strip())


def for_postgres(text: str) -> str:
    """SQLite's `CREATE TABLE` as PostgreSQL understands the same."""
    return re.sub(rf"\b({'|'.join(_TYPES)})\b", lambda found: _TYPES[found[0]], text)


def refuse_newer(found: int, name: str) -> None:
    """Raise StorageError "storage_too_new" for what a later Octo wrote."""
    if found > VERSION:
        raise StorageError("storage_too_new", path=name, found=found, known=VERSION)


def bring_up_to_date(execute: Execute, found: int, dialect: str) -> None:
    """Take a database of version `found` to `VERSION`, inside the caller's transaction."""
    for number in range(found, VERSION):
        for statement in script(number, dialect):
            execute(statement)
    execute(f"UPDATE octo_schema SET version = {VERSION}")
