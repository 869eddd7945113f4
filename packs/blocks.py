"""One step of all blocks of 32 groups, each taken through everything while it is in the cache.

The same as the stages one after the other (`packs.plant`), bit for bit: sums are kept lane by lane,
and a block adds to them in its turn. A block in which nothing is out of the ordinary is *plain*:
nothing is read that would be nothing, and nothing written but the state. What people see of a step
(currents, voltages, heat) is written in the last one of a call, in which no block is plain.
"""

from __future__ import annotations

import numpy as np

from cell_models.compensated import two_sum
from cell_models.ecm import advance_block, advance_lane, lane_emf, port_block
from cell_models.ecm_lanes import HEAT, IS_PENDING, LINE, PENDING
from cell_models.jit import inlined
from cell_models.running import risen
from packs.currents import reduce_one_rack
from packs.groups import (
    INTO_W,
    JOINED,
    LARGEST,
    LEFT_A,
    LINKED,
    MISS,
    NODE_V,
    OWN_A,
    SPLIT,
    SUM_EMF,
    SUM_OHM,
    THROUGH_A,
    THROUGH_W,
    WAITING_W,
    WIDTH,
    book_charge,
    close_groups,
    group_voltages,
    note_misses,
    reduce_cells,
    spread_cells,
)
from packs.ladder import NO_RAILS, reduce_ladders, spread_ladders
from packs.thermal import (
    cool_plates,
    enter_rack,
    heat_of_cells,
    heat_of_currents,
    leave_rack,
    warm_cells,
)

_U = np.uint64


@inlined
def note_plain(wire, ecm, cells, groups, charger_A, plain):
    """Note which blocks are plain: no fault, no bleed, no rails, but for spare lanes all connected.

    `plain` float64 (n_blocks,) is written. It holds while overlay and commands do.
    """
    for block in range(wire.n_blocks):
        odd = 0
        for place in range(wire.p):
            for lane in range(WIDTH):
                c, used = (block * wire.p + place) * WIDTH + lane, groups.used[block * WIDTH + lane]
                is_cut = cells.cut[c] != 0.0 and used != 0.0
                is_odd = cells.short_S[c] != 0.0 or cells.joint_extra_ohm[c] != 0.0
                odd += 1 if is_cut or is_odd else 0
        for k in range(block * WIDTH, (block + _U(1)) * WIDTH):
            is_odd = groups.link_extra_ohm[k] != 0.0 or charger_A[k] != 0.0
            odd += 1 if is_odd or groups.bleed_S[k] != 0.0 or groups.short_S[k] != 0.0 else 0
        is_plain = odd == 0 and wire.rails == NO_RAILS and ecm.n_rc <= _U(2)
        plain[block] = 1.0 if is_plain else 0.0


@inlined
def plain_groups(
    block, h, i_rack, link_ohm, used, emf_V, r_ohm, charge_As, charge_low_As, tile, sums
):  # fmt: skip
    """Give 32 plain groups the current of their string, and book it: `group_voltages`."""
    for lane in range(WIDTH):
        k = block * WIDTH + lane
        i = i_rack * used[k]
        linked, size, amount = link_ohm * i * i, abs(i), i * h
        v = emf_V[k] - r_ohm[k] * i
        tile[NODE_V + lane] = v
        tile[LEFT_A + lane] = i
        tile[OWN_A + lane] = 0.0
        tile[INTO_W + lane] = linked
        sums[LINKED + lane] += linked
        sums[THROUGH_W + lane] += size * abs(v)
        sums[THROUGH_A + lane] += size
        sums[LARGEST + lane] = risen(sums[LARGEST + lane], size)
        charge_As[k], charge_low_As[k] = two_sum(charge_As[k], charge_low_As[k], amount)


