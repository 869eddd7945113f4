"""Rows in memory until they are written: preallocated tables, filled by a compiled copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packs.rows import copy_row
from twin.runfiles.layout import ChannelSpec

Run = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class RecordedChannel:
    """A channel and the live array that it shows.

    Attributes
    ----------
    spec : ChannelSpec
    source : ndarray (n,)
        Live view, of any real, integer or boolean type; (1,) for a scalar.
    index : int (m,) or None
        Entries of `source` to record, in the order of the axis; None for all.
    factor : float
        What every entry is multiplied with.
    """

    spec: ChannelSpec
    source: NDArray[Any]
    index: NDArray[Any] | None = None
    factor: float = 1.0

    @property
    def size(self) -> int:
        """Number of values per row."""
        return len(self.source) if self.index is None else len(self.index)


class Block:
    """Tables of `rows` rows, one for each channel.

    Parameters
    ----------
    channels : sequence of RecordedChannel
    rows : int

    Attributes
    ----------
    time_s : float64 (rows,)
        To be filled by the owner of the block [s].

    Notes
    -----
    All tables of one type lie in one buffer, and most sources are views on the two buffers of a
    state: so a row is one compiled copy per pair of buffers, prepared here, and allocates nothing.
    """

    def __init__(self, channels: Sequence[RecordedChannel], rows: int) -> None:
        self.time_s = np.zeros(rows)
        self._tables: dict[str, dict[str, NDArray[Any]]] = {}
        sizes: dict[np.dtype[Any], int] = {}
        for channel in channels:
            kind = np.dtype(channel.spec.dtype)
            sizes[kind] = sizes.get(kind, 0) + rows * channel.size
        buffers = {kind: np.zeros(size, dtype=kind) for kind, size in sizes.items()}
        ends = dict.fromkeys(buffers, 0)
        runs: dict[tuple[int, np.dtype[Any]], list[Run]] = {}
        owners: dict[int, NDArray[Any]] = {}
        for channel in channels:
            spec, width = channel.spec, channel.size
            kind = np.dtype(spec.dtype)
            start, ends[kind] = ends[kind], ends[kind] + rows * width
            shape = (rows, width) if spec.axis is not None else (rows,)
            table = buffers[kind][start : ends[kind]].reshape(shape)
            self._tables.setdefault(spec.group, {})[spec.name] = table
            owner = _owner(channel.source)
            owners.setdefault(id(owner), owner)
            of_pair = runs.setdefault((id(owner), kind), [])
            of_pair += [(at, start + to, n, width) for at, to, n in _runs(channel, owner)]
        self._copies = [
            (owners[owner].reshape(-1), np.array(found, dtype=np.int64), buffers[kind])
            for (owner, kind), found in runs.items()
        ]
        self._scaled = [
            (self._tables[channel.spec.group][channel.spec.name], channel.factor)
            for channel in channels
            if channel.factor != 1.0
        ]

    def take(self, row: int) -> None:
        """Copy every source into the row of that number."""
        for source, runs, buffer in self._copies:
            copy_row(row, source, runs, buffer)
        for table, factor in self._scaled:
            table[row] *= factor

    def parts(self, start: int, stop: int) -> dict[str, Mapping[str, NDArray[Any]]]:
        """Return rows `start` to `stop` of every channel, as views, by group and name."""
        return {
            group: {name: table[start:stop] for name, table in tables.items()}
            for group, tables in self._tables.items()
        }


def _owner(source: NDArray[Any]) -> NDArray[Any]:
    """Return the whole array that a source is a view of; itself if that is of no use."""
    base = source.base
    if isinstance(base, np.ndarray) and base.dtype == source.dtype and base.flags.c_contiguous:
        return base
    return source


def _runs(channel: RecordedChannel, owner: NDArray[Any]) -> list[tuple[int, int, int]]:
    """Return the pieces of a channel that lie together in its owner.

    Returns
    -------
    list of (int, int, int)
        Place in the flat owner, place in the row, how many.
    """
    source, index = channel.source, channel.index
    if owner is source:
        places = np.arange(len(source))
    else:
        offset = source.ctypes.data - owner.ctypes.data
        places = (offset + source.strides[0] * np.arange(len(source))) // source.itemsize
    if index is not None:
        places = places[index]
    begins = np.flatnonzero(np.diff(places, prepend=places[0] - 2) != 1)
    counts = np.diff(begins, append=len(places))
    return list(zip(places[begins].tolist(), begins.tolist(), counts.tolist(), strict=True))
