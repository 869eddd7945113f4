"""What a compiled step ends with: cells that react, devices of cells that act, what follows.

And why it may end its call (`packs.macro`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cell_models.ecm import scale_lane, sweep_observe, sweep_soc
from cell_models.jit import inlined, kernel
from packs.burning import NEWS as HAS_NEWS
from packs.burning import OF_HOUSING
from packs.cell_guards import GuardNumbers, guard_cells
from packs.gas_places import Housed
from packs.groups import WIDTH
from packs.milestone_places import open_milestones
from packs.milestones import (
    ENDS,
    RESIZED,
    REWIRED,
    asks_charge,
    log_is_full,
    pass_milestones,
)
from packs.module_gas import vent_modules
from packs.runaway import react_cells
from packs.runaway_places import Fitted

TROUBLE, RANGE, CUT, BLOWN, BROKEN, OPENED, NEWS, TOLD = (1 << k for k in range(8))
"""Why a call ended early: a demand that cannot be met (before the step); a table left or entered
again, a string cut or whole again, a fuse that blew, a number that is none, a cell that its fuse or
its CID opened, news of a cell that reacts or of a housing (alone, the former end no call), a log
that must be read before the next step."""


@inlined
def guarded(end, h, ecm, guards, melts_at, lanes, cells, floats):
    """Let fuses and CIDs of cells act (`CellGuards.watch`); return why the call must end, or 0."""
    if guards.has_cid:
        soc = floats[guards.soc_at : guards.soc_at + len(cells.emf_V)]
        sweep_soc(lanes, np.uint64(len(cells.emf_V)) // WIDTH, ecm.stride, soc)
    return OPENED if guard_cells(end, h, guards, cells, floats, melts_at) else 0


class Hazards(NamedTuple):
    """What may happen to cells of a pack; one of nothing of it has none of this."""

    guards: GuardNumbers
    runaway: Fitted
    housed: Housed


def hazards_of(guards: GuardNumbers, runaway: Fitted, housed: Housed) -> Hazards | None:
    """Return what may happen to cells, or None: all that it takes is compiled only then."""
    return Hazards(guards, runaway, housed) if guards.fitted or runaway.fitted else None


@inlined
def asks_outputs(hazards, ints):
    """Say whether a step must show what it has done: to devices, or to cells that have begun."""
    return hazards.guards.fitted or (hazards.runaway.fitted and ints[hazards.runaway.begun_at] > 0)


@kernel
def reacted(end, h, runaway, housed, ambient_K, cells, site, floats, ints):
    """Let hot cells react (`RunawayCells.react`), and gas move on (`ModuleGas.vent`).

    Returns
    -------
    bool
        There is news of cells.
    int
        Why the call must end, or 0.
    """
    status = react_cells(end, h, runaway, cells, site, floats, ints)
    if housed.fitted:
        status |= vent_modules(h, status, ambient_K, housed, cells, site, floats, ints)
    return status & HAS_NEWS != 0, NEWS if status & OF_HOUSING else 0


@kernel
def followed(end, where, ecm, lanes, cells, site, drifted, floats, ints):
    """Write what follows from the news of cells (`RunawayCells.tell`).

    Returns
    -------
    bool
        Shorts or cells are not what they were.
    int
        Why the call must end, or 0.
    """
    m = open_milestones(where, floats, ints)
    if asks_charge(m.news):
        sweep_observe(
            lanes, np.uint64(len(cells.emf_V)) // WIDTH, ecm.stride, ecm.n_rc, ecm.elastic_V,
            m.seen_soc, m.seen_ocv_V, m.seen_J, m.seen_flags,
        )  # fmt: skip
    status = pass_milestones(end, m, cells, site)
    if status & RESIZED:
        for slot in range(len(m.resize)):
            if m.resize[slot] != 0.0:
                scale_lane(lanes, ecm.stride, slot, m.resize[slot])
                m.resize[slot] = 0.0
        drifted[0] = 1
    return status & REWIRED != 0, TOLD if status & ENDS or log_is_full(m) else 0


@kernel
def settled(
    end, h, why, ambient_K, hazards, ecm, drifted, melts_at, lanes, cells, site, floats, ints
):  # fmt: skip
    """End a step: hot cells react, fuses and CIDs act, and what follows is written.

    Returns
    -------
    bool
        Shorts or cells are not what they were.
    int
        Why the call must end, or 0. News waits for the plant where there is something else to tell.
    """
    guards, runaway, has_news = hazards.guards, hazards.runaway, False
    if runaway.fitted:
        has_news, told = reacted(
            end, h, runaway, hazards.housed, ambient_K, cells, site, floats, ints
        )
        why |= told
    if guards.fitted:
        why |= guarded(end, h, ecm, guards, melts_at, lanes, cells, floats)
    if has_news and why == 0:
        return followed(end, runaway, ecm, lanes, cells, site, drifted, floats, ints)
    return False, why | (NEWS if has_news else 0)
