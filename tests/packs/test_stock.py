"""Stock and balances against sums in exact arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from packs.flows import FLOWS
from packs.spec import LayoutSpec, SizeSpec
from packs.stock import GAS, TERMS, WIRING, charge_balance, strike_balance, take_stock
from packs.topology import build_topology

SIZE = SizeSpec(modules=(3, 6), groups_per_module=40, cells_per_group=2)
TOP = build_topology(
    SIZE, LayoutSpec(columns=8, pitch_m=0.02)
)  # 120 and 240 groups: lanes to spare
N, GROUPS, REFERENCE_K, LINK_J = TOP.n_cells, TOP.n_groups, 298.15, 122.5
REACTION_J = 4.2e4
GAS_J = 2.5e3


def by_slot(values, spare):
    """Put values of cells or groups into their slots, with `spare` in the lanes that hold none."""
    slots, n = (
        (TOP.cell_slot, TOP.n_cell_slots)
        if len(values) == N
        else (TOP.group_slot, TOP.n_group_slots)
    )
    array = np.full(n, spare, dtype=np.float64)
    array[slots] = values
    return array


def cells(seed=3):
    rng = np.random.default_rng(seed)
    of_cells = {
        "stored_J": rng.uniform(3e4, 5e4, N),
        "cell_J_per_K": rng.uniform(40.0, 80.0, N),
        "temperature_K": REFERENCE_K + rng.uniform(-40.0, 40.0, N),
    }
    of_plates = {
        "plate_J_per_K": np.full(GROUPS, 80.0),
        "plate_K": REFERENCE_K + rng.uniform(-5.0, 5.0, GROUPS),
    }
    pack = {
        "stored_J": by_slot(of_cells["stored_J"], 1e9),  # spare lanes must not count
        "used": TOP.cell_used,
        "cell_J_per_K": by_slot(of_cells["cell_J_per_K"], 0.0),
        "temperature_K": by_slot(of_cells["temperature_K"], 1e3),
        "plate_J_per_K": by_slot(of_plates["plate_J_per_K"], 0.0),
        "plate_K": by_slot(of_plates["plate_K"], 1e3),
        "reference_K": REFERENCE_K,
        "link_J": LINK_J,
        "reaction_J": REACTION_J,
        "gas_J": GAS_J,
    }
    return pack, of_cells | of_plates


def charges(seed=4):
    """Return start, high and low charge of the cells, and what left the groups, all by slot."""
    rng = np.random.default_rng(seed)
    start_As = rng.uniform(9e3, 11e3, N)
    charge_As, low_As = start_As - rng.uniform(-50.0, 50.0, N), rng.normal(size=N) * 1e-12
    out_As = (start_As - charge_As).reshape(GROUPS, -1).sum(axis=1)
    parts = start_As, charge_As, low_As, out_As, rng.normal(size=GROUPS) * 1e-12
    spare = 1e4, 1e4, 0.0, 0.0, 0.0  # spare lanes lose nothing
    return tuple(by_slot(part, value) for part, value in zip(parts, spare, strict=True))


def test_stock_is_the_exactly_rounded_sum_over_the_cells() -> None:
    (pack, of), stock = cells(), np.zeros(5)
    take_stock(*pack.values(), stock)
    assert stock[0] == math.fsum(of["stored_J"])
    warmth_J = math.fsum(of["cell_J_per_K"] * (of["temperature_K"] - REFERENCE_K))
    warmth_J += math.fsum(of["plate_J_per_K"] * (of["plate_K"] - REFERENCE_K))
    assert stock[1] == pytest.approx(warmth_J, rel=1e-15)  # three roundings
    assert stock[2] == LINK_J
    assert stock[3] == REACTION_J
    assert stock[4] == GAS_J


def test_charge_that_misses_in_two_groups_does_not_cancel() -> None:
    start_As, charge_As, low_As, out_As, out_low_As = charges()
    clean = charge_balance(2, start_As, charge_As, low_As, out_As, out_low_As)
    assert clean[0] == math.fsum(out_As + out_low_As)
    assert clean[1] < GROUPS * 4e-12  # a rounding of 10 kA s in every group
    charge_As[TOP.cell_slot[0]] += 1.0
    charge_As[TOP.cell_slot[7]] -= 1.0
    missed = charge_balance(2, start_As, charge_As, low_As, out_As, out_low_As)[1]
    assert missed == pytest.approx(2.0, rel=1e-9)


def terms(change=None):
    """Return the terms of a plant whose books close; `change` may alter its flows [J]."""
    (pack, _), stock, values = cells(), np.zeros(5), np.zeros(len(TERMS))
    take_stock(*pack.values(), stock)
    flow = dict(zip(FLOWS, np.arange(1.0, 1.0 + len(FLOWS)) * 100.0, strict=True))
    flow["pcs_loss_J"] = flow["pcs_dc_J"] - flow["pcs_ac_J"]
    link_J, heat_J = 30.0, 5000.0
    terminal_J = link_J + sum(flow[name] for name in FLOWS[:WIRING])
    warmed_J = heat_J + sum(flow[name] for name in ("short_J", "joint_J", "busbar_J", "rail_J"))
    warmed_J += flow["heater_J"] + flow["reaction_J"] + flow["caught_J"] + flow["walls_J"]
    cooled_J = flow["coolant_J"] + flow["air_J"] + flow["ejected_J"] + flow["vented_J"]
    gas = dict(zip(GAS, np.arange(1.0, 1.0 + len(GAS)) * 200.0, strict=True))
    gone_J = flow["latent_J"] + flow["caught_J"] + flow["solids_J"]
    gas["gas_ejecta_J"] = flow["ejected_J"] + flow["vented_J"] - gone_J
    gained_J = sum(gas.values()) - 2.0 * (gas["gas_outflow_J"] + gas["gas_wall_J"])
    burnt_J = flow["reaction_J"] - flow["fuelled_J"]
    gains = -(heat_J + terminal_J), warmed_J - cooled_J, link_J, -burnt_J, gained_J
    if change:
        both = flow | gas
        change(both)
        flow = {name: both[name] for name in flow}
        gas = {name: both[name] for name in gas}
    sums = np.array([terminal_J, heat_J, heat_J - 5.0, 4.0, 1.0])
    strike_balance(
        *pack.values(), stock - gains, sums, np.array(list(flow.values())),
        np.zeros(len(FLOWS)), np.array(list(gas.values())), np.array([1e5, 1e4]), 2, *charges(),
        np.array([1e-11, 1e-13, 1e-14]), values,
    )  # fmt: skip
    return dict(zip(TERMS, values.tolist(), strict=True))


def test_books_that_close_leave_rounding() -> None:
    found = terms()
    assert found["residual_J"] < 1e-6  # roundings of 30 MJ stored
    flowed_J = 1e5 + found["heater_J"] + found["reaction_J"] + found["gas_burnt_J"]
    assert found["residual"] == found["residual_J"] / flowed_J
    assert found["heat_mismatch"] == pytest.approx(5.0 / 4995.0, rel=1e-12)
    worst = ("network_residual_A", "network_residual", "splitting_residual_V")
    assert [found[name] for name in worst] == [1e-11, 1e-13, 1e-14]


BALANCES = {
    "short_J": "network thermal", "joint_J": "network thermal", "bleed_J": "network",
    "busbar_J": "network thermal", "path_J": "network", "capacitor_J": "network",
    "link_bleed_J": "network", "external_J": "network",
    "rail_J": "network thermal",
    "pcs_dc_J": "network pcs", "pcs_ac_J": "pcs", "pcs_loss_J": "pcs",
    "coolant_J": "thermal", "air_J": "thermal", "heater_J": "thermal", "ejected_J": "thermal gas",
    "reaction_J": "thermal reaction", "fuelled_J": "reaction", "caught_J": "thermal gas",
    "vented_J": "thermal gas", "latent_J": "gas", "solids_J": "gas", "walls_J": "thermal",
    "gas_ejecta_J": "gas gas", **dict.fromkeys(GAS[1:], "gas"),
}  # fmt: skip


@pytest.mark.parametrize("name", (*FLOWS, *GAS))
def test_a_wrong_flow_shows_in_its_balances_and_in_no_other(name) -> None:
    clean = terms()
    wrong = terms(lambda flows: flows.update({name: flows[name] + 1.0}))
    for balance in ("cells", "network", "pcs", "thermal", "reaction", "gas"):
        term = f"residual_{balance}_J"
        expected = float(BALANCES[name].split().count(balance))
        assert abs(wrong[term] - clean[term]) == pytest.approx(expected, abs=1e-6)
    assert wrong["residual_J"] == pytest.approx(float(len(BALANCES[name].split())), abs=1e-6)
