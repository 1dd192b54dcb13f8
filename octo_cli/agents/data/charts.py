"""Charts of a result: drawn as text for a terminal, and as a picture file. No SQL, no sentences."""

import threading
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from octo_cli.agents.data.report import number, shown_cell
from octo_cli.agents.data.tables import Rows, kind_of
from octo_cli.ui.cells import clip
from octo_cli.values.text import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PictureKind = Literal["png", "svg"]
_COLUMNS: Final = 76
_MOST_BARS: Final = 20
_MOST_POINTS: Final = 400
_WIDEST_LABEL: Final = 24
_FEWEST_IN_A_LINE: Final = 4
# plotext draws on one figure, matplotlib by one set of parameters, that the whole process shares.
_ONE_AT_A_TIME: Final = threading.Lock()

_KOREAN_FONTS: Final = (
    "NanumGothic", "Noto Sans CJK KR", "Noto Sans KR", "Malgun Gothic", "Apple SD Gothic Neo", "AppleGothic",
    "NanumBarunGothic", "Pretendard", "Source Han Sans KR", "UnDotum", "Baekmuk Dotum", "Noto Sans CJK JP",
)  # fmt: skip
# A package that carries a Korean font; only its file is used, its code is not run.
_FONT_PACKAGE: Final = ("koreanize_matplotlib", "fonts/NanumGothic.ttf")


class Chart(NamedTuple):
    """`labels` against `values`; a line for a series in time, bars for anything else."""

    kind: Literal["bars", "line"]
    title: str
    labels: tuple[str, ...]
    values: tuple[float, ...]


class Picture(NamedTuple):
    """`kind` is what it became: SVG where no font here can draw its Korean letters as points."""

    kind: PictureKind
    content: bytes


def chart_of(rows: Rows, title: str, *, timely: bool) -> Chart | None:
    """The chart that says more than the table: from two groups on, names against the first number. Else None."""
    if len(rows.columns) < 2 or rows.more:
        return None
    kinds = [kind_of(type_) for type_ in rows.types]
    at = next((index for index, kind in enumerate(kinds[1:], 1) if kind == "number"), None)
    if at is None or any(kind != "number" for kind in kinds[at:]) or at > 2:
        return None
    pairs = [(row, row[at]) for row in rows.rows if isinstance(row[at], int | float)]
    is_line = timely and at == 1 and len(pairs) >= _FEWEST_IN_A_LINE
    if not 2 <= len(pairs) <= (_MOST_POINTS if is_line else _MOST_BARS):
        return None
    labels = tuple(
        " · ".join(_label(cell, name) for cell, name in zip(row[:at], rows.columns, strict=False)) for row, _ in pairs
    )
    return Chart("line" if is_line else "bars", title, labels, tuple(float(value) for _, value in pairs))


def drawn(chart: Chart) -> str:
    """The chart as lines of at most 76 cells."""
    import plotext  # type: ignore[import-untyped]

    with _ONE_AT_A_TIME:
        figure = plotext.figure
        figure.clear()
        plotext.terminal.limit(False, False)
        _draw_line(figure, chart) if chart.kind == "line" else _draw_bars(figure, chart)
        figure.title(clip(chart.title, _COLUMNS - 10))
        text = figure.build().string(colorless=True)
        figure.clear()
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n"))


def picture(chart: Chart, kind: PictureKind) -> Picture:
    """The chart as a file's bytes, the same bytes for the same chart."""
    import matplotlib

    text = "".join((chart.title, *chart.labels))
    fonts = _fonts() if any(ord(char) > 0x2FF for char in text) else ["DejaVu Sans"]
    # Letters no font here has would be boxes in a PNG; an SVG leaves them to whoever looks at it.
    kind, fonts = (kind, fonts) if fonts else ("svg", ["DejaVu Sans"])
    style: Any = {
        "font.family": fonts,
        "axes.unicode_minus": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "octo",
        "text.parse_math": False,
    }
    with _ONE_AT_A_TIME, matplotlib.rc_context(style), warnings.catch_warnings():
        # Of letters it has no font for; they stay text in the SVG.
        warnings.simplefilter("ignore", UserWarning)
        figure = _figure(chart)
        content = BytesIO()
        figure.savefig(content, format=kind, dpi=144, metadata={"Date": None} if kind == "svg" else {"Software": None})
    return Picture(kind, content.getvalue())


