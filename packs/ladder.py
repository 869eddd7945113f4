"""Groups whose cells sit along two rails, 32 of them side by side: reduced to one source each.

A plus and a minus rail run along the places of a group; each has a resistance between neighbouring
places. The minus terminal of the group is at the first place; the plus terminal too (U), or at the
last one (Z). Plus and minus rail may be exchanged without any effect but on their names, so the
mirror image of Z needs nothing of its own.

Of the cells at place k and beyond, the rest sees the voltage ``u`` between the rails at that place,
the current ``T`` that comes along its segment, and the voltage ``y`` from there to the plus
terminal. All are linear in u and in the current I of the group::

    T = J - G u + (1 - C) I,    y = C u + P - D I

The same C is in both: the ladder is reciprocal. At the last place G = J = P = D = 0 and C = 1. A
segment with the resistance ``m`` in the rail that leads back to the first place and ``x`` in the
one that leads on to the plus terminal (U: all is m, x = 0) is folded in by ``f = 1 / (1 + (m + x)
G)`` and::

    G' = f G    J' = f J    C' = f (C + m G)    P' = P + s J    s = f ((m + x) C - m)
    D' = D + f (x C^2 + m (1 - C)^2 + m x G)

and a cell adds to G and J. At the first place T = I; so the group is the source

    E = C J / G + P,    R = C^2 / G + D

and back along the rails ``u+ = f u + f (m + x) J - s I``. Every product is at most of the size of a
cell's voltage, however large m or x: nothing is lost where a segment is all but open. All follow
from Ohm's and Kirchhoff's laws; held against nodal analysis in `tests/packs/test_network.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cell_models.contract import LANES
from cell_models.jit import inlined
from packs.arrays import Floats, nth
from packs.groups import JOINED, SHORTED, SPLIT, WIDTH
from packs.network import branch
from packs.state import Schema, State

_U = np.uint64

NO_RAILS, SAME_END, OPPOSITE_ENDS = 0, 1, 2
"""Where the current of a group is taken off: `packs.arrays.Wire.rails`."""


class LadderArrays(NamedTuple):
    """Of each cell slot, then of each group slot, then 32 lanes; empty where there are no rails.

    Segments are kept with the place that they lead on from; the last place's are zero.
    """

    plus_extra_ohm: Floats
    minus_extra_ohm: Floats
    back_ohm: Floats
    on_ohm: Floats
    fold: Floats
    gain_V: Floats
    slope_ohm: Floats
    seen_S: Floats
    seen_A: Floats
    carry: Floats
    lift_V: Floats
    rise_ohm: Floats
    place_V: Floats
    half_W: Floats
    rail_W: Floats


SCRATCH_OF_CELLS = ("back_ohm", "on_ohm", "fold", "gain_V", "slope_ohm")
SCRATCH_OF_GROUPS = ("seen_S", "seen_A", "carry", "lift_V", "rise_ohm", "place_V", "half_W")


def declare_ladders(schema: Schema, n_cell_slots: int, n_group_slots: int) -> None:
    """Declare the scratch of ladders; for a pack without rails, of no cells and no groups."""
    for name in SCRATCH_OF_CELLS:
        schema.scratch("of_ladders", name, n_cell_slots)
    for name in SCRATCH_OF_GROUPS:
        schema.scratch("of_ladders", name, n_group_slots)
    schema.scratch("of_ladders", "rail_W", LANES if n_group_slots else 0)


def ladder_arrays(state: State) -> LadderArrays:
    """Return the views on a built state."""
    over = state.view("overlay")
    return LadderArrays(
        plus_extra_ohm=over.rail_plus_extra_ohm, minus_extra_ohm=over.rail_minus_extra_ohm,
        **vars(state.view("of_ladders")),
    )  # fmt: skip


@inlined
def open_ladder(arena):
    """Open the arrays of ladders, the last ones of an arena."""
    f, at = arena.floats, arena.at
    k = len(at) // 2 - 15
    return LadderArrays(
        nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3), nth(f, at, k + 4),
        nth(f, at, k + 5), nth(f, at, k + 6), nth(f, at, k + 7), nth(f, at, k + 8),
        nth(f, at, k + 9), nth(f, at, k + 10), nth(f, at, k + 11), nth(f, at, k + 12),
        nth(f, at, k + 13), nth(f, at, k + 14),
    )  # fmt: skip


@inlined
def prepare_ladders(wire, ladder):
    """Write what follows from the overlay: the resistance of every segment."""
    for block in range(wire.n_blocks):
        for place in range(wire.p - _U(1)):
            first = (block * wire.p + place) * WIDTH
            for lane in range(WIDTH):
                c = first + lane
                plus = wire.rail_ohm + ladder.plus_extra_ohm[c]
                minus = wire.rail_ohm + ladder.minus_extra_ohm[c]
                opposite = wire.rails == OPPOSITE_ENDS
                ladder.on_ohm[c] = plus if opposite else 0.0
                ladder.back_ohm[c] = minus if opposite else plus + minus


@inlined
def fold_place(first, g, ladder):
    """Fold the segment that leads on from one place into what 32 groups have beyond it."""
    for lane in range(WIDTH):
        c, k = first + lane, g + lane
        back, on = ladder.back_ohm[c], ladder.on_ohm[c]
        seen, carry = ladder.seen_S[k], ladder.carry[k]
        ohm, far = back + on, 1.0 - carry
        f = 1.0 / (1.0 + ohm * seen)
        slope, source = f * (ohm * carry - back), f * ladder.seen_A[k]
        ladder.fold[c], ladder.gain_V[c], ladder.slope_ohm[c] = f, ohm * source, slope
        ladder.lift_V[k] += slope * ladder.seen_A[k]
        ladder.rise_ohm[k] += f * (on * carry * carry + back * (far * far + on * seen))
        ladder.carry[k] = f * (carry + back * seen)
        ladder.seen_S[k] = f * seen
        ladder.seen_A[k] = source


@inlined
def reduce_ladders(block, wire, cells, groups, ladder):
    """Reduce the ladders of 32 groups to conductance and short-circuit current at the terminals.

    Parameters
    ----------
    block : uint64
        Of groups.
    wire : Wire
    cells, groups : CellArrays, GroupArrays
        Written: what `packs.groups.reduce_cells` writes.
    ladder : LadderArrays
        Written: `fold`, `gain_V`, `slope_ohm` of every segment, for the way back; `seen_S` (G),
        `seen_A` (J), `carry` (C), `lift_V` (P), `rise_ohm` (D) of every group.
    """
    g = block * WIDTH
    for lane in range(WIDTH):
        k = g + lane
        ladder.seen_S[k] = ladder.seen_A[k] = ladder.lift_V[k] = ladder.rise_ohm[k] = 0.0
        ladder.carry[k] = 1.0
        groups.last[k] = -1.0
    for nearer in range(wire.p):
        place = wire.p - _U(1) - nearer
        first = (block * wire.p + place) * WIDTH
        fold_place(first, g, ladder)
        for lane in range(WIDTH):
            c, k = first + lane, g + lane
            opened = cells.cut[c]
            w, part = branch(cells.r_ohm[c], cells.short_S[c], cells.joint_ohm[c], opened)
            cells.weight[c] = w
            ladder.seen_S[k] += part * w if opened == 0.0 else 0.0
            ladder.seen_A[k] += cells.emf_V[c] * w if opened == 0.0 else 0.0
            is_last = opened == 0.0 and groups.last[k] < 0.0
            groups.last[k] = float(place) if is_last else groups.last[k]
    for lane in range(WIDTH):
        k = g + lane
        seen, carry = ladder.seen_S[k], ladder.carry[k]
        part = 1.0 / (carry * carry + ladder.rise_ohm[k] * seen)
        groups.cells_S[k] = seen * part
        groups.cells_A[k] = (carry * ladder.seen_A[k] + ladder.lift_V[k] * seen) * part


@inlined
def enter_ladders(block, groups, ladder):
    """Write the voltage between the rails at the first place of 32 groups."""
    for lane in range(WIDTH):
        k = block * WIDTH + lane
        seen = ladder.seen_S[k]
        source = ladder.seen_A[k] - ladder.carry[k] * groups.out_A[k]
        ladder.place_V[k] = source / seen if seen > 0.0 else groups.voltage_V[k]
        ladder.half_W[k] = 0.0


@inlined
def spread_ladders(block, wire, cells, groups, ladder, sums):
    """Give every cell of 32 groups its current and voltage, and every segment its loss.

    As `packs.groups.spread_cells`. The current of a segment is what the cells before it leave of
    the group's, so that the current law holds at every place as it does for the group. Half of the
    heat of a segment goes to the cell at either end, to which it is welded (assumed: its way along
    the metal to a cell is short beside any to the plate): `cells.extra_W`. `ladder.rail_W` is added
    to.
    """
    g = block * WIDTH
    enter_ladders(block, groups, ladder)
    for place in range(wire.p):
        first = (block * wire.p + place) * WIDTH
        for lane in range(WIDTH):
            c, k = first + lane, g + lane
            opened, joint = cells.cut[c], cells.joint_ohm[c]
            emf, r, short = cells.emf_V[c], cells.r_ohm[c], cells.short_S[c]
            u, out = ladder.place_V[k], groups.out_A[k]
            left = groups.left_A[k] if place > _U(0) else out
            line = cells.weight[c] * (emf - (1.0 + r * short) * u)
            v = u + joint * line if opened == 0.0 else emf * cells.weight[c]
            i = (left if float(place) == groups.last[k] else line) if opened == 0.0 else 0.0
            shunted = short * v
            own, beyond = i + shunted, left - i
            groups.left_A[k] = beyond
            groups.shorted_A[k] = shunted + (groups.shorted_A[k] if place > _U(0) else 0.0)
            cells.voltage_V[c] = v
            cells.current_A[c] = own
            short_W, joint_W, here = shunted * v, joint * i * i, out - beyond
            rail_W = ladder.back_ohm[c] * beyond * beyond + ladder.on_ohm[c] * here * here
            cells.extra_W[c] = (short_W + joint_W) + (ladder.half_W[k] + 0.5 * rail_W)
            ladder.half_W[k] = 0.5 * rail_W
            ladder.place_V[k] = ladder.fold[c] * u + ladder.gain_V[c] - ladder.slope_ohm[c] * out
            ladder.rail_W[lane] += rail_W
            sums[SHORTED + lane] += short_W
            sums[JOINED + lane] += joint_W
            miss = abs(emf - r * own - v)
            sums[SPLIT + lane] = miss if miss > sums[SPLIT + lane] else sums[SPLIT + lane]
