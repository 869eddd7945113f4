"""A small scenario in a folder of its own, and the command line called in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]

BAD_BMS = '''
import numpy as np
from controllers.null import NullBms

class Raises(NullBms):
    """Fails after two seconds."""

    def step(self, time_s, inputs, view):
        if time_s >= 2.0:
            raise ZeroDivisionError("no plan for this")
        return super().step(time_s, inputs, view)

class Nan(NullBms):
    """Its discharge limits are no numbers from two seconds on."""

    def step(self, time_s, inputs, view):
        command = super().step(time_s, inputs, view)
        if time_s >= 2.0:
            command.site_discharge_limit_A[:] = np.nan
        return command

class Forgets:
    """Misses most of the contract."""

    def __init__(self, pack, options):
        pass
'''
BAD_CELL = """
from cell_models.contract import NOT_FINITE
from cell_models.ecm_model import EcmModel

class Breaks(EcmModel):
    def advance(self, lanes, temperature_K, step_s, current_A, voltage_V, heat_W):
        self.calls = getattr(self, "calls", 0) + 1
        status = super().advance(lanes, temperature_K, step_s, current_A, voltage_V, heat_W)
        if self.calls < 40:
            return status
        heat_W[33] = float("nan")  # group 2, cell 2: place 1, lane 1
        return status | NOT_FINITE

class Raises(EcmModel):
    def advance(self, *arguments):
        raise LookupError("a table has a hole")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with `tiny.yaml`: 2 groups of 2 cells, 20 s long."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    text = (ROOT / "twin" / "templates" / "scenario.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("name: my_scenario", "name: tiny"),
        ("groups_per_module: 4", "groups_per_module: 2"),
        ('duration: "10 min"', 'duration: "20 s"'),
        ('{duration: "4 min", power: "100 W"}', '{duration: "4 min", power: "20 W"}'),
        ('voltage_min: "9 V"', 'voltage_min: "4 V"'),
        ('block: "60 s"', 'block: "2 s"'),
        ('checkpoint: "5 min"', 'checkpoint: "10 s"'),
    ):
        assert old in text, f"the template has changed: {old}"
        text = text.replace(old, new)
    (tmp_path / "tiny.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "bad_bms.py").write_text(BAD_BMS, encoding="utf-8")
    (tmp_path / "bad_cell.py").write_text(BAD_CELL, encoding="utf-8")
    return tmp_path


@pytest.fixture
def twin() -> Callable[..., Any]:
    """Run a command in this process and expect an exit code."""
    from twin.cli.app import app

    def call(*arguments: Any, code: int | None = 0) -> Any:
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        told = f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
        assert code is None or result.exit_code == code, told
        assert "Traceback" not in told
        return result

    return call
