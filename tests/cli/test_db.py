"""octo db …, as it is typed: information, backups that are put back, copies, and whatever can be wrong with them."""

import resource
import sqlite3
import stat
import subprocess
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from octo_cli.settings import DatabaseSettings
from octo_cli.storage import open_storage
from octo_cli.storage.sealing import new_key
from tests.conftest import PROGRAM, Octo
from tests.storage.releases import unpacked


@pytest.fixture
def filled(octo: Octo) -> Octo:
    """Six real threads; English, for the sentences."""
    with open_storage(DatabaseSettings(unpacked(3, octo.database))):
        pass  # it is brought up to date, as by any command
    octo.environment["OCTO_LANG"] = "en"
    return octo


def test_info_tells_what_there_is(filled: Octo) -> None:
    told = filled("db", "info", "--json").json["database"]
    assert (told["name"], told["schema"], told["encrypted"]) == (str(filled.database), 4, False)
    assert told["threads"] == {"completed": 1, "waiting_human": 5}
    assert told["counts"] | {"messages": 0} == told["counts"]
    assert {name: told["counts"][name] for name in ("questions", "documents")} == {"questions": 5, "documents": 1}
    assert (told["oldest"], told["last_backup"]) == ("2026-11-21T01:00:00.000000Z", None)
    assert told["free"] > 0 < told["sizes"]["file"]
    assert filled("db", "backup", "b.db").status == 0
    assert filled("db", "info", "--json").json["database"]["last_backup"]["path"].endswith("b.db")
    shown = filled("db", "info").out
    assert "6 (completed 1, waiting for you 5)" in shown
    assert "b.db" in shown


def test_info_shows_no_password(filled: Octo, address: str) -> None:
    told = filled("--postgres", address.replace("postgres:@", "postgres:geheim@"), "db", "info")
    assert told.status == 0, told.err
    assert "geheim" not in told.out
    assert "PostgreSQL" in told.out


def test_upgrade_says_from_what_to_what(octo: Octo) -> None:
    unpacked(1, octo.database)
    said = octo("--lang", "en", "db", "upgrade")
    assert said.out.splitlines() == [
        "The database was brought from format 1 to 4.",
        "Threads whose messages can be found now: 6.",
    ]
    assert octo("--lang", "en", "db", "upgrade").out == "The database is up to date (format 4).\n"
    assert octo("db", "upgrade", "--json").json == {"version": 1, "from": 4, "to": 4, "indexed": 0}


def test_a_backup_is_put_back(filled: Octo) -> None:
    backup = filled.folder / "b.db"
    assert filled("db", "backup", "b.db").status == 0
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [path.name for path in filled.folder.iterdir()] == ["b.db"]
    refused = filled("db", "backup", "b.db")
    assert (refused.status, "--force" in refused.err) == (2, True)

    filled("threads", "delete", "talk", "finished", "--yes")
    refused = filled("db", "restore", "b.db")
    assert (refused.status, "already holds threads (4)" in refused.err) == (2, True)
    refused = filled("db", "restore", "b.db", "--force")
    assert (refused.status, "--force --yes" in refused.err) == (2, True)
    done = filled("db", "restore", "b.db", "--force", "--yes", "--json").json
    assert (done["threads"], done["broken_chains"]) == (6, [])
    with open_storage(DatabaseSettings(Path(done["kept"]))) as kept:
        assert len(kept.threads()) == 4
    assert len(filled("threads", "list", "--json").json["threads"]) == 6
    finished = filled("resume", "approving", "--approve", "--json").json
    assert finished["status"] == "completed"


def test_a_file_and_a_server_restore_each_others_backups(filled: Octo, address: str) -> None:
    assert filled("db", "backup", "file.db").status == 0
    on_the_server = filled("--postgres", address, "db", "restore", "file.db", "--json").json
    assert on_the_server["threads"] == 6
    refused = filled("--postgres", address, "db", "restore", "file.db", "--force", "--yes")
    assert (refused.status, "on the server already holds threads (6)" in refused.err) == (2, True)
    assert filled("--postgres", address, "db", "backup", "server.db").status == 0
    back = filled("--sqlite", "new.db", "db", "restore", "server.db", "--json").json
    for done, name in ((on_the_server, "file.db"), (back, "server.db")):
        assert done["checksum"] == f"sha256:{sha256((filled.folder / name).read_bytes()).hexdigest()}"
    assert filled("--sqlite", "new.db", "resume", "returned", "--json").json["status"] == "waiting_human"


