"""Backups made while others write, and restored by others than those who made them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from octo_cli.errors import StorageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import open_storage
from octo_cli.storage.archives import back_up, restore
from octo_cli.storage.sealing import new_key
from tests.storage.releases import unpacked
from tests.storage.storage_samples import add_thread


def test_a_backup_is_made_while_somebody_writes_and_holds_what_was_written(tmp_path: Path) -> None:
    settings = DatabaseSettings(tmp_path / "octo.db", statement_timeout=1)
    with open_storage(settings) as storage:
        add_thread(storage, title="before")
        with closing(sqlite3.connect(settings.sqlite, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE octo_threads SET title = 'after'")
            made = back_up(storage, settings, tmp_path / "b.db")
            other.execute("COMMIT")
        assert (made.threads, made.broken_chains) == (1, ())
    with open_storage(DatabaseSettings(tmp_path / "b.db")) as archive:
        assert [record.title for record in archive.threads()] == ["before"]


def test_a_lease_is_no_part_of_a_backup(tmp_path: Path) -> None:
    settings = DatabaseSettings(tmp_path / "octo.db")
    with open_storage(settings) as storage:
        thread_id = add_thread(storage)
        with storage.take_lease(thread_id, now=storage.database.now()):
            back_up(storage, settings, tmp_path / "b.db")
    with closing(sqlite3.connect(tmp_path / "b.db")) as archive:
        assert archive.execute("SELECT COUNT(*) FROM octo_leases").fetchall() == [(0,)]
        assert archive.execute("PRAGMA journal_mode").fetchall() == [("delete",)]


def test_a_database_file_of_an_older_octo_is_restored_and_stays_as_it_is(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    old = unpacked(1, tmp_path / "old.db")
    before = old.read_bytes()
    done = restore(old, database)
    with open_storage(database) as storage:
        assert (done.threads, done.kept, done.broken_chains) == (6, None, ())
        assert len(storage.questions()) == 5
        again = [record.thread_id for record in storage.threads()]
    assert old.read_bytes() == before
    with open_storage(DatabaseSettings(old)) as source:
        assert [record.thread_id for record in source.threads()] == again


def test_a_key_that_does_not_fit_an_archive_is_told_and_leaves_no_database_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(tmp_path / "octo.db", encrypt=True)
    key = new_key()
    monkeypatch.setenv("OCTO_ENCRYPTION_KEY", key)
    with open_storage(settings) as storage:
        add_thread(storage)
        back_up(storage, settings, tmp_path / "b.db")
    new = settings._replace(sqlite=tmp_path / "new.db")
    monkeypatch.setenv("OCTO_ENCRYPTION_KEY", new_key())
    with pytest.raises(StorageError) as caught:
        restore(tmp_path / "b.db", new)
    assert (caught.value.code, caught.value.values["path"]) == ("storage_key_wrong", tmp_path / "b.db")
    assert not new.sqlite.exists()
    monkeypatch.setenv("OCTO_ENCRYPTION_KEY", key)
    assert restore(tmp_path / "b.db", new).threads == 1


@pytest.mark.parametrize("skip", [False, True])
def test_a_damaged_thread_is_not_restored_and_the_others_are_if_that_is_wanted(
    database: DatabaseSettings, tmp_path: Path, *, skip: bool
) -> None:
    old = unpacked(3, tmp_path / "old.db")
    with closing(sqlite3.connect(old)) as archive, archive:
        archive.execute("UPDATE writes SET value = X'00', type = 'json' WHERE thread_id = 'talk'")
    if skip:
        done = restore(old, database, skip_damaged=True)
        assert (done.threads, done.damaged) == (5, ("talk",))
    else:
        with pytest.raises(StorageError) as caught:
            restore(old, database)
        assert (caught.value.code, caught.value.values["threads"]) == ("copy_damaged", "talk")
    with open_storage(database) as storage:
        assert len(storage.threads()) == (5 if skip else 0)
        assert list(storage.faults()) == []
