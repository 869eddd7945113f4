"""Energy and charge flows of a step, added to compensated sums for the ledger."""

from __future__ import annotations

from cell_models.compensated import two_sum
from cell_models.jit import inlined, kernel
from packs.arrays import open_groups, open_site
from packs.currents import lane_max, lane_sum
from packs.groups import SPLIT, THROUGH_A, THROUGH_W, book_charge
from packs.network import BUS_V, DEMAND_A, LARGEST_A, N_LOSSES, RESIDUAL_A

WIRING_FLOWS = (
    "short_J", "joint_J", "bleed_J", "busbar_J", "path_J", "external_J", "rail_J",
    "capacitor_J", "link_bleed_J",
)  # fmt: skip
"""What the wiring turns into heat: first the losses of `packs.network`, in their order. What
chargers at groups give is below zero in `external_J`."""
FLOWS = (
    *WIRING_FLOWS, "pcs_dc_J", "pcs_ac_J", "pcs_loss_J", "coolant_J", "air_J", "heater_J",
    "reaction_J", "ejected_J", "fuelled_J", "caught_J", "vented_J", "latent_J", "solids_J",
    "walls_J",
)  # fmt: skip
"""Energy flows booked every step, in the order of `flows.total`: the last ones by the stages that
have them. `fuelled_J` is what charging has made of the reactants since the start, booked when a
cell becomes hot. Of `ejected_J`, `caught_J` stays on other cells; `vented_J` is what vented gas and
vapour took from cells, `latent_J` its part that evaporated them; `solids_J` what fell on walls with
ejected solids, `walls_J` what housings got of that and from the gas."""
HEATER, REACTION, EJECTED, FUELLED, CAUGHT, VENTED_HEAT, LATENT, SOLIDS, WALLS = (
    FLOWS.index(f"{name}_J")
    for name in (
        "heater", "reaction", "ejected", "fuelled", "caught", "vented", "latent", "solids",
        "walls",
    )
)  # fmt: skip


LEAST_CURRENT_A = 1e-3
"""The miss of the current law is relative to at least this: at rest there is no current [A]."""


@kernel
def add_to(total, low, k, amount):
    """Add an amount to the compensated sum number k."""
    total[k], low[k] = two_sum(total[k], low[k], amount)


@inlined
def book(h, site, link_before_V, capacitance_F, bleed_ohm, ac_power_W, pcs_loss_W):
    """Add one step's energy flows, in the order of `FLOWS`, and what the groups moved.

    The capacitor's term is what implicit Euler loses on it: ``C (v+ - v)^2 / 2``, its resistance.

    Parameters
    ----------
    h : float
        [s].
    site : SiteArrays
        Written: `site.total` and `site.low`; `site.throughput`, sum of ``|i v| h`` [J] and of
        ``|i| h`` [A s] over the groups; `site.worst`, the largest so far of the miss of Kirchhoff's
        current law [A], of the same over the largest current of its step, and of by how much a cell
        misses its own line ``v = emf - r i`` [V].
    link_before_V, capacitance_F, bleed_ohm, ac_power_W, pcs_loss_W : float
    """
    bus, total, low, throughput, worst = site.bus, site.total, site.low, site.throughput, site.worst
    v_bus = bus[BUS_V]
    for k in range(N_LOSSES):
        add_to(total, low, k, site.losses[k] * h)
    rise = v_bus - link_before_V
    add_to(total, low, N_LOSSES, 0.5 * capacitance_F * rise * rise)
    add_to(total, low, N_LOSSES + 1, v_bus * v_bus / bleed_ohm * h)
    add_to(total, low, N_LOSSES + 2, v_bus * bus[DEMAND_A] * h)
    add_to(total, low, N_LOSSES + 3, ac_power_W * h)
    add_to(total, low, N_LOSSES + 4, pcs_loss_W * h)
    add_to(total, low, N_LOSSES + 5, site.heat_J[0])
    add_to(total, low, N_LOSSES + 6, site.heat_J[1])
    throughput[0] += lane_sum(site.sums, THROUGH_W) * h
    throughput[1] += lane_sum(site.sums, THROUGH_A) * h
    worst[0] = max(worst[0], bus[RESIDUAL_A])
    worst[1] = max(worst[1], bus[RESIDUAL_A] / max(bus[LARGEST_A], LEAST_CURRENT_A))
    worst[2] = max(worst[2], lane_max(site.sums, SPLIT))


@kernel
def book_stage(h, wire, link_before_V, capacitance_F, bleed_ohm, ac_power_W, pcs_loss_W, arena):
    """Add one step's flows, as a stage of its own (`book`, `book_charge`)."""
    groups = open_groups(arena)
    for block in range(wire.n_blocks):
        book_charge(block, h, groups)
    book(h, open_site(arena), link_before_V, capacitance_F, bleed_ohm, ac_power_W, pcs_loss_W)
