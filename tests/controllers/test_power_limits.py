"""Limits are monotone in what threatens the cells, zero in doubt, quick to fall, slow to rise."""

from __future__ import annotations

import numpy as np
import pytest

from controllers.contract_rig import make_measurements, make_pack, make_view
from controllers.ports import BmsCommand, PackMap
from controllers.reference_bms import ReferenceBms

PACK = make_pack((6, 6))
STEP_S = 1.0


class Running:
    """A reference BMS that has closed its contactors, with the filter held at a state of charge."""

    def __init__(
        self,
        soc: float | None = None,
        pack: PackMap = PACK,
        voltage_V: float = 3.7,
        **options: object,
    ) -> None:
        # A tiny deviation and no process noise keep the filter where the test puts it.
        held = {"initial_soc": soc, "initial_soc_std": 1e-6} if soc is not None else {}
        self.pack = pack
        self.bms = ReferenceBms(pack, {"step_s": STEP_S, **held, **options})
        self.view = make_view(self.bms.fields)
        self.time_s, self.voltage_V = 0.0, voltage_V
        self.step(n=40)

    def step(self, n: int = 1, **message: object) -> BmsCommand:
        for _ in range(n):
            given = {"voltage_V": self.voltage_V} | message
            m = make_measurements(self.pack, self.time_s, **given)  # type: ignore[arg-type]
            m.contactor_feedback = np.zeros((0, 3), dtype=np.bool_)
            m.bus_voltage_V.value[:] = 6.0 * self.voltage_V
            command = self.bms.step(self.time_s, m, self.view)
            self.time_s += STEP_S
        return command


def limits_over(name: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return charge and discharge limits (n, 4) with one quantity swept, all else comfortable."""
    charge, discharge = [], []
    for value in values:
        # Rows of the table are off: this is about the trapezoids and the headroom alone.
        off = {row.code: {"enabled": False} for row in ReferenceBms(PACK)._protection.rows[:-1]}
        running = Running(
            float(value) if name == "soc" else 0.5,
            protection=off,
            limits={"slew_per_s": 10.0},
            noise={"current_A": 0.0, "current_gain": 0.0},
        )
        given = {name: value} if name != "soc" else {}
        command = running.step(n=3, **given)
        charge.append(command.site_charge_limit_A.copy())
        discharge.append(command.site_discharge_limit_A.copy())
    return np.array(charge), np.array(discharge)


@pytest.mark.parametrize(
    ("name", "values", "discharge_rises"),
    [
        ("voltage_V", np.linspace(2.6, 4.25, 12), True),
        ("soc", np.linspace(0.0, 1.0, 11), True),
    ],
)
def test_limits_are_monotone_in_voltage_and_charge(
    name: str, values: np.ndarray, discharge_rises: bool
) -> None:
    charge, discharge = limits_over(name, values)
    assert np.all(np.diff(discharge[:, 0]) >= -1e-9)
    assert np.all(np.diff(charge[:, 0]) <= 1e-9)
    # The filter may drift by a hair from where it is held: hence not exactly zero.
    assert discharge[0].max() < 1e-3 and charge[-1].max() < 1e-3
    assert discharge[-1, 0] > 0.0 and charge[0, 0] > 0.0


def test_limits_rise_out_of_the_cold_and_fall_into_the_heat() -> None:
    cold, hot = np.linspace(248.15, 293.15, 8), np.linspace(300.15, 333.15, 8)
    for values, sign in ((cold, 1.0), (hot, -1.0)):
        charge, discharge = limits_over("temperature_K", values)
        assert np.all(sign * np.diff(charge[:, 0]) >= -1e-9)
        assert np.all(sign * np.diff(discharge[:, 0]) >= -1e-9)
        end = 0 if sign > 0.0 else -1
        assert charge[end].max() == 0.0 and discharge[end].max() == 0.0
        assert charge[-1 - end, 0] > 0.0


def test_a_longer_horizon_never_allows_more() -> None:
    command = Running(0.15).step()
    assert command.site_discharge_limit_A[0] > 0.0
    assert np.all(np.diff(command.site_discharge_limit_A) <= 1e-9)
    assert np.all(np.diff(command.site_charge_limit_A) <= 1e-9)


def test_headroom_holds_the_voltage_window_on_the_filters_own_model() -> None:
    """At the limit for t seconds, the model's voltage after t is the lower corner."""
    running = Running(0.08, limits={"voltage_low_V": (3.0, 3.05)}, voltage_V=3.16)
    command = running.step()
    bms = running.bms
    ocv, slope, r0, r1, v1 = bms._filter.estimate[:5, 0]
    tau = bms._conditioning.rack_rows[17, 0]
    capacity = bms.describe()["filter_capacity_As"]
    i = command.rack_discharge_limit_A[0] / PACK.cells_per_group
    assert 0.0 < i[3] < PACK.rating.discharge_current_max_A
    d = 1.0 - np.exp(-30.0 / tau)
    after = ocv - slope * i[3] * 30.0 / capacity - v1 * (1.0 - d) - i[3] * (r0 + r1 * d)
    assert after == pytest.approx(3.0, abs=1e-9)


@pytest.mark.parametrize(
    "blind",
    [
        {"voltage_V": [np.nan] + [3.7] * 11},
        {"temperature_K": [np.nan] * 3 + [298.15] * 3},
        {"current_A": [np.nan, 0.0]},
    ],
)
def test_limits_are_zero_where_something_is_unknown(blind: dict) -> None:
    running = Running()
    assert running.step().site_discharge_limit_A.min() > 0.0
    command = running.step(n=12, **blind)  # longer than the bridging of short gaps
    assert command.rack_discharge_limit_A[0].max() == 0.0
    assert command.rack_charge_limit_A[0].max() == 0.0
    assert command.site_discharge_limit_A.max() == 0.0 or not command.plus[0]


def test_a_single_lost_sample_is_bridged() -> None:
    running = Running()
    before = running.step().site_discharge_limit_A.copy()
    lost = running.step(voltage_V=[np.nan] + [3.7] * 11).site_discharge_limit_A
    assert lost.min() > 0.9 * before.min()


def test_limits_fall_at_once_and_rise_slowly() -> None:
    running = Running(limits={"slew_per_s": 0.1})
    full = running.step(n=10).rack_discharge_limit_A[0, 0]
    assert full == PACK.cells_per_group * PACK.rating.discharge_current_max_A
    assert running.step(temperature_K=324.15).rack_discharge_limit_A[0, 0] < 0.6 * full
    rising = [running.step().rack_discharge_limit_A[0, 0] for _ in range(6)]
    assert np.diff(rising)[:3] == pytest.approx(0.1 * full, rel=1e-6)
    assert rising[-1] <= full


def test_an_idle_pack_has_no_limit_while_open() -> None:
    bms = ReferenceBms(PACK, {"step_s": 1.0})
    command = bms.step(0.0, make_measurements(PACK), make_view(bms.fields))
    assert command.site_discharge_limit_A.max() == 0.0
    assert command.reason == "not connected"


def test_corners_that_do_not_increase_are_refused() -> None:
    with pytest.raises(ValueError, match="soc_low"):
        ReferenceBms(PACK, {"limits": {"soc_low": (0.1, 0.05)}})
