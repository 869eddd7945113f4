"""What counts as a load that ignores the limit it was sent."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.watching import taken_by_load

amperes = st.floats(-500.0, 500.0)


@settings(deadline=None, derandomize=True)
@given(current=amperes, other=amperes)
def test_what_circulates_between_racks_is_no_load(current: float, other: float) -> None:
    """Two racks whose currents cancel: nothing leaves the bus, whatever flows between them."""
    assert taken_by_load(current, current, 0.0, True) == (min(-current, 0.0), min(current, 0.0))
    load_A = current + other
    charging, discharging = taken_by_load(current, current, load_A, True)
    assert discharging <= max(load_A, 0.0) and charging <= max(-load_A, 0.0)


@pytest.mark.parametrize("current", [-40.0, 0.0, 40.0])
def test_a_single_racks_current_is_all_load(current: float) -> None:
    charging, discharging = taken_by_load(current, current, current, True)
    assert max(charging, 0.0) == max(-current, 0.0)
    assert max(discharging, 0.0) == max(current, 0.0)


def test_a_rack_that_precharges_serves_no_load() -> None:
    assert taken_by_load(5.0, 5.0, 5.0, False) == (0.0, 0.0)


def test_while_one_rack_is_not_known_all_of_the_others_current_counts() -> None:
    assert taken_by_load(5.0, 6.0, math.nan, True) == (-6.0, 5.0)
