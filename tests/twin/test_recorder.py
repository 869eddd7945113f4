"""Blocks in memory: what is copied, when it is written, and that memory stays flat."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from twin.runfiles.hdf5 import RunFile
from twin.runfiles.layout import Axis, ChannelSpec, DiskFull, Event
from twin.runfiles.recorder import BEHIND_BYTES, NullRecorder, RecordedChannel, Recorder
from twin.runfiles.results import open_run

AXES = {"cell": Axis(name="cell", size=4)}
CELL = ChannelSpec(group="truth", name="cell_voltage_V", axis="cell", unit="V")
BUS = ChannelSpec(group="truth", name="bus_voltage_V", unit="V")
VALID = ChannelSpec(group="measured", name="cell_valid", axis="cell", dtype="u1")
ENERGY = ChannelSpec(group="ledger", name="stored_J", unit="J", dtype="f8")


def start(
    path: Path, channels: list[RecordedChannel], block_rows: int = 8, max_wait_s: float = 1e9
) -> Recorder:
    specs = [channel.spec for channel in channels]
    file = RunFile.create(path, attributes={}, axes=AXES, channels=specs, block_rows=block_rows)
    return Recorder(file, channels, block_rows, max_wait_s)


def test_every_row_is_kept_across_irregular_times_and_part_blocks(tmp_path: Path) -> None:
    cell, bus = np.zeros(4), np.zeros(1)
    valid, energy = np.zeros(4, dtype=bool), np.zeros(1)
    live = [(CELL, cell), (BUS, bus), (VALID, valid), (ENERGY, energy)]
    recorder = start(tmp_path / "run.h5", [RecordedChannel(*pair) for pair in live])
    rng = np.random.default_rng(7)
    time_s = np.cumsum(rng.choice([0.001, 0.1, 10.0], 53))
    expected = rng.normal(size=(53, 4))
    for k in range(53):
        cell[:], bus[:] = expected[k], k
        valid[:], energy[:] = expected[k] > 0, 1e9 + k / 3
        recorder.row(time_s[k])
        if k % 11 == 5:
            recorder.write()  # an early write must not move rows or lose any
    recorder.close("done")
    with open_run(tmp_path / "run.h5") as run:
        assert run.rows == 53
        for group in ("truth", "measured", "ledger"):
            np.testing.assert_array_equal(run.time_s(group), time_s)
        np.testing.assert_array_equal(
            run.channel("truth/cell_voltage_V"), expected.astype(np.float32)
        )
        np.testing.assert_array_equal(run.channel("truth/bus_voltage_V"), np.arange(53.0))
        np.testing.assert_array_equal(run.channel("measured/cell_valid"), expected > 0)
        # float64 channels keep every bit
        np.testing.assert_array_equal(run.channel("ledger/stored_J"), 1e9 + np.arange(53) / 3)


def test_an_index_picks_and_orders_the_entries(tmp_path: Path) -> None:
    padded = np.arange(32.0)
    index = np.array([3, 1, 30, 0])
    recorder = start(tmp_path / "run.h5", [RecordedChannel(CELL, padded, index)])
    recorder.row(0.0)
    recorder.close("done")
    with open_run(tmp_path / "run.h5") as run:
        assert run.channel("truth/cell_voltage_V").tolist() == [[3.0, 1.0, 30.0, 0.0]]


WIDE = {"cell": Axis(name="cell", size=40_000)}


def start_wide(path: Path, cell: np.ndarray) -> Recorder:
    """A recorder whose blocks of 8 rows are large enough to be written behind the run."""
    assert 8 * cell.size * 4 >= BEHIND_BYTES
    file = RunFile.create(path, attributes={}, axes=WIDE, channels=[CELL], block_rows=8)
    return Recorder(file, [RecordedChannel(CELL, cell)], 8)


def test_blocks_written_behind_the_run_hold_the_rows_of_their_time(tmp_path: Path) -> None:
    cell = np.zeros(40_000)
    recorder = start_wide(tmp_path / "run.h5", cell)
    for k in range(53):
        cell[:] = k
        recorder.row(float(k))
        recorder.event(Event(time_s=float(k), source="test", code="x"))
        if k == 21:
            recorder.attributes({"note": "seen"})
    recorder.close("done")
    with open_run(tmp_path / "run.h5") as run:
        rows = run.channel("truth/cell_voltage_V")
        np.testing.assert_array_equal(rows, np.broadcast_to(np.arange(53.0)[:, None], rows.shape))
        assert [event.time_s for event in run.events] == list(range(53))
        assert run.attributes["note"] == "seen"


def test_what_fails_behind_the_run_is_told_by_a_later_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = start_wide(tmp_path / "run.h5", np.zeros(40_000))

    def full() -> None:
        raise DiskFull("full")

    with monkeypatch.context() as patch, pytest.raises(DiskFull):
        patch.setattr(recorder.file, "flush", full)
        for k in range(16):  # at the latest where the next block is handed over
            recorder.row(float(k))
    recorder.close("disk full", 4)
    with open_run(tmp_path / "run.h5") as run:
        assert (run.ended, run.attributes["exit_code"]) == ("disk full", 4)


def test_memory_is_flat_in_run_length(tmp_path: Path) -> None:
    recorder = start(tmp_path / "run.h5", [RecordedChannel(CELL, np.zeros(4))], block_rows=50)

    def run_for(rows: int) -> int:
        for _ in range(rows):
            recorder.row(float(recorder.rows))
            recorder.event(Event(time_s=0.0, source="test", code="x"))
        gc.collect()  # h5py leaves closed handles to it
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        run_for(500)
        before = run_for(500)
        after = run_for(5000)
    finally:
        tracemalloc.stop()
    recorder.close("done")
    # 5000 rows and events kept would be 1 MB and more; half a KB was seen.
    assert after - before < 20_000


def test_a_row_that_waited_too_long_is_written_before_its_block_is_full(tmp_path: Path) -> None:
    recorder = start(tmp_path / "run.h5", [RecordedChannel(BUS, np.zeros(1))], max_wait_s=0.0)
    recorder.row(0.0)
    with open_run(tmp_path / "run.h5") as run:
        assert run.rows == 1
    recorder.close("done")


def test_a_checkpoint_returns_bit_for_bit_after_the_rows_before_it(tmp_path: Path) -> None:
    recorder = start(tmp_path / "run.h5", [RecordedChannel(BUS, np.zeros(1))])
    buffers = {
        "float64": np.array([0.1, np.nan, -0.0, np.inf]),
        "int64": np.array([-1, 2**62], dtype=np.int64),
        "empty": np.zeros(0),
    }
    recorder.row(0.0)
    recorder.checkpoint(1500, 1.5, buffers)
    with open_run(tmp_path / "run.h5") as run:  # readable at once, and the row as well
        assert run.rows == 1
        assert run.checkpoints == [(1.5, 1500)]
        loaded = run.load_checkpoint(1500)
        assert loaded.keys() == buffers.keys()
        for name, values in buffers.items():
            assert loaded[name].tobytes() == values.tobytes()
            assert loaded[name].dtype == values.dtype
        with pytest.raises(KeyError, match="no checkpoint at tick 7"):
            run.load_checkpoint(7)
    recorder.close("done")


def test_sources_that_do_not_fit_their_axis_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="truth/cell_voltage_V: 3 values"):
        start(tmp_path / "a.h5", [RecordedChannel(CELL, np.zeros(3))])
    with pytest.raises(ValueError, match="truth/bus_voltage_V: 2 values"):
        start(tmp_path / "b.h5", [RecordedChannel(BUS, np.zeros(2))])
    with pytest.raises(ValueError, match="declared twice"):
        start(tmp_path / "c.h5", [RecordedChannel(BUS, np.zeros(1))] * 2)


def test_a_full_disk_while_closing_is_said_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = start(tmp_path / "run.h5", [RecordedChannel(BUS, np.zeros(1))])
    recorder.row(0.0)
    recorder.write()
    recorder.row(1.0)

    def full() -> None:
        raise DiskFull("full")

    monkeypatch.setattr(recorder.file, "reserve", full)
    recorder.close("done", 0)
    with open_run(tmp_path / "run.h5") as run:
        assert run.rows == 1
        assert run.ended == "disk full"
        assert run.attributes["exit_code"] == 4


def test_an_end_noted_beforehand_outranks_that_of_closing(tmp_path: Path) -> None:
    recorder = start(tmp_path / "run.h5", [RecordedChannel(BUS, np.zeros(1))])
    recorder.row(0.0)
    recorder.end_as("stopped from outside", 4)
    recorder.close("interrupted", 130)
    with open_run(tmp_path / "run.h5") as run:
        assert (run.ended, run.attributes["exit_code"], run.rows) == ("stopped from outside", 4, 1)


def test_the_null_recorder_has_every_method_of_the_recorder() -> None:
    public = {name for name in vars(Recorder) if not name.startswith("_")}
    assert public <= set(vars(NullRecorder))
    recorder = NullRecorder()
    recorder.row(0.0)
    recorder.event(Event(time_s=0.0, source="test", code="x"))
    recorder.fault_transition(0.0, 0, True)
    recorder.checkpoint(0, 0.0, {})
    recorder.write()
    recorder.close("done")
    assert recorder.rows == 1
