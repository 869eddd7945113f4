"""The simulator: scenarios, the engine, faults, the run file, and the command line.

    scenarios/  one YAML file in, one validated description out: `load_scenario`
    registry    plug-ins: our short names, entry points, `module:object`
    build       Scenario -> Engine: `build`; plant_specs, sensor_sheets: what each part is told;
                runaway_fit: whether a set of reactions belongs to a cell;
                enclosure_specs: the housing of a module
    engine      one step from top to bottom; run, snapshot, restore
    control     messages to BMS and EMS, commands back; watchdog: one that hangs
    converter   the PCS as a plug-in that may fail
    faults      a window or a trigger that writes on the overlay: plant_faults, sensor_faults
    ledger      energy and charge, and what they leave over
    channels    what is recorded; axes: which place each entry stands for
    runfiles/   the run file, written as the run goes and read back: `open_run`
    notices     what the plant did by itself, as events; outage: power that does not flow;
                answer_key: what was injected
    session     a run with its file: start, run to the end or to an accident
    pilot       what lumping costs: the start of a run held against full detail
    pacing      a run that keeps wall-clock time, and how late it was; warmup: every kernel, once
    study       where an outcome changes as one key does, by bisection
    results     what-if results: did runaway spread, how far, how long after the first alarm, why:
                `what_if`; whatif/ reads them from the run file
    fork        a run that goes on otherwise from a checkpoint
    pages/      report and drawings
    bench/      how fast packtwin is here, beside what it must reach
    cli/        the command `twin`
    examples/   shipped scenarios; templates/ starting points; data/ profiles

`import twin` is cheap: `load_scenario`, `build` and `open_run` are imported when first asked for.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin.build import build
    from twin.runfiles.results import open_run
    from twin.scenarios.load import load_scenario

__all__ = ["build", "load_scenario", "open_run"]

_HOME = {
    "build": "twin.build",
    "load_scenario": "twin.scenarios.load",
    "open_run": "twin.runfiles.results",
}


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
