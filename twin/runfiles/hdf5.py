"""The run file in HDF5: the only module that imports h5py, and so imported lazily by others.

`RunFile` writes what `twin.runfiles.recorder` collected, a block at a time; `twin.runfiles.reader`
reads it back, also while it is being written or after its writer was killed. The layout (netCDF-4
dimension scales, one ``time_s`` per group) is such that xarray, h5netcdf and MATLAB open it without
us.

How it survives
---------------
* Earliest file format, no SWMR, two flushes per block: first the data, then the root attributes
  ``rows`` and ``event_rows``. These are the commit: a reader believes no more than they say.
* HDF5 cannot live through a failed write, so it writes through `guarded_file`: room for each block
  is made sure of before it, and a write that fails all the same ends in `DiskFull`.

Chunks: a block of rows by all columns, at most 1 MiB, uncompressed. Measured, 720 cells x 5
channels x 8,640 rows of float32 in blocks of 120 rows: none 0.2 s of CPU and 124 MB; gzip-1 with
shuffle 1.85 s and 57 MB, and it would move a partly filled chunk at each flush, which a kill does
not survive. ``h5repack -f SHUF -f GZIP=1`` halves a file that is to be kept. Chunks go past HDF5's
own cache (`twin.runfiles.column`): a row of 1,000 cells took 37 instead of 68 µs, 120 to a block.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from twin.runfiles.column import Column
from twin.runfiles.guarded_file import GuardedFile
from twin.runfiles.layout import (
    EVENT_COLUMNS,
    FAULT_COLUMNS,
    FORMAT_NAME,
    FORMAT_VERSION,
    TABLE_GROUPS,
    TEXT,
    TRANSITION_COLUMNS,
    Axis,
    ChannelSpec,
    DiskFull,
    Event,
    FaultRow,
    NotARun,
    RunFileExists,
    chunk_shape,
)

METADATA_CACHE_BYTES = 32 << 20
"""No HDF5 metadata leaves its cache between two flushes below this size."""


class _Table:
    """Parallel extendable columns along one dimension."""

    def __init__(self, parent: Any, dimension: str, columns: Mapping[str, tuple[Any, str, str]]):
        self.size = 0
        self.index = parent.create_dataset(dimension, (0,), "i8", maxshape=(None,), chunks=(256,))
        self.index.make_scale(dimension)
        self.index.attrs["long_name"] = f"{dimension} number, from 0"
        self.columns = {}
        for name, (dtype, unit, long_name) in columns.items():
            kind = h5py.string_dtype("utf-8") if dtype == TEXT else dtype
            column = parent.create_dataset(name, (0,), kind, maxshape=(None,), chunks=(256,))
            column.dims[0].attach_scale(self.index)
            column.attrs["long_name"] = long_name
            if unit:
                column.attrs["units"] = unit
            self.columns[name] = column

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows; each maps every column name to its value."""
        start, stop = self.size, self.size + len(rows)
        for name, column in self.columns.items():
            column.resize(stop, axis=0)
            column[start:stop] = [row[name] for row in rows]
        self.index.resize(stop, axis=0)
        self.index[start:stop] = np.arange(start, stop)
        self.size = stop


