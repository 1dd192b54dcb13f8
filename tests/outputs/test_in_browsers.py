"""Graphs, diagrams and pages before what they are made for: React Flow, Cytoscape.js, D3, Mermaid and a browser itself.

What is missing is skipped. Chromium is the system's; `npm install --prefix tests/outputs/browser` brings the libraries.
"""

import json
import re
import shutil
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pypdf import PageObject, PdfReader

from octo_cli.outputs import Subject
from octo_cli.ui.sanitise import one_line
from tests.browser import Chromium
from tests.conftest import LEASE, Octo
from tests.outputs.test_graph import graph_of, written
from tests.outputs.test_report import HOSTILE, made, step, subject

LIBRARIES = Path(__file__).with_name("browser")
PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
with_chromium = pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium")
with_libraries = pytest.mark.skipif(
    not (LIBRARIES / "node_modules").is_dir(), reason="no libraries: npm install --prefix tests/outputs/browser"
)
# Of a plan that branches and joins: the names of its steps are whatever people and models write.
NAMES = [*HOSTILE[:-1], "two\nlines", '</script><svg onload="x()">', "end", "x" * 500]
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    assert PROGRAM
    window = Chromium(PROGRAM, tmp_path_factory.mktemp("profile"))
    yield window
    window.close()


def hostile() -> Subject:
    first = [step(1, task=NAMES[0], agent="web")]
    middle = [
        step(n, task=name, depends_on=["1"], agent=("data", "search", "code")[n % 3])
        for n, name in enumerate(NAMES[1:], 2)
    ]
    last = step(99, task="마지막", depends_on=[one["step_id"] for one in middle], status="failed", problem="없음")
    return subject(*first, *middle, last, language="ko")


@with_chromium
@with_libraries
@pytest.mark.parametrize("library", ["inCytoscape", "inReactFlow", "inD3"])
def test_a_library_reads_the_graph_as_it_is(library: str, chromium: Chromium) -> None:
    graph = graph_of(hostile())
    chromium.open(LIBRARIES / "libraries.html")
    shown = chromium.says(f"{library}({json.dumps(graph)})")
    assert shown["nodes"] == {node["id"]: node["label"] for node in graph["nodes"]}
    assert shown["edges"] == {edge["id"]: [edge["source"], edge["target"]] for edge in graph["edges"]}
    # An agent is no kind of node that React Flow knows: it says so, and shows a plain one.
    assert [told for told in chromium.complaints if "Using fallback type" not in told] == []


@with_chromium
@with_libraries
def test_mermaid_draws_every_diagram_with_every_name(chromium: Chromium) -> None:
    told = hostile()
    report = MarkdownIt().parse(made(told).decode())
    sources = [written(told, ".mmd"), *(one.content for one in report if one.info == "mermaid")]
    chromium.open(LIBRARIES / "libraries.html")
    drawn = chromium.says(f"inMermaid({json.dumps(sources)})")
    assert [kind for kind, _ in drawn] == ["flowchart-v2", "pie", "gantt"]
    (_, flow), _, (_, times) = drawn
    for number, name in enumerate(NAMES, 1):
        assert any(squeezed(text).startswith(squeezed(f"{number} {name}")[:40]) for text in flow), (name, flow)
        assert any(squeezed(text).startswith(f"[{number}]") for text in times), (name, times)


def squeezed(text: str) -> str:
    """Without white space: where a line is broken differs."""
    return re.sub(r"\s", "", one_line(text))


@with_chromium
@pytest.mark.parametrize("kind", ["graph", "report"])
def test_a_page_stands_alone_and_fits(kind: str, tmp_path: Path, chromium: Chromium) -> None:
    told = hostile()
    text = written(told, ".html") if kind == "graph" else made(told, ".html").decode()
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    looked_at(tmp_path / "page.html", chromium)
    picked = "cy.$id('step_3').emit('tap'), " if kind == "graph" else ""
    assert squeezed("<script>alert(1)</script><b>bold</b>") in squeezed(
        chromium.says(f"{picked}document.body.innerText")
    )


