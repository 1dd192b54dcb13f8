"""The main job as a conversation: `octo chat`, `ask` and `resume` on a real terminal, in Korean and in English."""

import re
import signal
import unicodedata
from collections.abc import Mapping

import pytest

from tests.conftest import LEASE, REST, Octo, Terminal

ENTER, CTRL_C, CTRL_D, CLEAR, BACKSPACE, SHIFT_TAB = "\r", "\x03", "\x04", "\x15", "\x7f", "\x1b[Z"
LEASE_EN = (
    "Draft a residential lease, deposit 50 million won, monthly rent 500,000 won, tenant Gil-dong Hong, "
    "from March 1, 2027 for 2 years"
)
# The lease's form, prompt by prompt: what a person walks through.
FORM = (
    *(
        "임대 유형 [월세]:",
        "계약 구분 [신규]:",
        "임대인 성명 *:",
        "임차인 성명 *:",
        "소재지 *:",
        "임차할 부분:",
        "보증금 *:",
        "계약금:",
        "잔금:",
    ),
    *("월 차임 *:", "차임 지급일 *:", "관리비(월):", "임대차 시작일 *:", "임대차 기간:", "임대차 종료일:", "특약:"),
)
FORM_EN = (
    *(
        "Kind of lease [Monthly rent]:",
        "New or renewed [New]:",
        "Landlord *:",
        "Tenant *:",
        "Address of the home *:",
        "Part let:",
    ),
    *("Deposit *:", "Down payment:", "Balance:", "Monthly rent *:", "Rent due on *:", "Maintenance fee (monthly):"),
    *("Start of the lease *:", "Term:", "End of the lease:", "Special terms:"),
)
TYPED = {
    "임대인 성명 *:": REST["landlord_name"],
    "소재지 *:": REST["property_address"],
    "차임 지급일 *:": REST["payment_day"],
}


def walk(terminal: Terminal, typed: Mapping[str, str], form: tuple[str, ...] = FORM) -> str:
    """Through every field with Enter, typing where there is something to type, then submit; returns what was shown."""
    shown = [terminal.at(f"  {label}", typed.get(label, "") + ENTER) for label in form]
    return "".join((*shown, terminal.at("  > ", ENTER)))


def test_one_sentence_becomes_a_document_and_a_second_one_its_next_version(octo: Octo) -> None:
    terminal = octo.terminal()
    terminal.at("› ", LEASE + ENTER)
    terminal.sees("아직 필요한 항목: 임대인 성명, 소재지, 차임 지급일")
    walk(terminal, TYPED | {"임차인 성명 *:": BACKSPACE + "순", "월 차임 *:": CLEAR + "육십만원"})
    terminal.sees("월 차임 | 금 육십만원정")
    terminal.sees("성명 | 김철수 | 홍길순")
    terminal.at("  > ", "1" + ENTER)
    terminal.sees("제1판을 완성했습니다: octo-documents/임대차계약서-홍길순.md")
    terminal.at("› ", "월세를 55만원으로 바꿔줘" + ENTER)
    terminal.sees("주택 임대차계약서: 내용 확인")
    walk(terminal, {})
    terminal.sees("월 차임 | 금 오십오만원정")
    terminal.at("  > ", "승인" + ENTER)
    terminal.sees("제2판을 완성했습니다")
    terminal.at("› ", CTRL_D)
    status, last = terminal.ends()
    assert status == 0
    assert "octo chat --thread" in last
    assert [path.name for path in octo.documents] == ["임대차계약서-홍길순-v2.md", "임대차계약서-홍길순.md"]
    assert len(octo("threads", "list", "--json").json["threads"]) == 1


def test_the_same_in_english_has_no_korean_on_the_screen(octo: Octo) -> None:
    terminal = octo.terminal("chat", LEASE_EN, LANG="ko_KR.UTF-8")
    typed = {
        "Landlord *:": "Kim Cheolsu",
        "Address of the home *:": "396 Worldcupbuk-ro, Mapo-gu, Seoul",
        "Rent due on *:": "the 25th",
    }
    screen = walk(terminal, typed, FORM_EN)
    screen += terminal.sees("Do you approve it?")
    terminal.at("  > ", "approve" + ENTER)
    screen += terminal.sees(
        "Residential Lease Agreement (version 1) is finished: octo-documents/lease-Gil-dong-Hong.md"
    )
    terminal.at("› ", "/exit" + ENTER)
    assert terminal.ends()[0] == 0
    # A law has no other name.
    assert not re.findall("[가-힣]", re.sub(r"\(주택임대차보호법[^)]*\)", "", screen))


