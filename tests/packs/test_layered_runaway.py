"""Runaway through the thickness of cells: a front in a stack, its energy, both ways of stepping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cell_models.conduction import Layer, stack_nodes
from cell_models.ecm_params import load_ecm_params
from cell_models.runaway_params import load_runaway_params
from cell_models.runaway_tables import amounts, kernel_tables
from packs.burning import COLLAPSED, ERUPTED, RAN, SPENT
from packs.heat_spec import BarrierSpec, LayersSpec
from packs.layer_links import node_of
from packs.spec import RunawaySpec
from validation.runaway.cells import FIRST_ORDER, one_step
from validation.runaway.line import Line, first_above

THICK_M, AREA_M2, K_W_PER_MK, CONTACT = 0.007, 0.12 * 0.04, 0.5, 0.004
COLD_K, HOT_K = 294.15, 700.0
MASS_KG = 1800.0 * AREA_M2 * THICK_M
"""The cells of LIM1TR's example of propagation (`validation.runaway.chains`), without its block and
its losses: the first one is hot at the start."""


def reference(cells: int, seconds: float) -> list[float]:
    """Return when each cell is half converted, on 35 nodes a cell and 10 ms [s]."""
    layer = Layer(
        thickness_m=THICK_M, node_m=0.0002, conductivity_W_per_mK=K_W_PER_MK,
        density_kg_per_m3=1800.0, specific_heat_J_per_kgK=800.0,
    )  # fmt: skip
    nodes = stack_nodes((layer,) * cells, (CONTACT,) * (cells - 1), AREA_M2)
    tables = kernel_tables(one_step(**FIRST_ORDER))
    extents, _ = amounts(tables, np.ones(len(nodes.layer)))
    line = Line(
        tables, nodes.capacity_J_per_K, np.where(nodes.layer == 0, HOT_K, COLD_K), extents,
        630.0 * nodes.capacity_J_per_K, links_W_per_K=nodes.link_W_per_K,
    )  # fmt: skip
    left = []
    for _ in range(round(seconds / 0.01)):
        line.step(0.01)
        left.append([line.extents[nodes.layer == cell].mean() for cell in range(cells)])
    time_s = 0.01 * np.arange(1, len(left) + 1)
    return [first_above(time_s, -np.array(left)[:, cell], -0.5) for cell in range(cells)]


def pouches(plant, count, cells=4, *, hot=HOT_K, **more):
    """Return the same stack as a pack: one module of single cells, side by side."""
    params = load_ecm_params("lg_m50")
    params = replace(params, mass_kg=MASS_KG, heat_capacity_J_per_K=800.0 * MASS_KG)
    kinetics = one_step(**FIRST_ORDER)
    kinetics = replace(
        kinetics, cell=replace(kinetics.cell, mass_kg=MASS_KG),
        reactions=(replace(kinetics.reactions[0], mass_kg=MASS_KG),),
    )  # fmt: skip
    layers = LayersSpec(
        count=count, through_W_per_K=K_W_PER_MK * AREA_M2 / THICK_M, along_columns=True
    )
    site = plant(**{
        "size__modules": (1,), "size__groups_per_module": cells, "size__cells_per_group": 1,
        "layout__columns": cells, "params": params,
        "thermal__neighbour_W_per_K": AREA_M2 / CONTACT, "thermal__ambient_W_per_K": 0.0,
        "thermal__plate_W_per_K": 0.0, "thermal__layers": layers if count else None,
        "initial_temperature_K": COLD_K, "alert_step_s": 0.1,
        "runaway": RunawaySpec(
            params=kinetics, gate_K=303.15, body_share=1.0, ejected_mass=0.0, separator_K=2000.0,
            short_ohm=0.01, full_J=1.0,
        ),
        **more,
    })  # fmt: skip
    site.cells.temperature_K[site.topology.cell_slot[0]] = hot
    return site


def half_converted(site, seconds, step_ms=100):
    """Run; return when each cell is half converted [s]."""
    n = max(site.runaway._nodes, 1)
    left = []
    for tick in range(0, round(1000 * seconds), step_ms):
        site.advance(tick, tick + step_ms, step_ms)
        left.append(site.runaway.view.extents.reshape(-1, n).mean(axis=1)[site.topology.cell_slot])
    time_s = 0.001 * step_ms * np.arange(1, len(left) + 1)
    return [first_above(time_s, -np.array(left)[:, k], -0.5) for k in range(len(left[0]))]


def hot_spot(site, layers, kelvin):
    """Heat the first layers of the first cell, of a lumped cell its mean by the same energy."""
    slot, spec = site.topology.cell_slot[0], site.spec.thermal.layers
    if spec is not None:
        hot = [node_of(slot, k, spec.count) for k in range(layers)]
        site.state.view("layers").temperature_K[hot] = kelvin
    site.cells.temperature_K[slot] = COLD_K + (kelvin - COLD_K) * layers / 20


def test_a_front_crosses_a_stack_as_in_a_line_five_times_as_fine_in_space_and_time(plant) -> None:
    """Crossed after 37.8 s; 2 % later with 20 layers of 0.35 mm, 14 with 10, 56 with 5."""
    whole_s = np.ptp(reference(4, 60.0))
    late = [np.ptp(half_converted(pouches(plant, n), 70.0)) / whole_s - 1.0 for n in (5, 10, 20)]
    assert late == pytest.approx([0.55, 0.13, 0.02], abs=0.02)


def test_a_front_hardly_depends_on_the_step(plant) -> None:
    """Reactions take steps of their own, and a step of 100 ms is short beside a layer's 1 s."""
    long, short = (
        half_converted(pouches(plant, 10, alert_step_s=0.001 * ms), 60.0, ms) for ms in (100, 10)
    )
    assert np.ptp(long) == pytest.approx(np.ptp(short), rel=0.005)


