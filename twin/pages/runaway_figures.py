"""Figures of a runaway over time: currents in the failed group, gas, pressure; and the heat split.

Each draws None where the file holds nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.pages import plots
from twin.pages.facts import Facts
from twin.pages.outcome_rows import kilojoules
from twin.pages.plots import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
)
from twin.pages.verdicts import has
from twin.whatif.heat import inflow
from twin.whatif.source import Source
from twin.whatif.tree import CellOutcome, HeatSplit, WhatIf

if TYPE_CHECKING:
    from twin.pages.plots import Axes, Figure

NARROW_IN = 6.0
TITLE_IN, LEGEND_IN = 0.30, 0.17
"""Above a panel, and for each row of its legend."""
BEFORE_S, AFTER_S = 15.0, 25.0
"""Shown around the time during which a failed cell is fed; assumed."""
MIXED = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, "#882255", "#44AA99")
HEADROOM = 0.2
"""Of the height of a panel, free above and below lines, for labels."""
RETURNED = 1e-3
"""Of all heat, what of the ejected part must have come back to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One panel of a figure: its title, height, what draws it, and the rows of its legend."""

    title: str
    height_in: float
    draw: Callable[[Axes], None]
    legend_rows: int = 0


def strips(width_in: float, found: list[Strip], start_s: float, end_s: float) -> Figure | None:
    """Draw panels above each other on one time axis; None if there are none."""
    if not found:
        return None
    gap_in, foot_in = 0.12, 0.50
    heads = [TITLE_IN + LEGEND_IN * strip.legend_rows for strip in found]
    total = sum(strip.height_in + gap_in for strip in found) + sum(heads) + foot_in
    with plots.style():
        figure = plots.new_figure(width_in, total)
        left, right = 0.78 / width_in, 1.0 - 0.20 / width_in
        top, shared = total, None
        for strip, head_in in zip(found, heads, strict=True):
            top -= head_in + strip.height_in
            place = (left, top / total, right - left, strip.height_in / total)
            axes = figure.add_axes(place, sharex=shared)
            shared = shared or axes
            strip.draw(axes)
            axes.set_title(
                strip.title,
                loc="left",
                fontsize=9,
                weight="bold",
                pad=5 + 72 * LEGEND_IN * strip.legend_rows,
            )
            axes.tick_params(labelbottom=strip is found[-1])
            top -= gap_in
        plots.time_axis(figure.axes[-1], start_s, end_s, 5 if width_in < NARROW_IN else 10)
    return figure


def legend(axes: Axes, columns: int) -> None:
    """Put the legend between title and panel."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, fontsize=8, borderpad=0.1,
        handlelength=1.2,
    )  # fmt: skip


# ---- currents -----------------------------------------------------------------------------------


def feed_window(found: WhatIf) -> tuple[CellOutcome, float, float] | None:
    """Return the first failed cell that others feed, and from when to when to look."""
    fed = next((f for f in found.feeds if f.charge_As > 0.0 or f.opened_s is not None), None)
    if fed is None:
        return None
    cell = found.cells[fed.cell]
    until_s = cell.spent_s if cell.opened_s is None else cell.opened_s
    until_s = fed.from_s if until_s is None else max(until_s, fed.from_s)
    start_s = max(found.start_s, fed.from_s - BEFORE_S)
    return cell, start_s, min(found.end_s, until_s + AFTER_S)


