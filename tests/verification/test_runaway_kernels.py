"""The integrator of one node: closed forms, energy, order, extremes, gate, arrays of nodes."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cell_models import runaway, runaway_laws
from cell_models.contract import NOT_FINITE
from cell_models.runaway_params import Law, load_runaway_params, parameter_names
from cell_models.runaway_tables import amounts, kernel_tables
from validation.runaway.cells import FIRST_ORDER, one_step
from validation.runaway.line import chain, follow, lone_cell, oven_sink

ROOT = Path(__file__).resolve().parents[2]
SETS = parameter_names()

# ---- laws at constant temperature ----------------------------------------------------------------


@pytest.mark.parametrize("kh", [1e-6, 0.1, 3.0, 50.0])
def test_logistic_is_the_exact_solution(kh: float) -> None:
    exact = solve_ivp(lambda _, x: -x * (1 - x), (0, kh), [0.96], rtol=1e-12, atol=1e-30)
    assert runaway_laws.logistic(0.96, kh) == pytest.approx(exact.y[0, -1], rel=1e-9)


@pytest.mark.parametrize("kh", [1e-6, 1.0, 1e3, 1e8])
def test_passivated_anode_converges_to_its_film_law(kh: float) -> None:
    """Over many pieces; film and reactant together are conserved."""
    total, z0, pieces = 0.75 + 0.033, 0.033, 4000
    x, edges = 0.75, np.concatenate([[0.0], np.geomspace(1e-9 * kh, kh, pieces)])
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        x = runaway_laws.passivated(x, b - a, total - x, 0.5, z0)
    exact = solve_ivp(
        lambda s, u: -np.exp(s) * u * np.exp(-(total - u) / z0),  # s = ln(k t)
        (math.log(1e-12 * kh), math.log(kh)), [0.75], method="Radau", rtol=1e-10, atol=1e-14,
    )  # fmt: skip
    assert x == pytest.approx(exact.y[0, -1], rel=1e-4)


@pytest.mark.parametrize("kh", [1e-9, 1.0, 1e9, 1e25])
def test_passivated_anode_in_one_piece_solves_its_equation(kh: float) -> None:
    x, z, growth, z0 = 0.75, 0.033, 0.5, 0.033
    y = runaway_laws.passivated(x, kh, z, growth, z0)
    assert 0.0 <= y <= x
    if y > 0.0:
        exponent = kh * math.exp(-(z + growth * (x - y)) / z0)
        assert math.log(y / x) == pytest.approx(-exponent, rel=1e-9)


def test_saturating_law_is_of_second_order() -> None:
    def end(pieces: int) -> float:
        x = 0.3
        for _ in range(pieces):
            x = runaway_laws.saturating(x, 0.25 / pieces, 50.0, 0.15)
        return x

    exact = end(20_000)
    assert (end(50) - exact) / (end(100) - exact) == pytest.approx(4.0, rel=0.1)


def test_edges_are_sharp_or_smooth() -> None:
    assert runaway_laws.activation(399.9, 400.0, 0.0) == 0.0
    assert runaway_laws.activation(400.0, 400.0, 0.0) == 1.0
    assert runaway_laws.activation(400.0, 400.0, 5.0) == 0.5
    assert runaway_laws.activation(410.0, 400.0, 5.0) == pytest.approx(0.982, abs=1e-3)


def test_relaxation_is_exact_and_loses_what_it_says() -> None:
    T, lost = runaway_laws.relaxed(400.0, 50.0, 1000.0, 2e3, 0.2, 300.0)
    end = 300.0 + 2.0 / 0.2
    assert T == pytest.approx(end + (400.0 - end) * math.exp(-0.2 * 1000.0 / 50.0), rel=1e-13)
    assert lost == pytest.approx(2e3 - 50.0 * (T - 400.0), rel=1e-12)


# ---- energy and extremes ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
def test_a_cell_at_2000_degC_stays_finite_positive_and_closed(name: str) -> None:
    line = lone_cell(load_runaway_params(name), 2273.15)
    follow(line, 60.0, 0.1)
    assert np.isfinite(line.temperature_K).all()
    assert (line.temperature_K > 2000.0).all()
    assert (line.extents >= 0.0).all()
    reacted = line.extents[: len(line.tables.marks)]
    assert (reacted <= line.tables.contents.start[: len(reacted)] + 1e-15).all()
    assert line.closure() <= 2e-14
    assert line.residual() <= 1e-9


@pytest.mark.parametrize("name", SETS)
def test_every_set_releases_what_it_holds(name: str) -> None:
    """From a temperature at which all of its reactions are on, without losses."""
    params = load_runaway_params(name)
    line = lone_cell(params, 620.0)
    follow(line, 3e5, 100.0)
    rise = float(line.temperature_K[0] - 620.0)
    # What is missing is what the film of the anode still holds back, or what is spent: 1e-6 K.
    assert rise == pytest.approx(params.heat_J() / params.cell.heat_capacity_J_per_K, abs=0.3)
    assert line.closure() <= 2e-14


@pytest.mark.parametrize("name", SETS)
def test_no_piece_of_a_step_is_hotter_by_more_than_two_kelvin(name: str) -> None:
    """Halving the pieces changes the peak in an oven by little: they are short enough."""
    params = load_runaway_params(name)
    peaks = []
    for rise_K in (2.0, 1.0):
        line = lone_cell(params, 533.2, sink=oven_sink(params, 7.17, 0.8, 473.15), rise_K=rise_K)
        peaks.append(float(follow(line, 3600.0, 1.0).temperature_K.max()))
    assert peaks[0] == pytest.approx(peaks[1], abs=0.3)


def test_set_f_regenerates_its_sei_and_books_the_heat_net() -> None:
    params = load_runaway_params("nmc_prismatic")
    line = lone_cell(params, 420.0, electrical=False)
    follow(line, 2000.0, 1.0)
    sei, anode = line.extents[0], line.extents[1]
    k_sei = 1.667e15 * math.exp(-1.3508e5 / (8.314 * line.temperature_K[0]))
    made = 5.0 * 0.035 * math.exp(-3.3e4 / (8.314 * line.temperature_K[0])) * anode
    assert sei == pytest.approx(made / k_sei, rel=0.05)  # it decays as fast as it is made
    assert line.released_J.high[0] == pytest.approx(params.reactions[0].energy_J * (0.15 - sei))


def test_the_separator_takes_heat_up() -> None:
    line = lone_cell(load_runaway_params("nmc_prismatic"), 412.0, electrical=False)
    follow(line, 7200.0, 5.0)
    released_J = dict(zip(line.tables.names, line.released_J.high, strict=True))
    assert released_J["separator"] == pytest.approx(-0.0176 * 233.2e3, rel=1e-3)


def test_electrical_energy_once_begun_goes_on_in_the_cold() -> None:
    line = lone_cell(load_runaway_params("nmc_prismatic"), 535.0)
    line.step(1.0)
    left = line.extents[line.tables.names.index("electrical")]
    assert left == pytest.approx(0.9, abs=1e-9)  # evenly over 10 s
    line.temperature_K[:] = 400.0
    line.step(1.0)
    assert line.extents[line.tables.names.index("electrical")] == pytest.approx(0.8, abs=1e-9)
    cold = lone_cell(load_runaway_params("nmc_prismatic"), 400.0)
    cold.step(1.0)
    assert cold.extents[cold.tables.names.index("electrical")] == 1.0


def test_reaction_in_a_cell_is_of_second_order_in_the_step() -> None:
    """At fixed steps, pieces off: error of the temperature against a fine solution."""

    def end(steps: int) -> float:
        line = lone_cell(one_step(**FIRST_ORDER), 450.0, gate_K=0.0, rise_K=1e9)
        for _ in range(steps):
            line.step(120.0 / steps)
        return float(line.temperature_K[0])

    exact = end(64_000)
    assert (end(500) - exact) / (end(1000) - exact) == pytest.approx(4.0, rel=0.1)


# ---- the sweep ----------------------------------------------------------------------------------


def test_cells_in_one_sweep_do_what_each_does_alone() -> None:
    params, start_K = load_runaway_params("lco_18650"), np.array([340.0, 450.0, 500.0, 900.0])
    sink = oven_sink(params, 7.17, 0.8, 298.15)
    together = chain(params, start_K, sink=sink)
    alone = [lone_cell(params, T, sink=sink) for T in start_K]
    for _ in range(200):
        together.step(0.1)
        for one in alone:
            one.step(0.1)
    np.testing.assert_array_equal(together.temperature_K, [one.temperature_K[0] for one in alone])
    np.testing.assert_array_equal(together.extents.reshape(4, -1), [one.extents for one in alone])


def sweep(temperature_K: float, spent: bool = False, **change: float) -> tuple[int, np.ndarray]:
    """Advance one Set K cell by a second; return the status and what is left."""
    tables = kernel_tables(load_runaway_params("lco_18650"))
    extents, energy_J = amounts(tables, np.ones(1))
    extents *= 0.0 if spent else 1.0
    status = runaway.react(
        *tables.reactions, np.array([temperature_K]), np.array([change.get("capacity", 35.4)]),
        extents, energy_J, np.zeros((1, 2)), np.zeros(1), np.zeros((1, 3)), 1.0, runaway.GATE_K,
        runaway.RISE_K, np.zeros(len(tables.names)), np.zeros(len(extents)), np.zeros(1),
    )  # fmt: skip
    return status, extents


def test_cold_and_spent_nodes_do_not_react() -> None:
    _, fresh = sweep(300.0)
    assert sweep(300.0)[0] == 0
    np.testing.assert_array_equal(fresh[:4], [0.15, 0.75, 0.96, 1.0])
    assert sweep(400.0)[0] == runaway.REACTING
    assert sweep(400.0, spent=True)[0] == 0


def test_a_burnt_out_cell_no_longer_counts_as_reacting() -> None:
    """Though its anode dies out behind its film for hours."""
    line = lone_cell(load_runaway_params("lco_18650"), 450.0)
    follow(line, 5 * 3600.0, 10.0)
    tables, extents = line.tables, line.extents.copy()
    assert extents[1] > 1e-5
    status = runaway.react(
        *tables.reactions, line.temperature_K.copy(), line.capacity_J_per_K, extents, line.energy_J,
        np.zeros((1, 2)), np.zeros(1), np.zeros((1, 3)), 0.01, runaway.GATE_K, runaway.RISE_K,
        np.zeros(len(tables.names)), np.zeros(len(extents)), np.zeros(1),
    )  # fmt: skip
    assert status == 0


def test_what_is_not_finite_is_told() -> None:
    assert sweep(400.0, capacity=math.nan)[0] & NOT_FINITE
    assert sweep(math.nan)[0] & NOT_FINITE


@pytest.mark.parametrize("name", SETS)
def test_less_charge_is_less_heat_in_anode_cathode_and_circuit(name: str) -> None:
    params = load_runaway_params(name)
    tables = kernel_tables(params)
    soc = np.array([1.0, 0.5, 0.0, -0.05])
    extents, energy_J = (a.reshape(4, -1) for a in amounts(tables, soc))
    heat_J = dict(zip(tables.names, (extents * energy_J).T, strict=True))
    for key, values in heat_J.items():
        follows = key not in ("sei", "electrolyte", "separator", "film")
        part = np.array([1.0, 0.5, 0.0, 0.0]) if follows else np.ones(4)
        np.testing.assert_allclose(values, values[0] * part, rtol=1e-14)
    np.testing.assert_allclose(
        (extents * energy_J).sum(axis=1), [params.heat_J(z) for z in soc], rtol=1e-13
    )


def test_an_empty_cell_does_not_run_away_where_a_full_one_does() -> None:
    params = load_runaway_params("lco_18650")
    peaks = {}
    for soc in (1.0, 0.1):
        line = lone_cell(params, 298.15, soc=soc, sink=oven_sink(params, 7.17, 0.8, 433.15))
        peaks[soc] = float(follow(line, 2 * 3600.0, 5.0).temperature_K.max())
    assert peaks[1.0] > 750.0
    assert peaks[0.1] < 500.0


@pytest.mark.parametrize(("oven_degC", "is_runaway"), [(148.4, False), (149.1, True)])
def test_a_tenth_of_the_anodes_lithium_alone_moves_the_critical_oven_by_three_kelvin(
    oven_degC: float, is_runaway: bool
) -> None:
    """From 145.86 degC by 2.9 K, within 0.35 K: so charge must scale more than the anode."""
    params = load_runaway_params("lco_18650")
    line = lone_cell(params, 298.15, sink=oven_sink(params, 7.17, 0.8, oven_degC + 273.15))
    line.extents[line.tables.names.index("anode")] *= 0.1
    peak_K = float(follow(line, 6 * 3600.0, 10.0, stop_K=574.0).temperature_K.max())
    assert (peak_K > 573.15) == is_runaway


def test_law_numbers_are_those_of_the_kernels() -> None:
    numbers = [
        runaway.FIRST_ORDER, runaway.LOGISTIC, runaway.PASSIVATED, runaway.SATURATING,
        runaway.STEADY, runaway.TRACED,
    ]  # fmt: skip
    assert [list(Law).index(law) for law in Law] == numbers
    assert [law.name for law in Law] == (
        "FIRST_ORDER LOGISTIC PASSIVATED SATURATING STEADY TRACED".split()
    )


SCRIPT = """
import sys, numpy
from cell_models.runaway_params import load_runaway_params, parameter_names
from validation.runaway.line import chain, oven_sink
found = {}
for name in parameter_names():
    params = load_runaway_params(name)
    sink = oven_sink(params, 7.17, 0.8, 430.0)
    line = chain(params, numpy.array([640.0, 330.0, 450.0]), sink=sink, link_W_per_K=0.3)
    for _ in range(12):
        line.step(0.25)
    found[name] = numpy.concatenate([line.temperature_K, line.extents, line.released_J.high])
numpy.savez(sys.argv[1], **found)
"""


def test_interpreted_and_compiled_kernels_agree_to_the_last_bit(tmp_path: Path) -> None:
    kept = []
    for flag in ("0", "1"):
        out = tmp_path / f"{flag}.npz"
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(out)],
            env=os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": flag},
            check=True,
            timeout=300,
        )
        with np.load(out) as saved:
            kept.append(dict(saved))
    for name, values in kept[0].items():
        np.testing.assert_allclose(
            values, kept[1][name], rtol=1e-13 if sys.platform != "linux" else 0
        )