def test_a_hot_spot_sets_off_a_layered_stack_and_a_lumped_cell_never_sees_it(plant) -> None:
    """A fifth of the first cell at 700 K, rims in air: on average that is 102 degC."""
    rim = {"thermal__ambient_W_per_K": 10.0 * 2 * (0.12 + 0.04) * THICK_M}
    layered, lumped = pouches(plant, 20, **rim), pouches(plant, 0, **rim)
    for site in (layered, lumped):
        hot_spot(site, 4, HOT_K)
        site.control.ambient_K[0] = COLD_K
    when_s = half_converted(layered, 60.0)
    assert np.diff(when_s) == pytest.approx([17.0, 15.9, 16.1], abs=0.5)
    assert np.isnan(half_converted(lumped, 600.0)).all()
    assert lumped.cells.temperature_K.max() < 400.0


# --- with separators, shorts and matter that leaves --------------------------------------------

POUCH = RunawaySpec(
    params=load_runaway_params("nmc_21700_arc"), gate_K=353.15, body_share=0.45,
    ejected_mass=0.4, separator_K=453.15, short_ohm=0.01, full_J=108e3,
)  # fmt: skip


def five(plant, count=8, **more):
    """Five cells of two in parallel, with a barrier between groups."""
    return plant(**{
        "size__modules": (1,), "size__groups_per_module": 5, "size__cells_per_group": 2,
        "layout__columns": 5, "thermal__neighbour_W_per_K": 2.0, "initial_soc": 0.95,
        "thermal__layers": LayersSpec(count=count, through_W_per_K=0.35, along_columns=True),
        "thermal__barriers": (BarrierSpec(between="columns", W_per_K=0.5, name="a sheet"),),
        "alert_step_s": 0.1, "runaway": POUCH, **more,
    })  # fmt: skip


def burn(site, seconds, start_s=0):
    """Short the first cell by a nail and run on."""
    site.overlay.cell_short_S[site.topology.cell_slot[0]] = 20.0
    for tick in range(1000 * start_s, 1000 * seconds, 1000):
        site.advance(tick, tick + 1000, 500)
    return site


@pytest.fixture(scope="module")
def burnt(plant, audited):
    site = five(plant)
    ledger = audited(site)
    burn(site, 400)
    ledger.close()
    return site, ledger.as_dict()


