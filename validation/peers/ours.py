"""The job in packtwin: the cell by itself, and packs whose parallel currents are solved.

``python -m validation.peers.ours JOB.json CELL.json RESULT.json`` does it in a process of its own.
A pack is driven by power, as a site is: the cell's own voltage on the job times the job's current,
for every cell. So its cells carry the job's current but for spread and wiring.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import twin
from cell_models.contract import LANES, REFRESH, blocks_for
from cell_models.ecm_model import EcmModel
from cell_models.ecm_params import load_ecm_params
from validation.peers.stopwatch import cpu_s, timed

Floats = NDArray[np.float64]
Size = tuple[int, int, int]
SIZES: tuple[Size, ...] = ((1, 1, 1), (8, 12, 2), (4, 10, 25))
"""Modules, groups per module, cells per group: one cell, 96s2p, and the 25p40s that is quoted."""
CELLS = "cells alone, not coupled"
PLANT = "pack: currents solved, heat, books"
PACKS = {
    PLANT: "unprotected",
    "the same, sensors, ledger, idle BMS and EMS": "unprotected",
    "the same with the reference BMS": "reference",
}
"""What is timed as a pack, and its BMS."""
FAST_SENSORS = ("group_voltage", "rack_current", "rack_voltage", "bus_voltage")
LEAD_S = 10
"""Rest before the hour: contactors close [s]."""
REFRESH_S = 5
"""Tables are read again after so many seconds, or when a cell says so."""


class CellAlone:
    """One population of cells under a known current, without a pack around it."""

    def __init__(self, job: dict[str, Any], cell: Path, n_cells: int = 1) -> None:
        self.current_A = np.array(job["current_A"])
        self.model = EcmModel(load_ecm_params(cell), n_cells)
        self.n_cells, self.soc_0 = n_cells, job["soc_0"]
        padded = blocks_for(n_cells) * LANES
        self.temperature_K = np.full(padded, job["temperature_K"])
        self.lanes = np.zeros(self.model.buffer_size)
        self.i, self.v, self.emf, self.r, self.heat = (np.zeros(padded) for _ in range(5))
        self.voltage_V = np.zeros(len(self.current_A))

    def __call__(self) -> Floats:
        """Do the hour from the start; return the voltage of the first cell at each second's end."""
        model, lanes, ones = self.model, self.lanes, np.ones(self.n_cells)
        model.init(lanes, self.soc_0 * ones, ones, ones, self.temperature_K, 1.0)
        status = 0
        for k, current in enumerate(self.current_A):
            if status & REFRESH or k % REFRESH_S == 0:
                model.refresh(lanes, self.temperature_K, 1.0)
            self.i[:] = current
            model.port(lanes, self.temperature_K, 1.0, self.i, self.emf, self.r)
            np.multiply(self.r, self.i, out=self.v)
            np.subtract(self.emf, self.v, out=self.v)
            status = model.advance(lanes, self.temperature_K, 1.0, self.i, self.v, self.heat)
            self.voltage_V[k] = self.v[0]
        return self.voltage_V


def power_profile(job: dict[str, Any], voltage_V: Floats, n_cells: int, path: Path) -> Path:
    """Write the power that makes every cell carry the job's current, after a rest for contactors.

    Parameters
    ----------
    job : dict
    voltage_V : float64 (3600,)
        Of the cell alone, at each second's end [V].
    n_cells : int
    path : Path
        File to write.
    """
    power_W = n_cells * voltage_V * np.array(job["current_A"])
    rows = enumerate([*[0.0] * LEAD_S, *power_W.tolist(), 0.0])
    text = "".join(f"{k},{value!r}\n" for k, value in rows)
    path.write_text(f"time_s,power_W\n{text}", encoding="utf-8")
    return path


def overrides(job: dict[str, Any], cell: Path, power: Path, size: Size, bms: str) -> list[str]:
    """Return what makes `ev_us06` a pack of `size` that does the job in steps of 1 s.

    Busbars, cables and contactors have no resistance, so that the power reaches the cells; the
    joint of each cell has, and cells differ as in the scenario (a single cell does neither).
    """
    modules, groups, cells = size
    n_cells = modules * groups * cells
    in_step = ("bms", "ems", "record", *(f"sensors.{name}" for name in FAST_SENSORS))
    alone = [f"cell.spread.{name}=0" for name in ("capacity", "resistance", "initial_soc")]
    return [
        f"duration={LEAD_S + job['duration_s']} s", "step=1 s", "record.checkpoint=1 h",
        f"site.modules_per_rack={modules}", f"site.groups_per_module={groups}",
        f"site.cells_per_group={cells}", f"layout.columns={min(groups, 6)}",
        f"cell.parameters={json.dumps(str(cell))}", f"cell.initial_soc={job['soc_0']}",
        "wiring.link_resistance=0 ohm", "wiring.rack_resistance=0 ohm",
        "wiring.contactor.resistance=0 ohm", f"wiring.fuse.rating={40 * cells} A",
        f"wiring.fuse.least_melting_current={80 * cells} A",
        "pcs.lag=0 s", f"pcs.rated_power={10.0 * n_cells * job['capacity_Ah']} W",
        f"pcs.voltage_min={modules * groups} V",
        f"environment.demand={{kind: power, profile: {json.dumps(str(power))}, column: power}}",
        f"bms.use={bms}", "ems.use=idle", "ems.options={}",
        *(f"{part}.period=1 s" for part in in_step),
        *([*alone, "wiring.joint_resistance=0 ohm"] if n_cells == 1 else []),
    ]  # fmt: skip


