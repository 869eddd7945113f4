"""A run file read back: channels, axes, tables and states, as far as the last commit reaches.

Knows the layout, not HDF5: the open file comes from `twin.runfiles.hdf5`. `twin.runfiles.results`
is what people use.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from twin.runfiles.hdf5 import axis_name, open_file, python_value
from twin.runfiles.layout import TABLE_GROUPS, TEXT, Axis, ChannelSpec

TRIES, FLUSH_S = 5, 0.05
"""A file that is read in the instant of a flush is not whole; a flush takes milliseconds [s]."""


class RunReader:
    """A run file opened for reading: finished, still being written, or left by a killed run.

    Parameters
    ----------
    path : path

    Raises
    ------
    NotARun
        The file is missing, foreign, damaged or of a newer format.

    Attributes
    ----------
    attributes : dict
        Root attributes, text as str.
    rows : int
        Complete rows: what every group holds and the last flush committed.
    channels : dict of str to ChannelSpec
        By path, as ``"truth/cell_voltage_V"``.
    axes : dict of str to Axis
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        for tries_left in reversed(range(TRIES)):
            self._file: Any = open_file(self.path)
            try:
                self._read_outline()
                return
            except (AttributeError, KeyError, OSError, RuntimeError):  # a flush under way
                self._file.close()
                if not tries_left:
                    raise
                time.sleep(FLUSH_S)

    def _read_outline(self) -> None:
        """Read what the file holds: attributes, channels, axes, complete rows."""
        self.attributes = _attributes_of(self._file)
        self.channels: dict[str, ChannelSpec] = {}
        self.axes: dict[str, Axis] = {}
        rows = [int(self.attributes["rows"])]
        for group in self._file:
            if group not in TABLE_GROUPS:
                rows.extend(self._read_group(group))
        self.rows = min(rows)

    def _read_group(self, group: str) -> list[int]:
        lengths = []
        for name, dataset in self._file[group].items():
            if dataset.maxshape[0] is not None:
                continue
            lengths.append(len(dataset))
            if name == "time_s":
                continue
            axis = axis_name(dataset) if dataset.ndim == 2 else None
            attributes = {key: python_value(v) for key, v in dataset.attrs.items()}
            if axis is not None and axis not in self.axes:
                self.axes[axis] = self._read_axis(group, axis, attributes.get("coordinates", ""))
            self.channels[f"{group}/{name}"] = ChannelSpec(
                group=group, name=name, axis=axis, dtype=dataset.dtype.str[1:],
                unit=attributes.get("units", ""), long_name=attributes.get("long_name", ""),
                meanings=tuple(attributes.get("flag_meanings", "").split()),
            )  # fmt: skip
        return lengths

    def _read_axis(self, group: str, name: str, coordinates: str) -> Axis:
        parent = self._file[group]
        places = {key.removeprefix(f"{name}_"): parent[key][:] for key in coordinates.split()}
        return Axis(name=name, size=len(parent[name]), coordinates=places)

    def channel(self, path: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows `start` to `stop` of a channel, (rows, n) or (rows,)."""
        group, _, name = path.partition("/")
        if path not in self.channels and (name != "time_s" or group not in self._file):
            raise KeyError(f"{self.path} has no channel {path!r}; it has {sorted(self.channels)}")
        stop = self.rows if stop is None else min(stop, self.rows)
        return self._file[path][start:stop]

    def table(self, group: str, columns: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the committed lines of a table, one dict a line."""
        parent = self._file[group]
        size = min(len(parent[name]) for name in columns)
        if group == "events":
            size = min(size, int(self.attributes["event_rows"]))
        values = [
            (parent[name].asstr() if dtype == TEXT else parent[name])[:size].tolist()
            for name, (dtype, _, _) in columns.items()
        ]
        return [dict(zip(columns, line, strict=True)) for line in zip(*values, strict=True)]

    def checkpoints(self) -> list[tuple[float, int]]:
        """Return (time_s, tick) of every stored state, in order of time."""
        stored = self._file["checkpoints"].values()
        return sorted((float(c.attrs["time_s"]), int(c.attrs["tick"])) for c in stored)

    def load_checkpoint(self, tick: int) -> dict[str, NDArray[Any]]:
        """Return the buffers of the state stored at `tick`."""
        if str(tick) not in self._file["checkpoints"]:
            raise KeyError(f"{self.path} has no checkpoint at tick {tick}")
        return {name: data[()] for name, data in self._file["checkpoints"][str(tick)].items()}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> RunReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _attributes_of(file: Any) -> dict[str, Any]:
    """Return the root attributes, but for those that a kill left half written."""
    found = {}
    for name in file.attrs:
        with contextlib.suppress(KeyError, OSError):
            found[name] = python_value(file.attrs[name])
    return found
