"""The short cuts of the compiled stages give what the long way gives."""

from __future__ import annotations

import numpy as np
import pytest

from controllers.conditioning import N_RACK_ROWS, V_MEDIAN, bridge, condition_groups
from controllers.ekf_sweep import N_ESTIMATE
from controllers.power_limits import CAPACITY, N_CONSTANTS, V_HIGH0, V_LOW0, headroom, within_window


@pytest.mark.parametrize("n_lost", [0, 3])
def test_fresh_voltages_are_taken_as_bridging_takes_them(n_lost: int) -> None:
    rng = np.random.default_rng(n_lost)
    n = 101
    value, age = rng.uniform(3.0, 4.0, n), rng.uniform(0.0, 1.0, n)
    valid = np.ones(n, dtype=np.bool_)
    valid[:n_lost] = False
    memory = np.vstack([rng.uniform(3.0, 4.0, n), rng.uniform(0.0, 3.0, n)])
    expected = [
        bridge(value[g], valid[g], age[g], memory[0, g], memory[1, g], 0.1, 1.5) for g in range(n)
    ]
    volts, lost, rows = np.zeros(n), np.zeros(n), np.zeros((N_RACK_ROWS, 1))
    condition_groups(value, valid, age, memory, volts, lost, np.array([0, n]), rows, 0.1, 1.5)
    used, held, held_age = np.array(expected).T
    assert np.array_equal(volts, used, equal_nan=True)
    assert np.array_equal(memory, [held, held_age]) and np.array_equal(lost, held_age)
    # The median of an even number of groups is the lower of the two in the middle.
    middle = np.nanquantile(used, 0.5, method="lower")
    assert rows[V_MEDIAN, 0] == pytest.approx(middle, abs=1e-4)


def test_currents_fit_the_window_just_when_headroom_allows_them() -> None:
    rng = np.random.default_rng(3)
    c = np.zeros(N_CONSTANTS)
    c[CAPACITY], c[V_LOW0], c[V_HIGH0] = 18000.0, 2.85, 4.18
    n = 37
    estimate = np.zeros((N_ESTIMATE, n))
    estimate[:5] = rng.uniform([[3.3], [0.5], [0.02], [0.01], [-0.02]],
                               [[3.9], [1.5], [0.03], [0.02], [0.02]], (5, n))  # fmt: skip
    for horizon_s in (0.0, 2.0, 30.0):
        decay = 1.0 - np.exp(-horizon_s / 40.0)
        charge_A, discharge_A = headroom(estimate, 0, n, horizon_s, 40.0, np.inf, np.inf, c)
        assert 0.0 < charge_A < np.inf and 0.0 < discharge_A < np.inf
        for a, b, fits in ((0.999, 0.999, True), (1.001, 0.5, False), (0.5, 1.001, False)):
            wanted = a * charge_A, b * discharge_A
            assert within_window(estimate, 0, n, decay, horizon_s, *wanted, c) is fits
            found = headroom(estimate, 0, n, horizon_s, 40.0, *wanted, c)
            assert found == ((np.inf, np.inf) if fits else (charge_A, discharge_A))
    estimate[0, 5] = np.nan
    assert headroom(estimate, 0, n, 0.0, 40.0, 0.0, 0.0, c) == (0.0, 0.0)
