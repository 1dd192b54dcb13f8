"""Kills Octo with -9 at random instants, and holds what comes of it against a run that nobody killed.

    python -m tests.trials.crash [--store sqlite|postgres|both] [--kills 300] [--seed N] [--flow NAME]...
        [--with named|encrypted]

A flow is one thread from its request to its end. Whoever is at the keyboard loses the program now and then, looks with
`octo resume` how far it came, and goes on; the server of a database dies as well. Exits 1 when anything came out
otherwise than undisturbed, or when a checkpoint that was kept lost what was said; the seed repeats every choice made
here, but not the machine's own timing.
"""

import argparse
import asyncio
import json
import os
import random
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from octo_cli.engine import open_engine
from octo_cli.settings import DatabaseSettings, resolve
from octo_cli.storage import open_storage
from octo_cli.storage.sealing import new_key
from tests.conftest import LEASE, NO_KEYRING, NOW, REST
from tests.databases import Server, started
from tests.stories.killer import Door
from tests.trials import journal

STORES: Final = ("sqlite", "postgres")
THREAD: Final = "trial"
# How often a command is meant to be killed, and how often at most one right after the other.
SHARE: Final = 0.75
IN_A_ROW: Final = 3
# Of a server's trials one kill in so many is the server's own.
SERVER_TOO: Final = 25
# A server's database is a new one every so many trials, so that its setting up is killed as well.
DATABASE_FOR: Final = 8
# Three kills in four of one command, sixteen times over: so it was, once in seventy trials.
MOST_COMMANDS: Final = 250
# Settings to do it all with.
SETTINGS: Final = {"named": '[retention]\nhistory = "named"\n', "encrypted": "[database]\nencrypt = true\n"}
PROJECT: Final = Path(__file__).parents[2]

Move = Mapping[str, Any]
APPROVE: Final[Move] = {"action": "approve"}
SUBMIT: Final[Move] = {"action": "submit", "fields": {}}
REVISE: Final[Move] = {"action": "revise", "feedback": "월세를 55만원으로 바꿔줘"}
BACK: Final[Move] = {"action": "back", "to": "collaborate"}
ROLLBACK: Final[Move] = {"command": ("threads", "rollback", THREAD, "--to", "user_confirm")}
FORK: Final[Move] = {"command": ("threads", "fork", THREAD)}
OF_LEASE: Final[Move] = {"action": "submit", "fields": REST}
ALL_OF_LEASE: Final = {
    **REST,
    **{"tenant_name": "홍길동", "deposit": "5천만원", "rent_amount": "50만원"},
    **{"start_date": "2027-03-01", "term_months": "24"},
}
OF_NDA: Final = {"disclosing_party": "가나전자", "receiving_party": "다라상사", "purpose": "신제품 공동 개발"}


@dataclass(frozen=True, slots=True)
class Flow:
    """`moves` are what a person does about the questions of a document type, or of a tool, one after the other."""

    request: str
    moves: Mapping[str, tuple[Move, ...]]


FLOWS: Final = {
    "lease": Flow(LEASE, {"lease": (OF_LEASE, APPROVE)}),
    "parallel": Flow(
        "임대차계약서와 비밀유지계약서를 작성해줘",
        {
            "lease": ({"action": "submit", "fields": ALL_OF_LEASE}, APPROVE),
            "nda": ({"action": "submit", "fields": OF_NDA}, APPROVE),
        },
    ),
    "revise": Flow(LEASE, {"lease": (OF_LEASE, REVISE, SUBMIT, BACK, SUBMIT, APPROVE)}),
    "tool": Flow("일지에 적어줘", {"append": (APPROVE,)}),
    "history": Flow(LEASE, {"lease": (OF_LEASE, REVISE, ROLLBACK, FORK, APPROVE)}),
}


class Mismatch(Exception):
    """Something came out otherwise than it would have undisturbed."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a finished flow left behind. `decisions` are the audit log's, without what a person may well repeat."""

    files: dict[str, bytes]
    decisions: Counter[str]
    conversation: tuple[tuple[str, str], ...]
    result: str

    def differs(self, other: "Ending") -> str | None:
        names = (name for name in self.__slots__ if getattr(self, name) != getattr(other, name))
        return next((f"{name}: {getattr(self, name)!r}, not {getattr(other, name)!r}" for name in names), None)


@dataclass(slots=True)
class Tally:
    trials: int = 0
    kills: int = 0
    writing: int = 0
    looks: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)


