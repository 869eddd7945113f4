"""The simulator: scenarios, the engine, faults, the recorder, and the command line.

    scenario    the YAML file as a strict schema, units and ranges checked
    load        a scenario file or a shipped example -> Scenario: `load_scenario`
    registry    short names of cell models, BMS, EMS, PCS and faults; `module:object`; entry points
    build       Scenario -> Engine: `build`
    schedule    integer ticks, periods, the alert step
    engine      one step from top to bottom; run, snapshot, restore, fork
    faults      a window or a trigger that writes into the overlay
    recorder    what is kept of a step, in blocks
    hdf5        the run file; the one place that knows h5py
    ledger      energy and charge, and what they leave over
    results     a run file opened for reading: `open_run`
    plots       figures of a run; report: one self-contained page
    session     a run with its file: start, fork, run to the end or to an accident
    bench       how fast the plant is
    __main__    the command `twin`; its commands are in cli/
    examples/   shipped scenarios

`import twin` is cheap: `load_scenario`, `build` and `open_run` are imported when first asked for.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin.build import build
    from twin.load import load_scenario
    from twin.results import open_run

__all__ = ["build", "load_scenario", "open_run"]

_HOME = {"build": "twin.build", "load_scenario": "twin.load", "open_run": "twin.results"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'twin' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `twin.build` the function: importing a sub-module sets its name on the package."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOME and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
