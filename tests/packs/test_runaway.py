"""Thermal runaway of cells in a pack: triggers, propagation, energy, and both ways of stepping."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cell_models.ecm_params import load_ecm_params
from cell_models.runaway_params import load_runaway_params
from packs.burning import COLLAPSED, DRY, ERUPTED, RAN, SPENT
from packs.flows import EJECTED, HEATER, REACTION
from packs.spec import CellFuseSpec, RunawaySpec
from twin.runaway_fit import charge_J

LG_M50 = load_ecm_params("lg_m50")
NMC = RunawaySpec(
    params=load_runaway_params("nmc_21700_arc"), gate_K=353.15, body_share=0.28,
    ejected_mass=0.53, separator_K=453.15, short_ohm=0.002, full_J=108e3,
)  # fmt: skip
EIGHT = {
    "size__modules": (1,), "size__groups_per_module": 1, "size__cells_per_group": 8,
    "layout__columns": 1, "thermal__plate_W_per_K": 0.02, "thermal__neighbour_W_per_K": 0.4,
    "initial_soc": 0.95, "alert_step_s": 0.1, "runaway": NMC,
}  # fmt: skip


def heat(site, seconds, *, watts=120.0, until_s=240, start_s=0):
    """Heat the first cell for a while and run on."""
    slot = site.topology.cell_slot[0]
    for tick in range(1000 * start_s, 1000 * seconds, 1000):
        site.overlay.heater_W[slot] = watts if tick < 1000 * until_s else 0.0
        site.advance(tick, tick + 1000, 500)
    return site


def told(site, code):
    """Return the cells and ticks of notices."""
    return {n.component: n.tick for n in site.notices if n.code == code}


def of_cells(site, name):
    """Return a field of the runaway's state by cell."""
    return getattr(site.runaway.view, name)[site.topology.cell_slot]


@pytest.fixture(scope="module")
def burnt(plant, audited):
    """Eight parallel cells of which the first was heated, with their ledger."""
    site = plant(**EIGHT)
    ledger = audited(site)
    heat(site, 1200)
    ledger.close()
    return site, ledger.as_dict()


def test_a_heated_cell_runs_away_and_its_neighbours_follow_in_order(burnt) -> None:
    site, _ = burnt
    ran = told(site, "cell_runaway")
    assert list(ran) == sorted(ran, key=lambda cell: ran[cell])
    assert len(ran) >= 2 and list(ran)[:2] == [0, 1]
    since_s = of_cells(site, "since_s")
    assert {c: 1000.0 * since_s[c] for c in ran} == ran
    phase = of_cells(site, "phase")
    whole = COLLAPSED | RAN | ERUPTED | SPENT
    for cell in told(site, "cell_spent"):
        assert phase[cell] & whole == whole
        assert site.cells.is_broken[site.topology.cell_slot[cell]] == 1.0


def test_energy_and_charge_close_through_a_propagation(burnt) -> None:
    site, terms = burnt
    released_J = terms["reaction_J"]
    assert released_J > 5e4
    assert terms["residual_J"] < 1e-9 * released_J
    assert terms["charge_residual"] < 1e-12
    assert of_cells(site, "reaction_J").sum() == pytest.approx(released_J, rel=1e-12)
    assert of_cells(site, "ejected_J").sum() == pytest.approx(terms["ejected_J"], rel=1e-12)


def test_a_spent_cell_has_kept_its_share_and_lost_its_mass(burnt) -> None:
    """Of what it released until now, its own charge included; the rest left."""
    site, _ = burnt
    lost_kg, phase = of_cells(site, "ejected_kg"), of_cells(site, "phase")
    spent = np.flatnonzero(phase & SPENT)
    assert spent.size
    heat_J = of_cells(site, "reaction_J") + of_cells(site, "held_J")
    of_full = np.minimum(heat_J[spent] / NMC.full_J, 1.0)
    assert (of_full[:2] > 0.85).all() and of_full.min() < 0.8  # the last ones fed all others
    whole_kg = 0.53 * NMC.params.cell.mass_kg
    assert (lost_kg[spent] > 0.99 * whole_kg * of_full).all()  # more where neighbours fed it
    assert (lost_kg[spent] < whole_kg * (1.0 + 1e-9)).all()
    ejected_J, share = of_cells(site, "ejected_J")[spent], of_cells(site, "share")[spent]
    assert (share > NMC.body_share).all()  # of that, matter takes along a part
    left = ejected_J / heat_J[spent]
    assert (left > 0.6).all() and (left < 0.9).all()  # with what neighbours gave, 72 % in all
    capacity = of_cells(site, "capacity_J_per_K")
    whole = site.model.heat_capacity_J_per_K
    kg_per_J_per_K = NMC.params.cell.mass_kg / whole
    assert lost_kg == pytest.approx((whole - capacity) * kg_per_J_per_K, rel=1e-9, abs=1e-15)


