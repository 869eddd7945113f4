"""The figure of a report that zooms in on what happened: at most three panels on one time axis.

`key_moment` reads the run's events, its answer key and its currents, and chooses one of
seven stories; where nothing happened there is none, and no figure. Each story says in one sentence
what the figure shows, from when to when, and with which panels.

    weld        contactors that welded          rack currents, voltages, switches
    fuse        a fuse that blew                the same
    precharge   a rack that could not           the same
    opened      a cell its fuse or CID opened   currents of the group's cells, of the rack
    cell        a fault in a parallel group     the same
    joining     currents between the racks      rack currents, voltages, switches
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twin.pages import plots
from twin.pages.facts import Facts
from twin.pages.key_moments import key_moment
from twin.pages.moments import Moment
from twin.pages.plots import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, RULE, SKY, VERMILION
from twin.pages.switch_rows import ROW_IN, SwitchRow, draw_switches, switch_rows
from twin.pages.verdicts import has, short_place

if TYPE_CHECKING:
    from twin.pages.plots import Axes, Figure

RACKS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
"""Colours of the first racks; any others are grey."""
NARROW_IN = 6.0
CURRENT_IN, VOLTAGE_IN = 1.7, 1.3
STEPS_S = 2.0
"""In a shorter zoom a value is drawn for the step that it held for, not as a slope [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """One strip: its title, its unit, its height, and what draws it."""

    title: str
    unit: str
    height_in: float
    draw: Any


def mechanism(facts: Facts, width_in: float) -> Figure | None:
    """Draw what happened, zoomed in.

    Parameters
    ----------
    facts : Facts
    width_in : float
        Below 6 in legends go below the titles.

    Returns
    -------
    Figure or None
        None where nothing happened that this figure can show.
    """
    moment = key_moment(facts)
    if moment is None:
        return None
    panels = _panels(facts, moment)
    narrow = width_in < NARROW_IN
    gap_in, foot_in = 0.12, 0.50
    heads = [0.36 + (0.18 if narrow and panel.unit else 0.0) for panel in panels]
    total = sum(p.height_in for p in panels) + sum(heads) + gap_in * len(panels) + foot_in
    with plots.style():
        figure = plots.new_figure(width_in, total)
        left, right = 0.74 / width_in, 1.0 - 0.20 / width_in
        top, shared = total, None
        for head, panel in zip(heads, panels, strict=True):
            top -= head
            place = (left, (top - panel.height_in) / total, right - left, panel.height_in / total)
            axes = figure.add_axes(place, sharex=shared)
            shared = shared or axes
            top -= panel.height_in + gap_in
            panel.draw(axes)
            _mark(axes, moment)
            _dress(axes, panel, narrow)
            axes.tick_params(labelbottom=panel is panels[-1])
        ticks = 5 if narrow else 10
        plots.time_axis(figure.axes[-1], moment.start_s, moment.end_s, ticks)
    return figure


def _panels(facts: Facts, moment: Moment) -> list[_Panel]:
    run, rows = facts.run, _rows(facts, moment)
    if moment.cells:
        group = {level: index for level, index in moment.place.items() if level != "cell"}
        found = [
            _Panel(
                title=f"Currents of the cells of group {short_place(group)}",
                unit="A", height_in=CURRENT_IN,
                draw=lambda axes: _cell_currents(axes, facts, moment, rows),
            )
        ]  # fmt: skip
        if has(run, "truth/rack_current_A"):
            rack = moment.place["rack"]
            found.append(
                _Panel(
                    title=f"Current of rack {rack + 1} (discharge +)", unit="A",
                    height_in=VOLTAGE_IN,
                    draw=lambda axes: _rack_currents(axes, facts, moment, rows, (rack,)),
                )
            )  # fmt: skip
        return found
    racks = tuple(range(run.axes["rack"].size))
    found = [
        _Panel(
            title=f"{_whose(racks)} (discharge +)", unit="A", height_in=CURRENT_IN,
            draw=lambda axes: _rack_currents(axes, facts, moment, rows, racks),
        )
    ]  # fmt: skip
    if has(run, "truth/rack_voltage_V", "truth/bus_voltage_V"):
        found.append(
            _Panel(
                title="Voltages", unit="V", height_in=VOLTAGE_IN,
                draw=lambda axes: _voltages(axes, facts, moment, rows, racks),
            )
        )  # fmt: skip
    lanes: list[SwitchRow] = switch_rows(facts, moment, rows)
    if lanes:
        found.append(
            _Panel(
                title="Switches (bar: closed)", unit="", height_in=ROW_IN * len(lanes),
                draw=lambda axes: draw_switches(axes, moment, lanes),
            )
        )  # fmt: skip
    return found


def _whose(racks: tuple[int, ...]) -> str:
    return "Current of the rack" if len(racks) == 1 else "Currents of the racks"


def _rows(facts: Facts, moment: Moment) -> slice:
    """Return the rows of the zoom, one more on each side."""
    first, last = np.searchsorted(facts.time_s, (moment.start_s, moment.end_s))
    return slice(max(int(first) - 1, 0), min(int(last) + 1, facts.run.rows))


def _read(facts: Facts, path: str, rows: slice) -> NDArray[np.float64]:
    return facts.run.channel(path, rows.start, rows.stop).astype(np.float64)


def _line(axes: Axes, facts: Facts, rows: slice, moment: Moment, values: Any, **look: Any) -> None:
    """Draw a line over the zoom; a row's value holds for the step that ended there.

    What happened between two rows cuts the line where it happened.
    """
    time_s = facts.time_s[rows]
    cuts = np.array([t for t in moment.marks if time_s[0] < t < time_s[-1] and t not in time_s])
    before = np.searchsorted(time_s, cuts)
    time_s, values = np.insert(time_s, before, cuts), np.insert(values, before, values[before - 1])
    short = moment.end_s - moment.start_s < STEPS_S
    look["drawstyle"] = "steps-pre" if short else "default"
    plots.line(axes, time_s / moment.divisor, values, **look)


# ---- panels -------------------------------------------------------------------------------------


def _rack_currents(
    axes: Axes, facts: Facts, moment: Moment, rows: slice, racks: tuple[int, ...]
) -> None:
    axes.axhline(0, color=MUTED, lw=0.7)
    current_A = _read(facts, "truth/rack_current_A", rows)
    several = len(racks) > 1
    for rack in racks:
        colour = RACKS[rack] if rack < len(RACKS) else MUTED
        label = f"rack {rack + 1}" if several and rack < len(RACKS) else None
        colour = colour if several else BLUE
        _line(axes, facts, rows, moment, current_A[:, rack], color=colour, label=label)


def _voltages(
    axes: Axes, facts: Facts, moment: Moment, rows: slice, racks: tuple[int, ...]
) -> None:
    rack_V = _read(facts, "truth/rack_voltage_V", rows)
    bus_V = _read(facts, "truth/bus_voltage_V", rows)
    if moment.kind == "joining":  # an empty bus would flatten what lies between the racks
        bus_V[bus_V < 0.98 * rack_V.min(axis=1)] = np.nan
    for rack in racks:
        colour = RACKS[rack] if rack < len(RACKS) else MUTED
        colour = colour if len(racks) > 1 else BLUE
        label = f"rack {rack + 1}" if rack < len(RACKS) else None
        _line(axes, facts, rows, moment, rack_V[:, rack], color=colour, label=label)
    look: dict[str, Any] = {"color": INK, "lw": 1.0, "ls": (0, (4, 2))}
    _line(axes, facts, rows, moment, bus_V, label="DC bus", **look)


def _cell_currents(axes: Axes, facts: Facts, moment: Moment, rows: slice) -> None:
    axes.axhline(0, color=MUTED, lw=0.7)
    current_A = _read(facts, "truth/cell_current_A", rows)
    healthy = [cell for cell in moment.cells if cell != moment.cell]
    for cell in healthy:
        many = "the other cell" if len(healthy) == 1 else f"the other {len(healthy)} cells"
        label = many if cell == healthy[0] else None
        _line(axes, facts, rows, moment, current_A[:, cell], color=BLUE, lw=1.0, label=label)
    which = "which opened" if moment.kind == "opened" else "the faulty one"
    name = f"cell {moment.place['cell'] + 1}, {which}"
    _line(axes, facts, rows, moment, current_A[:, moment.cell], color=VERMILION, lw=1.6, label=name)


# ---- around the panels --------------------------------------------------------------------------


def _mark(axes: Axes, moment: Moment) -> None:
    """Draw a line through every panel where the fault came, and where something followed."""
    for time_s in moment.marks:
        axes.axvline(time_s / moment.divisor, color=MUTED, lw=0.8, ls=(0, (1, 2)))
    if moment.fault_s is not None and moment.start_s <= moment.fault_s <= moment.end_s:
        axes.axvline(moment.fault_s / moment.divisor, color=VERMILION, lw=0.9, ls=(0, (3, 2)))


def _dress(axes: Axes, panel: _Panel, narrow: bool) -> None:
    """Title at the left above the panel, legend beside it (or below it), unit on the axis."""
    above = 1.0 + (0.09 + (0.18 if narrow and panel.unit else 0.0)) / panel.height_in
    axes.text(0.0, above, panel.title, transform=axes.transAxes, weight="bold", va="bottom")
    if panel.unit:
        axes.set_ylabel(panel.unit, rotation=0, ha="center", va="center")
        axes.yaxis.set_label_coords(-0.58 / axes.bbox.width * axes.figure.dpi, 0.5)
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            loc="lower left" if narrow else "lower right",
            bbox_to_anchor=(0.0, 1.0 + 0.05 / panel.height_in) if narrow else (1.0, above - 0.02),
            ncols=len(handles),
            **({"fontsize": 8, "columnspacing": 0.8, "handlelength": 1.1} if narrow else {}),
        )
    axes.spines["bottom"].set_color(RULE if panel.unit == "" else MUTED)
