"""A pipe gets the answer on one stream, and how to go on on the other."""

import io

import msgspec
import pytest

from octo_cli.i18n import words
from octo_cli.ui.plain import PlainFace
from octo_cli.ui.style import Style
from octo_cli.wire import events
from octo_cli.wire.forms import Question
from octo_cli.wire.work import Artifact, Intent, Plan, Problem, Step
from tests.ui.asking import APPROVAL, FORM


def shown(*seen: events.Event, quiet: bool = False) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    face = PlainFace(out, err, words("ko"), Style(on=False), quiet=quiet)
    for event in seen:
        face.show(event)
    return out.getvalue(), err.getvalue()


def waiting(question: Question) -> events.RunFinished:
    return events.RunFinished(events.Summary(thread_id="t1", status="waiting_human", interrupts=(question,)))


def test_the_answer_is_all_there_is_on_stdout() -> None:
    artifact = Artifact("d1", "lease", "임대차계약서", 1, "ko", "sha256:0", "/tmp/lease.md", "")
    done = events.RunFinished(events.Summary(thread_id="t1", status="completed", result="작성했습니다.\n"))
    out, err = shown(events.IntentRecognised(Intent("contract", 0.93)), events.DocumentReady(artifact), done)
    assert out == "작성했습니다.\n"
    assert "· 이해함: 계약 (확신 0.93)" in err
    assert "/tmp/lease.md" in err


def test_an_open_form_names_what_is_missing_and_the_command() -> None:
    out, err = shown(waiting(FORM))
    assert out == ""
    assert "landlord_name" in err
    assert "→ octo resume 0123456789abcdef --set landlord_name=… --set lease_kind=…" in err
    assert "‹U+001B›" in err
    assert "\x1b" not in err


def test_a_filled_form_can_be_taken_as_it_is() -> None:
    filled = msgspec.structs.replace(FORM, fields=(FORM.fields[0],))
    assert "→ octo resume 0123456789abcdef --submit" in shown(waiting(filled))[1]


def test_an_approval_shows_the_whole_text_and_its_hash() -> None:
    err = shown(waiting(APPROVAL), quiet=True)[1]
    assert "<b>보증금</b> 금 오천만원정 ‹U+202E›evil" in err
    assert "0123456789ab" in err
    for flag in ("--approve", "--revise", "--reject", "--back collaborate"):
        assert f"→ octo resume 0123456789abcdef {flag}" in err


def test_a_plan_says_what_waits_for_what() -> None:
    plan = Plan(steps=(Step("1", "data", "a"), Step("2", "data", "b"), Step("3", "data", "c", ("1", "2"))))
    told = shown(events.PlanReady(plan))[1].splitlines()
    assert told[0] == "· 계획: 3단계, 기다릴 것이 없는 단계는 동시에"
    assert told[3] == "    [3] 데이터: c (앞 단계: 1, 2)"


def test_quiet_leaves_out_progress_only() -> None:
    failed = events.RunFinished(events.Summary("t1", "failed", error=Problem("x", "안 됩니다.", "octo resume t1")))
    out, err = shown(events.StepStarted("1", "contract", "일"), events.Warned("w", "조심"), failed, quiet=True)
    assert (out, err) == ("", "! 조심\nocto: 안 됩니다.\n  → octo resume t1\n")


@pytest.mark.parametrize("result", [{"steps": ["하나"]}, ["하나"]])
def test_a_structured_answer_is_json(result: object) -> None:
    out, _ = shown(events.RunFinished(events.Summary("t1", "completed", result=result)))
    assert msgspec.json.decode(out) == result
    assert "하나" in out
