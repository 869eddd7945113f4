"""Nails, overcharge and fire from a scenario: what they do, when, what is told, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from twin.answer_key import answer_key, size_in_words
from twin.build import build
from twin.scenarios.load import load_scenario, parse_scenario
from twin.scenarios.problems import ScenarioError

TEMPLATE = Path(__file__).parents[2] / "twin" / "templates" / "scenario.yaml"
CELL = "at: {rack: 1, module: 1, group: 2, cell: 1}"
NAIL = f"kind: nail, {CELL}, resistance: 0.5 ohm"
CHARGER = "kind: overcharge, power: 60 W"
FIRE = "kind: fire, at: {rack: 1, module: 1}, temperature: 800 degC, conductance: 0.3 W/K"
GROUP = "at: {rack: 1, module: 1, group: 3}"
ITS_OWN = f"kind: overcharge, {GROUP}, current: 5 A"
EACH = {"nail": NAIL, "overcharge": CHARGER, "fire": FIRE}
REST = "environment.demand={kind: constant, power: 0 W}"


def template(folder: Path, *overrides: str):
    text = TEMPLATE.read_text(encoding="utf-8")
    return parse_scenario(text, ["duration=40 s", *overrides], source="test", directory=folder)


def fault(text: str, when: str = "from: 5 s") -> str:
    return f"faults=[{{name: f, {when}, {text}}}]"


@pytest.mark.parametrize(
    ("override", "key", "text"),
    [
        (fault(NAIL, "from: 5 s, until: 9 s"), "faults.0", "a hole does not close"),
        (fault(NAIL + ", through: 0"), "faults.0.through", "1"),
        (fault(NAIL + ", through: 6"), "faults.0.through", "ends after 4; expected 1 to 4"),
        (fault(NAIL + ", through: 3, towards: beside"), "faults.0.through", "ends after 1;"),
        (fault(NAIL + ", towards: up"), "faults.0.towards", "expected one of behind, beside"),
        (fault("kind: nail, at: {rack: 1}, resistance: 1 ohm"), "faults.0.at", "lacks module"),
        (fault(NAIL.replace("0.5 ohm", "-1 ohm")), "faults.0.resistance", "at least 0 ohm"),
        (fault(NAIL.replace("0.5 ohm", "5 W")), "faults.0.resistance", "expected a resistance"),
        (fault(CHARGER.replace("60", "0")), "faults.0.power", "more than 0 W"),
        (
            fault(CHARGER.replace("60", "400")),
            "faults.0.power",
            "400 W is more than the PCS can take: expected at most 300 W (pcs.rated_power)",
        ),
        (fault(CHARGER + ", at: {rack: 1}"), "faults.0", "or 'current' with 'at' a group"),
        (fault(CHARGER + ", current: 1 A"), "faults.0", "expected 'power' alone"),
        (fault("kind: overcharge"), "faults.0", "expected 'power' alone"),
        (fault(ITS_OWN + ", power: 1 W"), "faults.0", "or 'current' with 'at' a group"),
        (fault(ITS_OWN.replace("5 A", "-5 A")), "faults.0.current", "more than 0 A"),
        (
            fault(ITS_OWN.replace("module: 1", "module: 1, cell: 1")),
            "faults.0.at.cell",
            "means nothing here",
        ),
        (fault(ITS_OWN.replace("group: 3", "group: 9")), "faults.0.at.group", "9 does not exist"),
        (fault(FIRE.replace("800", "60")), "faults.0.temperature", "100 degC to 1400 degC"),
        (fault(FIRE.replace("0.3", "0")), "faults.0.conductance", "more than 0 W/K"),
        (fault(FIRE.replace("0.3 W/K", "0.3")), "faults.0.conductance", "without a unit"),
        (
            fault(FIRE.replace("module: 1", "cell: 1")),
            "faults.0.at",
            "lacks module, group; this place needs rack, module, group, cell",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(tmp_path: Path, override, key, text) -> None:
    with pytest.raises(ScenarioError) as caught:
        template(tmp_path, override)
    found = [(p.key_path, str(p)) for p in caught.value.problems]
    assert any(path == key and text in said for path, said in found), found


def test_a_nail_needs_every_cell(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="set resolution: cell"):
        template(tmp_path, fault(NAIL), "resolution=group")


# ---- what they do --------------------------------------------------------------------------------


def test_a_nail_drives_the_currents_of_an_internal_short_of_its_resistance(tmp_path: Path) -> None:
    nailed, shorted = (
        build(template(tmp_path, fault(f"kind: {kind}, {CELL}, resistance: 0.2 ohm")))
        for kind in ("nail", "internal_short")
    )
    for engine in (nailed, shorted):
        engine.run(20_000)
    for name in ("current_A", "voltage_V", "temperature_K"):
        mine, other = getattr(nailed.plant.cells, name), getattr(shorted.plant.cells, name)
        np.testing.assert_array_equal(mine, other, err_msg=name)
    came = [[e.code for e in engine.events if e.source == "fault"] for engine in (nailed, shorted)]
    assert came == [["nail"], ["internal_short"]]


def test_a_nail_goes_through_cells_in_a_line(tmp_path: Path) -> None:
    """Two columns of groups of two, folded: group 3 stands behind group 2."""
    engine = build(template(tmp_path, fault(NAIL + ", through: 3")))
    engine.run(6000)
    top, over = engine.plant.topology, engine.plant.overlay
    shorted = np.flatnonzero(over.cell_short_S[top.cell_slot])
    assert shorted.tolist() == [2, 3, 4]
    assert (over.cell_short_S[top.cell_slot[shorted]] == 2.0).all()
    assert np.flatnonzero(over.cell_pierced[top.cell_slot]).tolist() == [2, 3, 4]


def test_an_overcharge_is_what_the_pcs_does_whatever_it_is_told(tmp_path: Path) -> None:
    """The EMS asks for 100 W of discharge, before, meanwhile and after."""
    engine = build(template(tmp_path, fault(CHARGER, "from: 10 s, until: 20 s")))
    seen = {}
    while engine.tick < 30_000:
        engine.step()
        seen[engine.tick] = float(engine.plant.pcs_view.ac_power_W[0])
    assert seen[9900] == pytest.approx(100.0) and seen[29_900] == pytest.approx(100.0)
    assert seen[15_000] == pytest.approx(-60.0)
    assert seen[10_100] < 40.0  # from its first step on
    assert float(engine.ems_port.out.power_W[0]) == pytest.approx(100.0)


OVERCHARGED = (
    "cell.initial_soc=0.98", "duration=15 min", REST, "faults=[{name: stuck, kind: overcharge, "
    "from: 10 s, power: 100 W}, {name: weld, kind: contactor_stuck, at: {rack: 1}, contactor: "
    "plus, position: closed, from: 10 s}, {name: weld minus, kind: contactor_stuck, at: {rack: 1}, "
    "contactor: minus, position: closed, from: 10 s}]",
)  # fmt: skip


@pytest.fixture(scope="module")
def overcharged(tmp_path_factory):
    """A pack whose contactors are welded to a PCS that is stuck."""
    engine = build(template(tmp_path_factory.mktemp("over"), *OVERCHARGED))
    engine.run()
    return engine


def test_an_overcharge_past_welded_contactors_fills_cells_beyond_full_and_is_told(
    overcharged,
) -> None:
    assert overcharged.cell_soc().min() > 1.0
    codes = {event.code for event in overcharged.events}
    assert {"overcharge", "table_range"} <= codes
    said = [e.code for e in overcharged.events if e.source == "bms" and e.time_s > 10.0]
    assert any("voltage" in code for code in said), said
    terms = overcharged.ledger.as_dict()
    assert terms["residual"] < 1e-12 and terms["charge_residual"] < 1e-12
    assert terms["pcs_ac_J"] < -5e4


def test_open_contactors_are_the_remedy(tmp_path: Path) -> None:
    left, _, _ = OVERCHARGED[3].partition(", {name: weld,")
    engine = build(template(tmp_path, *OVERCHARGED[:3], left + "]"))
    engine.run()
    assert engine.cell_soc().max() < 1.0 + 0.01
    assert not engine.plant.switch_view.position.any()
    assert float(engine.plant.pcs_view.ac_power_W[0]) == 0.0
    assert engine.ledger.as_dict()["residual"] < 1e-12


def test_a_charger_of_its_own_overcharges_one_group_which_no_contactor_ends(tmp_path: Path) -> None:
    """Two cells of 5 Ah take 5 A for 10 min more than the others: 8.3 % of their charge."""
    overrides = ["duration=12 min", "cell.initial_soc=0.95", "cell.spread.initial_soc=0"]
    lasting = fault(ITS_OWN, "from: 60 s, until: 11 min")
    engine = build(template(tmp_path, *overrides, REST, lasting))
    engine.run()
    soc = engine.cell_soc()
    others = np.delete(soc, [4, 5])
    assert soc[4:6].min() > 1.02 and others.max() < 0.96
    capacity_As = 2.0 * engine.plant.model.params.capacity_As
    assert soc[4:6].mean() - others.mean() == pytest.approx(5.0 * 600.0 / capacity_As, rel=0.02)
    said = [e for e in engine.events if e.source == "bms" and "group 3" in e.component]
    assert any("voltage" in e.code for e in said), [e.code for e in engine.events]
    assert not engine.plant.switch_view.position.any()  # they opened, and it went on
    terms = engine.ledger.as_dict()
    assert terms["residual"] < 1e-12 and terms["charge_residual"] < 1e-12
    assert terms["external_J"] == pytest.approx(-600.0 * 5.0 * 4.3, rel=0.03)


def test_a_fire_warms_its_module_grows_and_goes_out(tmp_path: Path) -> None:
    when = "from: 5 s, until: 20 s, ramp: 10 s"
    engine = build(template(tmp_path, "site.modules_per_rack=2", REST, fault(FIRE, when)))
    top, over = engine.plant.topology, engine.plant.overlay
    here, there = (top.cell_slot[top.cell_module == m] for m in (0, 1))
    engine.run(10_000)
    engine.step()
    assert over.fire_K[here] == pytest.approx(298.15 + 0.5 * 775.0, rel=1e-12)
    engine.run(15_000)
    engine.step()
    assert (over.fire_K[here] == 1073.15).all() and (over.fire_W_per_K[here] == 0.3).all()
    assert not over.fire_W_per_K[there].any()
    engine.run(25_000)
    assert not over.fire_W_per_K.any()
    warm_K = engine.plant.cells.temperature_K
    assert warm_K[here].min() > 298.15 + 20.0 and warm_K[there].max() < 298.15 + 3.0
    assert engine.ledger.as_dict()["residual"] < 1e-12


# ---- when they come ------------------------------------------------------------------------------

WARM = "when: {channel: truth/cell_temperature_K, at: {rack: 1, module: 1, group: 1, cell: 1}, "
WARM += "above: 20 degC, for: 3 s}"
ACTS = {"nail": "cell_short_S", "overcharge": "charger_W", "fire": "fire_W_per_K"}
EACH_WAY = {**EACH, "charger": ITS_OWN}


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize(("when", "start_s"), [("from: 12.3 s", 12.3), (WARM, 3.0)])
def test_each_comes_after_its_delay_and_on_its_trigger(tmp_path: Path, kind, when, start_s) -> None:
    engine = build(template(tmp_path, fault(EACH[kind], when)))
    written = getattr(engine.plant.overlay, ACTS[kind])
    engine.run(round(1000 * start_s) - 100)
    assert not written.any()
    engine.run(round(1000 * start_s) + 200)
    assert written.any()
    assert [(e.code, e.time_s) for e in engine.events if e.source == "fault"] == [(kind, start_s)]


@pytest.mark.parametrize("kind", EACH_WAY)
def test_staged_steps_are_the_compiled_ones_and_the_ledger_closes(tmp_path: Path, kind) -> None:
    overrides = (fault(EACH_WAY[kind]), "cell.runaway={set: nmc_21700_arc}")
    fast, slow = (build(template(tmp_path, *overrides)) for _ in range(2))
    slow.plant.compiled = None
    fast.run(), slow.run()
    np.testing.assert_array_equal(fast.state.floats, slow.state.floats)
    np.testing.assert_array_equal(fast.state.ints, slow.state.ints)
    terms = fast.ledger.as_dict()
    assert terms["residual"] < 1e-12 and terms["charge_residual"] < 1e-12
    assert (kind == "fire") == (terms["heater_J"] > 0.0)


# ---- what is told --------------------------------------------------------------------------------


def test_a_nail_opens_cans_for_good_and_once(tmp_path: Path) -> None:
    relief = "relief: {kind: burst_disc, pressure: 1.2 bar, area: 200 mm^2, discharge: 0.7}"
    box = f"enclosure: {{free_volume: 2 L, wall_conductance: 0.5 W/K, {relief}}}"
    nail = "kind: nail, at: {rack: 1, module: 1, group: 1, cell: 3}, through: 2"
    engine = build(
        load_scenario(
            "runaway_parallel",
            [
                "duration=3 min", "record.period=500 ms", f"module={{{box}}}",
                fault(f"{nail}, resistance: 30 mohm"), "wiring.cell_fuse=null",
            ],
        )
    )  # fmt: skip
    engine.run(6000)
    slots = engine.plant.topology.cell_slot
    cans = engine.plant.runaway.gas.vents
    assert np.flatnonzero(cans.is_open[slots]).tolist() == [2, 3]
    told = [(e.component, e.time_s, e.text) for e in engine.events if e.code == "can_pierced"]
    assert [(place, time_s) for place, time_s, _ in told] == [
        ("rack 1, module 1, group 1, cell 3", 5.0),
        ("rack 1, module 1, group 1, cell 4", 5.0),
    ]
    assert "is pierced: gas and vapour leave it" in told[0][2]
    engine.run()
    burst = {e.component for e in engine.events if e.code == "can_opened"}
    assert not burst & {place for place, _, _ in told}
    assert cans.gas_mol[slots[2:4]].max() < 1e-3  # no more than its headspace holds
    assert engine.plant.cells.temperature_K[slots[2]] > 353.15  # it was looked at
    assert engine.plant.runaway.gas.ejecta.vented_kg[slots[2:4]].min() > 0.0
    assert engine.ledger.as_dict()["residual"] < 1e-12


def test_the_answer_key_says_where_how_much_and_what(tmp_path: Path) -> None:
    faults = (
        f"{{name: a, from: 1 s, {NAIL}}}, {{name: b, from: 1 s, {NAIL}, through: 3}}, "
        f"{{name: c, from: 1 s, {NAIL}, through: 2}}, {{name: d, from: 1 s, {CHARGER}}}, "
        f"{{name: e, from: 1 s, {FIRE}}}, {{name: f, from: 1 s, {ITS_OWN}}}"
    )
    rows = answer_key(template(tmp_path, f"faults=[{faults}]"))
    assert [(row.component, row.target, size_in_words(row)) for row in rows] == [
        ("rack 1, module 1, group 2, cell 1", "", "0.5 ohm"),
        ("rack 1, module 1", "through 3 cells: group 2 cells 1, 2, group 3 cell 1", "0.5 ohm"),
        ("rack 1, module 1, group 2", "through 2 cells: group 2 cells 1, 2", "0.5 ohm"),
        ("site", "PCS, whatever is commanded", "60 W"),
        ("rack 1, module 1", "0.3 W/K to each cell", "800 degC"),
        ("rack 1, module 1, group 3", "a charger of its own", "5 A"),
    ]
    assert (rows[0].cell, rows[1].group, rows[2].group, rows[2].cell) == (0, -1, 1, -1)


# ---- resistances of nothing ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "kind: external_short, resistance: 0 ohm",
        "kind: external_short, at: {rack: 1}, resistance: 0 ohm",
        "kind: external_short, at: {rack: 1, module: 1, group: 2}, resistance: 0 ohm",
        f"kind: internal_short, {CELL}, resistance: 0 ohm",
        f"kind: nail, {CELL}, resistance: 0 ohm",
        "kind: insulation_leak, at: {rack: 1}, pole: minus, resistance: 0 ohm",
    ],
)
def test_shorts_of_no_resistance_are_legal_and_the_ledger_closes(tmp_path: Path, text) -> None:
    engine = build(template(tmp_path, fault(text), "wiring.precharge.resistance=0 ohm"))
    engine.run()
    terms = engine.ledger.as_dict()
    assert terms["residual"] < 1e-12 and terms["charge_residual"] < 1e-12
    assert terms["network_residual"] < 1e-12


def test_a_dead_short_of_the_bus_blows_the_fuse(tmp_path: Path) -> None:
    engine = build(template(tmp_path, fault("kind: external_short, resistance: 0 ohm"), REST))
    engine.run()
    assert "fuse_blown" in {event.code for event in engine.events}