@with_chromium
def test_a_record_stands_alone_and_fits(octo: Octo, chromium: Chromium) -> None:
    terms = f"special_terms={'; '.join(HOSTILE[2:6])} {'가' * 300} {'x' * 300}"
    octo("ask", LEASE, *octo.answered(), "--set", terms, "--approve")
    octo("threads", "export", "last", "-o", "record.html")
    looked_at(octo.folder / "record.html", chromium)
    assert "alert(1)" in chromium.says("document.body.textContent")


def looked_at(page: Path, chromium: Chromium) -> None:
    """On a phone and a desk, by day and by night. The pictures stand beside the page, for whoever wants to see them."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            chromium.open(page, width=width, height=height, dark=scheme == "dark")
            assert chromium.complaints == []
            assert chromium.asked_for == [page.as_uri()]
            assert chromium.says("document.documentElement.scrollWidth") <= width, (size, scheme)
            # Letters on their ground: as far apart as WCAG's AA asks for text.
            assert chromium.says(CONTRAST) >= 4.5
            assert (chromium.says(LIGHTNESS) > 0.5) == (scheme == "light")
            (page.parent / f"{size}-{scheme}.png").write_bytes(chromium.picture())


LIGHT = """
const light = (color) => {
  const [r, g, b] = color.match(/[\\d.]+/g).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (() => {
  const found = [document.body, document.documentElement].map((one) => getComputedStyle(one).backgroundColor);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return found.find((color) => !/, 0\\)$/.test(color)) ?? (dark ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)");
})();
"""
LIGHTNESS = f"(() => {{ {LIGHT} return light(ground); }})()"
CONTRAST = f"""(() => {{ {LIGHT}
  const [less, more] = [light(ground), light(getComputedStyle(document.body).color)].sort((a, b) => a - b);
  return (more + 0.05) / (less + 0.05); }})()"""


def test_a_pdf_has_every_letter_and_keeps_within_its_pages() -> None:
    rows = "".join(f"| {number} | 지역 {number} | {number * 1000:,} |\n" for number in range(60))
    wide = "".join(f"|{cell * 14}\n" for cell in (" a column |", "---|", " 1,234,567 |"))
    long = f"| 번호 | 지역 | 값 |\n|--:|---|--:|\n{rows}\n{wide}\n```text\n서울 7┤███\n```\n{'긴말' * 200} {'y' * 300}"
    steps = (*hostile().data.steps, step(50, task="w" * 300, result=long))
    pages = PdfReader(BytesIO(made(subject(*steps, language="ko"), ".pdf"))).pages
    text = "".join(page.extract_text() for page in pages)
    assert "\ufffd" not in text
    assert all(found in text for found in ("지역 0", "지역 59", "59,000", "┤███"))
    for page in pages:
        assert all("/FontFile" in str(font["/FontDescriptor"].get_object()) for font in fonts_of(page))
        assert all(
            MARGIN <= x <= page.mediabox.right - MARGIN and 0 < y < page.mediabox.top for _, x, y, _ in runs(page)
        )
    side_by_side = [(x, size) for page in pages for text, x, _, size in runs(page) if "1,234,567" in text]
    assert len(side_by_side) == 14
    # No column runs into the next: nine signs, each at least half as wide as the letters are high, but for the commas.
    assert all(after - x > 4 * size for (x, size), (after, _) in pairwise(side_by_side))


# Points: 22 mm, and what a letter may stand out.
MARGIN = 60


def runs(page: PageObject) -> list[tuple[str, float, float, float]]:
    """What is written, where it begins, in points from the left and from below, and how high its letters are."""
    found: list[tuple[str, float, float, float]] = []

    def visit(text: str, now: Any, _at: Any, _font: Any, size: float) -> None:
        if text.strip():
            found.append((text, now[4], now[5], size))

    page.extract_text(visitor_text=visit)
    return found


def fonts_of(page: PageObject) -> list[Any]:
    resources: Any = page["/Resources"]
    return [font.get_object()["/DescendantFonts"][0].get_object() for font in resources["/Font"].values()]
