"""Drawing: style, envelopes, time axes, and the two pictures that stand alone.

`overview` is what ``Run.plot()`` shows, `show_pack` draws a pack before it runs. The report's
figures are in `twin.pages.timeline`, the pack's in `twin.pages.pack_drawing`; both draw with this
module, the only one that knows matplotlib. No pyplot: nothing global changes, and no window opens.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twin.pages.output import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from twin.runfiles.results import Run

Floats = NDArray[np.float64]

INK, MUTED, RULE, BAND = "#1b1f24", "#5b6470", "#d9dee4", "#8fa3b8"
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
"""Okabe and Ito's palette, told apart with any colour vision; see Wong, doi:10.1038/nmeth.1618."""

SEVERITIES = {
    "info": ("o", "\u25cb", MUTED),
    "warning": ("^", "\u25b2", ORANGE),
    "derate": ("v", "\u25bc", VERMILION),
    "stop": ("s", "\u25a0", "#882255"),
    "open": ("X", "\u2716", BLACK),
    "latched": ("*", "\u2605", BLACK),
}
"""Marker, the same as a character, and colour: never told by colour alone."""

BINS = 500
"""Pieces of the time axis of which an envelope keeps the extremes: two pixels each on a page."""

SVG_LIMIT_BYTES = 300_000
"""A picture larger than this as SVG is put into the page as PNG."""

CELSIUS_K = 273.15
HOUR_S, MINUTE_S = 3600.0, 60.0

_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "text.color": INK,
    "lines.linewidth": 1.2,
    "lines.solid_joinstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "legend.handlelength": 1.6,
    "legend.borderaxespad": 0.0,
    "legend.columnspacing": 1.3,
    "svg.fonttype": "none",
    "path.simplify_threshold": 0.2,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style inside the ``with``; outside, settings are as before."""
    from matplotlib import rc_context

    with rc_context(_STYLE):
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that no window and no global list knows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


# ---- numbers to lines ---------------------------------------------------------------------------


def envelope(x: NDArray[Any], y: NDArray[Any], bins: int = BINS) -> tuple[Floats, Floats]:
    """Thin out a line without losing an extreme.

    Parameters
    ----------
    x, y : array (n,)
        `x` increases; `y` may hold NaN, which stays where a whole piece is NaN.
    bins : int
        Pieces of equal row count; each keeps its first, lowest, highest and last point.

    Returns
    -------
    x, y : float64 (m,)
        At most ``4 * bins`` points, in order; the input where that is not less.
    """
    n = len(x)
    if n <= 4 * bins:
        return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    edges = np.linspace(0, n, bins + 1).astype(np.int64)
    keep: list[int] = []
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        piece = y[start:stop]
        chosen = {int(start), int(stop) - 1}
        if not np.all(np.isnan(piece)):
            chosen |= {int(start + np.nanargmin(piece)), int(start + np.nanargmax(piece))}
        gaps = np.flatnonzero(np.isnan(piece))
        if len(gaps):
            chosen.add(int(start + gaps[0]))
        keep.extend(sorted(chosen))
    index = np.array(keep)
    return np.asarray(x, dtype=np.float64)[index], np.asarray(y, dtype=np.float64)[index]


def band_envelope(
    x: NDArray[Any], low: NDArray[Any], high: NDArray[Any], bins: int = BINS
) -> tuple[Floats, Floats, Floats]:
    """Thin out a band; the lowest of `low` and the highest of `high` of each piece stay.

    Returns
    -------
    x, low, high : float64 (m,)
        Middle of each piece, at most `bins`; the input where that is not less.
    """
    n = len(x)
    x, low, high = (np.asarray(a, dtype=np.float64) for a in (x, low, high))
    if n <= bins:
        return x, low, high
    edges = np.linspace(0, n, bins + 1).astype(np.int64)[:-1]
    lowest, highest = np.fmin.reduceat(low, edges), np.fmax.reduceat(high, edges)
    middle = 0.5 * (x[edges] + x[np.append(edges[1:], n) - 1])
    middle[0], middle[-1] = x[0], x[-1]
    return middle, lowest, highest


def time_unit(span_s: float) -> tuple[float, str]:
    """Return the divisor and the name of the unit that fits a time axis."""
    if span_s > 3.0 * HOUR_S:
        return HOUR_S, "h"
    return (MINUTE_S, "min") if span_s > 3.0 * MINUTE_S else (1.0, "s")


def time_axis(axes: Axes, start_s: float, end_s: float, ticks: int = 12) -> None:
    """Set limits, at most about `ticks` round ticks and the label of an axis in `time_unit`."""
    from matplotlib.ticker import MaxNLocator, MultipleLocator

    divisor, unit = time_unit(end_s - start_s)
    span = max(end_s - start_s, 1e-3) / divisor
    axes.set_xlim(start_s / divisor, start_s / divisor + span)
    rounds = (1, 2, 3, 4, 6, 12, 24) if unit == "h" else (1, 2, 5, 10, 15, 30, 60)
    step = next((s for s in rounds if span / s <= ticks + 0.5), None)
    axes.xaxis.set_major_locator(
        MultipleLocator(step) if step and span >= 3 * step else MaxNLocator(min(ticks, 10))
    )
    axes.set_xlabel(f"time since the start [{unit}]")


def line(axes: Axes, time: NDArray[Any], values: NDArray[Any], **look: Any) -> None:
    """Draw a line over time, thinned out, extremes kept."""
    axes.plot(*envelope(time, values), **look)


def band(
    axes: Axes, time: NDArray[Any], low: NDArray[Any], high: NDArray[Any], **look: Any
) -> None:
    """Fill between two lines over time, thinned out, extremes kept."""
    axes.fill_between(*band_envelope(time, low, high), linewidth=0, **look)


# ---- shapes -------------------------------------------------------------------------------------


def discs(
    axes: Axes, x: Floats, y: Floats, diameter: float, values: Any = None, **look: Any
) -> Any:
    """Draw circles to scale; `values` are coloured by ``cmap`` and ``norm``."""
    from matplotlib.collections import EllipseCollection

    size = np.full(len(x), diameter)
    circles = EllipseCollection(
        size, size, np.zeros(len(x)), units="xy", offsets=np.column_stack((x, y)),
        offset_transform=axes.transData, **look,
    )  # fmt: skip
    if values is not None:
        circles.set_array(values)
    axes.add_collection(circles)
    return circles


def box(axes: Axes, x: float, y: float, width: float, height: float, **look: Any) -> None:
    """Draw a rectangle with softly rounded corners."""
    from matplotlib.patches import FancyBboxPatch

    radius = 0.06 * min(width, height)
    shape = f"round,pad=0,rounding_size={radius}"
    axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, **look))


def segments(axes: Axes, lines: Sequence[Any] | NDArray[Any], **look: Any) -> None:
    """Draw many separate lines at once, each ((x, y), (x, y))."""
    from matplotlib.collections import LineCollection

    axes.add_collection(LineCollection(list(lines), **look))


def colour_scale(low: float, high: float) -> Any:
    """Return the norm from values to colours; equal ends are moved apart."""
    from matplotlib.colors import Normalize

    return Normalize(low, high if high > low else low + 1.0)


def colours(name: str, count: int) -> list[str]:
    """Return `count` colours of a map as ``#rrggbb``, from its lowest to its highest."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps[name](k / max(count - 1, 1))) for k in range(count)]


