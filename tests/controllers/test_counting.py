"""Coulomb counting is exact: no charge is lost to rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from controllers.contract_rig import make_measurements, make_pack, make_view
from controllers.counting import add_charge
from controllers.ports import HostMode, HostRequest
from controllers.reference_bms import ReferenceBms


def test_sum_of_many_small_charges_equals_the_exact_sum() -> None:
    rng = np.random.default_rng(5)
    current_A = rng.normal(2.0, 4.0, 20_000)
    current_A[::1000] *= 1e6  # a huge charge in and out again must not swallow the small ones
    current_A[1::1000] = -current_A[::1000]
    total, rest, exact = 0.0, 0.0, Fraction(0)
    for i in current_A:
        total, rest = add_charge(total, rest, i, 0.01)
        exact += Fraction(float(i * 0.01))
    assert total + rest == pytest.approx(float(exact), rel=4e-16)


def test_counted_soc_is_start_minus_charge_over_capacity() -> None:
    pack = make_pack((4,))
    bms = ReferenceBms(pack, {"step_s": 0.1})
    view = make_view(bms.fields)
    start = bms.step(0.0, make_measurements(pack), view).group_soc_counted.copy()
    message = make_measurements(pack, current_A=6.0)
    for k in range(1, 5001):
        command = bms.step(k * 0.1, message, view)
    capacity_As = bms.describe()["filter_capacity_As"] * pack.cells_per_group
    # 500 s at 6 A; the clock itself (k * 0.1) rounds at 1e-13.
    assert start - command.group_soc_counted == pytest.approx(6.0 * 500.0 / capacity_As, abs=1e-12)


def test_bleed_current_is_counted_too() -> None:
    pack = make_pack((4,))
    bms = ReferenceBms(pack, {"step_s": 1.0, "balancing": {"rest_s": 0.0}})
    view = make_view(bms.fields)
    parked = HostRequest(mode=HostMode.STANDBY)
    message = make_measurements(pack, voltage_V=[3.7, 3.7, 3.7, 3.75], host=parked)
    message.contactor_feedback = np.zeros((0, 3), dtype=np.bool_)  # not fitted
    start = bms.step(0.0, message, view).group_soc_counted.copy()
    for k in range(1, 101):
        command = bms.step(float(k), message, view)
    assert command.bleed.tolist() == [False, False, False, True]
    lost = start - command.group_soc_counted
    capacity_As = bms.describe()["filter_capacity_As"] * pack.cells_per_group
    assert lost[:3].tolist() == [0.0, 0.0, 0.0]
    assert lost[3] == pytest.approx(100.0 * 3.75 / 33.0 / capacity_As, rel=0.02)  # first step open
