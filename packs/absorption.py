"""Where the energy goes that a cell throws out: to cells in line of sight, the rest to the gas.

A sparse matrix: each cell has a few targets, each with the share of its ejecta that stays there. A
row adds up to at most 1. It comes from the layout (`absorption`), by counting rays, or from shares
that a user gives (`given_absorption`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cell_models.gases import T0_K
from cell_models.jit import kernel
from cell_models.vent import JET_K

if TYPE_CHECKING:
    from packs.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REACH = 5.0
"""Cells further off than so many diameters get nothing: it goes to the gas (assumed)."""
LEAST_SHARE = 2e-3
"""A smaller part than this is not followed, it goes to the gas: so each cell has few targets."""
RAYS = 1440
"""Rays around a cell that vents sideways: shares are exact to 1/1440."""
RINGS, SPOKES = 64, 128
"""Rays over the half space of a cell that vents up, of equal solid angle."""
LEAST_JET_W = 10.0
"""What a cell gives off with less is no jet: currents in what is left of a burnt-out cell. It goes
to the gas whole (assumed; a jet has kilowatts)."""
ROUNDING = 1e-9
"""By so much may shares that are written in decimals add up to more than 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JetSpec:
    """How cells vent, and how much of what hits a cell stays there.

    Attributes
    ----------
    direction : str
        ``sideways``: evenly around the cell, a torn wall or a seam, towards whatever stands first
        in the way. ``up``: against a lid, from which it comes back evenly over the half space, as
        from the mirror image of the vent.
    diameter_m : float
        Of the cells, or their width [m].
    lid_gap_m : float
        From the tops of the cells to the lid [m]; sideways it has no meaning.
    absorbed : float
        Of what hits a cell, 0 to 1. Of the energy of vented gas 40 to 70 % leaves the gap between
        two cells (ASME HT2023-87165).
    """

    direction: Literal["up", "sideways"]
    diameter_m: float
    lid_gap_m: float
    absorbed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Absorption:
    """The matrix by slot: entries of row c stand from ``first[c]`` to ``first[c + 1]``.

    Attributes
    ----------
    first : int64 (n_cell_slots + 1,)
    target : int64 (entries,), slots
    share : float64 (entries,)
    """

    first: Ints
    target: Ints
    share: Floats


def absorption(topology: Topology, jet: JetSpec, room: Ints | None = None) -> Absorption:
    """Count rays over the layout of one module; all modules of a pack are alike.

    Parameters
    ----------
    topology : Topology
    jet : JetSpec
    room : int64 (n_cells,) or None
        Between cells of unlike numbers stands a sheet (`packs.barriers.screened`): it stops what
        flies sideways, not what comes back from a lid.

    Returns
    -------
    Absorption
        What flies past all cells, or stays on none, is in no row: the gas gets it.
    """
    n = topology.groups_per_module * topology.cells_per_group
    x, y = topology.cell_x_m[:n], topology.cell_y_m[:n]
    strike = _struck_sideways if jet.direction == "sideways" else _struck_from_above
    rows: list[tuple[int, int, float]] = []
    for cell in range(n):
        dx, dy = x - x[cell], y - y[cell]
        near = np.flatnonzero(np.hypot(dx, dy) <= REACH * jet.diameter_m)
        parts = strike(dx[near], dy[near], jet)
        if room is not None and jet.direction == "sideways":
            parts = parts * (room[near] == room[cell])
        rows += [
            (cell, int(near[k]), float(jet.absorbed * parts[k]))
            for k in np.flatnonzero(parts >= LEAST_SHARE)
        ]
    return _by_slot(topology, rows)


def given_absorption(topology: Topology, shares: Iterable[tuple[int, int, float]]) -> Absorption:
    """Take the shares that a user gives for the cells of one module.

    Parameters
    ----------
    topology : Topology
    shares : iterable of (int, int, float)
        From which cell, to which, of those of one module from 0; which share, 0 to 1.

    Raises
    ------
    ValueError
        If there is no such cell, a pair is given twice, or the shares of a cell exceed 1.
    """
    n = topology.groups_per_module * topology.cells_per_group
    rows = sorted(shares)
    if complaint := wrong_shares(rows, n):
        raise ValueError(complaint)
    return _by_slot(topology, rows)


def wrong_shares(shares: Iterable[tuple[int, int, float]], cells: int | None = None) -> str:
    """Say what is wrong with shares between the cells of a module, empty if nothing is."""
    total: dict[int, float] = {}
    seen: set[tuple[int, int]] = set()
    for source, target, share in shares:
        for cell in (source, target):
            if cell < 0 or (cells is not None and cell >= cells):
                return f"no cell {cell + 1} in a module of {cells}; cells are counted from 1"
        if (source, target) in seen:
            return f"the share from cell {source + 1} to cell {target + 1} is given twice"
        if not 0.0 <= share <= 1.0:
            return f"the share from cell {source + 1} to cell {target + 1} is {share:g}, not 0 to 1"
        seen.add((source, target))
        total[source] = total.get(source, 0.0) + share
    for source, sum_ in total.items():
        if sum_ > 1.0 + ROUNDING:
            return f"the shares from cell {source + 1} add up to {sum_:g}; expected at most 1"
    return ""


