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
from packs.groups import WIDTH, spread_cell
from packs.network import branch
from packs.state import Schema, State

_U = np.uint64

NO_RAILS, SAME_END, OPPOSITE_ENDS = 0, 1, 2
"""Where the current of a group is taken off: `packs.arrays.Wire.rails`."""


class LadderArrays(NamedTuple):
    """Extra resistance of each cell slot's segments, and scratch; the latter empty without rails.

    Of each block of 32 places `segments` holds all fields, lane by lane, and `ends` of each block
    of 32 groups: loops that work on these alone are vectorised. Segments are kept with the place
    that they lead on from; those of the last place have no resistance.
    """

    plus_extra_ohm: Floats
    minus_extra_ohm: Floats
    segments: Floats
    ends: Floats


BACK_OHM, ON_OHM, FOLD, GAIN_V, SLOPE_OHM, OWN_S, OWN_A = (_U(k * LANES) for k in range(7))
"""Fields of a place: m, x, f, f (m + x) J, s; G and J of its cell."""
PLACE_LANES = _U(7 * LANES)
SEEN_S, SEEN_A, CARRY, LIFT_V, RISE_OHM, PLACE_V, OUT_A, LEFT_A, HALF_W, RAIL_W = (
    _U(k * LANES) for k in range(10)
)
"""Fields of a group: G, J, C, P, D; on the way back the voltage at the place, I, what of it places
beyond carry, half the heat of the segment that leads here, and the heat of all segments."""
END_LANES = _U(10 * LANES)


