"""The stock taken of a plant, and the six balances struck on it: the ledger's arithmetic.

Stored terms come from states alone; flows come in as the compensated sums that the run has made.
Every sum over cells or groups is compensated (TwoSum: Ogita, Rump and Oishi, SIAM J. Sci. Comput.
26 (2005) 1955, https://doi.org/10.1137/030601818, algorithm 4.4), as accurate as if it were formed
in twice the precision and rounded once.
"""

from __future__ import annotations

from cell_models.compensated import two_sum
from cell_models.contract import LANES
from cell_models.jit import kernel
from packs.flows import (
    CAUGHT,
    EJECTED,
    FLOWS,
    FUELLED,
    HEATER,
    LATENT,
    REACTION,
    SOLIDS,
    VENTED_HEAT,
    WALLS,
    WIRING_FLOWS,
)
from packs.thermal import heat_above

STORED = (
    "stored_chemical_J", "stored_thermal_J", "stored_link_J", "stored_reaction_J", "stored_gas_J",
)  # fmt: skip
GAS = ("gas_ejecta_J", "gas_inflow_J", "gas_air_J", "gas_burnt_J", "gas_outflow_J", "gas_wall_J")
"""Flows of the gas of all modules since the start, as in `packs.enclosure.FLOWS`."""
SUMS = ("terminal_J", "heat_J", "dissipated_J", "quadrature_J", "refresh_J")
"""Running sums that every cell keeps."""

TERMS = (
    *STORED, *SUMS, *FLOWS, *GAS,
    "throughput_J", "residual_cells_J", "residual_network_J", "residual_pcs_J",
    "residual_thermal_J", "residual_reaction_J", "residual_gas_J", "residual_J", "residual",
    "heat_mismatch",
    "charge_moved_As", "charge_residual_As", "charge_residual", "network_residual_A",
    "network_residual", "splitting_residual_V",
)  # fmt: skip
"""What `strike_balance` writes, in this order; those without a unit are relative to the throughput,
to which `residual` adds heat of reactions, heaters and flames, or to the heat."""

WIRING = len(WIRING_FLOWS) + 1
"""So many of `FLOWS`, from the first, leave the cells' terminals: all up to the PCS, DC side."""
AT_SUMS = len(STORED)
AT_FLOWS = AT_SUMS + len(SUMS)
AT_GAS = AT_FLOWS + len(FLOWS)
AT_REST = AT_GAS + len(GAS)
"""Where each part of `TERMS` begins."""
BURNT = GAS.index("gas_burnt_J")
SHORT, JOINT, BUSBAR, RAIL, DC, AC, LOSS, COOLANT, AIR = (
    FLOWS.index(f"{name}_J")
    for name in (
        "short", "joint", "busbar", "rail", "pcs_dc", "pcs_ac", "pcs_loss", "coolant", "air"
    )
)  # fmt: skip


@kernel
def take_stock(
    stored_J, used, cell_J_per_K, temperature_K, plate_J_per_K, plate_K, reference_K, link_J,
    reaction_J, gas_J, stock,
):  # fmt: skip
    """Write what cells, temperatures and DC link hold now, in the order of `STORED`.

    Parameters
    ----------
    stored_J, used : float64 (n_cell_slots,)
        Of every cell; 0 in spare lanes, else 1.
    cell_J_per_K, temperature_K : float64 (n_cell_slots,)
    plate_J_per_K, plate_K : float64 (n_group_slots,), or more with housings behind
        Heat capacities are 0 in spare lanes.
    reference_K : float
        Where the heat stored counts from.
    link_J : float
        In the capacitance of the DC link.
    reaction_J : float
        In the reactants of all cells.
    gas_J : float
        Of the gas in all modules and of what has condensed of it, from 0 K.
    stock : float64 (5 or more,), written
    """
    high = low = 0.0
    for c in range(len(cell_J_per_K)):
        high, low = two_sum(high, low, stored_J[c] * used[c])
    stock[0] = high + low
    warmth_J = heat_above(cell_J_per_K, temperature_K, reference_K)
    stock[1] = warmth_J + heat_above(plate_J_per_K, plate_K, reference_K)
    stock[2] = link_J
    stock[3] = reaction_J
    stock[4] = gas_J


