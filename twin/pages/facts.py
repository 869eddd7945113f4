"""What a report says about a run, gathered once: times, alarms, verdicts, bands over the cells.

Channels are read in blocks and reduced at once, so that memory does not grow with cells times rows.
Whatever the file lacks is None or empty, and the report leaves it out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.pages.verdicts import (
    Alarm,
    Verdict,
    groups_of_cells,
    has,
    index_of,
    judge,
    pair_alarms,
)
from twin.runfiles.results import Run, summary

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PERCENTILE_ROWS = 1500
"""Rows at which percentiles are taken; minimum and maximum are taken at every row."""

NOTABLE_K = 5.0
"""Rise of the hottest cell above the median that makes the worst moment a thermal one; assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A channel over all its entries: extremes at every row, percentiles at some."""

    low: Floats
    high: Floats
    rows: Ints
    p05: Floats
    median: Floats
    p95: Floats


@dataclass(slots=True, kw_only=True)
class Soc:
    """True and estimated state of charge: of the pack's mean, and of one group, each (rows,)."""

    truth: Floats
    estimate: Floats | None = None
    std: Floats | None = None
    counted: Floats | None = None
    group_truth: Floats | None = None
    group_estimate: Floats | None = None
    group_std: Floats | None = None
    group_counted: Floats | None = None


@dataclass(slots=True, kw_only=True)
class Facts:
    """Everything that figures and text draw on; see `gather`."""

    run: Run
    time_s: Floats
    numbers: dict[str, Any]
    bms: dict[str, Any]
    ems: dict[str, Any]
    parameters: dict[str, Any]
    alarms: list[Alarm]
    verdicts: list[Verdict]
    group_of_cell: Ints | None = None
    group: int | None = None
    group_why: str = ""
    hot_cell: int | None = None
    voltage: Band | None = None
    temperature: Band | None = None
    soc: Soc | None = None
    worst_row: int | None = None
    worst_why: str = ""
    lines: dict[str, Floats] = field(default_factory=dict)

    @property
    def start_s(self) -> float:
        """Time of the first row [s]."""
        return float(self.time_s[0]) if len(self.time_s) else 0.0

    @property
    def end_s(self) -> float:
        """Time of the last row [s]."""
        return float(self.time_s[-1]) if len(self.time_s) else 0.0

    def ledger_value(self, name: str) -> float | None:
        """Return the last value of a ledger term, None if the file lacks it."""
        return self.run.ledger.get(name)

    @property
    def faulty_cells(self) -> list[int]:
        """Cells that the answer key names, as indices of the cell axis."""
        if "cell" not in self.run.axes:
            return []
        found = (index_of(self.run, "cell", v.place) for v in self.verdicts if "cell" in v.place)
        return [cell for cell in found if cell is not None]


def gather(run: Run) -> Facts:
    """Read everything that a report needs.

    Parameters
    ----------
    run : Run
        Open; finished or not.

    Returns
    -------
    Facts
    """
    first = next((spec.group for spec in run.channels.values()), None)
    time_s = run.time_s(first) if first is not None and run.rows else np.zeros(0)
    alarms = pair_alarms(run.events)
    facts = Facts(
        run=run,
        time_s=time_s[: run.rows],
        numbers=summary(run) if first is not None else {},
        bms=_mapping(run.attributes.get("bms")),
        ems=_mapping(run.attributes.get("ems")),
        parameters=_mapping(run.attributes.get("parameters")),
        alarms=alarms,
        verdicts=judge(run, alarms),
    )
    facts.group_of_cell = groups_of_cells(run)
    _choose_group(facts)
    peak = facts.numbers.get("peak_temperature")
    facts.hot_cell = peak["index"] if peak else None
    _read_bands(facts)
    if facts.group_of_cell is not None and has(run, "truth/cell_soc"):
        facts.soc = _read_soc(facts, facts.group_of_cell)
    _choose_moment(facts)
    return facts