@inlined
def plain_cells(
    x, base, first, at, g, is_last, h, hysteresis_V, hysteresis_rate, elastic_V, joint_ohm, weight,
    used, net_W, tile, sums, of_cells,
):  # fmt: skip
    """Give 32 cells of one place their currents and move them: `spread_cell`, `advance_block`; add
    their sources in the step ahead: `reduce_cells`, with the conductances as they are.

    `first`, `g` and `at` are where they begin in `weight`, their groups in `used`, and they in
    `net_W`, which is written.
    """
    per_s = 1.0 / h
    for lane in range(WIDTH):
        p = base + lane
        emf, v_node, left = lane_emf(x, p, hysteresis_V), tile[NODE_V + lane], tile[LEFT_A + lane]
        w = weight[first + lane] * used[g + lane]
        line = w * (emf - v_node)
        i, v = left if is_last else line, v_node + joint_ohm * line
        joint_W = joint_ohm * i * i
        tile[LEFT_A + lane] = left - i
        sums[JOINED + lane] += joint_W
        miss = abs(emf - x[p + LINE] * i - v) * used[g + lane]
        sums[SPLIT + lane] = risen(sums[SPLIT + lane], miss)
        heat = advance_lane(x, p, i, v, h, hysteresis_V, hysteresis_rate, elastic_V, of_cells, lane)
        of_cells[HEAT + lane] += heat
        net_W[at + lane] = heat * per_s + tile[WAITING_W + lane] + joint_W
        tile[OWN_A + lane] += lane_emf(x, p, hysteresis_V) * w


@inlined
def take_waiting(x, base, h, tile):
    """Take the heat of a table reading from 32 cells: it is in `tile` for `plain_cells`."""
    per_s = 1.0 / h
    for lane in range(WIDTH):
        tile[WAITING_W + lane] = x[base + PENDING + lane] * per_s


@inlined
def drop_waiting(x, base, tile, of_cells):
    """Book the heat of a table reading, which has been given to 32 cells."""
    for lane in range(WIDTH):
        of_cells[HEAT + lane] += x[base + PENDING + lane]
        x[base + PENDING + lane] = tile[WAITING_W + lane] = 0.0


@inlined
def plain_misses(tile, sums):
    """Note by how much 32 groups miss the current law."""
    for lane in range(WIDTH):
        sums[MISS + lane] = risen(sums[MISS + lane], abs(tile[LEFT_A + lane]))


@inlined
def move_plain(block, at, h, i_rack, is_pending, wire, ecm, x, cells, groups, site, of_cells):
    """Give the groups of a plain block their current, and move their cells."""
    tile, sums = site.tile, site.sums
    plain_groups(
        block, h, i_rack, wire.link_ohm, groups.used, groups.emf_V, groups.r_ohm, groups.charge_As,
        groups.charge_low_As, tile, sums,
    )  # fmt: skip
    for place in range(wire.p):
        row = block * wire.p + place
        if is_pending:
            take_waiting(x, row * ecm.stride, h, tile)
        plain_cells(
            x, row * ecm.stride, row * WIDTH, at + place * WIDTH, block * WIDTH,
            place + _U(1) == wire.p, h, ecm.hysteresis_V, ecm.hysteresis_rate, ecm.elastic_V,
            wire.joint_ohm, cells.weight, groups.used, cells.net_W, tile, sums, of_cells,
        )  # fmt: skip
        if is_pending:
            drop_waiting(x, row * ecm.stride, tile, of_cells)
    plain_misses(tile, sums)


@inlined
def move_other(
    block, h, i_rack, gap_V, is_pending, wire, ecm, x, cells, groups, ladder, site, of_cells
):  # fmt: skip
    """Give the groups of any block their current, and move their cells."""
    group_voltages(block, groups, site.charger_A, i_rack, gap_V, site.sums)
    if wire.rails == NO_RAILS:
        spread_cells(block, wire, cells, groups, site.sums)
    else:
        spread_ladders(block, wire, cells, groups, ladder, site.sums)
    note_misses(block, groups, site.sums)
    book_charge(block, h, groups)
    for place in range(wire.p):
        row = block * wire.p + place
        advance_block(
            x, row * ecm.stride, row * WIDTH, ecm.n_rc > _U(2), h, ecm.hysteresis_V,
            ecm.hysteresis_rate, ecm.elastic_V, is_pending, cells.current_A, cells.voltage_V,
            cells.heat_W, of_cells,
        )  # fmt: skip


@inlined
def plain_sources(block, link_ohm, used, emf_V, r_ohm, tile, rack_sums):
    """Give the emf of 32 plain groups in the step ahead: `close_groups`."""
    for lane in range(WIDTH):
        k = block * WIDTH + lane
        r = r_ohm[k]
        emf = tile[OWN_A + lane] * r
        emf_V[k] = emf
        rack_sums[SUM_EMF + lane] += emf
        rack_sums[SUM_OHM + lane] += r + link_ohm * used[k]


