"""The main figure of a report: stacked panels on one time axis, events below on the same axis.

Every panel is a function ``(axes, facts)`` that draws only what the file holds. matplotlib is known
to `twin.pages.plots` alone; here its axes are only drawn on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.pages import plots
from twin.pages.facts import Facts
from twin.pages.lanes import LANE_IN, draw_lanes, lanes_of
from twin.pages.plots import BAND, BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, VERMILION, line
from twin.pages.verdicts import has, place_of, short_place

if TYPE_CHECKING:
    from twin.pages.plots import Axes, Figure

PANEL_IN = 1.35
NARROW_IN = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One strip of the figure: what it needs, its title, its unit, what draws it."""

    title: str
    unit: str
    needs: tuple[str, ...]
    draw: Callable[[Axes, Facts], None]
    height_in: float = PANEL_IN
    legend_rows: int = 1
    of: Callable[[Facts], str] | None = None


def timeline(facts: Facts, width_in: float, panels: Sequence[str] | None = None) -> Figure:
    """Draw the run on one shared time axis.

    Parameters
    ----------
    facts : Facts
    width_in : float
        Below 6 in legends go below the titles.
    panels : sequence of str, optional
        Names from `PANELS`, and ``"events"``; None for all that the file has data for.

    Returns
    -------
    Figure
    """
    with plots.style():
        wanted = [*PANELS, "events"] if panels is None else list(panels)
        chosen = [
            panel
            for name, panel in PANELS.items()
            if name in wanted and any(_is_there(facts, path) for path in panel.needs)
        ]
        if chosen and chosen[0].draw is _site and not _is_there(facts, "environment/demand_W"):
            chosen = [panel for panel in chosen if panel.draw is not _power]
        lanes = lanes_of(facts) if "events" in wanted else []
        narrow = width_in < NARROW_IN
        heads = [0.36 + (0.16 * panel.legend_rows if narrow else 0.0) for panel in chosen]
        heads += [0.36 + (0.16 if narrow else 0.0)] if lanes else []
        gap_in = 0.12
        foot_in = 0.50
        heights = [panel.height_in for panel in chosen]
        lanes_in = LANE_IN * len(lanes) + 0.1 if lanes else 0.0
        heights += [lanes_in] if lanes else []
        total = sum(heights) + sum(heads) + len(heights) * gap_in + foot_in
        figure = plots.new_figure(width_in, max(total, 1.0))
        left, right = 0.74 / width_in, 1.0 - 0.16 / width_in
        top, shared = total, None
        for k, height in enumerate(heights):
            top -= heads[k]
            place = (left, (top - height) / total, right - left, height / total)
            axes = figure.add_axes(place, sharex=shared)
            shared = shared or axes
            top -= height + gap_in
            if k < len(chosen):
                chosen[k].draw(axes, facts)
                _dress(axes, facts, chosen[k], narrow)
            else:
                draw_lanes(axes, facts, lanes, narrow)
            _mark_faults(axes, facts)
            axes.tick_params(labelbottom=k == len(heights) - 1)
        if shared is not None:
            plots.time_axis(figure.axes[-1], facts.start_s, facts.end_s)
    return figure


def _is_there(facts: Facts, path: str) -> bool:
    """Tell whether a channel has something to show; load and PV of zero are a site without."""
    if path == "bms/group_soc":
        return facts.soc is not None and facts.soc.group_estimate is not None
    if not has(facts.run, path):
        return False
    return not path.startswith("environment/") or bool(np.any(facts.run.channel(path)))


