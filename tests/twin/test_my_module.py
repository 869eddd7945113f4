"""A user's own module: layers, a barrier and an ARC curve, from the example to the run file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from twin.build import build
from twin.cli.app import app
from twin.fork import start_fork
from twin.runaway_fit import rated_Wh
from twin.runfiles.results import open_run
from twin.scenarios.load import example_files, load_scenario
from twin.scenarios.problems import ScenarioError
from twin.session import run as run_to_end
from twin.session import start_run

NAME = "my_module"
ONE_MM = 'module.barrier.thickness="1 mm"'


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The example as a user has it: copied into a folder of his own."""
    done = CliRunner().invoke(app, ["examples", NAME, "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    return tmp_path / f"{NAME}.yaml"


def problems(path: Path, *overrides: str) -> list[tuple[str, str]]:
    with pytest.raises(ScenarioError) as error:
        build(load_scenario(path, overrides))
    return [(p.key_path, p.message) for p in error.value.problems]


def test_the_example_brings_its_curve_and_every_copy_can_be_checked(copied: Path) -> None:
    assert example_files(NAME) == ["my_module_arc.csv"]
    assert (copied.parent / "my_module_arc.csv").is_file()
    done = CliRunner().invoke(app, ["check", str(copied)])
    assert done.exit_code == 0 and "no problems; 12 cells" in done.output
    shown = CliRunner().invoke(app, ["show", str(copied)])
    assert "10 in each cell, 0.25 W/K through all of them" in " ".join(shown.output.split())


def ran_away(*overrides: str, seconds: int) -> list[int]:
    """Return the cells that have run away by a time, and check that energy closes."""
    engine = build(load_scenario(NAME, [f"duration={seconds} s", *overrides]))
    while engine.tick < engine.clock.end:
        engine.step()
    engine.ledger.close()
    assert engine.ledger.as_dict()["residual"] < 1e-12
    plant = engine.plant
    since_s = plant.runaway.view.since_s[plant.topology.cell_slot]
    return np.flatnonzero(np.isfinite(since_s)).tolist()


def test_a_sheet_holds_a_thinner_one_does_not_and_one_node_a_cell_does_not_see_it() -> None:
    assert ran_away(seconds=600) == [0]
    assert ran_away(ONE_MM, seconds=340) == [0, 1]
    assert ran_away(ONE_MM, "cell.layers=null", seconds=600) == [0]
    assert ran_away("module=null", seconds=300) == list(range(12))


def test_the_file_has_the_layers_and_a_fork_goes_the_same_way(copied: Path) -> None:
    path, fork = copied.parent / "run.h5", copied.parent / "fork.h5"
    loaded = load_scenario(copied, ["duration=100 s", "record.checkpoint=20 s"])
    run_to_end(start_run(loaded, path))
    with open_run(path) as run:
        layers = run.channel("truth/layer_temperature_K").reshape(run.rows, 12, 10)
        mean_K = run.channel("truth/cell_temperature_K")
        hottest_K = run.channel("truth/cell_hottest_K")
        np.testing.assert_array_equal(layers.max(axis=2), hottest_K)
        intact = run.channel("truth/cell_ejected_kg") == 0.0  # layers still weigh the same
        np.testing.assert_allclose(layers.mean(axis=2)[intact], mean_K[intact], rtol=1e-6)
        assert (np.diff(layers[-1, 1]) < 0.0).all()  # from the burning neighbour on
        assert run.attributes["curve_sha256"]
    run_to_end(start_fork(path, 60_000, [], fork))
    with open_run(path) as run, open_run(fork) as other:
        mine, its = (r.channel("truth/layer_temperature_K") for r in (run, other))
        np.testing.assert_array_equal(its, mine[-len(its) :])
    curve = copied.parent / "my_module_arc.csv"
    curve.write_text(curve.read_text().replace("\n200,", "\n200.5,"))
    with pytest.raises(ScenarioError, match="not the file that the run was made with"):
        start_fork(path, 60_000, [], fork, force=True)


def test_what_a_cell_releases_is_what_was_measured_its_charge_included(copied: Path) -> None:
    """Of the store and of the charge: 6.5 kJ/Wh of a full cell."""
    full = ["cell.initial_soc=1.0", "cell.spread.initial_soc=0"]
    plant = build(load_scenario(copied, full)).plant
    own_Wh = rated_Wh(plant.model.params)
    slot = plant.topology.cell_slot[0]
    view = plant.runaway.view
    store_J = (view.extents * view.energy_J).reshape(-1, 10)[slot].sum()
    assert store_J + 3600.0 * own_Wh == pytest.approx(6500.0 * own_Wh, rel=1e-12)
    # One figure in three ways.
    for key, text in (("energy", f"{6.5 * own_Wh:.12g} kJ"), ("energy_per_kg", "1.7346 MJ")):
        curve = f"cell.runaway.curve={{file: my_module_arc.csv, {key}: {text}}}"
        other = build(load_scenario(copied, [*full, curve])).plant
        made = other.runaway.view
        total = (made.extents * made.energy_J).reshape(-1, 10)[slot].sum()
        assert total + 3600.0 * own_Wh == pytest.approx(6500.0 * own_Wh, rel=1e-3), key


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ("90,0.02\n120,1\n110,2\n", "row 4: temperature_degC is 110 after 120; sort the rows"),
        ("90,0.02\n141,1\n", "a gap of more than 50 K"),
        ("90,0.02\n120,-1\n", "row 3: rate_K_per_min is -1"),
        ("90,0.02\n120\n", "row 3: has 1 values"),
        ("90,0.02\n", "has 1 points"),
        ("368,0.02\n410,1\n", "begins at 368 degC, above the collapse of separators at 180 degC"),
        (None, "cannot be read"),
    ],
)
def test_a_curve_that_is_none_is_refused_by_its_key(copied: Path, rows, part) -> None:
    file = copied.parent / "my_module_arc.csv"
    file.unlink()
    if rows is not None:
        file.write_text("temperature_degC,rate_K_per_min\n" + rows)
    [(path, text)] = problems(copied)
    assert path == "cell.runaway.curve.file" and part in text


