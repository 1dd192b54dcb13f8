"""A format of another package: the page's own example, one that breaks, and one that is none."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Octo
from tests.project.console import PROJECT

EXAMPLE = re.compile(r"<!-- example: octo_lines -->\n```python\n(.*?)```", re.DOTALL)


def offer(octo: Octo, folder: Path, code: str) -> None:
    (folder / "octo_lines.py").write_text(code, encoding="utf-8")
    info = folder / "octo_lines-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: octo-lines\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[octo.outputs]\nlines = octo_lines:LINES\n")
    octo.environment["PYTHONPATH"] = str(folder)


@pytest.fixture
def example() -> str:
    (code,) = EXAMPLE.findall((PROJECT / "docs" / "outputs.md").read_text(encoding="utf-8"))
    return str(code)


def test_the_pages_example_is_a_format(octo: Octo, tmp_path: Path, example: str) -> None:
    offer(octo, tmp_path, example)
    assert octo("ask", "hello", "-f", "lines").out == "hello\n"
    assert octo("resume", "last", "-f", "lines", "-o", "x.lines").status == 0
    assert (octo.folder / "x.lines").read_text() == "hello\n"
    assert "lines" in octo("ask", "hello", "-f", "poem", "--json").json["error"]["hint"]


def test_one_that_fails_is_told_and_the_answer_is_there(octo: Octo, tmp_path: Path, example: str) -> None:
    offer(octo, tmp_path, example.replace('return "\\n".join', 'raise SystemExit("no lines")\n    return "\\n".join'))
    done = octo("ask", "hello", "-f", "lines", "--json").json
    assert (done["status"], done["format"]) == ("completed", "chat")
    assert done["result"] == done["aggregated_data"]["final_answer"]
    (warning,) = done["warnings"]
    assert warning["code"] == "output_failed"
    assert "SystemExit: no lines" in warning["message"]
    assert octo("ask", "hello", "-f", "lines", "-o", "x.lines").status == 0
    assert (octo.folder / "x.lines").read_text().strip() == done["result"]


# What a format may return that no JSON can hold, and what Octo says of it.
UNFIT = {
    "float('nan')": "ValueError: Out of range float values are not JSON compliant",
    "{'file': b'PDF'}": "TypeError: JSON cannot hold bytes",
    "{1, 2}": "TypeError: JSON cannot hold set",
    "'\\ud800'": "UnicodeEncodeError: ",
    "None": "TypeError: generate returned None",
}
ASKING = """
import asyncio, octo_cli, sys
async def main():
    async with octo_cli.open_engine() as octo:
        for _ in range(int(sys.argv[1])):
            *_, finished = [event async for event in octo.run("hello", format="lines")]
            print(finished.summary.status, finished.summary.format, finished.summary.warnings[0]["message"])
asyncio.run(main())
"""


def test_one_that_makes_what_no_json_can_hold_is_told(octo: Octo, tmp_path: Path, example: str) -> None:
    made = example.replace('return "\\n".join', 'return next(MADE)\n    "\\n".join')
    offer(octo, tmp_path, f"{made}\nMADE = iter([{', '.join(UNFIT)}])\n")
    command = [sys.executable, "-c", ASKING, str(len(UNFIT))]
    done = subprocess.run(command, cwd=octo.folder, env=octo.environment, stdout=subprocess.PIPE, text=True, check=True)
    for line, reason in zip(done.stdout.splitlines(), UNFIT.values(), strict=True):
        assert line.startswith("completed chat ")
        assert reason in line


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit", "SystemExit"),
        ("return {}", "TypeError: .lines is no bytes but dict"),
    ],
)
def test_one_that_cannot_write_is_told(octo: Octo, tmp_path: Path, example: str, code: str, reason: str) -> None:
    offer(octo, tmp_path, example.replace("return f", f"{code}\n    return f"))
    said = octo("ask", "hello", "-f", "lines", "-o", "x.lines", "--json")
    assert (said.status, said.json["error"]["code"]) == (1, "output_broken")
    assert reason in said.json["error"]["message"]


def test_one_that_cannot_draw_is_told_and_shown_as_it_is(octo: Octo, tmp_path: Path, example: str) -> None:
    offer(octo, tmp_path, "import sys\n" + example.replace("generate)", "generate, lambda *_: sys.exit(3))"))
    status, shown = octo.terminal("ask", "hello", "-f", "lines").ends()
    assert (status, "lines" in shown, "SystemExit: 3" in shown) == (0, True, True)
    assert shown.rstrip().endswith("hello")


def test_doctor_names_those_that_cannot_be_used(octo: Octo, tmp_path: Path, example: str) -> None:
    offer(octo, tmp_path, example)
    points = tmp_path / "octo_lines-1.0.dist-info" / "entry_points.txt"
    points.write_text("[octo.outputs]\nlines = octo_lines:LINES\nchat = octo_lines:LINES\nodes = octo_odes:ODES\n")
    with points.open("a") as file:
        file.write("[octo.nodes]\nlate = octo_odes:LATE\n")
    (tmp_path / "octo_odes.py").write_text("print('{')\nraise SystemExit")
    said = octo("doctor", "--json", "--lang", "en")
    found = [check for check in said.json["checks"] if check["check"] in ("formats", "nodes")]
    assert (said.status, [(check["check"], check["level"]) for check in found]) == (
        1,
        [("formats", "ok"), ("formats", "error"), ("formats", "error"), ("nodes", "error")],
    )
    fine, taken, *broken = (check["message"] for check in found)
    assert fine.endswith("all, lines")
    assert "chat (octo-lines 1.0)" in taken
    assert all("SystemExit" in one for one in broken)
    assert octo("ask", "hello", "--json").json["format"] == "chat"


@pytest.mark.parametrize("code", ["raise ValueError('broken')", "LINES = 3"])
def test_one_that_is_none_is_refused_before_any_work(octo: Octo, tmp_path: Path, code: str) -> None:
    offer(octo, tmp_path, code)
    said = octo("ask", "hello", "-f", "lines", "--json")
    assert (said.status, said.json["error"]["code"]) == (1, "output_broken")
    assert octo("threads", "list", "--json").json["threads"] == []
