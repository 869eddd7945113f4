"""A fork: an engine that stands where a recorded run stood, with changes from there on."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from packs.state import unpack
from twin.build import build
from twin.engine import Engine
from twin.runaway_fit import curve_sha256
from twin.runfiles.layout import Event
from twin.runfiles.results import open_run
from twin.scenarios.load import parse_scenario
from twin.scenarios.problems import Problem, ScenarioError
from twin.scenarios.scenario import Scenario
from twin.session import attach_file

ONLY_AT_START = re.compile(
    r"(name|seed|start|site|layout|resolution)(\.|$)"
    r"|cell(\.(model|parameters|spread|racks|layers|initial_\w+)|$)"
    r"|wiring(\.dc_link(\.capacitance|$)|$)"
    r"|thermal(\.plate(\.heat_capacity|$)|$)"
    r"|sensors(\.\w+(\.(period|delay|count|per|lag|skew)|$)|$)"
)
"""Keys that a fork cannot change: their effect is in the state already (cells drawn, energy stored,
samples under way), or it would change what the state is made of."""


def start_fork(
    parent: Path, at_tick: int, overrides: Sequence[str], path: Path, *, force: bool = False
) -> Engine:
    """Build an engine that stands where `parent` stood at a tick, with changes from there on.

    The last checkpoint before is restored and run forward, unrecorded, with the parent's own
    scenario; then the changed scenario takes over every remembered value by name. Recording starts
    at `at_tick`.

    Parameters
    ----------
    parent : Path
        Run file.
    at_tick : int
        [ms].
    overrides : sequence of str
        As for `load_scenario`.
    path : Path
        Of the new run file.
    force : bool
        Replace it if it is there.

    Raises
    ------
    ScenarioError
        If the overrides are wrong or take effect only at a start, or the parent has not been there.
    """
    for text in overrides:
        key = text.partition("=")[0].strip()
        if ONLY_AT_START.match(key):
            message = "takes effect only at the start of a run; begin a new run with it"
            raise _refused(f"--set {key}", text, message)
    with open_run(parent) as run_file:
        attributes = dict(run_file.attributes)
        text = run_file.scenario_text
        stored = [tick for _, tick in run_file.checkpoints if tick <= at_tick]
        checkpoint = run_file.load_checkpoint(stored[-1]) if stored else None
    home = Path(attributes["scenario_directory"])
    if not home.is_dir():
        message = f"the folder of its scenario, {home}, is gone: profiles and plug-ins lie there"
        raise _refused(str(parent), str(home), message)
    original = parse_scenario(text, source=str(parent), directory=home)
    _check_curve(original, attributes.get("curve_sha256", ""), parent)
    _check_time(original, at_tick, round(1000.0 * float(attributes.get("fork_s", 0.0))))
    changed = original
    if overrides:  # before anything long is done
        changed = parse_scenario(text, overrides, source=str(parent), directory=home)
    engine = build(original)
    if checkpoint is not None:
        engine.restore(_named(checkpoint, json.loads(attributes["state_layout"])))
    engine.halt = at_tick
    while engine.tick < at_tick:
        engine.step()
    engine.halt = engine.clock.end
    news: list[Event] = []
    if overrides:
        engine, news = _change(engine, changed, overrides, parent)
    more = {"parent": str(parent), "parent_sha256": original.sha256, "fork_s": at_tick / 1000.0}
    if "lumping" in attributes:
        more["lumping"] = attributes["lumping"]
    attach_file(engine, changed, path, force=force, more=more)
    for number in engine.injector.active():
        engine.recorder.fault_transition(at_tick / 1000.0, number, True)
    for event in news:
        engine.emit(event)
    engine.checkpoint()
    return engine


def _change(
    engine: Engine, changed: Scenario, overrides: Sequence[str], parent: Path
) -> tuple[Engine, list[Event]]:
    """Return an engine of the changed scenario in the state of `engine`, and what to tell of it."""
    forked, snapshot = build(changed), engine.snapshot()
    missing = forked.missing(snapshot)
    hard = [key for key in missing["plant"] if not key.startswith(("faults.", "guards."))]
    if hard:
        message = f"changes what the state is made of ({', '.join(hard[:3])}); begin a new run"
        raise _refused("--set", "; ".join(overrides), message)
    forked.restore(snapshot, partly=True)
    if forked.injector.adopt(engine.injector):
        forked.plant.alert(forked.tick)
    texts = [f"forked from {parent.name} with {', '.join(overrides)}"]
    for owner in ("bms", "ems"):
        if missing[owner]:
            texts.append(f"the {owner.upper()} is another one and begins with an empty memory")
            forked.state.view(owner).lost[0] = 0
    if missing["bms"]:
        forked.bms_port.out.alarms[:] = 0
    time_s = forked.tick / 1000.0
    return forked, [Event(time_s=time_s, source="engine", code="fork", text=t) for t in texts]


def _check_curve(original: Scenario, digest: str, parent: Path) -> None:
    """Refuse a self-heating curve that is no longer the parent's."""
    reacting = original.cell.runaway
    if digest and curve_sha256(reacting, original.directory) != digest:
        file = "" if reacting is None or reacting.curve is None else reacting.curve.file
        message = "is not the file that the run was made with; restore it, or begin a new run"
        raise _refused("cell.runaway.curve.file", f"{file} of {parent.name}", message)


def _check_time(original: Scenario, at_tick: int, first_tick: int) -> None:
    end, step = round(1000.0 * original.duration), round(1000.0 * original.step)
    if not first_tick <= at_tick <= end or at_tick % step:
        raise _refused(
            "--at",
            at_tick / 1000.0,
            f"got {at_tick / 1000.0:g} s, expected a time from {first_tick / 1000.0:g} to "
            f"{end / 1000.0:g} s, which the run covers, in steps of {step / 1000.0:g} s",
        )


def _named(checkpoint: dict[str, Any], layout: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a snapshot from the flat buffers of a checkpoint."""
    whole: dict[str, dict[str, Any]] = {"clock": {"tick": checkpoint["clock"]}}
    for owner, fields in layout.items():
        whole[owner] = unpack(fields, checkpoint[f"{owner}_floats"], checkpoint[f"{owner}_ints"])
    return whole


def _refused(key: str, value: Any, message: str) -> ScenarioError:
    return ScenarioError(
        [Problem(source="", key_path=key, line=None, value=value, message=message)]
    )
