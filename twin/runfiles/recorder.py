"""What is recorded, and the buffers it waits in until a block is full.

The engine declares its channels once (`ChannelSpec` plus the live array that each one shows) and
calls `Recorder.row` after a step. A row is copied into preallocated blocks; a full block goes to
the run file (`twin.runfiles.hdf5.RunFile`) and is flushed there, so that memory stays flat in run
length and a killed run keeps every block written. This module does not import h5py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twin.runfiles.layout import ChannelSpec, DiskFull, Event

if TYPE_CHECKING:
    from twin.runfiles.hdf5 import RunFile

MAX_WAIT_S = 5.0
"""Longest wall time that a row waits in memory [s]; assumed, a flush costs a few ms."""

MAX_PENDING_EVENTS = 512
"""Events kept in memory before the block is written early."""


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
    """

    spec: ChannelSpec
    source: NDArray[Any]
    index: NDArray[Any] | None = None

    @property
    def size(self) -> int:
        """Number of values per row."""
        return len(self.source) if self.index is None else len(self.index)


class Recorder:
    """Collects rows into blocks and hands full blocks to the run file.

    Parameters
    ----------
    file : RunFile
        Created with the same channel specs.
    channels : sequence of RecordedChannel
    block_rows : int
        Rows per block; the same number that the file was created with.
    max_wait_s : float
        A row older than this by the wall clock is written before its block is full [s].

    Notes
    -----
    Every row keeps a prepared list of destination views, so that a row is one assignment per
    channel and allocates nothing: 18 µs for 40 channels (12 of 720 cells, 12 of 360 groups,
    16 scalars), half of it the float32 conversion; 27 µs if all 40 have 720 values (measured on
    a busy machine). The price is block_rows x channels small view objects.
    """

    def __init__(
        self,
        file: RunFile,
        channels: Sequence[RecordedChannel],
        block_rows: int,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        if block_rows < 1:
            raise ValueError(f"block_rows is {block_rows}, must be at least 1")
        self.file = file
        self.rows = 0
        self._block_rows = block_rows
        self._max_wait_s = max_wait_s
        self._filled = 0
        self._written = 0
        self._ending: tuple[str, int] | None = None
        self._last_write_s = time.monotonic()
        self._events: list[Event] = []
        self._transitions: list[tuple[float, int, int]] = []
        self._time_s = np.zeros(block_rows)
        self._blocks: dict[str, dict[str, NDArray[Any]]] = {}
        whole: list[tuple[NDArray[Any], NDArray[Any]]] = []
        picked: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
        for channel in channels:
            block = self._new_block(channel)
            if channel.index is None:
                whole.append((block, channel.source))
            else:
                picked.append((block, channel.source, np.asarray(channel.index)))
        self._whole = [[(b[k], source) for b, source in whole] for k in range(block_rows)]
        self._picked = [[(b[k], s, index) for b, s, index in picked] for k in range(block_rows)]

    def _new_block(self, channel: RecordedChannel) -> NDArray[Any]:
        spec, size = channel.spec, self.file.width(channel.spec)
        if channel.source.ndim != 1 or channel.size != size:
            raise ValueError(
                f"channel {spec.path}: {channel.size} values of a source of shape "
                f"{channel.source.shape}, but axis {spec.axis!r} has {size} entries"
            )
        block = np.zeros((self._block_rows, size), dtype=spec.dtype)
        # A scalar is a (rows,) dataset: its block is kept (rows, 1) only for the row views.
        kept = block if spec.axis is not None else block.reshape(self._block_rows)
        self._blocks.setdefault(spec.group, {})[spec.name] = kept
        return block

    def row(self, time_s: float) -> None:
        """Copy every source into the block; write the block when it is full.

        Parameters
        ----------
        time_s : float
            Time of the row since the start [s]; rows may be irregular, never backwards.

        Raises
        ------
        DiskFull
            The block does not fit; the file holds everything before it.
        """
        k = self._filled
        self._time_s[k] = time_s
        for destination, source in self._whole[k]:
            destination[:] = source
        for destination, source, index in self._picked[k]:
            destination[:] = source[index]
        self._filled = k + 1
        self.rows += 1
        if self._filled == self._block_rows or (
            time.monotonic() - self._last_write_s > self._max_wait_s
        ):
            self.write()

    def event(self, event: Event) -> None:
        """Note an event; it is written with the current block."""
        self._events.append(event)
        if len(self._events) >= MAX_PENDING_EVENTS:
            self.write()

    def attributes(self, values: Mapping[str, Any]) -> None:
        """Set root attributes of the file; they are committed with the current block."""
        self.file.write_attributes(values)

    def fault_transition(self, time_s: float, fault: int, active: bool) -> None:
        """Note that fault number `fault` of ``/faults`` came (True) or went (False) at `time_s`."""
        self._transitions.append((time_s, fault, int(active)))

    def checkpoint(self, tick: int, time_s: float, buffers: Mapping[str, NDArray[Any]]) -> None:
        """Write a whole state under ``/checkpoints/<tick>``, after the rows up to it.

        Parameters
        ----------
        tick : int
            Clock tick, 1 ms.
        time_s : float
            The same in seconds [s].
        buffers : mapping of str to float64 or int64 arrays
            The state's flat buffers.
        """
        self.file.check_space(sum(values.nbytes for values in buffers.values()))
        self._write_pending()
        self.file.append_checkpoint(tick, time_s, buffers)
        self._commit()

    def write(self) -> None:
        """Write and flush what is in memory, whether or not the block is full."""
        self.file.check_space()
        self._write_pending()
        self._commit()

    def _write_pending(self) -> None:
        start, stop = self._written, self._filled
        if stop > start:
            for group, block in self._blocks.items():
                rows = {name: values[start:stop] for name, values in block.items()}
                self.file.append_rows(group, self._time_s[start:stop], rows)
        if self._events:
            self.file.append_events(self._events)
        if self._transitions:
            self.file.append_fault_transitions(self._transitions)
        # A block that was written early keeps its place, so blocks stay aligned with chunks.
        self._filled = self._written = 0 if stop == self._block_rows else stop
        self._events, self._transitions = [], []

    def _commit(self) -> None:
        self.file.flush()
        self._last_write_s = time.monotonic()

    def end_as(self, exit_reason: str, exit_code: int) -> None:
        """Note how the run ends, if whoever closes the file cannot know: it outranks `close`."""
        self._ending = exit_reason, exit_code

    def close(
        self, exit_reason: str, exit_code: int = 0, attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Write the last rows if they fit, say how the run ended, and close the file.

        Parameters
        ----------
        exit_reason : str
            As in ``"done"``, ``"interrupted"``, ``"disk full"``.
        exit_code : int
            Exit code of ``twin run``.
        attributes : mapping, optional
            Further root attributes.
        """
        if self._ending is not None:
            exit_reason, exit_code = self._ending
        try:
            if self._filled > self._written or self._events or self._transitions:
                self.file.reserve()
                self._write_pending()
        except DiskFull:
            if exit_code == 0:
                exit_reason, exit_code = "disk full", 4
        self.file.close(exit_reason, exit_code, attributes)


class NullRecorder:
    """Keeps nothing: for runs without a file. Same methods as `Recorder`."""

    def __init__(self) -> None:
        self.rows = 0

    def row(self, time_s: float) -> None:
        """Count the row."""
        self.rows += 1

    def event(self, event: Event) -> None:
        """Drop the event."""

    def attributes(self, values: Mapping[str, Any]) -> None:
        """Drop the attributes."""

    def fault_transition(self, time_s: float, fault: int, active: bool) -> None:
        """Drop the transition."""

    def checkpoint(self, tick: int, time_s: float, buffers: Mapping[str, NDArray[Any]]) -> None:
        """Drop the state."""

    def write(self) -> None:
        """Do nothing."""

    def end_as(self, exit_reason: str, exit_code: int) -> None:
        """Do nothing."""

    def close(
        self, exit_reason: str, exit_code: int = 0, attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Do nothing."""
