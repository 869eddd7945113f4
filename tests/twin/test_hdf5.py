"""The run file as outsiders see it, and what is left of it when its writer dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest

from twin.runfiles.guarded_file import GuardedFile
from twin.runfiles.hdf5 import RunFile
from twin.runfiles.layout import (
    Axis,
    ChannelSpec,
    DiskFull,
    Event,
    FaultRow,
    NotARun,
    RunFileExists,
    chunk_shape,
)
from twin.runfiles.recorder import RecordedChannel, Recorder
from twin.runfiles.results import open_run

REPO = Path(__file__).parents[2]
BLOCK_ROWS = 5

AXES = {
    "cell": Axis(
        name="cell",
        size=6,
        coordinates={
            "rack": np.array([0, 0, 0, 0, 1, 1]),
            "module": np.array([0, 0, 0, 0, 0, 0]),
            "group": np.array([0, 0, 1, 1, 0, 0]),
            "place": np.array([0, 1, 0, 1, 0, 1]),
        },
    )
}
SPECS = [
    ChannelSpec(group="truth", name="cell_voltage_V", axis="cell", unit="V", long_name="voltage"),
    ChannelSpec(group="truth", name="bus_voltage_V", unit="V"),
    ChannelSpec(group="bms", name="state", dtype="u1", meanings=("idle", "fully open")),
    ChannelSpec(group="ledger", name="residual_J", unit="J", dtype="f8"),
]

# A writer in its own process: rows hold their own number, so that a reader can check them.
WRITER = """
import os, sys
import numpy as np
from twin.runfiles.hdf5 import RunFile
from twin.runfiles.recorder import RecordedChannel, Recorder
from twin.runfiles.layout import Axis, ChannelSpec, DiskFull, Event

number = np.zeros(2000)
specs = [ChannelSpec(group="truth", name=f"x{k}_V", axis="cell", unit="V") for k in range(4)]
axes = {"cell": Axis(name="cell", size=len(number))}
file = RunFile.create(sys.argv[1], attributes={}, axes=axes, channels=specs, block_rows=10)
recorder = Recorder(file, [RecordedChannel(s, number) for s in specs], 10, max_wait_s=1e9)
"""
KILLED = """
for k in range(100_000):
    number[:] = k
    recorder.event(Event(time_s=float(k), source="test", code="row", text=f"row {k} ü"))
    recorder.row(float(k))
    if k % 10 == 9:
        print(k + 1, flush=True)
"""
LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, resource.RLIM_INFINITY))
try:
    for k in range(1000):
        number[:] = k
        recorder.row(float(k))
except DiskFull as error:
    recorder.close("disk full", 4)
    print(k, error)
"""
UNCHECKED = """
recorder.file.check_space = lambda *_: None  # the check saw room that another program then took
recorder.file.reserve = lambda: None
"""


def create(path: Path, **options: object) -> RunFile:
    attributes = {"scenario": "name: test\n", "seed": 3, "versions": {"numpy": "2"}}
    return RunFile.create(
        path, attributes=attributes, axes=AXES, channels=SPECS, block_rows=BLOCK_ROWS, **options
    )


def write_run(path: Path, rows: int = 12) -> None:
    sources = [np.zeros(6), np.zeros(1), np.zeros(1, dtype=np.int64), np.zeros(1)]
    file = create(path)
    file.append_faults([FaultRow(name="short", kind="internal_short", rack=0, cell=1, unit="ohm")])
    channels = [RecordedChannel(s, a) for s, a in zip(SPECS, sources, strict=True)]
    recorder = Recorder(file, channels, BLOCK_ROWS)
    for k in range(rows):
        for j, source in enumerate(sources):
            source[:] = k + 100 * j
        sources[2][:] = k % 2
        recorder.row(0.5 * k)
    recorder.event(Event(time_s=2.0, source="bms", code="hot", severity="warning", text="zu heiß"))
    recorder.fault_transition(1.5, 0, True)
    recorder.checkpoint(6000, 6.0, {"float64": np.arange(4.0), "int64": np.arange(3)})
    recorder.close("done", 0, {"end": "later"})


def run_writer(path: Path, *parts: str) -> subprocess.CompletedProcess[str]:
    code = textwrap.dedent("".join((WRITER, *parts)))
    return subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=REPO, capture_output=True, text=True
    )


