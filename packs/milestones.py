"""What a reacting cell goes through for good: what follows from the news of a step.

`packs.runaway` finds that a cell begins, that its separator has collapsed, that it erupts, is dry
or spent. What follows is written here, after the step in which it was found: its reactants, its
short, its share of the heat, its resistance. What people must be told of is put in a log.
"""

from __future__ import annotations

import math

from cell_models.contents import fill_node, given_at, recharge_node
from cell_models.jit import inlined, kernel
from cell_models.runaway import SPENT_K, stored_of
from packs.arrays import open_cells, open_site
from packs.burning import (
    BEGUN,
    COLLAPSED,
    DRY,
    ERUPTED,
    FAILED,
    RAN,
    RAN_K,
    SPENT,
    VENTED,
    kept_share,
)
from packs.flows import FUELLED, add_to
from packs.milestone_places import open_milestones
from packs.pace import ALERT_TICKS

NEAR_SOC = 0.1
"""So far from the charge that they were fitted at, reactions are taken to hold; assumed."""
DRIED = 1e4
"""Times its resistance has a cell that gives no more charge; so much that heat of it is none."""
EMPTY_TICKS = 20_000
"""How long the short step holds for the charge of a torn cell, which is gone by then [ms]."""
SHORT_S, EVENT_S = 10.0, 3.5
"""In so long the short of a collapsed separator alone would empty its cell (Feng 2015, as in
``nmc_prismatic``), and an erupting one by itself: how long the event of a 21700 takes (databank).
Torn electrodes touch all over: half of that resistance is the short, half its electrodes."""

CODES = (
    "beyond_reactions", "separator_collapsed", "cell_runaway", "cell_spent", "can_opened",
    "not_finite",
)  # fmt: skip
BEYOND, COLLAPSE, RUNAWAY, BURNT_OUT, OPENED, BROKEN = range(len(CODES))
"""What the log says of a cell."""
OF_STEP, OF_LOG = 5, 6
"""Entries of the log for each cell: so many a step fills at most, and so many there are."""

RESIZED, REWIRED, ENDS = 1, 2, 4
"""Bits of what followed: resistances are to be scaled by `resize`; shorts or cells have changed; a
step was not finished."""


@inlined
def log(m, end, code, c, value, limit):
    """Put what happened to a cell on the list of what people must be told of."""
    k = m.n_logged[0]
    m.logged[3 * k], m.logged[3 * k + 1], m.logged[3 * k + 2] = end, code, c
    m.values[2 * k], m.values[2 * k + 1] = value, limit
    m.n_logged[0] = k + 1


@inlined
def log_is_full(m):
    """Say whether the log may have no room for another step."""
    return m.n_logged[0] > (OF_LOG - OF_STEP) * len(m.news)


@inlined
def fuel(c, m):
    """Give the chemical energy that a cell's reactants could release [J]."""
    k = m.rules.nodes * len(m.contents.start)
    return stored_of(m.extents, m.energy_J, c * k, k)[0]


@inlined
def unmeasured(soc, rules):
    """Give the nearest charge at which reactions were fitted, and whether this one is far off."""
    limit = min(max(soc, rules.valid_from_soc), rules.valid_to_soc)
    return limit, abs(soc - limit) > NEAR_SOC


@kernel
def tell_charge(end, c, soc, bit, m):
    """Log the first cell that comes so far, if it has a charge that nobody measured."""
    count = 0
    for other in range(len(m.phase)):
        count += 1 if m.phase[other] & bit else 0
    limit, is_far = unmeasured(soc, m.rules)
    if count == 1 and is_far:
        log(m, end, BEYOND, c, soc, limit)


@kernel
def expect_charge(c, soc, stored_J, m):
    """Set how much of the charge of a cell will go through its short, and how much never will."""
    given = given_at(soc, m.contents)
    m.held_J[c] = m.to_give_J[c] = given * max(stored_J, 0.0)
    m.locked_J[c] = (1.0 - given) * max(stored_J, 0.0)


@kernel
def begin(end, c, soc, stored_J, m, site):
    """Give a cell that becomes hot the reactants of its charge; the ledger books the change.

    Its charge belongs to its event from now on: how far that has come, and so how much gas there
    is, goes by all of its heat.
    """
    before_J, nodes, k = fuel(c, m), m.rules.nodes, len(m.contents.start)
    for node in range(c * nodes, (c + 1) * nodes):
        fill_node(node * k, soc, 1.0 / nodes, m.contents, m.extents, m.energy_J)
    m.soc[c] = soc
    expect_charge(c, soc, stored_J, m)
    m.n_begun[0] += 1
    add_to(site.total, site.low, FUELLED, fuel(c, m) - before_J)
    tell_charge(end, c, soc, BEGUN, m)


