"""Profiles: the shipped numbers, interpolation, clocks, and the power of a car."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from twin.scenarios import profiles
from twin.scenarios.environment import (
    Environment,
    build_environment,
    clock_offset_s,
    pv_power,
    vehicle_power,
)
from twin.scenarios.load import load_scenario
from twin.scenarios.profiles import (
    IRRADIANCE,
    PER_UNIT,
    POWER,
    SPEED,
    TEMPERATURE,
    Profile,
    ProfileError,
    Staircase,
    profile_path,
    read_column,
)
from twin.scenarios.sections import VehicleDemand

CAR = VehicleDemand.model_validate(
    {
        "kind": "vehicle",
        "schedule": "us06",
        "mass": "1800 kg",
        "drag_area": "0.58 m^2",
        "rolling_resistance": 0.009,
        "drive_efficiency": 0.9,
        "regeneration_efficiency": 0.65,
        "auxiliary_power": "600 W",
        "share": 0.5,
    }
)


def shipped(name: str, column: str, dimension: profiles.Dimension) -> profiles.Column:
    """Return a column of a shipped profile."""
    return read_column(profile_path(name, Path("/")), column, (dimension,))


@pytest.mark.parametrize(
    ("name", "seconds", "kilometres", "fastest_km_per_h"),
    [  # distances and speeds of the regulations: 40 CFR 86, UN GTR 15
        ("us06", 600, 12.89, 129.2),
        ("udds", 1369, 11.99, 91.25),
        ("hwfet", 765, 16.51, 96.4),
        ("wltc_3b", 1800, 23.27, 131.3),
    ],
)
def test_a_schedule_has_the_length_of_the_regulation(
    name: str, seconds: int, kilometres: float, fastest_km_per_h: float
) -> None:
    column = shipped(name, "speed", SPEED)
    assert column.time_s[-1] == seconds
    assert np.trapezoid(column.value, column.time_s) / 1e3 == pytest.approx(kilometres, abs=0.005)
    assert 3.6 * column.value.max() == pytest.approx(fastest_km_per_h, abs=0.06)


def test_the_typical_year_has_its_sum_and_closes_on_itself() -> None:
    ghi = shipped("weather_greensboro", "ghi", IRRADIANCE)
    assert len(ghi.value) == 8760
    assert ghi.value.sum() / 1e3 == pytest.approx(1566.203)  # kWh/m2, of the source's column
    assert ghi.time_s[0] == 1800.0
    assert ghi.time_s[-1] == 365 * 86400 - 1800
    temperature = shipped("weather_greensboro", "temperature", TEMPERATURE).value
    assert 255.0 < temperature.min() < temperature.max() < 312.0


def test_the_load_is_per_unit_of_the_highest_quarter_of_the_year() -> None:
    winter = shipped("load_g0", "load_winter", PER_UNIT)
    summer = shipped("load_g0", "load_summer", PER_UNIT)
    assert winter.value.max() == 1.0
    assert summer.value.max() == pytest.approx(0.8719)
    days = summer.value.reshape(7, 96).sum(axis=1)
    assert np.all(days[:5] == days[0])
    assert days[6] < days[5] < days[0]  # Sunday, Saturday, weekday


def test_the_shipped_folder_stays_small() -> None:
    folder = profile_path("us06", Path("/")).parent
    assert sum(f.stat().st_size for f in folder.iterdir()) < 400_000


@pytest.mark.parametrize("repeat", [False, True])
def test_a_profile_interpolates_on_uniform_and_other_grids(repeat: bool) -> None:
    rng = np.random.default_rng(1)
    for time_s in (np.arange(0.0, 50.0, 2.5), np.sort(rng.uniform(0.0, 50.0, 20))):
        value = rng.normal(size=len(time_s))
        profile = Profile(tuple(time_s.tolist()), tuple(value.tolist()), repeat)
        for t in np.linspace(time_s[0], time_s[-1], 333)[:-1]:
            # 1e-12: a few roundings
            assert profile.at(t) == pytest.approx(np.interp(t, time_s, value), abs=1e-12)


def test_a_repeated_schedule_starts_again_where_it_ends() -> None:
    profile = Profile((0.0, 1.0, 2.0), (5.0, 7.0, 9.0), repeat=True)
    assert profile.at(2.5) == 6.0
    assert profile.at(2000.25) == 5.5
    assert profile.at(-0.5) == 8.0


def test_a_turn_longer_than_its_samples_closes_on_itself() -> None:
    profile = Profile((1.0, 3.0, 5.0), (0.0, 2.0, 4.0), repeat=True, period_s=6.0)
    assert profile.at(6.0) == 2.0  # half way from 4 back to 0
    assert profile.at(0.0) == 2.0
    assert profile.at(7.0) == 0.0


def test_a_profile_that_ends_has_no_value_beyond() -> None:
    profile = Profile((0.0, 1.0), (1.0, 2.0))
    assert profile.at(1.0) == 2.0
    for outside in (-0.1, 1.1):
        with pytest.raises(ValueError, match="has no value at"):
            profile.at(outside)


def test_a_staircase_holds_each_value_until_the_next() -> None:
    stairs = Staircase((2.0, 3.0), (10.0, 20.0))
    assert [stairs.at(t) for t in (0.0, 1.99, 2.0, 4.9, 5.0)] == [10.0, 10.0, 20.0, 20.0, 20.0]
    assert Staircase((2.0, 3.0), (10.0, 20.0), repeat=True).at(5.0) == 10.0


@pytest.mark.parametrize(
    ("clock", "start", "seconds"),
    [
        ("start", "2026-06-18T06:00:00-05:00", 0),
        ("day", "2026-06-18T06:00:00-05:00", 6 * 3600),
        ("week", "2026-06-18T06:00:00-05:00", 3 * 86400 + 6 * 3600),  # a Thursday
        ("year", "2026-01-02T00:00:00-05:00", 86400),
        ("year", "2026-06-18T06:00:00-05:00", 168 * 86400 + 6 * 3600),
        ("year", "2028-03-01T00:00:00-05:00", 59 * 86400),  # as in a common year
        ("year", "2028-02-29T00:00:00-05:00", 58 * 86400),
    ],
)
def test_the_calendar_picks_the_time_of_the_profile(clock: str, start: str, seconds: float) -> None:
    assert clock_offset_s(clock, datetime.fromisoformat(start)) == seconds


def site_day(*overrides: str) -> Environment:
    """Return the environment of the shipped site."""
    return build_environment(load_scenario("site_day", overrides))


def test_the_weather_of_the_site_is_that_of_its_day() -> None:
    column = shipped("weather_greensboro", "ghi", IRRADIANCE)
    hours = column.value[168 * 24 : 169 * 24]  # 18 June
    rated = load_scenario("site_day").environment.pv
    assert rated is not None
    environment = site_day()
    for hour in range(24):
        pv = environment.at(3600.0 * hour + 1800.0).pv_W
        assert pv == pytest.approx(rated.rated_power * 0.85 * hours[hour] / 1e3, abs=1e-9)


def test_the_year_turns_without_a_jump() -> None:
    environment = site_day('start="2026-12-31T12:00:00-05:00"')
    before, after = environment.at(43199.0), environment.at(43201.0)
    assert after.ambient_K == pytest.approx(before.ambient_K, abs=0.01)  # of a degree in 2 s


def test_an_absent_part_of_the_environment_is_zero_and_a_price_is_nan() -> None:
    sample = site_day().at(0.0)
    assert sample.demand_W == 0.0
    assert math.isnan(sample.price_per_J)


def test_site_day_keeps_its_battery_between_a_seventh_and_nine_tenths() -> None:
    """A plain energy balance: 5 Ah and 3.65 V a cell, PCS losses, self-consumption."""
    scenario = load_scenario("site_day")
    environment = build_environment(scenario)
    capacity_J = scenario.site.n_cells * 5.0 * 3600.0 * 3.65
    standby, linear, quadratic = scenario.pcs.loss
    rated, soc, history = scenario.pcs.rated_power, scenario.cell.initial_soc, []
    for time_s in np.arange(0.0, scenario.duration, 300.0):
        now = environment.at(float(time_s))
        share = (now.load_W - now.pv_W) / rated
        loss = standby + linear * abs(share) + quadratic * share**2
        soc -= 300.0 * rated * (share + loss) / capacity_J
        history.append(soc)
        assert abs(share) < 1.0
    assert 0.15 < min(history) < 0.25
    assert 0.80 < max(history) < 0.90
    assert history[-1] == pytest.approx(scenario.cell.initial_soc, abs=0.05)  # a closed day


def test_a_car_at_constant_speed_needs_rolling_and_drag() -> None:
    time_s, v = np.arange(20.0), np.full(20, 30.0)
    force = 1800.0 * 9.80665 * 0.009 + 0.5 * 1.2 * 0.58 * 30.0**2
    expected = 0.5 * (force * 30.0 / 0.9 + 600.0)
    # 1e-12: rounding
    assert vehicle_power(time_s, v, CAR) == pytest.approx(np.full(20, expected), rel=1e-12)


def test_a_standing_car_needs_its_auxiliaries() -> None:
    power = vehicle_power(np.arange(5.0), np.zeros(5), CAR)
    assert np.all(power == 300.0)


def test_a_braking_car_gives_back_its_part_of_the_wheel_power() -> None:
    time_s = np.arange(5.0)
    v = 20.0 - 3.0 * time_s
    wheel = (1800.0 * (-3.0 + 9.80665 * 0.009) + 0.5 * 1.2 * 0.58 * 14.0**2) * 14.0
    assert wheel < 0.0
    power = vehicle_power(time_s, v, CAR)[2]
    assert power == pytest.approx(0.5 * (0.65 * wheel + 600.0), rel=1e-12)  # rounding


def test_a_closed_schedule_conserves_the_kinetic_energy() -> None:
    """Without losses, drag and rolling, what a standing start takes comes back at the stop."""
    ideal = CAR.model_copy(
        update={
            "rolling_resistance": 0.0,
            "drag_area": 0.0,
            "drive_efficiency": 1.0,
            "regeneration_efficiency": 1.0,
            "auxiliary_power": 0.0,
        }
    )
    column = shipped("us06", "speed", SPEED)
    power = vehicle_power(column.time_s, column.value, ideal)
    # Central differences make the sum of v dv telescope to zero; rounding only.
    assert abs(power.sum()) < 1e-9 * np.abs(power).sum()


def test_pv_is_proportional_to_irradiance() -> None:
    assert pv_power(np.array([0.0, 500.0, 1000.0]), 4e3) == pytest.approx([0.0, 1700.0, 3400.0])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time_s,power_W\n0,1\n1,2\n1,3\n", "line 4: time_s goes from 1 to 1"),
        ("time_s,power_W\n0,1\n1,nan\n2,3\n", "line 3: 'power_W' is 'nan'"),
        ("time_s,power_W\n0,1\n1,\n2,3\n", "line 3: 'power_W' is ''"),
        ("time_s,power_W\n0,1\n1\n2,3\n", "line 3: 'power_W' is ''"),
        ("time_s,power_W\n0,1\n", "has 1 rows"),
        ("", "is empty"),
        ("t,power_W\n0,1\n", "no column 'time_s'"),
        ("time_s,torque_Nm\n0,1\n1,1\n", "no column 'power'; it has torque_Nm"),
        ("time_s,power\n0,1\n1,1\n", "a name that ends in _W, _kW"),
        ("time_s,power_W\n" + "".join(f"{t},0\n" for t in (0, 1, 2, 6, 7)), "a gap of 4 s"),
    ],
)
def test_a_bad_profile_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(ProfileError) as refused:
        read_column(path, "power", (POWER,))
    assert says in str(refused.value)


def test_a_column_in_another_unit_becomes_si(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("time_s,speed_km_per_h,power_kW,temperature_degC\n0,36,1.5,20\n1,72,2,21\n")
    assert read_column(path, "speed", (SPEED,)).value == pytest.approx([10.0, 20.0])
    assert read_column(path, "power", (POWER,)).value == pytest.approx([1500.0, 2000.0])
    assert read_column(path, "temperature_degC", (TEMPERATURE,)).value[0] == pytest.approx(293.15)


def test_a_temperature_in_the_wrong_unit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("time_s,temperature_K\n0,20\n1,21\n")
    with pytest.raises(ProfileError, match="in another unit"):
        read_column(path, "temperature", (TEMPERATURE,))
