"""The tables, as one text to read, and how an older file becomes a current one.

Times are `moments.stamp` text. JSON is text. LangGraph's `checkpoints` and `writes` are in the same file, its own.
Plain SQL on purpose: another database can take it with its own placeholders.
"""

import sqlite3
from pathlib import Path
from typing import Final

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

# Migration n takes a file from version n to n + 1. A released one is never edited; no literal in one holds a semicolon.
MIGRATIONS: Final = (_FIRST, _USAGE, _MODEL)
VERSION: Final = len(MIGRATIONS)
# A bare LangGraph saver's file may become Octo's.
_LANGGRAPH_TABLES: Final = frozenset({"checkpoints", "writes"})


def schema_version(connection: sqlite3.Connection) -> int:
    """The file's version; 0 for a file Octo has not written to."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'octo_schema'").fetchone():
        return 0
    row = connection.execute("SELECT version FROM octo_schema").fetchone()
    return int(row[0]) if row else 0


def refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StorageError: "storage_too_new" for a later Octo's file, "storage_corrupt" for another program's."""
    # The tables first: between two looks another process may make its own, and they would pass for a stranger's.
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    found = schema_version(connection) if "octo_schema" in tables else 0
    if not found and tables - _LANGGRAPH_TABLES:
        raise StorageError("storage_corrupt", path=str(path), detail="another program's tables")
    if found > VERSION:
        raise StorageError("storage_too_new", path=str(path), found=found, known=VERSION)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to `VERSION` in one transaction; of several processes at once, one does the work."""
    if schema_version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in MIGRATIONS[schema_version(connection) :]:
            _run(connection, script)
        connection.execute("UPDATE octo_schema SET version = ?", (VERSION,))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _run(connection: sqlite3.Connection, script: str) -> None:
    # executescript would commit first and leave a half-made schema after a crash.
    lines = (line for line in script.splitlines() if not line.startswith("--"))
    for statement in "\n".join(lines).split(";"):
        connection.execute(statement)
