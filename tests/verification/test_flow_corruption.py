"""One corrupted flow shows in the audit, whichever it is: a millionth, in a run that else closes.

Two ways to be wrong are tried. A flow may be booked wrongly: what the plant's bookkeeping reads is
scaled. Or the truth itself may leak: a current, a voltage, a heat or a temperature is changed
between two stages of the plant's step.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cell_models.contract import LANES
from cell_models.ecm_lanes import PAIRS, V
from packs.flows import FLOWS
from packs.network import (
    BLEED_W,
    DEMAND_A,
    EXTERNAL_W,
    JOINT_W,
    LINK_W,
    PATH_W,
    RAIL_W,
    SHORT_W,
)

ERROR = 1e-6
LOSSES = {
    "short_J": SHORT_W, "joint_J": JOINT_W, "bleed_J": BLEED_W, "busbar_J": LINK_W,
    "path_J": PATH_W, "external_J": EXTERNAL_W, "rail_J": RAIL_W,
}  # fmt: skip
IN_TWO_BALANCES = (
    "short_J", "joint_J", "busbar_J", "rail_J", "pcs_dc_J", "reaction_J", "ejected_J", "caught_J",
    "vented_J",
)  # fmt: skip
"""Lost by one balance and gained by the next: heat of the wiring at the cells, DC power, heat of
reactions, what cells hand to the gas."""
AS_THEY_HAPPEN = (
    "heater_J", "reaction_J", "ejected_J", "fuelled_J", "caught_J", "vented_J", "latent_J",
    "solids_J", "walls_J",
)  # fmt: skip
"""Booked by the stage that makes them."""
WIRING = {"capacitor_J": ("link_capacitance_F", 1.0), "link_bleed_J": ("link_bleed_ohm", -1.0)}
"""What the flow is proportional to, or to its inverse."""


def of_flow(plant, flow):
    """Return the array and the entry from which one of a step's flows is booked."""
    if flow in LOSSES:
        return plant.site_arrays.losses, LOSSES[flow]
    return {
        "pcs_dc_J": (plant.network.bus, DEMAND_A),
        "pcs_ac_J": (plant.pcs_view.ac_power_W, 0),
        "pcs_loss_J": (plant.pcs_view.loss_W, 0),
        "coolant_J": (plant.site_arrays.heat_J, 0),
        "air_J": (plant.site_arrays.heat_J, 1),
    }[flow]


def step_wrong(plant, flow):
    """Let one flow that a stage books by itself be too large by `ERROR`."""
    healthy, k, sums = plant.step, FLOWS.index(flow), plant.flows

    def wrong(tick, length):
        before_J = sums.total[k] + sums.low[k]
        healthy(tick, length)
        sums.low[k] += ERROR * (sums.total[k] + sums.low[k] - before_J)

    plant.step, plant.compiled = wrong, None


def book_wrong(plant, flow):
    """Let one flow be booked too large by `ERROR`, and nothing else be touched."""
    if flow in AS_THEY_HAPPEN:
        step_wrong(plant, flow)
        return
    healthy, spec = plant.book_flows, plant.spec

    def wrong(step_s):
        if flow in WIRING:
            name, power = WIRING[flow]
            value = getattr(spec.wiring, name) * (1.0 + ERROR) ** power
            plant.spec = replace(spec, wiring=replace(spec.wiring, **{name: value}))
            healthy(step_s)
            plant.spec = spec
            return
        array, k = of_flow(plant, flow)
        kept = array[k]
        array[k] = kept * (1.0 + ERROR)
        healthy(step_s)
        array[k] = kept

    plant.book_flows, plant.compiled = wrong, None


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_booked_wrong_by_a_millionth_shows(audit, every_flow, flow) -> None:
    """In full: the residual is a millionth of that flow, however small, in each of its balances."""
    clean = audit(*every_flow)
    terms = audit(*every_flow, change=lambda engine: book_wrong(engine.plant, flow))
    added_J = ERROR / (1.0 + ERROR) * abs(terms[flow])
    expected_J = (1 + (flow in IN_TWO_BALANCES)) * added_J
    # The clean residual may add to it or take from it, in each of four balances.
    assert terms["residual_J"] == pytest.approx(expected_J, rel=1e-6, abs=4 * clean["residual_J"])
    assert terms["residual_J"] > 100.0 * clean["residual_J"]
    assert terms["residual_J"] > 1e-9 * abs(terms[flow])


def before_cells_current(plant):
    plant.cells.current_A *= 1.0 + ERROR