def feed_figure(facts: Facts, found: WhatIf, width_in: float) -> Figure | None:
    """Draw the currents of the group of the first failed cell around its collapse."""
    window = feed_window(found)
    paths = ("truth/cell_current_A", "truth/cell_voltage_V")
    if window is None or facts.group_of_cell is None or not has(facts.run, *paths):
        return None
    cell, start_s, end_s = window
    cells = np.flatnonzero(facts.group_of_cell == facts.group_of_cell[cell.cell])
    rows = np.flatnonzero((facts.time_s >= start_s) & (facts.time_s <= end_s))
    if len(rows) < 2 or len(cells) < 2:
        return None
    time_s = facts.time_s[rows] / plots.time_unit(end_s - start_s)[0]
    current_A = facts.run.channel(paths[0], int(rows[0]), int(rows[-1]) + 1)[:, cells]
    into_A = inflow(Source(facts.run), np.array([cell.cell]))[rows, 0]
    divisor = plots.time_unit(end_s - start_s)[0]

    def into(axes: Axes) -> None:
        axes.fill_between(time_s, into_A, step="pre", color=VERMILION, alpha=0.25, linewidth=0)
        axes.plot(time_s, into_A, color=VERMILION, drawstyle="steps-pre")
        axes.margins(y=HEADROOM)
        _own_marks(axes, found, cells, (start_s, end_s), divisor)
        axes.set_ylabel("A")

    def out(axes: Axes) -> None:
        for k, number in enumerate(cells.tolist()):
            own = number == cell.cell
            axes.plot(
                time_s, current_A[:, k], drawstyle="steps-pre", zorder=4 if own else 2,
                label=f"cell {k + 1}" + (" (failed)" if own else ""), lw=1.8 if own else 1.2,
                color=INK if own else MIXED[k % len(MIXED)],
            )  # fmt: skip
        axes.margins(y=HEADROOM)
        _own_marks(axes, found, cells, (start_s, end_s), divisor)
        axes.set_ylabel("A")
        legend(axes, columns)

    columns = 3 if width_in < NARROW_IN else 8
    rows_of_legend = -(-len(cells) // columns)
    extra = "" if width_in < NARROW_IN else " (discharge +), its own short included"
    title = f"Out of each cell of its group{extra}"
    panels = [Strip(title=title, height_in=1.9, draw=out, legend_rows=rows_of_legend)]
    if into_A.any():
        title = "Into the failed cell, from its neighbours"
        panels.insert(0, Strip(title=title, height_in=1.3, draw=into))
    return strips(width_in, panels, start_s, end_s)


def _own_marks(
    axes: Axes, found: WhatIf, cells: np.ndarray, window: tuple[float, float], divisor: float
) -> None:
    """Mark when cells of the group were cut off."""
    for k, number in enumerate(cells.tolist()):
        at_s = found.cells[number].opened_s
        if at_s is None or not window[0] <= at_s <= window[1]:
            continue
        axes.axvline(at_s / divisor, color=INK, lw=0.9, ls=":")
        axes.annotate(
            f"cell {k + 1} cut off", (at_s / divisor, 1.0), xycoords=("data", "axes fraction"),
            xytext=(3, -9), textcoords="offset points", fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}, zorder=6,
        )  # fmt: skip


# ---- gas ----------------------------------------------------------------------------------------