class Bench:
    """Trials over one store. `crash` ends the database's server at once and starts it again."""

    def __init__(
        self,
        root: Path,
        dice: random.Random,
        server: Server | None = None,
        crash: Callable[[], None] | None = None,
        settings: str = "",
    ) -> None:
        self.root, self.dice, self.server, self.crash = root, dice, server, crash
        self.tallies = {name: Tally() for name in FLOWS}
        # When a command writes first and when it ends, in seconds, by flow and kind: a moving average.
        self.spans: dict[tuple[str, str], tuple[float, float]] = {}
        self._trials = 0
        self._address: str | None = None
        journal.install(root / "plugin")
        own = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "OCTO_ENCRYPTION_KEY")
        kept = {name: os.environ[name] for name in own if name in os.environ}
        path = os.pathsep.join((str(root / "plugin"), str(PROJECT)))
        fixed = {"PYTHONPATH": path, "PYTHON_KEYRING_BACKEND": NO_KEYRING, "OCTO_NOW": NOW, "LANG": "C.UTF-8"}
        config = root / "config.toml"
        config.write_text(settings, encoding="utf-8")
        self.environment = {**kept, **fixed, "OCTO_CONFIG": str(config), "TERM": "dumb"}
        self.door = Door(self.environment, root / "trials")

    def kill(self, names: Sequence[str], kills: int) -> None:
        """Play the flows in turn until `kills` commands of theirs were killed."""
        wanted = {name: self._trial(name, calm=True).play() for name in names}
        while sum(tally.kills for tally in self.tallies.values()) < kills:
            for name in names:
                self._hold_against(wanted[name], name)

    def _hold_against(self, wanted: Ending, name: str) -> None:
        trial, tally = self._trial(name), self.tallies[name]
        tally.trials += 1
        try:
            if differs := trial.play().differs(wanted):
                raise Mismatch(differs)
        except Mismatch as mismatch:
            tally.mismatches.append(f"{name}, trial {self._trials}: {mismatch}\n  {' · '.join(trial.story)}")
        else:
            shutil.rmtree(self.root / "trials" / trial.name)

    def _trial(self, name: str, *, calm: bool = False) -> "Trial":
        if self.server and (self._address is None or self._trials % DATABASE_FOR == 0):
            self._address = self.server.make()
        self._trials += 1
        return Trial(self, name, f"{self._trials}", self._address, calm=calm)