class Pack:
    """A pack behind its PCS, past its switching transients; a call does the hour."""

    def __init__(self, setting: list[str], is_plant_alone: bool) -> None:
        self.engine = twin.build(twin.load_scenario("ev_us06", setting))
        self.engine.run(1000 * LEAD_S)
        self._start = self.engine.snapshot()
        environment, duration_s = self.engine.environment, round(self.engine.clock.end / 1000)
        seconds = range(LEAD_S, duration_s)
        self._power_W = [environment.at(float(second)).demand_W for second in seconds]
        self.is_plant_alone = is_plant_alone
        self.voltage_V = np.zeros(len(seconds))

    def __call__(self) -> Floats:
        """Do the hour from the start; return the mean cell voltage at each second's end."""
        engine, plant = self.engine, self.engine.plant
        engine.restore(self._start)
        at, cell_V = plant.topology.cell_slot, plant.cells.voltage_V
        for k, power_W in enumerate(self._power_W):
            if self.is_plant_alone:
                tick = 1000 * (LEAD_S + k)
                plant.control.setpoint_W[0] = power_W
                plant.advance(tick, tick + 1000)
            else:
                engine.step()
            self.voltage_V[k] = cell_V[at].mean()
        return self.voltage_V


def measure(job: dict[str, Any], cell: Path, folder: Path) -> list[dict[str, Any]]:
    """Time the cell alone and every pack; rows as those of `validation.peers.theirs`."""
    alone = CellAlone(job, cell)
    reference_V = alone().copy()
    rows = []
    for size in SIZES:
        n_cells = int(np.prod(size))
        power = power_profile(job, reference_V, n_cells, folder / f"power_{n_cells}.csv")
        named: list[tuple[str, Callable[[], Any]]] = [
            (CELLS, lambda n=n_cells: CellAlone(job, cell, n))
        ]
        for name, bms in PACKS.items():
            if n_cells == 1 and bms == "reference":
                continue  # its current sensor is made for a pack: it disconnects a single cell
            setting = overrides(job, cell, power, size, bms)
            named.append((name, lambda s=setting, name=name: Pack(s, name == PLANT)))
        for name, make in named:
            rows.append({"tool": "packtwin", "model": "circuit, 2 RC", "mode": name})
            rows[-1] |= {"cells": n_cells, "is_same_cell": True} | _timed(make)
    return rows


def _timed(make: Callable[[], Any]) -> dict[str, Any]:
    """Build and call once, so that everything is compiled; then time building and calls."""
    make()()
    made: list[Any] = []
    setup_s = cpu_s(lambda: made.append(make()))
    first_s = cpu_s(made[0])
    row: dict[str, Any] = {"setup_s": setup_s, "first_s": first_s}
    return row | timed(made[0]) | {"voltage_V": made[0]().tolist()}


def main(arguments: list[str]) -> int:
    """Write the rows; with ``--compile``, instead, how long the first of all runs takes."""
    is_first = "--compile" in arguments
    paths = [Path(argument) for argument in arguments if argument != "--compile"]
    if len(paths) != 3:
        raise SystemExit("usage: python -m validation.peers.ours [--compile] JOB CELL RESULT")
    job_path, cell, result = paths
    job = json.loads(job_path.read_text(encoding="utf-8"))
    document: dict[str, Any] = {"versions": {"packtwin": version("packtwin")}}
    if is_first:
        power = power_profile(job, CellAlone(job, cell)(), 192, result.with_suffix(".csv"))
        setting = overrides(job, cell, power, SIZES[1], "unprotected")
        document["compile_s"] = cpu_s(lambda: Pack(setting, is_plant_alone=False)())
    else:
        document["rows"] = measure(job, cell, result.parent)
    result.write_text(json.dumps(document), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
