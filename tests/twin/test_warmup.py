"""`twin warmup`: afterwards nothing is left to compile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cell_models.jit import cache_folder

ROOT = Path(__file__).resolve().parents[2]


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