def test_without_conductance_and_with_cell_fuses_only_the_heated_cell_is_lost(plant) -> None:
    """A barrier keeps the heat, fuses keep the currents."""
    fuse = CellFuseSpec(rating_A=20.0, least_A=30.0, melting_A2s=500.0)
    apart = {**EIGHT, "thermal__neighbour_W_per_K": 0.01, "cell_fuse": fuse}
    site = heat(plant(**apart), 900, until_s=120)
    assert list(told(site, "cell_runaway")) == [0]
    assert list(told(site, "cell_fuse_blown")) == [0]
    others_K = site.cells.temperature_K[site.topology.cell_slot[1:]]
    assert others_K.max() < 373.15


MEASURED = replace(
    NMC, params=NMC.params.without_charge(np.linspace(0.0, 1.0, 201), charge_J(LG_M50)), full_J=92e3
)
ONE = {**EIGHT, "size__cells_per_group": 1, "runaway": MEASURED}


def test_a_cell_drained_while_hot_burns_what_its_charge_at_the_collapse_makes(
    plant, audited
) -> None:
    """A short takes a fourth of the charge while something cools it; then it is heated again."""
    site = plant(**ONE)
    ledger, slot = audited(site), site.topology.cell_slot[0]
    heat(site, 60, watts=90.0)
    assert of_cells(site, "soc")[0] == pytest.approx(0.95, abs=0.01)
    for tick in range(60_000, 600_000, 1000):
        is_drained, is_over = tick >= 300_000, bool(told(site, "separator_collapsed"))
        site.overlay.cell_short_S[slot] = 0.0 if is_drained else 1.0 / 0.2
        site.overlay.heater_W[slot] = 0.0 if is_over else 60.0 if is_drained else -60.0
        site.advance(tick, tick + 1000, 100)
    ledger.close()
    terms, soc = ledger.as_dict(), of_cells(site, "soc")[0]
    assert told(site, "cell_spent") and told(site, "beyond_reactions")
    assert 0.4 < soc < 0.8
    over = MEASURED.params.over_soc
    fuel_J = MEASURED.params.heat_J() * np.interp(soc, over.soc, over.reactions)
    assert of_cells(site, "reaction_J")[0] == pytest.approx(fuel_J, rel=0.01)
    assert terms["residual_J"] < 1e-9 * terms["reaction_J"]


def test_a_cell_with_little_charge_keeps_a_part_of_it(plant, audited) -> None:
    """Of 20 % the measured heat leaves room for 40 % of the charge; the rest stays for good."""
    site = plant(**{**ONE, "initial_soc": 0.2})
    ledger = audited(site)
    heat(site, 600, watts=80.0, until_s=140)
    ledger.close()
    ledger.observe()
    left_J = ledger.stored_J[site.topology.cell_slot[0]]
    phase = of_cells(site, "phase")[0]
    assert phase & COLLAPSED and phase & DRY
    (beyond,) = [notice for notice in site.notices if notice.code == "beyond_reactions"]
    assert (beyond.component, beyond.limit) == (0, 1.0)
    assert beyond.value == pytest.approx(0.2, abs=0.01)
    given = MEASURED.params.over_soc
    assert np.interp(0.2, given.soc, given.charge) == pytest.approx(0.4, abs=0.01)
    assert left_J == pytest.approx(of_cells(site, "locked_J")[0], rel=0.15)
    assert ledger.as_dict()["residual_J"] < 1e-9 * ledger.as_dict()["heater_J"]


@pytest.mark.parametrize("cells", [1, 3])
def test_a_cell_that_is_fed_gives_as_much_of_its_own_charge(plant, audited, cells: int) -> None:
    """What neighbours push through its short is theirs.

    It is off by half a step of 100 ms at most (0.6 kJ), and by what its polarization still holds
    when it stops (1.1 kJ), which goes to heat as well.
    """
    apart = {"size__cells_per_group": cells, "thermal__neighbour_W_per_K": 0.01}
    site = plant(**{**ONE, **apart, "initial_soc": 0.3})
    ledger, slot = audited(site), site.topology.cell_slot[0]
    ledger.close()
    ledger.observe()
    before_J = ledger.stored_J[slot]
    heat(site, 600, watts=80.0, until_s=140)
    ledger.close()
    ledger.observe()
    locked_J = of_cells(site, "locked_J")[0]
    assert of_cells(site, "phase")[0] & DRY
    assert before_J - ledger.stored_J[slot] == pytest.approx(before_J - locked_J, rel=0.13)


