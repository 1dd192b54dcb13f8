"""Two people at one thread: who was first is said, and nobody's typing is lost."""

import re

from octo_cli.settings import DatabaseSettings
from octo_cli.storage import open_storage
from tests.conftest import LEASE, REST, Octo, Terminal
from tests.stories.test_chat import CLEAR, CTRL_C, ENTER, FORM

RUN = "실행해줘: print(6 * 7)"


def type_in(terminal: Terminal, label: str, value: str) -> None:
    """Through the form with Enter as far as `label`, and a value there."""
    for passed in FORM[: FORM.index(label)]:
        terminal.at(f"  {passed}", ENTER)
    terminal.at(f"  {label}", CLEAR + value + ENTER)


def to_the_menu(terminal: Terminal, after: str) -> None:
    for passed in FORM[FORM.index(after) + 1 :]:
        terminal.at(f"  {passed}", ENTER)


def test_what_was_typed_comes_back_in_the_form_that_somebody_else_moved_on(octo: Octo) -> None:
    thread = octo("ask", LEASE, "--json").json["thread_id"]
    lee = octo.terminal("resume", thread, "--user", "lee")
    type_in(lee, "임대인 성명 *:", "이영희")
    to_the_menu(lee, "임대인 성명 *:")
    assert octo("resume", thread, "--user", "park", "--set", "payment_day=25일").status == 3
    lee.at("  > ", "1" + ENTER)
    lee.sees("먼저 들어온 답: 제출 (park, 2026-11-21 10:00)")
    lee.sees("앞서 입력하신 값을 채워 두었습니다: 임대인 성명")
    lee.at("  임대 유형 [월세]:", ENTER)
    lee.at("  계약 구분 [신규]:", ENTER)
    lee.at("  임대인 성명 *: 이영희", ENTER)
    lee.at("  임차인 성명 *:", ENTER)
    lee.at("  소재지 *:", REST["property_address"] + ENTER)
    for label in FORM[5:10]:
        lee.at(f"  {label}", ENTER)
    lee.at("  차임 지급일 *: 25일", ENTER)
    to_the_menu(lee, "차임 지급일 *:")
    lee.at("1) 제출  2) 다시 보기", ENTER)
    lee.sees("| 이영희 |")
    lee.at("  > ", "1" + ENTER)
    status, last = lee.ends()
    assert status == 0
    assert "넣지 않은 값" not in last
    assert "이영희" in octo.documents[0].read_text()


def test_what_was_typed_waits_behind_the_approval_somebody_else_reached(octo: Octo) -> None:
    thread = octo("ask", LEASE, "--json").json["thread_id"]
    lee = octo.terminal("resume", thread, "--user", "lee")
    type_in(lee, "임대인 성명 *:", "이영희")
    to_the_menu(lee, "임대인 성명 *:")
    assert octo("resume", thread, "--user", "park", *octo.answered()).status == 3
    lee.at("아직 필요한 항목: 소재지, 차임 지급일", "")
    lee.at("  > ", "제출" + ENTER)
    lee.sees("'입력으로 돌아가기'를 고르면")
    lee.at("  > ", CTRL_C)
    status, last = lee.ends()
    assert status == 3
    (command,) = re.findall(r"→ octo (resume .*?)\s*$", last, re.MULTILINE)
    assert command == f"resume {thread} --back collaborate --set landlord_name='이영희'"
    moved = octo("resume", thread, "--back", "collaborate", "--set", "landlord_name=이영희", "--json").json
    assert "이영희" in moved["interrupts"][0]["preview"]


def test_whoever_decides_second_is_told_who_decided_first(octo: Octo) -> None:
    thread = octo("ask", LEASE, *octo.answered(), "--json").json["thread_id"]
    kim = octo.terminal("resume", thread, "--user", "kim", "--lang", "en")
    kim.sees("  >")
    assert octo("resume", thread, "--user", "lee", "--reject", "비쌉니다").status == 0
    kim.child.send("1" + ENTER)
    status, last = kim.ends()
    assert status == 2
    assert "lee answered first: turned down (2026-11-21 10:00)" in last
    assert f"octo threads inspect {thread}" in last
    assert "거절하셔서" not in last
    assert "not taken:" not in last