def declare_ladders(schema: Schema, n_cell_slots: int, n_group_slots: int) -> None:
    """Declare the scratch of ladders; for a pack without rails, of no cells and no groups."""
    schema.scratch("of_ladders", "segments", n_cell_slots // LANES * int(PLACE_LANES))
    schema.scratch("of_ladders", "ends", n_group_slots // LANES * int(END_LANES))


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
    k = len(at) // 2 - 4
    return LadderArrays(nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3))


@inlined
def prepare_ladders(wire, ladder):
    """Write what follows from the overlay: the resistance of every segment."""
    opposite, x = wire.rails == OPPOSITE_ENDS, ladder.segments
    for block in range(wire.n_blocks):
        for place in range(wire.p - _U(1)):
            number = block * wire.p + place
            first, at = number * WIDTH, number * PLACE_LANES
            for lane in range(WIDTH):
                plus = wire.rail_ohm + ladder.plus_extra_ohm[first + lane]
                minus = wire.rail_ohm + ladder.minus_extra_ohm[first + lane]
                x[at + ON_OHM + lane] = plus if opposite else 0.0
                x[at + BACK_OHM + lane] = minus if opposite else plus + minus


@inlined
def line_of_cells(place, first, at, k, cells, groups, x):
    """Write conductance and short-circuit current of the 32 cells of a place."""
    for lane in range(WIDTH):
        c = first + lane
        opened = cells.cut[c]
        w, part = branch(cells.r_ohm[c], cells.short_S[c], cells.joint_ohm[c], opened)
        cells.weight[c] = w
        x[at + OWN_S + lane] = part * w if opened == 0.0 else 0.0
        x[at + OWN_A + lane] = cells.emf_V[c] * w if opened == 0.0 else 0.0
    for lane in range(WIDTH):
        is_last = cells.cut[first + lane] == 0.0 and groups.last[k + lane] < 0.0
        groups.last[k + lane] = float(place) if is_last else groups.last[k + lane]


@inlined
def fold_place(at, g, x, y):
    """Fold the segment that leads on from a place into what 32 groups have beyond; add its cell.

    Parameters
    ----------
    at, g : uint64
        Where the place begins in `x`, and its groups in `y`.
    x, y : float64
        `segments` and `ends`, both written.
    """
    for lane in range(WIDTH):
        back, on = x[at + BACK_OHM + lane], x[at + ON_OHM + lane]
        seen, given = y[g + SEEN_S + lane], y[g + SEEN_A + lane]
        carry = y[g + CARRY + lane]
        ohm, far = back + on, 1.0 - carry
        f = 1.0 / (1.0 + ohm * seen)
        slope = f * (ohm * carry - back)
        x[at + FOLD + lane] = f
        x[at + SLOPE_OHM + lane] = slope
        x[at + GAIN_V + lane] = f * ohm * given
        y[g + LIFT_V + lane] += slope * given
        y[g + RISE_OHM + lane] += f * (on * carry * carry + back * (far * far + on * seen))
        y[g + CARRY + lane] = f * (carry + back * seen)
        y[g + SEEN_S + lane] = f * seen + x[at + OWN_S + lane]
        y[g + SEEN_A + lane] = f * given + x[at + OWN_A + lane]


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
        Written: of every place what the way back needs; of every group G, J, C, P and D.
    """
    k, g = block * WIDTH, block * END_LANES
    x, y = ladder.segments, ladder.ends
    for lane in range(WIDTH):
        y[g + SEEN_S + lane] = y[g + SEEN_A + lane] = 0.0
        y[g + LIFT_V + lane] = y[g + RISE_OHM + lane] = 0.0
        y[g + CARRY + lane] = 1.0
        groups.last[k + lane] = -1.0
    for nearer in range(wire.p):
        place = wire.p - _U(1) - nearer
        number = block * wire.p + place
        line_of_cells(place, number * WIDTH, number * PLACE_LANES, k, cells, groups, x)
        fold_place(number * PLACE_LANES, g, x, y)
    for lane in range(WIDTH):
        seen, carry = y[g + SEEN_S + lane], y[g + CARRY + lane]
        part = 1.0 / (carry * carry + y[g + RISE_OHM + lane] * seen)
        source = carry * y[g + SEEN_A + lane] + y[g + LIFT_V + lane] * seen
        groups.cells_S[k + lane] = seen * part
        groups.cells_A[k + lane] = source * part


@inlined
def enter_ladders(block, groups, y):
    """Write the voltage between the rails at the first place of 32 groups."""
    k, g = block * WIDTH, block * END_LANES
    for lane in range(WIDTH):
        out, seen = groups.out_A[k + lane], y[g + SEEN_S + lane]
        source = y[g + SEEN_A + lane] - y[g + CARRY + lane] * out
        y[g + PLACE_V + lane] = source / seen if seen > 0.0 else groups.voltage_V[k + lane]
        y[g + OUT_A + lane] = y[g + LEFT_A + lane] = out
        y[g + HALF_W + lane] = y[g + RAIL_W + lane] = 0.0
        groups.shorted_A[k + lane] = 0.0


@inlined
def follow_segments(first, at, g, cells, x, y):
    """Give half of the heat of the segments before and behind a place to its cells, and go on."""
    for lane in range(WIDTH):
        beyond, out = y[g + LEFT_A + lane], y[g + OUT_A + lane]
        here = out - beyond
        loss = x[at + BACK_OHM + lane] * beyond * beyond + x[at + ON_OHM + lane] * here * here
        cells.extra_W[first + lane] += y[g + HALF_W + lane] + 0.5 * loss
        y[g + HALF_W + lane] = 0.5 * loss
        y[g + RAIL_W + lane] += loss
        carried = x[at + FOLD + lane] * y[g + PLACE_V + lane] - x[at + SLOPE_OHM + lane] * out
        y[g + PLACE_V + lane] = carried + x[at + GAIN_V + lane]


@inlined
def spread_ladders(block, wire, cells, groups, ladder, sums):
    """Give every cell of 32 groups its current and voltage, and every segment its loss.

    As `packs.groups.spread_cells`. The current of a segment is what the cells before it leave of
    the group's, so that the current law holds at every place as it does for the group. Half of the
    heat of a segment goes to the cell at either end, to which it is welded (assumed: its way along
    the metal to a cell is short beside any to the plate): `cells.extra_W`.
    """
    k, g = block * WIDTH, block * END_LANES
    x, y = ladder.segments, ladder.ends
    enter_ladders(block, groups, y)
    for place in range(wire.p):
        number = block * wire.p + place
        first = number * WIDTH
        for lane in range(WIDTH):
            c = first + lane
            left, is_last = y[g + LEFT_A + lane], float(place) == groups.last[k + lane]
            i, shunted = spread_cell(c, lane, y[g + PLACE_V + lane], left, is_last, cells, sums)
            y[g + LEFT_A + lane] = left - i
            groups.shorted_A[k + lane] += shunted
        follow_segments(first, number * PLACE_LANES, g, cells, x, y)
    for lane in range(WIDTH):
        groups.left_A[k + lane] = y[g + LEFT_A + lane]


@inlined
def rail_loss(wire, ladder):
    """Return what all segments turn into heat [W]."""
    total = 0.0
    for block in range(wire.n_blocks):
        for lane in range(WIDTH):
            total += ladder.ends[block * END_LANES + RAIL_W + lane]
    return total
