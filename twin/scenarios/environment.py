"""What the site sees over time: air temperature, demand, load, PV and price.

`build_environment` reads the profiles that a scenario names and gives one object to ask;
`environment_problems` says beforehand everything that is wrong with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from twin.scenarios import profiles
from twin.scenarios.parts import KeyPath
from twin.scenarios.profiles import Column, Constant, Profile, ProfileError, Staircase
from twin.scenarios.scenario import Scenario
from twin.scenarios.sections import (
    ConstantDemand,
    Load,
    PowerDemand,
    Pv,
    Series,
    StepsDemand,
    Surroundings,
    VehicleDemand,
)

GRAVITY_M_PER_S2 = 9.80665  # standard acceleration, BIPM SI brochure
AIR_DENSITY_KG_PER_M3 = 1.2  # dry air at sea level and 20 degC
PV_SYSTEM_FACTOR = 0.85  # assumed: inverter, wiring, soiling, cell temperature
STANDARD_IRRADIANCE_W_PER_M2 = 1000.0  # standard test conditions, IEC 60904-3
CLOCK_PERIOD_S = {"day": 86_400.0, "week": 604_800.0, "year": 31_536_000.0}


class OverTime(Protocol):
    """Anything that has a value at a time."""

    def at(self, time_s: float) -> float:
        """Return the value at a time [s]."""
        ...


class Sample(NamedTuple):
    """The environment at one time.

    Attributes
    ----------
    ambient_K, demand_W, load_W, pv_W, price_per_J : float
        0 for a demand, load or PV that the site has not; NaN for a price.
    """

    ambient_K: float
    demand_W: float
    load_W: float
    pv_W: float
    price_per_J: float


class Environment:
    """The environment of a run, asked by time since its start.

    Parameters
    ----------
    ambient, demand, load, pv, price : OverTime
    """

    __slots__ = ("ambient", "demand", "load", "price", "pv")

    def __init__(
        self, *, ambient: OverTime, demand: OverTime, load: OverTime, pv: OverTime, price: OverTime
    ) -> None:
        self.ambient, self.demand, self.load = ambient, demand, load
        self.pv, self.price = pv, price

    def at(self, time_s: float) -> Sample:
        """Return everything at a time since the start of the run [s]."""
        return Sample(
            self.ambient.at(time_s),
            self.demand.at(time_s),
            self.load.at(time_s),
            self.pv.at(time_s),
            self.price.at(time_s),
        )


def vehicle_power(
    time_s: NDArray[np.float64], speed_m_per_s: NDArray[np.float64], vehicle: VehicleDemand
) -> NDArray[np.float64]:
    """Return the power at the battery terminals of a car on a speed schedule.

    Road load on a level road: ``F = m a + m g c_r + rho A_d v^2 / 2``, with the acceleration by
    central differences; power at the wheel ``F v``, divided by the drive efficiency when positive
    and multiplied by the regeneration efficiency when negative, plus the auxiliaries.

    Parameters
    ----------
    time_s : float64 (n,), [s]
    speed_m_per_s : float64 (n,), [m/s]
    vehicle : VehicleDemand
        Mass, rolling resistance, drag area (c_d A), efficiencies, auxiliary power and the share of
        the car's battery that is simulated.

    Returns
    -------
    float64 (n,), [W]
        Discharge positive.

    References
    ----------
    T. D. Gillespie, Fundamentals of Vehicle Dynamics, SAE, 1992, chapter 4 "Road loads"
    (ISBN 978-1-56091-199-9).

    Notes
    -----
    Rotating masses are part of `mass`. No grade, no wind, air of 1.2 kg/m3.
    """
    v = speed_m_per_s
    a = np.gradient(v, time_s)
    force = vehicle.mass * (a + GRAVITY_M_PER_S2 * vehicle.rolling_resistance)
    force += 0.5 * AIR_DENSITY_KG_PER_M3 * vehicle.drag_area * v**2
    wheel = force * v
    drive = wheel / vehicle.drive_efficiency
    terminals = np.where(wheel > 0.0, drive, wheel * vehicle.regeneration_efficiency)
    return vehicle.share * (terminals + vehicle.auxiliary_power)


def pv_power(ghi_W_per_m2: NDArray[np.float64], rated_power_W: float) -> NDArray[np.float64]:
    """Return the AC power of a PV plant, proportional to the irradiance.

    ``P = P_rated · 0.85 · GHI / 1000 W/m²``: a flat plate without temperature or angle effects; the
    factor 0.85 for all losses is assumed.

    Parameters
    ----------
    ghi_W_per_m2 : float64 (n,), [W/m2]
        Global irradiance on the horizontal plane.
    rated_power_W : float
        At standard test conditions [W].

    Returns
    -------
    float64 (n,), [W]
    """
    return rated_power_W * PV_SYSTEM_FACTOR * ghi_W_per_m2 / STANDARD_IRRADIANCE_W_PER_M2


def clock_offset_s(clock: str, start: datetime) -> float:
    """Return the time on a profile's clock at the start of the run.

    Parameters
    ----------
    clock : str
        "start", "day", "week" or "year".
    start : datetime
        With its UTC offset, which is the local clock of the whole run.

    Returns
    -------
    float
        [s]. A typical year has 365 days: 29 February counts as 28 February.
    """
    if clock == "start":
        return 0.0
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    in_day = (start - midnight).total_seconds()
    if clock == "day":
        return in_day
    if clock == "week":
        return 86_400.0 * start.weekday() + in_day
    day = 28 if (start.month, start.day) == (2, 29) else start.day
    days = (datetime(2001, start.month, day) - datetime(2001, 1, 1)) / timedelta(days=1)
    return 86_400.0 * days + in_day


class _Reader:
    """Turns the parts of an environment section into values over time, noting problems."""

    def __init__(self, start: datetime | None, duration_s: float | None, directory: Path) -> None:
        self.start, self.duration_s, self.directory = start, duration_s, directory
        self.problems: list[profiles.ProfileProblem] = []

    def _column(
        self, key: KeyPath, file_key: str, name: str, column: str, wanted: Sequence[Any]
    ) -> Column | None:
        """Return a column; a file that is missing or bad is a problem of `file_key`."""
        try:
            path = profiles.profile_path(name, self.directory)
            return profiles.read_column(path, column, wanted)
        except ProfileError as error:
            at_column = error.is_column and file_key == "profile"  # a schedule has no such key
            self.problems.append(((*key, "column" if at_column else file_key), error.message))
        return None

    def _profile(
        self, key: KeyPath, column: Column, value: NDArray[np.float64], repeat: bool, clock: str
    ) -> OverTime:
        """Return a profile on the time of the run."""
        time_s, duration = column.time_s, self.duration_s
        offset = clock_offset_s(clock, self.start) if self.start is not None else 0.0
        period = CLOCK_PERIOD_S.get(clock, 0.0)
        span = float(time_s[-1] - time_s[0])
        step = float(np.median(np.diff(time_s)))
        if clock != "start":
            rest = period - span
            if time_s[0] < 0.0 or not 0.0 <= rest <= profiles.GAP_IN_STEPS * step:
                text = (
                    f"'{clock}' needs a profile of {period:g} s; this one lasts {span + step:g} s"
                )
                self.problems.append(((*key, "clock"), text))
                return Constant(math.nan)
        elif time_s[0] > 0.0:
            text = f"begins at time_s = {time_s[0]:g}; expected 0, the start of the run"
            self.problems.append(((*key, "profile"), text))
        elif not repeat and duration is not None and time_s[-1] < duration:
            text = (
                f"lasts {time_s[-1]:g} s, the run {duration:g} s; shorten 'duration' or set "
                "'repeat: true'"
            )
            self.problems.append((key, text))
        moved = tuple((time_s - offset).tolist())
        return Profile(moved, tuple(value.tolist()), repeat or clock != "start", period)

    def series(
        self,
        key: KeyPath,
        section: Series | None,
        wanted: Sequence[Any],
        convert: Callable[[Column], NDArray[np.float64]],
        absent: float,
    ) -> OverTime:
        """Return one series of the environment section, or a constant without it."""
        if section is None:
            return Constant(absent)
        column = self._column(key, "profile", section.profile, section.column, wanted)
        if column is None:
            return Constant(math.nan)
        return self._profile(key, column, convert(column), section.repeat, section.clock)

    def load(self, section: Load | None) -> OverTime:
        """Return the site load [W]."""
        key: KeyPath = ("environment", "load")

        def convert(column: Column) -> NDArray[np.float64]:
            per_unit = column.dimension is profiles.PER_UNIT
            peak = section.peak if section is not None else None
            if per_unit and peak is None:
                self.problems.append(((*key, "peak"), "missing; the column is per unit"))
            if not per_unit and peak is not None:
                self.problems.append(((*key, "peak"), "means nothing here; the column is in watts"))
            return column.value * (peak or 1.0)

        return self.series(key, section, (profiles.PER_UNIT, profiles.POWER), convert, 0.0)

    def pv(self, section: Pv | None) -> OverTime:
        """Return the PV power [W]."""
        rated = section.rated_power if section is not None else 0.0
        return self.series(
            ("environment", "pv"),
            section,
            (profiles.IRRADIANCE,),
            lambda column: pv_power(column.value, rated),
            0.0,
        )

    def demand(self, section: Any) -> OverTime:
        """Return the power asked of the battery [W], discharge positive."""
        key: KeyPath = ("environment", "demand")
        match section:
            case None:
                return Constant(0.0)
            case ConstantDemand():
                return Constant(section.power)
            case StepsDemand():
                durations = tuple(step.duration for step in section.steps)
                powers = tuple(step.power for step in section.steps)
                return Staircase(durations, powers, section.repeat)
            case VehicleDemand():
                column = self._column(key, "schedule", section.schedule, "speed", (profiles.SPEED,))
                if column is None:
                    return Constant(math.nan)
                value = vehicle_power(column.time_s, column.value, section)
            case PowerDemand():
                column = self._column(
                    key, "profile", section.profile, section.column, (profiles.POWER,)
                )
                if column is None:
                    return Constant(math.nan)
                value = column.value * section.scale
            case _:
                raise TypeError(f"no demand: {section!r}")
        return self._profile(key, column, value, section.repeat, "start")

    def ambient(self, section: float | Series) -> OverTime:
        """Return the air temperature [K]."""
        if not isinstance(section, Series):
            return Constant(float(section))
        key: KeyPath = ("environment", "ambient")
        return self.series(key, section, (profiles.TEMPERATURE,), lambda c: c.value, math.nan)

    def environment(self, section: Surroundings) -> Environment:
        """Return the whole environment."""
        return Environment(
            ambient=self.ambient(section.ambient),
            demand=self.demand(section.demand),
            load=self.load(section.load),
            pv=self.pv(section.pv),
            price=self.series(
                ("environment", "price"),
                section.price,
                (profiles.PRICE,),
                lambda column: column.value,
                math.nan,
            ),
        )


def build_environment(scenario: Scenario) -> Environment:
    """Return the environment of a loaded scenario.

    Raises
    ------
    ValueError
        When a profile has changed since `load_scenario` checked it.
    """
    reader = _Reader(scenario.start, scenario.duration, scenario.directory)
    environment = reader.environment(scenario.environment)
    if reader.problems:
        texts = (f"{'.'.join(map(str, path))}: {text}" for path, text in reader.problems)
        raise ValueError("; ".join(texts))
    return environment


def environment_problems(parts: dict[str, Any], directory: Path) -> list[profiles.ProfileProblem]:
    """Return everything that is wrong with the profiles that a scenario names.

    Parameters
    ----------
    parts : dict
        The valid sections of a scenario by key.
    directory : Path
        Where relative paths start.

    Returns
    -------
    list of (key path, text)
    """
    section = parts.get("environment")
    if section is None:
        return []
    reader = _Reader(parts.get("start"), parts.get("duration"), directory)
    reader.environment(section)
    return reader.problems
