"""The protection table: to the tick, with latches, with the right name, and quiet when healthy."""

from __future__ import annotations

import numpy as np
import pytest

from controllers.contract_rig import make_measurements, make_pack, make_view
from controllers.limit_rows import rows_for
from controllers.limits import QUANTITIES, Row, allocate_quantities, override_rows
from controllers.ports import Alarm, HostRequest, PackMap, Severity
from controllers.protection import Protection, evaluate_and_summarise
from controllers.reference_bms import ReferenceBms

PACK = make_pack((4, 3))
STEP_S = 0.01
RUNNING = {"always": 0.0, "charging": -1.0, "discharging": 1.0}


class Bench:
    """One table on one pack, with every quantity set by hand."""

    def __init__(self, rows: tuple[Row, ...], step_s: float = STEP_S, pack: PackMap = PACK) -> None:
        self.buffer, self.quantity = allocate_quantities(pack)
        self.protection = Protection(pack, rows, step_s, self.quantity)
        self.view = make_view(self.protection.fields)

    def step(self, direction: float = 0.0, reset: bool = False) -> list[Alarm]:
        p, view = self.protection, self.view
        n_found = evaluate_and_summarise(
            self.buffer, p.table, p.bounds, view.alarm_memory, view.alarm_busy, p.component_rack,
            np.full(p.verdict.shape[1], direction), reset, p.transitions, 0.5, p.verdict,
        )  # fmt: skip
        return p.alarms(n_found)


def beyond(row: Row) -> float:
    margin = max(abs(row.threshold) * 0.01, 1e-3)
    return row.threshold + margin if row.above else row.threshold - margin


def healthy(row: Row) -> float:
    margin = max(abs(row.clear) * 0.01, 1e-3)
    return row.clear - margin if row.above else row.clear + margin


ALL_ROWS = rows_for("nmc")


@pytest.mark.parametrize("row", ALL_ROWS, ids=[row.code for row in ALL_ROWS])
def test_every_row_comes_reacts_and_goes_to_the_tick(row: Row) -> None:
    bench = Bench((row,), step_s=0.1)
    values = bench.quantity[row.quantity]
    values[:] = healthy(row)
    direction = RUNNING[row.gate]
    assert bench.step(direction) == []
    at = len(values) - 1
    values[at] = beyond(row)
    n_up, n_hold = round(row.debounce_s / 0.1), round(row.delay_s / 0.1)
    for _ in range(n_up):  # the condition has now held for less than the debounce time
        assert bench.step(direction) == []
    (alarm,) = bench.step(direction)
    assert (alarm.code, alarm.active, alarm.severity) == (row.code, True, row.severity)
    assert alarm.component == (at if QUANTITIES[row.quantity] != "site" else -1)
    assert alarm.value == values[at] and alarm.limit == row.threshold and alarm.text
    rack = -1 if QUANTITIES[row.quantity] == "site" else 1
    for _ in range(n_hold):
        assert bench.protection.verdict[0, rack] == 0.0  # alarmed, but the reaction waits
        assert bench.step(direction) == []
    assert bench.protection.verdict[0, rack] == row.severity
    if rack == 1:
        assert bench.protection.verdict[0, 0] == 0.0  # the other rack is left alone
    values[at] = healthy(row)
    for _ in range(n_up):
        assert bench.step(direction) == []
    gone = bench.step(direction)
    if row.severity == Severity.LATCHED:
        assert gone == [] and bench.protection.verdict[0, rack] == row.severity
        gone = bench.step(direction, reset=True)
    assert [(a.code, a.active) for a in gone] == [(row.code, False)]
    assert bench.protection.verdict[0].max() == 0.0


def test_a_condition_that_comes_and_goes_counts_up_and_down() -> None:
    (row,) = (r for r in ALL_ROWS if r.code == "cell_undervoltage_stop")
    bench = Bench((row,))
    values = bench.quantity["voltage_V"]
    values[:] = 3.7
    came = 0
    for k in range(400):  # two ticks below, one above: a net count of one in three ticks
        values[2] = 3.7 if k % 3 == 2 else 2.4
        if bench.step() and not came:
            came = k + 1
    assert came == pytest.approx(3 * round(row.debounce_s / STEP_S), abs=3)


def test_nan_neither_raises_nor_clears() -> None:
    (row,) = (r for r in ALL_ROWS if r.code == "cell_overvoltage_open")
    bench = Bench((row,))
    values = bench.quantity["voltage_V"]
    values[:] = np.nan
    assert [bench.step() for _ in range(200)] == [[]] * 200
    values[0] = 4.3
    assert any(bench.step() for _ in range(80))
    values[0] = np.nan
    assert [bench.step() for _ in range(500)] == [[]] * 500
    values[0] = 4.0
    assert any(bench.step() for _ in range(80))