def gas_figure(facts: Facts, found: WhatIf, width_in: float) -> Figure | None:
    """Draw litres by species, pressure, and the share of the lower flammability limit."""
    divisor = plots.time_unit(facts.end_s - facts.start_s)[0]
    columns = 3 if width_in < NARROW_IN else 9
    panels: list[Strip] = []
    if found.gas is not None and sum(found.gas.vented_L) > 0.0:
        panels.append(
            Strip(
                title="Gas that cells vented [L at 25 °C, 1 atm]",
                height_in=1.7,
                draw=lambda axes: _litres(axes, found, divisor, columns),
                legend_rows=-(-sum(v > 0.0 for v in found.gas.vented_L) // columns),
            )
        )
    for path, title, factor in (
        ("truth/module_pressure_Pa", "Pressure in modules [kPa]", 1e-3),
        ("truth/module_lfl_percent", "Share of the lower flammability limit [%]", 1.0),
    ):
        if has(facts.run, path):
            n = facts.run.axes[facts.run.channels[path].axis or "module"].size
            named = 1 < n <= len(MIXED)
            panels.append(
                Strip(
                    title=title, height_in=1.2, legend_rows=-(-n // columns) if named else 0,
                    draw=_modules(facts, path, factor, divisor, columns),
                )
            )  # fmt: skip
    return strips(width_in, panels, facts.start_s, facts.end_s)


def _litres(axes: Axes, found: WhatIf, divisor: float, columns: int) -> None:
    gas = found.gas
    if gas is None:
        return
    order = [k for k in np.argsort(gas.vented_L)[::-1] if gas.vented_L[k] > 0.0]
    colours = [MIXED[i % len(MIXED)] for i in range(len(order))]
    axes.stackplot(
        gas.time_s / divisor, gas.litres[:, order].T, colors=colours, linewidth=0,
        labels=[gas.species[k] for k in order],
    )  # fmt: skip
    legend(axes, columns)


def _modules(
    facts: Facts, path: str, factor: float, divisor: float, columns: int
) -> Callable[[Axes], None]:
    values = facts.run.channel(path).reshape(facts.run.rows, -1).astype(np.float64)

    def draw(axes: Axes) -> None:
        n = values.shape[1]
        for k in range(n):
            known = {"color": MIXED[k], "label": f"module {k + 1}"} if n <= len(MIXED) else {}
            look = known or {"color": MUTED, "lw": 0.6}
            plots.line(axes, facts.time_s / divisor, factor * values[:, k], **look)
        if path.endswith("lfl_percent") and np.nanmax(values) > 60.0:
            axes.axhline(100.0, color=VERMILION, lw=0.9, ls="--")
        if 1 < n <= len(MIXED):
            legend(axes, columns)

    return draw


# ---- heat ---------------------------------------------------------------------------------------


CAME = {"still in the pack": "the pack, which has cooled"}
"""How what mostly takes heat is called where it gave some."""


def heat_figure(heat: HeatSplit | None, width_in: float) -> Figure | None:
    """Draw where heat came from and where it went, two bars of the same length."""
    if heat is None:
        return None
    shorts = min(max(heat.short_J, 0.0), max(heat.current_J, 0.0))
    came = [
        ("reactions", heat.reaction_J, VERMILION),
        ("currents inside cells and wires", heat.current_J - shorts, BLUE),
        ("shorts in cells", shorts, SKY),
        ("heaters", heat.heater_J, MUTED),
    ]
    came_back = heat.ejected_J + heat.vented_J - heat.gone_J > RETURNED * heat.came_J
    name = "left with matter and gas" + (", less what came back" if came_back else "")
    went = [
        (name, heat.gone_J, ORANGE),
        ("coolant", heat.coolant_J, GREEN),
        ("air", heat.air_J, PURPLE),
        ("still in the pack", heat.stored_J, "#882255"),
    ]
    # what a term gives that mostly takes, as a pack that ends colder than it began, came from there
    given = [(CAME.get(what, what), -J, colour) for what, J, colour in went if J < 0.0]
    came, went = came + given, went + [(what, -J, c) for what, J, c in came if J < 0.0]
    with plots.style():
        figure = plots.new_figure(width_in, 2.0)
        for top, title, parts in ((1.0, "Where it came from", came), (0.5, "Where it went", went)):
            left, width = 0.08 / width_in, 1.0 - 0.16 / width_in
            axes = figure.add_axes((left, top - 0.30, width, 0.14))
            _bar(axes, title, [part for part in parts if part[1] > 0.0], width_in)
    return figure


def _bar(axes: Axes, title: str, parts: list[tuple[str, float, str]], width_in: float) -> None:
    total, at = sum(J for _, J, _ in parts), 0.0
    for name, J, colour in parts:
        share = J / total
        label = f"{name} {kilojoules(J)}"
        axes.barh(0.0, share, left=at, height=1.0, color=colour, label=label)
        if share * width_in > 0.5:
            dark = colour in (BLUE, VERMILION, GREEN, "#882255", MUTED)
            axes.text(
                at + share / 2, 0.0, f"{100 * share:.0f} %", ha="center", va="center",
                fontsize=8, color="white" if dark else INK,
            )  # fmt: skip
        at += share
    axes.set_xlim(0.0, 1.0)
    axes.axis("off")
    axes.set_title(f"{title}: {kilojoules(total)}", loc="left", fontsize=9, weight="bold", pad=3)
    axes.legend(
        loc="upper left", bbox_to_anchor=(0.0, 0.0), ncols=2 if width_in < NARROW_IN else 5,
        fontsize=8, borderpad=0.2, handlelength=0.9, columnspacing=1.0,
    )  # fmt: skip
