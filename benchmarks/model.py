"""What Octo costs beside the libraries that do its heavy work: a language model's client, DuckDB, SQLite's full text.

    python benchmarks/model.py [--rounds N] [--check]

`ask` is a whole `octo ask` of an open question with a model, next to `bare_model.py`, which puts the same two requests
to the same server by LangChain alone; `first token` is the part of it up to the first word of the answer on stdout. The
server is on loopback and answers at once, so that nothing is left but what the programs themselves cost.

`data` is a question about 200,000 rows of CSV, put to the data agent and, as SQL, to DuckDB alone; `search` is a first
search in 2,000 files, and a loop that reads them into a table of SQLite's full text search. Both within one process.

Same interpreter, same files, interleaved; --check exits 1 when a ratio is over its limit.
"""

import argparse
import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import bare_model
import duckdb
from measure import Cost, Limit, finish, interleaved, report

from octo_cli.agents import data, search
from octo_cli.agents.kit import Done, Kit, Task
from octo_cli.documents.catalog import PACKAGE_TYPES, Catalog
from octo_cli.reasoning.offline import Offline
from octo_cli.settings import resolve
from octo_cli.storage import open_storage
from octo_cli.wire.work import Step

# The scripted server of the tests: this is a script beside their folder, not in it.
sys.path.append(str(Path(__file__).parent.parent))
from tests.models import ModelServer, serving

# Octo adds LangGraph, a database and the rules beside the model; that it walks no garbage, at its start and at its end,
# pays for them. So it may not cost much more than the client, nor be much later with the first word.
ASK = (Limit("octo ask", "bare ask", 1.25), Limit("octo first token", "bare first token", 1.5))
# A person's file is no clean CSV: its cells are read as text, each column is tried as numbers and dates, counted and
# measured. The limits keep what that is today, a second and a half of work, from growing by half.
# Ten times DuckDB, so that both are long enough to meet whatever else the machine does.
DATA = (Limit("octo data", "bare data, 10 times", 2.5),)
# Every pair of Hangul is a token of its own, every file is hashed and its headings are told apart. Before tokens were
# cut by one pattern it was twice as much.
SEARCH = (Limit("octo search", "bare search", 8.0),)
ROWS, FILES = 200_000, 2_000
REGIONS = ("서울", "부산", "대구", "인천", "광주", "대전", "울산", "세종")
WORDS = (
    *("계약", "보증금", "임대차", "회의", "일정", "예산", "보고서", "고객", "설명", "배송"),
    *("the", "tenant", "deposit", "shall", "be", "paid", "within", "a", "month", "of", "notice"),
)
QUESTION = "sales.csv에서 지역별 매출 합계"


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        home = Path(folder)
        server.knows("Intent", {"category": "chat", "confidence": 0.95, "keywords": []})
        server.otherwise(lambda _: "프랑스의 수도는 파리입니다.")
        runs = _asked(server, home, arguments.rounds)
        kept = [report(runs, ASK), report(interleaved(_data(home / "data"), arguments.rounds), DATA)]
        kept.append(report(interleaved(_search(home / "search"), arguments.rounds), SEARCH))
    finish(all(kept), check=arguments.check)


class Spoken(NamedTuple):
    """A whole run of a program, and the part of it until it first said something of the answer."""

    whole: Cost
    first: Cost


def _asked(server: ModelServer, home: Path, rounds: int) -> dict[str, list[Cost]]:
    environment = {**os.environ, "OCTO_HOME": str(home), "OPENAI_API_KEY": "none"}
    octo = [str(Path(sys.executable).with_name("octo")), "ask", bare_model.TEXT, "--events", *server.flags]
    bare = [sys.executable, bare_model.__file__, server.base_url]
    programs = {"bare": (bare, ""), "octo": (octo, '"text_delta"')}
    asked = [
        {name: _spoken(argv, environment, mark) for name, (argv, mark) in programs.items()} for _ in range(rounds + 1)
    ]
    return {
        **{f"{name} ask": [one[name].whole for one in asked[1:]] for name in programs},
        **{f"{name} first token": [one[name].first for one in asked[1:]] for name in programs},
    }


