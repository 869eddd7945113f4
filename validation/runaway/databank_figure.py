"""What a cell of a pack releases over its charge, beside what was measured; how hot it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cell_models.runaway_params import load_runaway_params
from twin.pages import plots
from validation.runaway.claims import DATABANK_BODY_SHARE
from validation.runaway.databank import EJECTED_SHARE, EVENT_S, HEAT_KJ_PER_WH, SOCS
from validation.runaway.event import fitting_sets, released
from validation.runaway.figure import write
from validation.runaway.line import CELSIUS_K

if TYPE_CHECKING:
    from twin.pages.plots import Axes, Figure

LOOKS = ((plots.VERMILION, "s"), (plots.BLUE, "o"))
COLOURS = (plots.BLACK, plots.BLUE, plots.GREEN, plots.ORANGE, plots.PURPLE)
COURSE_OF = "nmc_21700_arc"
SHOWN_S = (-5.0, 25.0)
PERCENT = [100.0 * soc for soc in SOCS]


def _title(name: str) -> str:
    return load_runaway_params(name).cell.chemistry.split("/")[0]


def _measured(axes: Axes, soc: float, band: tuple[float, float], label: str) -> None:
    """Draw a measured band as a bar."""
    axes.bar(
        100.0 * soc, band[1] - band[0], width=6.0, bottom=band[0], color=plots.RULE,
        edgecolor=plots.MUTED, linewidth=0.6, label=label, zorder=0,
    )  # fmt: skip


def _heat(axes: Axes) -> None:
    for soc, band in HEAT_KJ_PER_WH.items():
        _measured(axes, soc, band, "measured (databank)" if soc == 1.0 else "")
    for name, (colour, marker) in zip(fitting_sets(), LOOKS, strict=False):
        values = [released(name, soc).kJ_per_Wh for soc in SOCS]
        axes.plot(PERCENT, values, color=colour, marker=marker, label=_title(name))
    full = [released(fitting_sets()[0], soc) for soc in SOCS]
    charge = [found.electrical_J / found.rated_Wh / 1e3 for found in full]
    axes.plot(PERCENT, charge, color=plots.MUTED, linestyle=":", label="charge alone")
    axes.set_ylabel("all heat over rated energy [kJ/Wh]")
    axes.set_ylim(bottom=0.0)
    axes.set_title("One heated 21700 cell: heat", loc="left", fontsize=9.0)


def _shares(axes: Axes) -> None:
    for soc, (low, high), label in (
        (1.035, EJECTED_SHARE, "measured, full cells"), (0.965, DATABANK_BODY_SHARE, ""),
    ):  # fmt: skip
        _measured(axes, soc, (100.0 * low, 100.0 * high), label)
    mass = [100.0 * released(fitting_sets()[0], soc).ejected_share for soc in SOCS]
    axes.plot(PERCENT, mass, color=plots.INK, linestyle="--", label="mass that leaves")
    for name, (colour, marker) in zip(fitting_sets(), LOOKS, strict=False):
        body = [100.0 * released(name, soc).body_share for soc in SOCS]
        label = f"{_title(name)}: heat of the body"
        axes.plot(PERCENT, body, color=colour, marker=marker, label=label)
    axes.set_ylabel("share [%]")
    axes.set_ylim(0.0, 125.0)
    axes.set_title("What stays and what leaves", loc="left", fontsize=9.0)


def _course(axes: Axes, name: str) -> None:
    axes.axvspan(0.0, EVENT_S, color=plots.RULE, label=f"measured event, {EVENT_S:g} s", zorder=0)
    for soc, colour in zip(SOCS, COLOURS, strict=True):
        found = released(name, soc)
        since_s, degC = found.time_s - found.erupted_s, found.temperature_K - CELSIUS_K
        shown = (since_s >= SHOWN_S[0]) & (since_s <= SHOWN_S[1])
        axes.plot(since_s[shown], degC[shown], color=colour, label=f"{100.0 * soc:g} %")
        for at_s, marker in ((found.event_s, "v"), (found.nine_tenths_s, "D")):
            at_degC = np.interp(at_s, since_s, degC)
            axes.plot([at_s], [at_degC], color=colour, marker=marker, markersize=5.0)
    for text, marker in (("spent", "v"), ("9/10 of its heat", "D")):
        axes.plot([], [], color=plots.INK, marker=marker, markersize=5.0, linestyle="", label=text)
    axes.set_ylabel("temperature of the body [°C]")
    axes.set_xlabel("time since the first matter left [s]")
    axes.set_title(f"{_title(name)}: its course, by charge", loc="left", fontsize=9.0)


def draw() -> Figure:
    """Draw heat and shares over charge beside measured ones, and how hot one cell becomes."""
    with plots.style():
        figure = plots.new_figure(12.0, 4.0)
        heat, shares, course = figure.subplots(1, 3)
        _heat(heat)
        _shares(shares)
        _course(course, COURSE_OF)
        for axes in (heat, shares):
            axes.set_xlabel("state of charge [%]")
            axes.set_xlim(10.0, 110.0)
            axes.legend(fontsize=7.0, loc="upper left")
        course.legend(fontsize=7.0, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        figure.tight_layout()
    return figure


def save(path: Path) -> Path:
    """Write the picture whole or not at all, in the format that its name ends with."""
    return write(draw(), path)
