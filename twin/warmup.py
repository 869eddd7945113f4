"""Everything compiled once: the shipped scenarios are built and stepped, their files thrown away.

Each kernel is compiled when it is first called and kept on disk. The first step of a scenario is at
tick 0, where every period is due, and so calls all that a run calls.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cell_models.jit import cache_folder
from twin.build import build
from twin.scenarios.load import example_names, load_scenario
from twin.scenarios.scenario import Scenario
from twin.session import attach_file

STEPS = 3
STAND_IN = "ev_us06"
COMPILED = ".nbc"
"""How the name of a compiled kernel ends on disk; beside it lies an index."""


@dataclass(frozen=True, slots=True)
class Warmed:
    """What one scenario needed.

    Attributes
    ----------
    name : str
    steps : int
    compiled : int
        Kernels that were not on disk before.
    wall_s : float
        [s]
    """

    name: str
    steps: int
    compiled: int
    wall_s: float


def rehearse(scenario: Scenario | str) -> int:
    """Build a scenario's engine, do a few steps with it, and throw it away.

    Plug-ins that keep to themselves what they remember, as a connection, are built but not stepped:
    an example takes their place.

    Parameters
    ----------
    scenario : Scenario or str
        Loaded, or the name of an example.

    Returns
    -------
    int
        Steps done.
    """
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    engine = build(scenario)
    if not engine.is_forkable:
        scenario = load_scenario(STAND_IN)
        engine = build(scenario)
    with TemporaryDirectory() as folder:
        attach_file(engine, scenario, Path(folder) / "rehearsal.h5", force=False, more={})
        for _ in range(STEPS):
            engine.step()
        engine.recorder.close("rehearsed")
    return STEPS


def warm_up(tell: Callable[[Warmed], None]) -> list[Warmed]:
    """Compile what the shipped scenarios need and is not on disk yet.

    Parameters
    ----------
    tell : callable
        Called after each scenario.
    """
    done = []
    for name in example_names():
        before, begin = kernels_on_disk()[0], time.monotonic()
        steps = rehearse(load_scenario(name))
        found = Warmed(name, steps, kernels_on_disk()[0] - before, time.monotonic() - begin)
        done.append(found)
        tell(found)
    return done


def kernel_folder() -> Path:
    """Return the folder that compiled kernels are kept in."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    return Path(named) if named else cache_folder()


def kernels_on_disk() -> tuple[int, int]:
    """Return how many compiled kernels are on disk, and the size of the folder [bytes]."""
    files = [path for path in kernel_folder().rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    return sum(path.suffix == COMPILED for path in files), size


@contextmanager
def compiling_time() -> Iterator[Callable[[], float]]:
    """Yield what tells how long kernels have been compiled inside the block so far [s].

    Those that are read from the disk do not count.
    """
    from numba.core.event import TimingListener, install_listener

    spent = TimingListener()
    with install_listener("numba:compile", spent):
        yield lambda: spent.duration if spent.done else 0.0


def is_compiling() -> bool:
    """Tell whether kernels are compiled at all; not so under ``NUMBA_DISABLE_JIT=1``."""
    from numba.core import config

    return not config.DISABLE_JIT  # type: ignore[attr-defined]