def test_a_copy_goes_to_a_path_an_address_of_a_file_and_a_server(filled: Octo, address: str) -> None:
    first = filled("db", "copy", "--to", "a.db", "--json").json
    assert (first["copied"], first["unchanged"]) == (6, 0)
    again = filled("db", "copy", "--to", f"sqlite:///{filled.folder / 'a.db'}", "--json").json
    assert (again["copied"], again["unchanged"], again["checksum"]) == (0, 6, first["checksum"])
    one = filled("db", "copy", "--to", address, "--thread", "approving", "--json").json
    assert (one["copied"], one["unchanged"]) == (1, 0)
    said = filled("db", "copy", "--to", address.replace("postgres:@", "postgres:geheim@"))
    assert (said.status, "geheim" in said.out) == (0, False)
    assert said.out.splitlines()[1] == first["checksum"]
    assert filled("--postgres", address, "resume", "approving", "--approve", "--json").json["status"] == "completed"
    refused = filled("db", "copy", "--to", address)
    assert (refused.status, "(approving)" in refused.err) == (5, True)


def test_vacuum_gives_room_back(filled: Octo) -> None:
    filled("threads", "delete", "talk", "finished", "approving", "returned", "--yes")
    said = filled("db", "vacuum", "--json").json
    assert said["after"] < said["before"]


