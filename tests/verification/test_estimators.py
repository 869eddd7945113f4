"""The BMS's SOC filter against the plant: parameters, cells and sensors that it does not know."""

from __future__ import annotations

import numpy as np
import pytest

from validation.estimators import SETTLED_S, claims, record, run


def test_the_filter_finds_its_way_from_20_points_below():
    # A coarser plant step than the shipped one: the filter sees the same current, 8 min suffice.
    # Twice the bars would hide a broken filter; the bars themselves are the tolerance.
    short = record(11, ("duration=8 min", "step=100 ms", "alert_step=50 ms"))
    assert np.abs(short.error[short.time_s >= SETTLED_S]).max() <= 3.0
    assert all(claim.passed for claim in claims([short])), claims([short])


@pytest.mark.slow
def test_the_filter_meets_its_bars_over_ten_packs():
    assert [claim for claim in run() if not claim.passed] == []
