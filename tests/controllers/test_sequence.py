"""The contactor sequence against a simple bus: order, times, retries, joining, opening."""

from __future__ import annotations

import numpy as np
import pytest

from controllers import sequence
from controllers.contract_rig import make_measurements, make_pack, make_view
from controllers.ports import (
    AlarmScope,
    BmsCommand,
    BmsState,
    HostMode,
    HostRequest,
    Measurements,
    Severity,
)
from controllers.reference_bms import ReferenceBms


def test_integers_of_the_kernels_are_the_states_of_the_ports() -> None:
    for name in ("INITIALIZATION", "STANDBY", "PRECHARGE", "NORMAL", "CHARGE", "OPENING"):
        assert getattr(sequence, name) == BmsState[name]
    assert (sequence.ERROR, sequence.LATCHED) == (BmsState.ERROR, BmsState.LATCHED)


class Bus:
    """Contactors that follow after a delay, a DC link that charges through the precharge."""

    def __init__(self, racks: tuple[int, ...] = (10,), step_s: float = 0.1, **options: object):
        self.pack = make_pack(racks)
        self.bms = ReferenceBms(self.pack, {"step_s": step_s, **options})
        self.view = make_view(self.bms.fields)
        self.step_s, self.ticks = step_s, 0
        self.voltage_V: np.ndarray | float = 3.7
        self.current_A = 0.0
        self.bus_V, self.tau_s = 0.0, 0.3
        self.host = HostRequest()
        self.feedback = np.zeros((self.pack.n_racks, 3), dtype=np.bool_)
        self.stuck_open = False
        self.command: BmsCommand | None = None
        self.alarms: list = []
        self.history: list[tuple[float, tuple, list]] = []

    def step(self, n: int = 1) -> BmsCommand:
        for _ in range(n):
            message = make_measurements(
                self.pack,
                self.ticks * self.step_s,
                voltage_V=self.voltage_V,
                current_A=self.current_A,
                bus_V=self.bus_V,
                host=self.host,
            )
            self.spoil(message)
            message.contactor_feedback = self.feedback.copy()
            command = self.bms.step(message.time_s, message, self.view)
            self.alarms += command.alarms
            coils = np.stack([command.minus, command.precharge, command.plus], axis=1)
            self.history.append((message.time_s, tuple(command.state), coils.tolist()))
            self._plant(coils, message.rack_voltage_V.value)
            self.ticks += 1
        self.command = command
        return command

    def spoil(self, message: Measurements) -> None:
        """Alter what the BMS is told, in a test of its own."""

    def _plant(self, coils: np.ndarray, rack_V: np.ndarray) -> None:
        if not self.stuck_open:
            self.feedback = coils.copy()
        direct = self.feedback[:, 0] & self.feedback[:, 2]
        filling = self.feedback[:, 0] & self.feedback[:, 1]
        if direct.any():
            self.bus_V = float(rack_V[direct].mean())
        elif filling.any():
            share = 1.0 - np.exp(-self.step_s / self.tau_s)
            self.bus_V += share * (float(rack_V[filling].mean()) - self.bus_V)
        elif not self.feedback.any():
            self.bus_V *= np.exp(-self.step_s / self.tau_s)


@pytest.mark.parametrize("step_s", [0.01, 0.1, 1.0])
def test_start_closes_minus_then_precharge_then_plus_then_opens_precharge(step_s: float) -> None:
    bus = Bus(step_s=step_s)
    bus.step(round(12.0 / step_s))
    seen = [coils[0] for _, _, coils in bus.history]
    order = [c for k, c in enumerate(seen) if k == 0 or c != seen[k - 1]]
    closed, open_ = True, False
    assert order == [
        [open_, open_, open_],
        [closed, open_, open_],
        [closed, closed, open_],
        [closed, closed, closed],
        [closed, open_, closed],
    ]
    assert bus.alarms == []
    # Plus closes when the bus is within 1 V of 37 V: after ln(37) time constants, a few periods.
    at = next(t for t, _, coils in bus.history if coils[0][2])
    assert 0.3 * np.log(37.0) - step_s <= at <= 0.3 * np.log(37.0) + 5.0 * step_s
    normal = next(t for t, state, _ in bus.history if state[0] == BmsState.NORMAL)
    assert normal - at == pytest.approx(0.5, abs=1.1 * step_s + 0.02) or step_s == 1.0