class RunFile:
    """A run file that is being written; see `RunFile.create`."""

    def __init__(self, path: Path, guard: GuardedFile, file: Any, block_rows: int) -> None:
        self.path = path
        self._guard = guard
        self._file = file
        self._block_rows = block_rows
        self._widths: dict[str, int] = {}
        self._time_scales: dict[str, Any] = {}
        self._columns: dict[str, dict[str, Column]] = {}
        self._rows: dict[str, int] = {}
        self._block_bytes = 128 << 10  # of events and metadata; the channels are added

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        attributes: Mapping[str, Any],
        axes: Mapping[str, Axis],
        channels: Sequence[ChannelSpec],
        force: bool = False,
        block_rows: int = 120,
    ) -> RunFile:
        """Create a run file; an old one of that name is replaced only once the new one stands.

        Parameters
        ----------
        path : path
        attributes : mapping
            Root attributes; mappings and lists are stored as JSON.
        axes : mapping of str to Axis
        channels : sequence of ChannelSpec
        force : bool
            Replace an existing file.
        block_rows : int
            Rows that are written at a time.

        Raises
        ------
        RunFileExists
            The file exists and `force` is False.
        DiskFull
            There is no room for the first blocks.
        """
        path = Path(path)
        if path.exists() and not force:
            raise RunFileExists(f"{path} exists already; choose another name, or add --force")
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        guard = GuardedFile(part, "w+", path)
        if path.exists():
            guard.holds += f", the older {path.name} is untouched"
        run = None
        try:
            file = h5py.File(guard, "w", libver="earliest")
            run = cls(path, guard, file, block_rows)
            run._build(attributes, axes, channels)
            run.flush()
            run.check_space()
            os.replace(part, path)
            guard.stands()
        except BaseException:
            if run is not None:
                run._release()
            guard.close()
            part.unlink(missing_ok=True)
            raise
        return run

    def _build(
        self,
        attributes: Mapping[str, Any],
        axes: Mapping[str, Axis],
        channels: Sequence[ChannelSpec],
    ) -> None:
        config = self._file.id.get_mdc_config()
        config.set_initial_size = True
        config.initial_size = config.min_size = config.max_size = METADATA_CACHE_BYTES
        self._file.id.set_mdc_config(config)
        self.write_attributes({"Conventions": "CF-1.11", **attributes})
        self.write_attributes(
            {"format": FORMAT_NAME, "format_version": FORMAT_VERSION, "exit_reason": "running",
             "exit_code": -1, "end": "", "rows": np.int64(0), "event_rows": np.int64(0)}
        )  # fmt: skip
        for spec in channels:
            self._add_channel(spec, axes)
        self._events = _Table(self._file.create_group("events"), "event", EVENT_COLUMNS)
        faults = self._file.create_group("faults")
        self._faults = _Table(faults, "fault", FAULT_COLUMNS)
        self._transitions = _Table(faults, "transition", TRANSITION_COLUMNS)
        self._checkpoints = self._file.create_group("checkpoints")

    def _add_channel(self, spec: ChannelSpec, axes: Mapping[str, Axis]) -> None:
        if spec.group in TABLE_GROUPS or spec.name == "time_s":
            raise ValueError(f"channel {spec.path}: the name is reserved")
        if spec.axis is not None and spec.axis not in axes:
            raise ValueError(f"channel {spec.path}: no axis {spec.axis!r} among {sorted(axes)}")
        if spec.group not in self._columns:
            self._columns[spec.group] = {}
            self._rows[spec.group] = 0
            time_s = self._new_dataset(spec.group, "time_s", None, "f8")
            time_s.make_scale("time_s")
            time_s.attrs.update({"units": "s", "long_name": "time since the start", "axis": "T"})
            self._time_scales[spec.group] = time_s
        if spec.name in self._columns[spec.group]:
            raise ValueError(f"channel {spec.path} is declared twice")
        axis = axes[spec.axis] if spec.axis is not None else None
        dataset = self._new_dataset(spec.group, spec.name, axis, spec.dtype)
        dataset.dims[0].attach_scale(self._time_scales[spec.group])
        dataset.attrs.update({"units": spec.unit, "long_name": spec.long_name or spec.name})
        if spec.meanings:
            dataset.attrs["flag_values"] = np.arange(len(spec.meanings), dtype=spec.dtype)
            dataset.attrs["flag_meanings"] = " ".join(m.replace(" ", "_") for m in spec.meanings)
        if axis is not None:
            dataset.dims[1].attach_scale(self._scale(spec.group, axis))
            if axis.coordinates:
                names = (f"{axis.name}_{key}" for key in axis.coordinates)
                dataset.attrs["coordinates"] = " ".join(names)

    def _new_dataset(self, group: str, name: str, axis: Axis | None, dtype: str) -> Any:
        kind = np.dtype(dtype)
        width = 1 if axis is None else axis.size
        chunk = chunk_shape(self._block_rows, width, kind.itemsize)
        tail = () if axis is None else (width,)
        dataset = self._file.require_group(group).create_dataset(
            name, (0, *tail), kind, maxshape=(None, *tail), chunks=chunk[: 1 + len(tail)],
            fillvalue=np.nan if kind.kind == "f" else 0,
        )  # fmt: skip
        self._columns[group][name] = Column(dataset)
        self._widths[f"{group}/{name}"] = width
        # A block, or the chunk it opens, and what HDF5 notes about it.
        self._block_bytes += max(self._block_rows, chunk[0]) * width * kind.itemsize + 4096
        return dataset

    def _scale(self, group: str, axis: Axis) -> Any:
        parent = self._file[group]
        if axis.name in parent:
            return parent[axis.name]
        scale = parent.create_dataset(axis.name, data=np.arange(axis.size, dtype="i4"))
        scale.make_scale(axis.name)
        scale.attrs["long_name"] = axis.long_name or f"{axis.name} number over the site, from 0"
        for key, values in axis.coordinates.items():
            where = parent.create_dataset(f"{axis.name}_{key}", data=np.asarray(values, "i4"))
            where.dims[0].attach_scale(scale)
            what = f"position of the {axis.name} itself" if key == "place" else key
            where.attrs["long_name"] = f"{what}, counted within its parent, from 0"
        return scale

    def width(self, spec: ChannelSpec) -> int:
        """Return the number of values per row of a declared channel."""
        if spec.path not in self._widths:
            raise ValueError(f"channel {spec.path} is not declared in {self.path}")
        return self._widths[spec.path]

    def check_space(self, checkpoint_bytes: int = 0) -> None:
        """Raise `DiskFull` unless two blocks and a margin fit, then set one block aside."""
        self._guard.check_space(self._block_bytes + checkpoint_bytes)

    def reserve(self) -> None:
        """Set one block aside; raises `DiskFull` when the file system has no room for it."""
        self._guard.reserve(self._block_bytes)

    def append_rows(
        self, group: str, time_s: NDArray[np.float64], values: Mapping[str, NDArray[Any]]
    ) -> None:
        """Append rows to one group.

        Parameters
        ----------
        group : str
        time_s : float64 (k,), [s]
        values : mapping of str to (k, n) or (k,)
            Every channel of the group.
        """
        columns, start = self._columns[group], self._rows[group]
        if values.keys() != columns.keys() - {"time_s"}:
            odd = sorted(values.keys() ^ (columns.keys() - {"time_s"}))
            raise ValueError(f"rows of {group!r}: unknown or missing channels {odd}")
        for name, rows in values.items():
            columns[name].append(start, rows)
        columns["time_s"].append(start, time_s)
        self._rows[group] = start + len(time_s)

    def append_events(self, events: Sequence[Event]) -> None:
        """Append lines to ``/events``."""
        self._events.append([asdict(event) for event in events])

    def append_faults(self, faults: Sequence[FaultRow]) -> None:
        """Append lines to ``/faults``: the answer key."""
        self._faults.append([asdict(fault) for fault in faults])

    def append_fault_transitions(self, rows: Sequence[tuple[float, int, int]]) -> None:
        """Append (time_s, fault number from 0, 1 came or 0 went) to ``/faults``."""
        self._transitions.append([dict(zip(TRANSITION_COLUMNS, r, strict=True)) for r in rows])

    def append_checkpoint(
        self, tick: int, time_s: float, buffers: Mapping[str, NDArray[Any]]
    ) -> None:
        """Store a whole state as ``/checkpoints/<tick>``; a later one of the same tick wins.

        It is named only once it is on the disk: whoever looks up a name in a file walks through
        all groups, and a group that a kill left half written would end the walk.
        """
        group = self._checkpoints.create_group(None)
        group.attrs.update({"tick": np.int64(tick), "time_s": float(time_s)})
        for name, values in buffers.items():
            group.create_dataset(name, data=np.asarray(values))
        self._file.flush()
        if str(tick) in self._checkpoints:
            del self._checkpoints[str(tick)]
        self._checkpoints[str(tick)] = group

    def write_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set root attributes; mappings and lists become JSON."""
        for name, value in attributes.items():
            self._file.attrs[name] = _attribute(value)

    def flush(self) -> None:
        """Commit everything appended so far: whatever happens next, it can be read."""
        self._file.flush()
        self._guard.check()
        rows = min(self._rows.values(), default=0)
        # By the low-level call: 45 instead of 105 µs each.
        h5py.h5a.open(self._file.id, b"rows").write(np.array(rows))
        h5py.h5a.open(self._file.id, b"event_rows").write(np.array(self._events.size))
        self._file.flush()
        self._guard.check()

    def close(
        self, exit_reason: str, exit_code: int, attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Say how the run ended and close; never raises for a full disk."""
        final = {**(attributes or {}), "exit_reason": exit_reason, "exit_code": exit_code}
        with contextlib.suppress(DiskFull):
            self.write_attributes(final)
            self.flush()
        failed = self._guard.error is not None
        self._release()
        if failed:
            _mark_end(self.path, final)

    def _release(self) -> None:
        with contextlib.suppress(Exception):
            self._file.close()
        self._guard.close()


