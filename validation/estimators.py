"""The reference BMS's SOC filter on driving that its tuning never saw, over ten packs.

Each seed draws other cells and other sensor errors. The filter starts 20 points too low; what
counts is when every group is within 3 points, and how far the estimates are off afterwards. Truth
is the mean over the cells of a group.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twin.build import build
from twin.scenarios.load import load_scenario
from validation.case import Claim, at_most

SEEDS = tuple(range(1, 11))
START_ERROR = -0.20
SETTLED_S = 300.0
WITHIN_POINTS = 3.0
RMSE_POINTS = 1.5
SOURCE = "truth: packtwin's own plant, scenario ev_us06; limits: set before the filter was tuned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """SOC errors of one run.

    Attributes
    ----------
    time_s : float64 (rows,), [s]
    error : float64 (rows, groups)
        Estimate minus truth, in points.
    inside : float
        Part of the settled estimates whose truth lies within three of their sigmas.
    alarms : int
        Events of the run, of which a healthy pack has none.
    """

    time_s: np.ndarray
    error: np.ndarray
    inside: float
    alarms: int


def record(seed: int, overrides: tuple[str, ...] = ()) -> Record:
    """Drive `ev_us06` with one seed and note the error of every group once a second."""
    options = f"bms.options={{initial_soc_offset: {START_ERROR}}}"
    engine = build(load_scenario("ev_us06", [f"seed={seed}", options, *overrides]))
    cells = engine.plant.topology.cells_per_group
    times, errors, sigmas = [], [], []
    while engine.tick < engine.clock.end:
        engine.step()
        if engine.tick % 1000 == 0:
            truth = engine.cell_soc().reshape(-1, cells).mean(axis=1)
            times.append(engine.tick / 1000.0)
            errors.append(100.0 * (engine.bms_port.out.soc - truth))
            sigmas.append(100.0 * engine.bms_port.out.soc_std)
    time_s, error = np.array(times), np.array(errors)
    settled = time_s >= SETTLED_S
    inside = np.abs(error[settled]) <= 3.0 * np.array(sigmas)[settled]
    return Record(
        time_s=time_s, error=error, inside=float(inside.mean()), alarms=len(engine.events)
    )


def run(data_dir: str | Path | None = None, workers: int = 2) -> list[Claim]:
    """Hold the filter against its bars, the worst of ten seeds each time.

    Parameters
    ----------
    data_dir : str or Path, optional
        Not needed.
    workers : int, processes

    Returns
    -------
    list of Claim
    """
    with ProcessPoolExecutor(workers) as pool:
        return claims(list(pool.map(record, SEEDS)))


def claims(records: list[Record]) -> list[Claim]:
    """Return the claims that a set of records supports, each by its worst record."""
    note = f"{len(records)} seeds of cells and sensors, 96 groups, BMS every 0.1 s, from -20 points"
    late = [np.abs(r.error[r.time_s >= SETTLED_S]) for r in records]
    return [
        at_most(
            "largest SOC error of any group from 5 min on",
            max(float(e.max()) for e in late), "points", WITHIN_POINTS, SOURCE, note,
        ),
        at_most(
            "largest SOC RMSE of any group from 5 min on",
            max(float(np.sqrt((e**2).mean(axis=0)).max()) for e in late), "points", RMSE_POINTS,
            SOURCE, note,
        ),
        at_most(
            "part of the estimates outside their own three sigmas",
            1.0 - min(r.inside for r in records), "", 0.05, SOURCE, note,
        ),
        at_most(
            "alarms of a healthy pack", max(float(r.alarms) for r in records), "", 0.0, SOURCE, note
        ),
    ]  # fmt: skip
