"""Whole engines to time: sensors, BMS, recorder, one step at a time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from twin.engine import Engine

RACK = (
    "site.racks=1", "site.modules_per_rack=10", "layout.columns=10", "duration=4 h",
    "pcs.voltage_min=1 kV", "pcs.rated_power=6 kW", "environment.load.peak=3 kW",
    "environment.pv.rated_power=3 kW", "wiring.fuse.rating=60 A",
    "wiring.fuse.least_melting_current=96 A",
)  # fmt: skip
"""One rack of `site_day`; its EMS decides every 5 s."""
RECORDED = (*RACK, "record.period=1 s", "record.block=10 min", "record.checkpoint=1 h")
"""Everything recorded every second."""
UNRECORDED = (
    *RACK, "site.groups_per_module=100", "record.period=1 h", "record.block=1 h",
    "record.checkpoint=1 h",
)  # fmt: skip
"""2,000 cells in 1,000 groups, a row an hour."""
LATENCY = (
    "site.modules_per_rack={modules}", "step=10 ms", "bms.period=10 ms", "ems.period=10 ms",
    "sensors.group_voltage.period=10 ms", "sensors.rack_current.period=10 ms",
    "sensors.rack_voltage.period=10 ms", "sensors.bus_voltage.period=10 ms",
    "pcs.voltage_min=100 V", "faults=[]", "record.period=1 s",
)  # fmt: skip
"""`ev_us06_short` with everything that the BMS watches every 10 ms."""
SETTLED_S = 20.0
"""The contactors have closed by then."""


def engine_of(name: str, overrides: tuple[str, ...]) -> Engine:
    """Return the engine of a shipped scenario with overrides, past its switching."""
    from twin.build import build
    from twin.scenarios.load import load_scenario

    engine = build(load_scenario(name, overrides))
    engine.run(round(SETTLED_S * 1000.0))
    return engine


def times_real(groups_per_module: int, minutes: float = 20.0) -> float:
    """Return how many times real time a recorded rack of 10 modules runs, on the wall clock."""
    from twin.scenarios.load import load_scenario
    from twin.session import start_run

    with tempfile.TemporaryDirectory() as folder:
        size = (f"site.groups_per_module={groups_per_module}",)
        scenario = load_scenario("site_day", (*RECORDED, *size))
        engine = start_run(scenario, Path(folder) / "rack.h5", force=True)
        engine.run(round(SETTLED_S * 1000.0))
        best = 0.0
        for _ in range(3):
            begin, first = time.perf_counter(), engine.tick
            engine.run(first + round(minutes * 60_000.0))
            best = max(best, (engine.tick - first) / 1000.0 / (time.perf_counter() - begin))
        engine.recorder.end_as("measured", 0)
    return best


def unrecorded_ns() -> float:
    """Return the CPU time of sensors, filter, BMS and plant for one cell and second [ns]."""
    from twin.bench.machine import cpu_ns

    engine = engine_of("site_day", UNRECORDED)

    def minute() -> None:
        for _ in range(60):
            engine.step()

    return cpu_ns(minute, 60 * engine.plant.topology.n_cells)


def latencies_us(groups: int, steps: int = 3000) -> tuple[float, float]:
    """Return median and 99.9th percentile of one step with the BMS at 10 ms, wall time [us]."""
    overrides = tuple(text.format(modules=groups // 12) for text in LATENCY)
    engine = engine_of("ev_us06_short", overrides)
    taken = np.empty(steps)
    for k in range(steps):
        begin = time.perf_counter_ns()
        engine.step()
        taken[k] = time.perf_counter_ns() - begin
    return tuple(np.percentile(taken, (50.0, 99.9)) / 1000.0)  # type: ignore[return-value]


FIRST_STEP = """
import time
import twin
engine = twin.build(twin.load_scenario("site_day"))
engine.step()
print(time.process_time())
"""


def start_s() -> float:
    """Return the CPU time from the start of a process to its first step, kernels on disk [s]."""
    command = [sys.executable, "-c", FIRST_STEP]
    found = [
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    return min(found)
