"""A run with its file: open, run to the end or an accident, close; fork from a checkpoint."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.answer_key import answer_key
from twin.axes import axes
from twin.build import build
from twin.channels import channels
from twin.engine import Engine, StepError
from twin.pilot import lumping_error
from twin.runaway_fit import curve_sha256
from twin.runfiles.layout import DiskFull
from twin.runfiles.recorder import Recorder
from twin.scenarios.scenario import Scenario

if TYPE_CHECKING:
    from twin.pacing import Pacer

DONE, IMPOSSIBLE, STOPPED, DEFECT, INTERRUPTED = 0, 3, 4, 70, 130
"""Exit codes of a run; see the README."""

PACKAGES = ("packtwin", "numpy", "numba", "llvmlite", "h5py", "pydantic")

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: exit code, and why in one sentence."""

    code: int
    reason: str


def versions() -> dict[str, str]:
    """Return the versions that decide whether a run repeats to the last bit."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def attach_file(
    engine: Engine, scenario: Scenario, path: Path, *, force: bool, more: dict[str, Any]
) -> None:
    """Create the run file of an engine and let it record there.

    Raises
    ------
    RunFileExists, DiskFull
        Before the first step; nothing is lost.
    """
    from twin.runfiles.hdf5 import RunFile

    recorded = channels(engine)
    block_rows = max(1, round(scenario.record.block / scenario.record.period))
    layout = {owner: state.layout() for owner, state in engine.states().items()}
    file = RunFile.create(
        path,
        attributes={
            "scenario": scenario.text,
            "scenario_sha256": scenario.sha256,
            "scenario_name": scenario.name,
            "scenario_directory": str(scenario.directory),
            **_curve(scenario),
            "seed": scenario.seed,
            "versions": versions(),
            "start": scenario.start.isoformat(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "energy_closure": engine.plant.model.energy_closure,
            "forkable": str(engine.is_forkable).lower(),
            "bms": engine.bms_port.bms.describe(),
            "ems": engine.ems_port.ems.describe(),
            "parameters": _plant_facts(engine),
            "state_layout": json.dumps(layout),
            "ems_reasons": {str(k): v for k, v in engine.ems_port.reasons.items()},
            **more,
        },
        axes=axes(
            engine.plant.topology,
            engine.sensors,
            engine.plant.spec.thermal,
            gassed=engine.plant.runaway.gas.where.fitted,
        ),
        channels=[channel.spec for channel in recorded],
        force=force,
        block_rows=block_rows,
    )
    file.append_faults(answer_key(scenario))
    engine.recorder = Recorder(file, recorded, block_rows)


def _curve(scenario: Scenario) -> dict[str, str]:
    """Return the digest of the self-heating curve that the cells follow, if they do."""
    digest = curve_sha256(scenario.cell.runaway, scenario.directory)
    return {"curve_sha256": digest} if digest else {}


def _plant_facts(engine: Engine) -> dict[str, Any]:
    """Return what a report puts beside the BMS's own parameters, and where the cells sit."""
    model: Any = engine.plant.model
    params, topology = model.params, engine.plant.topology.full
    p = engine.plant.topology.lump.parallel
    return {
        "cell": params.name,
        "capacity_Ah": params.capacity_As / 3600.0,
        "rc_pairs": params.n_rc,
        "voltage_min_V": params.voltage_min_V,
        "voltage_max_V": params.voltage_max_V,
        "cell_x_m": topology.cell_x_m[::p].tolist(),
        "cell_y_m": (topology.cell_y_m[::p] / p).tolist(),
        "thermistor_cell": (engine.sensors.temperature_cell // p).tolist(),
    }


def run(
    engine: Engine,
    until: int | None = None,
    progress: Progress | None = None,
    pacer: Pacer | None = None,
) -> Outcome:
    """Run an engine to the end, or to what stops it; the file is closed whatever happens.

    Parameters
    ----------
    engine : Engine
    until : int, optional
        Tick to stop at [ms].
    progress : callable, optional
        Called with the tick now and then.
    pacer : Pacer, optional
        Keeps wall-clock time; its figures go to the file's attribute ``pacing``.

    Returns
    -------
    Outcome
        A defect of ours is raised instead, after the file was closed.
    """
    outcome = Outcome(DEFECT, "defect")
    try:
        if pacer is None:
            engine.run(until, progress)
        else:
            pacer.run(engine, until, progress)
        outcome = Outcome(DONE, "done")
    except StepError as error:
        outcome = Outcome(IMPOSSIBLE, f"impossible state: {error}")
    except DiskFull as error:
        outcome = Outcome(STOPPED, f"disk full: {error}")
    except KeyboardInterrupt:
        outcome = Outcome(INTERRUPTED, f"interrupted at {engine.tick / 1000.0:g} s")
    finally:
        attributes: dict[str, Any] = {"end": datetime.now(UTC).isoformat(timespec="seconds")}
        if pacer is not None:
            attributes["pacing"] = pacer.summary()
        engine.recorder.close(outcome.reason, outcome.code, attributes)
    return outcome


def start_run(scenario: Scenario, path: Path, *, force: bool = False) -> Engine:
    """Build a scenario's engine and its run file; where cells are lumped, a pilot goes before."""
    engine = build(scenario)
    error = lumping_error(scenario)
    more = {} if error is None else {"lumping": error}
    attach_file(engine, scenario, path, force=force, more=more)
    return engine