def test_between_clear_and_threshold_an_alarm_stays() -> None:
    (row,) = (r for r in ALL_ROWS if r.code == "cell_overvoltage_open")
    bench = Bench((row,))
    values = bench.quantity["voltage_V"]
    values[:] = 4.3
    assert sum(len(bench.step()) for _ in range(80)) == PACK.n_groups
    values[:] = 0.5 * (row.threshold + row.clear)
    assert [bench.step() for _ in range(300)] == [[]] * 300


def test_latched_alarm_waits_for_reset_and_for_its_cause_to_be_gone() -> None:
    (row,) = (r for r in ALL_ROWS if r.code == "cell_deep_discharge")
    bench = Bench((row,))
    values = bench.quantity["voltage_V"]
    values[:] = 1.5
    for _ in range(20):
        bench.step()
    assert bench.step(reset=True) == []  # still below: the reset is refused
    values[:] = 3.0
    assert [bench.step() for _ in range(100)] == [[]] * 100
    assert len(bench.step(reset=True)) == PACK.n_groups


def test_directed_derate_takes_one_direction_and_undirected_takes_half_of_both() -> None:
    rows = tuple(
        r for r in ALL_ROWS if r.code in ("cell_overvoltage_derate", "temperature_spread_derate")
    )
    bench = Bench(rows)
    bench.quantity["voltage_V"][:] = 3.7
    bench.quantity["voltage_V"][0] = 4.23
    bench.quantity["temperature_spread_K"][:] = (0.0, 20.0)
    for _ in range(7000):
        bench.step()
    assert bench.protection.verdict[1:].tolist() == [[0.0, 0.5], [1.0, 0.5]]


def test_overrides_change_single_rows_and_unknown_codes_name_the_valid_ones() -> None:
    rows = override_rows(
        ALL_ROWS,
        {
            "insulation_low": {"enabled": False},
            "cell_undervoltage_stop": {"threshold": 2.7, "debounce_s": 1.0},
        },
    )
    assert "insulation_low" not in {r.code for r in rows}
    (row,) = (r for r in rows if r.code == "cell_undervoltage_stop")
    assert (row.threshold, row.debounce_s) == (2.7, 1.0)
    assert row.clear == pytest.approx(3.7)  # moved along
    with pytest.raises(ValueError, match=r"no row 'cell_undervolt'; .*cell_undervoltage_stop"):
        override_rows(ALL_ROWS, {"cell_undervolt": {}})
    with pytest.raises(ValueError, match="treshold"):
        ReferenceBms(PACK, {"protection": {"interlock": {"treshold": 1.0}}})
    with pytest.raises(ValueError, match="cannot clear"):
        override_rows(ALL_ROWS, {"gas": {"clear": 5000.0}})


def run(
    bms: ReferenceBms, messages: list, view: object, start: float = 0.0, step_s: float = 1.0
) -> list[Alarm]:
    alarms: list[Alarm] = []
    for k, message in enumerate(messages):
        message.contactor_feedback = np.zeros((0, 3), dtype=np.bool_)
        message.bus_voltage_V.value[:] = message.rack_voltage_V.value[0]
        alarms += bms.step(start + k * step_s, message, view).alarms
    return alarms


def test_early_sign_of_a_short_names_the_right_group_in_words() -> None:
    pack = make_pack((6, 6))
    bms = ReferenceBms(pack, {"step_s": 1.0})
    view = make_view(bms.fields)
    voltage_V = np.full(12, 3.700)
    assert run(bms, [make_measurements(pack, voltage_V=voltage_V)] * 30, view) == []
    voltage_V[8] -= 0.082
    alarms = run(bms, [make_measurements(pack, voltage_V=voltage_V)] * 90, view, 30.0)
    assert len(alarms) == 1, alarms
    alarm = alarms[0]
    assert (alarm.code, alarm.component, alarm.scope) == ("cell_low_warning", 8, "group")
    assert alarm.severity == Severity.WARNING
    assert alarm.text == "rack 2, module 2, group 1 is 82 mV below the median of its rack"


