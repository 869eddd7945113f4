"""The swim-lane below the main figure: faults from the answer key, alarms, open contactors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.pages import plots
from twin.pages.facts import Facts
from twin.pages.plots import SEVERITIES, VERMILION
from twin.pages.verdicts import Alarm, open_spans, short_place

if TYPE_CHECKING:
    from twin.pages.plots import Axes

EVENT_ROWS = 14
"""Alarms that get a lane of their own; the others are counted in the last lane."""

LANE_IN = 0.24
CHARACTER_IN = 0.075
"""Width of a character of the labels, on average."""

RULE_TINT = "#f4f6f8"


@dataclass(slots=True, kw_only=True)
class Lane:
    """One row of the swim-lane: a fault's span, or every time one alarm was raised."""

    text: str
    spans: list[tuple[float, float | None]]
    look: str


def lanes_of(facts: Facts) -> list[Lane]:
    """Return a lane for each fault that came, each kind of alarm, and open contactors."""
    lanes = [
        Lane(
            text=f"answer key: {v.fault.name} {short_place(v.place)}".rstrip(),
            spans=[(v.start_s, v.end_s)], look="fault",
        )
        for v in facts.verdicts[:4]
        if v.start_s is not None
    ]  # fmt: skip
    alarms: dict[tuple[str, str, str], Lane] = {}
    for alarm in facts.alarms:
        key = (alarm.event.source, alarm.event.code, alarm.event.component)
        lane = alarms.setdefault(
            key, Lane(text=alarm_name(alarm), spans=[], look=alarm.event.severity)
        )
        lane.spans.append((alarm.start_s, alarm.end_s))
    if len(opened := open_spans(facts.run)):
        alarms["plant", "contactor", ""] = Lane(text="contactors open", spans=opened, look="open")
    shown = list(alarms.values())
    if len(shown) > EVENT_ROWS:
        rest = shown[EVENT_ROWS - 1 :]
        spans = sorted((s for lane in rest for s in lane.spans), key=lambda span: span[0])
        more = Lane(text=f"{len(rest)} more kinds of alarm", spans=spans, look="info")
        shown = [*shown[: EVENT_ROWS - 1], more]
    return lanes + shown


def alarm_name(alarm: Alarm) -> str:
    """Return an alarm's code in words with its place, as ``cell low R1 M4 G6``."""
    event = alarm.event
    words = event.code.removesuffix(f"_{event.severity}").replace("_", " ")
    words = words.replace("temperature ", "temp. ") if "rtemperature" in words else words
    source = "" if event.source == "bms" else f"{event.source}: "
    return f"{source}{words} {short_place(alarm.place)}".rstrip()


def draw_lanes(axes: Axes, facts: Facts, lanes: list[Lane], narrow: bool) -> None:
    """Draw the lanes, first on top: bars while something held, a symbol where it came."""
    divisor, _ = plots.time_unit(facts.end_s - facts.start_s)
    end = facts.end_s / divisor
    start = facts.start_s / divisor
    inch = (end - start) / (axes.bbox.width / axes.figure.dpi) if end > start else 1.0
    for row, lane in enumerate(lanes):
        if row % 2:
            axes.axhspan(row - 0.5, row + 0.5, color=RULE_TINT, lw=0, zorder=0)
        marker, _, colour = SEVERITIES.get(lane.look, (">", "", VERMILION))
        bars = [(a / divisor, (end if b is None else b / divisor)) for a, b in lane.spans]
        axes.broken_barh(
            [(a, max(b - a, 0.0)) for a, b in bars], (row - 0.36, 0.72), color=colour,
            alpha=0.22, lw=0, zorder=2,
        )  # fmt: skip
        axes.plot(
            [a for a, _ in bars][:200], [row] * min(len(bars), 200), ls="", marker=marker,
            color=colour, ms=6 if marker != "*" else 9, mec="white", mew=0.5, zorder=3,
            clip_on=False,
        )  # fmt: skip
        first, room = bars[0][0], CHARACTER_IN * inch * len(lane.text)
        if first + room < end or first - room < start:
            x, side = min(first + 0.09 * inch, max(end - room, start)), "left"
        else:
            x, side = first - 0.09 * inch, "right"
        axes.text(x, row, lane.text, fontsize=9, va="center", ha=side, zorder=4)
    axes.set_ylim(len(lanes) - 0.5, -0.5)
    axes.set_yticks([])
    axes.grid(axis="y", visible=False)
    _dress_lanes(axes, {lane.look for lane in lanes}, LANE_IN * len(lanes), narrow)


def _dress_lanes(axes: Axes, looks: set[str], height_in: float, narrow: bool) -> None:
    """Title above the lanes, and what the symbols mean."""
    above = 1.0 + (0.27 if narrow else 0.09) / height_in
    axes.text(0.0, above, "Faults and alarms", weight="bold", va="bottom", transform=axes.transAxes)
    for name, (marker, _, colour) in SEVERITIES.items():
        if name in looks and name != "info":
            axes.plot([], [], ls="", marker=marker, color=colour, ms=6, label=name)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left" if narrow else "lower right", ncols=6, handletextpad=0.1,
            bbox_to_anchor=(0.0, 1.0 + 0.05 / height_in) if narrow else (1.0, above - 0.01),
        )  # fmt: skip
