"""The system's PostgreSQL over TCP, with passwords and TLS, to be misused, stopped and started again.

It refuses to run as root: there its processes and its folder belong to another user.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.databases import watched

PASSWORD = "opensesame-4711"


class TcpServer:
    """A server on loopback whose users need `PASSWORD`. `authority` is the certificate that signed the server's."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, programs: Path, owner: str | None) -> None:
        self.folder = folder
        self.port = free_port()
        self.authority = folder / "authority.pem"
        self._programs = programs
        self._owner = owner
        self._data = folder / "data"

    def make(self) -> None:
        words = self.folder / "password"
        words.write_text(PASSWORD)
        _write_certificates(self.folder)
        if self._owner:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, self._owner)
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", words,
                  "-E", "UTF8", "--locale", "C", "--no-sync")  # fmt: skip
        told = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 40,
            "ssl": "on",
            "ssl_cert_file": self.folder / "server.pem",
            "ssl_key_file": self.folder / "server.key",
        }
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in told.items())
        self.start()

    def start(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self.folder / "log", "start")

    def restart(self, mode: str) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "-l", self.folder / "log", "restart")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def address(self, database: str = "postgres", *, user: str = "postgres", password: str | None = PASSWORD,
                options: str = "") -> str:  # fmt: skip
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@{self.host}:{self.port}/{database}{options}"

    def says(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the server's owner."""
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def new_database(self) -> str:
        name = f"octo_{secrets.token_hex(6)}"
        self.says(f"CREATE DATABASE {name}")
        return name

    def _run(self, program: str, *arguments: object) -> None:
        # A server that kept the pipe would keep us waiting for its end.
        with (self.folder / "output").open("ab") as output:
            subprocess.run(
                [self._programs / program, *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder, user=self._owner,
                env={"PATH": os.defpath, "LC_ALL": "C"}, check=True,
            )  # fmt: skip


@pytest.fixture(scope="session")
def tcp_server() -> Iterator[TcpServer]:
    """The server for tests that leave it as it was."""
    yield from _running()


@pytest.fixture(scope="module")
def own_server() -> Iterator[TcpServer]:
    """A server for tests that stop it."""
    yield from _running()


def _running() -> Iterator[TcpServer]:
    programs = _programs()
    if programs is None:
        pytest.skip("the system has no PostgreSQL server")
    # Not pytest's own folder: the server's user may not look into that.
    folder = Path(tempfile.mkdtemp(prefix="octo-tcp-"))
    server = TcpServer(folder, programs, _owner())
    with watched(folder / "data", folder):
        try:
            server.make()
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):
                server.stop("immediate")
            shutil.rmtree(folder)


def _programs() -> Path | None:
    """Where `initdb` and `pg_ctl` are: the newest of Debian's, or what the shell finds."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    there = found[-1] if found else shutil.which("initdb")
    return Path(there).resolve().parent if there else None


def _owner() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_certificates(folder: Path) -> None:
    """An authority, a certificate of it for 127.0.0.1, and an authority that signed nothing."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def key() -> Any:
        return ec.generate_private_key(ec.SECP256R1())

    def signed(name: str, own: Any, issuer: str, by: Any, extension: Any) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(extension, critical=True)
        )
        return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, stranger, server = key(), key(), key()
    root = x509.BasicConstraints(ca=True, path_length=0)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    (folder / "authority.pem").write_bytes(signed("tests", authority, "tests", authority, root))
    (folder / "stranger.pem").write_bytes(signed("else", stranger, "else", stranger, root))
    (folder / "server.pem").write_bytes(signed("server", server, "tests", authority, here))
    private = server.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.key").write_bytes(private)
    (folder / "server.key").chmod(0o600)
