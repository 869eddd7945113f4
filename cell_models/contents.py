"""What a cell holds of its reactants, and how that follows its charge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_models.jit import inlined, kernel

Floats = NDArray[np.float64]

NOTHING, AMOUNT, HEAT = range(3)
"""What of a reactant follows the charge."""


class Contents(NamedTuple):
    """What a full cell holds, one per slot of a set's reactants, and behind that what was measured.

    Attributes
    ----------
    start, energy_J : float64 (n_slots,)
        Amount; heat per unit of it [J].
    follows : int64 (n_slots,)
    soc, reactions, charge : float64 (m,)
        `cell_models.runaway_total.HeatOverSoc`; empty for heat in proportion to charge.
    """

    start: Floats
    energy_J: Floats
    follows: NDArray[np.int64]
    soc: Floats
    reactions: Floats
    charge: Floats


@inlined
def between(soc, knots):
    """Give the knot below a state of charge and how far it is to the next, held at both ends."""
    last = len(knots) - 1
    k, part = 0, 0.0
    if soc >= knots[last]:
        k = last
    elif not soc <= knots[0]:
        while knots[k + 1] <= soc:
            k += 1
        part = (soc - knots[k]) / (knots[k + 1] - knots[k])
    return k, part


@inlined
def interpolated(soc, knots, values):
    """Read a line through points, held at both ends."""
    k, part = between(soc, knots)
    return values[k] if part == 0.0 else values[k] + part * (values[k + 1] - values[k])


@inlined
def heat_at(soc, contents):
    """Give the heat of reactants that follow the charge, over that in a full cell."""
    charge = max(soc, 0.0)
    if len(contents.soc) == 0:
        return charge
    return interpolated(charge, contents.soc, contents.reactions)


@inlined
def given_at(soc, contents):
    """Give what the short of a cell lets through of the energy that it holds, 0 to 1."""
    if len(contents.soc) == 0:
        return 1.0
    return interpolated(soc, contents.soc, contents.charge)


@kernel
def fill_node(begin, soc, part, contents, extents, energy_J):
    """Fill a node, which is so large a part of its cell, with the reactants of a charge.

    Parameters
    ----------
    begin : int
        Of the node's slots.
    soc : float
        Above 1 in overcharge. Below 0 there is no lithium left to react: as 0.
    part : float
    contents : Contents
    extents, energy_J : float64 (nodes * n_slots,), written
    """
    charge, heat = max(soc, 0.0), heat_at(soc, contents)
    for k in range(len(contents.start)):
        how = contents.follows[k]
        extents[begin + k] = contents.start[k] * (charge if how == AMOUNT else 1.0)
        energy_J[begin + k] = contents.energy_J[k] * (heat if how == HEAT else 1.0) * part


@kernel
def recharge_node(begin, before, soc, contents, extents, energy_J):
    """Give what is left of a node's reactants, those of one charge, the proportions of another."""
    amount = heat = 1.0
    if before > 0.0:
        amount = max(soc, 0.0) / before
    if heat_at(before, contents) > 0.0:
        heat = heat_at(soc, contents) / heat_at(before, contents)
    for k in range(len(contents.start)):
        how = contents.follows[k]
        extents[begin + k] *= amount if how == AMOUNT else 1.0
        energy_J[begin + k] *= heat if how == HEAT else 1.0


@kernel
def fill_nodes(soc, contents, extents, energy_J):
    """Fill nodes, each a whole cell, with the reactants of their charges, float64 (n,)."""
    for node in range(len(soc)):
        fill_node(node * len(contents.start), soc[node], 1.0, contents, extents, energy_J)