def test_a_change_in_words_comes_back_as_a_form_before_it_can_be_approved(octo: Octo) -> None:
    octo("ask", LEASE, *octo.answered())
    terminal = octo.terminal("resume", "last")
    terminal.at("  > ", "수정" + ENTER)
    terminal.at("고칠 내용:", "월세를 70만원으로 바꿔줘" + ENTER)
    terminal.sees("수정 요청을 반영했습니다")
    walk(terminal, {})
    terminal.sees("월 차임 | 금 칠십만원정")
    terminal.at("  > ", "1" + ENTER)
    assert terminal.ends()[0] == 0
    assert "칠십만원" in octo.documents[0].read_text()


def test_a_wrong_value_is_refused_at_its_field_and_shift_tab_goes_back(octo: Octo) -> None:
    terminal = octo.terminal("ask", LEASE)
    for label in FORM[:2]:
        terminal.at(f"  {label}", ENTER)
    terminal.at("  임대인 성명 *:", "!!" + ENTER)
    terminal.sees("이름으로 쓸 수 없습니다: !!")
    terminal.at("  임대인 성명 *: !!", CLEAR + SHIFT_TAB)
    terminal.at("  계약 구분 [신규]:", CLEAR + "9" + ENTER)
    terminal.sees("고를 수 있는 값이 아닙니다: 9")
    terminal.at("  계약 구분 [신규]: 9", CTRL_C)
    assert terminal.ends()[0] == 3


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_leaving_a_question_keeps_it_open_and_says_how_to_go_on(octo: Octo, key: str) -> None:
    terminal = octo.terminal("chat", LEASE)
    for label in FORM[:2]:
        terminal.at(f"  {label}", ENTER)
    terminal.at("  임대인 성명 *:", "김철수" + ENTER)
    terminal.at("  임차인 성명 *: 홍길동", key)
    status, last = terminal.ends()
    thread_id = octo("inbox", "--json").json["interrupts"][0]["thread_id"]
    assert status == 3
    assert f"→ octo resume {thread_id} --set landlord_name='김철수'" in last


def test_ctrl_c_stops_the_work_and_the_conversation_goes_on(octo: Octo) -> None:
    notes = octo.folder / "notes"
    notes.mkdir()
    for number in range(10):
        (notes / f"{number}.md").write_text("".join(f"{n * 7919 % 10007} 계약서를 보관한 곳\n" for n in range(15_000)))
    (octo.folder / ".octo.toml").write_text('[search]\nfolders = ["notes"]\n')
    terminal = octo.terminal()
    terminal.at("› ", "내 문서에서 보관을 찾아줘" + ENTER)
    terminal.at("· [1] 검색:", CTRL_C)
    terminal.sees("중단했습니다")
    command = terminal.at("› ", "/help" + ENTER)
    terminal.sees("/inbox")
    terminal.at("› ", CTRL_D)
    assert terminal.ends()[0] == 0
    thread_id = re.search(r"octo resume (\w+)", command)
    assert thread_id
    resumed = octo("resume", thread_id[1])
    assert resumed.status == 0
    assert "“보관” 검색 결과" in resumed.out


def test_of_two_questions_one_can_wait(octo: Octo) -> None:
    terminal = octo.terminal("chat", "임대차계약서랑 비밀유지계약서 작성해줘")
    terminal.sees("주택 임대차계약서: 내용 확인")
    for label in FORM:
        terminal.at(f"  {label.removesuffix(' *:').removesuffix(':')}", ENTER)
    terminal.at("  > ", "나중" + ENTER)
    terminal.sees("비밀유지계약서: 내용 확인")
    terminal.at("  계약 유형 [일방]:", ENTER)
    terminal.at("  제공자 *:", "주식회사 가나다" + ENTER)
    terminal.at("  수령자 *:", "홍길동" + ENTER)
    terminal.at("  제공 목적 *:", "공동 개발 검토" + ENTER)
    for label in ("비밀정보의 예시:", "효력 발생일:", "계약 기간:", "종료 후 비밀유지 기간(년):", "특약:"):
        terminal.at(f"  {label}", ENTER)
    terminal.at("  > ", ENTER)
    terminal.sees("비밀유지계약서: 승인")
    terminal.at("  > ", "1" + ENTER)
    status, last = terminal.ends()
    assert status == 3
    assert "열어 둔 질문: 주택 임대차계약서: 내용 확인" in last
    assert [one["document_type"] for one in octo("inbox", "--json").json["interrupts"]] == ["lease"]