def _spoken(argv: list[str], environment: dict[str, str], mark: str) -> Spoken:
    """Run a program up to the first output that has `mark` in it, and then to its end."""
    started = time.perf_counter()
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        said = b""
        while mark.encode() not in said or not said:
            if not (more := os.read(child.stdout.fileno(), 1 << 16)):
                raise RuntimeError(f"ended without {mark or 'a word'}: {' '.join(argv)}")
            said += more
        # Linux numbers the processor clock of another process so; it has none for those it waited for.
        first = Cost(time.clock_gettime((~child.pid << 3) | 2), time.perf_counter() - started)
        while os.read(child.stdout.fileno(), 1 << 16):
            pass
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"exit status {child.returncode}: {' '.join(argv)}")
    return Spoken(Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - started), first)


def _data(folder: Path) -> dict[str, Callable[[], Cost]]:
    kit = _kit(folder)
    file, chance = folder / "sales.csv", random.Random(1)
    lines = (
        f"{number},2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02},{chance.choice(REGIONS)},"
        f"{chance.randint(1_000, 9_999_999)},{chance.random():.4f}\n"
        for number in range(ROWS)
    )
    file.write_text("번호,날짜,지역,매출,비율\n" + "".join(lines), encoding="utf-8")

    def bare() -> None:
        sums = "SELECT 지역, sum(매출) FROM read_csv(?) GROUP BY 1 ORDER BY 2 DESC"
        for _ in range(10):
            with duckdb.connect() as connection:
                assert len(connection.execute(sums, [str(file)]).fetchall()) == len(REGIONS)

    def octo() -> None:
        done = _worked(data.work, "data", QUESTION, kit)
        assert len(done.data["rows"]) == len(REGIONS), done.text

    return {"bare data, 10 times": _timed(bare), "octo data": _timed(octo)}


def _search(folder: Path) -> dict[str, Callable[[], Cost]]:
    notes, chance = folder / "notes", random.Random(1)
    kit = _kit(folder, f"[search]\nfolders = ['{notes}']\n")
    notes.mkdir()
    for number in range(FILES):
        text = "".join(" ".join(chance.choices(WORDS, k=10)) + "\n" for _ in range(30))
        (notes / f"{number}.md").write_text(f"# 메모 {number}\n\n{text}", encoding="utf-8")

    def bare() -> None:
        database = folder / "bare.sqlite"
        connection = sqlite3.connect(database)
        connection.execute("CREATE VIRTUAL TABLE pages USING fts5(path, body)")
        with connection:
            for path in notes.iterdir():
                page = (str(path), path.read_text(encoding="utf-8"))
                connection.execute("INSERT INTO pages VALUES (?, ?)", page)
        found = connection.execute("SELECT path FROM pages WHERE pages MATCH ? ORDER BY rank LIMIT 5", ("보증금",))
        assert len(found.fetchall()) == 5
        connection.close()
        database.unlink()

    def octo() -> None:
        done = _worked(search.work, "search", "메모에서 보증금 찾아줘", kit)
        assert done.data["files"] == FILES
        assert done.data["hits"]
        shutil.rmtree(kit.settings.folders.data)

    return {"bare search": _timed(bare), "octo search": _timed(octo)}


def _worked(work: Callable[[Task, Kit], Coroutine[Any, Any, Done]], agent: str, text: str, kit: Kit) -> Done:
    return asyncio.run(work(Task(Step("1", agent, text), text, "ko", {}), kit))


def _kit(workspace: Path, config: str = "") -> Kit:
    workspace.mkdir()
    home = workspace.with_name(f"{workspace.name}-home")
    home.mkdir()
    (home / "config.toml").write_text(config, encoding="utf-8")
    settings = resolve({}, {"OCTO_HOME": str(home)}, workspace)
    return Kit(
        thread_id="bench",
        actor="user:bench",
        mind=Offline(),
        catalog=Catalog((PACKAGE_TYPES,), cache=settings.folders.cache),
        storage=open_storage(settings.database),
        settings=settings,
        cards=(),
    )


def _timed(work: Callable[[], None]) -> Callable[[], Cost]:
    def timed() -> Cost:
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        return Cost(time.process_time() - cpu, time.perf_counter() - wall)

    return timed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