def _dress(axes: Axes, facts: Facts, panel: Panel, narrow: bool) -> None:
    """Title at the left above the panel, legend beside it (or below it), unit on the axis."""
    above = 1.0 + (0.09 + (0.18 * panel.legend_rows if narrow else 0.0)) / panel.height_in
    title = panel.title if panel.of is None else f"{panel.title}, {panel.of(facts)}"
    axes.text(0.0, above, title, transform=axes.transAxes, weight="bold", va="bottom")
    axes.set_ylabel(panel.unit, rotation=0, ha="center", va="center")
    axes.yaxis.set_label_coords(-0.58 / axes.bbox.width * axes.figure.dpi, 0.5)
    axes.margins(x=0)
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        place = (0.0, 1.0 + 0.05 / panel.height_in) if narrow else (1.0, above - 0.02)
        axes.legend(
            loc="lower left" if narrow else "lower right",
            bbox_to_anchor=place,
            ncols=-(-len(handles) // panel.legend_rows) if narrow else len(handles),
            **({"fontsize": 8, "columnspacing": 0.8, "handlelength": 1.1} if narrow else {}),
        )


def _mark_faults(axes: Axes, facts: Facts) -> None:
    """Shade what the answer key says was wrong, in every panel."""
    divisor, _ = plots.time_unit(facts.end_s - facts.start_s)
    for verdict in facts.verdicts:
        if verdict.start_s is not None:
            end_s = facts.end_s if verdict.end_s is None else verdict.end_s
            axes.axvspan(
                verdict.start_s / divisor, end_s / divisor, color=VERMILION, alpha=0.06, lw=0,
                zorder=0,
            )  # fmt: skip
            if not verdict.was_there:
                axes.axvline(verdict.start_s / divisor, color=VERMILION, lw=0.8, ls=(0, (3, 2)))


# ---- panels -------------------------------------------------------------------------------------


def _time(facts: Facts, group: str = "truth") -> Any:
    divisor, _ = plots.time_unit(facts.end_s - facts.start_s)
    return facts.run.time_s(group)[: facts.run.rows] / divisor


def _draw(axes: Axes, facts: Facts, path: str, scale: float = 1.0, **look: Any) -> None:
    if has(facts.run, path):
        values = facts.run.channel(path).astype(np.float64)
        values = values.sum(axis=1) if values.ndim == 2 else values
        line(axes, _time(facts, path.partition("/")[0]), scale * values, **look)


def _power(axes: Axes, facts: Facts) -> None:
    axes.axhline(0, color=MUTED, lw=0.7)
    if has(facts.run, "environment/demand_W") and np.any(facts.run.channel("environment/demand_W")):
        _draw(axes, facts, "environment/demand_W", 1e-3, color=ORANGE, lw=0.9, label="asked")
    else:
        _draw(axes, facts, "ems/power_W", 1e-3, color=ORANGE, lw=0.9, label="set-point")
    _draw(axes, facts, "pcs/ac_power_W", 1e-3, color=BLUE, lw=0.9, label="delivered (AC)")


def _site(axes: Axes, facts: Facts) -> None:
    """Load, PV and grid of a site; grid = load - PV - battery."""
    run = facts.run
    axes.axhline(0, color=MUTED, lw=0.7)
    if not has(run, "environment/load_W", "environment/pv_W", "pcs/ac_power_W"):
        return
    load, pv, battery = (
        1e-3 * run.channel(path).astype(np.float64)
        for path in ("environment/load_W", "environment/pv_W", "pcs/ac_power_W")
    )
    time = _time(facts, "environment")
    plots.band(axes, time, 0.0 * pv, pv, color=ORANGE, alpha=0.25)
    line(axes, time, pv, color=ORANGE, label="PV")
    line(axes, time, load, color=INK, label="load")
    line(axes, time, battery, color=BLUE, label="battery")
    line(axes, time, load - pv - battery, color=GREEN, label="grid")


def _current(axes: Axes, facts: Facts) -> None:
    axes.axhline(0, color=MUTED, lw=0.7)
    limits = [p for p in ("bms/discharge_limit_A", "bms/charge_limit_A") if has(facts.run, p)]
    for path in limits:
        sign = 1.0 if "discharge" in path else -1.0
        label = "limits of the BMS" if path == limits[0] else None
        _draw(axes, facts, path, sign, color=INK, lw=1.0, ls=(0, (4, 2)), label=label)
    _draw(axes, facts, "truth/rack_current_A", color=BLUE, lw=0.9, label="current (discharge +)")


def _voltage(axes: Axes, facts: Facts) -> None:
    _bands(axes, facts, facts.voltage, 0.0)
    if "group_voltage" in facts.lines:
        line(
            axes, _time(facts), facts.lines["group_voltage"], color=VERMILION, lw=1.0,
            label=group_label(facts),
        )  # fmt: skip


def _temperature(axes: Axes, facts: Facts) -> None:
    zero = plots.CELSIUS_K
    _bands(axes, facts, facts.temperature, zero)
    time = _time(facts)
    if has(facts.run, "environment/ambient_K"):
        values = facts.run.channel("environment/ambient_K").astype(np.float64) - zero
        line(axes, time, values, color=GREEN, lw=1.0, ls=(0, (4, 2)), label="ambient")
    if "thermistor" in facts.lines:
        line(
            axes, time, facts.lines["thermistor"] - zero, color=PURPLE, lw=1.0,
            label="its nearest thermistor",
        )  # fmt: skip
    if "hottest" in facts.lines and facts.hot_cell is not None:
        name = short_place(place_of_cell(facts, facts.hot_cell)) or "hottest cell"
        line(axes, time, facts.lines["hottest"] - zero, color=VERMILION, label=f"cell {name}")


def _bands(axes: Axes, facts: Facts, band: Any, zero: float) -> None:
    if band is None:
        return
    time = _time(facts)
    plots.band(axes, time, band.low - zero, band.high - zero, color=BAND, alpha=0.28,
               label="min\u2013max")  # fmt: skip
    some = time[band.rows]
    plots.band(axes, some, band.p05 - zero, band.p95 - zero, color=BAND, alpha=0.6,
               label="5\u201395 %")  # fmt: skip
    line(axes, some, band.median - zero, color=INK, lw=1.0, label="median")


def _soc(axes: Axes, facts: Facts) -> None:
    soc = facts.soc
    if soc is None:
        return
    time = _time(facts)
    _estimate(axes, time, soc.estimate, soc.std, BLUE, "estimate \u00b13\u03c3")
    line(axes, time, 100 * soc.truth, color=INK, lw=1.0, label="truth")
    if soc.counted is not None:
        line(axes, time, 100 * soc.counted, color=MUTED, lw=0.7, ls=(0, (2, 1.5)),
             label="Coulomb count")  # fmt: skip
    _limit_soc(axes, soc.truth, soc.estimate, soc.counted)


def _group_soc(axes: Axes, facts: Facts) -> None:
    soc = facts.soc
    if soc is None or soc.group_truth is None:
        return
    time = _time(facts)
    _estimate(axes, time, soc.group_estimate, soc.group_std, BLUE, "estimate \u00b13\u03c3")
    line(axes, time, 100 * soc.group_truth, color=VERMILION, lw=1.2, label="truth")
    if soc.group_counted is not None:
        line(axes, time, 100 * soc.group_counted, color=MUTED, lw=0.7, ls=(0, (2, 1.5)),
             label="Coulomb count")  # fmt: skip
    _limit_soc(axes, soc.group_truth, soc.group_estimate, soc.group_counted)


def _limit_soc(axes: Axes, *lines: Any) -> None:
    """Fit the axis to the lines: the first, wide plus-minus three sigma may leave it."""
    values = np.concatenate([values for values in lines if values is not None])
    values = 100 * values[np.isfinite(values)]
    if len(values):
        axes.set_ylim(max(values.min() - 4, -5), min(values.max() + 4, 105))


def _estimate(axes: Axes, time: Any, value: Any, std: Any, colour: str, label: str) -> None:
    if value is None:
        return
    if std is not None:
        low, high = 100 * (value - 3 * std), 100 * (value + 3 * std)
        plots.band(axes, time, np.maximum(low, 0), np.minimum(high, 100), color=colour, alpha=0.16)
    line(axes, time, 100 * value, color=colour, lw=1.0, label=label)


def place_of_cell(facts: Facts, cell: int) -> dict[str, int]:
    """Return the place of a cell, empty if the file does not tell."""
    return place_of(facts.run, "cell", cell) if "cell" in facts.run.axes else {}


def group_label(facts: Facts) -> str:
    """Return the name of the group that is followed, as ``group R1 M4 G6``."""
    if facts.group is None:
        return ""
    return f"group {short_place(place_of(facts.run, 'group', facts.group))}"


PANELS = {
    "site": Panel(
        title="Site power (grid = load \u2212 PV \u2212 battery)", unit="kW",
        needs=("environment/load_W", "environment/pv_W"), draw=_site,
    ),
    "power": Panel(
        title="Power", unit="kW", needs=("pcs/ac_power_W",), draw=_power, height_in=1.1
    ),
    "current": Panel(
        title="Current of the site", unit="A", needs=("truth/rack_current_A",), draw=_current,
        height_in=1.2,
    ),
    "voltage": Panel(
        title="Cell voltages", unit="V", needs=("truth/cell_voltage_V",), draw=_voltage,
        height_in=1.6,
    ),
    "temperature": Panel(
        title="Cell temperatures", unit="\u00b0C", needs=("truth/cell_temperature_K",),
        draw=_temperature, height_in=1.6, legend_rows=2,
    ),
    "soc": Panel(
        title="State of charge, mean of the pack", unit="%", needs=("truth/cell_soc",), draw=_soc
    ),
    "group_soc": Panel(
        title="State of charge", unit="%", needs=("bms/group_soc",), draw=_group_soc,
        of=lambda facts: f"{group_label(facts)} ({facts.group_why})",
    ),
}  # fmt: skip