def test_neighbours_feed_a_collapsed_cell(plant) -> None:
    site = plant(**EIGHT)
    at = site.topology.cell_slot
    for tick in range(0, 400_000, 100):
        site.overlay.heater_W[at[0]] = 120.0
        site.advance(tick, tick + 100, 100)
        if told(site, "separator_collapsed"):
            break
    site.overlay.heater_W[:] = 0.0
    site.advance(tick + 100, tick + 200, 100)
    i, v = site.cells.current_A[at], site.cells.voltage_V[at]
    through_A = i - site.cell_arrays.short_S[at] * v
    assert through_A[0] < -200.0  # what its neighbours give goes in by its joint
    assert (through_A[1:] > 30.0).all()
    assert site.cell_arrays.short_S[at[0]] == 1.0 / NMC.short_ohm
    assert i[0] > 100.0  # and it feeds its short itself


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_a_spent_cell_asks_for_a_first_step_of_one_tick_if_it_carried_a_current(
    plant, is_cut_off
) -> None:
    """Which shows what its neighbours carry now; the short step holds either way."""
    site = plant(**EIGHT)
    slot = site.topology.cell_slot[0]
    site.cells.is_broken[slot] = is_cut_off
    site.prepare()
    site.control.probe[0] = 0
    site.state.view("of_runaway").news[slot] = SPENT
    site.runaway.tell(50_000)
    assert site.control.probe[0] == (not is_cut_off)
    assert site.control.alert_until[0] == 51_000


@pytest.mark.parametrize("fused", [False, True])
def test_staged_steps_are_the_compiled_ones_through_a_propagation(plant, fused) -> None:
    more = (
        {"cell_fuse": CellFuseSpec(rating_A=60.0, least_A=90.0, melting_A2s=2e4)} if fused else {}
    )
    compiled, staged = plant(**EIGHT, **more), plant(**EIGHT, **more)
    staged.compiled = None
    heat(compiled, 700)
    heat(staged, 700)
    assert told(compiled, "cell_spent")
    for name, mine in compiled.state.snapshot().items():
        np.testing.assert_array_equal(mine, staged.state.snapshot()[name], err_msg=name)
    assert compiled.notices == staged.notices


def test_a_run_restored_in_mid_runaway_repeats_to_the_last_bit(plant) -> None:
    site, middle_s = heat(plant(**EIGHT), 100), 100
    while not told(site, "cell_runaway"):
        heat(site, middle_s + 1, start_s=middle_s)
        middle_s += 1
    kept = site.state.snapshot()
    heat(site, middle_s + 200, start_s=middle_s)
    other = heat(plant(**EIGHT), 30)  # its scratch is that of another time
    assert not other.state.restore(kept)
    heat(other, middle_s + 200, start_s=middle_s)
    assert told(other, "cell_spent")
    for name, mine in site.state.snapshot().items():
        np.testing.assert_array_equal(mine, other.state.snapshot()[name], err_msg=name)


def test_a_pack_that_stays_cool_is_not_touched_by_its_reactions(plant) -> None:
    """But for what is stored in them: bit for bit."""
    size = {"size__groups_per_module": 12, "size__cells_per_group": 3}
    with_them, without = plant(**size, runaway=NMC), plant(**size)
    for site in (with_them, without):
        site.overlay.cell_short_S[site.topology.cell_slot[5]] = 2.0
        for tick in range(0, 60_000, 1000):
            site.advance(tick, tick + 1000, 100)
    mine, other = with_them.state.snapshot(), without.state.snapshot()
    assert with_them.cells.temperature_K.max() < NMC.gate_K
    for name, values in other.items():
        np.testing.assert_array_equal(mine[name], values, err_msg=name)


def test_the_gate_is_a_matter_of_cost(plant) -> None:
    """From 60 to 100 degC: no difference for the first two cells, 1.8 s of 275 for the last one."""
    when_s = []
    for gate_degC in (60.0, 80.0, 100.0):
        spec = replace(NMC, gate_K=gate_degC + 273.15)
        ran = told(heat(plant(**{**EIGHT, "runaway": spec}), 600), "cell_runaway")
        when_s.append([ran[cell] / 1000.0 for cell in range(8)])
    assert np.ptp(np.array(when_s), axis=0).max() < 2.0


def test_heaters_and_ovens_are_one_flow_of_the_ledger(plant, audited) -> None:
    site = plant(size__cells_per_group=1, thermal__ambient_W_per_K=0.1)
    ledger, at = audited(site), site.topology.cell_slot
    site.overlay.heater_W[at[0]] = 5.0
    site.overlay.oven_K[at[1:]] = 398.15
    site.advance(0, 10_000, 100)
    ledger.close()
    terms = ledger.as_dict()
    oven_W = 0.1 * (398.15 - site.control.ambient_K[0])
    assert terms["heater_J"] == pytest.approx(10.0 * (5.0 + 2 * oven_W), rel=1e-12)
    assert terms["residual_J"] < 1e-8
    rise_K = site.cells.temperature_K[at] - 298.15
    assert rise_K[0] > 0.7 and rise_K[1] > 1.0


def test_cells_hotter_than_an_eruption_without_reactions_keep_their_matter(plant) -> None:
    """No section: heat alone does nothing but warm."""
    site = heat(plant(**{**EIGHT, "runaway": None}), 400, until_s=400)
    assert site.cells.temperature_K.max() > 500.0
    assert not [n for n in site.notices if n.code.startswith(("cell_", "separator"))]
    total = site.flows.total
    assert total[REACTION] == total[EJECTED] == 0.0
    assert math.isclose(total[HEATER], 120.0 * 400.0)
