"""The job that `make bench-peers` times is one job, and the table says so only if it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from packs.calibration import chain
from validation.peers import compare, job, ours, stopwatch, theirs


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return job.write_job(tmp_path_factory.mktemp("peers"))


@pytest.fixture(scope="module")
def hour(files: tuple[Path, Path]) -> dict[str, Any]:
    return json.loads(files[0].read_text(encoding="utf-8"))


def exact_voltage(hour: dict[str, Any]) -> np.ndarray:
    """Return the voltage at each second's end: exponentials, and the OCV read every second."""
    tau_s, r_ohm, soc = np.array(hour["tau_s"]), np.array(hour["r_ohm"]), hour["soc_0"]
    decay, pairs_V, voltage_V = np.exp(-1.0 / tau_s), np.zeros(2), []
    for current in hour["current_A"]:
        soc -= current / (3600.0 * hour["capacity_Ah"])
        pairs_V = decay * pairs_V + r_ohm * (1.0 - decay) * current
        ocv_V = np.interp(soc, hour["ocv_soc"], hour["ocv_V"])
        voltage_V.append(ocv_V - pairs_V.sum() - hour["r0_ohm"] * current)
    return np.array(voltage_V)


def test_current_is_held_within_rating_and_window_with_rests(hour: dict[str, Any]) -> None:
    current_A, capacity_As = np.array(hour["current_A"]), 3600.0 * hour["capacity_Ah"]
    held = np.diff(theirs.edges(current_A))
    soc = hour["soc_0"] - np.cumsum(current_A) / capacity_As
    assert len(current_A) == 3600
    assert held[:-1].min() >= job.SHORTEST_S  # the last level ends with the hour
    assert -0.7 <= current_A.min() * 3600 / capacity_As < -0.5
    assert 0.8 < current_A.max() * 3600 / capacity_As <= 1.0
    assert 0.1 < np.mean(current_A == 0.0) < 0.5
    assert job.SOC_MIN < soc.min() and soc.max() < job.SOC_MAX
    assert np.array_equal(current_A, job.profile(capacity_As))


def test_the_cell_alone_follows_the_exact_solution(
    files: tuple[Path, Path], hour: dict[str, Any]
) -> None:
    alone = ours.CellAlone(hour, files[1])
    # 0.01 mV: between two readings of the tables the OCV runs past a knot along its old slope
    assert compare.rms_mV(alone(), exact_voltage(hour)) < 0.01
    assert np.array_equal(alone().copy(), alone())


@pytest.mark.parametrize("is_plant_alone", [True, False])
def test_a_pack_carries_the_job_in_its_cells(
    files: tuple[Path, Path], hour: dict[str, Any], tmp_path: Path, is_plant_alone: bool
) -> None:
    minutes = hour | {"duration_s": 120, "current_A": hour["current_A"][:120]}
    reference_V = ours.CellAlone(minutes, files[1])().copy()
    power = ours.power_profile(minutes, reference_V, 8, tmp_path / "power.csv")
    setting = ours.overrides(minutes, files[1], power, (1, 4, 2), "unprotected")
    pack = ours.Pack(setting, is_plant_alone)
    assert compare.rms_mV(pack(), reference_V) < compare.RMS_LIMIT_MV
    assert np.array_equal(pack().copy(), pack())


def test_corners_are_the_held_current(hour: dict[str, Any]) -> None:
    current_A = np.array(hour["current_A"])
    time_s, value_A = theirs.corners(current_A)
    middle = np.arange(len(current_A)) + 0.5
    assert np.all(np.diff(time_s) > 0.0)
    assert np.array_equal(np.interp(middle, time_s, value_A), current_A)


def test_both_calibration_loops_are_one() -> None:
    assert stopwatch.chain(50, 0.5) == chain(50, 0.5)


def test_a_tool_that_is_not_there_is_named_with_the_reason(hour: dict[str, Any]) -> None:
    result = theirs.measure(hour, ("no_such_simulator",))
    assert result["rows"] == []
    assert "no_such_simulator" in result["missing"]["no_such_simulator"]


def row(tool: str, mode: str, cells: int, chains: float, off_V: float = 0.0) -> dict[str, Any]:
    return {
        "tool": tool, "model": "circuit", "mode": mode, "cells": cells, "is_same_cell": True,
        "setup_s": 0.0, "first_s": 0.0, "cpu_s": 1.0, "chain_s": 0.1, "chains": chains,
        "voltage_V": [3.7 + off_V] * 3,
    }  # fmt: skip


def test_a_peer_counts_once_for_every_cell() -> None:
    mine = [row("packtwin", compare.BASE_OF_ONE, 1, 0.36), row("packtwin", compare.BASE, 100, 3.6)]
    rows = compare.rows_of(mine, [row("peer", "stepped", 1, 36.0)])["rows"]
    by_cells = {one["cells"]: one for one in rows if one["tool"] == "peer"}
    assert by_cells[1]["ratio"] == pytest.approx(100.0)
    assert by_cells[100]["ratio"] == pytest.approx(1000.0)
    assert by_cells[1]["us_per_cell_step"] == pytest.approx(1000.0)
    assert by_cells[100]["us_per_cell_step"] == pytest.approx(1000.0)
    assert by_cells[100]["times_real_time"] == pytest.approx(10.0)
    assert by_cells[100]["is_computed"] and not by_cells[1]["is_computed"]


@pytest.mark.parametrize(("off_V", "count"), [(1e-3, 0), (5e-3, 1), (float("nan"), 1)])
def test_another_voltage_is_another_job(off_V: float, count: int) -> None:
    mine = [row("packtwin", compare.BASE_OF_ONE, 1, 0.36)]
    comparison = compare.rows_of(mine, [row("peer", "stepped", 1, 36.0, off_V)])
    assert len(compare.disagreements(comparison)) == count


@pytest.mark.slow
def test_pybamm_does_the_same_job(hour: dict[str, Any]) -> None:
    exact_V = exact_voltage(hour)
    for kind in (theirs.PybammKnown, theirs.PybammStepped):
        # 0.1 mV: what the default tolerances of the solver leave
        assert compare.rms_mV(kind(hour, theirs.pybamm_circuit)(), exact_V) < 0.1
