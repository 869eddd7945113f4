"""All currents of the site in one step: groups reduced, racks and bus solved, currents spread."""

from __future__ import annotations

import numpy as np

from cell_models.jit import inlined, kernel
from packs.arrays import open_cells, open_groups, open_racks, open_site
from packs.groups import (
    BLED,
    JOINED,
    LARGEST,
    LINKED,
    MISS,
    SHORTED,
    SHUNTED,
    SUM_EMF,
    SUM_OHM,
    SUM_OPEN,
    WIDTH,
    close_groups,
    group_voltages,
    note_misses,
    prepare_groups,
    reduce_cells,
    spread_cells,
)
from packs.ladder import (
    NO_RAILS,
    open_ladder,
    prepare_ladders,
    rail_loss,
    reduce_ladders,
    spread_ladders,
)
from packs.network import (
    BLEED_W,
    EXTERNAL_W,
    JOINT_W,
    LARGEST_A,
    LINK_W,
    RAIL_W,
    RESIDUAL_A,
    SHORT_W,
    reduce_rack,
    solve_bus,
    spread_rack,
)

_U = np.uint64


@inlined
def lane_sum(lanes, at):
    """Add up 32 lanes, always in the same order."""
    total = 0.0
    for lane in range(WIDTH):
        total += lanes[at + lane]
    return total


@inlined
def lane_max(lanes, at):
    """Give the largest of 32 lanes."""
    largest = 0.0
    for lane in range(WIDTH):
        largest = max(largest, lanes[at + lane])
    return largest


@inlined
def reduce_one_rack(rack, racks, rack_sums):
    """Reduce a rack whose groups are in `rack_sums`, and empty that."""
    racks.emf_V[rack] = lane_sum(rack_sums, SUM_EMF)
    racks.r_ohm[rack] = lane_sum(rack_sums, SUM_OHM)
    racks.n_open[rack] = lane_sum(rack_sums, SUM_OPEN)
    rack_sums[:] = 0.0
    reduce_rack(rack, racks)


@inlined
def prepare_wiring(wire, cells, groups, ladder):
    """Write what follows from overlay and damage: `prepare_groups`, `prepare_ladders`."""
    prepare_groups(wire, cells, groups)
    if wire.rails != NO_RAILS:
        prepare_ladders(wire, ladder)


@inlined
def reduce_site(wire, cells, groups, ladder, racks, site):
    """Reduce every rack to what the bus sees of it."""
    if wire.rails == NO_RAILS:
        for block in range(wire.n_blocks):
            reduce_cells(block, wire, cells, groups)
    else:
        for block in range(wire.n_blocks):
            reduce_ladders(block, wire, cells, groups, ladder)
    for rack in range(len(racks.emf_V)):
        for block in range(_U(racks.first_block[rack]), _U(racks.first_block[rack + 1])):
            close_groups(block, groups, site.charger_A, site.rack_sums)
        reduce_one_rack(rack, racks, site.rack_sums)


@kernel
def reduce_stage(wire, arena):
    """Reduce every rack to what the bus sees of it, as a stage of its own."""
    reduce_site(
        wire, open_cells(arena), open_groups(arena), open_ladder(arena), open_racks(arena),
        open_site(arena),
    )  # fmt: skip


@kernel
def bus_stage(kind, demand, companion_S, link_V, link_bleed_S, short_S, arena):
    """Solve the bus; return its status (`packs.network.solve_bus`)."""
    racks, site = open_racks(arena), open_site(arena)
    return solve_bus(
        kind, demand, site.limits, companion_S, link_V, link_bleed_S, short_S, racks.bus_S,
        racks.bus_A, racks.switch_A, site.bus,
    )  # fmt: skip


@kernel
def spread_stage(bus_short_S, wire, arena):
    """Give every cell its current and voltage, as a stage of its own."""
    spread_site(
        bus_short_S, wire, open_cells(arena), open_groups(arena), open_ladder(arena),
        open_racks(arena), open_site(arena),
    )  # fmt: skip


@inlined
def spread_site(bus_short_S, wire, cells, groups, ladder, racks, site):
    """Give every cell its current and voltage, and add up losses."""
    spread_racks(racks, site)
    for rack in range(len(racks.emf_V)):
        for block in range(_U(racks.first_block[rack]), _U(racks.first_block[rack + 1])):
            group_voltages(
                block, groups, site.charger_A, racks.current_A[rack], racks.gap_V[rack], site.sums
            )
    for block in range(wire.n_blocks):
        if wire.rails == NO_RAILS:
            spread_cells(block, wire, cells, groups, site.sums)
        else:
            spread_ladders(block, wire, cells, groups, ladder, site.sums)
        note_misses(block, groups, site.sums)
    close_sums(bus_short_S, wire, ladder, site)


@inlined
def spread_racks(racks, site):
    """Give every rack its current; losses and sums of the step begin."""
    site.sums[:] = 0.0
    site.losses[:] = 0.0
    for rack in range(len(racks.emf_V)):
        spread_rack(rack, site.bus[0], racks, site.losses)


@inlined
def close_sums(bus_short_S, wire, ladder, site):
    """Turn the lanes of `sums` into losses and the residual of the current law."""
    sums, losses, bus = site.sums, site.losses, site.bus
    if wire.rails != NO_RAILS:
        losses[RAIL_W] = rail_loss(wire, ladder)
    losses[SHORT_W] = lane_sum(sums, SHORTED)
    losses[JOINT_W] = lane_sum(sums, JOINED)
    losses[BLEED_W] = lane_sum(sums, BLED)
    losses[LINK_W] = lane_sum(sums, LINKED)
    losses[EXTERNAL_W] += lane_sum(sums, SHUNTED) + bus_short_S * bus[0] * bus[0]
    bus[RESIDUAL_A] = max(bus[RESIDUAL_A], lane_max(sums, MISS))
    bus[LARGEST_A] = max(bus[LARGEST_A], lane_max(sums, LARGEST))
