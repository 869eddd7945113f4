"""Where what cells go through for good is kept: numbers and arrays of `packs.milestones`."""

from __future__ import annotations

from typing import NamedTuple

from cell_models.contents import Contents
from cell_models.jit import inlined
from packs.arrays import Floats, Ints, nth


class Rules(NamedTuple):
    """Numbers of a plant's reacting cells.

    Attributes
    ----------
    short_ohm, full_J, body_share, ejected_mass, separator_K : float
        `packs.spec.RunawaySpec`.
    valid_from_soc, valid_to_soc : float
        What charge the reactions were fitted at.
    nodes : int
        Heat nodes of a cell.
    """

    short_ohm: float
    full_J: float
    body_share: float
    ejected_mass: float
    separator_K: float
    valid_from_soc: float
    valid_to_soc: float
    nodes: int


class Milestones(NamedTuple):
    """Of each cell slot, unless stated; those not named here are of `RunawayArrays`.

    Attributes
    ----------
    rules : Rules
    contents : Contents
    own_S : float64 (n,)
        Short of a collapsed separator [S].
    soc : float64 (n,)
        Charge that its reactants are of.
    since_s : float64 (n,), when it ran away, or NaN
    hottest_K : float64 (n,)
    seen_soc, seen_ocv_V, seen_J : float64 (n,), seen_flags : int64 (n,)
        `CellModel.observe` after the step.
    resize : float64 (n,)
        Factor that its resistances are to be given; 0 where none. Whoever gives it clears it.
    values : float64 (2 m,), logged : int64 (3 m,), n_logged : int64 (1,)
        The log: value and limit; tick, what happened, slot; how many.
    n_ran, n_begun, alert_until, probe : int64 (1,)
    """

    rules: Rules
    contents: Contents
    extents: Floats
    energy_J: Floats
    own_S: Floats
    soc: Floats
    reaction_J: Floats
    share: Floats
    fuel_J: Floats
    planned_J: Floats
    to_give_J: Floats
    held_J: Floats
    locked_J: Floats
    since_s: Floats
    hottest_K: Floats
    seen_soc: Floats
    seen_ocv_V: Floats
    seen_J: Floats
    resize: Floats
    values: Floats
    phase: Ints
    news: Ints
    seen_flags: Ints
    logged: Ints
    n_logged: Ints
    n_ran: Ints
    n_begun: Ints
    alert_until: Ints
    probe: Ints


N_RULES, N_CONTENTS = len(Rules._fields), len(Contents._fields)
N_PLACES = N_CONTENTS + len(Milestones._fields) - 2
"""Arrays whose places are kept: of the contents, and of the rest in turn."""


@inlined
def open_milestones(where, f, i):
    """Open numbers and arrays."""
    at, b, k = i[where.milestones_at :], where.rules_at, N_CONTENTS
    rules = Rules(
        f[b], f[b + 1], f[b + 2], f[b + 3], f[b + 4], f[b + 5], f[b + 6], int(f[b + 7])
    )  # fmt: skip
    contents = Contents(
        nth(f, at, k - 6), nth(f, at, k - 5), nth(i, at, k - 4), nth(f, at, k - 3),
        nth(f, at, k - 2), nth(f, at, k - 1),
    )  # fmt: skip
    return Milestones(
        rules, contents, nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3),
        nth(f, at, k + 4), nth(f, at, k + 5), nth(f, at, k + 6), nth(f, at, k + 7),
        nth(f, at, k + 8), nth(f, at, k + 9), nth(f, at, k + 10), nth(f, at, k + 11),
        nth(f, at, k + 12), nth(f, at, k + 13), nth(f, at, k + 14), nth(f, at, k + 15),
        nth(f, at, k + 16), nth(f, at, k + 17), nth(i, at, k + 18), nth(i, at, k + 19),
        nth(i, at, k + 20), nth(i, at, k + 21), nth(i, at, k + 22), nth(i, at, k + 23),
        nth(i, at, k + 24), nth(i, at, k + 25), nth(i, at, k + 26),
    )  # fmt: skip