def test_values_that_no_form_takes_any_more_are_shown(octo: Octo) -> None:
    thread = octo("ask", LEASE, "--json").json["thread_id"]
    lee = octo.terminal("resume", thread, "--user", "lee")
    type_in(lee, "임대인 성명 *:", "이 영희")
    to_the_menu(lee, "임대인 성명 *:")
    octo("resume", thread, "--user", "park", "--reject")
    lee.at("  > ", "1" + ENTER)
    status, last = lee.ends()
    assert status == 2
    assert "먼저 들어온 답: 거절 (park, " in last
    assert "넣지 않은 값: --set landlord_name='이 영희'" in last


def test_what_was_typed_outlives_a_thread_that_is_being_run(octo: Octo) -> None:
    """Whoever comes too late is told that and nothing of a question that may be answered by now."""
    thread = octo("ask", LEASE, "--json").json["thread_id"]
    lee = octo.terminal("resume", thread)
    type_in(lee, "임대인 성명 *:", "이영희")
    to_the_menu(lee, "임대인 성명 *:")
    with open_storage(DatabaseSettings(octo.database)) as storage, storage.take_lease(thread):
        lee.at("  > ", "1" + ENTER)
        status, last = lee.ends()
        assert status == 7
        assert f"→ octo resume {thread} --set landlord_name='이영희'" in last
        assert "열어 둔 질문" not in last
        for command in (("resume", thread), ("ask", "안녕", "--thread", thread)):
            said = octo(*command)
            assert (said.status, said.out) == (7, "")
            assert "--set" not in said.err
            assert len(said.err.splitlines()) == 2


def test_what_was_typed_outlives_the_storage(octo: Octo) -> None:
    thread = octo("ask", LEASE, "--json").json["thread_id"]
    lee = octo.terminal("resume", thread)
    type_in(lee, "임대인 성명 *:", "이영희")
    to_the_menu(lee, "임대인 성명 *:")
    for path in octo.database.parent.glob("octo.db*"):
        path.write_bytes(b"\xff" * path.stat().st_size)
    lee.at("  > ", "1" + ENTER)
    status, last = lee.ends()
    assert status == 5
    assert f"→ octo resume {thread} --set landlord_name='이영희'" in last


def test_a_flag_meant_for_what_the_person_answered_is_a_warning(octo: Octo) -> None:
    terminal = octo.terminal("ask", RUN, "--approve")
    terminal.at("  > ", "1" + ENTER)
    status, last = terminal.ends()
    assert status == 0
    assert "--approve" in last
    assert "42" in last


def test_only_a_word_behind_a_slash_is_a_command(octo: Octo) -> None:
    (octo.folder / "a.csv").write_text("품목,수량\n주전자,3\n찻잔,2\n")
    terminal = octo.terminal("chat", "--lang", "ko")
    for word in ("/도움말", "/Quit"):
        terminal.at("› ", word + ENTER)
        terminal.sees(f"없는 명령입니다: {word}")
    terminal.at("› ", f"{octo.folder}/a.csv 수량 합계" + ENTER)
    terminal.sees("· 이해함: 데이터")
    terminal.at("› ", "/exit" + ENTER)
    assert terminal.ends()[0] == 0
    assert len(octo("threads", "list", "--json").json["threads"]) == 1


def test_at_a_value_that_enter_keeps_the_form_says_so(octo: Octo) -> None:
    # The line below the form is drawn once the terminal has said where its cursor is.
    where, there = "\x1b[6n", "\x1b[10;1R"
    terminal = octo.terminal("ask", LEASE, PROMPT_TOOLKIT_NO_CPR="0")
    for keys, footer in (("", "Enter: 지금 값 그대로"), (ENTER, "Enter: 지금 값 그대로"), (ENTER, "Enter: 비워 두기")):
        terminal.child.send(keys)
        terminal.at(where, there)
        terminal.sees(footer)
    terminal.child.send(CTRL_C)
    assert terminal.ends()[0] == 3
