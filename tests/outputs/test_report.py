"""`-f report`: measured figures, results that cannot break out of it, a page and a PDF that say the same."""

import re
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt
from pypdf import PdfReader

from octo_cli.outputs import Subject, output
from octo_cli.wire.events import AggregatedData, ExecutionSummary
from octo_cli.wire.work import Language
from tests.conftest import LEASE, Octo

HOSTILE = [
    '"quotes" and \'others\'',
    "[brackets] {braces} (parens)",
    "<script>alert(1)</script><b>bold</b>",
    "A --> B; end",
    "%% comment :: done, crit, 2020-01-01",
    "click A href \"javascript:1\"",
    "#heading *bold* _it_ `code` ~~x~~ | pipe",
    "$math$ @ref #let x = 1; \\ // comment",
    "가" * 500,
    "emoji 🎉👩‍👩‍👧 and \u202eright to left",
    "```",
    "",
]  # fmt: skip


def step(number: int, **given: Any) -> dict[str, Any]:
    plain = {
        **{"step_id": str(number), "agent": "data", "task": f"Step {number}", "depends_on": [], "status": "completed"},
        **{"result": "", "confidence": None, "problem": None, "seconds": 0.25, "started": number / 4},
    }
    return plain | given


def subject(*steps: dict[str, Any], language: Language = "en", answer: str = "All is well.", **given: Any) -> Subject:
    done = sum(one["status"] == "completed" for one in steps)
    counted = ExecutionSummary(len(steps), done, 0, 0, 1.5)
    return Subject(AggregatedData(answer, steps, execution_summary=counted, **given), "What was asked", language, "")


def made(told: Subject, suffix: str = ".md") -> bytes:
    report = output("report")
    assert report
    assert report.generate
    return report.files[suffix](report.generate(told), told)


def test_a_leases_report_tells_what_was_measured(octo: Octo) -> None:
    done = octo("ask", LEASE, *octo.answered(), "--approve", "-f", "report", "-o", "report.html", "--json").json
    result, (step,) = done["result"], done["aggregated_data"]["steps"]
    assert result.startswith("# 보고서\n")
    # What the only step came to is the answer: it is told once.
    assert result.count(done["aggregated_data"]["final_answer"].splitlines()[0]) == 1
    assert "결과는 요약에 있는 그대로입니다." in result
    assert f'    "[1] {step["task"]}" : {step["seconds"]:.3f}' in result
    began, ended = (int(one) for one in re.findall(r":s1, (\d+), (\d+)", result)[0])
    assert began == round(step["started"] * 1000)
    assert abs(ended - began - step["seconds"] * 1000) <= 1
    page = (octo.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "mermaid" not in page
    assert "확정일자" in page
    octo("resume", "last", "-f", "report", "-o", "report.pdf")
    text = "".join(one.extract_text() for one in PdfReader(octo.folder / "report.pdf").pages)
    assert "주택 임대차계약서" in " ".join(text.split())


def test_without_steps_there_are_no_diagrams_and_nothing_is_made_up(octo: Octo) -> None:
    said = octo("ask", "hello", "-f", "report").out
    assert "mermaid" not in said
    assert "Conclusion" not in said
    assert re.findall("^## .*", said, re.M) == ["## Summary", "## Figures"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_and_results_stay_what_they_are(name: str) -> None:
    told = subject(
        step(1, task=name, result=f"{name}!"), step(2, task=name, status="failed", problem=name), answer=name
    )
    markdown = made(told).decode()
    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").parse(markdown)
    headings = [tokens[place + 1].content for place, one in enumerate(tokens) if one.type == "heading_open"]
    assert headings[0] == "Report"
    assert headings[-1] == "Conclusion"
    assert sum(one.info == "mermaid" for one in tokens) == 2
    for diagram in (one.content for one in tokens if one.info == "mermaid"):
        assert all(
            line.startswith("    ") or line in ("gantt",) or line.startswith("pie ") for line in diagram.splitlines()
        )
    page = made(told, ".html").decode()
    assert "<script" not in page
    assert "<b>" not in page
    for svg in re.findall("<svg.*?</svg>", page, re.S):
        ElementTree.fromstring(svg)
    assert len(PdfReader(BytesIO(made(told, ".pdf"))).pages) >= 1


def test_what_a_step_of_several_came_to_stands_with_it() -> None:
    table = "| a |\n|---|\n| 1 |"
    told = subject(
        step(1, result=table), step(2, result="two"), answer=f"Both are done.\n\n1. One\n\n{table}\n\n2. Two\n\ntwo"
    )
    markdown = made(told).decode()
    assert "## Summary\n\nBoth are done.\n\n1. One\n\n2. Two\n\n## Figures" in markdown
    assert (markdown.count(table), markdown.count("\ntwo\n")) == (1, 1)


def test_a_results_headings_are_below_its_steps_and_its_fences_closed() -> None:
    told = subject(step(1, result="# Found\n\n```python\n# no heading"), step(2, result="end"))
    markdown = made(told).decode()
    assert "#### Found\n" in markdown
    assert "\n# no heading\n```\n" in markdown


def test_fifty_steps_and_a_long_table_go_on_over_pages_with_the_tables_head() -> None:
    rows = "".join(f"| 지역 {row} | {row:,} |\n" for row in range(120))
    told = subject(*(step(number) for number in range(50)), step(51, result=f"| 이름표 | 값 |\n|:--|--:|\n{rows}"))
    pages = [page.extract_text() for page in PdfReader(BytesIO(made(told, ".pdf"))).pages]
    assert sum("이름표" in page for page in pages) >= 3
    assert "지역 119" in " ".join(pages[-1].split()) or "지역 119" in " ".join(pages[-2].split())


def test_what_failed_and_what_a_review_found_is_recommended_and_nothing_else() -> None:
    found = (("review", "Look here", "high"), ("review", "By the way", "low"), ("data", "Much grew", "high"))
    insights = tuple({"category": one, "description": told, "importance": weight} for one, told, weight in found)
    failed = step(1, status="failed", problem="No such page.")
    reason = "Skipped: it needs step 1."
    skipped = step(2, status="skipped", result=reason, problem=reason, started=None)
    markdown = made(subject(failed, skipped, insights=insights)).decode()
    advised = markdown.partition("## Recommendations")[2].partition("##")[0]
    assert all(told in advised for told in ("No such page", "Skipped", "Look here"))
    assert not any(told in advised for told in ("By the way", "Much grew"))
    assert all(markdown.count(told) == 1 for told in ("Look here", "By the way", "Much grew"))
    assert markdown.count(reason) == 2  # Told of the step, and as what is left.
    assert "Recommendations" not in made(subject(step(1), insights=insights[1:])).decode()
