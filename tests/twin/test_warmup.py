"""`twin warmup`: afterwards nothing is left to compile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from cell_models.jit import cache_folder
from twin.cli.closing import closing_rows
from twin.warmup import compiling_time, is_compiling

ROOT = Path(__file__).resolve().parents[2]
CLOSED = {
    "start_s": 0.0, "duration_s": 1200.0, "ended": "done", "rows": 10, "peak_temperature": None,
    "min_voltage": None, "max_voltage": None, "soc_error": None, "events": {}, "first_alarm": None,
    "energy_residual_J": None, "energy_residual_relative": None, "charge_residual_As": None,
    "file": "a.h5",
}  # fmt: skip


def call(cache: Path, *arguments: str) -> Any:
    program = "from twin.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PACKTWIN_CACHE": str(cache)},
        cwd=cache, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_warmup_names_every_scenario_and_the_folder(tmp_path: Path) -> None:
    """In a copy of the cache, to which no other test adds meanwhile."""
    shutil.copytree(cache_folder(), tmp_path / cache_folder().name)
    call(tmp_path, "warmup")  # whatever was missing here
    found = json.loads(call(tmp_path, "warmup", "--json"))
    assert {"ev_us06", "ev_us06_short", "site_day"} <= {s["name"] for s in found["scenarios"]}
    assert found["compiled"] == sum(s["compiled"] for s in found["scenarios"]) == 0
    assert found["kernels_before"] == found["kernels_after"] > 0
    assert found["folder_bytes"] > 0
    assert Path(found["folder"]).is_dir()
    assert "Nothing was left to compile." in call(tmp_path, "warmup")


@pytest.mark.skipif(not is_compiling(), reason="nothing is compiled")
def test_compiling_is_timed_apart_from_running() -> None:
    compiled = numba.njit(lambda x: x + 1.0)
    with compiling_time() as spent_s:
        assert spent_s() == 0.0
        compiled(1.0)
        first = spent_s()
        compiled(2.0)
        assert spent_s() == first > 0.0


def test_a_run_that_compiled_says_so_and_its_speed_is_without() -> None:
    found = {"wall_s": 395.0, "run_s": 60.0, "compile_s": 320.0, "times_real_time": 20.0}
    assert dict(closing_rows(CLOSED | found))["wall time"] == (
        "6 min 35 s, of which 60 s running at 20 × real time and 5 min 20 s compiling kernels, "
        "which the next run need not do"
    )
    ready = dict(closing_rows(CLOSED | found | {"compile_s": 0.0}))["wall time"]
    assert ready == "6 min 35 s, of which 60 s running at 20 × real time"


@pytest.mark.slow
def test_after_warmup_in_an_empty_cache_a_run_compiles_nothing(tmp_path: Path) -> None:
    first = json.loads(call(tmp_path, "warmup", "--json"))
    assert first["kernels_before"] == 0
    assert first["compiled"] > 50
    call(tmp_path, "run", "ev_us06_short", "--until", "30 s", "-o", "a.h5")
    call(tmp_path, "fork", "a.h5", "--at", "0 s", "--until", "10 s", "-o", "b.h5")
    call(tmp_path, "run", "site_day", "--until", "10 min", "-o", "c.h5")
    again = json.loads(call(tmp_path, "warmup", "--json"))
    assert again["kernels_before"] == again["kernels_after"] == first["kernels_after"]
