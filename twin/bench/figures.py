"""The figures of ``twin bench``: what is measured, what must be reached, what is aimed at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from packs.plant import Plant
from packs.spec import RailSpec
from twin.bench import engines, module
from twin.bench.machine import calibration_ns, cpu_ns, machine
from twin.bench.plants import READY_TICK, REFRESH_S, STEP_TICKS, running_plant

STEPS = 60
"""Of one call of a plant that is timed."""
LADDERS = (1, 10, 25, 4)
"""Racks, modules per rack, groups per module and cells per group of 1,000 cells on rails."""
RACKS = {100: (1, 5, 10), 1_000: (1, 10, 50), 10_000: (10, 10, 50), 100_000: (100, 10, 50)}
"""Racks, modules per rack and groups per module of so many cells, two in parallel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure.

    Attributes
    ----------
    name : str
    value : float
    unit : str
    must, aim : float
        What has to be reached and what is aimed at.
    more_is_better : bool
    ratio : float
        To the calibration loop: its steps in the time that one cell-step, start or step takes;
        None for what is a ratio itself.
    note : str
        What was timed, the BMS period where there is one.
    """

    name: str
    value: float
    unit: str
    must: float
    aim: float
    more_is_better: bool
    ratio: float | None
    note: str

    @property
    def reached(self) -> bool:
        """Whether what has to be reached is."""
        return bool(self.value >= self.must if self.more_is_better else self.value <= self.must)


def measure(groups: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Measure.

    Parameters
    ----------
    groups : tuple of str, optional
        Of `GROUPS`; all when left out.

    Returns
    -------
    dict
        JSON-ready: ``figures``, ``calibration_ns``, ``machine``, ``versions``.
    """
    from twin.session import versions

    before = calibration_ns()
    _cell_ns.cache_clear()
    wanted = GROUPS if groups is None else {name: GROUPS[name] for name in groups}
    found = [figure for make in wanted.values() for figure in make(before)]
    return {
        "figures": [{**asdict(figure), "reached": figure.reached} for figure in found],
        "calibration_ns": min(before, calibration_ns()),
        "calibration": "one step of x <- 3.9 x (1 - x), each needing the one before",
        "step_s": STEP_TICKS / 1000.0,
        "table_refresh_s": REFRESH_S,
        "machine": machine(),
        "versions": versions(),
    }


def stepper(plant: Plant) -> Callable[[], None]:
    """Return a call that does `STEPS` steps of a plant."""
    clock = {"tick": READY_TICK}

    def call() -> None:
        until = clock["tick"] + STEPS * STEP_TICKS
        plant.advance(clock["tick"], until, STEP_TICKS)
        plant.notices.clear()
        clock["tick"] = until

    return call


@cache
def _cell_ns(cells: int) -> float:
    return cpu_ns(stepper(running_plant(*RACKS[cells])), STEPS * cells)


def _speed(name: str, ns: float, must: float, aim: float, calibration: float, note: str) -> Figure:
    return Figure(
        name=name, value=1e3 / ns, unit="M cell-steps/s", must=must, aim=aim, more_is_better=True,
        ratio=ns / calibration, note=note,
    )  # fmt: skip


def plant_figures(calibration: float) -> Iterator[Figure]:
    """Cells, heat and the split of two parallel cells; how cost grows with cells."""
    note = "plant alone, 60 steps of 1 s a call, tables every 10 s"
    yield _speed("plant, 1,000 cells", _cell_ns(1_000), 80.0, 150.0, calibration, note)
    yield _speed("plant, 100,000 cells", _cell_ns(100_000), 50.0, 100.0, calibration, note)
    ladders = running_plant(*LADDERS, RailSpec(segment_ohm=5e-5, opposite_ends=True))
    yield _speed(
        "with ladder joints", cpu_ns(stepper(ladders), STEPS * 1_000), 40.0, 80.0, calibration,
        "1,000 cells, 4 a group on rails of 0.05 mohm from cell to cell, opposite ends; as above",
    )  # fmt: skip
    cells = np.array(list(RACKS))
    cost = np.array([_cell_ns(int(n)) * n for n in cells])
    slope = float(np.polyfit(np.log(cells), np.log(cost), 1)[0])
    yield Figure(
        name="exponent of cost in cells", value=slope, unit="", must=1.10, aim=1.03,
        more_is_better=False, ratio=None, note="100 to 100,000 cells",
    )  # fmt: skip