# ---- figures to files ---------------------------------------------------------------------------


def svg_text(figure: Figure, prefix: str) -> str:
    """Return a figure as an ``<svg>`` element for a page: no header, own ids, page's font."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    look: dict[Any, Any] = _STYLE | {"svg.hashsalt": prefix}
    with rc_context(look):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'\s(?:width|height)="[\d.]+pt"', "", text, count=2)
    text = text.replace("xlink:href", "href").replace('id="', f'id="{prefix}-')
    text = text.replace("url(#", f"url(#{prefix}-").replace('href="#', f'href="#{prefix}-')
    text = re.sub(r'\b(?:d|x|y|transform)="[^"]*"', _shorten, text)
    text = text.replace("'DejaVu Sans'", "var(--sans)")
    return re.sub(r"\n\s*", "\n", text).strip()


def _shorten(found: re.Match[str]) -> str:
    """Write coordinates with one decimal (a tenth of a point), and without line breaks."""
    text = re.sub(r"(?<=\d\.\d)\d+", "", found.group())
    return re.sub(r"\s*\n([LCQz]?) ?", r"\1", text)


def picture(figure: Figure, prefix: str, label: str, dpi: int = 150) -> str:
    """Return a figure as HTML: SVG, or PNG when the SVG would be large.

    Parameters
    ----------
    figure : Figure
    prefix : str
        Unique in the page.
    label : str
        What is seen, for people who do not see it; HTML-escaped already.
    """
    text = svg_text(figure, prefix)
    if len(text) <= SVG_LIMIT_BYTES:
        return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    from PIL import Image  # comes with matplotlib

    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    Image.open(drawn).convert("RGB").quantize(128).save(packed, format="png", optimize=True)
    data = base64.b64encode(packed.getvalue()).decode("ascii")
    return f'<img alt="{label}" src="data:image/png;base64,{data}">'


# ---- pictures that stand alone ------------------------------------------------------------------


def overview(run: Run) -> Figure:
    """Draw a run on four panels: current, cell voltages, temperatures, state of charge.

    Parameters
    ----------
    run : Run

    Returns
    -------
    Figure
        For a notebook, or to save.
    """
    from twin.pages.facts import gather
    from twin.pages.timeline import timeline

    wanted = ("current", "voltage", "temperature", "soc", "events")
    return timeline(gather(run), width_in=9.0, panels=wanted)


def show_pack(engine: Any, path: str | Path) -> Path:
    """Draw a pack as it will be built, before it runs.

    Parameters
    ----------
    engine : Engine
        From `twin.build`.
    path : path
        ``.png``, ``.svg`` or ``.pdf``.

    Returns
    -------
    Path
    """
    from twin.pages.pack_drawing import pack_figure

    path, drawn = Path(path), io.BytesIO()
    with style():
        pack_figure(engine).savefig(drawn, format=path.suffix[1:].lower(), dpi=150)
    return write_whole(path, drawn.getvalue())
