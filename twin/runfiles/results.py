"""A run opened for reading: channels, events, answer key, ledger, states, and its summary.

`open_run` gives a `Run`, in Python and in the commands ``inspect``, ``report``, ``compare`` and
``fork``. Arrays are read when asked for. Indices count from 0; names made for people from 1.
"""

from __future__ import annotations

import html
import json
import os
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twin.runfiles.layout import (
    ADDED_COLUMNS,
    EVENT_COLUMNS,
    FAULT_COLUMNS,
    TRANSITION_COLUMNS,
    Axis,
    ChannelSpec,
    Event,
    FaultRow,
    counted,
)
from twin.runfiles.lumping import COORDINATES

if TYPE_CHECKING:
    from twin.runfiles.reader import RunReader

BLOCK_BYTES = 8 << 20
"""Read at a time when a whole channel is scanned."""

SETTLING_S = 600.0
"""The BMS estimate is also judged without its first 10 min, in which it finds its footing [s]."""

ENERGY_RESIDUALS = ("energy_residual_J", "residual_J")
CHARGE_RESIDUALS = ("charge_residual_As", "charge_residual_C")


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run file, finished or not.

    Parameters
    ----------
    path : path

    Returns
    -------
    Run
        Also a context manager.

    Raises
    ------
    NotARun
        The file is missing, foreign, damaged or of a newer format.
    """
    from twin.runfiles.reader import RunReader

    return Run(RunReader(path))


class Run:
    """A run file.

    Attributes
    ----------
    path : Path
    attributes : dict
        Root attributes of the file.
    rows : int
        Complete rows; the same in every group.
    channels : dict of str to ChannelSpec
        By path, as ``"truth/cell_voltage_V"``.
    axes : dict of str to Axis
    """

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self.path = reader.path
        self.attributes: dict[str, Any] = reader.attributes
        self.rows: int = reader.rows
        self.channels: dict[str, ChannelSpec] = reader.channels
        self.axes: dict[str, Axis] = reader.axes

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    @property
    def scenario_text(self) -> str:
        """The scenario as it was run, in YAML."""
        return str(self.attributes.get("scenario", ""))

    @cached_property
    def lumping(self) -> dict[str, Any] | None:
        """What was lumped and what it costs (`twin.pilot.lumping_error`); None in full detail."""
        found = self.attributes.get("lumping")
        return json.loads(found) if found else None

    @property
    def ended(self) -> str:
        """How the run ended, in words."""
        reason = str(self.attributes.get("exit_reason", "running"))
        return "killed or still running" if reason == "running" else reason

    def channel(self, path: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Read rows `start` to `stop` of a channel.

        Parameters
        ----------
        path : str
            As ``"truth/cell_voltage_V"``.

        Returns
        -------
        ndarray (rows, n) or (rows,)
            In the unit that the name ends with.
        """
        return self._reader.channel(path, start, stop)

    def blocks(self, path: str) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield (first row, rows) of a channel, a few MB at a time."""
        spec = self.channels[path]
        width = 1 if spec.axis is None else self.axes[spec.axis].size
        step = max(1, BLOCK_BYTES // (width * np.dtype(spec.dtype).itemsize))
        for start in range(0, self.rows, step):
            yield start, self.channel(path, start, start + step)

    def time_s(self, group: str = "truth") -> NDArray[np.float64]:
        """Return the times of the rows, float64 (rows,), [s]."""
        return self._reader.channel(f"{group}/time_s")

    def name_of(self, axis: str | None, index: int = 0) -> str:
        """Return where an entry of an axis sits, counted from 1: ``rack 1, module 4``."""
        if axis is None:
            return "site"
        places = self.axes[axis].coordinates if axis in self.axes else {}
        words = [
            f"{axis if key == 'place' else key} {int(values[index]) + 1}"
            for key, values in places.items()
        ]
        if axis == "cell" and self.lumping:
            return ", ".join(words[: COORDINATES[self.lumping["resolution"]]])
        if "place" in places or axis in places:
            return ", ".join(words)
        return f"{axis} {index + 1}" + (f" ({', '.join(words)})" if words else "")

    @cached_property
    def events(self) -> list[Event]:
        """Everything that was reported, in order."""
        return [Event(**row) for row in self._reader.table("events", EVENT_COLUMNS)]

    @cached_property
    def faults(self) -> list[FaultRow]:
        """What was injected: the answer key."""
        try:
            rows = self._reader.table("faults", FAULT_COLUMNS)
        except KeyError:  # an early file
            old = {k: v for k, v in FAULT_COLUMNS.items() if k not in ADDED_COLUMNS}
            rows = self._reader.table("faults", old)
        return [FaultRow(**row) for row in rows]

    @cached_property
    def fault_transitions(self) -> list[tuple[float, int, bool]]:
        """When a fault really came or went: (time_s, number in `faults`, came)."""
        rows = self._reader.table("faults", TRANSITION_COLUMNS)
        return [
            (r["transition_time_s"], r["transition_fault"], bool(r["transition_active"]))
            for r in rows
        ]

    @cached_property
    def ledger(self) -> dict[str, float]:
        """The last value of every ledger channel, by name."""
        paths = [path for path in self.channels if path.startswith("ledger/")]
        if not self.rows:
            return {}
        last = self.rows - 1
        return {path[7:]: float(np.ravel(self.channel(path, last))[0]) for path in paths}

    @property
    def checkpoints(self) -> list[tuple[float, int]]:
        """Stored states: (time_s, tick), in order of time."""
        return self._reader.checkpoints()

    def load_checkpoint(self, tick: int) -> dict[str, NDArray[Any]]:
        """Return the buffers of the state stored at `tick`."""
        return self._reader.load_checkpoint(tick)

    def to_xarray(self, group: str | None = None) -> Any:
        """Return one group as an `xarray.Dataset`, or all of them as a `xarray.DataTree`.

        Parameters
        ----------
        group : str or None
            As ``"truth"``; None for the tree of all groups but the stored states.

        Raises
        ------
        KeyError
            The file has no such group.
        """
        groups = {spec.group for spec in self.channels.values()} | {"events", "faults"}
        if group is not None and group not in groups:
            raise KeyError(f"{self.path} has no group {group!r}; it has {sorted(groups)}")
        try:
            import xarray
        except ImportError as error:
            raise ImportError("to_xarray needs xarray and h5netcdf: packtwin[data]") from error

        def dataset(name: str) -> Any:
            opened = xarray.open_dataset(
                self.path, group=name, engine="h5netcdf", driver_kwds={"locking": False}
            )
            sizes = {"time_s": self.rows, "event": len(self.events)}
            return opened.isel({d: slice(n) for d, n in sizes.items() if d in opened.sizes})

        if group is not None:
            return dataset(group)
        tree: dict[str, Any] = {f"/{name}": dataset(name) for name in sorted(groups)}
        tree["/"] = xarray.Dataset(attrs=self.attributes)
        return xarray.DataTree.from_dict(tree)

    def plot(self) -> Any:
        """Draw the overview of the run; returns the matplotlib figure."""
        return import_module("twin.pages.plots").overview(self)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.rows} rows, {self.ended})"

    def _repr_html_(self) -> str:
        time_s = self.time_s() if any(p.startswith("truth/") for p in self.channels) else []
        lines = {
            "file": self.path,
            "ended": self.ended,
            "simulated": f"{float(time_s[-1]):,.0f} s in {counted(self.rows, 'row')}"
            if len(time_s)
            else "-",
            "axes": ", ".join(f"{a.size} x {a.name}" for a in self.axes.values()),
            "channels": len(self.channels),
            "events": len(self.events),
            "faults": len(self.faults),
            "stored states": len(self.checkpoints),
        }
        cells = (f"<tr><th>{k}</th><td>{html.escape(str(v))}</td></tr>" for k, v in lines.items())
        return f"<table>{''.join(cells)}</table>"


def summary(run: Run) -> dict[str, Any]:
    """Return the figures that say what happened in a run.

    Parameters
    ----------
    run : Run

    Returns
    -------
    dict
        JSON-ready. ``peak_temperature``, ``min_voltage`` and ``max_voltage`` hold value, unit,
        index, where, time_s and whether the cell was beyond its tables then; ``events`` counts
        the alarms that came, by severity; ``soc_error`` is in points (0.01 of SOC); None where the
        file lacks what is needed; ``lumping`` is that of `Run`.
    """
    time_s = run.time_s(next((s.group for s in run.channels.values()), "truth"))
    alarms = [event for event in run.events if event.is_alarm]
    start_s, end_s = (float(time_s[0]), float(time_s[-1])) if len(time_s) else (0.0, 0.0)
    residual_J, relative = _energy_residual(run.ledger)
    charge = [run.ledger[name] for name in CHARGE_RESIDUALS if name in run.ledger]
    return {
        "file": str(run.path),
        "ended": run.ended,
        "exit_code": run.attributes.get("exit_code"),
        "start_s": start_s,
        "end_s": end_s,
        "duration_s": end_s - start_s,
        "rows": run.rows,
        "peak_temperature": _extreme(run, "truth/cell_temperature_K", np.fmax),
        "min_voltage": _extreme(run, "truth/cell_voltage_V", np.fmin),
        "max_voltage": _extreme(run, "truth/cell_voltage_V", np.fmax),
        "soc_error": _soc_error(run, time_s),
        "events": dict(Counter(alarm.severity for alarm in alarms)),
        "first_alarm": _event_dict(alarms[0]) if alarms else None,
        "faults": len(run.faults),
        "checkpoints": len(run.checkpoints),
        "energy_residual_J": residual_J,
        "energy_residual_relative": relative,
        "charge_residual_As": charge[0] if charge else None,
        "lumping": run.lumping,
    }


def _event_dict(event: Event) -> dict[str, Any]:
    names = ("time_s", "source", "code", "severity", "component", "text")
    return {name: getattr(event, name) for name in names}


def _extreme(run: Run, path: str, pick: np.ufunc) -> dict[str, Any] | None:
    if path not in run.channels or not run.rows:
        return None
    spec = run.channels[path]
    best, row, column = np.nan, -1, 0
    for start, values in run.blocks(path):
        found = float(pick.reduce(values, axis=None))  # fmax and fmin pass over NaN
        if not np.isnan(found) and (row < 0 or (found != best and pick(found, best) == found)):
            where = np.argwhere(values == values.dtype.type(found))[0]
            best, row, column = found, start + int(where[0]), int(where[-1])
    if row < 0:
        return None
    column = column if spec.axis is not None else 0
    return {
        "value": best,
        "unit": spec.unit,
        "index": column,
        "where": run.name_of(spec.axis, column),
        "time_s": float(run.time_s(spec.group)[row]),
        "beyond_tables": _is_beyond_tables(run, row, column),
    }


def _is_beyond_tables(run: Run, row: int, cell: int) -> bool:
    path = "truth/cell_validity"
    return path in run.channels and bool(run.channel(path, row, row + 1)[0, cell])


def _groups_of_cells(run: Run) -> NDArray[np.int64] | None:
    """Return the group number over the site of each cell, int64 (n_cells,)."""
    places = run.axes["cell"].coordinates
    if not {"rack", "module", "group"} <= places.keys() or "group" not in run.axes:
        return None
    where = np.stack([places[key] for key in ("rack", "module", "group")], axis=1)
    # Both axes run over rack, module, group in this order, so sorted triples number the groups.
    groups, number = np.unique(where, axis=0, return_inverse=True)
    return np.ravel(number) if len(groups) == run.axes["group"].size else None


def _soc_error(run: Run, time_s: NDArray[np.float64]) -> dict[str, Any] | None:
    """Return |mean SOC of a group's cells - bms/group_soc| over rows and groups, in points."""
    paths = ("truth/cell_soc", "bms/group_soc")
    if any(path not in run.channels for path in paths) or not run.rows:
        return None
    number = _groups_of_cells(run)
    if number is None:
        return None
    order = np.argsort(number, kind="stable")
    first = np.flatnonzero(np.diff(number[order], prepend=-1))
    sizes = np.diff(first, append=len(number))
    totals = {"overall": np.zeros(4), "after_10_min": np.zeros(4)}
    for start, cell_soc in run.blocks(paths[0]):
        truth = np.add.reduceat(cell_soc[:, order].astype(np.float64), first, axis=1) / sizes
        bms = run.channel(paths[1], start, start + len(cell_soc))
        error = 100.0 * np.abs(truth - bms)
        late = time_s[start : start + len(error)] >= time_s[0] + SETTLING_S
        for total, some in zip(totals.values(), (error, error[late]), strict=True):
            some = some[~np.isnan(some)]
            if some.size:
                total[:3] += some.size, some.sum(), np.square(some).sum()
                total[3] = max(total[3], some.max())
    return {
        name: {"mean": t[1] / t[0], "rmse": float(np.sqrt(t[2] / t[0])), "max": float(t[3])}
        if t[0]
        else None
        for name, t in totals.items()
    }


def _energy_residual(ledger: dict[str, float]) -> tuple[float | None, float | None]:
    """Return the residual [J] and its ratio to the throughput (else to the largest term)."""
    name = next((n for n in ENERGY_RESIDUALS if n in ledger), None)
    if name is None:
        return None, None
    residual_J = ledger[name]
    if "residual" in ledger:
        return residual_J, ledger["residual"]
    terms = [abs(v) for n, v in ledger.items() if n.endswith("_J") and "residual" not in n]
    largest = max(terms, default=0.0)
    return residual_J, residual_J / largest if largest > 0 else None
