"""One corrupted flow shows in the audit, whichever it is: a millionth, in a run that else closes.

Two ways to be wrong are tried. A flow may be booked wrongly: an argument of the plant's bookkeeping
is scaled. Or the truth itself may leak: a current, a voltage, a heat or a temperature is changed
between two stages of the plant's step.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from packs import plant as plant_module
from packs.plant import FLOWS

ERROR = 1e-6
LOSSES = {"short_J": 0, "joint_J": 1, "bleed_J": 2, "busbar_J": 3, "path_J": 4}
IN_TWO_BALANCES = ("short_J", "joint_J", "busbar_J", "pcs_dc_J")
"""Lost by one balance and gained by the next: heat of the wiring at the cells, DC power."""
SCALARS = {"capacitor_J": "capacitance_F", "pcs_ac_J": "ac_power_W", "pcs_loss_J": "pcs_loss_W"}


def scaled(array, k):
    """Return a copy with one entry too large by `ERROR`."""
    copy = array.copy()
    copy[k] *= 1.0 + ERROR
    return copy


def corrupt(flow, arguments):
    """Make one of the step's flows too large by `ERROR`."""
    if flow in LOSSES:
        arguments["loss_W"] = scaled(arguments["loss_W"], LOSSES[flow])
    elif flow in SCALARS:
        arguments[SCALARS[flow]] *= 1.0 + ERROR
    elif flow == "link_bleed_J":
        arguments["bleed_ohm"] /= 1.0 + ERROR
    elif flow == "pcs_dc_J":
        arguments["bus"] = scaled(arguments["bus"], 1)
    else:
        arguments["heat_J"] = scaled(arguments["heat_J"], ["coolant_J", "air_J"].index(flow))


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_booked_wrong_by_a_millionth_shows(audit, monkeypatch, flow) -> None:
    """In full: the residual is a millionth of that flow, however small, in each of its balances."""
    clean, book = audit(), plant_module.book
    names = list(inspect.signature(book.py_func).parameters)

    def wrong(*arguments):
        named = dict(zip(names, arguments, strict=True))
        corrupt(flow, named)
        book(*named.values())

    monkeypatch.setattr(plant_module, "book", wrong)
    terms = audit()
    expected_J = (1 + (flow in IN_TWO_BALANCES)) * ERROR / (1.0 + ERROR) * abs(terms[flow])
    # The clean residual may add to it or take from it, in each of four balances.
    assert terms["residual_J"] == pytest.approx(expected_J, rel=1e-6, abs=4 * clean["residual_J"])
    assert terms["residual_J"] > 100.0 * clean["residual_J"]
    assert terms["residual_J"] > 1e-9 * abs(terms[flow])


def before_cells_current(plant):
    plant.cells.current_A[: plant.topology.n_cells] *= 1.0 + ERROR


def before_cells_voltage(plant):
    plant.cells.voltage_V[: plant.topology.n_cells] *= 1.0 + ERROR


def one_cells_current(plant):
    plant.cells.current_A[4] *= 1.0 + ERROR


def cell_heat(plant):
    plant.cells.heat_W *= 1.0 + ERROR


def rack_current(plant):
    plant.network.rack_current_A *= 1.0 + ERROR


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
    lanes = plant.cells.lanes.reshape(-1, plant.model.n_fields, 32)
    lanes[:, 2, :] *= 1.0 + ERROR  # the voltage over the first RC pair


LEAKS = [
    ("advance_cells", before_cells_current, "residual_network_J"),
    ("advance_cells", before_cells_voltage, "residual_network_J"),
    ("advance_cells", one_cells_current, "residual_network_J"),
    ("advance_heat", cell_heat, "residual_thermal_J"),
    ("advance_heat", rack_current, "residual_network_J"),
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

        plant.book_flows = leaking

    terms = audit(change=change)
    # 1e-9 A s in each step; the run has a few more than 600, short ones while contactors move.
    steps = terms["charge_residual_As"] / 1e-9
    assert 600 <= np.round(steps) < 640
    assert terms["charge_residual"] > 1e-12
