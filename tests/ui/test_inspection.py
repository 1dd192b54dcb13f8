"""The history is a tree: a straight line keeps its column, a fork opens one."""

from datetime import UTC, datetime

from octo_cli.i18n import words
from octo_cli.ui.inspection import history_lines
from octo_cli.ui.lists import short_ids
from octo_cli.ui.moments import ago
from octo_cli.wire.inspection import CheckpointRecord

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def checkpoint(number: int, parent: int | None, *, namespace: str = "", head: bool = False) -> CheckpointRecord:
    ids = [None if one is None else f"{one:08d}" for one in (number, parent)]
    return CheckpointRecord(f"{number:08d}", ids[1], namespace, "2027-03-01T11:00:00Z", f"node{number}", head=head)


def drawn(*checkpoints: CheckpointRecord) -> list[str]:
    lines = history_lines(checkpoints, NOW, words("en"))
    return [f"{line.partition('*')[0]}{line[line.index('node') :].strip()}" for line in lines if "node" in line]


def test_a_straight_line_keeps_its_column() -> None:
    assert drawn(*(checkpoint(n, n - 1 if n > 1 else None) for n in range(1, 4))) == ["  node1", "  node2", "  node3"]


def test_a_fork_opens_a_column_for_the_older_branch() -> None:
    tree = drawn(*(checkpoint(*pair) for pair in [(1, None), (2, 1), (3, 2), (4, 1), (5, 4)]))
    assert tree == ["  node1", "  | node2", "  | node3", "  node4", "  node5"]


def test_a_long_history_needs_no_deep_stack() -> None:
    assert len(drawn(*(checkpoint(n, n - 1 if n > 1 else None) for n in range(1, 3000)))) == 2999


def test_an_agents_own_history_is_a_tree_of_its_own() -> None:
    lines = list(history_lines([checkpoint(1, None), checkpoint(2, 1, namespace="contract:1")], NOW, words("en")))
    assert [line for line in lines if line.endswith(":")] == ["supervisor:", "contract:1:"]


def test_where_the_thread_stands_is_marked() -> None:
    assert any(line.endswith("<- here") for line in history_lines([checkpoint(1, None, head=True)], NOW, words("en")))


def test_short_ids_tell_threads_apart() -> None:
    assert short_ids(["aaaaaaaaaaaaaaaaaaa1", "aaaaaaaaaaab00000000", "bbbbbbbbbbbbbbbbbbbb"]) == {
        "aaaaaaaaaaaaaaaaaaa1": "aaaaaaaaaaaa",
        "aaaaaaaaaaab00000000": "aaaaaaaaaaab",
        "bbbbbbbbbbbbbbbbbbbb": "bbbbbbbb",
    }


def test_times_are_said_as_people_say_them() -> None:
    seen = [
        ago(then, NOW, words("ko")) for then in ("2027-03-01T11:59:55Z", "2027-03-01T11:57:00Z", "2027-02-27T11:00:00Z")
    ]
    assert seen == ["방금", "3분 전", "2일 전"]
    assert ago("2027-03-01T13:00:00Z", NOW, words("en")) == "in 1 hour"
    assert ago("2026-01-31T00:00:00Z", NOW, words("en")) == "2026-01-31"
    assert ago("no time", NOW, words("en")) == "no time"