def test_precharge_that_never_ends_is_tried_three_times_then_given_up() -> None:
    bus = Bus(step_s=0.1)
    bus.tau_s = 1e6
    bus.step(400)
    minus = [coils[0][0] for _, _, coils in bus.history]
    starts = [k for k in range(1, len(minus)) if minus[k] and not minus[k - 1]]
    assert len(starts) == 3
    assert not any(coils[0][2] for _, _, coils in bus.history)  # plus never closed
    assert np.diff(starts) * 0.1 == pytest.approx(13.0, abs=0.3)  # 10 s timeout and 3 s wait
    assert bus.command is not None and bus.command.state[0] == BmsState.ERROR
    assert [a.text for a in bus.alarms if a.active] == ["rack 1 could not be precharged"]
    bus.tau_s = 0.3
    bus.step(50)
    assert bus.command.state[0] == BmsState.ERROR  # stays until told
    assert all(a.active for a in bus.alarms)  # and so does the alarm
    bus.host = HostRequest(reset=True)
    bus.step()
    assert [a.active for a in bus.alarms] == [True, False]
    bus.host = HostRequest()
    assert bus.step(60).state[0] == BmsState.NORMAL


def test_racks_join_one_at_a_time_and_limits_wait_for_the_last() -> None:
    bus = Bus((10, 10, 10), step_s=0.1)
    for _ in range(120):
        command = bus.step()
        assert int((command.state == BmsState.PRECHARGE).sum()) <= 1
        if (command.state != BmsState.NORMAL).any():
            assert command.site_discharge_limit_A.max() == 0.0
    assert command.state.tolist() == [BmsState.NORMAL] * 3
    assert command.site_discharge_limit_A.min() > 0.0


def test_first_rack_is_the_highest_to_discharge_and_the_lowest_to_charge() -> None:
    for mode, first in ((HostMode.NORMAL, 1), (HostMode.CHARGE, 0)):
        bus = Bus((10, 10, 10), step_s=0.1)
        bus.voltage_V = np.repeat([3.699, 3.701, 3.700], 10)
        bus.host = HostRequest(mode=mode)
        bus.step(5)
        assert np.argmax(bus.feedback[:, 0]) == first
        assert bus.step(120).state.tolist() == [3 + int(mode)] * 3  # NORMAL, CHARGE


def test_a_rack_whose_voltage_is_far_off_stays_out() -> None:
    bus = Bus((10, 10), step_s=0.1)
    bus.voltage_V = np.repeat([3.9, 3.4], 10)  # 5 V apart
    command = bus.step(120)
    assert command.state.tolist() == [BmsState.NORMAL, BmsState.STANDBY]
    assert command.site_discharge_limit_A[0] > 0.0


def test_stop_asks_for_zero_and_opens_when_the_current_is_gone() -> None:
    bus = Bus(step_s=0.1)
    bus.step(60)
    bus.current_A, bus.voltage_V = 10.0, 2.4  # below the STOP tier, at a current too large to break
    stopping = next(k for k in range(100) if bus.step().state[0] == BmsState.OPENING)
    assert 6 <= stopping <= 9  # 0.5 s debounce and 0.2 s delay
    assert bus.command is not None and bus.command.request == 1  # STOP
    assert bus.command.site_discharge_limit_A.max() == 0.0
    assert bus.step(10).plus[0]  # still waiting
    bus.current_A = 1.0
    assert not bus.step().plus[0]
    assert bus.command.state[0] == BmsState.ERROR


def test_stop_opens_in_the_end_even_under_current() -> None:
    bus = Bus(step_s=0.1)
    bus.step(60)
    bus.current_A, bus.voltage_V = 10.0, 2.4
    while bus.step().state[0] != BmsState.OPENING:
        pass
    assert bus.step(29).plus[0]
    assert not bus.step(2).plus[0]  # 3 s have passed


def test_emergency_stop_opens_in_the_same_step() -> None:
    bus = Bus(step_s=0.01)
    bus.step(600)
    bus.current_A = 10.0
    bus.host = HostRequest(emergency_stop=True)
    command = bus.step()
    assert not (command.minus[0] or command.precharge[0] or command.plus[0])
    assert command.state[0] == BmsState.ERROR
    bus.current_A, bus.host = 0.0, HostRequest()
    assert bus.step(300).state[0] == BmsState.ERROR
    bus.host = HostRequest(mode=HostMode.STANDBY)
    assert bus.step(2).state[0] == BmsState.STANDBY