@kernel
def charge_balance(p, start_As, charge_As, charge_low_As, out_As, out_low_As):
    """Give the charge that left all groups, the sum of ``|lost - left|`` over them, and what cells
    lost or gained in all, to shorts and each other included [A s].

    Parameters
    ----------
    p : int
        Cells per group.
    start_As, charge_As, charge_low_As : float64 (n_cell_slots,)
        In every cell at the start; now, high and low part.
    out_As, out_low_As : float64 (n_group_slots,)
        What the network's currents carried out of every group, high and low part.
    """
    moved = moved_low = missed = missed_low = stirred = 0.0
    for group in range(len(out_As)):
        block, lane = divmod(group, LANES)
        out = out_As[group] + out_low_As[group]
        lost = 0.0
        for place in range(p):
            c = (block * p + place) * LANES + lane
            of_cell = (start_As[c] - charge_As[c]) - charge_low_As[c]
            lost += of_cell
            stirred += abs(of_cell)
        moved, moved_low = two_sum(moved, moved_low, out)
        missed, missed_low = two_sum(missed, missed_low, abs(lost - out))
    return moved + moved_low, missed + missed_low, stirred


@kernel
def gas_balance(gained_J, gas, flow):
    """Give what the gas misses of its flows, and cells and gas of each other's [J].

    Where modules have gas, ejecta that no cell caught and what vented gas paid are in the gas; else
    all that is ejected is gone.
    """
    missed = gained_J - (gas[0] + gas[1] + gas[2] + gas[3] - gas[4] - gas[5])
    taken = gas[0] + flow[LATENT] + flow[CAUGHT] + flow[SOLIDS]
    if taken == 0.0 and flow[VENTED_HEAT] == 0.0:
        return missed
    return abs(missed) + abs(taken - flow[EJECTED] - flow[VENTED_HEAT])


@kernel
def strike_balance(
    stored_J, used, cell_J_per_K, temperature_K, plate_J_per_K, plate_K, reference_K, link_J,
    reaction_J, gas_J, start, sums, total, low, gas_flows, throughput, p, start_As, charge_As,
    charge_low_As, out_As, out_low_As, worst, values,
):  # fmt: skip
    """Take stock, hold it against the flows, and write all `TERMS`.

    Parameters
    ----------
    stored_J ... gas_J
        As in `take_stock`.
    start : float64 (5,)
        The stock at the start of the run [J].
    sums : float64 (5,)
        In the order of `SUMS`, over all cells [J].
    total, low : float64 (len(FLOWS),)
        High and low part [J].
    gas_flows : float64 (len(GAS),)
        In the order of `GAS` [J].
    throughput : float64 (2,)
        Of the cells [J], [A s].
    p ... out_low_As
        As in `charge_balance`.
    worst : float64 (3,)
        As `packs.flows.book` keeps it.
    values : float64 (len(TERMS),), written
    """
    take_stock(
        stored_J, used, cell_J_per_K, temperature_K, plate_J_per_K, plate_K, reference_K, link_J,
        reaction_J, gas_J, values,
    )  # fmt: skip
    chemical_J, thermal_J = values[0] - start[0], values[1] - start[1]
    terminal_J, heat_J, dissipated_J = sums[0], sums[1], sums[2]
    values[AT_SUMS:AT_FLOWS] = sums
    values[AT_GAS:AT_REST] = gas_flows
    flow = values[AT_FLOWS:AT_GAS]
    flow[:] = total + low
    wiring = wiring_low = 0.0
    for k in range(WIRING):
        wiring, wiring_low = two_sum(wiring, wiring_low, flow[k])
    cells = chemical_J + heat_J + terminal_J
    net = terminal_J - (wiring + wiring_low) - (link_J - start[2])
    converter = flow[DC] - flow[AC] - flow[LOSS]
    warmed = heat_J + flow[SHORT] + flow[JOINT] + flow[BUSBAR] + flow[RAIL]
    given = flow[HEATER] + flow[REACTION] - flow[EJECTED]
    given += flow[CAUGHT] - flow[VENTED_HEAT] + flow[WALLS]
    thermal = thermal_J - (warmed + given - flow[COOLANT] - flow[AIR])
    reacted = reaction_J - start[3] + flow[REACTION] - flow[FUELLED]
    gas = gas_balance(gas_J - start[4], gas_flows, flow)
    residual = abs(cells) + abs(net) + abs(converter) + abs(thermal) + abs(reacted) + abs(gas)
    moved, missed, stirred = charge_balance(
        p, start_As, charge_As, charge_low_As, out_As, out_low_As
    )
    rest = values[AT_REST:]
    rest[0] = throughput[0]
    rest[1], rest[2], rest[3], rest[4], rest[5] = cells, net, converter, thermal, reacted
    flowed = throughput[0] + abs(flow[HEATER]) + abs(flow[REACTION]) + abs(gas_flows[BURNT])
    rest[6], rest[7], rest[8] = gas, residual, residual / max(flowed, 1.0)
    rest[9] = abs(heat_J - dissipated_J) / max(abs(dissipated_J), 1.0)
    rest[10], rest[11], rest[12] = moved, missed, missed / max(throughput[1], stirred, 1.0)
    rest[13], rest[14], rest[15] = worst[0], worst[1], worst[2]
