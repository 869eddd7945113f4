"""Profile files: CSV columns over time, shipped in `twin/data/` or beside the scenario.

A file has a column `time_s` and further columns whose names end in their unit, as in
`speed_m_per_s`, `ghi_W_per_m2`, `temperature_degC` or `load_summer_pu`. What comes out is SI.
"""

from __future__ import annotations

import bisect
import csv
import importlib.resources
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twin.scenarios.parts import KeyPath
from twin.scenarios.units import DIMENSIONS, Dimension

ProfileProblem = tuple[KeyPath, str]

SPEED = Dimension("speed", "10 m/s", "m/s")
POWER = next(d for d in DIMENSIONS if d.name == "power")
TEMPERATURE = next(d for d in DIMENSIONS if d.name == "temperature")
IRRADIANCE = Dimension("irradiance", "800 W/m^2", "W/m^2")
PER_UNIT = Dimension("per-unit series", "0.5", "")
PRICE = Dimension("price", "80 EUR/MWh", "EUR/J")

# Ending of a column's name: what it is, and value_SI = factor * value + offset.
SUFFIXES: dict[str, tuple[Dimension, float, float]] = {
    "_m_per_s": (SPEED, 1.0, 0.0),
    "_km_per_h": (SPEED, 1.0 / 3.6, 0.0),
    "_W_per_m2": (IRRADIANCE, 1.0, 0.0),
    "_W": (POWER, 1.0, 0.0),
    "_kW": (POWER, 1e3, 0.0),
    "_degC": (TEMPERATURE, 1.0, 273.15),
    "_K": (TEMPERATURE, 1.0, 0.0),
    "_pu": (PER_UNIT, 1.0, 0.0),
    "_EUR_per_MWh": (PRICE, 1.0 / 3.6e9, 0.0),
    "_EUR_per_kWh": (PRICE, 1.0 / 3.6e6, 0.0),
}
# What a column may hold, in SI: outside, its unit is most likely another one (assumed).
PLAUSIBLE: dict[Dimension, tuple[float, float]] = {
    SPEED: (0.0, 120.0),
    IRRADIANCE: (-20.0, 2000.0),  # pyranometers read a little below zero at night
    TEMPERATURE: (223.15, 473.15),
    PER_UNIT: (-10.0, 10.0),
}
GAP_IN_STEPS = 3.0  # a hole is a step longer than this many median steps
_UNIFORM = 1e-9  # relative difference of steps that still counts as a uniform grid


class ProfileError(ValueError):
    """A profile that cannot be used; `message` says why and what exists instead.

    `is_column` tells that the column is to blame, not the file.
    """

    def __init__(self, message: str, *, is_column: bool = False) -> None:
        self.message, self.is_column = message, is_column
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a profile file, in SI.

    Attributes
    ----------
    time_s, value : float64 (n,)
    dimension : Dimension
    """

    time_s: NDArray[np.float64]
    value: NDArray[np.float64]
    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Profile:
    """A value over time, linear between its samples, that costs 0.3 µs to ask.

    Attributes
    ----------
    time_s, value : tuple of float
        Samples in order of time.
    repeat : bool
        Whether it starts again after `period_s`.
    period_s : float
        Length of one turn [s]; time between first and last sample when 0 is given.
    """

    time_s: tuple[float, ...]
    value: tuple[float, ...]
    repeat: bool = False
    period_s: float = 0.0
    _step_s: float = field(init=False, repr=False, default=0.0)
    _knots: tuple[float, ...] = field(init=False, repr=False, default=())
    _levels: tuple[float, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        """Find out whether the grid is uniform, and close the turn."""
        if len(self.time_s) < 2 or len(self.time_s) != len(self.value):
            raise ValueError(f"a profile needs two samples or more, got {len(self.time_s)}")
        span = self.time_s[-1] - self.time_s[0]
        period = self.period_s or span
        first = self.time_s[0]
        knots = [t - first for t in self.time_s]
        levels = list(self.value)
        if self.repeat and period > span:  # back to the first sample
            knots.append(period)
            levels.append(levels[0])
        steps = np.diff(knots)
        uniform = bool(np.ptp(steps) <= _UNIFORM * steps[0])
        object.__setattr__(self, "period_s", period)
        object.__setattr__(self, "_step_s", float(knots[1]) if uniform else 0.0)
        object.__setattr__(self, "_knots", tuple(knots))
        object.__setattr__(self, "_levels", tuple(levels))

    def at(self, time_s: float) -> float:
        """Return the value at a time.

        Parameters
        ----------
        time_s : float
            [s], on the clock of the samples.

        Raises
        ------
        ValueError
            Outside the samples, when the profile does not repeat.
        """
        x = time_s - self.time_s[0]
        if self.repeat:
            x %= self.period_s
        levels = self._levels
        if self._step_s:
            x /= self._step_s
            k = int(x)
            if 0.0 <= x and k < len(levels) - 1:
                return levels[k] + (levels[k + 1] - levels[k]) * (x - k)
        else:
            knots = self._knots
            k = bisect.bisect_right(knots, x) - 1
            if 0 <= k < len(levels) - 1:
                part = (x - knots[k]) / (knots[k + 1] - knots[k])
                return levels[k] + (levels[k + 1] - levels[k]) * part
        if time_s == self.time_s[-1] or self.repeat:
            return levels[-1]
        end = self.time_s[-1]
        raise ValueError(f"a profile of {self.time_s[0]:g} to {end:g} s has no value at {time_s:g}")


@dataclass(frozen=True, slots=True)
class Staircase:
    """A value that holds until the next one comes.

    Attributes
    ----------
    duration_s, value : tuple of float
        How long each value holds [s].
    repeat : bool
        Whether it starts again; without, the last value must last for the run.
    """

    duration_s: tuple[float, ...]
    value: tuple[float, ...]
    repeat: bool = False
    _ends: tuple[float, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        """Add the durations up."""
        ends = np.cumsum(self.duration_s).tolist()
        object.__setattr__(self, "_ends", tuple(ends))

    def at(self, time_s: float) -> float:
        """Return the value that holds from `time_s` on [s]."""
        x = time_s % self._ends[-1] if self.repeat else time_s
        k = bisect.bisect_right(self._ends, x + 1e-9)
        if k < len(self.value):
            return self.value[k]
        return self.value[0] if self.repeat else self.value[-1]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that never changes.

    Attributes
    ----------
    value : float
    """

    value: float

    def at(self, time_s: float) -> float:
        """Return the value."""
        return self.value