class Trial:
    """One thread, and the person before it: what they said, and what they were told was taken."""

    def __init__(self, bench: Bench, flow: str, name: str, address: str | None, *, calm: bool) -> None:
        self.bench, self.flow, self.name, self.calm = bench, FLOWS[flow], name, calm
        self.tally, self.label = bench.tallies[flow], flow
        self.work = bench.root / "trials" / name / "work"
        home = bench.root / "trials" / name / "home"
        self.database = DatabaseSettings(home / "octo.db", postgres=address)
        self.thread = f"{THREAD}-{name}"
        self.environment = {"OCTO_POSTGRES_URL": address} if address else {}
        # By question: what was said to it. Of whose the program itself said that it was taken. How far each subject is.
        self.given: dict[str, Move] = {}
        self.taken: set[str] = set()
        self.places: Counter[str] = Counter()
        # The question that was open when the command under way was typed.
        self.left: str | None = None
        self.in_a_row = 0
        self.story: list[str] = []

    def play(self) -> Ending:
        command = self._asking()
        for _ in range(MOST_COMMANDS):
            said = self._run(command)
            if said["lost"]:
                self.tally.looks += 1
                command = self._looking()
            elif said["error"] in ("thread_not_found", "thread_empty"):
                command = self._asking()
            elif said["summary"] is None:
                self._move_on()
                command = self._looking()
            elif said["summary"]["status"] == "completed":
                return self._ending(said["summary"]["aggregated_data"]["final_answer"])
            else:
                command = self._next(said["summary"]["interrupts"])
        raise Mismatch("it never ends")

    def _asking(self) -> Sequence[str]:
        return ("ask", self.flow.request, "--thread", self.thread, "--create", "--events")

    def _looking(self) -> Sequence[str]:
        return ("resume", self.thread, "--events")

    def _next(self, questions: Sequence[dict[str, Any]]) -> Sequence[str]:
        """What the person types, with all questions that are open before them."""
        if not questions:
            raise Mismatch("neither done nor asking")
        if self.left is not None and self.left != questions[0]["id"]:
            self._move_on()
        answers = {}
        for question in questions:
            move = self._move(question)
            if "command" in move:
                self.left = question["id"]
                return [word.replace(THREAD, self.thread) for word in move["command"]]
            answers[question["id"]] = self._answer(question, move)
        (self.work / "answers.json").write_text(json.dumps(answers, ensure_ascii=False), encoding="utf-8")
        return ("resume", self.thread, "--answers", "answers.json", "--events")

    def _move(self, question: dict[str, Any]) -> Move:
        subject = question.get("tool") or question["document_type"]
        if question.get("tool") and "이미 실행되었을 수" in question["message"]:
            return {"action": "reject"} if self._written() else APPROVE
        if question["id"] in self.taken:
            raise Mismatch(f"{question['type']} asked again after its answer was taken")
        if question["id"] in self.given:
            return self.given[question["id"]]
        moves, place = self.flow.moves[subject], self.places[subject]
        if place >= len(moves):
            raise Mismatch(f"{question['type']} asked once too often")
        if "command" not in moves[place]:
            self.places[subject] += 1
            self.given[question["id"]] = moves[place]
        return moves[place]

    def _answer(self, question: dict[str, Any], move: Move) -> Move:
        if move["action"] not in question["actions"]:
            raise Mismatch(f"{question['type']} asked where {move['action']} was due")
        bound = "base_revision" if move["action"] == "submit" else "doc_hash"
        return {**move, bound: question[bound]} if move["action"] in ("submit", "approve") else move

    def _move_on(self) -> None:
        """The command of this place was done."""
        self.left = None
        self.places.update(list(self.flow.moves))

    def _written(self) -> str:
        file = self.work / "octo-documents" / journal.FILE
        return file.read_text(encoding="utf-8") if file.exists() else ""

    # One command

    def _run(self, command: Sequence[str]) -> dict[str, Any]:
        """What the command said, as `lost`, `error` and `summary`; both None for one that prints no events."""
        kind = "answer" if "--answers" in command else command[1] if command[0] == "threads" else command[0]
        after = self._instant(kind)
        with self._server_dies(after) as server_dies:
            given = {} if after is None or server_dies else {"after": after}
            said = self.bench.door.run(self.name, 0, command, environment=self.environment, **given)
        self._learn(kind, said)
        self._count(kind, said, after, server_died=server_dies)
        events = list(_events(said["out"]))
        self.taken |= {event["interrupt_id"] for event in events if event["type"] == "interrupt_answered"}
        summary = next((event["summary"] for event in events if event["type"] == "run_finished"), None)
        lost = said["killed"] or (said["status"] == 5 and self.bench.crash is not None)
        error = ((summary or {}).get("error") or {}).get("code")
        if not lost and said["status"] not in (0, 3) and error not in ("thread_not_found", "thread_empty"):
            raise Mismatch(f"octo {' '.join(command)} ended in {said['status']}: {said['out'][-1500:]}")
        if len(self._written()) > len(journal.LINE):
            raise Mismatch("the tool ran twice")
        return {"lost": lost, "error": error, "summary": summary}

    def _instant(self, kind: str) -> float | None:
        """When to kill the command, in seconds after its start; None for not at all."""
        dice = self.bench.dice
        if self.calm or self.in_a_row >= IN_A_ROW or dice.random() > SHARE:
            return None
        known = self.bench.spans
        first, last = known.get((self.label, kind)) or max(known.values(), key=lambda span: span[1])
        # What goes before its first write is long and can do little harm: half of the kills are meant for the rest.
        return dice.uniform(dice.choice((0, first)), last)

    @contextmanager
    def _server_dies(self, after: float | None) -> Iterator[bool]:
        crash = self.bench.crash
        if crash is None or after is None or self.bench.dice.randrange(SERVER_TOO):
            yield False
            return
        timer = threading.Timer(after, crash)
        timer.start()
        try:
            yield True
        finally:
            timer.join()

    def _learn(self, kind: str, said: Mapping[str, Any]) -> None:
        if not said["killed"] and said["first"] is not None:
            now = (said["first"], said["seconds"])
            first, last = self.bench.spans.get((self.label, kind), now)
            self.bench.spans[self.label, kind] = ((first + now[0]) / 2, (last + now[1]) / 2)

    def _count(self, kind: str, said: Mapping[str, Any], after: float | None, *, server_died: bool) -> None:
        end = f"server died at {after:.3f} s, exit {said['status']}" if server_died else f"exit {said['status']}"
        self.story.append(f"{kind}: " + (f"killed in {said['stage']} at {after:.3f} s" if said["killed"] else end))
        self.in_a_row = self.in_a_row + 1 if said["killed"] else 0
        if said["killed"] or server_died:
            self.tally.kills += 1
            self.tally.writing += said["writing"]
            self.tally.stages["server" if server_died else said["stage"]] += 1

    # What is left in the end

    def _ending(self, result: str) -> Ending:
        with open_storage(self.database, create=False) as storage:
            if (broken := storage.verify_audit(self.thread)) is not None:
                raise Mismatch(f"the audit chain breaks at {broken}")
            record = storage.thread(self.thread)
            if record is None or record.status != "completed" or storage.questions(self.thread):
                raise Mismatch(f"the index says {record}")
            if storage.abandoned() or storage.holder(self.thread):
                raise Mismatch(f"still running: {storage.abandoned()}")
            rows = [row.entry for row in storage.audit(self.thread)]
            conversation = tuple((message.speaker, message.text) for message in storage.messages(self.thread))
            if halves := _halves(storage):
                raise Mismatch(f"half a fork: {halves}")
            kept = [row.checkpoint_id for row in storage.checkpoint_rows(self.thread) if not row.checkpoint_ns]
        if empty := asyncio.run(self._emptied(kept)):
            raise Mismatch(f"checkpoints that lost what was said: {empty}")
        if sum(row.event == "tool_ran" for row in rows) > 1:
            raise Mismatch("the log says that the tool ran twice")
        told = (row for row in rows if not row.event.startswith("tool_") and row.event not in ("rolled_back", "forked"))
        # A finished version is recorded with the time it was finished at.
        decisions = Counter(
            f"{row.event} {row.step_id} {row.field} {None if row.event == 'finalized' else row.new}" for row in told
        )
        folder = self.work / "octo-documents"
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return Ending(files, decisions, conversation, result)

    async def _emptied(self, kept: Sequence[str]) -> list[str]:
        """Checkpoints, from the first one that holds the request on, that hold it no longer."""
        environment = {**self.bench.environment, **self.environment, "OCTO_HOME": str(self.database.sqlite.parent)}
        async with open_engine(resolve({}, environment, self.work)) as engine:
            said = [(one, (await engine.state(self.thread, one)).values.get("messages")) for one in kept]
        begun = next((place for place, (_, messages) in enumerate(said) if messages), 0)
        return [one for one, messages in said[begun:] if not messages or messages[0]["text"] != self.flow.request]


