"""A thread as a file: it holds all that a copy carries, and what is no such file changes nothing."""

import json
import sqlite3
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from octo_cli.errors import StorageError, UsageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import moving, open_storage
from octo_cli.storage.exchange import ThreadFile, export, take_in
from octo_cli.storage.sealing import new_key
from tests.databases import by_hand
from tests.storage.releases import unpacked

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def old(tmp_path: Path) -> DatabaseSettings:
    """Real threads: finished, waiting at different questions, gone back, forked."""
    return DatabaseSettings(unpacked(3, tmp_path / "old" / "octo.db"))


def exported(settings: DatabaseSettings, folder: Path, *thread_ids: str) -> list[Path]:
    """A file for each thread, or for those named."""
    with open_storage(settings) as storage:
        ids = thread_ids or tuple(record.thread_id for record in reversed(storage.threads()))
        paths = [folder / f"{thread_id}.json" for thread_id in ids]
        for thread_id, path in zip(ids, paths, strict=True):
            path.write_bytes(export(storage, thread_id, {"to": "read"}, "0"))
    return paths


def test_all_of_a_thread_arrives_and_a_second_time_changes_nothing(
    old: DatabaseSettings, database: DatabaseSettings, tmp_path: Path
) -> None:
    files = exported(old, tmp_path)
    done = [take_in(path, database) for path in files]
    assert [(one.imported, one.chain_broken) for one in done] == [(True, False)] * 6
    assert [take_in(path, database).imported for path in files] == [False] * 6
    with open_storage(old) as source, open_storage(database) as target:
        # A copy compares every part of either side.
        copied = moving.copy(source.database, target.database, None)
        assert (copied.copied, copied.unchanged) == (0, 6)
        for record in source.threads():
            assert target.verify_audit(record.thread_id) is None
            assert list(target.document_faults(record.thread_id)) == []
            assert target.questions(record.thread_id) == source.questions(record.thread_id)


