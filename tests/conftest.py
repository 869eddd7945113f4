"""What all tests share: no telemetry, and the folder of measured data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before any import of pybamm, which would otherwise ask or send; inherited by child processes.
os.environ["PYBAMM_DISABLE_TELEMETRY"] = "true"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of measured cells, drive cycles and prices; skip where there is none."""
    named = os.environ.get("PACKTWIN_DATA")
    if not named:
        pytest.skip("measured data: set PACKTWIN_DATA to the data folder")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip(f"measured data: PACKTWIN_DATA={named} is not a folder")
    return folder