def _halves(storage: Any) -> list[str]:
    """Threads that someone made and that hold nothing: only a fork can be one that no person asked again."""
    threads = (record.thread_id for record in storage.threads())
    return [name for name in threads if not name.startswith(THREAD) and not storage.checkpoint_rows(name)]


def _events(out: str) -> Iterator[dict[str, Any]]:
    """The lines that are events; the last one of a killed command may be half of one."""
    for line in out.splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(event, dict) and "type" in event:
            yield event


@contextmanager
def bench(store: str, root: Path, seed: int, settings: str = "") -> Iterator[Bench]:
    """A bench over a file, or over a server of its own that may die."""
    dice = random.Random(f"{store} {seed}")
    if store == "sqlite":
        made = Bench(root, dice, settings=settings)
        try:
            yield made
        finally:
            made.door.close()
        return
    with tempfile.TemporaryDirectory(prefix="octo-crash-") as folder, started(Path(folder) / "pg") as server:
        made = Bench(root, dice, server, server.crash, settings)
        try:
            yield made
        finally:
            made.door.close()


def table(store: str, tallies: Mapping[str, Tally]) -> Iterator[str]:
    head = ("flow", "trials", "kills", "writing", "looks", "mismatches")
    row = "{:<10}{:>8}{:>8}{:>9}{:>8}{:>12}".format
    yield f"{store}"
    yield row(*head)
    for name, tally in ((name, tally) for name, tally in tallies.items() if tally.trials):
        yield row(name, tally.trials, tally.kills, tally.writing, tally.looks, len(tally.mismatches))
        yield "    " + ", ".join(f"{stage} {count}" for stage, count in tally.stages.most_common())


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trials.crash", description="Kill Octo at random instants.")
    parser.add_argument("--store", choices=(*STORES, "both"), default="both")
    parser.add_argument("--kills", type=int, default=300, help="how many for each store")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--flow", choices=FLOWS, action="append")
    parser.add_argument("--with", choices=SETTINGS, dest="settings", help="do it all with these settings")
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}")  # noqa: T201
    os.environ["OCTO_ENCRYPTION_KEY"] = new_key()
    failed = False
    for store in STORES if given.store == "both" else (given.store,):
        with tempfile.TemporaryDirectory(prefix="octo-crash-") as folder:
            with bench(store, Path(folder), given.seed, SETTINGS.get(given.settings, "")) as made:
                began = time.monotonic()
                made.kill(given.flow or list(FLOWS), given.kills)
            wrong = [told for tally in made.tallies.values() for told in tally.mismatches]
            seconds = f"{time.monotonic() - began:.0f} s"
            print("\n".join((*table(store, made.tallies), seconds, *wrong)), flush=True)  # noqa: T201
            failed = failed or bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
