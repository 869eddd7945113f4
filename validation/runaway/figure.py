"""The two pictures of the topic: a cell in four ovens, and fire along a chain of cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cell_models.runaway_params import load_runaway_params
from twin.pages import plots
from twin.pages.output import write_whole
from validation.runaway.cells import SET_K, oven_history
from validation.runaway.chains import SET_F, chain_f_line
from validation.runaway.line import CELSIUS_K, follow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OVENS_DEGC = (140.0, 145.0, 150.0, 155.0)
COLOURS = (plots.GREEN, plots.SKY, plots.ORANGE, plots.VERMILION, plots.PURPLE, plots.BLUE)


def draw() -> Figure:
    """Draw a Set K cell in four ovens, and a chain of Set F cells whose first is hot."""
    with plots.style():
        figure = plots.new_figure(9.0, 3.6)
        ovens, chain = figure.subplots(1, 2)
        for oven_degC, colour in zip(OVENS_DEGC, COLOURS, strict=False):
            _, history = oven_history(oven_degC, 7.17, 0.8, 1.0, 1.0)
            label = f"oven {oven_degC:g} °C"
            values = history.temperature_K[:, 0] - CELSIUS_K
            plots.line(ovens, history.time_s / plots.MINUTE_S, values, color=colour, label=label)
        ovens.set_title(load_runaway_params(SET_K).cell.name, loc="left", fontsize=9.0)
        plots.time_axis(ovens, 0.0, 3600.0)
        history = follow(chain_f_line(3.0, 25.0), 600.0, 0.2)
        for cell, colour in zip(range(history.temperature_K.shape[1]), COLOURS, strict=True):
            values = history.temperature_K[:, cell] - CELSIUS_K
            time = history.time_s / plots.MINUTE_S
            plots.line(chain, time, values, color=colour, label=f"cell {cell + 1}")
        title = f"{load_runaway_params(SET_F).cell.name}, 3 W/K to the next"
        chain.set_title(title, loc="left", fontsize=9.0)
        plots.time_axis(chain, 0.0, 600.0)
        for axes in (ovens, chain):
            axes.set_ylabel("temperature [°C]")
            axes.set_ylim(bottom=float(np.floor(axes.get_ylim()[0])))
            axes.legend()
        figure.tight_layout()
    return figure


def save(path: Path) -> Path:
    """Write the picture whole or not at all, in the format that its name ends with."""
    return write(draw(), path)


def write(figure: Figure, path: Path) -> Path:
    """Write a figure in the house style, whole or not at all.

    Parameters
    ----------
    figure : Figure
    path : Path
        Its suffix says the format: .png, .svg or .pdf.

    Returns
    -------
    Path
    """
    import io

    drawn = io.BytesIO()
    with plots.style():
        figure.savefig(drawn, format=path.suffix[1:].lower(), dpi=150)
    return write_whole(path, drawn.getvalue())
