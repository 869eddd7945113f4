"""Virtual sensors: gain, offset, noise, quantiser, delay, sampling, lag, and faults on them.

Statistics are checked on fixed seeds, so a test passes always or never; the stated sigmas say how
unlikely a correct sensor is to fail at a seed that was not looked at.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from packs.overlay import declare_overlay
from packs.sensors import KINDS, Sensors, reading, thermistor_cells
from packs.spec import LayoutSpec, SizeSpec
from packs.state import Schema
from packs.topology import build_topology

LAYOUT = LayoutSpec(columns=4, pitch_m=0.022)
VOLTAGE, BUS = "group_voltage_V", "bus_voltage_V"


def rig(spec, *, seed=1, size=(1, 1, 4, 2)):
    """Return sensors with their view and overlay."""
    names = ("racks", "modules_per_rack", "groups_per_module", "cells_per_group")
    topology = build_topology(SizeSpec(**dict(zip(names, size, strict=True))), LAYOUT)
    sensors = Sensors(spec, topology, seed)
    schema = Schema()
    sensors.declare(schema)
    declare_overlay(schema, topology, sensors.n)
    state = schema.build()
    return SimpleNamespace(
        sensors=sensors, view=state.view("sensors"), overlay=state.view("overlay"), top=topology
    )


def run(rigged, kind, truth, *, step_ms=100, start_ms=0):
    """Sense once per value of `truth`; return values, validity and sampling ticks, (time, n)."""
    at, rows = rigged.sensors.slices[kind], []
    for k, value in enumerate(truth):
        rigged.sensors.truth[rigged.sensors.slices[kind]] = value
        if k == 0 and start_ms == 0:
            rigged.sensors.settle(rigged.view)
        rigged.sensors.sense(start_ms + k * step_ms, rigged.view, rigged.overlay)
        view = rigged.view
        rows.append((view.value[at].copy(), view.valid[at].copy(), view.sampled_at[at].copy()))
    return [np.array(column) for column in zip(*rows, strict=True)]


# --- errors of the sensor ------------------------------------------------------------------------


def test_an_ideal_sensor_gives_the_truth(sensors_spec) -> None:
    ideal = rig(sensors_spec())
    truth = 3.7 + np.sin(np.arange(50.0))
    for kind in KINDS:
        value, valid, at = run(ideal, kind, truth)
        assert np.array_equal(value, np.broadcast_to(truth[:, None], value.shape))
        assert valid.all()
        assert np.array_equal(at[:, 0], 100 * np.arange(50))


def test_noise_is_white_with_the_sigma_of_the_data_sheet(sensors_spec) -> None:
    noisy = rig(sensors_spec(group_voltage={"noise": 0.002}))
    value, _, _ = run(noisy, VOLTAGE, np.full(5000, 3.7))
    error, n = value - 3.7, value.size
    # 4 sigma of a mean, of a standard deviation, and of correlations of n = 20,000 draws.
    assert abs(error.mean()) < 4.0 * 0.002 / math.sqrt(n)
    assert error.std() == pytest.approx(0.002, rel=4.0 / math.sqrt(2.0 * n))
    for a, b in ((error[1:], error[:-1]), (error[:, :2], error[:, 2:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4.0 / math.sqrt(a.size)


def test_offset_and_gain_are_drawn_once_per_sensor_with_their_sigma(sensors_spec) -> None:
    many = rig(sensors_spec(group_voltage={"offset": 0.005, "gain": 0.01}), size=(1, 1, 2000, 1))
    low, high = (run(many, VOLTAGE, np.full(3, truth))[0] for truth in (0.0, 4.0))
    assert np.ptp(low, axis=0).max() == 0.0  # the same at every sample
    offset, gain = low[0], (high[0] - low[0]) / 4.0 - 1.0
    # 4 sigma of mean and standard deviation of 2,000 draws.
    for drawn, sigma in ((offset, 0.005), (gain, 0.01)):
        assert abs(drawn.mean()) < 4.0 * sigma / math.sqrt(2000)
        assert drawn.std() == pytest.approx(sigma, rel=4.0 / math.sqrt(2.0 * 2000))
    assert abs(np.corrcoef(offset, gain)[0, 1]) < 4.0 / math.sqrt(2000)


def test_quantiser_gives_the_nearest_step(sensors_spec) -> None:
    coarse = rig(sensors_spec(group_voltage={"resolution": 0.01}))
    truth = np.linspace(-1.0, 4.2, 777)
    value = run(coarse, VOLTAGE, truth)[0][:, 0]
    assert np.abs(value - truth).max() <= 0.005 + 1e-15
    assert np.abs(value / 0.01 - np.round(value / 0.01)).max() < 1e-12
    assert reading(0.005, 0.0, 0.0, 0.0, 0.01, np.uint64(0), np.uint64(0)) == 0.01  # half goes up


def test_two_current_sensors_of_a_rack_err_independently(sensors_spec) -> None:
    both = rig(sensors_spec(rack_current={"noise": 0.1, "offset": 0.1}))
    a, b = (run(both, kind, np.zeros(200))[0] for kind in ("rack_current_A", "rack_current_b_A"))
    assert abs(np.corrcoef(a[:, 0], b[:, 0])[0, 1]) < 4.0 / math.sqrt(200)
    assert a.mean() != b.mean()


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [0, 1, 3, 10])
def test_a_delay_is_exactly_that_many_samples(sensors_spec, samples) -> None:
    late = rig(sensors_spec(group_voltage={"delay_s": 0.1 * samples}))
    value, valid, at = run(late, VOLTAGE, np.arange(40.0))
    assert not valid[:samples].any()
    assert valid[samples:].all()
    assert np.array_equal(value[samples:, 0], np.arange(40.0 - samples))
    assert np.array_equal(at[samples:, 0], 100 * np.arange(40 - samples))


def test_between_samples_the_last_value_holds_and_says_when_it_was_taken(sensors_spec) -> None:
    slow = rig(sensors_spec(group_voltage={"period_s": 0.5}))
    value, valid, at = run(slow, VOLTAGE, np.arange(23.0))
    taken = 5 * (np.arange(23) // 5)
    assert np.array_equal(value[:, 0], taken.astype(float))
    assert np.array_equal(at[:, 0], 100 * taken)
    assert valid.all()


@pytest.mark.parametrize("period_s", [0.1, 0.5])
def test_lag_is_an_exponential_whatever_the_sampling_period(sensors_spec, period_s) -> None:
    """Of a constant truth after a step: ``1 - exp(-t/lag)`` at every sample."""
    slow = rig(sensors_spec(temperature={"lag_s": 5.0, "period_s": period_s}))
    run(slow, "temperature_K", [298.0])
    truth = np.full(100, 308.0)
    value, _, at = run(slow, "temperature_K", truth, start_ms=100)
    expected = 298.0 - 10.0 * np.expm1(-at[:, 0] / 1000.0 / 5.0)
    # Each sample rounds a temperature of 300 K.
    assert value[:, 0] == pytest.approx(expected, rel=0.0, abs=100 * 6e-14)


def test_kinds_that_are_not_fitted_have_no_place_in_the_array(sensors_spec) -> None:
    bare = rig(replace(sensors_spec(), coolant=None, ambient=None, insulation=None))
    assert bare.sensors.n == 4 + 4 + 2 + 1 + 1  # voltages, thermistors, currents, rack, bus
    assert bare.sensors.slices["ambient_K"] == slice(
        bare.sensors.slices["ambient_K"].start, bare.sensors.slices["ambient_K"].start
    )


@pytest.mark.parametrize(
    ("per", "count", "expected"),
    [("group", 1, [0, 2, 4, 6]), ("group", 2, list(range(8))), ("module", 2, [2, 6])],
)
def test_thermistors_sit_at_the_stated_cells(sensors_spec, per, count, expected) -> None:
    fitted = rig(sensors_spec(per, count))
    cells = thermistor_cells(sensors_spec(per, count), fitted.top)
    assert cells.tolist() == expected


# --- faults --------------------------------------------------------------------------------------


def test_an_offset_fault_adds_its_offset_and_leaves_with_it(sensors_spec) -> None:
    sick = rig(sensors_spec())
    run(sick, VOLTAGE, [3.7])
    sick.overlay.sensor_offset[1] = -0.3
    value = run(sick, VOLTAGE, [3.7], start_ms=100)[0]
    assert value[0].tolist() == [3.7, 3.7 - 0.3, 3.7, 3.7]
    sick.overlay.sensor_offset[1] = 0.0
    assert run(sick, VOLTAGE, [3.7], start_ms=200)[0][0].tolist() == [3.7] * 4


@pytest.mark.parametrize("samples", [0, 2])
def test_a_stuck_sensor_repeats_its_last_sample_and_wakes_at_the_present(
    sensors_spec, samples
) -> None:
    sick = rig(sensors_spec(group_voltage={"delay_s": 0.1 * samples, "noise": 0.001}))
    before = run(sick, VOLTAGE, np.arange(10.0))[0]
    sick.overlay.sensor_stuck[2] = 1
    stuck, valid, _ = run(sick, VOLTAGE, np.arange(10.0, 20.0), start_ms=1000)
    frozen = stuck[samples:, 2]
    assert np.ptp(frozen) == 0.0  # bit for bit, noise included: a plausibility check's mark
    if samples == 0:
        assert frozen[0] == before[-1, 2]
    assert valid.all()
    assert np.all(np.diff(stuck[:, 1]) > 0.9)  # its neighbour lives on
    sick.overlay.sensor_stuck[2] = 0
    after = run(sick, VOLTAGE, np.arange(20.0, 25.0), start_ms=2000)[0]
    assert after[-1, 2] == pytest.approx(24.0 - samples, abs=0.006)  # six sigma


def test_a_lost_sensor_is_invalid_and_no_number_and_returns(sensors_spec) -> None:
    sick = rig(sensors_spec())
    sick.overlay.sensor_lost[0] = 1
    value, valid, _ = run(sick, VOLTAGE, [3.7, 3.8])
    assert np.isnan(value[:, 0]).all() and not valid[:, 0].any()
    assert valid[:, 1:].all()
    sick.overlay.sensor_lost[0] = 0
    value, valid, _ = run(sick, VOLTAGE, [3.9], start_ms=200)
    assert value[0, 0] == 3.9 and valid[0, 0] == 1


# --- randomness ----------------------------------------------------------------------------------


def test_readings_depend_on_seed_channel_and_tick_alone(sensors_spec) -> None:
    """Not on how many other sensors there are, nor on how often anything was sampled before."""
    sheet = {"noise": 0.002, "offset": 0.003, "gain": 0.001}
    small = rig(sensors_spec(group_voltage=sheet))
    large = rig(
        sensors_spec("group", 2, group_voltage=sheet, temperature={"noise": 0.1}), size=(3, 2, 4, 2)
    )
    value = run(small, VOLTAGE, np.full(20, 3.7))[0]
    same = run(large, VOLTAGE, np.full(20, 3.7))[0]
    assert np.array_equal(value, same[:, :4])
    late = rig(sensors_spec(group_voltage=sheet))
    assert np.array_equal(run(late, VOLTAGE, np.full(5, 3.7), start_ms=1500)[0], value[15:])
    other_seed = rig(sensors_spec(group_voltage=sheet), seed=2)
    assert not np.any(run(other_seed, VOLTAGE, np.full(20, 3.7))[0] == value)


def test_sensors_go_on_bit_for_bit_from_a_copy_of_their_state(sensors_spec) -> None:
    sheet = {"noise": 0.002, "delay_s": 0.3, "lag_s": 1.0}
    one, two = (rig(sensors_spec(group_voltage=sheet)) for _ in range(2))
    truth = 3.7 + 0.1 * np.sin(np.arange(40.0))
    run(one, VOLTAGE, truth[:20])
    for name, array in vars(one.view).items():
        getattr(two.view, name)[...] = array
    rest = [run(r, VOLTAGE, truth[20:], start_ms=2000)[0] for r in (one, two)]
    assert np.array_equal(*rest)
