"""Faults of sensors in a whole run: what the BMS is told, and replay bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest

import twin
from twin.scenarios.problems import ScenarioError

GROUP = {"channel": "group_voltage", "at": {"rack": 1, "module": 1, "group": 2}}
WINDOW = {"from": "10 s", "until": "20 s"}
QUIET = (
    "sensors.group_voltage.noise=0 mV", "sensors.temperature.noise=0 K", "bms.options={}",
    "sensors.rack_current.noise=0 A",
)  # fmt: skip
OPTIONAL = (
    'sensors.coolant_flow={noise: "0 kg/s", period: "1 s"}',
    'sensors.module_pressure={noise: "0 Pa", period: "1 s"}',
    'sensors.module_gas={noise: "0 ppm", period: "1 s"}',
)
ALL = [
    GROUP | {"kind": "sensor_offset", "offset": "20 mV"},
    GROUP | {"kind": "sensor_gain", "gain": "5 percent"},
    GROUP | {"kind": "sensor_drift", "drift": "1 mV", "per": "1 s"},
    GROUP | {"kind": "sensor_spike", "size": "0.5 V", "probability": 0.5},
    GROUP | {"kind": "sensor_noise", "noise": "20 mV"},
    GROUP | {"kind": "sensor_lost", "probability": 0.4},
    GROUP | {"kind": "sensor_delay", "delay": "3 s"},
    GROUP | {"kind": "sensor_resolution", "resolution": "50 mV"},
    GROUP | {"kind": "sensors_swapped", "with": {"rack": 1, "module": 2, "group": 3}},
    {"kind": "thermistor_detached", "at": GROUP["at"], "lag": "20 s", "contact": 0.2},
    {
        "kind": "afe_drift", "at": {"rack": 1, "module": 2}, "drift": "-12 mV", "per": "1 min",
        "limit": "1 mV",
    },
    {"kind": "message_loss", "at": {"rack": 1}, "channels": ["temperature"]},
]  # fmt: skip


def faults(*sections, **window):
    """Write faults as an override; each gets its kind and number as a name."""
    window = window or WINDOW
    named = [{"name": f"{s['kind']} {k}"} | window | s for k, s in enumerate(sections)]
    return "faults=" + json.dumps(named)


def measured(built, kind):
    view, at = built.state.view("sensors"), built.sensors.slices[kind]
    return view.value[at], view.sampled_at[at], view.valid[at]


def truth(built, kind):
    return built.sensors.truth[built.sensors.slices[kind]]


def bits(built):
    return np.concatenate((built.state.floats.view(np.int64), built.state.ints))


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault["kind"])
def test_a_fault_acts_in_its_window_and_leaves_nothing(engine, fault) -> None:
    sick, healthy = engine(faults(fault)), engine("faults=[]")
    sick.run(9_900)
    assert not sick.plant.overlay.sensor.any() and not sick.plant.overlay.sensor_switch.any()
    sick.run(18_000), healthy.run(18_000)
    kind = "temperature_K" if "thermistor" in fault["kind"] or "message" in fault["kind"] else ""
    kind = kind or "group_voltage_V"
    ages = [measured(built, kind)[1] for built in (sick, healthy)]
    values = [measured(built, kind)[0] for built in (sick, healthy)]
    assert not (np.array_equal(*values, equal_nan=True) and np.array_equal(*ages))
    sick.run(20_000)
    assert not sick.plant.overlay.sensor.any() and not sick.plant.overlay.sensor_switch.any()
    sick.run(59_000), healthy.run(59_000)
    # Readings are noise drawn by tick on a truth that was not touched: equal but for the tables,
    # read once more when the fault came (a hundredth of a millivolt; see the file beside).
    sick_V, healthy_V = (measured(b, "group_voltage_V")[0] for b in (sick, healthy))
    assert sick_V == pytest.approx(healthy_V, rel=0.0, abs=2e-5)
    # 0.2 of a 10 K difference to the air, gone with the thermistor's own lag of 5 s.
    sick_K, healthy_K = (measured(b, "temperature_K")[0] for b in (sick, healthy))
    assert sick_K == pytest.approx(healthy_K, rel=0.0, abs=10.0 * np.exp(-39.0 / 5.0))


def test_a_drift_grows_from_the_moment_its_fault_came(engine) -> None:
    drift = GROUP | {"kind": "sensor_drift", "drift": "3 mV", "per": "1 s", "limit": "20 mV"}
    built = engine(faults(drift), *QUIET)
    for seconds in (10, 11, 13, 16, 17, 19):
        built.run(1000 * seconds)
        error = measured(built, "group_voltage_V")[0] - truth(built, "group_voltage_V")
        expected = min(0.003 * (seconds - 10), 0.020)
        assert error == pytest.approx([0.0, expected, 0.0, 0.0, 0.0, 0.0], abs=1e-15)


def test_a_triggered_drift_counts_from_its_trigger(engine) -> None:
    drift = {"name": "drift", **GROUP, "kind": "sensor_drift", "drift": "3 mV", "per": "1 s"}
    drift["when"] = {
        "channel": "truth/rack_current_A", "at": {"rack": 1}, "above": "1 A", "for": "2 s"
    }  # fmt: skip
    built = engine("faults=" + json.dumps([drift]), *QUIET)
    while not built.injector.active():
        built.step()
    came = built.state.view("faults").active_since[0]
    built.run(50_000)
    error = measured(built, "group_voltage_V")[0] - truth(built, "group_voltage_V")
    assert error[1] == pytest.approx(0.003 * (50_000 - came) / 1000.0, abs=1e-15)


def test_the_reference_of_an_afe_shifts_its_module_alone_and_together(engine) -> None:
    drift = {"kind": "afe_drift", "at": {"rack": 1, "module": 2}, "drift": "-6 V", "per": "1 h"}
    built = engine(faults(drift), *QUIET)
    built.run(19_000)
    error = measured(built, "group_voltage_V")[0] - truth(built, "group_voltage_V")
    assert error == pytest.approx([0.0] * 3 + [-6.0 * 9.0 / 3600.0] * 3, abs=1e-15)


def test_the_bms_is_left_with_old_messages_of_that_rack_and_their_age(engine) -> None:
    built = engine(faults({"kind": "message_loss", "at": {"rack": 1}}), *QUIET)
    built.run(15_000)
    told = built.bms_port.measurements
    for channel in (told.group_voltage_V, told.temperature_K):
        assert channel.valid.all() and np.all(channel.age_s == 6.0)  # the last one came at 9 s
    assert told.rack_current_A.age_s[0] == 0.0
    built.run(20_000)
    assert np.all(told.group_voltage_V.age_s == 0.0)


def test_swaps_of_one_chain_compose(engine) -> None:
    """1 with 2, then 2 with 3: what was at 1 is read at 3."""
    at = [{"rack": 1, "module": 1, "group": k} for k in (1, 2, 3)]
    swaps = [
        {"kind": "sensors_swapped", "channel": "group_voltage", "at": a, "with": b}
        for a, b in ((at[0], at[1]), (at[1], at[2]))
    ]
    built = engine(faults(*swaps), *QUIET)
    built.run(15_000)
    value, true = (f(built, "group_voltage_V") for f in (measured, truth))
    assert np.array_equal(value[0][:3], true[[1, 2, 0]])


def test_optional_channels_read_flow_pressure_and_gas(engine) -> None:
    stopped = {"kind": "coolant_loss", "at": {"rack": 1}, "remaining": 0.25}
    leak = {"kind": "sensor_offset", "channel": "module_pressure", "offset": "2 kPa"}
    gas = {"kind": "sensor_offset", "channel": "module_gas", "offset": "50 ppm"}
    at = {"at": {"rack": 1, "module": 2}}
    built = engine(faults(stopped, leak | at, gas | at), *OPTIONAL)
    told = built.bms_port.measurements
    built.run(9_000)
    assert told.coolant_flow_kg_per_s.value.tolist() == [0.02]
    assert told.module_pressure_Pa.value.tolist() == [101325.0] * 2
    assert told.module_gas_ppm.value.tolist() == [0.0] * 2
    built.run(15_000)
    assert told.coolant_flow_kg_per_s.value.tolist() == [0.005]
    assert told.module_pressure_Pa.value.tolist() == [101325.0, 103325.0]
    assert told.module_gas_ppm.value.tolist() == [0.0, 50.0]


def test_without_optional_sensors_their_channels_are_not_fitted(engine) -> None:
    told = engine().bms_port.measurements
    for channel, n in ((told.coolant_flow_kg_per_s, 1), (told.module_gas_ppm, 2)):
        assert len(channel.value) == n and not channel.valid.any()


def test_a_bleeding_group_reads_low_and_its_neighbour_high(engine) -> None:
    """The fixture bleeds group 4, the first one of module 2: one neighbour shares a wire."""
    built = engine("faults=[]", "sensors.group_voltage.sense_wire=0.1 ohm", *QUIET)
    built.run(9_000)
    true = built.plant.network.group_voltage_V[built.plant.topology.group_slot]
    drop = 0.1 * true[3] / 33.0
    error = measured(built, "group_voltage_V")[0] - true
    assert error == pytest.approx([0.0, 0.0, 0.0, -2.0 * drop, drop, 0.0], abs=1e-14)


# --- replay --------------------------------------------------------------------------------------


def test_a_run_with_every_fault_restores_in_mid_fault_bit_for_bit(engine) -> None:
    overrides = (faults(*ALL), "sensors.group_voltage.skew=1 ms")
    one, two, again = (engine(*overrides) for _ in range(3))
    one.run(14_500), again.run(14_500)
    two.restore(one.snapshot())
    for built in (one, two, again):
        built.run(30_000)
    assert np.array_equal(bits(one), bits(two))
    assert np.array_equal(bits(one), bits(again))


def test_a_fork_without_changes_finds_the_overlay_as_it_was(engine) -> None:
    """Else the plant would step finer after a fork, and so differently."""
    one, fork = engine(faults(*ALL)), engine(faults(*ALL))
    one.run(14_500)
    fork.restore(one.snapshot())
    assert not fork.injector.adopt(one.injector)


# --- what is refused -----------------------------------------------------------------------------

NONSENSE = [
    (GROUP | {"kind": "sensor_spike", "size": "0.5 V", "probability": 0.0}, "probability", "range"),
    (GROUP | {"kind": "sensor_noise", "noise": "-1 mV"}, "noise", "more than 0"),
    (GROUP | {"kind": "sensor_noise", "noise": "1 A"}, "noise", "expected a voltage"),
    (GROUP | {"kind": "sensor_gain", "gain": "5 mV"}, "gain", "voltage"),
    (GROUP | {"kind": "sensor_drift", "drift": "1 mV"}, "per", "missing; expected a duration"),
    (GROUP | {"kind": "sensor_delay", "delay": "1500 ms"}, "delay", "multiple of the sensor's"),
    (GROUP | {"kind": "sensors_swapped", "with": GROUP["at"]}, "with", "the place of 'at'"),
    (GROUP | {"kind": "sensors_swapped", "with": {"rack": 1}}, "with", "lacks module, group"),
    (
        GROUP | {"kind": "sensors_swapped", "with": {"rack": 1, "module": 3, "group": 1}},
        "with.module", "a rack has 2 modules",
    ),
    ({"kind": "afe_drift", "at": {"rack": 1}, "drift": "1 mV", "per": "1 h"}, "at", "lacks module"),
    (
        {"kind": "thermistor_detached", "at": GROUP["at"], "lag": "1 min", "contact": 1.0},
        "contact", "range",
    ),
    ({"kind": "message_loss", "at": {"rack": 2}}, "at.rack", "the site has 1 rack"),
    (
        {"kind": "message_loss", "at": {"rack": 1}, "channels": ["bus_voltage"]},
        "channels.0", "belongs to no rack",
    ),
    ({"kind": "message_loss", "channels": ["module_gas"]}, "channels.0", "add sensors.module_gas"),
    (
        {
            "kind": "sensor_offset", "channel": "module_pressure", "offset": "1 m",
            "at": {"rack": 1, "module": 1},
        },
        "offset", "expected a pressure",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "key", "text"), NONSENSE)
def test_nonsense_is_refused_at_its_key(scenario_file, fault, key, text) -> None:
    with pytest.raises(ScenarioError) as error:
        twin.load_scenario(scenario_file, [faults(fault)])
    found = [(p.key_path, p.message) for p in error.value.problems]
    assert any(k == f"faults.0.{key}" and text in message for k, message in found), found


def test_a_scan_longer_than_the_step_is_refused(scenario_file) -> None:
    with pytest.raises(ScenarioError, match="a scan of 3 groups takes 120 ms"):
        twin.load_scenario(scenario_file, ["sensors.group_voltage.skew=60 ms"])
