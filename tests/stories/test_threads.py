"""Threads: found again, looked into, forked, rolled back, and gone when told to go."""

from pathlib import Path

import pytest

from tests.conftest import LEASE, Octo


def test_list_inbox_and_ways_to_name_a_thread(octo: Octo) -> None:
    assert octo("threads", "list", "--json").json == {"version": 1, "threads": []}
    thread_id = octo("ask", LEASE, "--json").json["thread_id"]
    octo("threads", "rename", thread_id, "마포 집")
    (thread,) = octo("threads", "list", "--json").json["threads"]
    assert (thread["thread_id"], thread["title"], thread["status"], thread["pending"]) == (
        thread_id,
        "마포 집",
        "waiting_human",
        1,
    )
    (question,) = octo("inbox", "--json").json["interrupts"]
    for ref in (thread_id, thread_id[:6], "마포 집", "last"):
        assert octo("resume", ref, "--json").json["interrupts"][0]["id"] == question["id"]
    assert octo("threads", "list", "--status", "completed", "--json").json["threads"] == []
    assert "마포 집" in octo("threads", "list").out
    assert "마포 집" in octo("inbox").out


def test_inspect_shows_conversation_plan_question_and_documents(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, "--json").json["thread_id"]
    waiting = octo("threads", "inspect", thread_id, "--json").json
    assert waiting["messages"][0]["text"] == LEASE
    assert waiting["plan"]["steps"][0]["status"] == "waiting"
    assert waiting["interrupts"][0]["type"] == "collaboration_required"
    octo("resume", thread_id, *octo.answered(), "--approve")
    done = octo("threads", "inspect", thread_id, "--json").json
    assert [message["speaker"] for message in done["messages"]] == ["user", "octo"]
    assert Path(done["documents"][0]["path"]).exists()
    shown = octo("threads", "inspect", thread_id).out
    assert LEASE[:20] in shown
    assert Path(done["documents"][0]["path"]).name in shown


def test_history_names_every_checkpoint_and_rollback_keeps_both_branches(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, *octo.answered(), "--approve", "--json").json["thread_id"]
    history = octo("threads", "inspect", thread_id, "--history", "--json").json["history"]
    nodes = [record["node"] for record in history]
    for node in ("guard", "understand", "make_plan", "initialize", "generate_draft", "finalize", "remember"):
        assert node in nodes
    (before,) = octo.documents
    first_text = before.read_text(encoding="utf-8")

    rolled = octo("threads", "rollback", thread_id, "--to", "collaborate", "--json")
    assert rolled.status == 0, rolled.err
    (question,) = octo("inbox", "--json").json["interrupts"]
    assert question["type"] == "collaboration_required"
    fields = {field["name"]: field for field in question["fields"]}
    assert fields["tenant_name"]["value"] == "홍길동"
    after = octo("threads", "inspect", thread_id, "--history", "--json").json["history"]
    assert {record["checkpoint_id"] for record in history} < {record["checkpoint_id"] for record in after}

    done = octo("resume", thread_id, *octo.answered(), "--set", "rent_amount=60만원", "--approve", "--json")
    assert done.status == 0, done.err
    (document,) = done.json["documents"]
    assert (document["version"], before.read_text(encoding="utf-8")) == (2, first_text)
    assert "금 육십만원정" in Path(document["path"]).read_text(encoding="utf-8")


def test_rollback_to_the_approval_asks_for_it_again(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, *octo.answered(), "--approve", "--json").json["thread_id"]
    assert octo("threads", "rollback", thread_id, "--to", "user_confirm").status == 0
    (question,) = octo("inbox", "--json").json["interrupts"]
    assert question["type"] == "approval_required"
    done = octo("resume", thread_id, "--approve", "--json")
    assert done.status == 0
    # The very text that was written already: the same file, not another.
    assert len(octo.documents) == 1


def test_a_fork_goes_its_own_way(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, "--json").json["thread_id"]
    fork = octo("threads", "fork", thread_id, "--json").json
    fork_id = fork.get("thread_id") or fork["thread"]["thread_id"]
    assert fork_id != thread_id
    assert len(octo("inbox", "--json").json["interrupts"]) == 2
    done = octo("resume", fork_id, *octo.answered(), "--approve", "--json")
    assert done.status == 0, done.err
    still = octo("resume", thread_id, "--json")
    assert still.status == 3
    assert still.json["interrupts"][0]["type"] == "collaboration_required"


def test_a_fork_at_a_checkpoint_starts_there(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, *octo.answered(), "--approve", "--json").json["thread_id"]
    history = octo("threads", "inspect", thread_id, "--history", "--json").json["history"]
    at = next(record for record in history if record["next"] == ["user_confirm"])["checkpoint_id"]
    fork = octo("threads", "fork", thread_id, "--at", at, "--json").json
    fork_id = fork.get("thread_id") or fork["thread"]["thread_id"]
    (question,) = octo("inbox", "--json").json["interrupts"]
    assert (question["thread_id"], question["type"]) == (fork_id, "approval_required")
    assert octo("threads", "list", "--status", "completed", "--json").json["threads"][0]["thread_id"] == thread_id


def test_resume_at_a_checkpoint(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, *octo.answered(), "--json").json["thread_id"]
    again = octo("resume", thread_id, "--at", "collaborate", "--json")
    assert again.status == 3
    assert again.json["interrupts"][0]["type"] == "collaboration_required"


def test_delete_wants_a_yes_and_leaves_nothing(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, "--json").json["thread_id"]
    assert octo("threads", "delete", thread_id).status == 2
    assert octo("threads", "delete", thread_id, "--yes").status == 0
    assert octo("threads", "inspect", thread_id).status == 4
    assert octo("inbox", "--json").json["interrupts"] == []
    assert thread_id.encode() not in octo.database.read_bytes()


@pytest.mark.parametrize(("on_timeout", "left"), [("defer", 1), ("reject", 0)])
def test_an_overdue_question_is_put_off_or_rejected_but_never_approved(octo: Octo, on_timeout: str, left: int) -> None:
    home = Path(octo.environment["OCTO_HOME"])
    home.mkdir()
    (home / "config.toml").write_text(f'[questions]\nexpire_after = "7d"\non_timeout = "{on_timeout}"\n')
    asked = octo("ask", LEASE, *octo.answered(), "--json").json
    assert asked["interrupts"][0]["expires_at"].startswith("2026-11-28")
    assert asked["interrupts"][0]["on_timeout"] == on_timeout
    octo.environment["OCTO_NOW"] = "2026-12-20T10:00:00+09:00"
    assert len(octo("inbox", "--json").json["interrupts"]) == left
    assert octo.documents == []
    resumed = octo("resume", asked["thread_id"], "--json").json
    assert resumed["status"] == ("waiting_human" if left else "completed")
    assert resumed["documents"] == []


def test_every_checkpoint_can_be_stood_on(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, *octo.answered(), "--json").json["thread_id"]
    history = octo("threads", "inspect", thread_id, "--history", "--json").json["history"]
    firsts = [record for record in history if record["parent_id"] is None]
    assert len(firsts) == 2
    for record in (*firsts, history[-1]):
        fork = octo("threads", "fork", thread_id, "--at", record["checkpoint_id"], "--json")
        assert fork.status == 0, fork.out
        done = octo("resume", fork.json["thread_id"], *octo.answered(), "--approve", "--json")
        # Where only the approval was open, the fields were one answer too many; what could be taken was.
        done = done if done.status == 0 else octo("resume", fork.json["thread_id"], "--json")
        assert done.status == 0, (record, done.out)
