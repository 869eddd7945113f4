"""The cell map of a report: every cell where it stands, at the pack's worst moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twin.pages import plots
from twin.pages.facts import Facts
from twin.pages.plots import INK, MUTED, RULE, VERMILION
from twin.pages.verdicts import has
from twin.pages.wording import clock

if TYPE_CHECKING:
    from twin.pages.plots import Axes, Figure

Floats = NDArray[np.float64]

LARGEST_PITCH_IN, SMALLEST_PITCH_IN = 0.40, 0.12
TALL, TURNED_FROM_IN = 2.0, 6.0
"""A module so much higher than wide lies on its side, where there is so much room."""
OUTLIER = 0.4
"""A hottest cell this part of the range above the next one is left out of the colours; assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Cells laid out on one sheet, in cell pitches, y downward.

    Attributes
    ----------
    x, y : float64 (n_cells,)
    width, height : float
    scale_in : float
        Inches to a pitch.
    modules : list of (x, y, width, height, name)
    racks : list of (y, name)
    """

    x: Floats
    y: Floats
    width: float
    height: float
    scale_in: float
    modules: list[tuple[float, float, float, float, str]]
    racks: list[tuple[float, str]]

    @property
    def bottom(self) -> float:
        """Where the lowest module ends, with some room."""
        return max(y + height for _, y, _, height, _ in self.modules) + 0.3


def lay_out(facts: Facts, width_in: float) -> Sheet | None:
    """Place the modules of each rack side by side, in as many rows as the width asks for.

    Long modules lie on their side where the sheet is wide enough.

    Parameters
    ----------
    facts : Facts
    width_in : float
        Room for the map.

    Returns
    -------
    Sheet or None
        None when the file does not say where its cells are.
    """
    axis = facts.run.axes.get("cell")
    if axis is None or not {"rack", "module"} <= axis.coordinates.keys():
        return None
    rack, module = (np.asarray(axis.coordinates[key]) for key in ("rack", "module"))
    x, y = _positions(facts, axis.size)
    if width_in >= TURNED_FROM_IN and y.max() + 1.0 > TALL * (x.max() + 1.0):
        x, y = y, x
    wide, high = float(x.max()) + 1.0, float(y.max()) + 1.0
    gap = 1.0
    n_modules, n_racks = int(module.max()) + 1, int(rack.max()) + 1
    fit = max(1, int(width_in / SMALLEST_PITCH_IN / (wide + gap)))
    rows = -(-n_modules // fit)
    per_row = -(-n_modules // rows)
    tall = high + 1.7
    left = 1.2
    rack_high = rows * tall + (1.6 if n_racks > 1 else 0.0)
    column, row = module % per_row, module // per_row
    top = rack * rack_high + row * tall + (2.6 if n_racks > 1 else 1.3)
    modules = [
        (left + (m % per_row) * (wide + gap) - gap / 2 - 0.2,
         r * rack_high + (m // per_row) * tall + (2.6 if n_racks > 1 else 1.3) - 0.7,
         wide + 0.4, high + 0.4, f"M{m + 1}")
        for r in range(n_racks)
        for m in range(n_modules)
    ]  # fmt: skip
    racks = [(r * rack_high + 0.5, f"Rack {r + 1}") for r in range(n_racks)] if n_racks > 1 else []
    width = left + per_row * (wide + gap)
    return Sheet(
        x=left + column * (wide + gap) + x,
        y=top + y,
        modules=modules,
        racks=racks,
        width=width,
        height=n_racks * rack_high + 0.9,
        scale_in=min(LARGEST_PITCH_IN, width_in / width),
    )


def _positions(facts: Facts, n_cells: int) -> tuple[Floats, Floats]:
    """Return where the cells of a module are, in pitches; a plain row when the file is silent."""
    x = np.asarray(facts.parameters.get("cell_x_m") or [], dtype=np.float64)
    y = np.asarray(facts.parameters.get("cell_y_m") or [], dtype=np.float64)
    if len(x) != n_cells or len(y) != n_cells:
        places = facts.run.axes["cell"].coordinates
        zeros = np.zeros(n_cells)
        return (np.asarray(places.get(key, zeros), dtype=np.float64) for key in ("group", "place"))  # type: ignore[return-value]
    steps = np.concatenate([np.diff(np.unique(np.round(axis, 6))) for axis in (x, y)])
    pitch = float(steps.min()) if len(steps) else 1.0
    return (x - x.min()) / pitch, (y - y.min()) / pitch


def cell_map(facts: Facts, width_in: float) -> Figure | None:
    """Draw temperatures, and below them voltage deviations, at the worst moment.

    Parameters
    ----------
    facts : Facts
    width_in : float

    Returns
    -------
    Figure or None
        None when there is nothing to draw.
    """
    row = facts.worst_row
    sheet = lay_out(facts, width_in)
    if row is None or sheet is None:
        return None
    maps = [_temperature, _voltage]
    paths = ["truth/cell_temperature_K", "truth/cell_voltage_V"]
    chosen = [draw for draw, path in zip(maps, paths, strict=True) if has(facts.run, path)]
    with plots.style():
        scale = sheet.scale_in
        map_in, head_in, foot_in = sheet.height * scale, 0.34, 0.62
        total = len(chosen) * (head_in + map_in + foot_in)
        figure = plots.new_figure(width_in, total)
        top = total
        for draw in chosen:
            top -= head_in + map_in
            place = (0.0, top / total, sheet.width * scale / width_in, map_in / total)
            axes = figure.add_axes(place)
            bar = figure.add_axes(
                (0.15 / width_in, (top - 0.16) / total, min(3.2, width_in - 1.2) / width_in,
                 0.11 / total)
            )  # fmt: skip
            axes.set_xlim(0, sheet.width)
            axes.set_ylim(sheet.height, 0)
            axes.axis("off")
            furnish(axes, sheet)
            draw(axes, bar, facts, sheet)
            _mark(axes, facts, sheet)
            top -= foot_in
    return figure


def furnish(axes: Axes, sheet: Sheet) -> None:
    """Draw the modules and name them and their racks."""
    for x, y, width, height, name in sheet.modules:
        plots.box(axes, x, y, width, height, facecolor="#f4f6f8", edgecolor=RULE, lw=0.8)
        axes.text(x + 0.1, y - 0.12, name, fontsize=9, color=MUTED, va="bottom")
    for y, name in sheet.racks:
        axes.text(0.5, y, name, fontsize=9, weight="bold", va="center")


def _show(
    axes: Axes, bar: Axes, sheet: Sheet, values: Floats, limits: tuple[float, float], **look: Any
) -> None:
    """Draw the cells in colours, and the colour bar."""
    title, label, colours = look["title"], look["label"], look["cmap"]
    circles = axes.scatter(
        sheet.x, sheet.y, (0.9 * 72.0 * sheet.scale_in) ** 2, values, cmap=colours,
        norm=plots.colour_scale(*limits), linewidths=look.get("outline", 0.0), edgecolors=MUTED,
        clip_on=False,
    )  # fmt: skip
    beyond = ("min" if values.min() < limits[0] else "", "max" if values.max() > limits[1] else "")
    extend = {("", ""): "neither", ("min", "max"): "both"}.get(beyond, "".join(beyond))
    figure: Any = axes.figure
    scale = figure.colorbar(circles, cax=bar, orientation="horizontal", extend=extend)
    scale.outline.set_edgecolor(RULE)
    bar.grid(visible=False)
    bar.text(1.08 if "max" in beyond else 1.03, 0.5, label, transform=bar.transAxes, va="center")
    axes.text(0.5, -0.35, title, weight="bold", va="bottom", fontsize=9)


def _temperature(axes: Axes, bar: Axes, facts: Facts, sheet: Sheet) -> None:
    run, row = facts.run, facts.worst_row or 0
    values = run.channel("truth/cell_temperature_K", row, row + 1)[0].astype(np.float64)
    values -= plots.CELSIUS_K
    ranked = np.sort(values)
    low, high = float(ranked[0]), float(ranked[-1])
    if len(ranked) > 2 and high - ranked[-2] > OUTLIER * (high - low):
        high = float(ranked[-2])
    if high - low < 1.0:
        low, high = low - 0.5, high + 0.5
    _show(
        axes, bar, sheet, values, (low, high), cmap="inferno", label="\u00b0C",
        title=f"Cell temperature at {clock(float(facts.time_s[row]))}",
    )  # fmt: skip
    hottest = int(np.argmax(values))
    if ranked[-1] - float(np.median(values)) > 1.0:
        _say(axes, sheet, hottest, f"{values[hottest]:.1f} \u00b0C")


def _voltage(axes: Axes, bar: Axes, facts: Facts, sheet: Sheet) -> None:
    run, row = facts.run, facts.worst_row or 0
    values = run.channel("truth/cell_voltage_V", row, row + 1)[0].astype(np.float64)
    median = float(np.median(values))
    values = 1e3 * (values - median)
    widest = max(float(np.max(np.abs(values))), 1.0)
    _show(
        axes, bar, sheet, values, (-widest, widest), cmap="PuOr", outline=0.3, label="mV",
        title=f"Cell voltage less the median of {median:.3f} V, same moment",
    )  # fmt: skip
    lowest = int(np.argmax(np.abs(values)))
    _say(axes, sheet, lowest, f"{values[lowest]:+.0f} mV".replace("-", "\u2212"))


def _say(axes: Axes, sheet: Sheet, cell: int, text: str) -> None:
    """Write beside a cell."""
    x, y = float(sheet.x[cell]), float(sheet.y[cell])
    home = next(m for m in sheet.modules if 0 < x - m[0] < m[2] and 0 < y - m[1] < m[3])
    right, top = home[0] + home[2], home[1]
    look = {"fontsize": 9, "weight": "bold", "zorder": 6}
    if len(sheet.modules) == 1:
        axes.plot([x + 0.5, right + 0.3], [y, y], color=INK, lw=0.8, zorder=6)
        axes.text(right + 0.4, y, text, va="center", ha="left", **look)
        return
    axes.plot([x, x], [y - 0.5, top - 0.12], color=INK, lw=0.8, zorder=6)
    is_room = home[2] * sheet.scale_in > 0.85
    at, side = (right, "right") if is_room else (x, "center")
    axes.text(at, top - 0.12, text, va="bottom", ha=side, **look)


def _mark(axes: Axes, facts: Facts, sheet: Sheet) -> None:
    """Mark thermistors with a dot, faulty cells with a ring."""
    sensors = [c for c in facts.parameters.get("thermistor_cell") or [] if c < len(sheet.x)]
    size = max(1.6, 16 * sheet.scale_in)
    axes.plot(
        sheet.x[sensors], sheet.y[sensors], ls="", marker="o", ms=size, mfc="white", mec=INK,
        mew=0.5, zorder=4,
    )  # fmt: skip
    faulty = facts.faulty_cells
    axes.plot(
        sheet.x[faulty], sheet.y[faulty], ls="", marker="o", ms=78 * sheet.scale_in, mfc="none",
        mec=VERMILION, mew=2.2, zorder=5, clip_on=False,
    )  # fmt: skip