def _mapping(value: Any) -> dict[str, Any]:
    """Return an attribute that holds a mapping, as a dict or as JSON; empty if it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


# ---- what to look at ----------------------------------------------------------------------------


def _choose_group(facts: Facts) -> None:
    """Choose the group that the figures follow: faulty, blamed, or the worst estimated one."""
    run = facts.run
    for verdict in facts.verdicts:
        group = index_of(run, "group", {k: v for k, v in verdict.place.items() if k != "cell"})
        if group is not None:
            facts.group, facts.group_why = group, "faulty"
            return
    for alarm in facts.alarms:
        group = index_of(run, "group", alarm.place)
        if group is not None and "group" in alarm.place:
            facts.group, facts.group_why = group, "blamed"
            return
    number = facts.group_of_cell
    if number is not None and has(run, "truth/cell_soc", "bms/group_soc"):
        worst = np.zeros(run.axes["group"].size)
        for start, cell_soc in run.blocks("truth/cell_soc"):
            error = run.channel("bms/group_soc", start, start + len(cell_soc))
            error = np.abs(error - group_means(cell_soc, number))
            worst = np.fmax(worst, np.fmax.reduce(error, axis=0))
        facts.group, facts.group_why = int(np.argmax(worst)), "worst estimate"


def group_means(cells: NDArray[Any], group_of_cell: Ints) -> Floats:
    """Return the mean over the cells of each group, float64 (rows, n_groups)."""
    order = np.argsort(group_of_cell, kind="stable")
    first = np.flatnonzero(np.diff(group_of_cell[order], prepend=-1))
    sizes = np.diff(first, append=len(group_of_cell))
    return np.add.reduceat(cells[:, order].astype(np.float64), first, axis=1) / sizes


def _read_bands(facts: Facts) -> None:
    run, group = facts.run, facts.group
    if has(run, "truth/cell_voltage_V"):
        facts.voltage = read_band(run, "truth/cell_voltage_V")
    if has(run, "truth/cell_temperature_K"):
        facts.temperature = read_band(run, "truth/cell_temperature_K")
        if facts.hot_cell is not None:
            facts.lines["hottest"] = column(run, "truth/cell_temperature_K", facts.hot_cell)
    if group is not None and has(run, "truth/group_voltage_V"):
        facts.lines["group_voltage"] = column(run, "truth/group_voltage_V", group)
    sensor = _thermistor(facts)
    if sensor is not None:
        facts.lines["thermistor"] = column(run, "measured/temperature_K", sensor)


def _thermistor(facts: Facts) -> int | None:
    """Return the thermistor nearest to the hottest cell, by distance, in its module."""
    run = facts.run
    cells = facts.parameters.get("thermistor_cell") or []
    if facts.hot_cell is None or not cells or not has(run, "measured/temperature_K"):
        return None
    places = run.axes["cell"].coordinates
    if not {"rack", "module"} <= places.keys() or max(cells) >= run.axes["cell"].size:
        return None
    rack, module = (np.asarray(places[key]) for key in ("rack", "module"))
    hot = facts.hot_cell
    x, y = (np.asarray(facts.parameters.get(key) or []) for key in ("cell_x_m", "cell_y_m"))
    if len(x) != len(rack) or len(y) != len(rack):
        return None
    near = [
        (round(float(np.hypot(x[c] - x[hot], y[c] - y[hot])), 6), k)
        for k, c in enumerate(cells)
        if rack[c] == rack[hot] and module[c] == module[hot]
    ]
    return min(near)[1] if near else None


def column(run: Run, path: str, index: int) -> Floats:
    """Return one entry of a channel over all rows, float64 (rows,)."""
    parts = [np.atleast_2d(rows)[:, index] for _, rows in run.blocks(path)]
    return np.concatenate(parts).astype(np.float64)


def read_band(run: Run, path: str) -> Band:
    """Reduce a channel over its axis to a `Band`; NaN entries are passed over."""
    stride = max(1, -(-run.rows // PERCENTILE_ROWS))
    low, high, rows, quantiles = [], [], [], []
    for start, values in run.blocks(path):
        values = values.reshape(len(values), -1)
        low.append(np.fmin.reduce(values, axis=1))
        high.append(np.fmax.reduce(values, axis=1))
        some = np.arange(-start % stride, len(values), stride)
        rows.append(start + some)
        quantiles.append(np.quantile(values[some].astype(np.float64), (0.05, 0.5, 0.95), axis=1))
    p05, median, p95 = np.concatenate(quantiles, axis=1)
    return Band(
        low=np.concatenate(low).astype(np.float64),
        high=np.concatenate(high).astype(np.float64),
        rows=np.concatenate(rows), p05=p05, median=median, p95=p95,
    )  # fmt: skip


def _read_soc(facts: Facts, number: Ints) -> Soc:
    run, group = facts.run, facts.group
    mean = {"truth": "truth/cell_soc", "estimate": "bms/group_soc", "std": "bms/group_soc_std",
            "counted": "bms/group_soc_counted"}  # fmt: skip
    found: dict[str, list[Floats]] = {}
    for name, path in mean.items():
        if not has(run, path):
            continue
        for _, rows in run.blocks(path):
            rows = group_means(rows, number) if name == "truth" else rows.astype(np.float64)
            known = np.sum(~np.isnan(rows), axis=1)
            total = np.nansum(rows, axis=1)
            average = np.divide(total, known, out=np.full(len(rows), np.nan), where=known > 0)
            found.setdefault(name, []).append(average)
            if group is not None:
                found.setdefault(f"group_{name}", []).append(rows[:, group])
    lines = {name: np.concatenate(parts) for name, parts in found.items()}
    return Soc(**{k: v for k, v in lines.items() if not np.all(np.isnan(v))} | {
        "truth": lines["truth"]})  # fmt: skip


def _choose_moment(facts: Facts) -> None:
    """Choose the row of the cell map: hottest instant, or the widest voltage spread."""
    heat, volts = facts.temperature, facts.voltage
    if heat is not None and np.any(np.isfinite(heat.high)):
        row = int(np.nanargmax(heat.high))
        nearest = int(np.argmin(np.abs(heat.rows - row)))
        if heat.high[row] - heat.median[nearest] > NOTABLE_K or volts is None:
            facts.worst_row, facts.worst_why = row, "the hottest instant"
            return
    if volts is not None and np.any(np.isfinite(volts.high)):
        facts.worst_row = int(np.nanargmax(volts.high - volts.low))
        facts.worst_why = "the widest spread of cell voltages"
