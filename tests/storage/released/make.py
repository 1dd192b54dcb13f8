"""Makes the database file of a released schema version by running that release: how the files here were made.

    git worktree add --detach OLD COMMIT
    PYTHONPATH=OLD python tests/storage/released/make.py schema_1.db.xz

The last commits of schema 1, 2 and 3: be24cb4, 831c81d, 9f1ca6b.
"""

import lzma
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

# The same on every machine: it is written into the file.
WORLD = Path("/tmp/octo")
LEASE = "임대차계약서 작성해줘. 보증금 5천만원에 월세 50만원, 임차인 홍길동, 2027년 3월 1일부터 2년"
REST = (
    *("--set", "landlord_name=김철수", "--set", "payment_day=25일"),
    *("--set", "property_address=서울특별시 마포구 월드컵북로 396, 101동 1203호"),
)
FLOWS = (
    ("ask", "안녕하세요", "--thread", "talk", "--create"),
    ("ask", "넌 누구야?", "--thread", "talk"),
    ("ask", "고마워", "--thread", "talk"),
    ("ask", "반갑습니다", "--thread", "talk"),
    ("ask", LEASE, *REST, "--approve", "--thread", "finished", "--create"),
    ("ask", LEASE, "--thread", "collaborating", "--create"),
    ("ask", LEASE, *REST, "--thread", "approving", "--create"),
    ("ask", LEASE, *REST, "--thread", "returned", "--create"),
    ("threads", "rollback", "returned", "--to", "collaborate"),
    ("threads", "fork", "approving"),
)


def main(target: Path) -> None:
    shutil.rmtree(WORLD, ignore_errors=True)
    (WORLD / "work").mkdir(parents=True)
    environment = {
        **{"PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"], "LANG": "C.UTF-8"},
        **{"OCTO_HOME": str(WORLD / "home"), "OCTO_NOW": "2026-11-21T10:00:00+09:00", "USER": "mina"},
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    for flow in FLOWS:
        command = [sys.executable, "-m", "octo_cli", *flow, "--user", "mina"]
        done = subprocess.run(command, cwd=WORLD / "work", env=environment, capture_output=True, check=False)
        # 3: it waits for a person.
        assert done.returncode in (0, 3), (flow, done.stderr.decode())
    file = WORLD / "home" / "octo.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")
    target.write_bytes(lzma.compress(file.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    shutil.rmtree(WORLD)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
