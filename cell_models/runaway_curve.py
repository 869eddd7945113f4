"""A measured self-heating curve: what an accelerating rate calorimeter (ARC) wrote down.

The tracing model needs no kinetics: the cell heats itself at the rate that was measured at its
temperature, until a store of energy is empty.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("temperature_degC", "rate_K_per_min")
CELSIUS_K = 273.15
LARGEST_GAP_K = 50.0
"""Farther apart, two points of a file do not say how the rate runs between them; assumed. Of the
curve of `my_module` (a point every 5 K) points 20 K apart give rates off by 1.24 at most, 50 K
apart by 2.6, 100 K apart by 10; published ones are of straight pieces, 30 to 40 K long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RateCurve:
    """Self-heating rate over temperature; its logarithm runs straight between the points.

    Attributes
    ----------
    temperature_K : tuple of float, [K], increasing
    rate_K_per_s : tuple of float, [K/s], positive
    """

    temperature_K: tuple[float, ...]
    rate_K_per_s: tuple[float, ...]

    def __post_init__(self) -> None:
        temperature, rate = (
            tuple(map(float, self.temperature_K)),
            tuple(map(float, self.rate_K_per_s)),
        )
        if len(temperature) < 2 or len(temperature) != len(rate):
            raise ValueError(
                f"curve must have as many rates as temperatures, at least 2, has {len(rate)} rates "
                f"and {len(temperature)} temperatures"
            )
        if any(b <= a for a, b in zip(temperature, temperature[1:], strict=False)):
            raise ValueError(f"curve: temperature_K must increase, is {temperature}")
        if not all(r > 0.0 and math.isfinite(r) for r in rate):
            raise ValueError(f"curve: rate_K_per_s must be positive, is {rate}")
        object.__setattr__(self, "temperature_K", temperature)
        object.__setattr__(self, "rate_K_per_s", rate)


def read_rate_curve(path: str | Path) -> RateCurve:
    """Read a curve from a CSV file with the columns ``temperature_degC,rate_K_per_min``.

    Parameters
    ----------
    path : str or Path
        Rows increase in temperature; empty lines and lines that begin with ``#`` are left out.

    Returns
    -------
    RateCurve

    Raises
    ------
    ValueError
        One sentence with the file, the row, the value and the remedy.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); check the name") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not text in UTF-8; save it as CSV in UTF-8") from None
    lines = [
        (number, row)
        for number, row in enumerate(csv.reader(text.splitlines()), start=1)
        if any(cell.strip() for cell in row) and not row[0].lstrip().startswith("#")
    ]
    header = ",".join(COLUMNS)
    if not lines or tuple(cell.strip() for cell in lines[0][1]) != COLUMNS:
        found = ",".join(lines[0][1]) if lines else "nothing"
        raise ValueError(
            f"{path}: the first row must be {header!r}, is {found!r}; name the columns so"
        )
    points = [_point(path, number, row) for number, row in lines[1:]]
    if len(points) < 2:
        raise ValueError(f"{path}: has {len(points)} points; give at least 2 below the header")
    _check_axis(path, [number for number, _ in lines[1:]], points)
    return RateCurve(
        temperature_K=tuple(degC + CELSIUS_K for degC, _ in points),
        rate_K_per_s=tuple(per_min / 60.0 for _, per_min in points),
    )


def _point(path: Path, number: int, row: list[str]) -> tuple[float, float]:
    where = f"{path}, row {number}"
    if len(row) != len(COLUMNS):
        raise ValueError(f"{where}: has {len(row)} values, {','.join(row)!r}; give {len(COLUMNS)}")
    values = []
    for name, cell in zip(COLUMNS, row, strict=True):
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(
                f"{where}: {name} is {cell.strip()!r}; give a number, or leave the row out"
            )
        values.append(value)
    degC, per_min = values
    if not -CELSIUS_K < degC < 2000.0:
        raise ValueError(f"{where}: temperature_degC is {degC:g}; give degrees Celsius up to 2000")
    if per_min <= 0.0:
        raise ValueError(
            f"{where}: rate_K_per_min is {per_min:g}; leave out rows without self-heating"
        )
    return degC, per_min


def _check_axis(path: Path, numbers: list[int], points: list[tuple[float, float]]) -> None:
    for at in range(1, len(points)):
        before, here = points[at - 1][0], points[at][0]
        where = f"{path}, row {numbers[at]}"
        if here <= before:
            raise ValueError(
                f"{where}: temperature_degC is {here:g} after {before:g}; sort the rows, and keep "
                "one rate per temperature"
            )
        if here - before > LARGEST_GAP_K:
            raise ValueError(
                f"{where}: temperature_degC is {here:g} after {before:g}, a gap of more than "
                f"{LARGEST_GAP_K:g} K; add points between"
            )
