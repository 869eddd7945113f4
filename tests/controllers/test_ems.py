"""The EMS stays inside every limit, whatever it wishes, and says which rule bound it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controllers.contract_rig import make_pack, make_view
from controllers.ems import SimpleEms
from controllers.ports import BmsRequest, EmsCommand, EmsInputs, EmsMode

PACK = make_pack()
HEALTHY = EmsInputs(
    bms_age_s=0.1,
    charge_limit_A=np.full(4, 10.0),
    discharge_limit_A=np.full(4, 20.0),
    voltage_min_V=300.0,
    voltage_max_V=420.0,
    bus_voltage_V=380.0,
    is_connected=True,
    soc=0.6,
    pcs_rated_W=5000.0,
)


def ask(options: dict, **inputs: object) -> EmsCommand:
    ems = SimpleEms(PACK, options)
    return ems.step(0.0, replace(HEALTHY, **inputs), make_view(ems.fields))


def test_profile_is_followed_inside_the_limits() -> None:
    command = ask({}, profile_W=1234.0)
    assert (command.power_W, command.reason, command.mode) == (1234.0, "profile", EmsMode.RUN)


@pytest.mark.parametrize("wish_W", [-9000.0, -3100.0, 0.0, 4900.0, 9000.0])
def test_power_never_exceeds_the_limits_at_the_lowest_voltage(wish_W: float) -> None:
    for rated_W in (4000.0, 50_000.0):
        power_W = ask({}, profile_W=wish_W, pcs_rated_W=rated_W).power_W
        assert -10.0 * 300.0 <= power_W <= 20.0 * 300.0 and abs(power_W) <= rated_W


def test_reason_names_the_rule_that_bound() -> None:
    assert ask({}, profile_W=9e3, pcs_rated_W=4e3).reason == "rating of the PCS"
    assert ask({}, profile_W=9e3, pcs_rated_W=9e3).reason == "discharge limit of the BMS"
    assert ask({}, profile_W=-9e3).reason == "charge limit of the BMS"
    assert ask({"reserve_soc": 0.7}, profile_W=1e3).reason == "reserve"


@pytest.mark.parametrize(
    "lost",
    [
        {"bms_age_s": 3.1},
        {"bms_age_s": np.nan},
        {"is_connected": False},
        {"request": BmsRequest.STOP},
        {"request": 1},
        {"voltage_min_V": np.nan},
        {"discharge_limit_A": np.array([np.nan, 20.0, 20.0, 20.0])},
        {"profile_W": np.nan},
    ],
)
def test_power_is_zero_when_something_is_unknown_or_stopped(lost: dict) -> None:
    assert ask({}, **({"profile_W": 1000.0} | lost)).power_W == 0.0


def test_a_long_period_uses_the_limits_of_a_long_horizon() -> None:
    falling = np.array([20.0, 15.0, 10.0, 2.0])
    assert ask({"step_s": 0.1}, profile_W=9e3, discharge_limit_A=falling).power_W == pytest.approx(
        0.94 * 15.0 * 300.0
    )
    # Near zero not the 6 % of losses count but the standby power of the PCS: 1 % of 5 kW.
    assert ask({"step_s": 30.0}, profile_W=9e3, discharge_limit_A=falling).power_W == pytest.approx(
        2.0 * 300.0 - 0.01 * 5000.0
    )


def test_where_nothing_may_flow_out_the_converter_rests_but_may_still_charge() -> None:
    none = np.zeros(4)
    for wish_W in (0.0, 900.0):
        command = ask({}, profile_W=wish_W, discharge_limit_A=none)
        assert (command.power_W, command.mode) == (0.0, EmsMode.HOLD)
    command = ask({}, profile_W=-900.0, discharge_limit_A=none)
    assert (command.power_W, command.mode) == (-900.0, EmsMode.RUN)
    assert ask({}, profile_W=0.0).mode == EmsMode.RUN


def test_self_consumption_brings_the_grid_exchange_to_its_target() -> None:
    for load_W, pv_W, grid_W in ((1500.0, 400.0, 0.0), (300.0, 2000.0, 0.0), (900.0, 0.0, 200.0)):
        options = {"strategy": "self_consumption", "grid_W": grid_W}
        power_W = ask(options, load_W=load_W, pv_W=pv_W).power_W
        assert load_W - pv_W - power_W == pytest.approx(grid_W)


def test_peak_shaving_caps_the_import_and_recharges_without_a_new_peak() -> None:
    options = {"strategy": "peak_shaving", "threshold_W": 2000.0}
    assert ask(options, load_W=3500.0).power_W == 1500.0
    recharging = ask(options, load_W=500.0)
    assert recharging.power_W < 0.0 and 500.0 - recharging.power_W <= 2000.0
    assert ask(options, load_W=500.0, soc=0.95).power_W == 0.0
    with pytest.raises(ValueError, match="threshold_W"):
        SimpleEms(PACK, {"strategy": "peak_shaving"})


def test_combination_keeps_the_reserve_for_peaks() -> None:
    options = {
        "strategy": "self_consumption+peak_shaving",
        "threshold_W": 2000.0,
        "reserve_soc": 0.3,
    }
    assert ask(options, load_W=1000.0, soc=0.6).power_W == 1000.0
    assert ask(options, load_W=1000.0, soc=0.25).power_W == 0.0
    assert ask(options, load_W=3000.0, soc=0.25).power_W == 1000.0  # only down to the threshold
    assert ask(options, load_W=100.0, pv_W=900.0, soc=0.25).power_W == -800.0


def test_unknown_options_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="strategie"):
        SimpleEms(PACK, {"strategie": "follow"})
    with pytest.raises(ValueError, match="strategy"):
        SimpleEms(PACK, {"strategy": "magic"})
