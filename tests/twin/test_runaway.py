"""Thermal runaway from a scenario file to the run file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from packs.burning import DRY, INERT
from twin.build import build
from twin.fork import start_fork
from twin.runfiles.results import open_run
from twin.scenarios.load import load_scenario, parse_scenario
from twin.scenarios.problems import ScenarioError
from twin.session import run as run_to_end
from twin.session import start_run

TEMPLATE = Path(__file__).parents[2] / "twin" / "templates" / "scenario.yaml"
PRISMATIC = "cell.runaway={set: nmc_prismatic, declared_mismatch: [mass, energy, heat]"


def template(folder: Path, *overrides: str):
    text = TEMPLATE.read_text(encoding="utf-8")
    return parse_scenario(text, ["duration=40 s", *overrides], source="test", directory=folder)


def fault(text: str) -> str:
    return "faults=[{name: f, from: 5 s, " + text + "}]"


CELL = "at: {rack: 1, module: 1, group: 2, cell: 1}"


@pytest.mark.parametrize(
    ("override", "key", "text"),
    [
        ("cell.runaway={}", "cell.runaway.set", "missing"),
        ("cell.runaway={set: unobtainium}", "cell.runaway.set", "shipped sets: lco_18650"),
        ("cell.runaway={set: lco_18650}", "cell.runaway.set", "42.67 g, lg_m50 has 68.5 g, +61 %"),
        ("cell.runaway={set: lco_18650}", "cell.runaway.set", "8.14 Wh, lg_m50 has 18.28 Wh"),
        (
            "cell.runaway={set: traced_60ah}",
            "cell.runaway.set",
            "kJ/Wh (3.66 to 6.89 in measured cells)",
        ),
        (PRISMATIC + "}", "cell.runaway.body_share", "must be stated for a prismatic cell"),
        (
            "cell.runaway={set: nmc_21700_arc, gate: 80}",
            "cell.runaway.gate",
            "a number without a unit",
        ),
        (
            "cell.runaway={set: nmc_21700_arc, body_share: 1.2}",
            "cell.runaway.body_share",
            "1.2 is out of range",
        ),
        (
            "cell.runaway={set: nmc_21700_arc, separator_temperature: 70 degC}",
            "cell.runaway.separator_temperature",
            "collapse at 70 degC, but below 80 degC nothing happens in a cell (cell.runaway.gate)",
        ),
        (
            "cell.runaway={set: nmc_21700_arc, gate: 190 degC}",
            "cell.runaway.gate",
            "collapse at 180 degC, but below 190 degC nothing happens",
        ),
        (fault(f"kind: heater, {CELL}, power: -5 W"), "faults.0.power", "-5 W"),
        (
            fault("kind: heater, at: {rack: 1}, power: 5 W"),
            "faults.0.at",
            "lacks module; this place needs rack, module",
        ),
        (fault("kind: oven, temperature: 150"), "faults.0.temperature", "without a unit"),
        (
            fault(f"kind: internal_short, {CELL}, resistance: 1 ohm, growth: 5 s"),
            "faults.0",
            "expected both of 'start_resistance' and 'growth', or none",
        ),
        (
            fault(
                f"kind: internal_short, {CELL}, resistance: 1 ohm, growth: 5 s, "
                "start_resistance: 0.5 ohm"
            ),
            "faults.0",
            "0.5 ohm must be above resistance 1 ohm",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(tmp_path: Path, override, key, text) -> None:
    with pytest.raises(ScenarioError) as caught:
        build(template(tmp_path, override))
    found = [(p.key_path, str(p)) for p in caught.value.problems]
    assert any(path == key and text in said for path, said in found), found


def test_a_lumped_pack_cannot_run_away(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="set resolution: cell"):
        build(template(tmp_path, "cell.runaway={set: nmc_21700_arc}", "resolution=group"))


def test_a_declared_mismatch_is_taken(tmp_path: Path) -> None:
    made = "body_share: 1.0, ejected_mass: 0.3, separator_resistance: 1 mohm}"
    spec = build(template(tmp_path, f"{PRISMATIC}, {made}")).plant.spec.runaway
    assert spec is not None
    assert (spec.separator_K, spec.short_ohm, spec.body_share) == (533.15, 1e-3, 1.0)


def test_an_internal_short_grows_and_a_heater_ramps(tmp_path: Path) -> None:
    faults = (
        f"faults=[{{name: s, kind: internal_short, from: 5 s, {CELL}, resistance: 1 ohm, "
        "start_resistance: 10 ohm, growth: 10 s}, {name: h, kind: heater, from: 5 s, until: 25 s, "
        "at: {rack: 1, module: 1, group: 1}, power: 8 W, ramp: 4 s}, {name: o, kind: oven, "
        "from: 10 s, temperature: 130 degC}]"
    )
    engine = build(template(tmp_path, faults))
    over, top = engine.plant.overlay, engine.plant.topology
    short = int(top.cell_slot[top.cell_group == 1][0])
    heated = top.cell_slot[top.cell_group == 0]
    seen = {}
    while engine.tick < 30_000:
        engine.step()
        seen[engine.tick] = (over.cell_short_S[short], over.heater_W[heated].copy())
    tick = min(seen, key=lambda t: abs(t - 10_000))
    # A row after the decision at `tick - stage`: conductance a straight line from 0.1 to 1 S.
    age_s = (tick - engine.clock.stage) / 1000.0 - 5.0
    assert seen[tick][0] == pytest.approx(0.1 + 0.9 * age_s / 10.0, rel=1e-12)
    assert (seen[tick][1] == 8.0).all()
    assert seen[30_000][0] == 1.0 and (seen[30_000][1] == 0.0).all()
    assert (over.oven_K[top.cell_slot] == 403.15).all()


def test_the_file_says_who_ran_away_when_and_what_it_released(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    overrides = ["duration=6 min", "record.checkpoint=1 min", "faults.0.power=100 W"]
    run_to_end(start_run(load_scenario("runaway_parallel", overrides), path))
    with open_run(path) as run:
        ran = [e for e in run.events if e.code == "cell_runaway"]
        assert ran[0].component == "rack 1, module 1, group 1, cell 1"
        assert "faster than 1 K/s" in ran[0].text
        codes = [e.code for e in run.events if e.component == ran[0].component]
        assert codes.index("separator_collapsed") < codes.index("cell_spent")
        since_s = run.channel("truth/cell_runaway_s")
        assert since_s[-1, 0] == ran[0].time_s
        phase, released_J = run.channel("truth/cell_runaway"), run.channel("truth/cell_reaction_J")
        assert phase[-1, 0] == 31 + DRY + INERT and released_J[-1, 0] > 2.5e4
        current_A = run.channel("truth/cell_current_A")
        fed = np.argmax(phase[:, 0] & 2 > 0)
        assert (current_A[fed + 1, 1:] > 30.0).all()  # its neighbours feed it
        assert run.ledger["residual"] < 1e-9
        assert run.ledger["ejected_J"] > 3e4
        # A fork in mid-run goes the same way, to the last bit.
        fork = tmp_path / "fork.h5"
        at_tick = round(1000.0 * float(run.time_s()[int(fed)]))
    run_to_end(start_fork(path, at_tick, [], fork))
    with open_run(path) as run, open_run(fork) as other:
        for name in ("truth/cell_temperature_K", "truth/cell_reaction_J", "truth/cell_current_A"):
            mine, its = run.channel(name), other.channel(name)
            np.testing.assert_array_equal(its, mine[-len(its) :], err_msg=name)
