"""Forms and approvals on a real terminal: a child process on a pty, keys in, screen out."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from octo_cli.ui.prompts import chosen, editable_text
from tests.ui.asking import FORM, read

ROOT = Path(__file__).parents[2]
ENTER, ESCAPE, CTRL_C, CTRL_D, CLEAR, SHIFT_TAB = "\r", "\x1b", "\x03", "\x04", "\x15", "\x1b[Z"


class Screen:
    def __init__(self, what: str) -> None:
        environment = {**os.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.child = pexpect.spawn(
            *(sys.executable, ["-m", "tests.ui.asking", what]),
            encoding="utf-8", dimensions=(30, 80), timeout=10, env=environment, cwd=str(ROOT),
        )  # fmt: skip

    def at(self, prompt: str, keys: str) -> None:
        # Trailing blanks are drawn as cursor movements.
        self.child.expect_exact(prompt.rstrip())
        self.child.send(keys)

    def answer(self) -> Any:
        self.child.expect_exact("ANSWER ")
        said = json.loads(str(self.child.readline()))
        self.child.expect(pexpect.EOF)
        self.after = str(self.child.before)
        return said


def test_a_form_is_filled_field_by_field() -> None:
    screen = Screen("form")
    screen.at("임차인 성명 *: 홍길동", ENTER)
    screen.at("임대인 성명 *: ", "김철수" + ENTER)
    screen.at("보증금 *: 50,000,000", CLEAR + "천만" + ENTER)
    screen.at("쓸 수 없는 값", CLEAR + "7000만원" + ENTER)
    screen.at("= ₩70,000,000", "")
    screen.at("임대 유형 *: ", "2" + ENTER)
    screen.at("= 월세", "")
    screen.at("특약: ", "첫째" + ESCAPE + ENTER + "둘째" + ENTER)
    screen.at("1) 제출", ENTER)
    assert screen.answer() == {
        "action": "submit",
        "fields": {
            "landlord_name": "김철수",
            "deposit": 70000000,
            "lease_kind": "monthly",
            "special_terms": "첫째\n둘째",
        },
        "base_revision": 3,
    }


def test_shift_tab_goes_back_and_jamo_are_composed() -> None:
    screen = Screen("form")
    screen.at("임차인 성명 *: ", ENTER)
    screen.at("임대인 성명 *: ", SHIFT_TAB)
    screen.at("임차인 성명 *: ", CLEAR + "\u1112\u1161\u11ab" + ENTER)
    screen.at("임대인 성명 *: ", "가" + ENTER)
    screen.at("보증금 *: ", ENTER)
    screen.at("임대 유형 *: ", "전세" + ENTER)
    screen.at("특약: ", ENTER)
    screen.at("1) 제출", "제출" + ENTER)
    assert screen.answer()["fields"] == {"tenant_name": "한", "landlord_name": "가", "lease_kind": "jeonse"}


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_leaving_a_form_keeps_what_was_typed_in_the_command(key: str) -> None:
    screen = Screen("form")
    screen.at("임차인 성명 *: ", ENTER)
    screen.at("임대인 성명 *: ", "김 철수" + ENTER)
    screen.at("보증금 *: ", CLEAR + key)
    assert screen.answer() is None
    assert "→ octo resume 0123456789abcdef --set landlord_name='김 철수'" in screen.after


def test_what_is_still_needed_is_said_and_leaving_it_is_possible() -> None:
    screen = Screen("form")
    for label in ("임차인 성명", "임대인 성명", "보증금", "임대 유형", "특약"):
        screen.at(f"{label}", ENTER)
    screen.at("아직 필요한 항목: 임대인 성명, 임대 유형", "나중" + ENTER)
    assert screen.answer() == {"action": "defer"}


def test_an_approval_shows_every_word_and_takes_no_enter_for_a_yes() -> None:
    screen = Screen("approval")
    screen.child.expect_exact("<b>보증금</b> 금 오천만원정 ‹U+202E›evil")
    screen.at("1) 승인", ENTER)
    screen.at("  > ", ENTER)
    screen.at("  > ", "1" + ENTER)
    assert screen.answer() == {"action": "approve", "doc_hash": "sha256:0123456789abcdef"}


def test_a_change_is_asked_for_in_words() -> None:
    screen = Screen("approval")
    screen.at("  > ", "2" + ENTER)
    screen.at("고칠 내용: ", "월세를 55만원으로" + ENTER)
    assert screen.answer() == {"action": "revise", "feedback": "월세를 55만원으로"}


def test_a_rejection_may_go_without_a_reason() -> None:
    screen = Screen("approval")
    screen.at("  > ", "거절" + ENTER)
    screen.at("사유", ENTER)
    assert screen.answer() == {"action": "reject"}


def test_the_line_knows_its_commands() -> None:
    screen = Screen("line")
    screen.at("› ", "/help" + ENTER)
    screen.child.expect_exact("/inbox")
    screen.at("› ", "  " + ENTER)
    screen.at("› ", "버릴 말" + CTRL_C)
    screen.at("› ", "임대차계약서 작성해줘" + ENTER)
    screen.child.expect_exact("SAID '임대차계약서 작성해줘'")


def test_a_prefilled_text_reads_back_as_the_same_value() -> None:
    for field in FORM.fields:
        text = editable_text(field, read)
        assert not text or read(field.name, chosen(field, text))[0] == field.value


def test_a_choice_is_taken_by_number_label_or_value() -> None:
    field = FORM.fields[3]
    assert [chosen(field, text) for text in ("2", "월세", "monthly", "3")] == ["monthly", "monthly", "monthly", "3"]
