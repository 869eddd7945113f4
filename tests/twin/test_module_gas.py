"""The gas of a module in a run: what it takes and gives, what the file says, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cell_models import runaway_params
from cell_models.gases import N_SPECIES, Species
from twin import runaway_fit
from twin.build import build
from twin.fork import start_fork
from twin.runfiles.results import open_run
from twin.scenarios.load import load_scenario, parse_scenario
from twin.scenarios.problems import ScenarioError
from twin.session import run as run_to_end
from twin.session import start_run

TEMPLATE = Path(__file__).parents[2] / "twin" / "templates" / "scenario.yaml"
RELIEF = "relief: {kind: burst_disc, pressure: 1.2 bar, area: 200 mm^2, discharge: 0.7}"
BOX = f"enclosure: {{free_volume: 2 L, wall_conductance: 0.5 W/K, {RELIEF}}}"
FLAMES = BOX.replace("relief:", "combustion: {ignition_temperature: 600 degC}, relief:")
EJECTA = "ejecta: {direction: up, lid_gap: 10 mm, absorbed: 0.5}"
HOUSING = (
    "thermal.housing={heat_capacity: 900 J/K, cell_conductance: 0.02 W/K, "
    "ambient_conductance: 1 W/K}"
)
SHORT = ("duration=6 min", "record.period=500 ms", "record.checkpoint=1 min")


def template(folder: Path, *overrides: str):
    text = TEMPLATE.read_text(encoding="utf-8")
    return parse_scenario(text, overrides, source="test", directory=folder)


@pytest.mark.parametrize(
    ("overrides", "key", "text"),
    [
        ((f"module={{{EJECTA}}}",), "module.ejecta", "add module.enclosure"),
        ((f"module={{{BOX}}}",), "module.enclosure", "add cell.runaway"),
        (
            (f"module={{{BOX.replace('2 L', '0 L')}}}",),
            "module.enclosure.free_volume",
            "'0 L' is out of range",
        ),
        (
            (f"module={{{BOX.replace('1.2 bar', '0.9 bar')}}}",),
            "module.enclosure.relief.pressure",
            "'0.9 bar' is out of range",
        ),
        (
            (f"module={{{BOX}, {EJECTA.replace('0.5', '1.5')}}}",),
            "module.ejecta.absorbed",
            "1.5 is out of range",
        ),
        (
            (
                f"module={{{BOX}, {EJECTA.replace('}', '')}, shares: "
                "[{from: 1, to: 2, share: 0.7}, {from: 1, to: 3, share: 0.5}]}}",
            ),
            "module.ejecta.shares",
            "add up to 1.2; expected at most 1",
        ),
        (
            (
                f"module={{{BOX}, {EJECTA.replace('}', '')}, shares: "
                "[{from: 1, to: 999, share: 0.7}]}}",
                "cell.runaway={set: nmc_21700_arc}",
            ),
            "module.ejecta.shares",
            "no cell 999",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(tmp_path: Path, overrides, key, text) -> None:
    with pytest.raises(ScenarioError) as caught:
        build(template(tmp_path, *overrides))
    found = [(p.key_path, str(p)) for p in caught.value.problems]
    assert any(path == key and text in said for path, said in found), found


def test_a_set_that_knows_no_gas_cannot_fill_a_module(tmp_path: Path, monkeypatch) -> None:
    known = runaway_params.load_runaway_params("nmc_21700_arc")
    monkeypatch.setattr(runaway_fit, "load_runaway_params", lambda name: replace(known, vent=None))
    with pytest.raises(ScenarioError) as caught:
        build(template(tmp_path, "cell.runaway={set: nmc_21700_arc}", f"module={{{BOX}}}"))
    assert "module.enclosure" in str(caught.value) and "vent" in str(caught.value)


@pytest.fixture(scope="module")
def burning(tmp_path_factory) -> Path:
    """A row of eight cells in a housing of 2 L, in which gas burns."""
    path = tmp_path_factory.mktemp("gas") / "run.h5"
    run_to_end(start_run(scenario(FLAMES), path))
    return path


def scenario(box: str = BOX, *overrides: str):
    return load_scenario(
        "runaway_parallel", [*SHORT, f"module={{{box}, {EJECTA}}}", HOUSING, *overrides]
    )


def test_the_file_tells_of_gas_and_its_books_close(burning: Path) -> None:
    with open_run(burning) as run:
        codes = [event.code for event in run.events]
        for code in ("can_opened", "module_relief", "gas_ignited", "cell_runaway"):
            assert code in codes, code
        first = next(e for e in run.events if e.code == "module_relief")
        assert first.component == "rack 1, module 1"
        assert first.value >= first.limit == pytest.approx(1.2e5)
        ledger = run.ledger
        assert ledger["residual"] < 1e-12
        assert abs(ledger["residual_gas_J"]) < 1e-9 * ledger["gas_ejecta_J"]
        ejected, gas = ledger["ejected_J"] + ledger["vented_J"], ledger["gas_ejecta_J"]
        gone = ledger["caught_J"] + ledger["latent_J"] + ledger["solids_J"]
        assert gas == pytest.approx(ejected - gone, rel=1e-12)
        for name in ("caught_J", "solids_J", "gas_burnt_J", "gas_wall_J", "walls_J"):
            assert ledger[name] > 0.0, name
        assert ledger["walls_J"] == pytest.approx(
            ledger["gas_wall_J"] + ledger["solids_J"], rel=1e-12
        )


def test_the_channels_of_gas_agree_with_each_other(burning: Path) -> None:
    with open_run(burning) as run:
        vented, left = run.channel("truth/module_vented_mol"), run.channel("truth/module_left_mol")
        assert vented.shape[1] == left.shape[1] == N_SPECIES
        assert (np.diff(vented, axis=0) >= -1e-6).all()
        assert vented[-1, Species.H2] > 0.0 and vented[-1, Species.O2] == 0.0
        film = run.channel("truth/module_condensed_mol")
        assert (
            film.max() > 0.0 and (film <= vented + 1e-6).all() and not film[:, : Species.DMC].any()
        )
        pressure = run.channel("truth/module_pressure_Pa")[:, 0]
        surge_Pa = run.channel("truth/module_surge_Pa")[-1, 0]
        assert 101_000.0 < pressure.min()
        assert pressure.max() <= surge_Pa and surge_Pa > 1.2e5  # the disc opens at 1.2 bar
        opened = run.channel("truth/cell_vented")[-1]
        ran = run.channel("truth/cell_runaway")[-1]
        assert ((ran & 8 > 0) <= (opened > 0)).all()
        caught = run.channel("truth/cell_caught_J")[-1]
        assert caught.sum() == pytest.approx(run.ledger["caught_J"], rel=1e-6)
        vented_kg = run.channel("truth/cell_vented_kg")[-1]
        ejected_kg = run.channel("truth/cell_ejected_kg")[-1]
        whole = ran & 16 > 0
        assert (vented_kg[whole] < ejected_kg[whole]).all()


def test_a_fork_in_the_middle_of_it_goes_the_same_way(burning: Path, tmp_path: Path) -> None:
    fork = tmp_path / "fork.h5"
    run_to_end(start_fork(burning, 180_000, [], fork))
    with open_run(burning) as run, open_run(fork) as other:
        for name in ("truth/cell_temperature_K", "truth/module_vented_mol", "truth/module_gas_K"):
            mine, its = run.channel(name), other.channel(name)
            np.testing.assert_array_equal(its, mine[-len(its) :], err_msg=name)


def test_gas_that_does_not_burn_leaves_more_fuel(burning: Path) -> None:
    with open_run(burning) as run:
        (lit,) = [event.time_s for event in run.events if event.code == "gas_ignited"]
        row = int(lit / 0.5) + 4  # two seconds later
        of_flames = run.channel("truth/module_left_mol")[row, Species.H2]
    engine = build(scenario())
    while engine.tick < 500 * row:
        engine.step()
    gas = engine.plant.runaway.gas
    assert gas.view.lfl_percent[0] > 100.0  # above its lower flammability limit
    assert (gas.view.flows[:, 3] == 0.0).all()
    assert of_flames < 0.999 * gas.view.left_mol.reshape(-1, N_SPECIES)[0, Species.H2]


def test_solvent_condenses_on_a_housing_and_every_mole_and_joule_of_it_is_kept() -> None:
    """From 5 degC on: heat counts from there, and what gas brings from 25 degC."""
    engine = build(scenario(BOX, "cell.initial_temperature=5 degC", "environment.ambient=5 degC"))
    gas, solvent, most = engine.plant.runaway.gas.view, Species.DMC, 0.0
    while engine.tick < 330_000:
        engine.step()
        most = max(most, gas.condensed_mol[0, solvent])
    assert most > 0.02  # of 0.047 mol in a cell
    kept = gas.mol + gas.condensed_mol + gas.left_mol - gas.vented_mol
    assert abs(kept[0, solvent]) < 1e-12 * gas.vented_mol[0, solvent]
    engine.ledger.close()
    book = engine.ledger.as_dict()
    assert book["residual"] < 1e-12
    assert book["walls_J"] == pytest.approx(book["gas_wall_J"] + book["solids_J"], rel=1e-12)


def test_the_compiled_way_is_the_stages(burning: Path) -> None:
    """Bit for bit, with gas, flames and housings, while a cell runs away."""
    melts, box = "thermal.housing.melting_temperature=50 degC", FLAMES[:-1]
    box += ", burst_pressure: 1.21 bar}"
    fast, slow = build(scenario(box, melts)), build(scenario(box, melts))
    slow.plant.compiled = None
    while fast.tick < 240_000:
        fast.step()
        slow.step()
        if fast.tick % 1000 == 0:
            assert np.array_equal(fast.state.floats, slow.state.floats, equal_nan=True), fast.tick
    assert np.array_equal(fast.state.ints, slow.state.ints)
    assert fast.plant.runaway.gas.view.lit[0] == 1
    assert fast.events == slow.events
    (told,) = [event for event in fast.events if event.code == "housing_melts"]
    assert told.value > told.limit == pytest.approx(323.15)
    assert "the housing of rack 1, module 1 passed 50 °C, where it begins to melt" in told.text
    (told,) = [event for event in fast.events if event.code == "housing_bursts"]
    assert told.value > told.limit == 1.21e5
    assert "more than the 121 kPa that its housing is taken to hold" in told.text
