"""What the storage tests put in: small true values, and child processes that do one thing."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from octo_cli.storage import AuditEntry, DocumentDraft, Storage
from octo_cli.wire.forms import Question

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
AT = "2027-03-01T09:00:00Z"


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


def add_thread(storage: Storage, thread_id: str = "thread-1", *, title: str = "임대차계약서", user: str = "lee") -> str:
    return storage.create_thread(thread_id, title=title, user=user, now=NOW).thread_id


def question(question_id: str = "q1", **changes: Any) -> Question:
    plain = Question(
        id=question_id,
        type="collaboration_required",
        thread_id="thread-1",
        step_id="1",
        agent="contract",
        title="임대차계약서",
        message="빈 칸을 채워 주세요.",
        created_at=AT,
    )
    return msgspec.structs.replace(plain, **changes)


def entry(thread_id: str = "thread-1", **changes: Any) -> AuditEntry:
    plain = AuditEntry(thread_id, AT, "user:lee", "field_changed", field="deposit", old=None, new=50_000_000)
    return msgspec.structs.replace(plain, **changes)


def hash_of(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def draft(text: str = "# 주택임대차계약서\n", **changes: Any) -> DocumentDraft:
    plain = DocumentDraft(
        document_id="doc-1",
        version=1,
        thread_id="thread-1",
        document_type="lease",
        title="주택임대차계약서",
        language="ko",
        doc_hash=hash_of(text),
        text=text,
        fields={"deposit": 50_000_000, "special_terms": ["애완동물 금지"]},
        path="/papers/lease.md",
    )
    return msgspec.structs.replace(plain, **changes)


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process running `script`; `path` is the database its first argument names, a file or an address."""
    opening = (
        "import sys\nfrom datetime import UTC, datetime, timedelta\nfrom pathlib import Path\n"
        "from octo_cli.storage import *\nfrom octo_cli.errors import *\n"
        "from octo_cli.settings import DatabaseSettings\n"
        "NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)\nnamed = sys.argv[1]\n"
        "path = DatabaseSettings(Path(named), postgres=named if '://' in named else None)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", opening + script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def answer(process: subprocess.Popen[str], line: str | None = None) -> str:
    """Say `line` to the child and return the next line it prints."""
    assert process.stdin is not None
    assert process.stdout is not None
    if line is not None:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    return process.stdout.readline().rstrip("\n")
