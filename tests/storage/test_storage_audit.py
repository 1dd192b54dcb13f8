"""The audit chain: in order, exactly once, and no change to it unseen, also when the writer is killed."""

import random
import time
from collections.abc import Iterator

import pytest

from octo_cli.settings import DatabaseSettings
from octo_cli.storage import AuditEntry, Storage, open_storage
from tests.databases import by_hand
from tests.storage.storage_samples import AT, NOW, add_thread, child, draft, entry


@pytest.fixture
def storage(database: DatabaseSettings) -> Iterator[Storage]:
    with open_storage(database) as storage:
        yield storage


def test_entries_come_back_as_recorded_in_a_chain(storage: Storage) -> None:
    whole = AuditEntry(
        "thread-1",
        AT,
        "user:홍길동",
        "approved",
        document_id="doc-1",
        step_id="1",
        field="special_terms",
        old=["a"],
        new={"나": [1, 2.5, None, True]},
        doc_hash="sha256:…",
        checkpoint_id="1f0",
        detail={"reason": "좋음"},
    )
    assert storage.record([whole, entry()], key="approve:1") is True
    first, second = storage.audit("thread-1")
    assert (first.entry, first.seq, first.key, first.prev_hash) == (whole, 1, "approve:1", "")
    assert (second.entry, second.seq, second.prev_hash) == (entry(), 2, first.hash)
    assert len(first.hash) == 64
    assert storage.verify_audit("thread-1") is None


def test_a_key_is_recorded_once(storage: Storage) -> None:
    assert storage.record([entry()], key="k") is True
    assert storage.record([entry(new=1), entry(new=2)], key="k") is False
    assert storage.record([], key="empty") is False
    assert [row.entry for row in storage.audit("thread-1")] == [entry()]


def test_each_thread_has_its_own_chain(storage: Storage) -> None:
    storage.record([entry("a"), entry("b"), entry("a")], key="k1")
    storage.record([entry("b")], key="k2")
    assert [row.seq for row in storage.audit("a")] == [1, 2]
    assert [row.seq for row in storage.audit("b")] == [1, 2]
    assert storage.verify_audit("a") is None
    assert storage.verify_audit("b") is None
    assert storage.verify_audit("unknown") is None


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE octo_audit SET new_value = '9' WHERE seq = 2", 2),
        ("UPDATE octo_audit SET new_value = NULL WHERE seq = 1", 1),
        ("UPDATE octo_audit SET actor = 'system' WHERE seq = 3", 3),
        ("UPDATE octo_audit SET entry_key = 'other' WHERE seq = 2", 2),
        ("UPDATE octo_audit SET at = at || ' ' WHERE seq = 4", 4),
        ("DELETE FROM octo_audit WHERE seq = 1", 1),
        ("DELETE FROM octo_audit WHERE seq = 2", 2),
        ("DELETE FROM octo_audit WHERE seq = 4", 4),
        ("DELETE FROM octo_audit", 1),
        ("DELETE FROM octo_audit_heads", 5),
        ("UPDATE octo_audit SET seq = 9 WHERE seq = 4", 4),
        ("UPDATE octo_audit SET hash = prev_hash WHERE seq = 2", 2),
    ],
)
def test_any_change_by_sql_is_found_and_named(
    storage: Storage, database: DatabaseSettings, tampering: str, broken: int
) -> None:
    for number in range(4):
        storage.record([entry(new=number)], key=f"k{number}")
    by_hand(database, tampering)
    assert storage.verify_audit("thread-1") == broken


RECORDER = """
from hashlib import sha256
with open_storage(path) as storage:
    for number in range(int(sys.argv[2]), 100_000):
        at = NOW.isoformat()
        entries = [AuditEntry("thread-1", at, "system", "e", new=[number, part]) for part in range(2)]
        storage.record(entries, key=f"k{number}")
        doc_hash = f"sha256:{sha256(str(number).encode()).hexdigest()}"
        draft = DocumentDraft(
            f"doc-{number}", 1, "thread-1", "lease", "t", "ko", doc_hash, str(number), {}, f"{sys.argv[3]}/{number}"
        )
        reserved = storage.reserve_document(draft, NOW)
        print(number, reserved.version, reserved.path, flush=True)
"""


def test_killed_at_any_instant_the_chain_is_whole_and_nothing_acknowledged_is_lost_or_doubled(
    database: DatabaseSettings,
) -> None:
    with open_storage(database) as storage:
        add_thread(storage)
    acknowledged: dict[int, str] = {}
    for life in range(20):
        # Each life begins with the number that the one before may or may not have finished.
        start = max(acknowledged, default=-1) + 1
        process = child(RECORDER, database.name, start, f"life{life}")
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(random.uniform(0, 0.03))
        process.kill()
        lines += process.communicate()[0].splitlines(keepends=True)
        for line in lines:
            if line.endswith("\n"):
                acked, version, where = line.split()
                assert version == "1"
                acknowledged[int(acked)] = where

    with open_storage(database) as storage:
        assert storage.verify_audit("thread-1") is None
        recorded = [row.entry.new for row in storage.audit("thread-1")]
        assert len(recorded) % 2 == 0
        assert recorded == [[number, part] for number in range(len(recorded) // 2) for part in range(2)]
        assert len(acknowledged) >= 20
        assert max(acknowledged) < len(recorded) // 2
        for number, where in acknowledged.items():
            again = draft(str(number), document_id=f"doc-{number}")
            storage.finish_document(storage.reserve_document(again, NOW), NOW)
            assert storage.next_version(f"doc-{number}") == 2
            latest = storage.document(f"doc-{number}")
            assert latest is not None
            assert latest.path == where
