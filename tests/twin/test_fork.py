"""Snapshot, restore, fork: from there on the run file is the same, bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from twin.build import build
from twin.engine import Engine
from twin.fork import start_fork
from twin.runfiles.compare import compare
from twin.runfiles.results import open_run
from twin.scenarios.load import load_scenario, parse_scenario
from twin.scenarios.problems import ScenarioError
from twin.scenarios.scenario import Scenario
from twin.session import attach_file, run, start_run

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "twin" / "templates" / "scenario.yaml"
FOUR_CELLS = (
    "name=four", "site.groups_per_module=2", "pcs.voltage_min=4 V", "duration=40 s",
    "environment.demand.steps.0={duration: 10 min, power: 20 W}", "record.checkpoint=20 s",
    "record.block=5 s",
)  # fmt: skip
FAULT = (
    "faults=[{name: short, kind: internal_short, at: {rack: 1, module: 1, group: 2, cell: 1}, "
    "from: 25 s, resistance: 1 ohm}]"
)


def scenario(*overrides: str) -> Scenario:
    return load_scenario(TEMPLATE, (*FOUR_CELLS, *overrides))


def record(engine: Engine, loaded: Scenario, path: Path, until: int) -> None:
    """Record from where the engine stands to a tick."""
    attach_file(engine, loaded, path, force=False, more={})
    assert run(engine, until).code == 0


def same_content(one: Path, other: Path) -> int:
    """Expect every channel and event of the common rows to be equal; return how many rows."""
    (pair,) = compare([one, other]).pairs
    assert [c.path for c in pair.channels if not c.identical] == []
    assert pair.skipped == {}
    with open_run(other) as run_file:
        first_s = run_file.time_s()[0] if run_file.rows else np.inf
    assert [e for e in pair.events_only_first if e.time_s >= first_s] == []
    assert pair.events_only_second == []
    return pair.rows


@pytest.mark.parametrize("at", [0, 3_700, 20_000, 26_300])
def test_a_restored_engine_writes_the_same_file(at: int, tmp_path: Path) -> None:
    loaded = scenario(FAULT)
    one = build(loaded)
    while one.tick < at:
        one.step()
    snapshot = one.snapshot()
    record(one, loaded, tmp_path / "one.h5", 40_000)
    other = build(loaded)
    other.restore(snapshot)
    record(other, loaded, tmp_path / "other.h5", 40_000)
    assert same_content(tmp_path / "one.h5", tmp_path / "other.h5") > 10
    last, again = one.snapshot(), other.snapshot()
    for owner, fields in last.items():
        for name, values in fields.items():
            assert values.tobytes() == again[owner][name].tobytes(), f"{owner}.{name}"


def test_stepping_on_does_not_touch_a_snapshot() -> None:
    engine = build(scenario())
    engine.run(2_000)
    snapshot = engine.snapshot()
    before = {o: {n: v.copy() for n, v in f.items()} for o, f in snapshot.items()}
    engine.run(4_000)
    for owner, fields in snapshot.items():
        for name, values in fields.items():
            assert values.tobytes() == before[owner][name].tobytes(), f"{owner}.{name}"


@pytest.mark.parametrize("at", [0, 20_000, 33_300])
def test_a_fork_without_changes_repeats_its_parent(at: int, tmp_path: Path) -> None:
    parent, child = tmp_path / "parent.h5", tmp_path / "child.h5"
    assert run(start_run(scenario(FAULT), parent)).code == 0
    assert run(start_fork(parent, at, (), child)).code == 0
    assert same_content(parent, child) == 41 - -(-at // 1000)
    with open_run(child) as run_file:
        assert run_file.attributes["parent"] == str(parent)
        assert run_file.attributes["fork_s"] == at / 1000.0


def test_a_fork_differs_only_from_its_change_on(tmp_path: Path) -> None:
    parent, child = tmp_path / "parent.h5", tmp_path / "child.h5"
    assert run(start_run(scenario(), parent)).code == 0
    assert run(start_fork(parent, 20_000, (FAULT,), child)).code == 0
    with open_run(parent) as one, open_run(child) as other:
        at_s = other.time_s()
        gap_V = other.channel("truth/cell_voltage_V") - one.channel("truth/cell_voltage_V", 20)
    # Before the short at 25 s nothing but the alert step that follows a change at the fork: its
    # discretisation. The row of 25 s still holds the step that ended there.
    assert at_s[0] == 20.0
    assert np.abs(gap_V[at_s <= 25.0]).max() < 1e-5
    assert np.abs(gap_V[at_s > 25.0]).max() > 1e-2


def test_a_fork_keeps_the_parents_overrides(tmp_path: Path) -> None:
    parent, child = tmp_path / "parent.h5", tmp_path / "child.h5"
    assert run(start_run(scenario("seed=7"), parent)).code == 0
    assert run(start_fork(parent, 20_000, ("thermal.coolant.flow=0.01 kg/s",), child)).code == 0
    with open_run(child) as run_file:
        forked = parse_scenario(run_file.scenario_text)
    assert (forked.seed, forked.site.groups_per_module) == (7, 2)
    assert forked.thermal.coolant.flow == 0.01


@pytest.mark.parametrize(
    "override",
    [
        "cell.initial_soc=0.5",
        "cell.racks=[{rack: 1, capacity: 0.9}]",
        "cell.spread.capacity=0.02",
        "thermal.plate.heat_capacity=800 J/K",
        "wiring.dc_link.capacitance=5 mF",
        "sensors.group_voltage.delay=300 ms",
        "sensors={}",
        "site.racks=2",
        "seed=4",
    ],
)
def test_a_fork_refuses_what_only_a_start_can_change(override: str, tmp_path: Path) -> None:
    parent = tmp_path / "parent.h5"
    assert run(start_run(scenario(), parent), 1_000).code == 0
    with pytest.raises(ScenarioError, match="begin a new run"):
        start_fork(parent, 1_000, (override,), tmp_path / "child.h5")
    assert not (tmp_path / "child.h5").exists()


@pytest.mark.parametrize(
    "override",
    [
        "thermal.coolant.flow=0.002 kg/s",
        "thermal.neighbour_conductance=0.5 W/K",
        "wiring.joint_resistance=2 mohm",
        "pcs.rated_power=400 W",
        "bms.use=unprotected",
        "ems.use=idle",
        "record.period=2 s",
        "cell.table_refresh=1 s",
    ],
)
def test_the_books_of_a_fork_close_whatever_it_changes(override: str, tmp_path: Path) -> None:
    parent, child = tmp_path / "parent.h5", tmp_path / "child.h5"
    assert run(start_run(scenario(), parent)).code == 0
    options = ("bms.options={}",) if "bms" in override else ()
    options += ("ems.options={}",) if "ems" in override else ()
    assert run(start_fork(parent, 20_000, (override, *options), child)).code == 0
    with open_run(child) as run_file:
        assert run_file.ledger["residual"] < 1e-9  # the design's bound
        assert run_file.ledger["charge_residual"] < 1e-12
        assert "fork" in [event.code for event in run_file.events]


def test_a_fork_tells_which_faults_are_there(tmp_path: Path) -> None:
    parent, child, grandchild = (tmp_path / f"{name}.h5" for name in ("a", "b", "c"))
    assert run(start_run(scenario(FAULT), parent)).code == 0
    assert run(start_fork(parent, 30_000, (), child)).code == 0
    with open_run(child) as run_file:
        assert run_file.fault_transitions == [(30.0, 0, True)]
    with pytest.raises(ScenarioError, match="from 30 to"):
        start_fork(child, 20_000, (), grandchild)
    assert run(start_fork(child, 31_000, (), grandchild)).code == 0
    with open_run(parent) as one, open_run(grandchild) as other:
        np.testing.assert_array_equal(
            one.channel("truth/cell_voltage_V", 31), other.channel("truth/cell_voltage_V")
        )


def test_a_snapshot_of_another_pack_is_refused_whole() -> None:
    engine = build(scenario())
    engine.step()
    snapshot = build(scenario("site.cells_per_group=3")).snapshot()
    with pytest.raises(ValueError, match="not of this engine"):
        engine.restore(snapshot)
    with pytest.raises(ValueError, match="not of this engine"):
        engine.restore({})
    assert engine.tick == 100


@pytest.mark.parametrize("at", [-100, 50, 41_000])
def test_a_fork_outside_of_its_parent_is_refused(at: int, tmp_path: Path) -> None:
    parent = tmp_path / "parent.h5"
    assert run(start_run(scenario(), parent), 1_000).code == 0
    with pytest.raises(ScenarioError, match="--at: got .* s, expected a time"):
        start_fork(parent, at, (), tmp_path / "child.h5")
    assert not (tmp_path / "child.h5").exists()


def test_the_python_of_the_kernels_snapshots_and_agrees_with_the_compiled(tmp_path: Path) -> None:
    """Ten seconds of four cells without the compiler: same numbers but for fused operations."""
    program = (
        "import sys; from pathlib import Path; from tests_fork import *\n"
        "folder, loaded = Path(sys.argv[1]), scenario()\n"
        "one = build(loaded)\n"
        "while one.tick < 3_000: one.step()\n"
        "snapshot = one.snapshot()\n"
        "record(one, loaded, folder / 'one.h5', 10_000)\n"
        "other = build(loaded); other.restore(snapshot)\n"
        "record(other, loaded, folder / 'other.h5', 10_000)\n"
        "assert same_content(folder / 'one.h5', folder / 'other.h5') == 8\n"
    )
    load = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('tests_fork', {__file__!r})\n"
        "module = sys.modules['tests_fork'] = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", load + program, str(tmp_path)],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    compiled = build(scenario())
    while compiled.tick < 3_000:
        compiled.step()
    record(compiled, scenario(), tmp_path / "compiled.h5", 10_000)
    with open_run(tmp_path / "one.h5") as a, open_run(tmp_path / "compiled.h5") as b:
        for path in ("truth/cell_voltage_V", "truth/cell_soc", "truth/cell_temperature_K"):
            # float32 in the file; the compiler may fuse a multiplication with an addition
            np.testing.assert_allclose(a.channel(path), b.channel(path), rtol=2e-6)


def test_a_misspelt_override_and_a_wrong_moment_are_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = tmp_path / "parent.h5"
    run(start_run(scenario(), parent), 10_000)
    monkeypatch.setattr("twin.fork.build", lambda _: pytest.fail("was built"))
    with pytest.raises(ScenarioError, match="did you mean 'flow'"):
        start_fork(parent, 5_000, ("thermal.coolant.flwo=0 kg/s",), tmp_path / "child.h5")
    with pytest.raises(ScenarioError, match=r"--at: got 5000 s, expected a time from 0 to "):
        start_fork(parent, 5_000_000, (), tmp_path / "child.h5")
