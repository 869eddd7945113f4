"""Make the profiles in `twin/data/` from the unpacked PyPI packages they come from.

    python tools/make_profiles.py FASTSIM PVLIB DEMANDLIB [-o twin/data]

Each argument is a folder into which a wheel was unpacked (fastsim 2.1.5, pvlib 0.16.1,
demandlib 0.2.2). The output depends on nothing else. `twin/data/README.md` says what is changed.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

SCHEDULES = ("us06", "udds", "hwfet", "wltc_3b")
WEATHER_SOURCE = "pvlib/data/723170TYA.CSV"
LOAD_SOURCE = "demandlib/bdew/bdew_data/selp_series.csv"
LOAD_SEASONS = ("summer", "transition", "winter")
HOUR_S = 3600
QUARTER_S = 900


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write one CSV file with a header line and Unix line ends."""
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def schedule(source: Path) -> list[tuple[str, str]]:
    """Return time [s] and speed [m/s] of a FASTSim cycle, digits as they are there."""
    with source.open(encoding="utf-8-sig", newline="") as file:
        return [(row["cycSecs"], row["cycMps"]) for row in csv.DictReader(file)]


def weather(source: Path) -> list[tuple[str, str, str]]:
    """Return mid-hour time [s], GHI [W/m2] and air temperature [degC] of a TMY3 file.

    A TMY3 row stamped 01:00 holds the irradiance received from 00:00 to 01:00, and the temperature
    at 01:00. The irradiance stays what it is, at 00:30; the temperature there is the mean of the
    readings at both ends of the hour. The year closes on itself.
    """
    with source.open(encoding="ascii", newline="") as file:
        file.readline()  # the station
        rows = list(csv.DictReader(file))
    if len(rows) != 8760:
        raise ValueError(f"{source}: expected 8760 hours, got {len(rows)}")
    irradiance = [row["GHI (W/m^2)"] for row in rows]
    ends = [float(row["Dry-bulb (C)"]) for row in rows]
    starts = [ends[-1], *ends[:-1]]
    return [
        (str(HOUR_S * hour + HOUR_S // 2), irradiance[hour], f"{(a + b) / 2:.2f}")
        for hour, (a, b) in enumerate(zip(starts, ends, strict=True))
    ]


def load_week(source: Path, profile: str) -> list[tuple[str, ...]]:
    """Return mid-quarter time [s] and load of each season, per unit of the year's highest.

    The source has 96 quarters for each season and weekday (1 is Monday); here they make a week from
    Monday 00:00.
    """
    days: dict[tuple[str, int], list[float]] = {}
    with source.open(encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            day = row["period"], int(row["weekday"])
            days.setdefault(day, []).append(float(row[profile]))
    peak = max(max(values) for values in days.values())
    weeks = {
        season: [v / peak for weekday in range(1, 8) for v in days[season, weekday]]
        for season in LOAD_SEASONS
    }
    return [
        (str(QUARTER_S * k + QUARTER_S // 2), *(f"{weeks[s][k]:.4f}" for s in LOAD_SEASONS))
        for k in range(7 * 96)
    ]


def main() -> None:
    """Write all profiles."""
    parser = argparse.ArgumentParser(description="Make the profiles in twin/data/.")
    parser.add_argument("fastsim", type=Path)
    parser.add_argument("pvlib", type=Path)
    parser.add_argument("demandlib", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("twin/data"))
    arguments = parser.parse_args()
    for name in SCHEDULES:
        rows = schedule(arguments.fastsim / "fastsim/resources/cycles" / f"{name}.csv")
        write(arguments.output / f"{name}.csv", ("time_s", "speed_m_per_s"), rows)
    write(
        arguments.output / "weather_greensboro.csv",
        ("time_s", "ghi_W_per_m2", "temperature_degC"),
        weather(arguments.pvlib / WEATHER_SOURCE),
    )
    write(
        arguments.output / "load_g0.csv",
        ("time_s", *(f"load_{season}_pu" for season in LOAD_SEASONS)),
        load_week(arguments.demandlib / LOAD_SOURCE, "g0"),
    )


if __name__ == "__main__":
    main()