@pytest.mark.parametrize("soc", [0.9, 0.5, 0.1, 0.05])
@pytest.mark.parametrize("current_A", [16.0, -16.0])
def test_a_healthy_spread_raises_no_deviation_alarm(soc: float, current_A: float) -> None:
    """1 % of soc and 3 % of resistance, one sigma, at 8 A per cell, held for two minutes."""
    pack = make_pack((96,))
    rng = np.random.default_rng(4)
    bms = ReferenceBms(pack, {"step_s": 1.0})
    table = np.linspace(0.0, 1.0, len(bms._params.ocv_V))
    spread = 0.01 * rng.standard_normal(96)
    ocv_V = np.interp(soc + spread / np.sqrt(2.0), table, bms._params.ocv_V)
    ohm = 0.045 * (1.0 + 0.03 * rng.standard_normal(96) / np.sqrt(2.0))  # two cells in parallel
    view = make_view(bms.fields)
    run(bms, [make_measurements(pack, voltage_V=ocv_V)] * 30, view)
    loaded_V = ocv_V - ohm * current_A / 2.0
    loaded = make_measurements(pack, voltage_V=loaded_V, current_A=current_A)
    codes = {a.code for a in run(bms, [loaded] * 120, view, 30.0)}
    assert not codes & {
        "cell_low_warning",
        "cell_low_derate",
        "cell_high_warning",
        "cell_voltage_spread",
    }


def test_healthy_pack_with_sensor_noise_raises_nothing() -> None:
    pack = make_pack((12, 12))
    rng = np.random.default_rng(8)
    bms = ReferenceBms(pack, {"step_s": 0.1})
    view = make_view(bms.fields)
    messages = [
        make_measurements(
            pack,
            voltage_V=3.7 + 0.002 * rng.standard_normal(24),
            temperature_K=298.15 + 0.3 * rng.standard_normal(12),
            current_A=2.0 + 0.05 * rng.standard_normal(2),
        )
        for _ in range(600)
    ]
    for k, message in enumerate(messages):
        message.rack_current_A.value[:] += 0.1 * (rng.random() - 0.5)
        if k < 200:  # nothing may flow before the contactors are closed and the limits up
            message.rack_current_A.value[:] = message.rack_current_b_A.value[:] = 0.0
    assert run(bms, messages, view, step_s=0.1) == []


def test_runaway_is_called_when_it_is_hot_and_heats_fast() -> None:
    pack = make_pack((4,))
    bms = ReferenceBms(pack, {"step_s": 1.0})
    view = make_view(bms.fields)
    run(bms, [make_measurements(pack)] * 10, view)
    ramp = [make_measurements(pack, temperature_K=[298.15, 330.0 + 2.0 * k]) for k in range(40)]
    alarms = run(bms, ramp, view, 10.0)
    runaway = [a for a in alarms if a.code == "thermal_runaway"]
    assert [a.component for a in runaway] == [1]
    assert "thermistor 2 at rack 1, module 2, group 1" in runaway[0].text
    assert {"early_heat"} <= {a.code for a in alarms}


def test_emergency_stop_and_interlock_open_at_once() -> None:
    pack = make_pack((4,))
    bms = ReferenceBms(pack, {"step_s": 0.01})
    view = make_view(bms.fields)
    message = make_measurements(pack, host=HostRequest(emergency_stop=True))
    (alarm,) = run(bms, [message], view)
    assert (alarm.code, alarm.component) == ("emergency_stop", -1)


def test_more_than_512_alarms_come_in_the_same_step() -> None:
    pack = make_pack((600,))
    (row,) = (r for r in ALL_ROWS if r.code == "voltage_lost")
    bench = Bench((row,), 1.0, pack)
    for lost_s, active in ((3.0, True), (0.0, False)):
        bench.quantity["voltage_lost_s"][:] = lost_s
        alarms = bench.step()
        assert [a.component for a in alarms] == list(range(600))
        assert all(a.active is active for a in alarms)
        assert bench.step() == []


def test_a_group_far_above_its_neighbours_is_named() -> None:
    pack = make_pack((6, 6))
    bms = ReferenceBms(pack, {"step_s": 1.0, "balancing": {"enabled": False}})
    view = make_view(bms.fields)
    voltage_V = np.full(12, 3.700)
    assert run(bms, [make_measurements(pack, voltage_V=voltage_V)] * 30, view) == []
    voltage_V[8] += 0.082
    (alarm,) = run(bms, [make_measurements(pack, voltage_V=voltage_V)] * 90, view, 30.0)
    assert (alarm.code, alarm.component, alarm.scope) == ("cell_high_warning", 8, "group")
    assert alarm.severity == Severity.WARNING
    # 82 mV, less what the steep OCV there lets a healthy spread of charge do.
    assert alarm.text == "rack 2, module 2, group 1 is 75 mV above the median of its rack"


def test_a_pack_too_cold_for_any_current_says_so() -> None:
    pack = make_pack((4,))
    bms = ReferenceBms(pack, {"step_s": 1.0})
    view = make_view(bms.fields)
    alarms = run(bms, [make_measurements(pack, temperature_K=233.15)] * 30, view)
    assert [(a.code, a.component) for a in alarms] == [("undertemperature", k) for k in range(2)]
    assert alarms[0].severity == Severity.WARNING and "-40.0 degC" in alarms[0].text