def _draw_bars(figure: Any, chart: Chart) -> None:
    places = list(range(len(chart.values), 0, -1))
    widest = max(len(number(value)) for value in chart.values)
    labels = [
        f"{clip(label, _WIDEST_LABEL)} {number(value):>{widest}}"
        for label, value in zip(chart.labels, chart.values, strict=True)
    ]
    figure.plot_size(_COLUMNS, len(places) + 3)
    figure.draw(figure.bar(places, list(chart.values), orientation="h", width=0.3))
    figure.ruler("y").ticks(places, labels)
    figure.ruler("x").lim(min(0.0, *chart.values), max(0.0, *chart.values) or 1.0).ticks([], [])


def _draw_line(figure: Any, chart: Chart) -> None:
    places = list(range(1, len(chart.values) + 1))
    room = max(len(label) for label in chart.labels) + 3
    step = -(-len(places) // max(2, (_COLUMNS - 12) // room))
    low, high = min(chart.values), max(chart.values)
    figure.plot_size(_COLUMNS, 16)
    figure.draw(figure.signal(places, list(chart.values)).lines())
    figure.ruler("x").ticks(places[::step], list(chart.labels[::step]))
    ticks = [low + (high - low) * part / 4 for part in range(5)] if high > low else [low]
    figure.ruler("y").ticks(ticks, [number(tick) for tick in ticks])


def _figure(chart: Chart) -> "Figure":
    from matplotlib.figure import Figure

    bars = chart.kind == "bars"
    figure = Figure(figsize=(9, max(3.0, 0.45 * len(chart.values) + 1.5) if bars else 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(chart.title)
    axes.spines[["top", "right"]].set_visible(False)
    if bars:
        drawn_bars = axes.barh(range(len(chart.values)), chart.values, color="#3b6ea8")
        axes.set_yticks(range(len(chart.labels)), chart.labels)
        axes.invert_yaxis()
        axes.bar_label(drawn_bars, [number(value) for value in chart.values], padding=4)
        axes.margins(x=0.15)
    else:
        axes.plot(range(len(chart.values)), chart.values, color="#3b6ea8", marker="o", markersize=4)
        step = -(-len(chart.labels) // 12)
        axes.set_xticks(range(0, len(chart.labels), step), chart.labels[::step], rotation=30, ha="right")
        axes.grid(axis="y", alpha=0.3)
    axis = axes.xaxis if bars else axes.yaxis
    axis.set_major_formatter(lambda value, _: number(value))
    return figure


def _fonts() -> list[str]:
    """A font with Korean letters, and one for the signs it lacks; [] when this machine has none."""
    from matplotlib import font_manager

    known = {font.name for font in font_manager.fontManager.ttflist}
    for name in _KOREAN_FONTS:
        if name in known:
            return [name, "DejaVu Sans"]
    package, file = _FONT_PACKAGE
    spec = find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.is_file():
        return []
    font_manager.fontManager.addfont(path)
    return ["NanumGothic", "DejaVu Sans"]


def _label(cell: Any, column: str) -> str:
    return one_line(str(cell)) if isinstance(cell, str) else shown_cell(cell, column)


def is_timely(labels: Sequence[Any]) -> bool:
    """Whether these are years, months or days in order."""
    texts = [str(label) for label in labels]
    return bool(texts) and texts == sorted(texts) and all(text[:4].isdecimal() and len(text) >= 4 for text in texts)
