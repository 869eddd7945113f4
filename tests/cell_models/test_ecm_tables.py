"""Tables and lanes of the ECM: reading, carrying in between, edges, each cell in its own lane."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cell_models.contract import LANES, NOT_FINITE, OK, OUT_OF_RANGE, REFRESH
from cell_models.ecm_lanes import SUM_NAMES, SUMS, TAIL
from cell_models.ecm_params import extended_ocv


def table_ocv(params, soc, temperature_K):
    """Give OCV(z, T) of the extended table."""
    knots, ocv_V, entropic = extended_ocv(params)
    excess_K = temperature_K - params.reference_temperature_K
    return np.interp(soc, knots, ocv_V) + excess_K * np.interp(soc, knots, entropic)


# --- reading and carrying ------------------------------------------------------------------------


def test_after_a_reading_ocv_is_that_of_the_table(lg_m50, bench) -> None:
    soc = np.linspace(-0.09, 1.09, 32)
    for temperature_K in (263.15, 298.15, 320.0):
        cell = bench(lg_m50, soc, temperature_K=temperature_K)
        # One product and one sum of 4 V differ in order.
        expected = table_ocv(lg_m50, soc, temperature_K)
        assert cell.observe()[1] == pytest.approx(expected, rel=0.0, abs=2e-14)


def test_resistance_is_bilinear_in_soc_and_temperature_and_tau_keeps_the_cells_factor_out(
    lg_m50, bench
) -> None:
    soc, temperature_K, factor = 0.52, 290.0, 1.3  # 0.52: a knot of the kernel's axis
    cell = bench(lg_m50, soc, temperature_K=temperature_K, resistance=factor, step_s=2.0)
    axis = lg_m50.table_temperature_K

    def table(layer):
        columns = [np.interp(soc, lg_m50.table_soc, layer[:, k]) for k in range(len(axis))]
        return np.interp(temperature_K, axis, columns)

    assert cell.field("r0_ohm")[0] == pytest.approx(factor * table(lg_m50.r0_ohm), rel=1e-13)
    for pair in range(lg_m50.n_rc):  # 1e-13: interpolation twice, in another order
        r, tau = factor * table(lg_m50.r_ohm[pair]), table(lg_m50.tau_s[pair])
        assert cell.field(f"r{pair + 1}_ohm")[0] == pytest.approx(r, rel=1e-13)
        assert cell.field(f"c{pair + 1}_F")[0] == pytest.approx(tau / r, rel=1e-13)
        assert cell.field(f"a{pair + 1}")[0] == pytest.approx(math.exp(-2.0 / tau), rel=1e-13)
        gain = r * -math.expm1(-2.0 / tau)
        assert cell.field(f"b{pair + 1}_ohm")[0] == pytest.approx(gain, rel=1e-12)  # 1 - a cancels


def test_between_readings_ocv_runs_along_its_slope_and_a_reading_brings_it_back(
    lg_m50, bench
) -> None:
    cell = bench(lg_m50, 0.5025, step_s=1.0)  # in the middle of an interval of 0.005
    knots, ocv_V, _ = extended_ocv(lg_m50)
    m = np.searchsorted(knots, 0.5025) - 1
    slope = (ocv_V[m + 1] - ocv_V[m]) / (knots[m + 1] - knots[m])
    for _ in range(40):
        cell.step(2.0)
        soc, ocv, _, _ = cell.observe()
        carried = ocv_V[m] + slope * (soc[0] - knots[m])
        assert ocv[0] == pytest.approx(carried, rel=0.0, abs=1e-13)  # knots rounded at 1e-12
    assert soc[0] < knots[m]  # it has left the interval, where the table bends
    assert ocv[0] != pytest.approx(table_ocv(lg_m50, soc[0], 298.15), rel=0.0, abs=1e-7)
    cell.refresh()
    assert cell.observe()[1][0] == pytest.approx(table_ocv(lg_m50, soc[0], 298.15), abs=2e-14)


def test_a_reading_of_what_has_moved_leaves_blocks_of_cells_that_have_not(lg_m50, bench) -> None:
    cells = bench(lg_m50, np.full(2 * LANES, 0.5))
    current_A = np.zeros(2 * LANES)
    current_A[3] = 0.006 * lg_m50.capacity_As  # more than an interval of the table in a second
    cells.step(current_A)
    assert cells.status & REFRESH
    cells.temperature_K[:] = 310.0
    cells.model.refresh(cells.lanes, cells.temperature_K, 1.0, False)
    soc, ocv_V, *_ = cells.observe()
    warm_V, cool_V = (table_ocv(lg_m50, soc, kelvin) for kelvin in (310.0, 298.15))
    assert ocv_V[:LANES] == pytest.approx(warm_V[:LANES], rel=0.0, abs=2e-14)
    assert ocv_V[LANES:] == pytest.approx(cool_V[LANES:], rel=0.0, abs=2e-14)
    cells.model.scale_resistance(cells.lanes, LANES + 5, 0.5)
    whole_ohm = cells.field("r0_ohm")[LANES + 5]
    assert not cells.observe()[3].any()  # that it must be read is no news to a file
    cells.model.refresh(cells.lanes, cells.temperature_K, 1.0, False)
    assert cells.field("r0_ohm")[LANES + 5] < 0.6 * whole_ohm
    assert cells.observe()[1][LANES:] == pytest.approx(warm_V[LANES:], rel=0.0, abs=2e-14)


def test_another_step_needs_no_tables(lg_m50, bench) -> None:
    given, read = (bench(lg_m50, 0.5025, step_s=1.0) for _ in range(2))
    for cell in (given, read):
        cell.step(2.0)
    given.model.refresh(given.lanes, given.temperature_K, 0.1, False)
    assert given.field("soc_ref")[0] == 0.5025
    read.refresh(0.1)
    for name in ("a1", "b1_ohm", "a2", "b2_ohm"):  # tau once from the table, once as C R
        assert given.field(name)[0] == pytest.approx(read.field(name)[0], rel=2e-4)
    exact = given.field("a1") - np.exp(-0.1 / (given.field("c1_F") * given.field("r1_ohm")))
    assert exact == pytest.approx(0.0, abs=1e-14)


def test_drifting_by_more_than_a_table_interval_asks_for_a_reading(lg_m50, bench) -> None:
    cell = bench(lg_m50, [0.5, 0.5])
    per_step = 1.0 / lg_m50.capacity_As
    for k in range(1, 200):
        cell.step([0.0, -1.0])
        asked = bool(cell.status & REFRESH)
        assert asked == (k * per_step > 0.005)
    cell.refresh()
    cell.step([0.0, -1.0])
    assert cell.status == OK


def test_a_reading_keeps_the_energy_of_each_rc_pair_when_its_resistance_changes(
    lg_m50, bench
) -> None:
    cell = bench(lg_m50, 0.5, temperature_K=298.15)
    for _ in range(60):
        cell.step(5.0)

    def energy_J():
        pairs = range(1, lg_m50.n_rc + 1)
        return [0.5 * cell.field(f"c{k}_F")[0] * cell.field(f"v{k}_V")[0] ** 2 for k in pairs]

    before, old_F = energy_J(), cell.field("c1_F")[0]
    cell.temperature_K[:] = 275.0
    cell.refresh()
    assert cell.field("c1_F")[0] != pytest.approx(old_F, rel=0.01)
    assert energy_J() == pytest.approx(before, rel=1e-14)  # a square root, squared again


# --- edges of the tables -------------------------------------------------------------------------


def test_beyond_a_table_the_edge_holds_and_the_cell_is_flagged(lg_m50, bench) -> None:
    soc = np.array([0.5, 1.2, -0.2, 0.5, 1.2])
    coldest_K, warmest_K = lg_m50.table_temperature_K[[0, -1]]
    temperature_K = np.array([298.15, 298.15, 298.15, warmest_K + 5.0, coldest_K - 5.0])
    cell = bench(lg_m50, soc, temperature_K=temperature_K)
    assert cell.refresh() == OUT_OF_RANGE
    _, ocv_V, _, validity = cell.observe()
    assert validity.tolist() == [0, 5, 5, 2, 7]  # 1 soc, 2 temperature, 4 resistances
    expected = table_ocv(lg_m50, soc, temperature_K)  # np.interp holds the edges, too
    assert ocv_V == pytest.approx(expected, rel=0.0, abs=2e-14)
    warm = bench(lg_m50, 0.5, temperature_K=warmest_K)
    assert cell.field("r0_ohm")[3] == warm.field("r0_ohm")[0]


@pytest.mark.parametrize("edge", [-0.1, 1.1])
def test_ocv_and_stored_energy_are_continuous_across_the_edge_of_the_table(
    lg_m50, bench, edge
) -> None:
    cell = bench(lg_m50, edge + np.array([-1e-9, 1e-9]))
    _, ocv_V, stored_J, _ = cell.observe()
    assert abs(np.diff(ocv_V)[0]) < 2e-9 * 30.0  # the steepest slope is 25 V per unit of soc
    assert abs(np.diff(stored_J)[0]) < 2e-9 * 4.5 * lg_m50.capacity_As * 1.001


@pytest.mark.parametrize(("soc", "current_A"), [(1.12, -5.0), (1.3, 5.0), (-0.13, 5.0)])
def test_readings_book_nothing_while_a_cell_runs_along_a_held_edge(
    lg_m50, bench, soc, current_A
) -> None:
    """The held OCV is a constant: carried and tabulated energy are the same straight line."""
    cell = bench(lg_m50, soc)
    for k in range(50):
        cell.step(current_A)
        if k % 5 == 4:
            cell.refresh()
    stored_J = abs(cell.observe()[2][0])
    # The differences of two energies of 80 kJ, ten times.
    assert abs(cell.total("refresh_J")) < 10 * 2.3e-16 * max(stored_J, 8e4)


# --- lanes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_cells", [1, 31, 32, 33])
def test_a_cell_gives_the_same_bits_alone_and_in_any_population(lg_m50, bench, n_cells) -> None:
    k = np.arange(n_cells)
    soc, capacity = 0.3 + 0.4 * k / n_cells, 1.0 + 0.05 * np.sin(k)
    resistance, current_A = 1.0 + 0.1 * np.cos(k), 5.0 * np.sin(1.0 + k)
    temperature_K = 290.0 + 0.5 * k

    def run(at):
        cells = bench(
            lg_m50,
            soc[at],
            capacity=capacity[at],
            resistance=resistance[at],
            temperature_K=temperature_K[at],
        )
        for step in range(30):
            voltage_V = cells.step(current_A[at] * (-1) ** (step // 10))
            if step % 7 == 0:
                cells.refresh()
        return voltage_V, cells.heat_W[: cells.n].copy(), cells.field("charge_As")

    together = run(k)
    for at in sorted({0, n_cells // 2, n_cells - 1}):
        for alone, all_of_them in zip(run(np.array([at])), together, strict=True):
            assert alone[0] == all_of_them[at]  # the same instructions on the same numbers


@pytest.mark.parametrize("n_cells", [1, 31, 33])
def test_padding_lanes_carry_nothing_and_count_for_nothing(lg_m50, bench, n_cells) -> None:
    cells = bench(lg_m50, np.full(n_cells, 0.5))
    for _ in range(20):
        cells.step(5.0)
    padded = bench(lg_m50, np.full(len(cells.emf_V), 0.5))  # as wide, and every lane a cell
    for _ in range(20):
        padded.step(np.where(np.arange(padded.n) < n_cells, 5.0, 0.0))
    v1_V = padded.field("v1_V")
    assert np.all(v1_V[:n_cells] != 0.0) and np.all(v1_V[n_cells:] == 0.0)
    assert np.array_equal(cells.lanes, padded.lanes)
    sums = cells.lanes[-TAIL:][: int(SUMS)].reshape(len(SUM_NAMES), LANES)
    used = min(n_cells, LANES)
    for name in ("terminal_J", "heat_J", "dissipated_J"):
        lanes_J = sums[SUM_NAMES.index(name)]
        assert np.all(lanes_J[:used] != 0.0) and np.all(lanes_J[used:] == 0.0)
    alone = bench(lg_m50, 0.5)
    for _ in range(20):
        alone.step(5.0)
    # The lanes of a sum are added in a compensated sum, each the sum of up to two cells.
    expected_J = n_cells * alone.total("terminal_J")
    assert cells.total("terminal_J") == pytest.approx(expected_J, rel=4e-16)


def test_capacity_and_resistance_are_each_cells_own(make_linear_cell, bench) -> None:
    """Half the capacity: soc falls twice as fast. Twice the resistance: twice the drop."""
    cells = bench(make_linear_cell(2), 0.8, capacity=[1.0, 0.5, 1.0], resistance=[1.0, 1.0, 2.0])
    rest_V = 3.0 + 1.2 * 0.8
    for _ in range(50):
        voltage_V = cells.step(4.0)
    fallen = 0.8 - cells.observe()[0]
    assert fallen[1] == pytest.approx(2.0 * fallen[0], rel=1e-12)  # 0.8 - soc cancels two digits
    drop_V = rest_V - 1.2 * fallen - voltage_V
    assert drop_V[1] == pytest.approx(drop_V[0], rel=1e-12)
    assert drop_V[2] == pytest.approx(2.0 * drop_V[0], rel=1e-12)


def test_a_state_that_is_no_number_is_a_status(lg_m50, bench) -> None:
    cells = bench(lg_m50, np.full(3, 0.5))
    cells.step([0.0, math.nan, 0.0])
    assert cells.status & NOT_FINITE
    assert np.isfinite(cells.heat_W[[0, 2]]).all()


def test_a_population_needs_a_cell(lg_m50, bench) -> None:
    with pytest.raises(ValueError, match="n_cells must be at least 1"):
        bench(lg_m50, np.array([]))