def thread_figures(calibration: float) -> Iterator[Figure]:
    """Two plants on two threads against one after the other, on the wall clock."""
    calls = [stepper(running_plant(*RACKS[10_000])) for _ in range(2)]
    best = 0.0
    with ThreadPoolExecutor(2) as pool:
        for _ in range(7):
            begin = time.perf_counter()
            for call in calls:
                call()
            alone = time.perf_counter() - begin
            begin = time.perf_counter()
            for done in [pool.submit(call) for call in calls]:
                done.result()
            best = max(best, alone / (time.perf_counter() - begin))
    yield Figure(
        name="two plants on two threads", value=best, unit="x", must=1.7, aim=1.9,
        more_is_better=True, ratio=None, note="10,000 cells each, 60 steps a call",
    )  # fmt: skip


def engine_figures(calibration: float) -> Iterator[Figure]:
    """Sensors, filter and recorder beside the plant; the start of a process."""
    ns = engines.unrecorded_ns()
    note = "1,000 groups of 2, reference BMS and sensors every 1 s, EMS every 5 s, unrecorded"
    yield _speed("with sensors and BMS", ns, 25.0, 40.0, calibration, note)
    yield Figure(
        name="with sensors, BMS and recorder", value=engines.times_real(100) * 2000.0 / 1e6,
        unit="M cell-steps/s", must=8.0, aim=15.0, more_is_better=True, ratio=None,
        note="1,000 groups of 2, all channels recorded every 1 s, two cores, wall time",
    )  # fmt: skip
    yield Figure(
        name="1,000-cell rack, all recorded", value=engines.times_real(50), unit="x real time",
        must=5_000.0, aim=10_000.0, more_is_better=True, ratio=None,
        note="reference BMS and a row of all channels every 1 s, EMS every 5 s, wall time",
    )  # fmt: skip
    start_s = engines.start_s()
    yield Figure(
        name="process start to first step", value=start_s, unit="s", must=1.5, aim=1.0,
        more_is_better=False, ratio=1e9 * start_s / calibration, note="CPU time, kernels on disk",
    )  # fmt: skip


def step_figures(calibration: float) -> Iterator[Figure]:
    """The latency of one step with the BMS every 10 ms."""
    for groups in (96, 300):
        for name, value, must, aim in zip(
            ("p50", "p99.9"), engines.latencies_us(groups), (300.0, 2000.0), (60.0, 300.0),
            strict=True,
        ):  # fmt: skip
            yield Figure(
                name=f"one step, {groups} groups, {name}", value=value, unit="us", must=must,
                aim=aim, more_is_better=False, ratio=1e3 * value / calibration,
                note="reference BMS every 10 ms, wall time",
            )  # fmt: skip


def module_figures(calibration: float) -> Iterator[Figure]:
    """An hour in which all cells of a module run away."""
    speed, ran, last_s = module.burning_speed()
    yield Figure(
        name="1,000-cell module, runaway of all", value=speed, unit="x real time", must=3_000.0,
        aim=6_000.0, more_is_better=True, ratio=1e9 / speed / calibration,
        note=f"an hour of the plant alone: 125 groups of 8 with gas, steps of 1 s, 100 ms on alert;"
        f" {ran:,} cells ran away, the last one after {last_s:.0f} s; CPU time",
    )  # fmt: skip


def cold_figures(calibration: float) -> Iterator[Figure]:
    """What reactions and gas cost while nothing is hot."""
    bare, more = module.cold_ns()
    yield Figure(
        name="runaway fitted, nothing hot", value=more, unit="ns/cell-step more", must=3.0, aim=1.0,
        more_is_better=False, ratio=None,
        note=f"the same module at rest, 60 steps of 1 s a call, beside {bare:.1f} ns without",
    )  # fmt: skip


GROUPS: dict[str, Callable[[float], Iterator[Figure]]] = {
    "plant": plant_figures,
    "threads": thread_figures,
    "engine": engine_figures,
    "step": step_figures,
    "runaway_module": module_figures,
    "runaway_cold": cold_figures,
}
"""What can be measured by itself: ``twin bench step``."""
