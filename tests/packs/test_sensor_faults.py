"""Faults on sensors and the errors of a whole AFE: each effect exactly, alone, and gone at its end.

Statistics are checked on fixed seeds; the stated sigmas say how unlikely a correct sensor is to
fail at a seed that was not looked at.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from packs.overlay import (
    AIR,
    DELAY,
    GAIN,
    KEEP,
    LOST,
    NOISE,
    OFFSET,
    RESOLUTION,
    SILENT,
    SPIKE,
    SPIKE_CHANCE,
    STUCK,
    SWAP,
)
from packs.rng import normal
from packs.sensing import draw

VOLTAGE = "group_voltage_V"


# --- the AFE -------------------------------------------------------------------------------------


def test_a_skewed_scan_samples_each_channel_at_its_own_moment_of_a_ramp(
    sensors_spec, rig, run
) -> None:
    """The last channel at the tick, the one before it `skew` earlier, in each module alike."""
    skewed = rig(sensors_spec(skew_s=0.002), size=(1, 2, 4, 1), step_ticks=100)
    slope, times = 0.7, 0.1 * np.arange(1, 20)
    run(skewed, VOLTAGE, [3.0])
    value, _, at = run(skewed, VOLTAGE, 3.0 + slope * times, start_ms=100)
    early_s = 0.002 * np.tile([3, 2, 1, 0], 2)
    expected = 3.0 + slope * (times[:, None] - early_s)
    assert value == pytest.approx(expected, abs=1e-14)  # a few roundings of 4 V
    assert np.array_equal(at[:, 0], 100 * np.arange(1, 20))  # the message has one stamp


def test_a_skewed_scan_looks_at_every_plant_step_and_reads_a_constant_exactly(
    sensors_spec, rig, run
) -> None:
    sheet = sensors_spec(skew_s=0.002, group_voltage={"period_s": 0.5})
    skewed = rig(sheet, step_ticks=20)
    assert skewed.sensors.period_ticks == 20
    assert np.all(run(skewed, VOLTAGE, np.full(30, 3.7), step_ms=20)[0] == 3.7)
    # 4 channels 2 ms apart within a step of 20 ms, not within the period of 500 ms
    slope = 3.7 + np.arange(1, 26) * 0.02
    value = run(skewed, VOLTAGE, slope, step_ms=20, start_ms=20 * 600 + 20)[0]
    assert value[-1] == pytest.approx(slope[-1] - 0.002 * np.array([3, 2, 1, 0]), abs=1e-14)


def test_a_scan_longer_than_a_plant_step_is_refused(sensors_spec, rig, run) -> None:
    with pytest.raises(ValueError, match="a scan of 4 channels takes 0.03 s"):
        rig(sensors_spec(skew_s=0.01), step_ticks=20)


def test_bleeding_pulls_its_own_reading_down_and_its_neighbours_up(sensors_spec, rig, run) -> None:
    """Kirchhoff on the shared wires: each group reads V_g less the drops of its two wires."""
    wired = rig(sensors_spec(wire_ohm=0.05), size=(1, 2, 4, 1))
    bleed = np.array([1, 0, 1, 1, 1, 0, 0, 0])
    volts = 3.6 + 0.01 * np.arange(8)
    wired.sensors.truth[wired.sensors.slices[VOLTAGE]] = volts
    wired.sensors.bleed_along_wires(bleed, 1.0 / 33.0)
    current = bleed * volts / 33.0
    for module in (slice(0, 4), slice(4, 8)):
        around = np.concatenate(([0.0], current[module], [0.0]))
        wire_A = -np.diff(around)  # in wire w towards the AFE: I of the group below less above
        seen = wired.sensors.truth[wired.sensors.slices[VOLTAGE]][module]
        # The upper wire of a group drops its voltage, the lower one lifts the return.
        assert seen == pytest.approx(volts[module] - 0.05 * (wire_A[1:] - wire_A[:-1]), abs=1e-15)


# --- faults --------------------------------------------------------------------------------------


def test_every_effect_together_is_that_of_the_formula_to_the_bit(sensors_spec, rig, run) -> None:
    """A second implementation, one sensor at a time, with the scalar `packs.rng.normal`."""
    sheet = {"noise": 0.002, "offset": 0.003, "gain": 0.001, "lag_s": 0.7, "resolution": 1e-4}
    sick = rig(sensors_spec(group_voltage=sheet), size=(1, 1, 64, 1))
    n, o, rng = 64, sick.overlay, np.random.default_rng(7)
    for row in (OFFSET, GAIN, NOISE, RESOLUTION):
        o.sensor[row, :n] = rng.uniform(0.0, 0.01, n) * rng.integers(0, 2, n)
    o.sensor[KEEP, :n] = rng.uniform(0.0, 1.0, n)
    o.sensor[AIR, :n] = rng.integers(0, 2, n)
    sick.sensors.ambient_K[0] = 2.5
    truth = 3.7 + rng.normal(0.0, 0.1, (20, n))
    values, _, _ = run(sick, VOLTAGE, truth)
    keep, gain, offset, noise, step = sick.sensors._sheet[:5, :n]
    keep, step = np.maximum(keep, o.sensor[KEEP, :n]), np.maximum(step, o.sensor[RESOLUTION, :n])
    lagged = truth[0].copy()
    for tick, (row, value) in enumerate(zip(truth, values, strict=True)):
        felt = row + o.sensor[AIR, :n] * (2.5 - row)
        lagged = felt + (lagged - felt) * keep
        with np.errstate(over="ignore"):
            z = [normal(key, np.uint64(100 * tick)) for key in sick.sensors._keys[:n]]
        read = lagged * (1.0 + (gain + o.sensor[GAIN, :n])) + (offset + o.sensor[OFFSET, :n])
        read = read + np.sqrt(noise * noise + o.sensor[NOISE, :n] ** 2) * z
        assert np.array_equal(value, np.floor(read / step + 0.5) * step)


def test_lane_loops_draw_the_normal_numbers_of_the_generator_to_the_bit() -> None:
    n = 200_000  # one draw in 6 beyond the centre, 1 in 1e4 beyond four sigma
    with np.errstate(over="ignore"):
        keys = np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        scratch, sheet, faults = np.zeros((5, n)), np.ones((6, n)), np.zeros((9, n))
        faults[LOST, 0] = 0.1  # without any chance none is drawn
        draw(0, n, np.uint64(12_000), keys, sheet, faults, scratch)
        expected = [normal(key, np.uint64(12_000)) for key in keys[:5000]]
        tails = np.flatnonzero(np.abs(scratch[0]) > 3.5)
        far = [normal(keys[k], np.uint64(12_000)) for k in tails]
    assert np.array_equal(scratch[0, :5000], expected)
    assert len(far) > 50 and np.array_equal(scratch[0, tails], far)
    for chance in scratch[1:3]:  # uniform, and independent of the noise and of each other
        assert chance.min() > 0.0 and chance.max() < 1.0
        assert abs(chance.mean() - 0.5) < 4.0 * math.sqrt(1.0 / 12.0 / n)
        assert abs(np.corrcoef(chance, scratch[0])[0, 1]) < 4.0 / math.sqrt(n)
    assert abs(np.corrcoef(scratch[1], scratch[2])[0, 1]) < 4.0 / math.sqrt(n)


@pytest.mark.parametrize(
    ("row", "number", "expected"),
    [(OFFSET, -0.3, 3.7 - 0.3), (GAIN, 0.05, 3.7 * 1.05), (RESOLUTION, 0.5, 3.5)],
)
def test_an_error_of_one_sensor_leaves_its_neighbours_and_goes_with_its_fault(
    sensors_spec, rig, run, row, number, expected
) -> None:
    sick = rig(sensors_spec())
    run(sick, VOLTAGE, [3.7])
    sick.overlay.sensor[row, 1] = number
    assert run(sick, VOLTAGE, [3.7], start_ms=100)[0][0].tolist() == [3.7, expected, 3.7, 3.7]
    sick.overlay.sensor[row, 1] = 0.0
    assert run(sick, VOLTAGE, [3.7], start_ms=200)[0][0].tolist() == [3.7] * 4


def test_extra_noise_adds_its_variance(sensors_spec, rig, run) -> None:
    sick = rig(sensors_spec(group_voltage={"noise": 0.003}))
    sick.overlay.sensor[NOISE, 0] = 0.004
    error = run(sick, VOLTAGE, np.full(5000, 3.7))[0][:, :2] - 3.7
    for sigma, column in zip((0.005, 0.003), error.T, strict=True):
        assert column.std() == pytest.approx(sigma, rel=4.0 / math.sqrt(2.0 * 5000))
        assert abs(column.mean()) < 4.0 * sigma / math.sqrt(5000)


def test_spikes_are_isolated_of_the_stated_size_and_frequency(sensors_spec, rig, run) -> None:
    sick = rig(sensors_spec())
    sick.overlay.sensor[SPIKE, :2], sick.overlay.sensor[SPIKE_CHANCE, :2] = 0.5, 0.1
    n = 5000
    value = run(sick, VOLTAGE, np.zeros(n))[0]
    assert set(np.unique(value[:, :2])) == {0.0, 0.5} and not value[:, 2:].any()
    hit = value[:, :2] > 0.0
    sigma = math.sqrt(0.1 * 0.9 / n)
    assert np.abs(hit.mean(axis=0) - 0.1).max() < 4.0 * sigma
    together = (hit[1:, 0] & hit[:-1, 0], hit[:, 0] & hit[:, 1])  # in a row; in both channels
    for pairs in together:
        assert abs(pairs.mean() - 0.01) < 4.0 * math.sqrt(0.01 * 0.99 / n)


def test_an_intermittent_sensor_loses_the_stated_share_of_its_samples(
    sensors_spec, rig, run
) -> None:
    sick, n = rig(sensors_spec()), 5000
    sick.overlay.sensor[LOST, 1] = 0.3
    value, valid, at = run(sick, VOLTAGE, np.arange(float(n)))
    assert abs(valid[:, 1].mean() - 0.7) < 4.0 * math.sqrt(0.3 * 0.7 / n)
    assert np.array_equal(np.isnan(value[:, 1]), valid[:, 1] == 0)
    assert np.array_equal(value[valid[:, 1] == 1, 1], np.flatnonzero(valid[:, 1]).astype(float))
    last = np.maximum.accumulate(np.where(valid[:, 1] == 1, 100 * np.arange(n), 0))
    assert np.array_equal(at[:, 1], last)  # the age grows over the gap
    assert valid[:, [0, 2, 3]].all()


def test_a_lost_sensor_is_invalid_and_no_number_and_returns(sensors_spec, rig, run) -> None:
    sick = rig(sensors_spec())
    sick.overlay.sensor[LOST, 0] = 1.0
    value, valid, _ = run(sick, VOLTAGE, np.full(500, 3.7))
    assert np.isnan(value[:, 0]).all() and not valid[:, 0].any()
    assert valid[:, 1:].all()
    sick.overlay.sensor[LOST, 0] = 0.0
    value, valid, _ = run(sick, VOLTAGE, [3.9], start_ms=50_000)
    assert value[0, 0] == 3.9 and valid[0, 0] == 1


@pytest.mark.parametrize("samples", [0, 2])
def test_a_stuck_sensor_repeats_its_last_sample_and_wakes_at_the_present(
    sensors_spec, rig, run, samples
) -> None:
    sick = rig(sensors_spec(group_voltage={"delay_s": 0.1 * samples, "noise": 0.001}))
    before = run(sick, VOLTAGE, np.arange(10.0))[0]
    sick.overlay.sensor_switch[STUCK, 2] = 1
    stuck, valid, _ = run(sick, VOLTAGE, np.arange(10.0, 20.0), start_ms=1000)
    frozen = stuck[samples:, 2]
    assert np.ptp(frozen) == 0.0  # bit for bit, noise included: a plausibility check's mark
    if samples == 0:
        assert frozen[0] == before[-1, 2]
    assert valid.all()
    assert np.all(np.diff(stuck[:, 1]) > 0.9)  # its neighbour lives on
    sick.overlay.sensor_switch[STUCK, 2] = 0
    after = run(sick, VOLTAGE, np.arange(20.0, 25.0), start_ms=2000)[0]
    assert after[-1, 2] == pytest.approx(24.0 - samples, abs=0.006)  # six sigma


@pytest.mark.parametrize(("own", "extra"), [(0, 1), (2, 5)])
def test_a_further_delay_is_exact_in_value_and_age_and_ends_at_the_present(
    sensors_spec, rig, run, own, extra
) -> None:
    sick = rig(sensors_spec(group_voltage={"delay_s": 0.1 * own}), extra_delay={VOLTAGE: extra})
    run(sick, VOLTAGE, np.arange(10.0))
    sick.overlay.sensor_switch[DELAY, 1] = extra
    value, valid, at = run(sick, VOLTAGE, np.arange(10.0, 30.0), start_ms=1000)
    taken = np.arange(10, 30) - own
    assert np.array_equal(value[:, 0], taken) and np.array_equal(value[:, 1], taken - extra)
    assert np.array_equal(at[:, 1], 100 * (taken - extra)) and valid.all()
    sick.overlay.sensor_switch[DELAY, 1] = 0
    assert np.ptp(run(sick, VOLTAGE, [30.0], start_ms=3000)[0]) == 0.0


def test_swapped_channels_exchange_what_they_feel_and_keep_their_own_errors(
    sensors_spec, rig, run
) -> None:
    sick = rig(sensors_spec(group_voltage={"offset": 0.01}))
    healthy = run(sick, VOLTAGE, [np.arange(4.0)])[0][0]
    error = healthy - np.arange(4.0)
    sick.overlay.sensor_switch[SWAP, [0, 3]] = 3, -3
    swapped = run(sick, VOLTAGE, [np.arange(4.0)], start_ms=100)[0][0]
    assert swapped == pytest.approx(np.array([3.0, 1.0, 2.0, 0.0]) + error, abs=1e-15)
    sick.overlay.sensor_switch[SWAP] = 0
    assert np.array_equal(run(sick, VOLTAGE, [np.arange(4.0)], start_ms=200)[0][0], healthy)


def test_a_detached_thermistor_tends_to_the_air_with_the_lag_of_the_fault(
    sensors_spec, rig, run
) -> None:
    sick = rig(sensors_spec(temperature={"lag_s": 5.0}))
    sick.sensors.ambient_K[0] = 288.0
    run(sick, "temperature_K", [318.0])
    k = sick.sensors.slices["temperature_K"].start
    sick.overlay.sensor[AIR, k], sick.overlay.sensor[KEEP, k] = 0.75, math.exp(-0.1 / 60.0)
    value = run(sick, "temperature_K", np.full(600, 318.0), start_ms=100)[0]
    t = 0.1 * np.arange(1, 601)
    end = 318.0 - 0.75 * 30.0  # a quarter of the contact is left
    expected = end + (318.0 - end) * np.exp(-t / 60.0)
    assert value[:, 0] == pytest.approx(expected, rel=0.0, abs=600 * 6e-14)  # rounding of 300 K
    assert np.all(value[:, 1:] == 318.0)
    sick.overlay.sensor[:, k] = 0.0  # pressed on again: back with the lag of its data sheet
    back = run(sick, "temperature_K", np.full(100, 318.0), start_ms=60_100)[0][:, 0]
    expected = 318.0 + (value[-1, 0] - 318.0) * np.exp(-t[:100] / 5.0)
    assert back == pytest.approx(expected, rel=0.0, abs=100 * 6e-14)


def test_without_messages_the_last_value_stays_valid_and_grows_old(sensors_spec, rig, run) -> None:
    sick = rig(sensors_spec())
    run(sick, VOLTAGE, np.arange(10.0))
    sick.overlay.sensor_switch[SILENT, :3] = 1
    value, valid, at = run(sick, VOLTAGE, np.arange(10.0, 20.0), start_ms=1000)
    assert np.all(value[:, :3] == 9.0) and valid.all() and np.all(at[:, :3] == 900)
    assert np.array_equal(value[:, 3], np.arange(10.0, 20.0))
    sick.overlay.sensor_switch[SILENT] = 0
    value, _, at = run(sick, VOLTAGE, [20.0], start_ms=2000)
    assert np.all(value == 20.0) and np.all(at == 2000)
