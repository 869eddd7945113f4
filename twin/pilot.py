"""What lumping costs: the start of a run, once as asked and once in full detail, side by side.

The pilot has engines of its own, built from the same scenario and seed, and never touches the run.
Controllers are in the loop on both sides: if they decide differently, that is part of the error.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.build import build
from twin.engine import Engine, StepError
from twin.scenarios.lumping import in_words, lump_of
from twin.scenarios.scenario import Scenario

Floats = NDArray[np.float64]

LENGTH_S = 600.0
"""Simulated time of a pilot at most [s]."""
CELL_STEPS = 5e8
"""Cells of the full pack times plant steps at most: about ten seconds at 20 ns each."""
WALL_S = 60.0
"""Wall time after which a pilot ends early [s]."""


def lumping_error(scenario: Scenario, wall_s: float = WALL_S) -> dict[str, Any] | None:
    """Hold a lumped scenario against full detail on its first minutes.

    Parameters
    ----------
    scenario : Scenario
    wall_s : float
        Wall time after which it ends early [s].

    Returns
    -------
    dict or None
        ``resolution``; ``stands_for`` in words; ``pilot_s``, how much was simulated; ``ended``,
        empty or why it is less than planned; by quantity, ``largest`` and ``rms`` difference over
        that time, ``{}`` before the first step. None in full detail.
    """
    if scenario.resolution == "cell":
        return None
    full = build(scenario.model_copy(update={"resolution": "cell"}))
    lumped = build(scenario)
    ticks = _length(full)
    seen, ended, begin = _Differences(), "", math.inf
    while full.tick < ticks:
        try:
            for engine in (full, lumped):
                engine.halt = ticks
                engine.step()
        except StepError as error:
            ended = str(error)
            break
        seen.add(_state(full), _state(lumped))
        begin = min(begin, time.monotonic())  # kernels are compiled in the first step
        if time.monotonic() - begin > wall_s and full.tick < ticks:
            ended = f"stopped after {wall_s:g} s of wall time"
            break
    return {
        "resolution": scenario.resolution,
        "stands_for": in_words(lump_of(scenario.site, scenario.resolution)),
        "pilot_s": min(full.tick, lumped.tick) / 1000.0,
        "ended": ended,
        "largest": seen.largest,
        "rms": seen.rms(),
    }


def _length(engine: Engine) -> int:
    """Return how long the pilot of a full pack is, in ticks: whole stages of its clock."""
    clock = engine.clock
    steps = CELL_STEPS / engine.plant.topology.n_cells
    ticks = min(clock.end, round(LENGTH_S * 1000.0), round(steps) * clock.step)
    return max(clock.stage, ticks - ticks % clock.stage)


def _state(engine: Engine) -> dict[str, Floats]:
    """Return the quantities that are held against each other."""
    plant = engine.plant
    soc = engine.cell_soc()
    temperature_K = plant.cells.temperature_K[plant.topology.cell_home]
    return {
        "bus_voltage_V": plant.network.bus[:1].copy(),
        "rack_current_A": plant.network.rack_current_A.copy(),
        "mean_soc": soc.mean(keepdims=True),
        "lowest_soc": soc.min(keepdims=True),
        "mean_temperature_K": temperature_K.mean(keepdims=True),
        "highest_temperature_K": temperature_K.max(keepdims=True),
    }


@dataclass(slots=True)
class _Differences:
    """Largest and mean square difference of each quantity, over time and racks."""

    largest: dict[str, float] = field(default_factory=dict)
    _squares: dict[str, float] = field(default_factory=dict)
    _count: int = 0

    def add(self, full: dict[str, Floats], lumped: dict[str, Floats]) -> None:
        """Take in one moment."""
        self._count += 1
        for name, value in full.items():
            off = np.abs(lumped[name] - value)
            self.largest[name] = max(self.largest.get(name, 0.0), float(off.max()))
            self._squares[name] = self._squares.get(name, 0.0) + float((off**2).mean())

    def rms(self) -> dict[str, float]:
        """Return the root of the mean square of each."""
        return {name: (total / self._count) ** 0.5 for name, total in self._squares.items()}
