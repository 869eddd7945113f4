"""Rows in memory until they are written: preallocated tables, filled by a compiled copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packs.rows import copy_row
from twin.runfiles.layout import ChannelSpec

Ints = NDArray[np.int64]


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
    row_bytes : int
        Of all channels.

    Notes
    -----
    All tables of one type lie in one buffer, and most sources are views on the two buffers of a
    state: so a row is one compiled copy per pair of buffers, prepared here, and allocates nothing.
    """

    def __init__(self, channels: Sequence[RecordedChannel], rows: int) -> None:
        self._rows = rows
        self._homes: list[tuple[ChannelSpec, slice, tuple[int, ...], float]] = []
        self._sizes: dict[np.dtype[Any], int] = {}
        runs: dict[tuple[int, np.dtype[Any]], list[Ints]] = {}
        owners: dict[int, NDArray[Any]] = {}
        for channel in channels:
            spec, width = channel.spec, channel.size
            kind = np.dtype(spec.dtype)
            start = self._sizes.get(kind, 0)
            self._sizes[kind] = start + rows * width
            shape = (rows, width) if spec.axis is not None else (rows,)
            self._homes.append((spec, slice(start, self._sizes[kind]), shape, channel.factor))
            owner = _owner(channel.source)
            owners.setdefault(id(owner), owner)
            runs.setdefault((id(owner), kind), []).append(_runs(channel, owner, start))
        self._plan = [
            (owners[owner].reshape(-1), np.concatenate(found), kind)
            for (owner, kind), found in runs.items()
        ]
        self.row_bytes = sum(size // rows * kind.itemsize for kind, size in self._sizes.items())
        self._allocate()

    def another(self) -> Block:
        """Return a block for the same channels with tables of its own, every page of them in place.

        The first touch of a page can cost more than the row that is written there (measured: 0.7 ms
        for a row of 9,600 cells), and needs no lock of Python here.
        """
        other = copy(self)
        other._allocate()
        for buffer in other._buffers.values():
            buffer.fill(0)
        return other

    def _allocate(self) -> None:
        """Make the tables."""
        self.time_s = np.zeros(self._rows)
        buffers = {kind: np.zeros(size, dtype=kind) for kind, size in self._sizes.items()}
        self._buffers = buffers
        self._copies = [(source, runs, buffers[kind]) for source, runs, kind in self._plan]
        self._tables: dict[str, dict[str, NDArray[Any]]] = {}
        self._scaled: list[tuple[NDArray[Any], float]] = []
        for spec, at, shape, factor in self._homes:
            table = buffers[np.dtype(spec.dtype)][at].reshape(shape)
            self._tables.setdefault(spec.group, {})[spec.name] = table
            if factor != 1.0:
                self._scaled.append((table, factor))

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


def _runs(channel: RecordedChannel, owner: NDArray[Any], first: int) -> Ints:
    """Return the pieces of a channel that one loop copies, as `copy_row` takes them.

    Cells are kept in another order than they are shown in: of those in parallel, first all the
    first ones of 32 groups. So the pieces are looked for in the order of the file and in that of
    the memory, and the fewer are taken.

    Parameters
    ----------
    first : int
        Where the channel's table begins.

    Returns
    -------
    int64 (m, 6)
    """
    source, index = channel.source, channel.index
    if owner is source:
        places = np.arange(len(source))
    else:
        offset = source.ctypes.data - owner.ctypes.data
        places = (offset + source.strides[0] * np.arange(len(source))) // source.itemsize
    if index is not None:
        places = places[index]
    as_shown, as_kept = np.arange(len(places)), np.argsort(places, kind="stable")
    found = min((_even_runs(places[order], order) for order in (as_shown, as_kept)), key=len)
    found[:, 2] += first
    return np.column_stack((found, np.full(len(found), channel.size)))


def _even_runs(at: Ints, to: Ints) -> Ints:
    """Return the runs of even steps: first place and step in the source, in the row, number."""
    apart, onward = (int(np.median(np.diff(x))) if len(x) > 1 else 1 for x in (at, to))
    is_break = (np.diff(at) != apart) | (np.diff(to) != onward)
    if apart < 0 or onward < 0:
        apart, onward, is_break = 1, 1, np.ones_like(is_break)
    begins = np.flatnonzero(np.concatenate(([True], is_break)))
    counts = np.diff(begins, append=len(at))
    steps = np.tile((apart, onward), (len(begins), 1))
    return np.column_stack((at[begins], steps[:, 0], to[begins], steps[:, 1], counts))
