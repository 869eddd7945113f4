"""What is recorded, and the buffers it waits in until a block is full.

The engine declares its channels once (`ChannelSpec` plus the live array that each one shows) and
calls `Recorder.row` after a step. A row is copied into preallocated blocks; a full block goes to
the run file (`twin.runfiles.hdf5.RunFile`) and is flushed there, so that memory stays flat in run
length and a killed run keeps every block written. A large one is written while the next one fills.
This module does not import h5py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from twin.runfiles.behind import Behind
from twin.runfiles.block import Block, RecordedChannel
from twin.runfiles.layout import DiskFull, Event

if TYPE_CHECKING:
    from twin.runfiles.hdf5 import RunFile

MAX_WAIT_S = 5.0
"""Longest wall time that a row waits in memory [s]; assumed, a flush costs a few ms."""

BEHIND_BYTES = 1 << 20
"""From this size on a block is written behind the run; one that is under way is lost in a kill.
Handing it over takes 0.1 ms, writing it 1 to 40. Smaller ones are on the disk when `row` returns.
"""

MAX_PENDING_EVENTS = 512
"""Events kept in memory before the block is written early."""


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
        for channel in channels:
            self._check(channel)
        self._behind = Behind()
        self._block = self._next = Block(channels, block_rows)
        self._row_bytes = self._block.row_bytes
        is_large = self._row_bytes * block_rows >= BEHIND_BYTES
        self._prepare_at = max(block_rows // 2, 1) if is_large else 0

    def _check(self, channel: RecordedChannel) -> None:
        spec, size = channel.spec, self.file.width(channel.spec)
        if channel.source.ndim != 1 or channel.size != size:
            raise ValueError(
                f"channel {spec.path}: {channel.size} values of a source of shape "
                f"{channel.source.shape}, but axis {spec.axis!r} has {size} entries"
            )

    def row(self, time_s: float) -> None:
        """Copy every source into the block; write the block when it is full.

        Parameters
        ----------
        time_s : float
            Time of the row since the start [s]; rows may be irregular, never backwards.

        Raises
        ------
        DiskFull
            A block does not fit; the file holds everything before it.
        """
        if self._behind.has_failed:
            self._behind.wait()
        k = self._filled
        self._block.time_s[k] = time_s
        self._block.take(k)
        self._filled = k + 1
        self.rows += 1
        if self._filled == self._prepare_at:
            self._prepare_at = 0
            self._behind.start(self._prepare)
        if self._filled == self._block_rows or (
            time.monotonic() - self._last_write_s > self._max_wait_s
        ):
            self._hand_over()

    def event(self, event: Event) -> None:
        """Note an event; it is written with the current block."""
        self._events.append(event)
        if len(self._events) >= MAX_PENDING_EVENTS:
            self.write()

    def attributes(self, values: Mapping[str, Any]) -> None:
        """Set root attributes of the file; they are committed with the current block."""
        self._behind.wait()
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
        self._behind.wait()
        self.file.check_space(sum(values.nbytes for values in buffers.values()))
        self._take_pending()()
        self.file.append_checkpoint(tick, time_s, buffers)
        self._commit()

    def write(self) -> None:
        """Write and flush what is in memory, whether or not the block is full."""
        self._behind.wait()
        self.file.check_space()
        self._take_pending()()
        self._commit()

    def _prepare(self) -> None:
        """Make the second block, which is filled while the first one is written."""
        self._next = self._block.another()

    def _hand_over(self) -> None:
        """Write and flush what is in memory, behind the run where that is much."""
        if (self._filled - self._written) * self._row_bytes < BEHIND_BYTES:
            self.write()
            return
        self._behind.wait()
        self.file.check_space()
        put = self._take_pending()

        def write() -> None:
            put()
            self.file.flush()

        self._last_write_s = time.monotonic()
        self._behind.start(write)

    def _take_pending(self) -> Callable[[], None]:
        """Take what is in memory and not written; return what writes it."""
        block, start, stop = self._block, self._written, self._filled
        events, transitions = self._events, self._transitions
        self._events, self._transitions = [], []
        # A block that was written early keeps its place, so blocks stay aligned with chunks.
        self._written = stop
        if stop == self._block_rows:
            self._filled = self._written = 0
            self._block, self._next = self._next, block

        def put() -> None:
            if stop > start:
                for group, rows in block.parts(start, stop).items():
                    self.file.append_rows(group, block.time_s[start:stop], rows)
            if events:
                self.file.append_events(events)
            if transitions:
                self.file.append_fault_transitions(transitions)

        return put

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
            self._behind.wait()
            if self._filled > self._written or self._events or self._transitions:
                self.file.reserve()
                self._take_pending()()
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
