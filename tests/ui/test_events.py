"""The stream numbers its lines without a gap and ends in one `run_finished`; the object is printed once."""

import io
import json

from octo_cli.ui.events import EventsFace, JsonFace
from octo_cli.wire import events
from octo_cli.wire.work import Plan, Problem, Step

FINISHED = events.RunFinished(events.Summary(thread_id="t1", status="completed", result="끝"))


def streamed(*shown: events.Event) -> list[dict[str, object]]:
    out = io.StringIO()
    face = EventsFace(out)
    for event in shown:
        face.show(event)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_line_is_stamped() -> None:
    lines = streamed(events.RunStarted("제목", thread_id="t1"), events.TextDelta("한글"), FINISHED)
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert [line["type"] for line in lines] == ["run_started", "text_delta", "run_finished"]
    assert {line["thread_id"] for line in lines} == {"t1"}
    assert all(line["version"] == 1 and line["ts"] for line in lines)


def test_nothing_follows_the_end() -> None:
    assert [line["type"] for line in streamed(FINISHED, FINISHED, events.TextDelta("late"))] == ["run_finished"]


def test_korean_is_not_escaped() -> None:
    out = io.StringIO()
    EventsFace(out).show(events.TextDelta("한글"))
    assert "한글" in out.getvalue()


def test_a_plan_keeps_its_agents_inputs_to_itself() -> None:
    plan = Plan(steps=(Step("1", "contract", "lease", inputs={"document_type": "lease"}),))
    (line,) = streamed(events.PlanReady(plan))
    assert line["plan"] == {
        "strategy": "sequential",
        "steps": [{"step_id": "1", "agent": "contract", "task": "lease", "depends_on": [], "status": "pending"}],
    }


def test_a_failure_before_the_first_event_is_still_an_end() -> None:
    out = io.StringIO()
    EventsFace(out).fail(Problem("storage_corrupt", "…"))
    line = json.loads(out.getvalue())
    assert (line["seq"], line["type"]) == (1, "run_finished")
    assert line["summary"]["error"]["code"] == "storage_corrupt"


def test_json_is_one_object_whatever_happens() -> None:
    out = io.StringIO()
    face = JsonFace(out)
    face.show(events.RunStarted("제목"))
    face.show(FINISHED)
    face.fail(Problem("too_late", "…"))
    body = json.loads(out.getvalue())
    assert (body["version"], body["status"], body["result"], body["error"]) == (1, "completed", "끝", None)
