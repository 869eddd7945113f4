"""A few nodes in a line, driven by the kernels alone: what every benchmark here is made of.

One step is a Strang split, as in a pack: conduct half a step, react a whole one (with the losses of
each node inside it), conduct half a step. Energy is audited from outside: what the nodes hold, what
reactants lost, what came in and what went out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_models.conduction import conduct
from cell_models.contract import NOT_FINITE
from cell_models.runaway import GATE_K, RISE_K, STALLED, react, stored_energy
from cell_models.runaway_params import RunawayParams
from cell_models.runaway_tables import KernelTables, amounts, kernel_tables

Floats = NDArray[np.float64]

CELSIUS_K = 273.15
STEFAN_BOLTZMANN = 5.670374419e-8
"""[W/(m2 K4)], CODATA 2018."""
CRANK_NICOLSON = 0.5


class Sum:
    """Running sums that keep what rounding takes: thousands of steps cost no digit."""

    def __init__(self, n: int) -> None:
        self.high, self.low = np.zeros(n), np.zeros(n)

    def add(self, values: Floats | float) -> None:
        """Add one value to each sum (Knuth's two-sum)."""
        total = self.high + values
        back = total - self.high
        self.low += (self.high - (total - back)) + (values - back)
        self.high = total

    def total(self) -> float:
        """Return the sum of all sums."""
        return float(self.high.sum() + self.low.sum())


class Line:
    """Nodes in a line.

    Parameters
    ----------
    tables : KernelTables
    capacity_J_per_K, temperature_K : float64 (n,)
    extents, energy_J : float64 (n * n_slots,)
    sinks : float64 (n, 3), optional
        Losses inside the reaction step, as `react` takes them.
    links_W_per_K : float64 (n - 1,), optional
    edges : pair of float64 (n,), optional
        Losses of the conduction step: conductance [W/K] and temperature [K].
    gate_K, rise_K : float, [K]
    """

    def __init__(
        self, tables: KernelTables, capacity_J_per_K: Floats, temperature_K: Floats,
        extents: Floats, energy_J: Floats, *, sinks: Floats | None = None,
        links_W_per_K: Floats | None = None, edges: tuple[Floats, Floats] | None = None,
        gate_K: float = GATE_K, rise_K: float = RISE_K,
    ) -> None:  # fmt: skip
        n = len(temperature_K)
        self.tables, self.gate_K, self.rise_K = tables, gate_K, rise_K
        self.capacity_J_per_K = np.array(capacity_J_per_K, dtype=np.float64)
        self.temperature_K = np.array(temperature_K, dtype=np.float64)
        self.extents, self.energy_J = extents.copy(), energy_J.copy()
        self.sinks = np.zeros((n, 3)) if sinks is None else sinks
        self.links_W_per_K = links_W_per_K
        self.edge_W_per_K, self.edge_K = edges or (np.zeros(n), np.zeros(n))
        self.power_W = np.zeros(n)
        self.given_J, self.released_J, self.lost_J = Sum(1), Sum(len(extents)), Sum(n)
        self._released_J, self._lost_J = np.zeros(len(extents)), np.zeros(n)
        self.arrears = np.zeros((n, 2))
        self._scratch = np.zeros(len(tables.names))
        self._solve = np.zeros((2, n))
        self.start_K, self.start_J = self.temperature_K.copy(), self.stored_J

    @property
    def stored_J(self) -> float:
        """Chemical energy left in all nodes [J]."""
        each_J = np.zeros(len(self.temperature_K))
        stored_energy(self.extents, self.energy_J, len(self.tables.names), each_J)
        return float(each_J.sum())

    def step(self, step_s: float) -> None:
        """Advance by one step; a status that no benchmark may meet is an error."""
        self._conduct(0.5 * step_s)
        status = react(
            *self.tables.reactions, self.temperature_K, self.capacity_J_per_K, self.extents,
            self.energy_J, self.arrears, self.power_W, self.sinks, step_s, self.gate_K, self.rise_K,
            self._scratch, self._released_J, self._lost_J,
        )  # fmt: skip
        if status & (NOT_FINITE | STALLED):
            raise FloatingPointError(f"react returned status {status}")
        self.released_J.add(self._released_J)
        self.lost_J.add(self._lost_J)
        self.given_J.add(step_s * self.power_W.sum())
        self._conduct(0.5 * step_s)

    def _conduct(self, step_s: float) -> None:
        if self.links_W_per_K is not None:
            conduct(
                self.capacity_J_per_K, self.links_W_per_K, self.edge_W_per_K, self.edge_K,
                self.temperature_K, step_s, CRANK_NICOLSON, self._solve, self._lost_J,
            )  # fmt: skip
            self.lost_J.add(self._lost_J)

    def residual(self) -> float:
        """Return ``|dU - heat - given + lost|`` over the energy that flowed."""
        warmed = self.capacity_J_per_K * (self.temperature_K - self.start_K)
        heat, given = self.released_J.total(), self.given_J.total()
        missing = float(warmed.sum()) - heat - given + self.lost_J.total()
        flowed = abs(heat) + abs(given) + float(np.abs(self.lost_J.high).sum())
        return abs(missing) / flowed if flowed else 0.0

    def closure(self) -> float:
        """Return ``|stored at the start - stored - released|`` over stored at the start."""
        missing = self.start_J - self.stored_J - self.released_J.total()
        return abs(missing) / abs(self.start_J) if self.start_J else 0.0


@dataclass(frozen=True, slots=True)
class History:
    """Temperatures of a line over time: float64 (rows,), [s], and float64 (rows, n), [K]."""

    time_s: Floats
    temperature_K: Floats

    def first_above(self, level_K: float, node: int = 0) -> float:
        """Return when a node first exceeds a temperature [s], NaN if never; straight in a step."""
        return first_above(self.time_s, self.temperature_K[:, node], level_K)


def first_above(time_s: Floats, values: Floats, level: float) -> float:
    """Return when a series first exceeds a level, NaN if never."""
    above = values > level
    if not above.any():
        return float("nan")
    at = int(np.argmax(above))
    if at == 0:
        return float(time_s[0])
    part = (level - values[at - 1]) / (values[at] - values[at - 1])
    return float(time_s[at - 1] + part * (time_s[at] - time_s[at - 1]))


def follow(line: Line, end_s: float, largest_s: float, stop_K: float = np.inf) -> History:
    """Advance a line to the end; steps shrink while it heats fast, so that crossings are sharp.

    Parameters
    ----------
    line : Line
    end_s, largest_s : float, [s]
    stop_K : float, [K]
        Ends early once every node has exceeded it.
    """
    time_s, step_s, exceeded = 0.0, largest_s, np.zeros(len(line.temperature_K), dtype=bool)
    times, rows = [0.0], [line.temperature_K.copy()]
    while time_s < end_s * (1.0 - 1e-12) and not exceeded.all():
        step_s = min(step_s, end_s - time_s)
        line.step(step_s)
        time_s += step_s
        times.append(time_s)
        rows.append(line.temperature_K.copy())
        exceeded |= line.temperature_K > stop_K
        moved = float(np.abs(rows[-1] - rows[-2]).max())
        step_s = min(largest_s, step_s * min(2.0, max(line.rise_K / max(moved, 1e-12), 0.05)))
        step_s = max(step_s, 1e-4 * largest_s)
    return History(np.array(times), np.array(rows))


def lone_cell(
    params: RunawayParams, temperature_K: float, *, soc: float = 1.0, electrical: bool = True,
    sink: tuple[float, float, float] = (0.0, 0.0, 0.0), gate_K: float = GATE_K,
    rise_K: float = RISE_K, heat: dict[str, float] | None = None,
) -> Line:  # fmt: skip
    """Return one cell as a line of one node.

    Parameters
    ----------
    sink : tuple
        Conductance [W/K], emission [W/K4] and temperature [K] of what cools it.
    heat : dict, optional
        Factors on the heat of single reactions, by name.
    """
    return chain(
        params, np.array([temperature_K]), soc=soc, electrical=electrical, sink=sink, gate_K=gate_K,
        rise_K=rise_K, heat=heat,
    )  # fmt: skip


def chain(
    params: RunawayParams, temperature_K: Floats, *, soc: float = 1.0, electrical: bool = True,
    sink: tuple[float, float, float] = (0.0, 0.0, 0.0), link_W_per_K: float = 0.0,
    gate_K: float = GATE_K, rise_K: float = RISE_K, heat: dict[str, float] | None = None,
) -> Line:  # fmt: skip
    """Return equal cells in a line, each with the same sink and the same link to the next."""
    n = len(temperature_K)
    tables = kernel_tables(params, electrical)
    extents, energy_J = amounts(tables, np.full(n, soc))
    factors = np.array([(heat or {}).get(name, 1.0) for name in tables.names])
    return Line(
        tables, np.full(n, params.cell.heat_capacity_J_per_K), temperature_K, extents,
        energy_J * np.tile(factors, n), sinks=np.tile(np.array(sink), (n, 1)),
        links_W_per_K=np.full(n - 1, link_W_per_K) if n > 1 else None, gate_K=gate_K, rise_K=rise_K,
    )  # fmt: skip


def oven_sink(
    params: RunawayParams, h_W_per_m2K: float, emissivity: float, ambient_K: float
) -> tuple[float, float, float]:
    """Return convection and radiation over the whole outside of a cell, as `lone_cell` takes it."""
    area_m2 = params.cell.surface_m2
    return h_W_per_m2K * area_m2, emissivity * STEFAN_BOLTZMANN * area_m2, ambient_K
