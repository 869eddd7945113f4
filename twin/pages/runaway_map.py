"""The order in which cells ran away, on the pack's layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from twin.pages import plots
from twin.pages.cell_map import Sheet, furnish, lay_out
from twin.pages.facts import Facts
from twin.pages.plots import INK, MUTED, RULE, VERMILION
from twin.pages.wording import clock

if TYPE_CHECKING:
    from twin.pages.plots import Axes, Figure
    from twin.whatif.tree import WhatIf

ROOM_FOR_TIME_IN, ROOM_FOR_NUMBER_IN = 0.34, 0.19
"""A cell so wide has room for its time, or for its number alone."""
DARK = 0.55
"""Up to this part of the colours, text on them is white."""
NEUTRAL = "#eef1f4"


def order_map(facts: Facts, found: WhatIf, width_in: float) -> Figure | None:
    """Draw every cell with its number and the time at which it ran away.

    Parameters
    ----------
    facts : Facts
    found : WhatIf
    width_in : float

    Returns
    -------
    Figure or None
        None where no cell ran away, or the file does not say where cells are.
    """
    sheet, ran = lay_out(facts, width_in), found.ran_away
    if sheet is None or not ran:
        return None
    map_in = sheet.bottom * sheet.scale_in
    head_in = 0.55 if len(ran) > 1 else 0.05
    total = head_in + map_in
    with plots.style():
        figure = plots.new_figure(width_in, total)
        axes = figure.add_axes((0.0, 0.0, sheet.width * sheet.scale_in / width_in, map_in / total))
        axes.set_xlim(0, sheet.width)
        axes.set_ylim(sheet.bottom, 0)
        axes.axis("off")
        furnish(axes, sheet)
        _cells(figure, axes, found, sheet, (width_in, total))
    return figure


def _cells(
    figure: Any, axes: Axes, found: WhatIf, sheet: Sheet, size_in: tuple[float, float]
) -> None:
    at_s = np.full(len(sheet.x), np.nan)
    for cell in found.ran_away:
        at_s[cell.cell] = cell.triggered_s
    ran = np.isfinite(at_s)
    divisor, unit = plots.time_unit(float(np.nanmax(at_s)))
    scale = plots.colour_scale(float(np.nanmin(at_s)) / divisor, float(np.nanmax(at_s)) / divisor)
    area = (0.9 * 72.0 * sheet.scale_in) ** 2
    axes.scatter(
        sheet.x[~ran], sheet.y[~ran], area, color=NEUTRAL, edgecolors=MUTED, linewidths=0.5,
        clip_on=False,
    )  # fmt: skip
    discs = axes.scatter(
        sheet.x[ran], sheet.y[ran], area, at_s[ran] / divisor, cmap="viridis", norm=scale,
        clip_on=False,
    )  # fmt: skip
    seeds = list(found.seed.cells) if found.seed is not None else []
    axes.plot(
        sheet.x[seeds], sheet.y[seeds], ls="", marker="o", ms=76 * sheet.scale_in, mfc="none",
        mec=VERMILION, mew=2.2, clip_on=False, zorder=5,
    )  # fmt: skip
    _numbers(axes, found, sheet, scale, divisor)
    if len(np.unique(at_s[ran])) < 2:
        return
    width_in, total = size_in
    bar = figure.add_axes(
        (0.15 / width_in, (total - 0.22) / total, min(3.2, width_in - 1.9) / width_in, 0.11 / total)
    )
    drawn = figure.colorbar(discs, cax=bar, orientation="horizontal")
    drawn.outline.set_edgecolor(RULE)
    bar.grid(visible=False)
    bar.text(1.03, 0.5, f"ran away at [{unit}]", transform=bar.transAxes, va="center")


def _numbers(axes: Axes, found: WhatIf, sheet: Sheet, scale: Any, divisor: float) -> None:
    """Write order and time into the cells, as far as there is room."""
    if sheet.scale_in < ROOM_FOR_NUMBER_IN:
        return
    has_time = sheet.scale_in >= ROOM_FOR_TIME_IN
    for cell in found.ran_away:
        x, y = float(sheet.x[cell.cell]), float(sheet.y[cell.cell])
        dark = float(scale((cell.triggered_s or 0.0) / divisor)) < DARK
        look = {"ha": "center", "color": "white" if dark else INK, "clip_on": False, "zorder": 6}
        axes.text(
            x, y - (0.12 if has_time else 0.0), str(cell.order), va="center", weight="bold",
            fontsize=8.5 if has_time else 6.5, **look,
        )  # fmt: skip
        if has_time:
            axes.text(x, y + 0.2, clock(cell.triggered_s), va="center", fontsize=6.0, **look)
