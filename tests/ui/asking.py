"""A program that puts one question on a terminal and prints the answer as JSON: what the pty tests talk to."""

import asyncio
import re
import sys
from typing import Any

import msgspec

from octo_cli.errors import InvalidAnswer
from octo_cli.i18n import words
from octo_cli.ui.style import Style
from octo_cli.ui.terminal import TerminalFace
from octo_cli.wire.forms import FormField, Issue, Question

FORM = Question(
    id="q1",
    type="collaboration_required",
    thread_id="0123456789abcdef",
    step_id="1",
    agent="contract",
    title="임대차계약서: 내용 확인",
    message="읽은 내용을 확인하고 빈칸을 채워 주십시오.",
    base_revision=3,
    fields=(
        FormField("tenant_name", "임차인 성명", "name", True, value="홍길동", display="홍길동", provenance="extracted"),
        FormField("landlord_name", "임대인 성명", "name", True),
        FormField(
            *("deposit", "보증금", "won", True),
            value=50_000_000,
            display="금 오천만원정 (₩50,000,000)",
            issues=(Issue("warning", "L4", "시세보다 높습니다\x1b[31m.", "주택임대차보호법"),),
        ),
        FormField(
            "lease_kind", "임대 유형", "choice", True, choices=("jeonse", "monthly"), choice_labels=("전세", "월세")
        ),
        FormField("special_terms", "특약", "longtext", False),
        FormField("memo", "메모", "text", False),
    ),
    editable_fields=("tenant_name", "landlord_name", "deposit", "lease_kind", "special_terms"),
    actions=("submit", "reject", "defer"),
)
APPROVAL = msgspec.structs.replace(
    FORM,
    type="approval_required",
    title="임대차계약서: 승인",
    doc_hash="sha256:0123456789abcdef",
    preview="# 주택 임대차계약서\n\n<b>보증금</b> 금 오천만원정 \u202eevil\n",
    fields=(),
    editable_fields=(),
    actions=("approve", "revise", "reject", "back", "defer"),
)


def read(name: str, text: str) -> tuple[Any, str]:
    """Won amounts in two spellings, choices by value, everything else as it is."""
    if name == "deposit":
        if match := re.fullmatch(r"([\d,]+)(만원)?", text):
            amount = int(match[1].replace(",", "")) * (10_000 if match[2] else 1)
            return amount, f"₩{amount:,}"
        raise InvalidAnswer("bad_setting", place=name, value=text, accepted="5000만원")
    if name == "lease_kind" and text not in ("jeonse", "monthly"):
        raise InvalidAnswer("bad_setting", place=name, value=text, accepted="jeonse")
    return text, text


async def main() -> None:
    face = TerminalFace(sys.stdout, sys.stderr, words("ko"), Style(on=False))
    if sys.argv[1] == "line":
        print(f"SAID {await face.read_line()!r}")  # noqa: T201
        return
    question = FORM if sys.argv[1] == "form" else APPROVAL
    answer = await face.ask(question, read)
    print(f"ANSWER {msgspec.json.encode(answer).decode()}")  # noqa: T201
    if answer is None:
        face.wait([question])


if __name__ == "__main__":
    asyncio.run(main())
