"""The file itself: made privately, opened by many, refused untouched, and every trouble told by its code."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from octo_cli.errors import StorageError
from octo_cli.storage import open_storage, storage_errors
from octo_cli.storage.schema import MIGRATIONS, VERSION
from tests.databases import file
from tests.storage.storage_samples import AT, add_thread, child, entry

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
needs_mount = pytest.mark.skipif(not IS_ROOT, reason="a small disk of its own needs root to mount")


def test_file_and_missing_folders_are_made_private(tmp_path: Path) -> None:
    path = tmp_path / "home" / "octo" / "octo.db"
    with open_storage(file(path)) as storage:
        add_thread(storage)
        modes = {found.name: oct(found.stat().st_mode & 0o777) for found in path.parent.iterdir()}
    assert modes == {"octo.db": "0o600", "octo.db-wal": "0o600", "octo.db-shm": "0o600"}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["octo.db"]


def test_without_create_a_missing_file_is_an_empty_store_and_stays_missing(tmp_path: Path) -> None:
    path = tmp_path / "home" / "octo.db"
    with open_storage(file(path), create=False) as storage:
        assert storage.threads() == []
        assert storage.questions() == []
        assert storage.documents() == []
        assert storage.audit("x") == []
        assert storage.checkpoint_rows("x") == []
        assert storage.delete(["x"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_without_create_an_existing_file_is_the_store(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    with open_storage(file(path)) as storage:
        add_thread(storage)
    with open_storage(file(path), create=False) as storage:
        assert len(storage.threads()) == 1


def test_writes_are_synced_and_readers_never_wait(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    with open_storage(file(path)) as storage, closing(sqlite3.connect(path, isolation_level=None)) as other:
        assert storage._database.read("PRAGMA synchronous") == [(2,)]
        assert storage._database.read("PRAGMA journal_mode") == [("wal",)]
        other.execute("BEGIN IMMEDIATE")
        assert storage.threads() == []


def test_four_processes_make_one_new_file_together(tmp_path: Path) -> None:
    for number in range(5):
        path = tmp_path / f"{number}" / "octo.db"
        script = (
            "sys.stdin.readline()\n"
            "with open_storage(path) as storage:\n"
            "    storage.create_thread(sys.argv[2], title='', user='u', now=NOW)\n"
        )
        processes = [child(script, path, f"t{index}") for index in range(4)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate()[1] for process in processes]
        assert [process.returncode for process in processes] == [0] * 4, said
        with open_storage(file(path)) as storage:
            assert sorted(record.thread_id for record in storage.threads()) == ["t0", "t1", "t2", "t3"]


def test_many_threads_of_one_process_share_the_connection(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with open_storage(file(tmp_path / "octo.db")) as storage, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: storage.record([entry(new=n)], key=f"k{n}"), range(200)))
        assert sorted(row.entry.new for row in storage.audit("thread-1")) == list(range(200))
        assert storage.verify_audit("thread-1") is None


def _text(path: Path) -> None:
    path.write_text("이것은 저장소가 아닙니다.\n" * 100, encoding="utf-8")


def _scrambled(path: Path) -> None:
    with open_storage(file(path)) as storage:
        add_thread(storage)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))


def _truncated(path: Path) -> None:
    with open_storage(file(path)) as storage:
        for number in range(300):
            add_thread(storage, f"t{number}", title="가" * 100)
    path.write_bytes(path.read_bytes()[:20_000])


def _tableless(path: Path) -> None:
    open_storage(file(path)).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE octo_threads")


@pytest.mark.parametrize("damage", [_text, _scrambled, _truncated, _tableless])
def test_a_damaged_or_foreign_file_is_corrupt(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "octo.db"
    damage(path)
    before = path.read_bytes()
    with pytest.raises(StorageError) as caught, open_storage(file(path)) as storage:
        storage.threads()
    assert caught.value.code == "storage_corrupt"
    assert caught.value.values["path"] == str(path)
    assert caught.value.status == 5
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", ["'{\"id\": 1}'", "'nonsense'", "CAST(X'FFFE' AS TEXT)"])
def test_a_row_that_is_no_question_is_corrupt(tmp_path: Path, value: str) -> None:
    path = tmp_path / "octo.db"
    with open_storage(file(path)) as storage, closing(sqlite3.connect(path)) as other:
        with other:
            other.execute(
                "INSERT INTO octo_questions (thread_id, question_id, created_at, question)"
                f" VALUES ('t', 'q', '', {value})"
            )
        with pytest.raises(StorageError) as caught:
            storage.questions()
    assert caught.value.code == "storage_corrupt"


def test_an_older_file_is_brought_up_to_date_with_all_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(MIGRATIONS[0].both)
        old.execute("UPDATE octo_schema SET version = 1")
        old.execute(
            "INSERT INTO octo_threads (thread_id, title, status, user_name, created_at, updated_at, recency)"
            " VALUES ('thread-1', '임대차계약서', 'active', 'u', ?, ?, 1)",
            (AT, AT),
        )
    with open_storage(file(path)) as storage:
        details = storage.thread_details("thread-1")
        assert details is not None
        assert (details.turn_usage, details.usage) == ({}, None)
        assert storage.threads()[0].title == "임대차계약서"
    with closing(sqlite3.connect(path)) as now:
        assert now.execute("SELECT version FROM octo_schema").fetchone() == (VERSION,)


def test_a_newer_file_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    with open_storage(file(path)) as storage:
        add_thread(storage)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE octo_schema SET version = 99")
    before = path.read_bytes()
    with pytest.raises(StorageError) as caught:
        open_storage(file(path))
    assert caught.value.code == "storage_too_new"
    assert caught.value.values["found"] == 99
    assert path.read_bytes() == before


def test_a_newer_file_is_refused_untouched_even_with_a_killed_writers_log_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    open_storage(file(path)).close()
    writer = (
        "import os, sqlite3\nother = sqlite3.connect(path.sqlite, isolation_level=None)\n"
        "other.execute('UPDATE octo_schema SET version = 99')\nos.kill(os.getpid(), 9)\n"
    )
    child(writer, path).communicate()
    log = path.with_name("octo.db-wal")
    before = path.read_bytes(), log.read_bytes()
    with pytest.raises(StorageError) as caught:
        open_storage(file(path))
    assert caught.value.code == "storage_too_new"
    assert (path.read_bytes(), log.read_bytes()) == before


def test_a_file_of_langgraphs_own_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE checkpoints (thread_id TEXT)")
    with open_storage(file(path)) as storage:
        assert storage.threads() == []


def test_a_writer_that_never_ends_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    with (
        open_storage(file(path, timeout=0.05)) as storage,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError) as caught:
            add_thread(storage)
        assert caught.value.code == "storage_busy"
        other.execute("ROLLBACK")
        add_thread(storage)


@pytest.mark.parametrize("place", ["file/octo.db", "file/deeper/octo.db", "folder"])
def test_a_place_where_no_file_can_be_is_unreachable(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError) as caught:
        open_storage(file(tmp_path / place))
    assert caught.value.code == "storage_unreachable"


@pytest.mark.skipif(IS_ROOT, reason="root may write anywhere; the read-only disk below stands for it")
def test_a_file_without_write_permission_is_read_only(tmp_path: Path) -> None:
    path = tmp_path / "home" / "octo.db"
    with open_storage(file(path)) as storage:
        add_thread(storage)
    path.chmod(0o400)
    with open_storage(file(path)) as storage:
        assert len(storage.threads()) == 1
        with pytest.raises(StorageError) as caught:
            storage.rename("thread-1", "x")
    assert caught.value.code == "storage_read_only"
    path.parent.chmod(0o500)
    try:
        with pytest.raises(StorageError) as caught, open_storage(file(path)) as storage:
            storage.rename("thread-1", "x")
    finally:
        path.parent.chmod(0o700)
    assert caught.value.code == "storage_read_only"


@needs_mount
def test_on_a_read_only_disk_nothing_is_harmed(tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk") as disk:
        with open_storage(file(disk / "octo.db")) as storage:
            add_thread(storage)
        _mount("-o", "remount,ro", disk)
        for path in (disk / "octo.db", disk / "new.db", disk / "new" / "octo.db"):
            with pytest.raises(StorageError) as caught:
                open_storage(file(path))
            assert caught.value.code == "storage_read_only"
        _mount("-o", "remount,rw", disk)
        with open_storage(file(disk / "octo.db")) as storage:
            assert len(storage.threads()) == 1


@needs_mount
def test_on_a_full_disk_what_was_acknowledged_stays_and_work_goes_on_after_space_is_made(tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(b"0" * 200_000)
        with open_storage(file(disk / "octo.db")) as storage:
            acknowledged: list[bool] = []
            records = (storage.record([entry(new="가" * 3000)], key=f"k{number}") for number in range(1000))
            with pytest.raises(StorageError) as caught:
                acknowledged.extend(records)
            assert caught.value.code == "storage_full"
            assert 0 < len(acknowledged) == len(storage.audit("thread-1"))
            with pytest.raises(StorageError) as caught:
                open_storage(file(disk / "another.db"))
            assert caught.value.code == "storage_full"
            ballast.unlink()
            assert storage.record([entry(new="가" * 3000)], key="after") is True
        with open_storage(file(disk / "octo.db")) as storage:
            assert len(storage.audit("thread-1")) == len(acknowledged) + 1
            assert storage.verify_audit("thread-1") is None


def test_a_full_database_is_told_from_the_code_of_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (a)")
        other.execute("PRAGMA max_page_count = 3")
        with pytest.raises(StorageError) as caught, storage_errors(str(path)):
            other.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 100)
    assert caught.value.code == "storage_full"
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


def test_a_defect_is_not_passed_off_as_a_storage_trouble(tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "octo.db")) as other,
        pytest.raises(sqlite3.OperationalError),
        storage_errors(str(tmp_path)),
    ):
        other.execute("SELEKT")


def test_listing_imports_neither_asyncio_nor_langgraph(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    with open_storage(file(path)) as storage:
        add_thread(storage)
    script = (
        "import sys; from pathlib import Path; from octo_cli.storage import open_storage\n"
        "from octo_cli.settings import DatabaseSettings\n"
        "settings = DatabaseSettings(Path(sys.argv[1]))\n"
        "with open_storage(settings, create=False) as storage: assert len(storage.threads()) == 1\n"
        "heavy = {'asyncio', 'aiosqlite', 'langgraph', 'langchain_core', 'pydantic', 'hashlib', 'difflib', 'socket'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, cwd=root)


@contextmanager
def _small_disk(place: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", place)
    except subprocess.CalledProcessError:
        pytest.skip("this system lets nobody mount a disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def _mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)