def test_plain_h5py_finds_scales_units_and_the_scenario(tmp_path: Path) -> None:
    write_run(tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5") as file:
        voltage = file["truth/cell_voltage_V"]
        assert voltage.shape == (12, 6)
        assert voltage.dims[0][0].name == "/truth/time_s"
        assert voltage.dims[1][0].name == "/truth/cell"
        assert voltage.attrs["units"] == "V"
        assert file.attrs["Conventions"] == "CF-1.11"
        assert file.attrs["exit_reason"] == "done"
        assert file.attrs["exit_code"] == 0
        assert json.loads(file.attrs["versions"]) == {"numpy": "2"}
        assert file["events/text"].asstr()[0] == "zu heiß"


def test_xarray_shows_named_dimensions_coordinates_and_units(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray", reason="xarray is in the extra `data`")
    pytest.importorskip("h5netcdf", reason="h5netcdf is in the extra `data`")
    write_run(tmp_path / "run.h5")
    with xarray.open_dataset(tmp_path / "run.h5", group="truth", engine="h5netcdf") as truth:
        assert truth.cell_voltage_V.dims == ("time_s", "cell")
        assert truth.cell_voltage_V.attrs["units"] == "V"
        assert {"cell_rack", "cell_module", "cell_group", "cell_place"} <= set(truth.coords)
        assert truth.time_s.dtype == np.float64
        np.testing.assert_array_equal(truth.time_s, 0.5 * np.arange(12))
        in_rack_2 = truth.cell_voltage_V.where(truth.cell_rack == 1, drop=True)
        assert in_rack_2.sizes["cell"] == 2
    with xarray.open_dataset(tmp_path / "run.h5", group="events", engine="h5netcdf") as events:
        assert events.code.values.tolist() == ["hot"]
    with xarray.open_dataset(tmp_path / "run.h5", group="bms", engine="h5netcdf") as bms:
        assert bms.state.attrs["flag_meanings"] == "idle fully_open"
    with xarray.open_dataset(tmp_path / "run.h5", group="faults", engine="h5netcdf") as faults:
        assert faults.sizes == {"fault": 1, "transition": 1}


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    path.write_text("precious")
    with pytest.raises(RunFileExists, match="--force") as caught:
        create(path)
    assert str(path) in str(caught.value)
    assert path.read_text() == "precious"
    create(path, force=True).close("done", 0)
    assert h5py.is_hdf5(path)


def test_a_forced_file_that_cannot_be_built_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    path.write_text("precious")
    wrong = [ChannelSpec(group="truth", name="x_V", axis="nowhere")]
    with pytest.raises(ValueError, match="nowhere"):
        RunFile.create(path, attributes={}, axes=AXES, channels=wrong, force=True)
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["run.h5"]


def test_files_that_are_not_runs_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotARun, match="no such file"):
        open_run(tmp_path / "missing.h5")
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(NotARun, match="not an HDF5 file"):
        open_run(tmp_path / "text.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(NotARun, match="not a run of packtwin"):
        open_run(tmp_path / "foreign.h5")
    write_run(tmp_path / "newer.h5")
    with h5py.File(tmp_path / "newer.h5", "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(NotARun, match="format 99"):
        open_run(tmp_path / "newer.h5")
    whole = (tmp_path / "newer.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NotARun, match=r"cut short: [\d,]+ of [\d,]+ bytes are here"):
        open_run(tmp_path / "cut.h5")


def test_a_run_killed_while_writing_is_complete_to_the_last_block(tmp_path: Path) -> None:
    code = textwrap.dedent(WRITER + KILLED)
    for trial in range(3):
        path = tmp_path / f"run{trial}.h5"
        writer = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], cwd=REPO, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(8 + 5 * trial)][-1]
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()  # blocks that it finished before the signal came
        told = int(rest[-1]) if rest else told
        writer.wait()
        with open_run(path) as run:
            assert run.ended == "killed or still running"
            assert told <= run.rows <= told + 10  # at most the block after the last one told
            assert len(run.events) >= told
            assert run.events[told - 1].text == f"row {told - 1} ü"
            for name in run.channels:
                expected = np.broadcast_to(np.arange(run.rows)[:, None], (run.rows, 2000))
                np.testing.assert_array_equal(run.channel(name), expected)


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no file-size limit on this system")
def test_a_file_size_limit_ends_the_run_with_a_readable_file(tmp_path: Path) -> None:
    result = run_writer(tmp_path / "run.h5", LIMITED)
    assert result.returncode == 0, result.stderr
    assert "file-size limit leaves" in result.stdout
    with open_run(tmp_path / "run.h5") as run:
        assert run.ended == "disk full"
        assert run.attributes["exit_code"] == 4
        assert run.rows == int(result.stdout.split()[0]) + 1  # the last block fitted the margin
        np.testing.assert_array_equal(run.channel("truth/x0_V")[:, 7], np.arange(run.rows))


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no file-size limit on this system")
def test_a_write_that_fails_in_mid_block_neither_crashes_nor_spoils_the_file(
    tmp_path: Path,
) -> None:
    result = run_writer(tmp_path / "run.h5", UNCHECKED, LIMITED)
    assert result.returncode == 0, result.stderr
    assert "File too large" in result.stdout
    with open_run(tmp_path / "run.h5") as run:
        assert run.ended == "disk full"
        assert run.rows > 0
        assert run.rows % 10 == 0
        np.testing.assert_array_equal(run.channel("truth/x3_V")[:, 0], np.arange(run.rows))


def test_too_little_free_space_is_seen_before_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = create(tmp_path / "run.h5")
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("twin.runfiles.guarded_file.shutil.disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match=r"1\.0 MB are free"):
        file.check_space()
    file.close("disk full", 4)
    with open_run(tmp_path / "run.h5") as run:
        assert run.ended == "disk full"


def test_set_aside_space_is_given_back(tmp_path: Path) -> None:
    file = create(tmp_path / "run.h5")
    file.check_space()
    file.flush()
    file.close("done", 0)
    # Without rows only metadata is left: far below the 128 KiB that a block sets aside at least.
    assert (tmp_path / "run.h5").stat().st_size < 100_000


def test_a_guarded_file_keeps_its_bytes_after_a_failed_write(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(b"kept")
    read_only = os.open(path, os.O_RDONLY)
    guard = GuardedFile(path, "r+", path)
    os.dup2(read_only, guard.fileno())  # now every write fails
    assert guard.write(b"lost") == 4
    assert guard.error is not None
    guard.truncate(0)
    with pytest.raises(DiskFull, match="failed"):
        guard.check()
    guard.close()
    os.close(read_only)
    assert path.read_bytes() == b"kept"


def test_a_run_in_the_making_can_be_read(tmp_path: Path) -> None:
    file = create(tmp_path / "run.h5")
    for k in range(3):
        for group, name, width in (
            ("truth", "cell_voltage_V", 6),
            ("bms", "state", 0),
            ("ledger", "residual_J", 0),
        ):
            shape = (2, width) if width else (2,)
            dtype = next(s.dtype for s in SPECS if s.name == name)
            rows = {name: np.full(shape, k, dtype=dtype)}
            if group == "truth":
                rows["bus_voltage_V"] = np.full(2, k, dtype="f4")
            file.append_rows(group, np.array([2.0 * k, 2.0 * k + 1]), rows)
        if k < 2:
            file.flush()
    with open_run(tmp_path / "run.h5") as run:
        assert run.rows == 4  # the third pair is not committed
        assert run.ended == "killed or still running"
        assert run.time_s("bms").tolist() == [0.0, 1.0, 2.0, 3.0]
    file.close("done", 0)


def test_rows_must_hold_every_channel_of_their_group(tmp_path: Path) -> None:
    file = create(tmp_path / "run.h5")
    with pytest.raises(ValueError, match="bus_voltage_V"):
        file.append_rows("truth", np.zeros(1), {"cell_voltage_V": np.zeros((1, 6), "f4")})
    file.close("error", 70)


def test_chunks_hold_whole_blocks_within_bounds() -> None:
    assert chunk_shape(120, 720, 4) == (120, 720)
    rows, columns = chunk_shape(120, 100_000, 4)
    assert rows == 120
    assert rows * columns * 4 <= 1 << 20
    rows, columns = chunk_shape(10, 1, 8)
    assert rows % 10 == 0
    assert columns == 1
