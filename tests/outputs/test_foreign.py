"""A format of another package: the page's own example, one that breaks, and one that is none."""

import re
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
    offer(octo, tmp_path, example.replace('return "\\n".join', 'raise ValueError("no lines")\n    return "\\n".join'))
    done = octo("ask", "hello", "-f", "lines", "--json").json
    assert (done["status"], done["format"]) == ("completed", "chat")
    assert done["result"] == done["aggregated_data"]["final_answer"]
    (warning,) = done["warnings"]
    assert warning["code"] == "output_failed"
    assert "ValueError: no lines" in warning["message"]
    assert octo("ask", "hello", "-f", "lines", "-o", "x.lines").status == 0
    assert (octo.folder / "x.lines").read_text().strip() == done["result"]


def test_one_that_cannot_write_is_told(octo: Octo, tmp_path: Path, example: str) -> None:
    offer(octo, tmp_path, example.replace("return f", 'raise RuntimeError("no file")\n    return f'))
    said = octo("ask", "hello", "-f", "lines", "-o", "x.lines", "--json")
    assert (said.status, said.json["error"]["code"]) == (1, "output_broken")
    assert "RuntimeError: no file" in said.json["error"]["message"]


@pytest.mark.parametrize("code", ["raise ValueError('broken')", "LINES = 3"])
def test_one_that_is_none_is_refused_before_any_work(octo: Octo, tmp_path: Path, code: str) -> None:
    offer(octo, tmp_path, code)
    said = octo("ask", "hello", "-f", "lines", "--json")
    assert (said.status, said.json["error"]["code"]) == (1, "output_broken")
    assert octo("threads", "list", "--json").json["threads"] == []