@inlined
def give_lines(block, wire, ecm, x, emf_V, r_ohm):
    """Write the lines of the cells of 32 groups."""
    for place in range(wire.p):
        row = block * wire.p + place
        base, has_third = row * ecm.stride, ecm.n_rc > _U(2)
        port_block(x, base, row * WIDTH, has_third, ecm.hysteresis_V, emf_V, r_ohm)


@inlined
def other_sources(block, wire, ecm, x, cells, groups, ladder, site):
    """Reduce the groups of any block for the step ahead."""
    give_lines(block, wire, ecm, x, cells.emf_V, cells.r_ohm)
    if wire.rails == NO_RAILS:
        reduce_cells(block, wire, cells, groups)
    else:
        reduce_ladders(block, wire, cells, groups, ladder)
    close_groups(block, groups, site.charger_A, site.rack_sums)


@inlined
def look_ahead(wire, ecm, x, cells, groups, ladder, racks, site):
    """Give the lines of all cells, and reduce every rack to what the bus sees of it."""
    for rack in range(len(racks.emf_V)):
        for block in range(_U(racks.first_block[rack]), _U(racks.first_block[rack + 1])):
            other_sources(block, wire, ecm, x, cells, groups, ladder, site)
        reduce_one_rack(rack, racks, site.rack_sums)


@inlined
def move_rack(
    rack, h, inlet_K, ambient_K, warms, was_final, is_final, wire, paths, ecm, x, cells, groups,
    ladder, racks, site, plain, reach, of_cells,
):  # fmt: skip
    """Take the blocks of a rack through a step; unless it is the final one, look at the next.

    Temperatures follow once all neighbours of a block have seen them: `reach` blocks behind.

    Parameters
    ----------
    warms : bool
        Whether heat is moved here.
    was_final, is_final : bool
        Whether this step was looked at by `look_ahead`; whether its outcome is to be seen.
    plain : float64 (n_blocks,)
        Of `note_plain`.
    reach : uint64
        By how many blocks of groups neighbours are apart at most.
    of_cells : float64 (SCRATCH,)
        Sums over the cells, which `cell_models.ecm.close_sweep` books.
    """
    tile, size = site.tile, wire.p * WIDTH
    is_pending = x[_U(len(cells.emf_V)) // WIDTH * ecm.stride + IS_PENDING] != 0.0
    i_rack, gap_V, warm = racks.current_A[rack], racks.gap_V[rack], 0.0
    effect, rise = enter_rack(rack, paths, racks, tile)
    for block in range(_U(racks.first_block[rack]), _U(racks.first_block[rack + 1])):
        at = block % (reach + _U(1)) * size
        is_plain = not is_final and plain[block] != 0.0
        if is_plain:
            move_plain(block, at, h, i_rack, is_pending, wire, ecm, x, cells, groups, site,
                of_cells)  # fmt: skip
        else:
            if plain[block] != 0.0 and not was_final:
                give_lines(block, wire, ecm, x, cells.emf_V, cells.r_ohm)
            move_other(block, h, i_rack, gap_V, is_pending, wire, ecm, x, cells, groups, ladder,
                site, of_cells)  # fmt: skip
            if warms:
                heat_of_currents(block, at, wire, cells, groups, tile)
        if warms:
            heat_of_cells(block, at, wire, paths, ambient_K, paths.ambient, cells, groups,
                site.near, site.air_W, tile)  # fmt: skip
            warm = cool_plates(block, h, warm, effect, rise, inlet_K, paths, groups, tile)
            if block >= reach:
                behind = block - reach
                warm_cells(behind, behind % (reach + _U(1)) * size, h, wire, cells)
        if is_plain:
            plain_sources(
                block, wire.link_ohm, groups.used, groups.emf_V, groups.r_ohm, tile, site.rack_sums
            )
        elif not is_final:
            other_sources(block, wire, ecm, x, cells, groups, ladder, site)
    if warms:
        site.heat_J[0] += h * leave_rack(rack, inlet_K, racks, tile)
    if not is_final:
        reduce_one_rack(rack, racks, site.rack_sums)


@inlined
def warm_rest(h, wire, cells, reach):
    """Move the temperatures of the last blocks, behind which there is none."""
    first = wire.n_blocks - reach if wire.n_blocks > reach else _U(0)
    for block in range(first, wire.n_blocks):
        warm_cells(block, block % (reach + _U(1)) * wire.p * WIDTH, h, wire, cells)