def test_an_encrypted_thread_is_written_in_clear_and_sealed_again(
    old: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed, again = (DatabaseSettings(tmp_path / name, encrypt=True) for name in ("sealed.db", "again.db"))
    monkeypatch.setenv("OCTO_ENCRYPTION_KEY", new_key())
    with open_storage(old) as source, open_storage(sealed) as target:
        moving.copy(source.database, target.database, ["finished"])
    (path,) = exported(sealed, tmp_path, "finished")
    assert "홍길동" in path.read_text(encoding="utf-8")
    # The file of a plain database is the same, to the byte.
    assert path.read_bytes() == exported(old, tmp_path, "finished")[0].read_bytes()
    monkeypatch.setenv("OCTO_ENCRYPTION_KEY", new_key())
    assert take_in(path, again).imported
    assert "홍길동".encode() not in again.sqlite.read_bytes()
    with open_storage(again) as storage:
        assert storage.verify_audit("finished") is None
        assert storage.document(storage.documents("finished")[0].document_id) is not None


def test_a_changed_audit_log_arrives_as_changed(
    old: DatabaseSettings, database: DatabaseSettings, tmp_path: Path
) -> None:
    with open_storage(old):
        pass
    by_hand(old, "UPDATE octo_audit SET actor = 'user:eve' WHERE thread_id = 'finished' AND seq = 3")
    (path,) = exported(old, tmp_path, "finished")
    assert take_in(path, database).chain_broken
    with open_storage(database) as storage:
        assert storage.verify_audit("finished") == 3


def test_a_place_reserved_on_another_machine_is_none_here(old: DatabaseSettings, tmp_path: Path) -> None:
    with open_storage(old):
        pass
    by_hand(old, "UPDATE octo_documents SET finished_at = NULL")
    (path,) = exported(old, tmp_path, "finished")
    there = DatabaseSettings(tmp_path / "there.db")
    take_in(path, there)
    with open_storage(there) as storage:
        assert storage.database.read("SELECT COUNT(*) FROM octo_documents") == [(0,)]


def _packed(value: bytes) -> list[str]:
    return ["msgpack", b64encode(value).decode()]


# What a file says that is none: each has the checksum that fits it.
FORGED: dict[str, Change] = {
    "another thread's row": lambda file: file["index"][0][1].update(thread_id="approving"),
    "a column nobody has": lambda file: file["index"][0][1].update(evil=1),
    "a table nobody has": lambda file: file["index"].append(["sqlite_master", {"thread_id": "finished"}]),
    "a lease": lambda file: file["index"].append(["octo_leases", {"thread_id": "finished"}]),
    "a text no server takes": lambda file: file["index"][0][1].update(title="\0"),
    "a frame that is none": lambda file: file["checkpoints"][0][4].pop("channel_versions"),
    "another checkpoint's frame": lambda file: file["checkpoints"][0].__setitem__(1, "0"),
    "a number for a text": lambda file: file["index"][0][1].update(title=7),
    "a text for a number": lambda file: file["index"][0][1].update(turns="seven"),
    "no value": lambda file: file["index"][0][1].update(status=None),
    "a row twice": lambda file: file["index"].append(file["index"][0]),
    "no row of the thread": lambda file: file["index"].pop(0),
    "a pickle": lambda file: file["writes"][0].__setitem__(6, ["pickle", "gASVAA=="]),
    "no MessagePack": lambda file: file["writes"][0].__setitem__(6, _packed(b"\xc1")),
    "deep MessagePack": lambda file: file["writes"][0].__setitem__(6, _packed(b"\x91" * 20_000 + b"\x00")),
    "a member too many": lambda file: file.update(extra=1),
    "a member too few": lambda file: file.pop("writes"),
    "a row too short": lambda file: file["writes"][0].pop(),
    "no name for a thread": lambda file: file.update(thread_id="../finished"),
    "a name that means another": lambda file: file.update(thread_id="last"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_what_is_no_thread_is_refused(old: DatabaseSettings, tmp_path: Path, name: str) -> None:
    (path,) = exported(old, tmp_path, "finished")
    file = json.loads(path.read_bytes())
    path.write_bytes(summed(file))
    assert take_in(path, DatabaseSettings(tmp_path / "old.db")).imported
    FORGED[name](file)
    path.write_bytes(summed(file))
    assert refused(path, tmp_path / "new.db") == "import_unreadable"


def test_what_is_no_file_of_octos_is_refused(old: DatabaseSettings, tmp_path: Path) -> None:
    (path,) = exported(old, tmp_path, "finished")
    whole = path.read_bytes()
    bad: dict[bytes, str] = {
        b"": "import_unreadable",
        whole[: len(whole) // 2]: "import_unreadable",
        b"\xff\xfe\x00": "import_unreadable",
        "대화가 아닙니다".encode(): "import_unreadable",
        b"[" * 100_000: "import_unreadable",
        b"[1, 2]": "import_unreadable",
        b"{}": "import_foreign",
        b'{"format": "octo.other", "version": 1}': "import_foreign",
        whole.replace("홍길동".encode(), "김길동".encode()): "import_changed",
        whole.replace(b'"version": 1', b'"version": 2', 1): "import_too_new",
        whole.replace(b'"schema": 4', b'"schema": 5', 1): "import_too_new",
    }
    for content, code in bad.items():
        path.write_bytes(content)
        assert refused(path, tmp_path / "new.db") == code, content[:60]
    for missing in (tmp_path / "missing.json", tmp_path, tmp_path / "no\0name"):
        with pytest.raises(UsageError) as raised:
            take_in(missing, DatabaseSettings(tmp_path / "new.db"))
        assert raised.value.code == "import_missing"
    path.write_bytes(b"\xef\xbb\xbf" + whole)
    assert take_in(path, DatabaseSettings(tmp_path / "new.db")).imported


def test_another_thread_of_that_name_is_named_and_left(
    old: DatabaseSettings, database: DatabaseSettings, tmp_path: Path
) -> None:
    (path,) = exported(old, tmp_path, "finished")
    take_in(path, database)
    by_hand(database, "UPDATE octo_threads SET title = 'another'")
    with pytest.raises(StorageError) as raised:
        take_in(path, database)
    assert (raised.value.code, raised.value.values["thread"]) == ("import_differs", "finished")
    with open_storage(database) as storage:
        assert [record.title for record in storage.threads()] == ["another"]


def summed(file: dict[str, Any]) -> bytes:
    """The file with the checksum that is its own, as far as its shape allows for one."""
    file["checksum"] = ""
    try:
        told: Any = msgspec.convert(file, ThreadFile, builtin_types=())
    except msgspec.ValidationError:
        told = file
    content = msgspec.json.encode(told, order="deterministic")
    file["checksum"] = f"sha256:{sha256(content).hexdigest()}"
    return msgspec.json.encode(file)


def refused(path: Path, database: Path) -> str:
    """The code it is refused with, before there is a database."""
    with pytest.raises(StorageError) as raised:
        take_in(path, DatabaseSettings(database))
    assert not database.exists()
    return raised.value.code


def test_the_file_is_data_of_known_shapes(old: DatabaseSettings, tmp_path: Path) -> None:
    """Bytes are base64, and what a reader needs stands in clear."""
    (path,) = exported(old, tmp_path, "finished")
    file = json.loads(path.read_bytes())
    assert (file["format"], file["version"], file["record"]) == ("octo.thread", 1, {"to": "read"})
    with open_storage(old) as storage, closing(sqlite3.connect(old.sqlite)) as connection:
        ((states,),) = connection.execute("SELECT COUNT(*) FROM checkpoints WHERE thread_id = 'finished'")
        assert len(file["checkpoints"]) == states
        assert len([row for row in file["index"] if row[0] == "octo_audit"]) == storage.audit_length("finished")
    assert {packed[0] for state in file["checkpoints"] for packed in state[5].values()} <= {"msgpack", "null", "bytes"}