def test_energy_closes_to_rounding_through_a_propagation_by_layers(burnt) -> None:
    site, terms = burnt
    assert terms["reaction_J"] > 5e4 and terms["ejected_J"] > 2e4
    assert terms["residual_J"] < 1e-12 * (terms["reaction_J"] + terms["throughput_J"])
    assert terms["charge_residual"] < 1e-10


def test_matter_leaves_the_layers_that_burn_and_the_mean_is_that_of_what_is_left(burnt) -> None:
    site, _ = burnt
    of, view, at = site.state.view("layers"), site.runaway.view, site.topology.cell_slot
    nodes = np.stack([node_of(at, k, 8) for k in range(8)], axis=1)
    C, T = of.capacity_J_per_K[nodes], of.temperature_K[nodes]
    assert C.sum(axis=1) == pytest.approx(view.capacity_J_per_K[at], rel=1e-13)
    mean_K = (C * T).sum(axis=1) / C.sum(axis=1)
    assert site.cells.temperature_K[at] == pytest.approx(mean_K, rel=1e-13)
    assert of.hottest_K[at] == pytest.approx(T.max(axis=1), rel=0.0)
    spent = np.flatnonzero(view.phase[at] & SPENT)
    assert spent.size >= 2
    whole = site.model.heat_capacity_J_per_K
    heat_J = view.reaction_J[at] + view.held_J[at]
    leaves = POUCH.ejected_mass * np.minimum(heat_J[spent] / POUCH.full_J, 1.0)
    assert C[spent].sum(axis=1) == pytest.approx((1.0 - leaves) * whole, rel=0.05)
    phases = COLLAPSED | RAN | ERUPTED
    assert (view.phase[at][spent] & phases == phases).all()


def test_a_cell_is_spent_only_when_its_last_layer_has_burnt(burnt) -> None:
    site, _ = burnt
    ran = {n.component: n.tick for n in site.notices if n.code == "cell_runaway"}
    spent = {n.component: n.tick for n in site.notices if n.code == "cell_spent"}
    view, at = site.runaway.view, site.topology.cell_slot
    left = view.extents.reshape(-1, 8, site.runaway._n_slots)[:, :, 0]
    for cell, tick in spent.items():
        assert tick > ran[cell]
        assert (left[at[cell]] < 0.5).all()


def test_staged_steps_are_the_compiled_ones_layer_by_layer(plant) -> None:
    compiled, staged = five(plant), five(plant)
    staged.compiled = None
    burn(compiled, 150)
    burn(staged, 150)
    assert any(n.code == "cell_spent" for n in compiled.notices)
    for name, mine in compiled.state.snapshot().items():
        np.testing.assert_array_equal(mine, staged.state.snapshot()[name], err_msg=name)
    assert compiled.notices == staged.notices


def test_a_run_restored_in_mid_front_repeats_to_the_last_bit(plant) -> None:
    site = burn(five(plant), 60)
    kept = site.state.snapshot()
    burn(site, 150, 60)
    other = burn(five(plant), 10)
    assert not other.state.restore(kept)
    burn(other, 150, 60)
    for name, mine in site.state.snapshot().items():
        np.testing.assert_array_equal(mine, other.state.snapshot()[name], err_msg=name)


def test_a_layered_pack_that_stays_cool_is_not_touched_by_its_reactions(plant) -> None:
    with_them, without = five(plant), five(plant, runaway=None)
    for site in (with_them, without):
        site.overlay.cell_short_S[site.topology.cell_slot[5]] = 1.0
        site.overlay.heater_W[site.topology.cell_slot[2]] = 3.0
        for tick in range(0, 30_000, 1000):
            site.advance(tick, tick + 1000, 100)
    mine, other = with_them.state.snapshot(), without.state.snapshot()
    assert with_them.state.view("layers").hottest_K.max() < POUCH.gate_K
    for name, values in other.items():
        np.testing.assert_array_equal(mine[name], values, err_msg=name)