def test_what_is_no_backup_is_told_and_nothing_is_harmed(filled: Octo) -> None:
    folder = filled.folder
    assert filled("db", "backup", "b.db").status == 0
    whole = (folder / "b.db").read_bytes()
    (folder / "cut.db").write_bytes(whole[: len(whole) // 2])
    (folder / "text.db").write_text("이것은 데이터베이스가 아닙니다. " * 100, encoding="utf-8")
    (folder / "empty.db").touch()
    (folder / "changed.db").write_bytes(whole)
    with closing(sqlite3.connect(folder / "changed.db")) as connection, connection:
        connection.execute("UPDATE octo_documents SET text = replace(text, '홍길동', '김길동')")
    before = filled.database.read_bytes()
    for name, sentence in {
        "cut.db": "is damaged",
        "text.db": "is damaged",
        "empty.db": "is not a backup of Octo's",
        "changed.db": "was changed after it was made",
        "missing.db": "No such file",
        ".": "cannot be opened",
        str(filled.database): "That is the database itself",
    }.items():
        said = filled("db", "restore", name, "--force", "--yes")
        assert (said.status, said.out) == (2 if name == str(filled.database) else 5, ""), (name, said)
        assert sentence in said.err, (name, said.err)
        assert (".octo-restore" in said.err, "Other threads" in said.err) == (False, False), said.err
        assert len(said.err.splitlines()) <= 3
    assert filled.database.read_bytes() == before
    assert [path.name for path in filled.database.parent.iterdir() if path.name.startswith(".octo")] == []


def test_where_nothing_can_be_written_is_told(filled: Octo) -> None:
    for command, status in {
        ("db", "backup", "nowhere/b.db"): 5,
        ("db", "backup", "/proc/b.db"): 5,
        ("db", "copy", "--to", "/proc/b.db"): 5,
        ("db", "copy", "--to", "postgresql://nobody@127.0.0.1:1/none"): 5,
        ("db", "copy", "--to", "mysql://nobody@127.0.0.1/none"): 2,
        ("db", "copy"): 2,
        ("db", "copy", "--to", "x.db", "--thread", "nothing-like-it"): 4,
        ("--sqlite", "nowhere.db", "db", "copy", "--to", "x.db"): 4,
        ("--sqlite", "nowhere.db", "db", "backup", "x.db"): 4,
    }.items():
        said = filled(*command)
        assert (said.status, said.out) == (status, ""), (command, said)
        assert "Traceback" not in said.err
        assert len(said.err.splitlines()) <= 2, said.err
    assert not (filled.folder / "nowhere.db").exists()


def test_a_disk_that_fills_up_leaves_no_half_backup(filled: Octo) -> None:
    limit = 400_000
    done = subprocess.run(
        [*PROGRAM, "db", "backup", "b.db"],
        cwd=filled.folder,
        env=filled.environment,
        capture_output=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert (done.returncode, done.stdout) == (5, b""), done
    assert len(done.stderr.splitlines()) <= 2, done.stderr
    assert list(filled.folder.iterdir()) == []


def test_a_changed_audit_log_is_told_by_its_backup(filled: Octo) -> None:
    with closing(sqlite3.connect(filled.database)) as connection, connection:
        connection.execute("UPDATE octo_audit SET actor = 'user:eve' WHERE thread_id = 'finished' AND seq = 3")
    said = filled("db", "backup", "b.db", "--json")
    assert (said.status, said.json["broken_chains"]) == (0, ["finished"])
    assert "finished" in said.err


def test_a_plain_database_becomes_an_encrypted_one_and_its_backup_is_encrypted_too(filled: Octo) -> None:
    plain = filled("db", "copy", "--to", "plain.db", "--json").json
    filled.environment |= {"OCTO_ENCRYPTION_KEY": new_key()}
    assert filled("config", "set", "database.encrypt", "true").status == 0
    sealed = filled("db", "copy", "--to", "sealed.db", "--json").json
    assert sealed["checksum"] == plain["checksum"]
    assert filled("--sqlite", "sealed.db", "db", "backup", "b.db").status == 0
    for name, found in (("plain.db", True), ("sealed.db", False), ("b.db", False)):
        assert ("홍길동".encode() in (filled.folder / name).read_bytes()) is found, name
    assert filled("--sqlite", "new.db", "db", "restore", "b.db").status == 0
    again = filled("--sqlite", "new.db", "db", "copy", "--to", "again.db", "--json").json
    assert again["checksum"] == plain["checksum"]
    del filled.environment["OCTO_ENCRYPTION_KEY"]
    assert filled("--sqlite", "newer.db", "db", "restore", "b.db").status == 5


def test_an_address_is_no_file(octo: Octo) -> None:
    octo.environment["OCTO_LANG"] = "en"
    said = [octo("--sqlite", "postgresql://kim:geheim@db.example.org/octo", "threads", "list")]
    octo.environment["OCTO_SQLITE"] = "postgresql://kim:geheim@db.example.org/octo"
    said.append(octo("ask", "안녕"))
    for one in said:
        assert (one.status, "--postgres" in one.err, "geheim" in one.err) == (2, True, False), one
    assert list(octo.folder.iterdir()) == []


def test_a_named_folder_that_is_missing_is_no_empty_store(octo: Octo) -> None:
    octo.environment |= {"OCTO_LANG": "en", "OCTO_SQLITE": "gone/octo.db"}
    for command in (("threads", "list"), ("inbox",), ("ask", "안녕"), ("db", "info"), ("db", "backup", "b.db")):
        said = octo(*command)
        assert (said.status, "folder of the storage is missing" in said.err, "mkdir -p" in said.err) == (5, True, True)
    assert list(octo.folder.iterdir()) == []


def test_a_refused_copy_leaves_nothing_and_says_where_to_go(filled: Octo) -> None:
    (filled.folder.parent / "home" / "config.toml").write_text("[database]\nencrypt = true\n", encoding="utf-8")
    refused = filled("db", "copy", "--to", "new.db")
    assert (refused.status, "OCTO_ENCRYPTION_KEY" in refused.err, list(filled.folder.iterdir())) == (5, True, [])
    (filled.folder.parent / "home" / "config.toml").unlink()
    target = filled.folder / "new.db"
    target.touch(mode=0o644)
    assert filled("db", "copy", "--to", "new.db").status == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert filled("--sqlite", "new.db", "threads", "rename", "talk", "another").status == 0
    refused = filled("db", "copy", "--to", "new.db")
    assert f"octo --sqlite {target} threads delete talk" in refused.err
