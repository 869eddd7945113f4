"""Balancing bleeds what stands above the lowest: at rest, above the floor, not too hot."""

from __future__ import annotations

import numpy as np
import pytest

from controllers.contract_rig import make_measurements, make_pack, make_view
from controllers.reference_bms import ReferenceBms

PACK = make_pack((4, 4))
HIGH = [3.70, 3.74, 3.70, 3.70, 3.60, 3.60, 3.60, 3.625]  # 40 and 25 mV above: threshold 30 mV


def bleeds(seconds: int, options: dict | None = None, pack=PACK, **message: object) -> list[bool]:  # noqa: ANN001
    bms = ReferenceBms(pack, {"step_s": 1.0, "balancing": {"rest_s": 60.0} | (options or {})})
    view = make_view(bms.fields)
    for k in range(seconds):
        m = make_measurements(pack, float(k), **({"voltage_V": HIGH} | message))  # type: ignore[arg-type]
        m.contactor_feedback = np.zeros((0, 3), dtype=np.bool_)
        m.bus_voltage_V.value[:] = m.rack_voltage_V.value[0]
        command = bms.step(float(k), m, view)
    return command.bleed.tolist()


def test_groups_above_the_lowest_of_their_rack_bleed_after_the_rest_time() -> None:
    assert not any(bleeds(60))
    assert bleeds(62) == [False, True] + [False] * 6


def test_nothing_bleeds_under_load_when_hot_or_below_the_floor() -> None:
    assert not any(bleeds(100, current_A=4.0))
    assert not any(bleeds(100, temperature_K=320.0))
    assert not any(bleeds(100, {"floor_V": 3.75}))
    assert not any(bleeds(100, {"enabled": False}))


def test_a_bleeding_group_stops_within_the_hysteresis_not_at_the_threshold() -> None:
    bms = ReferenceBms(PACK, {"step_s": 1.0, "balancing": {"rest_s": 0.0}})
    view = make_view(bms.fields)
    seen = []  # while it bleeds, some 3 mV of its own drop are added back
    for k, above_mV in enumerate([0, 25, 35, 25, 21, 15, 25, 35]):
        m = make_measurements(PACK, float(k), voltage_V=[3.7, 3.7 + above_mV * 1e-3] + [3.7] * 6)
        m.contactor_feedback = np.zeros((0, 3), dtype=np.bool_)
        seen.append(bool(bms.step(float(k), m, view).bleed[1]))
    assert seen == [False, False, True, True, True, False, False, True]


def test_hysteresis_above_the_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="hysteresis"):
        ReferenceBms(PACK, {"balancing": {"threshold_V": 0.004}})


def test_noise_about_the_rest_current_delays_the_rest_but_a_load_starts_it_anew() -> None:
    """1C of a group is 10 A: rest is below 0.2 A, and a load is above 0.4 A."""
    bms = ReferenceBms(PACK, {"step_s": 1.0, "balancing": {"rest_s": 60.0}})
    view = make_view(bms.fields)
    began = []
    for loaded_A in (0.3, 0.5):
        for k in range(300):
            current_A = loaded_A if k % 30 == 0 else 0.1
            m = make_measurements(PACK, float(k), voltage_V=HIGH, current_A=current_A)
            m.contactor_feedback = np.zeros((0, 3), dtype=np.bool_)
            m.bus_voltage_V.value[:] = m.rack_voltage_V.value[0]
            if bms.step(float(k), m, view).bleed.any():
                began.append((loaded_A, k))
                break
        view = make_view(bms.fields)
    assert [loaded_A for loaded_A, _ in began] == [0.3]
    assert 60 <= began[0][1] <= 64
