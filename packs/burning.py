"""What a cell that reacts goes through, and how its reactants burn: those of one heat node."""

from __future__ import annotations

from cell_models.contract import OK
from cell_models.jit import inlined
from cell_models.runaway import RISE_K, SPENT_K, advance_node, stored_of

BEGUN, COLLAPSED, RAN, ERUPTED, SPENT, INERT, FAILED = 1, 2, 4, 8, 16, 32, 64
"""Bits of `phase`; spare lanes are inert. `FAILED` is only in `news`: a step was not finished."""
VENTED = 128
"""Bit of `phase` of a cell whose can has opened (`packs.module_gas`)."""
WHOLE = COLLAPSED | RAN | ERUPTED | SPENT
"""All that a cell goes through."""
NEWS, AWAKE = 32, 64
"""Status bits beside those of `cell_models.runaway`: something to be told of; a cell is hot, or
has erupted."""
RAN_K_PER_S, RAN_K = 1.0, 573.15
"""The definition of a runaway; either moves the critical oven by 0.3 K against the other."""
ERUPTED_K_PER_S = 20.0
"""Assumed: a tenth of the mean rate of a cylindrical cell's event, 700 K in 3.5 s."""
BURNT_K_PER_S = 0.1
"""Reactions of a cell that has erupted and is slower are over; assumed."""
FUEL_LEFT_K = 1.0
"""What could not warm a cell by so much is no fuel."""


@inlined
def part(buffer, begin, size):
    """Return `size` numbers of a buffer from `begin` on."""
    return buffer[begin : begin + size]


@inlined
def progressed(before, reaction_J, left_J):
    """Give how far reactions have come, 0 to 1: heat released over that and what is left."""
    return max(before, reaction_J / max(reaction_J + left_J, 1.0))


@inlined
def matter_lost(ejected_mass, whole_J_per_K, T, burnt, fuel_J, reference_K):
    """Give what matter that leaves as fuel burns takes along: heat capacity [J/K], heat [J]."""
    leaves = ejected_mass * whole_J_per_K * burnt / fuel_J
    return leaves, leaves * (T - reference_K)


@inlined
def burn(
    at, T, C, share, h, n_slots, gate_K, extents, energy_J, rows, marks, curve_K, curve_log10,
    scratch,
):  # fmt: skip
    """Let the reactions of one cell act, or of one of its layers.

    With no losses a share ``s`` of heat in a heat capacity C is all of it in ``C / s``.

    Parameters
    ----------
    at : int
        Where its reactants begin.
    T, C, share, h : float
        [K], [J/K], of heat what stays, [s]
    n_slots, gate_K, extents, energy_J, rows, marks, curve_K, curve_log10, scratch
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
    if before <= SPENT_K * C or gate_K > T:
        return T, 0.0, 0.0, before, OK
    x, energies_J = part(extents, at, k), part(energy_J, at, k)
    scratch[:] = 0.0
    y, released_J = scratch[:k], scratch[k : 2 * k]
    sinks = scratch[2 * k :].reshape(1, 3)
    T, _, status = advance_node(
        rows, marks, curve_K, curve_log10, x, energies_J, 0, k, T, C / share, h, 0.0,
        sinks, 0, RISE_K, y, released_J,
    )  # fmt: skip
    released = 0.0
    for slot in range(k):
        released += released_J[slot]
    left = stored_of(x, energies_J, 0, k)[1]
    return T, released, before - left, left, status


@inlined
def next_phase(phase, T, rate, has_fuel, separator_K):
    """Give the bits of `phase` that are new.

    Parameters
    ----------
    phase : int
    T : float
        [K]
    rate : float
        Self-heating by reactions, if all of their heat stayed in the cell [K/s].
    has_fuel : bool
    separator_K : float
    """
    found = 0
    if separator_K <= T:
        found |= COLLAPSED
    if has_fuel and (rate > RAN_K_PER_S or T > RAN_K):
        found |= RAN
    if has_fuel and (rate > ERUPTED_K_PER_S or T > RAN_K):
        found |= ERUPTED
    if (phase & ERUPTED and rate < BURNT_K_PER_S) or (phase & COLLAPSED and not has_fuel):
        found |= SPENT
    return found & ~phase