def test_latched_rack_leaves_by_reset_alone() -> None:
    bus = Bus(step_s=0.1)
    bus.step(60)
    bus.voltage_V = 1.5
    bus.step(30)
    assert bus.command is not None and bus.command.state[0] == BmsState.LATCHED
    bus.voltage_V = 3.7
    bus.host = HostRequest(mode=HostMode.STANDBY)
    assert bus.step(100).state[0] == BmsState.LATCHED
    bus.host = HostRequest(mode=HostMode.STANDBY, reset=True)
    bus.step(2)
    assert bus.command.state[0] in (BmsState.STANDBY, BmsState.ERROR)
    bus.host = HostRequest(reset=True)
    bus.step(2)
    bus.host = HostRequest()
    assert bus.step(80).state[0] == BmsState.NORMAL


def test_contactor_that_does_not_follow_latches_the_rack() -> None:
    bus = Bus(step_s=0.1)
    bus.step(60)
    bus.stuck_open = True
    bus.feedback[0, 2] = False
    bus.step(10)
    assert bus.command is not None and bus.command.state[0] == BmsState.LATCHED
    assert "contactor_feedback" in {a.code for a in bus.alarms}


def test_standby_opens_and_normal_closes_again() -> None:
    bus = Bus(step_s=0.1)
    bus.step(60)
    bus.host = HostRequest(mode=HostMode.STANDBY)
    assert bus.step(3).state[0] == BmsState.STANDBY
    assert not bus.feedback.any()
    bus.host = HostRequest()
    assert bus.step(60).state[0] == BmsState.NORMAL
    assert bus.alarms == []


def silence(channel) -> None:  # noqa: ANN001
    channel.value[:], channel.valid[:], channel.age_s[:] = np.nan, False, np.inf


@pytest.mark.parametrize(
    ("name", "delay_s"), [("group_voltage_V", 0.3), ("temperature_K", 5.0), ("rack_current_A", 0.3)]
)
def test_sensors_that_speak_late_raise_no_alarm_at_power_on(name: str, delay_s: float) -> None:
    class Late(Bus):
        def spoil(self, message: Measurements) -> None:
            if message.time_s < delay_s - 1e-9:
                silence(getattr(message, name))

    bus = Late(step_s=0.1)
    command = bus.step(150)
    assert bus.alarms == []
    assert command.state.tolist() == [BmsState.NORMAL]
    assert command.site_discharge_limit_A.min() > 0.0


def test_a_rack_that_never_gets_a_temperature_stops_after_ten_seconds() -> None:
    class Blind(Bus):
        def spoil(self, message: Measurements) -> None:
            silence(message.temperature_K)

    bus = Blind(step_s=0.1)
    bus.step(95)
    assert bus.alarms == []
    assert bus.step(30).state.tolist() == [BmsState.ERROR]
    assert {"temperatures_lost", "temperature_lost"} == {a.code for a in bus.alarms}


@pytest.mark.parametrize("name", ["rack_current_A", "rack_current_b_A"])
def test_one_current_sensor_lost_is_told_and_the_rack_goes_on(name: str) -> None:
    class Half(Bus):
        def spoil(self, message: Measurements) -> None:
            if self.ticks >= 100 and self.ticks < 200:
                silence(getattr(message, name))

    bus = Half(step_s=0.1)
    assert bus.step(199).state.tolist() == [BmsState.NORMAL]
    (alarm,) = bus.alarms
    assert (alarm.code, alarm.severity, alarm.scope, alarm.component) == (
        "current_redundancy_lost",
        Severity.WARNING,
        AlarmScope.RACK,
        0,
    )
    bus.step(10)
    assert [a.active for a in bus.alarms] == [True, False]


def test_a_pack_without_a_second_current_sensor_misses_nothing() -> None:
    class Single(Bus):
        def spoil(self, message: Measurements) -> None:
            silence(message.rack_current_b_A)

    bus = Single(step_s=0.1)
    assert bus.step(150).state.tolist() == [BmsState.NORMAL] and bus.alarms == []


def test_a_current_sensor_that_is_off_is_no_welded_contact_and_no_ignored_limit() -> None:
    class Off(Bus):
        def spoil(self, message: Measurements) -> None:
            if self.ticks >= 100:
                message.rack_current_A.value[:] += 4.0  # 27 % of the rating

    bus = Off(step_s=0.1)
    command = bus.step(700)
    assert command.state.tolist() == [BmsState.ERROR] and not command.plus.any()
    assert {a.code for a in bus.alarms} == {"current_mismatch", "current_mismatch_stop"}


def test_a_current_that_both_sensors_see_through_open_contactors_is_a_weld() -> None:
    bus = Bus(step_s=0.1)
    bus.host = HostRequest(mode=HostMode.STANDBY)
    bus.step(30)
    bus.current_A = 4.0
    assert bus.step(30).state.tolist() == [BmsState.LATCHED]
    assert "current_while_open" in {a.code for a in bus.alarms}
