"""A pack before it runs: one module seen from above, and the site with its coolant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from twin.pages import plots
from twin.pages.barrier_drawing import barrier_segments
from twin.pages.plots import BLUE, GREEN, INK, MUTED, PURPLE, SKY, VERMILION

if TYPE_CHECKING:
    from twin.pages.plots import Axes, Figure

TONES = ("#dbe7f3", "#f7e3c8")
CELL_TONES = ("#b9d0e6", "#efcb9a")
WIDTH_IN, MARGIN_IN = 11.0, 0.35
NUMBERED_CELLS = 150
"""Modules with more cells show the numbers of groups only."""


def pack_figure(engine: Any) -> Figure:
    """Draw the pack of an engine: key numbers, a module to scale, the site.

    Parameters
    ----------
    engine : Engine
        Built, not necessarily run.

    Returns
    -------
    Figure
    """
    topology = engine.plant.topology.full
    cells = np.flatnonzero(topology.cell_module == 0)
    pitch = engine.plant.spec.layout.pitch_m
    x, y = 1e3 * topology.cell_x_m[cells], 1e3 * topology.cell_y_m[cells]
    side, above, below = 1.9e3 * pitch, 0.85e3 * pitch, 1.5e3 * pitch
    wide, high = np.ptp(x) + 2 * side, np.ptp(y) + above + below
    room_in = WIDTH_IN - 2 * MARGIN_IN
    module_in = min(room_in * 0.70, 4.6 * wide / high, wide / (1e3 * pitch) * 0.85)
    module_high_in = module_in * high / wide
    site_rows, per_row = _wrap(topology)
    site_in = 0.5 + topology.n_racks * (site_rows * 0.95 + 0.15)
    head_in, total = 1.0, 0.0
    total = head_in + 0.4 + max(module_high_in, 2.3) + 0.5 + site_in + 0.2
    figure = plots.new_figure(WIDTH_IN, total)
    _write_head(figure, engine, total)
    top = total - head_in - 0.4
    place = (MARGIN_IN, top - module_high_in, module_in, module_high_in)
    axes = _axes(figure, place, total, "One module, seen from above, to scale")
    axes.set_xlim(x.min() - side, x.max() + side)
    axes.set_ylim(y.max() + below, y.min() - above)
    _draw_module(axes, engine, cells, module_in / wide)
    legend = (MARGIN_IN + module_in + 0.1, top - 2.3, WIDTH_IN - module_in - 2 * MARGIN_IN, 2.3)
    _draw_legend(_axes(figure, legend, total, ""), engine)
    top -= max(module_high_in, 2.3) + 0.5
    place = (MARGIN_IN, top - site_in, room_in, site_in)
    site = _axes(figure, place, total, "The site: racks in parallel on one DC bus")
    site.set_xlim(0, room_in)
    site.set_ylim(site_in, 0)
    _draw_site(site, engine, site_rows, per_row, room_in)
    return figure


def _axes(figure: Figure, place: tuple[float, ...], total: float, title: str) -> Axes:
    """Return axes without ticks at a place in inches from the lower left."""
    x, y, width, height = place
    axes = figure.add_axes((x / WIDTH_IN, y / total, width / WIDTH_IN, height / total))
    axes.axis("off")
    if title:
        figure.text(
            MARGIN_IN / WIDTH_IN, (y + height + 0.1) / total, title, weight="bold", fontsize=10.5
        )
    return axes


def _wrap(topology: Any) -> tuple[int, int]:
    """Return how many rows a rack's modules take in the site drawing, and how many in one row."""
    modules = topology.n_modules // topology.n_racks
    rows = -(-modules // 12)
    return rows, -(-modules // rows)


def _write_head(figure: Figure, engine: Any, total: float) -> None:
    topology, spec, params = (
        engine.plant.topology.full,
        engine.plant.spec,
        engine.plant.model.params,
    )
    modules = topology.n_modules // topology.n_racks
    groups = topology.groups_per_module
    series, p = modules * groups, topology.cells_per_group
    n_sensors = len(engine.sensors.temperature_cell)
    thermal = spec.thermal
    inlet = (
        "ambient temperature"
        if thermal.coolant_inlet_K is None
        else f"{thermal.coolant_inlet_K - plots.CELSIUS_K:.1f} \u00b0C"
    )
    lines = (
        f"{topology.n_racks:,} rack{_s(topology.n_racks)} \u00d7 {modules:,} module{_s(modules)} "
        f"\u00d7 {groups:,} group{_s(groups)} \u00d7 {p:,} cell{_s(p)} = "
        f"{topology.n_cells:,} cells of {params.name}, {params.capacity_As / 3600:.2f} Ah",
        f"a rack: {series:,} groups in series, {series * params.voltage_min_V:,.0f}\u2013"
        f"{series * params.voltage_max_V:,.0f} V, {p * params.capacity_As / 3600:,.1f} Ah; "
        f"{n_sensors:,} thermistor{_s(n_sensors)}; coolant {thermal.coolant_flow_kg_per_s:g} kg/s "
        f"a rack, enters at {inlet}",
    )
    x = MARGIN_IN / WIDTH_IN
    figure.text(x, 1 - 0.42 / total, "The pack as it will be built", weight="bold", fontsize=15)
    for k, text in enumerate(lines):
        figure.text(x, 1 - (0.68 + 0.21 * k) / total, text, fontsize=9.5, color=MUTED)


def _s(count: int) -> str:
    return "" if count == 1 else "s"


# ---- one module ---------------------------------------------------------------------------------


def _draw_module(axes: Axes, engine: Any, cells: Any, inch_per_mm: float) -> None:
    topology, spec = engine.plant.topology.full, engine.plant.spec
    pitch = 1e3 * spec.layout.pitch_m
    x, y = 1e3 * topology.cell_x_m, 1e3 * topology.cell_y_m
    diameter = min(1e3 * engine.plant.model.params.diameter_m, pitch)
    group = topology.cell_group[cells]
    frame = 0.72 * pitch
    plots.box(
        axes, x[cells].min() - frame, y[cells].min() - frame, np.ptp(x[cells]) + 2 * frame,
        np.ptp(y[cells]) + 2 * frame, facecolor="white", edgecolor=MUTED, lw=1.2,
    )  # fmt: skip
    for g in np.unique(group):
        own = cells[group == g]
        half = 0.485 * pitch
        plots.box(
            axes, x[own].min() - half, y[own].min() - half, np.ptp(x[own]) + 2 * half,
            np.ptp(y[own]) + 2 * half, facecolor=TONES[g % 2], edgecolor="none", zorder=1.5,
        )  # fmt: skip
    inside = np.isin(topology.edge_a, cells)
    a, b = topology.edge_a[inside], topology.edge_b[inside]
    same = topology.cell_group[a] == topology.cell_group[b]
    ends = np.stack((np.column_stack((x[a], y[a])), np.column_stack((x[b], y[b]))), axis=1)
    near = ends[~same]
    near = np.stack(
        (0.64 * near[:, 0] + 0.36 * near[:, 1], 0.36 * near[:, 0] + 0.64 * near[:, 1]), 1
    )
    plots.segments(axes, near, colors=GREEN, linewidths=2.0, zorder=2.1)
    for tone in (0, 1):
        own = cells[group % 2 == tone]
        plots.discs(
            axes, x[own], y[own], diameter, facecolors=CELL_TONES[tone], edgecolors=MUTED,
            linewidths=0.8, zorder=2,
        )  # fmt: skip
    plots.segments(axes, ends[same], colors=INK, linewidths=2.4, zorder=2.2)
    sheets = 1e3 * barrier_segments(engine, 0.8 * spec.layout.pitch_m)
    plots.segments(axes, sheets, colors=VERMILION, linewidths=2.6, zorder=2.3)
    _number(axes, topology, cells, x, y, pitch * inch_per_mm)
    _draw_series(axes, topology, cells, x, y, pitch)
    sensors = [c for c in engine.sensors.temperature_cell if topology.cell_module[c] == 0]
    shift = 0.30 * pitch
    axes.plot(
        x[sensors] + shift, y[sensors] - shift, ls="", marker="D",
        ms=max(3.0, 10 * pitch * inch_per_mm), mfc=PURPLE, mec="white", mew=0.8, zorder=5,
    )  # fmt: skip
    _draw_scale(axes, x[cells], y[cells], pitch)


def _number(axes: Axes, topology: Any, cells: Any, x: Any, y: Any, pitch_in: float) -> None:
    """Number the cells group.cell, from 1; only groups when there are many, none when tiny."""
    size = min(11.0, 19.0 * pitch_in)
    if size < 4.5:
        return
    for cell in cells:
        number = f"{topology.cell_group[cell] + 1}"
        if len(cells) <= NUMBERED_CELLS:
            number += f".{topology.cell_place[cell] + 1}"
        elif topology.cell_place[cell] != 0:
            continue
        axes.text(
            x[cell], y[cell], number, fontsize=size, ha="center", va="center", zorder=4,
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "#ffffffd0", "edgecolor": "none"},
        )  # fmt: skip


def _draw_series(axes: Axes, topology: Any, cells: Any, x: Any, y: Any, pitch: float) -> None:
    """Arrows from each group to the next one in series, and where the coolant enters and leaves."""
    groups = np.unique(topology.cell_group[cells])
    middle = [
        (float(np.mean(x[own])), float(np.mean(y[own])))
        for own in (cells[topology.cell_group[cells] == g] for g in groups)
    ]
    lift = 0.5 * pitch if topology.cells_per_group % 2 else 0.0
    for (xa, ya), (xb, yb) in zip(middle[:-1], middle[1:], strict=True):
        is_level = abs(ya - yb) < 0.1 * pitch
        start, end = ((xa, ya - lift), (xb, yb - lift)) if is_level else ((xa, ya), (xb, yb))
        side = 0.0 if is_level else -0.22 * pitch
        cut = 0.28 if is_level else 0.5 - 0.3 * pitch / abs(yb - ya)
        dx, dy = end[0] - start[0], end[1] - start[1]
        axes.annotate(
            "", (start[0] + (1 - cut) * dx + side, start[1] + (1 - cut) * dy),
            (start[0] + cut * dx + side, start[1] + cut * dy), zorder=4.5,
            arrowprops={"arrowstyle": "-|>,head_width=0.22,head_length=0.4", "color": INK,
                        "lw": 1.4, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
    _coolant(axes, middle[0], x[cells], pitch, "coolant in", inward=True)
    _coolant(axes, middle[-1], x[cells], pitch, "out", inward=False)


def _coolant(axes: Axes, at: Any, x: Any, pitch: float, text: str, *, inward: bool) -> None:
    is_left = at[0] <= np.mean(x)
    sign = -1.0 if is_left else 1.0
    inner = (x.min() if is_left else x.max()) + sign * 0.76 * pitch
    outer = inner + sign * 1.0 * pitch
    tip, tail = (inner, outer) if inward else (outer, inner)
    axes.annotate(
        "", (tip, at[1]), (tail, at[1]), zorder=5,
        arrowprops={"arrowstyle": "-|>,head_width=0.3,head_length=0.5", "color": BLUE, "lw": 2.4,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    axes.text(
        outer, at[1] - 0.18 * pitch, text, color=BLUE, fontsize=9, va="bottom",
        ha="left" if is_left else "right",
    )  # fmt: skip


def _draw_scale(axes: Axes, x: Any, y: Any, pitch: float) -> None:
    """A scale bar below the module."""
    room = max(float(np.ptp(x)), pitch)
    length = max(size for size in (1, 2, 5, 10, 20, 50, 100, 200, 500) if size <= max(room, 1.0))
    left, level = float(x.min()) - 0.72 * pitch, float(y.max()) + 1.12 * pitch
    axes.plot([left, left + length], [level, level], color=INK, lw=2, solid_capstyle="butt")
    axes.text(left + length + 0.15 * pitch, level, f"{length} mm", va="center", fontsize=9)


def _draw_legend(axes: Axes, engine: Any) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(1, 0)
    spec = engine.plant.spec
    entries = (
        ("cell, group.cell from 1", {"marker": "o", "mfc": CELL_TONES[0], "mec": MUTED, "ms": 10}),
        ("group (tones alternate)", {"marker": "s", "mfc": TONES[1], "mec": "none", "ms": 12}),
        ("in parallel", {"color": INK, "lw": 2.4}),
        ("next group in series", {"marker": r"$\rightarrow$", "mfc": INK, "mec": INK, "ms": 11}),
        (
            f"thermal neighbours, {spec.thermal.neighbour_W_per_K:g} W/K",
            {"color": GREEN, "lw": 2.0},
        ),
        ("thermistor (T)", {"marker": "D", "mfc": PURPLE, "mec": "white", "ms": 7}),
        ("coolant, along the groups", {"color": BLUE, "lw": 2.4}),
    )
    barriers = tuple(
        (
            f"barrier between {barrier.between}, {barrier.W_per_K:.3g} W/K",
            {"color": VERMILION, "lw": 2.6},
        )
        for barrier in spec.thermal.barriers
    )
    for text, look in (*entries, *barriers):
        axes.plot([], [], **({"ls": ""} if "marker" in look else {}), **look, label=text)
    axes.legend(loc="upper left", fontsize=9.5, labelspacing=0.75, bbox_to_anchor=(0.0, 1.0))


# ---- the site -----------------------------------------------------------------------------------


def _draw_site(axes: Axes, engine: Any, rows: int, per_row: int, room_in: float) -> None:
    """PCS, bus, then every rack with its switchgear and modules; inches, y downward."""
    topology = engine.plant.topology.full
    modules = topology.n_modules // topology.n_racks
    step = min((room_in - 3.25) / per_row, 1.5)
    bus, first = 1.25, 3.05
    tops = [0.5 + r * (rows * 0.95 + 0.15) for r in range(topology.n_racks)]
    middle = 0.5 * (tops[0] + tops[-1]) + 0.28
    _box(axes, 0.0, middle - 0.3, 0.85, 0.6, "PCS", facecolor="white")
    axes.plot([0.85, bus], [middle, middle], color=INK, lw=2)
    axes.plot([bus, bus], [tops[0] + 0.18, tops[-1] + 0.38], color=INK, lw=4)
    axes.text(bus, tops[0] + 0.08, "DC bus", ha="center", va="bottom", fontsize=9)
    per_module = np.bincount(
        topology.cell_module[engine.sensors.temperature_cell], minlength=topology.n_modules
    )
    for r, top in enumerate(tops):
        axes.plot([bus, first + (min(per_row, modules) - 1) * step], [top + 0.28] * 2, color=INK,
                  lw=2, zorder=0.5)  # fmt: skip
        _box(axes, 1.5, top + 0.06, 0.95, 0.44, "contactors\nfuse", facecolor="white", fontsize=8)
        axes.text(1.5, top + 0.0, f"Rack {r + 1}", fontsize=9, weight="bold", va="bottom")
        for m in range(modules):
            column, row = m % per_row, m // per_row
            x, y = first + column * step, top + row * 0.95
            if column == 0 and row:
                axes.plot([first - 0.12, x + step * (min(per_row, modules - row * per_row) - 1)],
                          [y + 0.28] * 2, color=INK, lw=2, zorder=0.5)  # fmt: skip
            count = int(per_module[r * modules + m])
            _box(axes, x, y, 0.8 * step, 0.56, f"M{m + 1}", facecolor=TONES[0])
            note = f"{count} T" if step > 0.55 else ""
            axes.text(x + 0.4 * step, y + 0.53, note, fontsize=8, color=PURPLE, ha="center",
                      va="bottom", zorder=3)  # fmt: skip
            is_end = m == modules - 1
            reach = 0.95 * step if not is_end else 0.8 * step + 0.3
            _flow(axes, x, x + reach, y + 0.68)
        axes.text(first - 0.08, top + 0.68, "coolant", fontsize=9, color=BLUE, ha="right",
                  va="center")  # fmt: skip


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, text: str, *,
    facecolor: str, fontsize: float = 9.5,
) -> None:  # fmt: skip
    plots.box(axes, x, y, width, height, facecolor=facecolor, edgecolor=MUTED, lw=1, zorder=2)
    axes.text(
        x + width / 2, y + height / 2 - (0.06 if text.startswith("M") else 0.0), text,
        ha="center", va="center", fontsize=fontsize, zorder=3,
    )  # fmt: skip


def _flow(axes: Axes, start: float, end: float, y: float) -> None:
    axes.plot([start, end], [y, y], color=SKY, lw=3.2, solid_capstyle="butt", zorder=1)
    axes.annotate(
        "", (end, y), (end - 0.12, y), zorder=2,
        arrowprops={"arrowstyle": "-|>,head_width=0.25,head_length=0.35", "color": BLUE, "lw": 1.5,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
