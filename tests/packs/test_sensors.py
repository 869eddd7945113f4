"""Virtual sensors: gain, offset, noise, quantiser, delay, sampling and lag.

Statistics are checked on fixed seeds, so a test passes always or never; the stated sigmas say how
unlikely a correct sensor is to fail at a seed that was not looked at.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from packs.overlay import DELAY, STUCK, SWAP
from packs.sensors import KINDS, thermistor_cells

OPTIONAL = (
    "coolant", "ambient", "insulation", "coolant_flow", "module_pressure", "module_gas"
)  # fmt: skip
VOLTAGE, BUS = "group_voltage_V", "bus_voltage_V"


# --- errors of the sensor ------------------------------------------------------------------------


def test_an_ideal_sensor_gives_the_truth(sensors_spec, rig, run) -> None:
    ideal = rig(sensors_spec())
    truth = 3.7 + np.sin(np.arange(50.0))
    for kind in KINDS:
        value, valid, at = run(ideal, kind, truth)
        assert np.array_equal(value, np.broadcast_to(truth[:, None], value.shape))
        assert valid.all()
        assert np.array_equal(at[:, 0], 100 * np.arange(50))


def test_an_insulation_monitor_shows_no_negative_resistance(sensors_spec, rig, run) -> None:
    """Half of its noise around a pole that is bolted to ground is held at 0; others are not."""
    noisy = rig(sensors_spec(insulation={"noise": 5e3}, rack_current={"noise": 1.0}))
    value, valid, _ = run(noisy, "insulation_ohm", np.zeros(2000))
    assert valid.all() and value.min() == 0.0
    assert 0.4 < (value == 0.0).mean() < 0.6
    amperes, _, _ = run(noisy, "rack_current_A", np.zeros(50), start_ms=1_000_000)
    assert amperes.min() < 0.0


def test_noise_is_white_with_the_sigma_of_the_data_sheet(sensors_spec, rig, run) -> None:
    noisy = rig(sensors_spec(group_voltage={"noise": 0.002}))
    value, _, _ = run(noisy, VOLTAGE, np.full(5000, 3.7))
    error, n = value - 3.7, value.size
    # 4 sigma of a mean, of a standard deviation, and of correlations of n = 20,000 draws.
    assert abs(error.mean()) < 4.0 * 0.002 / math.sqrt(n)
    assert error.std() == pytest.approx(0.002, rel=4.0 / math.sqrt(2.0 * n))
    for a, b in ((error[1:], error[:-1]), (error[:, :2], error[:, 2:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4.0 / math.sqrt(a.size)


def test_offset_and_gain_are_drawn_once_per_sensor_with_their_sigma(sensors_spec, rig, run) -> None:
    many = rig(sensors_spec(group_voltage={"offset": 0.005, "gain": 0.01}), size=(1, 1, 2000, 1))
    low, high = (run(many, VOLTAGE, np.full(3, truth))[0] for truth in (0.0, 4.0))
    assert np.ptp(low, axis=0).max() == 0.0  # the same at every sample
    offset, gain = low[0], (high[0] - low[0]) / 4.0 - 1.0
    # 4 sigma of mean and standard deviation of 2,000 draws.
    for drawn, sigma in ((offset, 0.005), (gain, 0.01)):
        assert abs(drawn.mean()) < 4.0 * sigma / math.sqrt(2000)
        assert drawn.std() == pytest.approx(sigma, rel=4.0 / math.sqrt(2.0 * 2000))
    assert abs(np.corrcoef(offset, gain)[0, 1]) < 4.0 / math.sqrt(2000)


def test_quantiser_gives_the_nearest_step(sensors_spec, rig, run) -> None:
    coarse = rig(sensors_spec(group_voltage={"resolution": 0.01}))
    truth = np.linspace(-1.0, 4.2, 777)
    value = run(coarse, VOLTAGE, truth)[0][:, 0]
    assert np.abs(value - truth).max() <= 0.005 + 1e-15
    assert np.abs(value / 0.01 - np.round(value / 0.01)).max() < 1e-12
    assert run(coarse, VOLTAGE, [0.005])[0][0, 0] == 0.01  # half goes up


def test_two_current_sensors_of_a_rack_err_independently(sensors_spec, rig, run) -> None:
    both = rig(sensors_spec(rack_current={"noise": 0.1, "offset": 0.1}))
    a, b = (run(both, kind, np.zeros(200))[0] for kind in ("rack_current_A", "rack_current_b_A"))
    assert abs(np.corrcoef(a[:, 0], b[:, 0])[0, 1]) < 4.0 / math.sqrt(200)
    assert a.mean() != b.mean()


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [0, 1, 3, 10])
def test_a_delay_is_exactly_that_many_samples(sensors_spec, rig, run, samples) -> None:
    late = rig(sensors_spec(group_voltage={"delay_s": 0.1 * samples}))
    value, valid, at = run(late, VOLTAGE, np.arange(40.0))
    assert not valid[:samples].any()
    assert valid[samples:].all()
    assert np.array_equal(value[samples:, 0], np.arange(40.0 - samples))
    assert np.array_equal(at[samples:, 0], 100 * np.arange(40 - samples))


def test_between_samples_the_last_value_holds_and_says_when_it_was_taken(
    sensors_spec, rig, run
) -> None:
    slow = rig(sensors_spec(group_voltage={"period_s": 0.5}))
    value, valid, at = run(slow, VOLTAGE, np.arange(23.0))
    taken = 5 * (np.arange(23) // 5)
    assert np.array_equal(value[:, 0], taken.astype(float))
    assert np.array_equal(at[:, 0], 100 * taken)
    assert valid.all()


@pytest.mark.parametrize("period_s", [0.1, 0.5])
def test_lag_is_an_exponential_whatever_the_sampling_period(
    sensors_spec, rig, run, period_s
) -> None:
    """Of a constant truth after a step: ``1 - exp(-t/lag)`` at every sample."""
    slow = rig(sensors_spec(temperature={"lag_s": 5.0, "period_s": period_s}))
    run(slow, "temperature_K", [298.0])
    truth = np.full(100, 308.0)
    value, _, at = run(slow, "temperature_K", truth, start_ms=100)
    expected = 298.0 - 10.0 * np.expm1(-at[:, 0] / 1000.0 / 5.0)
    # Each sample rounds a temperature of 300 K.
    assert value[:, 0] == pytest.approx(expected, rel=0.0, abs=100 * 6e-14)


def test_kinds_that_are_not_fitted_have_no_place_in_the_array(sensors_spec, rig, run) -> None:
    bare = rig(replace(sensors_spec(), **dict.fromkeys(OPTIONAL)))
    assert bare.sensors.n == 4 + 4 + 2 + 1 + 1  # voltages, thermistors, currents, rack, bus
    assert bare.sensors.slices["ambient_K"] == slice(
        bare.sensors.slices["ambient_K"].start, bare.sensors.slices["ambient_K"].start
    )


@pytest.mark.parametrize(
    ("per", "count", "expected"),
    [("group", 1, [0, 2, 4, 6]), ("group", 2, list(range(8))), ("module", 2, [2, 6])],
)
def test_thermistors_sit_at_the_stated_cells(sensors_spec, rig, run, per, count, expected) -> None:
    fitted = rig(sensors_spec(per, count))
    cells = thermistor_cells(sensors_spec(per, count), fitted.top)
    assert cells.tolist() == expected


# --- randomness ----------------------------------------------------------------------------------


def test_readings_depend_on_seed_channel_and_tick_alone(sensors_spec, rig, run) -> None:
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


def test_sensors_go_on_bit_for_bit_from_a_copy_of_their_state(sensors_spec, rig, run) -> None:
    """With every fault at work: mid-flight delays, spikes and losses are all in the state."""
    sheet = {"noise": 0.002, "delay_s": 0.3, "lag_s": 1.0}
    spec = sensors_spec(skew_s=0.01, group_voltage=sheet)
    one, two = (rig(spec, extra_delay={VOLTAGE: 2}, step_ticks=100) for _ in range(2))
    for r in (one, two):
        r.overlay.sensor[...], r.overlay.sensor_switch[DELAY, 1] = 0.1, 2
        r.overlay.sensor_switch[STUCK, 2] = r.overlay.sensor_switch[SWAP, 0] = 1
    truth = 3.7 + 0.1 * np.sin(np.arange(40.0))
    run(one, VOLTAGE, truth[:20])
    for name, array in vars(one.view).items():
        getattr(two.view, name)[...] = array
    rest = [run(r, VOLTAGE, truth[20:], start_ms=2000)[0] for r in (one, two)]
    assert np.array_equal(*rest, equal_nan=True)