def _struck_sideways(dx: Floats, dy: Floats, jet: JetSpec) -> Floats:
    """Return which part of rays in the plane each cell is the first to stop.

    A cell that nothing hides gets ``2 asin(d/(2 r))/(2 pi)``: the angle under which it is seen.
    """
    angle = (np.arange(RAYS) + 0.5) * (2.0 * math.pi / RAYS)
    along = np.outer(np.cos(angle), dx) + np.outer(np.sin(angle), dy)
    beside = np.outer(np.cos(angle), dy) - np.outer(np.sin(angle), dx)
    radius = 0.5 * jet.diameter_m
    hit = (along > 0.0) & (np.abs(beside) < radius) & (np.hypot(dx, dy) > 0.0)
    into = np.where(hit, along - np.sqrt(np.maximum(radius**2 - beside**2, 0.0)), np.inf)
    struck = np.argmin(into, axis=1)[hit.any(axis=1)]
    return np.bincount(struck, minlength=len(dx)) / RAYS


def _struck_from_above(dx: Floats, dy: Floats, jet: JetSpec) -> Floats:
    """Return which part of rays from the mirror image of a vent falls on the top of each cell.

    Rings of equal solid angle: a ray of ring j leaves with ``cos = 1 - (j + 1/2)/J`` and lands
    ``2 g tan`` from the cell, g the gap. The cell's own top gets ``1 - 2 g/sqrt(4 g^2 + d^2/4)``.
    """
    from scipy.spatial import KDTree  # a tenth of a second, for packs that vent up alone

    down = 1.0 - (np.arange(RINGS) + 0.5) / RINGS
    far = 2.0 * jet.lid_gap_m * np.sqrt(1.0 / down**2 - 1.0)
    angle = (np.arange(SPOKES) + 0.5) * (2.0 * math.pi / SPOKES)
    x, y = np.outer(far, np.cos(angle)).ravel(), np.outer(far, np.sin(angle)).ravel()
    off, nearest = KDTree(np.column_stack((dx, dy))).query(np.column_stack((x, y)))
    struck = np.asarray(nearest)[np.asarray(off) < 0.5 * jet.diameter_m]
    return np.bincount(struck, minlength=len(dx)) / (RINGS * SPOKES)


def _by_slot(topology: Topology, rows: list[tuple[int, int, float]]) -> Absorption:
    """Repeat the rows of one module in all, and put them in the order of slots."""
    n = topology.groups_per_module * topology.cells_per_group
    source, target = (np.array([row[k] for row in rows], dtype=np.int64) for k in (0, 1))
    share = np.array([row[2] for row in rows], dtype=np.float64)
    base = n * np.arange(topology.n_modules)[:, None]
    slot = topology.cell_slot[(base + source).ravel()]
    order = np.argsort(slot, kind="stable")
    count = np.bincount(slot, minlength=topology.n_cell_slots)
    return Absorption(
        first=np.concatenate(([0], np.cumsum(count))).astype(np.int64),
        target=topology.cell_slot[(base + target).ravel()][order],
        share=np.tile(share, topology.n_modules)[order],
    )


@kernel
def taken_by(T):
    """Give what a surface at T takes of a jet, over what one at 25 degC takes.

    Heat goes by the difference to the jet's temperature, and none to what is hotter than it.
    """
    return min(1.0, max(0.0, (JET_K - T) / (JET_K - T0_K)))


@kernel
def throw_stage(ejected_J, temperature_K, first, target, share, caught_J, to_gas_J, least_J=0.0):
    """Hand out what cells eject: to cells by their shares, and what is left to the gas.

    Every joule is booked once: the gas gets the difference, so the sum is that of `ejected_J`.

    Parameters
    ----------
    ejected_J : float64 (n,), [J]
        Of each cell in this step, not negative.
    temperature_K : float64 (n,), [K]
        Of each cell: a hot one catches less (`taken_by`).
    first, target, share
        An `Absorption`.
    caught_J : float64 (n,), [J]
        What each cell gets. Written.
    to_gas_J : float64 (n,), [J]
        What is left of each cell's own. Written.
    least_J : float, optional, [J]
        A cell that ejects no more than this hits no other.
    """
    caught_J[:] = 0.0
    to_gas_J[:] = ejected_J
    for c in range(len(ejected_J)):
        if ejected_J[c] <= least_J:
            continue
        left = ejected_J[c]
        for k in range(first[c], first[c + 1]):
            hit = share[k] * taken_by(temperature_K[target[k]])
            part = min(hit * ejected_J[c], left)
            caught_J[target[k]] += part
            left -= part
        to_gas_J[c] = left