def test_resume_lets_one_pick_and_speaks_the_thread_s_language(octo: Octo) -> None:
    octo("ask", LEASE)
    octo("ask", "Draft a residential lease", "--set", "tenant_name=Jane Doe")
    terminal = octo.terminal("resume", columns=80)
    terminal.sees("2)")
    terminal.at("Number, id or title:", "9" + ENTER)
    terminal.sees("1 to 2")
    terminal.at("Number, id or title:", "2" + ENTER)
    terminal.sees("* 필수 · Enter: 다음")
    terminal.at("  임대 유형 [월세]:", CTRL_C)
    assert terminal.ends()[0] == 3


def test_jamo_typed_as_macos_stores_them_are_read_as_syllables(octo: Octo) -> None:
    terminal = octo.terminal()
    terminal.at("› ", unicodedata.normalize("NFD", LEASE) + ENTER)
    terminal.sees("· 이해함: 계약")
    for label in FORM[:3]:
        terminal.at(f"  {label}", ENTER)
    terminal.at("  임차인 성명 *: 홍길동", CTRL_C)
    assert terminal.ends()[0] == 3
    assert octo("threads", "list", "--json").json["threads"][0]["title"] == LEASE


def test_slash_commands(octo: Octo) -> None:
    octo("ask", LEASE)
    terminal = octo.terminal("--lang", "ko")
    terminal.sees("무엇을 도와 드릴까요?")
    terminal.at("› ", "/threads" + ENTER)
    terminal.sees("답변 대기")
    terminal.at("› ", "/inbox" + ENTER)
    terminal.sees("주택 임대차계약서: 내용 확인  임대차계약서 작성해줘.")
    terminal.at("› ", "/nonsense" + ENTER)
    terminal.sees("없는 명령입니다: /nonsense")
    terminal.sees("/exit")
    terminal.at("› ", "안녕하세요" + ENTER)
    terminal.sees("안녕하세요, Octo입니다.")
    terminal.at("› ", "/new" + ENTER)
    terminal.sees("새 대화를 시작합니다.")
    terminal.at("› ", "고마워" + ENTER)
    terminal.sees("도움이 되었다면")
    terminal.at("› ", "/exit" + ENTER)
    assert terminal.ends()[0] == 0
    assert len(octo("threads", "list", "--json").json["threads"]) == 3


def test_what_is_not_clear_is_asked_and_may_be_said_again(octo: Octo) -> None:
    terminal = octo.terminal("ask", "그거 해줘")
    terminal.at("  할 일 *:", ENTER)
    terminal.at("  다시 말하기:", "계약서를 작성해주세요" + ENTER)
    terminal.at("  > ", ENTER)
    terminal.at("  문서 종류 *:", "2" + ENTER)
    terminal.at("  > ", ENTER)
    terminal.sees("비밀유지계약서: 내용 확인")
    terminal.at("  계약 유형 [일방]:", CTRL_C)
    assert terminal.ends()[0] == 3


def test_a_killed_form_can_be_answered_elsewhere(octo: Octo) -> None:
    terminal = octo.terminal("chat", LEASE)
    terminal.sees("  임대 유형 [월세]:")
    terminal.child.kill(signal.SIGKILL)
    terminal.ends()
    assert octo("resume", "last", *octo.answered(), "--approve").status == 0
    assert len(octo.documents) == 1


def test_a_terminal_that_can_only_print_gets_no_control_sequence(octo: Octo) -> None:
    terminal = octo.terminal("ask", LEASE, TERM="dumb")
    for label in FORM[:2]:
        terminal.at(f"  {label}", ENTER)
    terminal.at("  임대인 성명 *:", "김철수" + ENTER)
    screen = terminal.sees("  임차인 성명 *: [홍길동]")
    terminal.child.send(CTRL_D)
    status, last = terminal.ends()
    assert status == 3
    assert "\x1b" not in screen + last


def test_the_inbox_tells_the_question_and_its_thread(octo: Octo) -> None:
    octo("ask", LEASE)
    assert "주택 임대차계약서: 내용 확인  임대차계약서 작성해줘. 보증금" in octo("inbox").out


def test_every_checkpoint_of_an_agent_names_its_step(octo: Octo) -> None:
    octo("ask", LEASE)
    history = octo("threads", "inspect", "last", "--history", "--json").json["history"]
    assert {one["namespace"] for one in history} == {"", "contract:1"}
