"""Runs that end badly: lost controllers, impossible states, Ctrl-C, kill -9, full disks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from twin.runfiles.results import open_run

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
PATIENCE_S = 120.0  # a cold kernel cache compiles for most of a minute on a busy machine
Twin = Callable[..., Any]


def spawn(*arguments: str, before: str = "pass") -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    program = f"import sys; {before}; from twin.__main__ import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def long_run(path: str) -> subprocess.Popen[str]:
    """Start a run of many hours, and wait until it has written several blocks."""
    process = spawn(
        "run", "tiny.yaml", "-o", path, "--set", "duration=200 h", "--set",
        "environment.demand={kind: constant, power: 1 W}",
    )  # fmt: skip
    end, sizes = time.monotonic() + PATIENCE_S, set()
    while len(sizes) < 6 and time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
        if os.path.exists(path):
            sizes.add(os.path.getsize(path))
    assert process.poll() is None, process.communicate()
    return process


def test_a_bms_that_raises_loses_its_contactors_and_the_run_goes_on(
    folder: Path, twin: Twin
) -> None:
    twin("run", "tiny.yaml", "--set", "bms.use=bad_bms:Raises", "--until", "5 s")
    with open_run("tiny.h5") as run:
        event = next(e for e in run.events if e.code == "bms_lost")
        assert event.time_s == 2.0
        assert "no plan for this" in event.text
        closed = run.channel("truth/contactors")
        after = run.time_s() >= 3.0
        assert closed[~after].any()
        assert not closed[after].any()
        assert run.rows == 6


def test_limits_that_are_no_numbers_count_as_zero(folder: Path, twin: Twin) -> None:
    twin("run", "tiny.yaml", "--set", "bms.use=bad_bms:Nan", "--until", "5 s")
    with open_run("tiny.h5") as run:
        event = next(e for e in run.events if e.code == "bms_limits_not_finite")
        assert event.time_s == 2.0
        limit_A = run.channel("bms/discharge_limit_A")
        assert (limit_A[run.time_s("bms") >= 2.0] == 0.0).all()
        assert (limit_A[run.time_s("bms") < 2.0] > 0.0).any()


def test_an_impossible_state_names_time_and_cell(folder: Path, twin: Twin) -> None:
    told = twin("run", "tiny.yaml", "--set", "cell.model=bad_cell:Breaks", code=3).stderr
    assert "group 2, cell 2" in told
    with open_run("tiny.h5") as run:
        assert run.attributes["exit_code"] == 3
        assert run.rows == 3  # of 1 s; the fortieth step is that of 2.2 s


def test_a_defect_is_one_sentence_and_a_saved_traceback(folder: Path, twin: Twin) -> None:
    result = twin("run", "tiny.yaml", "--set", "cell.model=bad_cell:Raises", code=70)
    saved = next(folder.glob("twin-defect-*.txt"))
    assert saved.name in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "a table has a hole" in saved.read_text()
    assert open_run("tiny.h5").attributes["exit_code"] == 70


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_keeps_the_file(folder: Path) -> None:
    process = long_run("cut.h5")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "interrupted at" in told
    assert "Traceback" not in told
    with open_run("cut.h5") as run:
        assert run.attributes["exit_code"] == 130
        assert run.ended.startswith("interrupted")
        assert run.rows > 2


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_sigterm_keeps_the_file_and_is_a_stop_from_outside(folder: Path) -> None:
    process = long_run("stopped.h5")
    process.terminate()
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 4
    assert told.startswith("stopped from outside (SIGTERM) at ")
    assert len(told.splitlines()) == 1
    with open_run("stopped.h5") as run:
        assert run.attributes["exit_code"] == 4
        assert run.ended.startswith("stopped from outside (SIGTERM)")
        assert run.rows > 2


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_after_kill_9_the_file_opens_up_to_the_last_block(folder: Path) -> None:
    process = long_run("killed.h5")
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    with open_run("killed.h5") as run:
        rows = run.rows
        assert run.ended == "killed or still running"
    with h5py.File("killed.h5") as file:
        time_s = file["truth/time_s"][:rows]
        assert np.isfinite(file["truth/cell_voltage_V"][:rows]).all()
    assert rows > 2
    assert np.array_equal(time_s, np.arange(rows))


@pytest.mark.skipif(sys.platform == "win32", reason="file-size limits of POSIX")
def test_a_disk_that_fills_stops_the_run_and_keeps_what_was_written(folder: Path) -> None:
    limit = 7_000_000
    process = spawn(
        "run", "tiny.yaml", "-o", "full.h5", "--set", "duration=100 h", "--set",
        "environment.demand={kind: constant, power: 1 W}", "--set", "record.period=100 ms",
        before=f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))",
    )  # fmt: skip
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 4, told
    assert "disk full" in told
    with open_run("full.h5") as run:
        assert run.attributes["exit_code"] == 4
        voltage_V = run.channel("truth/cell_voltage_V")
        assert len(voltage_V) > 100
        assert np.isfinite(voltage_V).all()


@pytest.mark.skipif(sys.platform == "win32", reason="file-size limits of POSIX")
def test_without_room_for_the_first_rows_an_older_file_stays(folder: Path) -> None:
    (folder / "old.h5").write_text("precious")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    process = spawn("run", "tiny.yaml", "-o", "old.h5", "--force", before=limit)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 4, told
    assert "no room for the first rows of old.h5" in told
    assert "nothing was written, the older old.h5 is untouched" in told
    assert (folder / "old.h5").read_text() == "precious"
    assert not list(folder.glob(".*part"))
