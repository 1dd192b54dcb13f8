"""What a server may refuse or be: each is one code, soon, and the password is in none of it."""

import re
import socket
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import psycopg
import pytest

from octo_cli.errors import StorageError, UsageError
from octo_cli.i18n import LANGUAGES, describe, words
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, open_storage
from tests.servers import PASSWORD, TcpServer
from tests.storage.storage_samples import NOW, add_thread, child

WRONG = "wrong-password-0815"
# Seconds; a thing that is refused at once takes none of them.
PATIENCE = 1.0


class Case(NamedTuple):
    """What the server's owner said before, who comes how, and the code it ends in."""

    code: str
    user: str = "postgres"
    password: str | None = PASSWORD
    options: str = ""
    told: tuple[str, ...] = ()
    database: str = "{database}"


ROLE = f"CREATE ROLE {{role}} LOGIN PASSWORD '{PASSWORD}'"
READER = (ROLE, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
# The server's own code, raised by a trigger: it takes a disk of one's own to fill one.
FULL = """
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""
CASES = {
    "wrong password": Case("storage_refused", password=WRONG),
    "no password": Case("storage_refused", password=None),
    "unknown user": Case("storage_refused", user="nobody"),
    "may not log in": Case("storage_refused", user="{role}", told=(ROLE.replace("LOGIN", "NOLOGIN"),)),
    "missing database": Case("storage_no_database", database="nowhere"),
    "may not connect": Case(
        "storage_no_rights", user="{role}", told=(ROLE, "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")
    ),
    "may not create": Case("storage_no_rights", user="{role}", told=(ROLE, "DROP TABLE octo_schema")),
    "may only read": Case("storage_no_rights", user="{role}", told=READER),
    "only reads": Case("storage_read_only", told=("ALTER DATABASE {database} SET default_transaction_read_only = on",)),
    "no such schema": Case("storage_no_schema", options="?options=-c%20search_path%3Dnowhere"),
    "disk full": Case(
        "storage_full", told=(FULL, "CREATE TRIGGER t BEFORE INSERT ON octo_threads EXECUTE FUNCTION f()")
    ),
    "full of connections": Case("storage_busy", user="{role}", told=(f"{ROLE} CONNECTION LIMIT 0",)),
    "another authority": Case("storage_insecure", options="?sslmode=verify-full&sslrootcert={folder}/stranger.pem"),
    "no authority": Case("storage_insecure", options="?sslmode=verify-full&sslrootcert={folder}/none.pem"),
    "no such mode": Case("storage_insecure", options="?sslmode=perhaps"),
    "someone else's tables": Case("storage_corrupt", told=("ALTER TABLE octo_threads RENAME TO mine",)),
    "half of the tables": Case("storage_corrupt", told=("DROP TABLE octo_schema",)),
    "newer": Case("storage_too_new", told=("UPDATE octo_schema SET version = 999",)),
}


@pytest.fixture
def prepared(tcp_server: TcpServer) -> Callable[[Case], str]:
    """The address of a database of Octo's, as the case has it."""

    def prepare(case: Case) -> str:
        database = tcp_server.new_database()
        named = {"database": database, "role": f"role_{database}", "folder": tcp_server.folder}
        open_storage(settings(tcp_server.address(database))).close()
        tcp_server.says(*(statement.format(**named) for statement in case.told), database=database)
        return tcp_server.address(
            *(case.database.format(**named),),
            user=case.user.format(**named), password=case.password, options=case.options.format(**named),
        )  # fmt: skip

    return prepare


def settings(address: str, *, connect_timeout: float = PATIENCE, statement_timeout: float = 30) -> DatabaseSettings:
    return DatabaseSettings(Path("none"), address, connect_timeout, statement_timeout)


def write(address: str) -> None:
    with open_storage(settings(address)) as storage:
        add_thread(storage)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_a_server_refuses_is_told_without_its_password(case: Case, prepared: Callable[[Case], str]) -> None:
    address = prepared(case)
    with pytest.raises(StorageError) as caught:
        write(address)
    assert caught.value.code == case.code
    for language in LANGUAGES:
        message, hint = describe(caught.value, words(language))
        assert hint
        assert "\n" not in message
    told = "".join((*traceback.format_exception(caught.value), *map(str, caught.value.values.values())))
    assert "StorageError" in told
    assert not {PASSWORD, WRONG} & set(re.findall(r"[\w-]+", told))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", None], ids=["HTTP", "silence"])
def test_whoever_else_listens_there_is_no_server(answer: bytes | None) -> None:
    script = "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n"
    script += f"kept = []\nwhile True:\n  c, _ = s.accept(); kept.append(c)\n  if {answer!r}: c.sendall({answer!r})\n"
    with subprocess.Popen(["python3", "-c", script], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        began = time.monotonic()
        with pytest.raises(StorageError) as caught:
            write(f"postgresql://octo:{PASSWORD}@127.0.0.1:{port}/octo")
        other.kill()
    assert caught.value.code == "storage_unreachable"
    assert time.monotonic() - began < 10 * PATIENCE


def test_nobody_listens_there_and_no_such_host() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # taken, and not listened to
        for place in (f"127.0.0.1:{taken.getsockname()[1]}", "nowhere.invalid"):
            with pytest.raises(StorageError) as caught:
                write(f"postgresql://octo:{PASSWORD}@{place}/octo")
            assert caught.value.code == "storage_unreachable"


def test_a_certificate_of_the_right_authority_is_accepted(tcp_server: TcpServer) -> None:
    database = tcp_server.new_database()
    write(tcp_server.address(database, options=f"?sslmode=verify-full&sslrootcert={tcp_server.authority}"))


def test_tls_is_not_given_up_where_it_is_required(own_server: TcpServer) -> None:
    database = own_server.new_database()
    own_server.says("ALTER SYSTEM SET ssl = off")
    own_server.restart("fast")
    write(own_server.address(database))
    with pytest.raises(StorageError) as caught:
        write(own_server.address(database, options="?sslmode=require"))
    assert caught.value.code == "storage_insecure"


def test_a_parameter_nobody_knows_is_wrong_usage(tcp_server: TcpServer) -> None:
    with pytest.raises(UsageError) as caught:
        write(tcp_server.address(options="?colour=red"))
    assert caught.value.code == "database_address"
    assert "colour" in str(caught.value.values["detail"])
    assert PASSWORD not in str(caught.value.values)


def test_a_time_that_is_none_is_wrong_usage(tcp_server: TcpServer) -> None:
    with pytest.raises(UsageError) as caught:
        write(tcp_server.address(options="?connect_timeout=abc"))
    assert caught.value.code == "database_address"


def test_a_database_of_another_encoding_is_refused(address: str) -> None:
    named = f"latin_{uuid4().hex[:8]}"
    with closing(psycopg.connect(address, autocommit=True)) as other:
        other.execute(f"CREATE DATABASE {named} ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(StorageError) as caught:
        write(re.sub(r"/octo_\w+", f"/{named}", address, count=1))
    assert (caught.value.code, caught.value.values["encoding"]) == ("storage_encoding", "LATIN1")


def test_a_reader_may_look(tcp_server: TcpServer) -> None:
    database = tcp_server.new_database()
    write(tcp_server.address(database))
    role = f"reader_{database}"
    tcp_server.says(*(statement.format(role=role) for statement in READER), database=database)
    with open_storage(settings(tcp_server.address(database, user=role))) as storage:
        assert [thread.thread_id for thread in storage.threads()] == ["thread-1"]
        with pytest.raises(StorageError) as caught:
            storage.check()
    assert caught.value.code == "storage_no_rights"


def test_a_slow_statement_and_a_lock_held_by_others_end_in_time(tcp_server: TcpServer) -> None:
    address = tcp_server.address(tcp_server.new_database())
    write(address)
    with (
        open_storage(settings(address, statement_timeout=0.2)) as storage,
        psycopg.connect(address) as other,
    ):
        other.execute("LOCK TABLE octo_threads")
        with pytest.raises(StorageError) as caught:
            storage.threads()
        assert caught.value.code == "storage_busy"
        other.rollback()
        assert storage.threads()


def test_twenty_processes_set_an_empty_database_up_together(tcp_server: TcpServer) -> None:
    address = tcp_server.address(tcp_server.new_database())
    script = """
import asyncio
sys.stdin.readline()
async def run():
    with open_storage(path) as storage:
        storage.create_thread(sys.argv[2], title="t", user="u", now=NOW)
        async with storage.checkpointer() as saver:
            print(await saver.aget_tuple({"configurable": {"thread_id": sys.argv[2]}}), flush=True)
asyncio.run(run())
"""
    starting = [child(script, address, f"t{number}") for number in range(20)]
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0].strip() for process in starting] == ["None"] * 20
    with open_storage(settings(address)) as storage:
        assert len(storage.threads(limit=50)) == 20


@pytest.fixture
def restarted(own_server: TcpServer) -> Iterator[tuple[Storage, TcpServer]]:
    with open_storage(settings(own_server.address(own_server.new_database()), connect_timeout=10)) as storage:
        yield storage, own_server


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_comes_back_was_never_away(restarted: tuple[Storage, TcpServer], mode: str) -> None:
    storage, server = restarted
    add_thread(storage)
    server.restart(mode)
    assert storage.threads()
    server.restart(mode)
    storage.rename("thread-1", "새 이름")
    assert storage.threads()[0].title == "새 이름"


def test_a_transaction_that_was_cut_is_told_and_left_nothing(restarted: tuple[Storage, TcpServer]) -> None:
    storage, server = restarted
    add_thread(storage)
    with (  # noqa: PT012 (the restart stands in the middle of a transaction)
        pytest.raises(StorageError) as caught,
        storage.take_lease("thread-1", now=NOW).ending(),
    ):
        storage.rename("thread-1", "anders")
        server.restart("immediate")
        storage.rename("thread-1", "noch anders")
    assert caught.value.code == "storage_unreachable"
    assert storage.threads()[0].title == "임대차계약서"
