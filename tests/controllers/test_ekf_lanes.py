"""The lanes of the filter: groups are apart, tables follow, the covariance stays positive."""

from __future__ import annotations

import numpy as np

from controllers.conditioning import CURRENT, N_RACK_ROWS
from controllers.contract_rig import make_pack, make_view
from controllers.ekf import FilterNoise, GroupFilter
from controllers.ekf_lanes import BEGUN, P00, P01, P02, P11, P12, P22, SOC, SOC_REF, lanes_of
from controllers.ekf_sweep import OCV, REFRESH_S, REPORT_SOC, SOC_DRIFT, filter_sweep
from controllers.filter_params import Mismatch, load_filter_params

COVARIANCE = (P00, P01, P02, P11, P12, P22)


def run_filter(
    groups: tuple[int, ...], voltage_V: np.ndarray, current_A: np.ndarray, step_s: float, **start
) -> tuple[GroupFilter, object]:
    """Step a filter through voltages (n, groups) and rack currents (n, racks)."""
    pack = make_pack(groups)
    filtered = GroupFilter(pack, load_filter_params("lg_m50", Mismatch()), FilterNoise(), **start)
    view = make_view(filtered.fields)
    rows = np.zeros((N_RACK_ROWS, pack.n_racks))
    warm = np.linspace(283.15, 313.15, pack.n_groups)
    for k in range(len(voltage_V)):
        rows[CURRENT] = current_A[k]
        filter_sweep(
            view.filter_state, view.filter_clock, view.bleeding, voltage_V[k], warm,
            pack.rack_first_group, filtered.table, filtered.maps, filtered.constants, rows,
            filtered.estimate, step_s if k else 0.0,
        )  # fmt: skip
    return filtered, view


def test_a_group_gives_the_same_answer_in_any_lane_of_any_rack() -> None:
    rng = np.random.default_rng(5)
    volts = 3.7 + 0.05 * rng.standard_normal((50, 75))
    volts[7:11, 40] = np.nan
    amps = rng.uniform(-8.0, 8.0, (50, 1))
    one, _ = run_filter((75,), volts, amps, 1.0)
    three, _ = run_filter((20, 34, 21), volts, np.repeat(amps, 3, axis=1), 1.0)
    assert np.array_equal(one.estimate[:, :75], three.estimate[:, :75])
    assert np.isfinite(one.estimate[:, :75]).all()


def test_lanes_beyond_the_last_group_and_groups_without_voltage_stay_inert() -> None:
    volts = np.full((200, 33), 3.7)
    volts[:, 5] = np.nan
    filtered, view = run_filter((33,), volts, np.full((200, 1), 4.0), 1.0)
    fields = view.filter_state.reshape(2, -1, 32)
    begun = fields[:, int(BEGUN) // 32, :].reshape(-1)
    assert np.flatnonzero(begun == 0.0).tolist() == [5, *range(33, 64)]
    assert np.isnan(filtered.estimate[[OCV, REPORT_SOC], 5]).all()
    assert np.isnan(filtered.estimate[REPORT_SOC, 33:]).all()
    assert np.isfinite(fields[:, : int(SOC_REF) // 32, :]).all()


def test_the_covariance_stays_positive_definite_whatever_is_measured() -> None:
    """Smallest eigenvalue of the correlation matrix, over hours of abrupt and absurd readings."""
    rng = np.random.default_rng(8)
    n, groups = 4000, 40
    volts = rng.uniform(2.0, 4.5, (n, groups))
    volts[rng.random((n, groups)) < 0.1] = np.nan
    amps = rng.choice([-40.0, 0.0, 0.1, 60.0, np.nan], (n, 1))
    for step_s in (0.01, 1.0, 60.0):
        _, view = run_filter((groups,), volts, amps, step_s, initial_soc=0.5)
        p = [lanes_of(view.filter_state, field, groups) for field in COVARIANCE]
        full = np.array([[p[0], p[1], p[2]], [p[1], p[3], p[4]], [p[2], p[4], p[5]]])
        full = np.moveaxis(full, 2, 0)
        size = np.sqrt(np.einsum("gii->gi", full))
        correlation = full / size[:, :, None] / size[:, None, :]
        assert np.linalg.eigvalsh(correlation).min() > 1e-9


def test_tables_follow_the_state_of_charge_and_are_all_read_within_their_time() -> None:
    step_s, groups = 0.5, 100
    n = round(REFRESH_S / step_s) + 1
    volts = np.full((n + 200, groups), np.nan)
    volts[0] = 3.7
    amps = np.full((n + 200, 1), 8.0)
    _, view = run_filter((groups,), volts, amps, step_s)
    moved = lanes_of(view.filter_state, SOC, groups) - lanes_of(view.filter_state, SOC_REF, groups)
    per_step = 8.0 / 2.0 * step_s / load_filter_params("lg_m50", Mismatch()).capacity_As
    assert np.abs(moved).max() <= SOC_DRIFT + per_step
    # The table points of the blocks are of different ages, none older than the time of one round.
    assert np.abs(moved).max() <= (n + 1) * per_step
