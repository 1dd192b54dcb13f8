"""How fast the light commands start, next to `python -c 'import typer'`, which no Typer program can beat by much.

    python benchmarks/startup.py [--rounds N] [--check]

Prints processor and wall time side by side, from interleaved runs; --check exits 1 when a ratio is over its limit.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from measure import Limit, finish, interleaved, process, report

from octo_cli.engine import open_engine
from octo_cli.settings import resolve
from octo_cli.wire.events import Say

BARE = "python -c 'import typer'"
LIMITS = (
    Limit("octo --version", BARE, 0.35),
    Limit("octo --help", BARE, 1.5),
    Limit("octo threads list", BARE, 2),
)
THREADS = 50


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "OCTO_HOME": home}
        asyncio.run(_talk(THREADS, environment, Path(home)))
        octo = str(Path(sys.executable).with_name("octo"))
        programs = {BARE: [sys.executable, "-c", "import typer"]}
        programs |= {limit.case: [octo, *limit.case.split()[1:]] for limit in LIMITS}
        cases = {name: lambda argv=argv: process(argv, environment) for name, argv in programs.items()}
        finish(report(interleaved(cases, arguments.rounds), LIMITS), check=arguments.check)


async def _talk(threads: int, environment: dict[str, str], cwd: Path) -> None:
    """Fill the database as a person would: one finished turn a thread."""
    async with open_engine(resolve({}, environment, cwd)) as engine:
        for number in range(1, threads + 1):
            text = f"안녕하세요, {number}번째 대화입니다"
            thread = await engine.thread_for(text, None, create=False)
            async for _event in engine.run(thread, Say(text)):
                pass


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