def profile_names() -> list[str]:
    """Return the names of the shipped profiles."""
    folder = importlib.resources.files("twin") / "data"
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".csv"))


def profile_path(name: str, directory: Path) -> Path:
    """Return the file of a profile: beside the scenario, or shipped.

    Parameters
    ----------
    name : str
        A path (with its ending) relative to `directory`, or the name of a shipped profile.
    directory : Path
        The folder of the scenario.

    Raises
    ------
    ProfileError
        When there is no such file.
    """
    beside = directory / name
    if beside.is_file():
        return beside
    if name in profile_names():
        return Path(str(importlib.resources.files("twin") / "data" / f"{name}.csv"))
    near = sorted(f.name for f in directory.glob("*.csv"))[:10] if directory.is_dir() else []
    here = f"; beside the scenario: {', '.join(near)}" if near else ""
    raise ProfileError(f"no profile '{name}'; shipped: {', '.join(profile_names())}{here}")


def read_column(path: Path, name: str, wanted: Sequence[Dimension]) -> Column:
    """Return one column of a profile file, checked, in SI.

    Parameters
    ----------
    path : Path
    name : str
        Name of the column, with or without its unit.
    wanted : sequence of Dimension
        What it may be.

    Raises
    ------
    ProfileError
        No such column, another unit, text or a hole where a number belongs, or a bad time.
    """
    status = path.stat()
    header, rows = _table(str(path), status.st_mtime_ns, status.st_size)
    if "time_s" not in header:
        raise ProfileError(f"{path.name} has no column 'time_s'; it has {', '.join(header)}")
    found = [c for c in header if c == name or any(c == name + suffix for suffix in SUFFIXES)]
    if not found:
        others = ", ".join(c for c in header if c != "time_s")
        raise ProfileError(f"{path.name} has no column '{name}'; it has {others}", is_column=True)
    suffix = max((s for s in SUFFIXES if found[0].endswith(s)), key=len, default="")
    dimension, factor, offset = SUFFIXES.get(suffix, (None, 1.0, 0.0))
    if dimension is None or dimension not in wanted:
        endings = ", ".join(s for s, (d, *_) in SUFFIXES.items() if d in wanted)
        raise ProfileError(
            f"column '{found[0]}' of {path.name} is not {' or '.join(d.name for d in wanted)}; "
            f"expected a name that ends in {endings}",
            is_column=True,
        )
    time_s = _numbers(path, rows, header, "time_s")
    value = _numbers(path, rows, header, found[0])
    _check_time(path, time_s)
    column = Column(time_s, value * factor + offset, dimension)
    low, high = PLAUSIBLE.get(dimension, (-math.inf, math.inf))
    outside = (column.value < low) | (column.value > high)
    if outside.any():
        k = int(np.argmax(outside))
        raise ProfileError(
            f"{path.name}, line {k + 2}: {value[k]:g} in '{found[0]}' is no {dimension.name}; "
            "is it in another unit?",
            is_column=True,
        )
    return column


@lru_cache(maxsize=16)
def _table(path: str, modified_ns: int, size: int) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a CSV file; the time and size only refresh the cache."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProfileError(f"{os.path.basename(path)} cannot be read: {error}") from error
    if not rows:
        raise ProfileError(f"{os.path.basename(path)} is empty")
    return [cell.strip() for cell in rows[0]], rows[1:]


def _numbers(
    path: Path, rows: list[list[str]], header: list[str], column: str
) -> NDArray[np.float64]:
    """Return one column as numbers; lines are counted as in the file, from 1."""
    index = header.index(column)
    values: list[float] = []
    for number, row in enumerate(rows, start=2):
        try:
            value = float(row[index])
        except (ValueError, IndexError):
            value = math.nan
        if not math.isfinite(value):
            text = row[index] if index < len(row) else ""
            raise ProfileError(f"{path.name}, line {number}: '{column}' is '{text}', no number")
        values.append(value)
    if len(values) < 2:
        raise ProfileError(f"{path.name} has {len(values)} rows; a profile needs two or more")
    return np.array(values)


def _check_time(path: Path, time_s: NDArray[np.float64]) -> None:
    """Refuse a time that does not grow, or leaves a hole."""
    steps = np.diff(time_s)
    if np.any(steps <= 0.0):
        k = int(np.argmax(steps <= 0.0))
        raise ProfileError(
            f"{path.name}, line {k + 3}: time_s goes from {time_s[k]:g} to {time_s[k + 1]:g}; "
            "it must grow"
        )
    median = float(np.median(steps))
    if float(steps.max()) > GAP_IN_STEPS * median:
        k = int(np.argmax(steps))
        raise ProfileError(
            f"{path.name}, line {k + 3}: a gap of {steps[k]:g} s after time_s = {time_s[k]:g}; "
            f"the usual step is {median:g} s"
        )