def _mark_end(path: Path, final: Mapping[str, Any]) -> None:
    # After a failed write: the little that fits into space that the file already has.
    with contextlib.suppress(Exception), GuardedFile(path, "r+", path) as guard:
        with h5py.File(guard, "r+", libver="earliest") as file:
            for name in ("exit_reason", "exit_code"):
                file.attrs.modify(name, _attribute(final[name]))


def _attribute(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return np.int8(value)
    return str(value) if isinstance(value, os.PathLike) else value


def open_file(path: Path) -> Any:
    """Return the open h5py file of a run, also of one in the making; raises `NotARun`."""
    if path.is_dir():
        raise NotARun(f"{path}: is a folder; name a run file in it, as run.h5")
    if not path.is_file():
        raise NotARun(f"{path}: no such file")
    try:
        if not h5py.is_hdf5(path):
            raise NotARun(f"{path} is not an HDF5 file, so not a run of packtwin")
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        cut = re.search(r"truncated file.*stored_eof = (\d+)", str(error))
        if cut:
            size = f"{path.stat().st_size:,} of {int(cut[1]):,} bytes are here"
            raise NotARun(f"{path} is cut short: {size}; copy it whole, or run again") from error
        raise NotARun(f"{path} cannot be opened as a run: {error}") from error
    attributes = file.attrs
    if python_value(attributes.get("format", "")) != FORMAT_NAME or "rows" not in attributes:
        file.close()
        raise NotARun(f"{path} is an HDF5 file, but not a run of packtwin")
    version = int(attributes.get("format_version", 0))
    if version > FORMAT_VERSION:
        file.close()
        raise NotARun(
            f"{path} has run format {version}; this packtwin reads up to {FORMAT_VERSION}"
        )
    return file


def axis_name(dataset: Any) -> str:
    """Return the name of the second dimension of a channel, as its scale itself holds it."""
    return h5py.h5ds.get_scale_name(dataset.dims[1][0].id).decode()


def python_value(value: Any) -> Any:
    """Return an attribute as plain Python: text as str, a number of NumPy as a number."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value
