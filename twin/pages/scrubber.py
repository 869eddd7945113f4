"""Maps of cell temperature that a reader moves through time: one slider for all of them.

Pure HTML, one canvas a map, and the script `templates/scrub.js`; nothing is loaded. Temperatures
are packed as little-endian int16 in tenths of a degree Celsius, frame by frame.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from twin.pages import plots
from twin.pages.cell_map import lay_out
from twin.pages.facts import Facts
from twin.pages.verdicts import has, place_of, short_place
from twin.pages.wording import clock
from twin.whatif.source import HEAT
from twin.whatif.tree import WhatIf

FRAMES, LEAST_FRAMES = 240, 40
BYTES = 1_500_000
"""Of temperatures in a page, all maps together; fewer frames of larger packs."""
WIDE_IN = 10.6
TALL_PX, TALL_MANY_PX = 560, 420
BEFORE_S, AFTER_S = 10.0, 60.0
"""Shown before the first and after the last thing that happens, at least; assumed."""
COLOURS = 96
TICKS_DEGC = (20, 60, 100, 150, 200, 300, 400, 600, 800, 1000, 1200)
TICK_APART = 0.075
"""Of the length of the legend, between two numbers."""


@dataclass(frozen=True, slots=True)
class Future:
    """One run on a page: what is read of it, and its outcome."""

    name: str
    facts: Facts
    found: WhatIf


def scrubber(futures: Sequence[Future]) -> str:
    """Return slider, button, legend and a map of every run, as HTML with its script.

    Parameters
    ----------
    futures : sequence of Future
        On one clock. Those without temperatures or places are left out.

    Returns
    -------
    str
        Empty where nothing can be drawn.
    """
    shown = [f for f in futures if has(f.facts.run, HEAT) and lay_out(f.facts, WIDE_IN)]
    if not shown:
        return ""
    times = _times(shown)
    knots = _knots(shown)
    colours = plots.colours("inferno", COLOURS)
    data = {
        "times": [round(float(t), 3) for t in times],
        "first": _opening(shown, times),
        "knots": knots,
        "colours": colours,
        "tall": TALL_PX if len(shown) == 1 else TALL_MANY_PX,
        "maps": [_map(future, times) for future in shown],
    }
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    script = files("twin").joinpath("templates/scrub.js").read_text(encoding="utf-8")
    start, end = clock(float(times[0])), clock(float(times[-1]))
    return (
        '<div id="scrub" class="scrub"><div class="scrub-bar">'
        '<button type="button">\u25b6 Play</button>'
        f"<small>{start}</small>"
        '<input type="range" min="0" max="1" value="0" step="1" '
        'aria-label="time since the start of the run">'
        f"<small>{end}</small><output>{start}</output></div>"
        f"{_legend(knots, colours)}"
        f'<div class="scrub-maps">{"".join(map(_figure, shown))}</div></div>'
        f'<script type="application/json" id="scrub-data">{text}</script>'
        f"<script>{script}</script>"
    )


def _figure(future: Future) -> str:
    name = f"<strong>{escape(future.name)}</strong>" if future.name else ""
    label = escape(f"Map of cell temperature {future.name}".strip())
    return (
        f'<figure>{name}<div><canvas role="img" aria-label="{label}"></canvas></div>'
        '<figcaption><span class="said" aria-live="off"></span> <span class="hint"></span>'
        "</figcaption></figure>"
    )


def window(shown: Sequence[Future]) -> tuple[float, float]:
    """Return from when to when something happens in any of the runs [s]."""
    begin, until = [], []
    for future in shown:
        found = future.found
        ran = [cell.triggered_s or 0.0 for cell in found.ran_away]
        first = found.began_s
        begin.append(first if first is not None else min(ran, default=found.start_s))
        late = max(ran, default=found.end_s)
        if found.margin is not None and ran:
            late = max(late, min(found.margin.peak_s, late + 10.0 * AFTER_S))
        until.append(late + AFTER_S)
    lowest = min(float(f.facts.start_s) for f in shown)
    highest = max(float(f.facts.end_s) for f in shown)
    start, end = max(min(begin) - BEFORE_S, lowest), min(max(until), highest)
    return start, max(end, start + 1.0)


def _times(shown: Sequence[Future]) -> np.ndarray:
    """Return the times of the frames, evenly spaced over the window."""
    cells = sum(f.facts.run.axes["cell"].size for f in shown)
    n = int(np.clip(BYTES // (2 * cells), LEAST_FRAMES, FRAMES))
    return np.linspace(*window(shown), n)


def _opening(shown: Sequence[Future], times: np.ndarray) -> int:
    """Return the frame to begin with: half of the cells that run away have done so.

    Where only one or none does, it is the hottest moment.
    """
    hottest = [f.found.peaks.cell.time_s for f in shown if f.found.peaks.cell is not None]
    ran = [c.triggered_s or 0.0 for f in shown for c in f.found.ran_away]
    middle = float(np.median(ran)) if len(ran) > 1 else min(hottest, default=float(times[-1]))
    return int(min(np.searchsorted(times, middle), len(times) - 1))


def _knots(shown: Sequence[Future]) -> list[float]:
    """Return the coldest, the middle and the hottest temperature of the colours [degC].

    Half of the colours are for what happens below the middle, where cells are still whole.
    """
    low = min(float(np.nanmin(f.facts.temperature.low)) for f in shown if f.facts.temperature)
    high = max(float(np.nanmax(f.facts.temperature.high)) for f in shown if f.facts.temperature)
    low, high = low - plots.CELSIUS_K, high - plots.CELSIUS_K
    low, high = 10.0 * np.floor(low / 10.0), 10.0 * np.ceil(high / 10.0)
    middle = 200.0 if high > 400.0 else 0.5 * (low + high)
    return [float(low), float(middle), float(max(high, low + 1.0))]


def _part(celsius: float, knots: Sequence[float]) -> float:
    low, middle, high = knots
    if celsius <= middle:
        return 0.5 * (celsius - low) / (middle - low)
    return 0.5 + 0.5 * (celsius - middle) / (high - middle)


def _legend(knots: Sequence[float], colours: Sequence[str]) -> str:
    ticks, last = [], -1.0
    inside = [t for t in TICKS_DEGC if knots[0] <= t <= knots[2]]
    for tick in inside or [knots[0], knots[2]]:
        at = _part(float(tick), knots)
        if at - last >= TICK_APART and at < 0.99:
            ticks.append(f'<span style="left:calc({at:.3f} * var(--w))">{tick:g}</span>')
            last = at
    shades = ",".join(colours[:: max(1, len(colours) // 24)])
    marks = (
        '<span><i class="ring"></i> ran away</span> <span><i class="ring">\u2715</i> spent: burnt '
        'out and open</span> <span><i class="ring">\u2212</i> cut off by fuse or interrupt device'
        "</span>"
    )
    return (
        f'<div class="scrub-legend"><div class="scale"><div style="background:linear-gradient('
        f'to right,{shades})"></div>{"".join(ticks)}<b>\u00b0C</b></div>'
        f'<div class="marks">{marks}</div></div>'
    )


def _map(future: Future, times: np.ndarray) -> dict[str, Any]:
    facts, found = future.facts, future.found
    sheet = lay_out(facts, WIDE_IN)
    n = facts.run.axes["cell"].size
    rows = np.clip(np.searchsorted(facts.time_s, times, side="right") - 1, 0, facts.run.rows - 1)
    gap_s = float(np.diff(facts.time_s).max(initial=1.0))
    known = (times >= facts.start_s) & (times <= facts.end_s + gap_s)
    packed = np.zeros((len(times), n), dtype="<i2")
    for frame, row in enumerate(rows):
        celsius = facts.run.channel(HEAT, int(row), int(row) + 1)[0] - plots.CELSIUS_K
        packed[frame] = np.round(10.0 * np.clip(np.nan_to_num(celsius), -300.0, 3000.0))
    cells = found.cells
    names = (short_place(place_of(facts.run, "cell", c)) for c in range(n))
    return {
        "x": np.round(sheet.x, 3).tolist() if sheet else [],
        "y": np.round(sheet.y, 3).tolist() if sheet else [],
        "width": sheet.width if sheet else 1.0,
        "height": sheet.bottom if sheet else 1.0,
        "modules": sheet.modules if sheet else [],
        "racks": sheet.racks if sheet else [],
        "names": list(names),
        "ran": [c.triggered_s for c in cells] or [None] * n,
        "spent": [c.spent_s for c in cells] or [None] * n,
        "cut": [c.opened_s for c in cells] or [None] * n,
        "known": known.tolist(),
        "celsius": base64.b64encode(packed.tobytes()).decode("ascii"),
    }
