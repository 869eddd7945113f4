"""A module that burns, and one that could: what thermal runaway costs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from packs.plant import Plant

CELLS = 1000
HOUR_TICKS, MINUTE_TICKS = 3_600_000, 60_000
HEATER_W, HEATED_TICKS = 200.0, 300_000
KINDS = (
    "group_voltage", "temperature", "rack_current", "rack_voltage", "bus_voltage", "coolant",
    "ambient", "insulation",
)  # fmt: skip
RELIEF = "relief: {kind: burst_disc, pressure: 1.2 bar, area: 20 cm^2, discharge: 0.7}"
MODULE = (
    "duration=1 h", "step=1 s", "alert_step=100 ms", "cell.table_refresh=10 s",
    "site.groups_per_module=125", "site.cells_per_group=8", "layout.columns=25",
    "module={enclosure: {free_volume: 40 L, wall_conductance: 10 W/K, "
    f"combustion: {{ignition_temperature: 600 degC}}, {RELIEF}}}, "
    "ejecta: {direction: sideways, absorbed: 0.2}}",
    "pcs.voltage_min=300 V", "pcs.rated_power=1 kW", "environment.demand.power=0 W",
    "bms={use: unprotected, period: 1 s, options: {}}",
    "ems={use: idle, period: 1 s, options: {}}",
    *(f"sensors.{kind}.period=10 s" for kind in KINDS),
    "faults=[]", "record.period=10 min", "record.block=1 h", "record.checkpoint=1 h",
)  # fmt: skip
"""`runaway_parallel` with 1,000 cells in one module, its gas, and controllers that do nothing."""
COLD = ("cell.runaway=null", "module=null")
"""The same without any of it."""
STEPS, REPEATS = 60, 150
"""Steps of one call that is timed, and how often."""


def module_plant(overrides: tuple[str, ...] = ()) -> Plant:
    """Return the plant of `MODULE`, at rest; no controllers are attached to it."""
    from twin.build import build
    from twin.scenarios.load import load_scenario

    plant = build(load_scenario("runaway_parallel", (*MODULE, *overrides))).plant
    plant.control.ambient_K[0] = plant.control.inlet_K[0] = plant.spec.initial_temperature_K
    plant.advance(0, 1, 1)  # all that it needs is compiled
    return plant


def burn_module(plant: Plant) -> tuple[int, float]:
    """Set off the first cell of a module, for an hour.

    Returns
    -------
    int
        How many cells ran away.
    float
        When the last one did [s].
    """
    slot = plant.topology.cell_slot[0]
    plant.overlay.heater_W[slot] = HEATER_W
    plant.alert(1)
    for tick in range(0, HOUR_TICKS, MINUTE_TICKS):
        if tick == HEATED_TICKS:
            plant.overlay.heater_W[slot] = 0.0
            plant.alert(tick)
        plant.advance(max(tick, 1), tick + MINUTE_TICKS, 1000)
    ran = [notice.tick for notice in plant.notices if notice.code == "cell_runaway"]
    return len(ran), max(ran, default=0) / 1000.0


def burning_speed() -> tuple[float, int, float]:
    """Return how many times real time, in CPU time, and what `burn_module` returns."""
    best, ran, last_s = 0.0, 0, 0.0
    for _ in range(3):
        plant = module_plant()
        begin = time.process_time()
        ran, last_s = burn_module(plant)
        best = max(best, HOUR_TICKS / 1000.0 / (time.process_time() - begin))
    return best, ran, last_s


def cold_ns() -> tuple[float, float]:
    """Return the CPU time of a cell and step of 1 s without runaway, and what it costs more [ns].

    The least of many calls of each of two plants, in turn: so both meet the same moods of the
    machine.
    """
    plants = [module_plant(COLD), module_plant()]
    best = np.full(2, np.inf)
    tick = MINUTE_TICKS
    for plant in plants:
        plant.advance(1, tick, 1000)
    for _ in range(REPEATS):
        for k, plant in enumerate(plants):
            begin = time.process_time_ns()
            plant.advance(tick, tick + 1000 * STEPS, 1000)
            best[k] = min(best[k], time.process_time_ns() - begin)
        tick += 1000 * STEPS
    bare, fitted = best / (STEPS * CELLS)
    return float(bare), float(fitted - bare)
