"""What a figure needs to be read, and how it is measured: processor, load, calibration, repeats."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from packs.calibration import chain

LASTING_S = 0.02
"""CPU time of one repeat [s]."""
REPEATS = 15
CHAIN_STEPS = 1_000_000


def cpu_ns(call: Callable[[], Any], per: int = 1) -> float:
    """Return the CPU time of a call [ns]: the least of several repeats of many calls.

    Parameters
    ----------
    call : callable
    per : int
        The call counts as this many.
    """
    call()
    begin = time.process_time_ns()
    call()
    once = max(time.process_time_ns() - begin, 1)
    count = max(1, int(LASTING_S * 1e9 / once))
    best = np.inf
    for _ in range(REPEATS):
        begin = time.process_time_ns()
        for _ in range(count):
            call()
        best = min(best, (time.process_time_ns() - begin) / count)
    return float(best) / per


def calibration_ns() -> float:
    """Return the CPU time of one step of the calibration loop [ns]."""
    return cpu_ns(lambda: chain(CHAIN_STEPS, 0.5), CHAIN_STEPS)


def machine() -> dict[str, Any]:
    """Return what a figure needs to be read: processor, cores, system, load."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load_1_min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
