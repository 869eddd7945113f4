"""A run file as it stands after each single write: what a kill at that instant would leave.

Not promised: the list of states while one is being named (HDF5 rewrites a group in several places,
each in its place; some 10 µs), and how a run ended while that is being written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from twin.runfiles import reader
from twin.runfiles.guarded_file import GuardedFile
from twin.runfiles.hdf5 import RunFile
from twin.runfiles.layout import EVENT_COLUMNS, Axis, ChannelSpec, Event
from twin.runfiles.reader import RunReader

AXES = {"cell": Axis(name="cell", size=8, coordinates={"group": np.arange(8)})}
SPECS = [
    ChannelSpec(group="bms", name="soc", axis="cell"),
    ChannelSpec(group="truth", name="cell_voltage_V", axis="cell", unit="V"),
]
BLOCK_ROWS, BLOCKS = 4, 12
"""Twelve states are more than a node of HDF5's group index holds (8), so it is split as well."""

Stages = list[tuple[str, int, bytes]]


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """Write a run; return what was being written, rows committed before it, and the file's bytes
    after each write."""
    kept: Stages = []
    at: list[Any] = ["rows", 0]
    write = GuardedFile.write

    def write_and_keep(self: GuardedFile, data: Any) -> int:
        size = write(self, data)
        if self.which == "next":
            kept.append((at[0], at[1], self.shown.read_bytes()))
        return size

    monkeypatch.setattr(GuardedFile, "write", write_and_keep)
    file = RunFile.create(
        tmp_path / "run.h5", attributes={}, axes=AXES, channels=SPECS, block_rows=BLOCK_ROWS
    )
    for block in range(BLOCKS):
        start = BLOCK_ROWS * block
        at[:] = "rows", start
        time_s = np.arange(start, start + BLOCK_ROWS, dtype=float)
        rows = np.repeat(time_s.astype("f4"), 8).reshape(BLOCK_ROWS, 8)
        for spec in SPECS:
            file.append_rows(spec.group, time_s, {spec.name: rows})
        file.append_events([Event(time_s=time_s[0], source="test", code="block", text="ü" * block)])
        file.flush()
        at[:] = "state", start + BLOCK_ROWS
        file.append_checkpoint(
            1000 * int(time_s[-1]), time_s[-1], {"float64": np.full(100, time_s[-1])}
        )
        file.flush()
    at[:] = "end", BLOCKS * BLOCK_ROWS
    file.close("done", 0)
    return kept


def opened(tmp_path: Path, stages: Stages) -> Iterator[tuple[str, int, Path]]:
    path = tmp_path / "killed.h5"
    for stage, committed, content in stages:
        path.write_bytes(content)
        yield stage, committed, path


def test_at_whatever_write_a_run_is_killed_all_that_was_committed_can_be_read(
    tmp_path: Path, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "TRIES", 1)  # the writer is dead: to wait for it helps nobody
    for stage, committed, path in opened(tmp_path, stages):
        with RunReader(path) as run:
            assert run.rows >= committed
            assert run.channels["truth/cell_voltage_V"].axis == "cell"
            rows = np.arange(run.rows, dtype="f4")
            assert np.array_equal(run.channel("truth/cell_voltage_V")[:, 7], rows)
            events = run.table("events", EVENT_COLUMNS)
            assert [event["text"] for event in events] == ["ü" * k for k in range(len(events))]
            assert len(events) >= committed // BLOCK_ROWS
            if stage == "rows":
                states = run.checkpoints()
                assert len(states) == committed // BLOCK_ROWS
                for time_s, tick in states:
                    assert (run.load_checkpoint(tick)["float64"] == time_s).all()


def test_a_killed_run_is_a_plain_netcdf_file_to_others(tmp_path: Path, stages: Stages) -> None:
    whole = [stage for stage in stages if stage[0] == "rows" and stage[1] > 0]
    for _, committed, path in opened(tmp_path, whole):
        with xarray.open_dataset(path, group="truth", engine="h5netcdf") as truth:
            assert truth["cell_voltage_V"].dims == ("time_s", "cell")
            assert truth.sizes["time_s"] >= committed
