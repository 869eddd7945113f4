"""Groups of parallel cells, 32 of them side by side: reduced to one source each, and spread back.

Cells are numbered by *slot*: a block holds the cells of one place in 32 groups, lane by lane, and
the blocks of all places of the same 32 groups follow each other (`packs.topology`). So every loop
here runs over the 32 lanes of one block, and is vectorised. Spare lanes, which fill the last block
of a rack, hold open cells and carry nothing.
"""

from __future__ import annotations

import numpy as np

from cell_models.compensated import two_sum
from cell_models.contract import LANES
from cell_models.jit import inlined
from cell_models.running import risen
from packs.network import branch

_U = np.uint64
WIDTH = _U(LANES)

SUM_EMF, SUM_OHM, SUM_OPEN = _U(0), _U(LANES), _U(2 * LANES)
"""Lanes of `rack_sums`: emf, resistance with links, groups in which no cell is connected."""
N_RACK_SUMS = 3

SHORTED, JOINED, BLED, LINKED, SHUNTED, THROUGH_W, THROUGH_A, MISS, LARGEST, SPLIT = (
    _U(k * LANES) for k in range(10)
)
"""Lanes of `sums`: losses in cell shorts, joints, bleeds, links, group shorts [W]; |i v|
[W] and |i| [A] of the groups; largest miss of the current law and largest current of a group [A];
largest miss of a cell's own line [V]."""
N_SUMS = 10

INTO_W, WARMED_K, BEFORE_K, HEAD_K, POWER, TAKEN_W, NODE_V, LEFT_A, WAITING_W, OWN_A = (
    _U(k * LANES) for k in range(10)
)
"""Lanes of `tile`, scratch of one block of groups. Of `packs.thermal`: heat into the plates; what
they warm the coolant by and by how much those before have, in all and up to the part of the lanes;
what of its warmth the coolant keeps; heat that it takes. Of `packs.blocks`: voltage of the groups,
current that their cells have not taken yet, heat of a table reading, short-circuit current."""
TILE = 10 * LANES


@inlined
def prepare_groups(wire, cells, groups):
    """Write what follows from overlay and damage: cells cut off, joints, links; and `last`, the
    place of the last cell of each group that is connected, -1 where there is none.

    They change only between steps, when a fault comes or goes or something opens for good.
    """
    for c in range(len(cells.cut)):
        cells.cut[c] = cells.is_open[c] + cells.is_broken[c]
        cells.joint_ohm[c] = wire.joint_ohm + cells.joint_extra_ohm[c]
    for k in range(len(groups.link_ohm)):
        groups.link_ohm[k] = (wire.link_ohm + groups.link_extra_ohm[k]) * groups.used[k]
        groups.last[k] = -1.0
    for block in range(wire.n_blocks):
        for place in range(wire.p):
            for lane in range(WIDTH):
                c, k = (block * wire.p + place) * WIDTH + lane, block * WIDTH + lane
                groups.last[k] += float(place) - groups.last[k] if cells.cut[c] == 0.0 else 0.0


@inlined
def reduce_cells(block, wire, cells, groups):
    """Add up the Norton equivalents of the cells of 32 groups: conductance, short-circuit current.

    Parameters
    ----------
    block : uint64
        Of groups.
    wire : Wire
    cells : CellArrays
        `weight` is written: `packs.network.branch`, for the way back.
    groups : GroupArrays
        `cells_S` and `cells_A` are written.
    """
    g = block * WIDTH
    for place in range(wire.p):
        first = (block * wire.p + place) * WIDTH
        for lane in range(WIDTH):
            c, k = first + lane, g + lane
            opened = cells.cut[c]
            w, part = branch(cells.r_ohm[c], cells.short_S[c], cells.joint_ohm[c], opened)
            cells.weight[c] = w
            own_S = part * w if opened == 0.0 else 0.0
            own_A = cells.emf_V[c] * w if opened == 0.0 else 0.0
            groups.cells_S[k] = own_S + (groups.cells_S[k] if place > _U(0) else 0.0)
            groups.cells_A[k] = own_A + (groups.cells_A[k] if place > _U(0) else 0.0)


@inlined
def close_groups(block, groups, charger_A, rack_sums):
    """Give 32 groups with their shunts and chargers as sources in series, and add them to their
    rack.

    `groups.emf_V` and `groups.r_ohm` are written, both zero where no cell is connected and nothing
    shunts; `rack_sums` float64 (N_RACK_SUMS * 32,) is added to.
    """
    g = block * WIDTH
    for lane in range(WIDTH):
        k = g + lane
        total = groups.cells_S[k] + groups.bleed_S[k] + groups.short_S[k]
        connected = total > 0.0
        r = 1.0 / total if connected else 0.0
        emf = (groups.cells_A[k] + charger_A[k]) * r
        groups.emf_V[k] = emf
        groups.r_ohm[k] = r
        rack_sums[SUM_EMF + lane] += emf
        rack_sums[SUM_OHM + lane] += r + groups.link_ohm[k]
        rack_sums[SUM_OPEN + lane] += 0.0 if connected else groups.used[k]