@kernel
def collapse(end, c, soc, stored_J, m, site):
    """Put the short of a collapsed separator into a cell, for good.

    What is left of its reactants becomes that of the charge which it has now, in proportion; how
    much of that charge will go through is settled too.
    """
    before_J, nodes, k = fuel(c, m), m.rules.nodes, len(m.contents.start)
    if not unmeasured(m.soc[c], m.rules)[1]:  # else it was told when it began
        tell_charge(end, c, soc, COLLAPSED, m)
    for node in range(c * nodes, (c + 1) * nodes):
        recharge_node(node * k, m.soc[c], soc, m.contents, m.extents, m.energy_J)
    m.soc[c] = soc
    add_to(site.total, site.low, FUELLED, fuel(c, m) - before_J)
    expect_charge(c, soc, stored_J, m)
    m.own_S[c] = 1.0 / m.rules.short_ohm
    log(m, end, COLLAPSE, c, m.hottest_K[c], m.rules.separator_K)


@kernel
def erupt(c, stored_J, m):
    """Set what a cell keeps from now on of its heat: `packs.burning.kept_share`."""
    nodes, k, rules = m.rules.nodes, len(m.contents.start), m.rules
    charge_J = max(stored_J - m.locked_J[c], 0.0)
    kept_J = m.reaction_J[c] + m.held_J[c] - m.to_give_J[c]
    left_J = fuel(c, m) + charge_J
    of_full = min((kept_J + left_J) / rules.full_J, 1.0)
    m.share[c] = kept_share(rules.body_share, rules.ejected_mass * of_full, kept_J, left_J)
    for node in range(c * nodes, (c + 1) * nodes):
        size_J = stored_of(m.extents, m.energy_J, node * k, k)[1]
        m.fuel_J[node] = max(size_J, SPENT_K)
        m.planned_J[node] = (m.fuel_J[node] + charge_J / nodes) / max(of_full, SPENT_K)
    m.n_ran[0] += 1


@inlined
def scale(m, c, factor):
    """Ask for another resistance of a cell, by a factor."""
    m.resize[c] = factor * (m.resize[c] if m.resize[c] > 0.0 else 1.0)


@kernel
def follow(end, c, found, soc, stored_J, m, cells, site):
    """Write what follows from the news of one cell; return whether its electrodes tear now."""
    if found & BEGUN:
        begin(end, c, soc, stored_J, m, site)
    if found & COLLAPSED:
        collapse(end, c, soc, stored_J, m, site)
    if found & RAN:
        m.since_s[c] = end / 1000.0
        log(m, end, RUNAWAY, c, m.hottest_K[c], RAN_K)
    if found & ERUPTED:
        erupt(c, stored_J, m)
    is_torn = found & (COLLAPSED | ERUPTED) and m.phase[c] & COLLAPSED and m.phase[c] & ERUPTED
    if is_torn:  # it shorts itself all over
        half_ohm = 0.5 * m.rules.short_ohm * EVENT_S / SHORT_S
        m.own_S[c] = 1.0 / half_ohm
        if not m.phase[c] & DRY:
            scale(m, c, min(half_ohm / max(cells.r_ohm[c], half_ohm), 1.0))
    if found & DRY:
        scale(m, c, DRIED)
    if found & SPENT:  # open; its short goes on inside it
        cells.is_broken[c] = 1.0
        log(m, end, BURNT_OUT, c, m.reaction_J[c], math.nan)
    if found & VENTED:
        log(m, end, OPENED, c, m.hottest_K[c], math.nan)
    if found & FAILED:
        log(m, end, BROKEN, c, math.nan, 0.0)
    return is_torn


@kernel
def pass_milestones(end, m, cells, site):
    """Write what follows from the news of the step that ended at a tick.

    Parameters
    ----------
    end : int
        [ms]
    m : Milestones
        Written; its `news` is cleared. `seen_soc` and `seen_J` are charge and electrical energy of
        every cell now.
    cells, site : CellArrays, SiteArrays

    Returns
    -------
    int
        `RESIZED`, `REWIRED`, `ENDS`.
    """
    status, alert, empties, stirs = 0, False, False, False
    for c in range(len(m.news)):
        found = m.news[c]
        if found == 0:
            continue
        m.news[c] = 0
        m.phase[c] |= found & ~FAILED
        is_joined = cells.cut[c] == 0.0
        changes = found & (COLLAPSED | SPENT | DRY) != 0
        is_torn = follow(end, c, found, m.seen_soc[c], m.seen_J[c], m, cells, site)
        empties |= is_torn
        stirs |= is_joined and (is_torn or changes)
        alert |= changes or found & ERUPTED != 0
        status |= RESIZED if m.resize[c] > 0.0 else 0
        status |= REWIRED if changes or is_torn else 0
        status |= ENDS if found & FAILED else 0
    if alert:
        m.alert_until[0] = max(m.alert_until[0], end + ALERT_TICKS)
        m.probe[0] |= 1 if stirs else 0
    if empties:
        m.alert_until[0] = end + EMPTY_TICKS
    return status


@inlined
def asks_charge(news):
    """Say whether what follows from the news asks for charge and energy of the cells."""
    found = 0
    for c in range(len(news)):
        found |= news[c]
    return found & (BEGUN | COLLAPSED | ERUPTED) != 0


@kernel
def milestone_stage(end, where, arena):
    """Write what follows from the news, as a stage of its own (`pass_milestones`)."""
    m = open_milestones(where, arena.floats, arena.ints)
    return pass_milestones(end, m, open_cells(arena), open_site(arena))