CURVE = "cell.runaway.curve"


@pytest.mark.parametrize(
    ("overrides", "path", "part"),
    [
        ((f"{CURVE}.energy=90 kJ",), CURVE, "exactly one of energy, energy_per_Wh, energy_per_kg"),
        ((f"{CURVE}={{file: my_module_arc.csv}}",), CURVE, "found none"),
        ((f"{CURVE}.energy_per_Wh=9 kJ",), CURVE, "gives 9 kJ/Wh (3.66 to 6.89 in measured"),
        ((f"{CURVE}.energy_per_Wh=3 kJ",), CURVE, "not more than the charge of lg_m50 alone"),
        ((f"{CURVE}.energy_per_Wh=5",), f"{CURVE}.energy_per_Wh", "without a unit"),
        ((f"{CURVE}.mass=200 g",), f"{CURVE}.mass", "200 g, lg_m50 has 68.5 g"),
        ((f"{CURVE}.inertia=0.9",), f"{CURVE}.inertia", "0.9 is out of range"),
        (("cell.runaway.set=nmc_pouch",), CURVE, "stands beside 'set'"),
        (("cell.runaway.body_share=null",), "cell.runaway.body_share", "stated with a curve"),
        (("cell.layers.count=1",), "cell.layers.count", "2"),
        (("cell.layers.count=21",), "cell.layers.count", "20"),
        (("cell.layers.conductance=0 W/K",), "cell.layers.conductance", "more than 0"),
        (("cell.layers.along=rows",), "cell.layers.along", "one row, so no faces touch"),
        (
            ("resolution=group", "cell.runaway=null"),
            "cell.layers",
            "simulated as one with resolution: group",
        ),
        (
            ("thermal.radiation={emissivity: 0.8, diameter: 8 mm, height: 70 mm}",),
            "thermal.radiation",
            "is that of cylinders",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(copied: Path, overrides, path, part) -> None:
    found = problems(copied, *overrides)
    assert any(key == path and part in text for key, text in found), found


def test_a_heat_outside_the_measured_band_is_taken_if_it_is_declared(copied: Path) -> None:
    more = "cell.runaway.declared_mismatch=[heat]"
    build(load_scenario(copied, [f"{CURVE}.energy_per_Wh=9 kJ", more]))
