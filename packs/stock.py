"""The stock taken of a plant, and the four balances struck on it: the ledger's arithmetic.

Stored terms come from states alone; flows come in as the compensated sums that the run has made.
Every sum over cells or groups is compensated (TwoSum: Ogita, Rump and Oishi, SIAM J. Sci. Comput.
26 (2005) 1955, https://doi.org/10.1137/030601818, algorithm 4.4), as accurate as if it were formed
in twice the precision and rounded once.
"""

from __future__ import annotations

from cell_models.jit import kernel
from packs.flows import FLOWS
from packs.thermal import heat_above

STORED = ("stored_chemical_J", "stored_thermal_J", "stored_link_J")
SUMS = ("terminal_J", "heat_J", "dissipated_J", "quadrature_J", "refresh_J")
"""Running sums that every cell keeps."""

TERMS = (
    *STORED, *SUMS, *FLOWS,
    "throughput_J", "residual_cells_J", "residual_network_J", "residual_pcs_J",
    "residual_thermal_J", "residual_J", "residual", "heat_mismatch", "charge_moved_As",
    "charge_residual_As", "charge_residual", "network_residual_A",
    "splitting_residual_V",
)  # fmt: skip
"""What `strike_balance` writes, in this order; those without a unit are relative to the throughput,
or to the heat."""

WIRING = 8
"""So many of `FLOWS`, from the first, leave the cells' terminals: all up to the PCS, DC side."""


@kernel
def _plus(high, low, x):
    """Give the compensated sum (high, low) with `x` added."""
    total = high + x
    back = total - high
    return total, low + ((high - (total - back)) + (x - back))


@kernel
def take_stock(
    stored_J, cell_J_per_K, temperature_K, plate_J_per_K, plate_K, reference_K, link_J, stock
):  # fmt: skip
    """Write what cells, temperatures and DC link hold now, in the order of `STORED`.

    Parameters
    ----------
    stored_J : float64 (n or more,)
        Of every cell.
    cell_J_per_K : float64 (n,)
    temperature_K : float64 (n or more,)
    plate_J_per_K, plate_K : float64 (G,)
    reference_K : float
        Where the heat stored counts from.
    link_J : float
        In the capacitance of the DC link.
    stock : float64 (3 or more,), written
    """
    high = low = 0.0
    for c in range(len(cell_J_per_K)):
        high, low = _plus(high, low, stored_J[c])
    stock[0] = high + low
    warmth_J = heat_above(cell_J_per_K, temperature_K, reference_K)
    stock[1] = warmth_J + heat_above(plate_J_per_K, plate_K, reference_K)
    stock[2] = link_J


@kernel
def charge_balance(cells_per_group, start_As, charge_As, charge_low_As, out_As, out_low_As):
    """Give the charge that left all groups, and the sum of ``|lost - left|`` over them [A s].

    Parameters
    ----------
    cells_per_group : int
    start_As, charge_As, charge_low_As : float64 (n,)
        In every cell at the start; now, high and low part.
    out_As, out_low_As : float64 (G,)
        What the network's currents carried out of every group, high and low part.
    """
    moved = moved_low = missed = missed_low = 0.0
    for group in range(len(out_As)):
        out = out_As[group] + out_low_As[group]
        lost = 0.0
        for c in range(group * cells_per_group, (group + 1) * cells_per_group):
            lost += start_As[c] - (charge_As[c] + charge_low_As[c])
        moved, moved_low = _plus(moved, moved_low, out)
        missed, missed_low = _plus(missed, missed_low, abs(lost - out))
    return moved + moved_low, missed + missed_low


@kernel
def strike_balance(
    stored_J, cell_J_per_K, temperature_K, plate_J_per_K, plate_K, reference_K, link_J, start,
    sums, total, low, throughput_J, cells_per_group, start_As, charge_As, charge_low_As,
    out_As, out_low_As, throughput_As, worst, values,
):  # fmt: skip
    """Take stock, hold it against the flows, and write all `TERMS`.

    Parameters
    ----------
    stored_J ... link_J
        As in `take_stock`.
    start : float64 (3,)
        The stock at the start of the run [J].
    sums : float64 (5,)
        In the order of `SUMS`, over all cells [J].
    total, low : float64 (12,)
        In the order of `FLOWS`, high and low part [J].
    throughput_J, throughput_As : float64 (1,)
    cells_per_group ... out_low_As
        As in `charge_balance`.
    worst : float64 (2,)
        Largest residual of the network [A] and of the splitting [V].
    values : float64 (len(TERMS),), written
    """
    take_stock(
        stored_J, cell_J_per_K, temperature_K, plate_J_per_K, plate_K, reference_K, link_J,
        values,
    )  # fmt: skip
    chemical_J, thermal_J = values[0] - start[0], values[1] - start[1]
    terminal_J, heat_J, dissipated_J = sums[0], sums[1], sums[2]
    values[3:8] = sums
    flow = values[8:20]
    flow[:] = total + low
    short_J, joint_J, _, busbar_J, _, _, _, dc_J, ac_J, loss_J, coolant_J, air_J = (
        flow[0], flow[1], flow[2], flow[3], flow[4], flow[5], flow[6], flow[7], flow[8], flow[9],
        flow[10], flow[11],
    )  # fmt: skip
    wiring = wiring_low = 0.0
    for k in range(WIRING):
        wiring, wiring_low = _plus(wiring, wiring_low, flow[k])
    cells = chemical_J + heat_J + terminal_J
    net = terminal_J - (wiring + wiring_low) - (link_J - start[2])
    converter = dc_J - ac_J - loss_J
    thermal = thermal_J - (heat_J + short_J + joint_J + busbar_J - coolant_J - air_J)
    residual = abs(cells) + abs(net) + abs(converter) + abs(thermal)
    values[20] = throughput_J[0]
    values[21], values[22], values[23], values[24] = cells, net, converter, thermal
    values[25] = residual
    values[26] = residual / max(throughput_J[0], 1.0)
    values[27] = abs(heat_J - dissipated_J) / max(abs(dissipated_J), 1.0)
    moved, missed = charge_balance(
        cells_per_group, start_As, charge_As, charge_low_As, out_As, out_low_As
    )
    values[28], values[29] = moved, missed
    values[30] = missed / max(throughput_As[0], 1.0)
    values[31], values[32] = worst[0], worst[1]