@inlined
def group_voltages(block, groups, charger_A, i_rack, gap_V, sums):
    """Write the voltages of 32 groups and the current that leaves their cells.

    What a charger gives is a loss of the shunts below zero. It gives nothing to an open group.

    Parameters
    ----------
    charger_A : float64 (n_group_slots,)
    i_rack, gap_V : float
        String current, and the voltage of a group in which no cell is connected.
    """
    g = block * WIDTH
    for lane in range(WIDTH):
        k = g + lane
        i = i_rack * groups.used[k]
        emf, r = groups.emf_V[k], groups.r_ohm[k]
        v = emf - r * i if r > 0.0 else gap_V * groups.used[k]
        bled, shunted = groups.bleed_S[k] * v, groups.short_S[k] * v
        linked = groups.link_ohm[k] * i * i
        pushed = charger_A[k] if r > 0.0 else 0.0
        out = i + (bled + shunted) - pushed
        groups.voltage_V[k] = v
        groups.out_A[k] = out
        groups.left_A[k] = out
        groups.link_W[k] = linked
        sums[BLED + lane] += bled * v
        sums[SHUNTED + lane] += (shunted - pushed) * v
        sums[LINKED + lane] += linked
        size = abs(out)
        sums[THROUGH_W + lane] += size * abs(v)
        sums[THROUGH_A + lane] += size
        sums[LARGEST + lane] = risen(sums[LARGEST + lane], size)


@inlined
def spread_cell(c, lane, v_node, left, is_last, cells, sums):
    """Give the cell in slot `c` its current and voltage at the voltage of its node.

    Written: `cells.current_A`, `cells.voltage_V` (at the terminals) and `cells.extra_W` (heat of
    the short and the joint, which both sit at the cell); `sums` are added to.

    Parameters
    ----------
    left : float
        What the cells before it leave of the current; the last connected one takes it.

    Returns
    -------
    float
        Current through its joint [A].
    float
        Current through its short [A].
    """
    opened, joint, w = cells.cut[c], cells.joint_ohm[c], cells.weight[c]
    emf, r, short = cells.emf_V[c], cells.r_ohm[c], cells.short_S[c]
    line = w * (emf - (1.0 + r * short) * v_node)
    share = left if is_last else line
    v = v_node + joint * line if opened == 0.0 else emf * w
    i = share if opened == 0.0 else 0.0
    shunted = short * v
    own = i + shunted
    cells.voltage_V[c] = v
    cells.current_A[c] = own
    short_W, joint_W = shunted * v, joint * i * i
    cells.extra_W[c] = short_W + joint_W
    sums[SHORTED + lane] += short_W
    sums[JOINED + lane] += joint_W
    sums[SPLIT + lane] = risen(sums[SPLIT + lane], abs(emf - r * own - v))
    return i, shunted


@inlined
def spread_cells(block, wire, cells, groups, sums):
    """Give every cell of 32 groups its current and voltage.

    The last connected cell of a group takes what the others leave of the group's current: it is its
    own to the rounding of the group's voltage times its conductance, and Kirchhoff's law holds to
    the last digit of the currents.

    `cells.current_A`, `cells.voltage_V` (at the terminals) and `cells.extra_W` (heat of the short
    and the joint, which both sit at the cell) are written.
    """
    g = block * WIDTH
    for place in range(wire.p):
        first = (block * wire.p + place) * WIDTH
        for lane in range(WIDTH):
            c, k = first + lane, g + lane
            left, is_last = groups.left_A[k], float(place) == groups.last[k]
            i, shunted = spread_cell(c, lane, groups.voltage_V[k], left, is_last, cells, sums)
            groups.left_A[k] = left - i
            groups.shorted_A[k] = shunted + (groups.shorted_A[k] if place > _U(0) else 0.0)


@inlined
def note_misses(block, groups, sums):
    """Note by how much 32 groups miss the current law."""
    for lane in range(WIDTH):
        miss = abs(groups.left_A[block * WIDTH + lane])
        sums[MISS + lane] = risen(sums[MISS + lane], miss)


@inlined
def book_charge(block, h, groups):
    """Add the charge that left the cells of 32 groups in a step: by their joints, by their shorts.

    It comes from the network's currents, not from the cells': held against the cells' states it
    audits both.
    """
    for lane in range(WIDTH):
        k = block * WIDTH + lane
        amount = (groups.out_A[k] + groups.shorted_A[k]) * h
        groups.charge_As[k], groups.charge_low_As[k] = two_sum(
            groups.charge_As[k], groups.charge_low_As[k], amount
        )
