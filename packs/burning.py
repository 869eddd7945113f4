"""What a cell that reacts goes through, and how its reactants burn: those of one heat node."""

from __future__ import annotations

import math

from cell_models.contract import OK
from cell_models.jit import inlined, kernel
from cell_models.runaway import RISE_K, SPENT_K, advance_node, stored_of

BEGUN, COLLAPSED, RAN, ERUPTED, SPENT, INERT, DRY = 1, 2, 4, 8, 16, 32, 64
"""Bits of `phase`; inert are spare lanes, and cells with neither fuel nor charge left to give."""
VENTED, FAILED = 128, 256
"""Bit of `phase` of a cell whose can has opened (`packs.module_gas`); bit of `news` alone: a step
was not finished."""
WHOLE = COLLAPSED | RAN | ERUPTED | SPENT
"""All that a cell goes through."""
NEWS, AWAKE, OF_HOUSING = 32, 64, 128
"""Status bits beside those of `cell_models.runaway`: news of a cell; a cell is hot, or has erupted;
a housing or its gas has something to be told of."""
RAN_K_PER_S, RAN_K = 1.0, 573.15
"""The definition of a runaway; either moves the critical oven by 0.3 K against the other."""
ERUPTED_K_PER_S = 20.0
"""Assumed: a tenth of the mean rate of a cylindrical cell's event, 700 K in 3.5 s."""
BURNT_K_PER_S = 0.1
"""Reactions of a cell that has erupted and is slower are over; assumed."""
LEAST_SHARE = 0.01
"""Of its heat an erupting cell keeps at least this, whatever it kept before."""
SPENT_AT = 0.9
"""Of all heat of an event, after which the cell is spent; assumed: what led to its terminals goes
with the matter."""
FUEL_LEFT_K = 1.0
"""What could not warm a cell by so much is no fuel."""


@inlined
def part(buffer, begin, size):
    """Return `size` numbers of a buffer from `begin` on."""
    return buffer[begin : begin + size]


@inlined
def progressed(before, reaction_J, fuel_J, held_J, to_give_J):
    """Give how far the event has come, 0 to 1: heat released over that and what is left.

    Parameters
    ----------
    before : float
    reaction_J, fuel_J : float
        Heat of reactions so far; what is left of it.
    held_J, to_give_J : float
        Of its own charge what a cell gives through its short, known when it begins to react and
        again when its separator collapses; what is left of that.
    """
    so_far = reaction_J + held_J - to_give_J
    return max(before, so_far / max(so_far + fuel_J + max(to_give_J, 0.0), 1.0))


@kernel
def kept_share(body_share, ejected_mass, kept_J, left_J):
    """Return what share of its heat an erupting cell keeps at once, to have kept enough in the end.

    Matter leaves in proportion to heat, and takes along what it holds. With the remaining heat
    capacity ``u`` in units of the whole, own heat ``E`` in the body follows ``dE/du = E/u - s Q/m``
    for ``Q`` of heat left, of which the share ``s`` is kept, and the mass ``m`` that leaves; so it
    ends at ``(1 - m) (E0 - s Q log(1 - m)/m)``, which is to be ``body_share (E0 + Q)``.

    Parameters
    ----------
    body_share, ejected_mass : float
    kept_J, left_J : float
        Own heat so far, all of it in the body; heat still to come [J].

    Returns
    -------
    float
        From `LEAST_SHARE` to 1.
    """
    m = ejected_mass
    stays = -math.log1p(-m) / m if m > 0.0 else 1.0
    wanted_J = body_share * (kept_J + left_J) / (1.0 - m) - kept_J
    return min(max(wanted_J / (stays * max(left_J, 1.0)), LEAST_SHARE), 1.0)


@inlined
def own_charge(h, heat_W, voltage_V, current_A):
    """Give what a cell's own store gives in a step, as heat in it and at its terminals [J].

    What neighbours feed into its short is not its own; while they charge it this is negative.
    """
    return h * (heat_W + voltage_V * current_A)


@inlined
def dries(phase, to_give_J, own_J):
    """Give `DRY` where a collapsed cell has given what its short lets through of its charge.

    In the step whose end is the nearest to that, if the next one gives what this one gave: a torn
    cell of 30 % of charge gives a sixth of it within a step.
    """
    gives = phase & COLLAPSED and not phase & DRY
    return DRY if gives and to_give_J <= 0.5 * max(own_J, 0.0) else 0


@inlined
def matter_lost(ejected_mass, whole_J_per_K, C, T, of_planned, reference_K):
    """Give what matter that leaves with so much of the planned heat takes: [J/K], and heat [J]."""
    rest = C - (1.0 - ejected_mass) * whole_J_per_K
    leaves = max(min(ejected_mass * whole_J_per_K * of_planned, rest), 0.0)
    return leaves, leaves * (T - reference_K)


@inlined
def burn(
    at, T, C, share, h, n_slots, gate_K, extents, energy_J, rows, marks, curve_K, curve_log10,
    remains, released_J, sinks,
):  # fmt: skip
    """Let the reactions of one cell act, or of one of its layers.

    With no losses a share ``s`` of heat in a heat capacity C is all of it in ``C / s``. Arrays are
    told by where they begin, not cut: a view made for every cell costs as much as its reactions.

    Parameters
    ----------
    at : int
        Where its reactants begin.
    T, C, share, h : float
        [K], [J/K], of heat what stays, [s]
    n_slots, gate_K, extents, energy_J, rows, marks, curve_K, curve_log10, remains, released_J,
    sinks
        As in `packs.runaway_places.RunawayNumbers` and `RunawayArrays`.

    Returns
    -------
    float
        Temperature [K].
    float
        Heat released [J].
    float
        Fuel burnt, as `stored_of` sizes it [J].
    float
        Fuel left [J].
    int
        Status.
    """
    k = n_slots
    before = stored_of(extents, energy_J, at, k)[1]
    left, released, status = before, 0.0, OK
    if not (before <= SPENT_K * C or gate_K > T):
        for slot in range(k):
            released_J[slot] = 0.0
        T, _, status = advance_node(
            rows, marks, curve_K, curve_log10, extents, energy_J, at, k, T, C / share, h, 0.0,
            sinks, 0, RISE_K, remains, released_J, 0,
        )  # fmt: skip
        for slot in range(k):
            released += released_J[slot]
        left = stored_of(extents, energy_J, at, k)[1]
    return T, released, before - left, left, status


@inlined
def next_phase(phase, T, rate, has_fuel, progress, separator_K):
    """Give the bits of `phase` that are new.

    Parameters
    ----------
    phase : int
    T : float
        [K]
    rate : float
        Self-heating by reactions, if all of their heat stayed in the cell [K/s].
    has_fuel : bool
    progress : float
        Of its event (`progressed`).
    separator_K : float
    """
    found = 0
    if separator_K <= T:
        found |= COLLAPSED
    if has_fuel and (rate > RAN_K_PER_S or T > RAN_K):
        found |= RAN
    if has_fuel and (rate > ERUPTED_K_PER_S or T > RAN_K):
        found |= ERUPTED
    is_slow = (phase & ERUPTED and rate < BURNT_K_PER_S) or (phase & COLLAPSED and not has_fuel)
    if is_slow and progress > SPENT_AT:
        found |= SPENT
    return found & ~phase
