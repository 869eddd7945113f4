"""Live runs: wall-clock time is kept, lateness is told, and no result depends on it."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.pacing import Lateness, Pacer, collection_paused
from twin.runfiles.results import open_run

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0  # a cold kernel cache compiles for most of a minute on a busy machine
Twin = Callable[..., Any]


def test_a_paced_run_takes_its_time_and_is_the_unpaced_run_bit_for_bit(
    folder: Path, twin: Twin
) -> None:
    twin("run", "tiny.yaml", "-o", "free.h5", "--until", "4 s", "--quiet")
    result = twin("run", "tiny.yaml", "-o", "paced.h5", "--until", "4 s", "--pace", "4", "--json")
    found = json.loads(result.stdout)
    assert found["run_s"] >= 1.0
    pacing = found["pacing"]
    assert pacing["pace"] == 4.0
    assert pacing["steps"] == 40
    assert pacing["period_s"] == 0.025
    late = pacing["lateness_s"]
    assert 0.0 <= late["median"] <= late["p99"] <= late["p99_9"] <= late["max"]
    (pair,) = json.loads(twin("compare", "free.h5", "paced.h5", "--json").stdout)["pairs"]
    assert pair["rows"] == 5
    assert all(channel["identical"] for channel in pair["channels"])
    assert "of 40 deadlines missed" in " ".join(twin("inspect", "paced.h5").stdout.split())
    with open_run("free.h5") as free, open_run("paced.h5") as paced:
        assert json.loads(paced.attributes["pacing"]) == pacing
        assert "pacing" not in free.attributes
        for path in free.channels:
            assert np.array_equal(free.channel(path), paced.channel(path), equal_nan=True), path
        assert free.events == paced.events
        assert free.checkpoints == paced.checkpoints


def test_a_pace_that_cannot_be_kept_is_told_and_changes_nothing(folder: Path, twin: Twin) -> None:
    twin("run", "tiny.yaml", "-o", "free.h5", "--quiet")
    result = twin("run", "tiny.yaml", "-o", "late.h5", "--pace", "1000000")
    assert "missed deadlines" in result.stdout
    with open_run("late.h5") as run:
        pacing = json.loads(run.attributes["pacing"])
        assert pacing["missed"] == pacing["steps"] == 200
        # The schedule is not shifted: the last start is late by the whole run but 20 s / 1e6.
        assert pacing["lateness_s"]["max"] > 10 * pacing["period_s"]
    assert "identical bit for bit" in twin("compare", "free.h5", "late.h5").stdout


class NotedPacer(Pacer):
    """Notes when each step is due, and when its start is through."""

    def _start_step(self, tick: int, look: Callable[[int], None]) -> None:
        super()._start_step(tick, look)
        self.starts = [*getattr(self, "starts", []), (self.due_ns(tick), time.monotonic_ns())]


def test_no_step_starts_before_its_time_and_the_schedule_never_shifts(folder: Path) -> None:
    import twin

    engine = twin.build("tiny.yaml")
    pacer = NotedPacer(4.0, engine.clock.stage)
    pacer.run(engine, 2000)
    assert engine.tick == 2000
    assert all(start >= due for due, start in pacer.starts)
    assert np.diff([due for due, _ in pacer.starts]).tolist() == [25_000_000] * 19


@pytest.mark.parametrize("pace", ["0", "-1", "nan", "inf", "1e9"])
def test_what_is_no_pace_is_refused_in_one_sentence(folder: Path, twin: Twin, pace: str) -> None:
    told = twin("run", "tiny.yaml", "--pace", pace, code=2).stderr.splitlines()
    assert len(told) == 1
    assert told[0].startswith("--pace")
    assert "1 is real time" in told[0]
    assert not (folder / "tiny.h5").exists()


def test_percentiles_are_within_a_bin_of_the_exact_ones() -> None:
    samples = np.random.default_rng(1).lognormal(11.0, 2.0, 20_000).astype(np.int64)
    lateness = Lateness()
    size = lateness._counts.nbytes
    for late_ns in samples.tolist():
        lateness.add(late_ns)
    found = lateness.summary()
    for name, share in (("median", 0.5), ("p99", 0.99), ("p99_9", 0.999)):
        exact = np.quantile(np.maximum(samples, 1000), share, method="inverted_cdf") * 1e-9
        assert exact <= found[name] * (1.0 + 1e-12) <= exact * 1.024  # one bin of 10**(1/100)
    assert found["max"] == pytest.approx(samples.max() * 1e-9, rel=1e-12)
    assert lateness._counts.nbytes == size
    lateness.add(10**14)  # beyond the last bin
    assert lateness.summary()["max"] == 1e5


def test_no_steps_have_no_lateness() -> None:
    assert set(Lateness().summary().values()) == {None}
    assert Pacer(1.0, 20).summary()["missed_share"] == 0.0


def test_garbage_collection_is_as_before_after_a_paced_run() -> None:
    for was in (True, False):
        (gc.enable if was else gc.disable)()
        try:
            with pytest.raises(KeyError), collection_paused():
                assert not gc.isenabled()
                assert gc.get_freeze_count() > 0
                raise KeyError
            assert gc.isenabled() is was
            assert gc.get_freeze_count() == 0
        finally:
            gc.enable()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_during_a_long_wait_ends_at_once_and_keeps_the_file(folder: Path) -> None:
    program = "from twin.__main__ import main; main()"
    process = subprocess.Popen(  # a step of 100 ms at this pace is due every 100 s
        [sys.executable, "-c", program, "run", "tiny.yaml", "-o", "cut.h5", "--pace", "0.001"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + PATIENCE_S
    while not _is_idle("cut.h5") and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert time.monotonic() - asked < 20.0
    assert process.returncode == 130
    assert "interrupted at" in told
    with open_run("cut.h5") as run:
        assert run.attributes["exit_code"] == 130
        assert run.rows == 1
        assert json.loads(run.attributes["pacing"])["steps"] == 1


def _is_idle(path: str) -> bool:
    """Tell whether a run has written its first state and nothing since: it waits."""
    return os.path.exists(path) and time.time() - os.path.getmtime(path) > 3.0
