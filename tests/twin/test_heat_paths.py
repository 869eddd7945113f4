"""Barriers, radiation, housings and cooling devices in a scenario: refused, shown, and audited."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import twin
from packs.barriers import MATERIALS
from twin.cli.app import app
from twin.scenarios.problems import ScenarioError
from twin.scenarios.thermal_sections import Material

SHEET = (
    "module.barrier={between: groups, material: aerogel, thickness: 1 mm, area: 10 cm^2, "
    "contact_conductance: 300 W/m^2/K}"
)
RADIATION = "thermal.radiation={emissivity: 0.8, diameter: 21 mm, height: 70 mm}"
HOUSING = (
    "thermal.housing={heat_capacity: 800 J/K, cell_conductance: 0.05 W/K, "
    "ambient_conductance: 0.4 W/K}"
)
COOLING = (
    "thermal.cooling={pump: {response: 2 s, power: 60 W}, "
    "fan: {response: 1 s, power: 20 W, cell_conductance: 0.2 W/K}, "
    "valve: {response: 1 s, power: 2 W}, "
    "chiller: {response: 5 s, heat_power: 500 W, performance: 3, outlet_min: 5 degC}, "
    "heater: {response: 1 s, heat_power: 200 W, efficiency: 0.95, outlet_max: 40 degC}}"
)
EVERYTHING = (SHEET, RADIATION, HOUSING, COOLING, "thermal.busbar_conductance=0.5 W/K")


def problems(*overrides: str) -> list[tuple[str, str]]:
    with pytest.raises(ScenarioError) as error:
        twin.load_scenario("ev_us06", overrides)
    return [(p.key_path, p.message) for p in error.value.problems]


@pytest.mark.parametrize(
    ("overrides", "path", "part"),
    [
        ((SHEET, "module.barrier.thickness=0 mm"), "module.barrier.thickness", "0 mm"),
        ((SHEET, "module.barrier.thickness=30 mm"), "module.barrier.thickness", "not fit"),
        ((SHEET, "module.barrier.area=-1 m^2"), "module.barrier.area", "-1"),
        (
            (SHEET, "module.barrier.contact_conductance=0 W/m^2/K"),
            "module.barrier.contact_conductance",
            "more than 0",
        ),
        (
            ("module.barrier={between: cells, conductance: 0 W/K}",),
            "module.barrier.conductance",
            "more than 0",
        ),
        ((SHEET, "module.barrier.material=wool"), "module.barrier.material", "mica"),
        (
            (SHEET, "module.barrier.conductivity=0 W/m/K"),
            "module.barrier.conductivity",
            "more than 0",
        ),
        ((SHEET, "module.barrier.conductivity=1 W/m/K"), "module.barrier", "exactly one"),
        ((SHEET, "module.barrier.conductance=1 W/K"), "module.barrier", "would do nothing"),
        (("module.barrier={between: cells}",), "module.barrier", "needs thickness"),
        (
            ("module.barrier={between: columns, conductance: 1 W/K}", "layout.columns=1"),
            "module.barrier.between",
            "one column",
        ),
        ((RADIATION, "thermal.radiation.diameter=23 mm"), "thermal.radiation.diameter", "wider"),
        ((SHEET, "resolution=group"), "module.barrier", "resolution: cell"),
        (
            (COOLING, "thermal.cooling.fan.cell_conductance=0.001 W/K"),
            "thermal.cooling.fan.cell_conductance",
            "still air",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_key(overrides, path, part) -> None:
    found = problems(*overrides)
    assert [key for key, _ in found] == [path]
    assert part in found[0][1]


def test_the_scenario_knows_the_materials_of_the_library() -> None:
    assert Material.__args__ == tuple(MATERIALS)


def test_show_says_where_barriers_are_and_what_they_conduct() -> None:
    done = CliRunner().invoke(app, ["show", "ev_us06", *(f"--set={o}" for o in EVERYTHING)])
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    # 10 cm2 / (1/300 + 1e-3/0.02) W/m2/K, 8 modules with 16 columns meeting and 6 ends
    assert "1 mm aerogel between groups: 0.01875 W/K for each of" in text
    assert "busbar 0.5 W/K" in text and "chiller 500 W of heat" in text


def test_a_run_with_everything_closes_and_repeats_after_a_restart() -> None:
    engine = twin.build(twin.load_scenario("ev_us06", EVERYTHING))
    engine.run(30_000)
    engine.ledger.close()
    terms = engine.ledger.as_dict()
    assert abs(terms["residual"]) < 1e-12
    assert terms["stored_thermal_J"] != 0.0
    whole = engine.snapshot()
    engine.run(40_000)
    again = twin.build(twin.load_scenario("ev_us06", EVERYTHING))
    again.restore(whole)
    again.run(40_000)
    assert np.array_equal(again.state.floats, engine.state.floats, equal_nan=True)
    assert engine.plant.cooling.level[0] > 0.1  # the pump's least duty is 0.2
    seen = engine.sensors.truth[engine.sensors.slices["coolant_inlet_K"]]
    assert abs(seen[0] - engine.plant.inlet_K[0]) < 0.5


def test_round_cells_stand_no_closer_than_they_are_wide() -> None:
    with pytest.raises(ScenarioError) as refused:
        twin.build(twin.load_scenario("ev_us06", ["layout.pitch=20 mm"]))
    (problem,) = refused.value.problems
    assert problem.key_path == "layout.pitch"
    assert "20 mm is less than the diameter of lg_m50, 21.1 mm" in str(problem)
    assert "expected 21.1 mm or more" in str(problem)
    twin.build(twin.load_scenario("ev_us06", ["layout.pitch=21.1 mm"]))
    layers = "cell.layers={count: 3, conductance: 1 W/K, along: columns}"
    twin.build(twin.load_scenario("ev_us06", ["layout.pitch=9 mm", layers]))  # flat


NOTHING_DIRECT = ("thermal.neighbour_conductance=0 W/K", "thermal.plate.cell_conductance=0 W/K")


@pytest.mark.parametrize(
    ("overrides", "left"),
    [
        (NOTHING_DIRECT, "these alone: currents in parallel"),
        ((*NOTHING_DIRECT, HOUSING), "these alone: the housing, currents in parallel"),
        ((*NOTHING_DIRECT, "site.cells_per_group=1", "site.groups_per_module=2"), "alone: nothing"),
        ((*NOTHING_DIRECT, "module.barrier={between: cells, conductance: 1 W/K}"), ""),
        ((*NOTHING_DIRECT, "cell.runaway=null"), ""),
        ((*NOTHING_DIRECT, "site.cells_per_group=1"), ""),
        ((), ""),
    ],
)
def test_check_asks_whether_cells_that_react_are_meant_not_to_warm_each_other(
    overrides, left
) -> None:
    done = CliRunner().invoke(
        app, ["check", "runaway_parallel", "--json", *(f"--set={o}" for o in overrides)]
    )
    assert done.exit_code == 0, done.output
    told = [(r["key_path"], r["message"]) for r in json.loads(done.stdout)["remarks"]]
    assert [key for key, _ in told] == ["thermal.neighbour_conductance"] * bool(left)
    assert all(text.endswith(left) for _, text in told)