def before_cells_voltage(plant):
    plant.cells.voltage_V *= 1.0 + ERROR


def one_cells_current(plant):
    plant.cells.current_A[plant.topology.cell_slot[4]] *= 1.0 + ERROR


def cell_heat(plant):
    plant.cells.heat_W *= 1.0 + ERROR


def heat_of_joints_and_shorts(plant):
    plant.cell_arrays.extra_W[:] *= 1.0 + ERROR


def heat_of_busbars(plant):
    plant.group_arrays.link_W[:] *= 1.0 + ERROR


def bus_voltage(plant):
    plant.network.bus[0] *= 1.0 + ERROR


def ac_power(plant):
    plant.pcs_view.ac_power_W *= 1.0 + ERROR


def warmth(plant):
    gained_K = plant.cells.temperature_K - plant.spec.initial_temperature_K
    plant.cells.temperature_K += ERROR * gained_K


def plate_warmth(plant):
    plant.heat.plate_K += ERROR * (plant.heat.plate_K - plant.spec.initial_temperature_K)


def stored_charge(plant):
    plant.cells.lanes[3] += 1e-9  # A s a step, in a cell of 10,000 A s


def polarisation(plant):
    block = plant.model.n_fields * LANES
    lanes = plant.cells.lanes[: block * plant.topology.n_cell_slots // LANES].reshape(-1, block)
    first = int(PAIRS + V)  # the voltage over the first RC pair
    lanes[:, first : first + LANES] *= 1.0 + ERROR


LEAKS = [
    ("advance_cells", before_cells_current, "residual_network_J"),
    ("advance_cells", before_cells_voltage, "residual_network_J"),
    ("advance_cells", one_cells_current, "residual_network_J"),
    ("advance_heat", cell_heat, "residual_thermal_J"),
    ("advance_heat", heat_of_joints_and_shorts, "residual_thermal_J"),
    ("advance_heat", heat_of_busbars, "residual_thermal_J"),
    ("book_flows", bus_voltage, "residual_network_J"),
    ("book_flows", ac_power, "residual_pcs_J"),
    ("book_flows", warmth, "residual_thermal_J"),
    ("book_flows", plate_warmth, "residual_thermal_J"),
    ("book_flows", stored_charge, "residual_cells_J"),
    ("book_flows", polarisation, "residual_cells_J"),
]


@pytest.mark.parametrize(
    ("stage", "leak", "where"), LEAKS, ids=[leak[1].__name__ for leak in LEAKS]
)
def test_a_leak_in_the_truth_shows_in_the_balance_of_its_place(audit, stage, leak, where) -> None:
    clean = audit()

    def change(engine):
        plant, healthy = engine.plant, getattr(engine.plant, stage)

        def leaking(step_s):
            leak(plant)
            healthy(step_s)

        setattr(plant, stage, leaking)
        plant.compiled = None  # stage by stage

    terms = audit(change=change)
    assert abs(terms[where]) > 100.0 * clean["residual_J"]
    others = {
        name: abs(terms[name])
        for name in terms
        if name.startswith("residual_") and name not in (where, "residual_J")
    }
    assert abs(terms[where]) > max(others.values())  # and it says in which balance to look


def test_charge_that_appears_from_nowhere_shows_in_the_charge_balance(audit) -> None:
    def change(engine):
        plant, healthy = engine.plant, engine.plant.book_flows

        def leaking(step_s):
            stored_charge(plant)
            healthy(step_s)

        plant.book_flows, plant.compiled = leaking, None

    terms = audit(change=change)
    # 1e-9 A s in each step; the run has a few more than 600, short ones while contactors move.
    steps = terms["charge_residual_As"] / 1e-9
    assert 600 <= np.round(steps) < 640
    assert terms["charge_residual"] > 1e-12


def test_a_current_of_the_network_that_the_cells_do_not_feel_shows_in_the_charge_balance(
    audit,
) -> None:
    """What the network says left the groups is held against what their cells have lost."""
    clean = audit()

    def change(engine):
        plant, healthy = engine.plant, engine.plant.book_flows

        def leaking(step_s):
            plant.group_arrays.out_A[:] *= 1.0 + ERROR
            healthy(step_s)

        plant.book_flows, plant.compiled = leaking, None

    terms = audit(change=change)
    assert clean["charge_residual"] < 1e-12
    # All of the charge through the groups errs by a millionth; most flows one way, then back.
    assert 1e-8 < terms["charge_residual"] < 1.01 * ERROR
