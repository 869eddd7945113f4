"""The panel of the mechanism's figure that says which switch was closed when.

One rack has a row for its fault, each contactor and its fuse; several racks have a row each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twin.pages.facts import Facts
from twin.pages.moments import Moment
from twin.pages.plots import BAND, BLUE, INK, ORANGE, VERMILION
from twin.pages.verdicts import has

if TYPE_CHECKING:
    from twin.pages.plots import Axes

ROW_IN = 0.26
CHARACTER_IN = 0.075
"""Width of a character of the labels, on average."""
MINUS, PRECHARGE, PLUS = 0, 1, 2
NAMES = ("minus", "precharge", "plus")
LOOKS = {"closed": (BLUE, 0.30), "precharge": (ORANGE, 0.45), "wrong": (VERMILION, 0.45),
         "whole": (BAND, 0.45), "fault": (VERMILION, 0.18)}  # fmt: skip


@dataclass(slots=True, kw_only=True)
class SwitchRow:
    """One row: its name, bars (from, to, look), and words beside a moment."""

    name: str
    bars: list[tuple[float, float, str]] = field(default_factory=list)
    words: list[tuple[float, str]] = field(default_factory=list)


def switch_rows(facts: Facts, moment: Moment, rows: slice) -> list[SwitchRow]:
    """Return the rows for a moment; none if the file does not hold the contactors.

    Parameters
    ----------
    facts : Facts
    moment : Moment
    rows : slice
        The rows of the zoom.
    """
    run = facts.run
    if not has(run, "truth/contactors"):
        return []
    position = run.channel("truth/contactors", rows.start, rows.stop) == 1
    position = position.reshape(len(position), -1, 3)
    time_s = facts.time_s[rows]
    if position.shape[1] == 1:
        return _of_one_rack(facts, moment, time_s, position[:, 0])
    found = []
    for rack in range(position.shape[1]):
        minus, precharge, plus = position[:, rack].T
        row = SwitchRow(name=f"rack {rack + 1}")
        row.bars = _bars(time_s, minus & precharge & ~plus, "precharge")
        row.bars += _bars(time_s, minus & plus, "closed")
        row.words = [(a, "joins") for a, _, look in row.bars if look == "closed"]
        found.append(row)
    first = min((row for row in found if row.words), key=lambda row: row.words[0], default=None)
    if first is not None:
        first.words[0] = (first.words[0][0], "closes first")
    return found


def _of_one_rack(
    facts: Facts, moment: Moment, time_s: NDArray[np.float64], position: NDArray[np.bool_]
) -> list[SwitchRow]:
    found = []
    events = [e for e in facts.run.events if e.source == "plant"]
    for k, name in enumerate(NAMES):
        row = SwitchRow(name=name)
        welds = [e for e in events if e.code == f"contactor_welded_{name}"]
        for start_s, end_s, look in _bars(time_s, position[:, k], "closed"):
            weld_s = welds[0].time_s if welds else np.inf
            if start_s < min(weld_s, end_s):
                row.bars.append((start_s, min(weld_s, end_s), look))
            if weld_s < end_s:
                row.bars.append((max(weld_s, start_s), end_s, "wrong"))
        row.words = [(e.time_s, f"welded at {abs(e.value):.0f} A") for e in welds]
        if name != "precharge" or row.bars:
            found.append(row)
    blown = [e for e in events if e.code == "fuse_blown"]
    if blown:
        end_s = min(blown[0].time_s, float(time_s[-1]))
        fuse = SwitchRow(name="fuse", bars=[(float(time_s[0]), end_s, "whole")])
        fuse.words = [(e.time_s, f"blows at {abs(e.value):.0f} A") for e in blown]
        found.append(fuse)
    if moment.fault_s is not None and moment.fault_name:
        fault = SwitchRow(name="fault", bars=[(moment.fault_s, moment.fault_end_s, "fault")])
        fault.words = [(max(moment.fault_s, moment.start_s), moment.fault_name)]
        found.insert(0, fault)
    return found


def _bars(
    time_s: NDArray[np.float64], is_closed: NDArray[np.bool_], look: str
) -> list[tuple[float, float, str]]:
    """Return from when to when something held, as the rows tell."""
    moves = np.diff(is_closed.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(moves == 1), np.flatnonzero(moves == -1)
    last = len(time_s) - 1
    return [
        (float(time_s[a]), float(time_s[min(b, last)]), look)
        for a, b in zip(starts, ends, strict=True)
    ]


def draw_switches(axes: Axes, moment: Moment, lanes: list[SwitchRow]) -> None:
    """Draw the rows, first on top."""
    divisor = moment.divisor
    low, high = moment.start_s / divisor, moment.end_s / divisor
    inch = (high - low) / (axes.bbox.width / axes.figure.dpi)
    for y, lane in enumerate(lanes):
        for start_s, end_s, look in lane.bars:
            colour, alpha = LOOKS[look]
            a, b = max(start_s / divisor, low), min(end_s / divisor, high)
            if b > a:
                axes.broken_barh(
                    [(a, b - a)], (y - 0.34, 0.68), color=colour, alpha=alpha, lw=0, zorder=2
                )
        for time_s, words in lane.words:
            x, room = time_s / divisor, CHARACTER_IN * inch * len(words)
            if not low <= x <= high:
                continue
            side = "left" if x + room + 0.08 * inch < high else "right"
            x += 0.06 * inch if side == "left" else -0.06 * inch
            axes.text(x, y, words, fontsize=9, va="center", ha=side, zorder=4, color=INK)
    axes.set_ylim(len(lanes) - 0.5, -0.5)
    axes.set_yticks(range(len(lanes)), [lane.name for lane in lanes])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
