"""The small table at the end of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twin.cli.screen import duration, facts, grid, say, stdout, times
from twin.runfiles.layout import BEYOND, counted
from twin.runfiles.lumping import sentence

ZERO_CELSIUS_K = 273.15
SHOWN_S = 0.05
"""Compiling for less is left out of the table: it would read 0 s."""


def show_closing(found: dict[str, Any]) -> None:
    """Print how a run ended and what to type next."""
    stdout().print(facts(closing_rows(found)))
    if "pacing" in found:
        _show_lateness(found["pacing"])
    say(f"Next:  twin report {found['file']}")


def _show_lateness(pacing: dict[str, Any]) -> None:
    """Print how late the steps of a paced run started, and how many deadlines were missed."""
    late = {name: _short(value) for name, value in pacing["lateness_s"].items()}
    names = ("median", "p99", "p99.9", "max", "longest step", "missed deadlines")
    steps = counted(pacing["steps"], "step")
    table = grid(*names, title=f"How late steps started: {steps} of {_short(pacing['period_s'])}")
    for column in table.columns:
        column.justify = "right"
    table.add_row(
        *late.values(),
        _short(pacing["longest_step_s"]),
        f"{pacing['missed']:,} ({100.0 * pacing['missed_share']:.3g} %)",
    )
    stdout().print(table)


def paced(pacing: dict[str, Any]) -> str:
    """Return the same in a sentence."""
    late, steps = pacing["lateness_s"], counted(pacing["steps"], "deadline")
    return (
        f"{pacing['pace']:g} × real time, starts late by {_short(late['median'])} (median) to "
        f"{_short(late['max'])}, {pacing['missed']:,} of {steps} missed"
    )


def _short(seconds: float | None) -> str:
    """Return a time in µs, ms or s."""
    if seconds is None:
        return "-"
    if seconds < 1e-3:
        return f"{1e6 * seconds:.3g} µs"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1.0 else f"{seconds:,.4g} s"


def closing_rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines of the table.

    Parameters
    ----------
    found : dict
        Of `twin.runfiles.results.summary`; with ``simulated_s``, ``run_s``, ``compile_s``,
        ``wall_s`` and ``times_real_time`` right after a run.
    """
    return [row for row in _rows(found) if row[1]]


def _rows(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    length = duration(found["duration_s"])
    if found["start_s"] > 0.0:  # a fork
        length += f" (from {duration(found['start_s'])} to {duration(found['end_s'])})"
    yield "ended", f"{found['ended']}, after {length} in {counted(found['rows'], 'row')}"
    yield "peak temperature", extreme(found["peak_temperature"], "°C", ZERO_CELSIUS_K)
    yield "lowest cell voltage", extreme(found["min_voltage"], "V")
    yield "highest cell voltage", extreme(found["max_voltage"], "V")
    yield "SOC error of the BMS", soc_error(found["soc_error"])
    yield "alarms", alarms(found["events"])
    yield "first alarm", first_alarm(found["first_alarm"])
    yield (
        "energy residual",
        residual(found["energy_residual_J"], "J", found["energy_residual_relative"], "throughput"),
    )
    yield (
        "charge residual",
        residual(found["charge_residual_As"], "A·s", found.get("charge_residual"), "charge"),
    )
    yield "lumped", sentence(found["lumping"]) if found.get("lumping") else ""
    if "wall_s" in found:
        yield "wall time", _wall_time(found)
    yield "file", found["file"]


def _wall_time(found: dict[str, Any]) -> str:
    """Return how long a run took, and how fast it went once its kernels were there."""
    said = (
        f"{duration(round(found['wall_s'], 1))}, of which {duration(round(found['run_s'], 1))} "
        f"running at {times(found['times_real_time'])} × real time"
    )
    if found["compile_s"] < SHOWN_S:
        return said
    compiled = duration(round(found["compile_s"], 1))
    return f"{said} and {compiled} compiling kernels, which the next run need not do"


def extreme(found: dict[str, Any] | None, unit: str, offset: float = 0.0) -> str:
    """Return an extreme value with where and when."""
    if found is None:
        return ""
    digits = 1 if offset else 3
    value = f"{found['value'] - offset:.{digits}f} {unit}"
    beyond = f" {BEYOND}" if found.get("beyond_tables") else ""
    return f"{value}{beyond} in {found['where']} at {duration(found['time_s'])}"


def soc_error(found: dict[str, Any] | None) -> str:
    """Return the error of the SOC estimate, in points."""
    if not found or not found.get("overall"):
        return ""
    text = _points(found["overall"])
    late = found.get("after_10_min")
    return f"{text}; after 10 min {_points(late)}" if late else text


def _points(error: dict[str, float]) -> str:
    return f"RMSE {error['rmse']:.2f}, max {error['max']:.2f} points"


def alarms(counts: dict[str, int]) -> str:
    """Return how many alarms of each severity there were."""
    return ", ".join(f"{n} {name}" for name, n in counts.items()) or "none"


def first_alarm(alarm: dict[str, Any] | None) -> str:
    """Return the first alarm in words."""
    if alarm is None:
        return "none"
    text = " ".join(alarm["text"].split()) or alarm["code"]
    where = alarm["component"]
    place = f" ({where})" if where and where != "site" and where not in text else ""
    return f"{duration(alarm['time_s'])}: {text}{place} [{alarm['source']}, {alarm['severity']}]"


def residual(value: float | None, unit: str, relative: float | None, of_what: str) -> str:
    """Return a residual, absolute and relative."""
    if value is None:
        return ""
    text = f"{value:.2g} {unit}"
    return text if relative is None else f"{text}, {relative:.1g} of the {of_what}"
