"""Cells with a thickness: each a row of equal layers, and what every layer touches.

A cell of n layers is n heat nodes that lie in the direction in which cells are stacked. So a stack
of layered cells is a finer stack: each node has two neighbours along it and two across, as a cell
has, and the network of `packs.heat_network` takes nodes as it takes cells, n places for one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cell_models.contract import LANES
from packs.heat_spec import LayersSpec
from packs.topology import Floats, Ints, Topology

ROWS = 4
"""Two neighbours in the next columns, two in the next rows: those of `Topology.near`."""


def face_W_per_K(between_W_per_K: Floats, through_W_per_K: float, count: int) -> Floats:
    """Return the conductance from the middle of a cell's last layer to that of the next's first.

    Half a layer, what lies between the faces, half a layer, in series: with K through a whole cell
    half of one of its n layers has 2 n K, so ``1 / G = 1 / G_between + 2 / (2 n K)``.

    Parameters
    ----------
    between_W_per_K : float64 (n,)
        Face to face; 0 for none.
    through_W_per_K : float
        One face of a cell to the other, k A / d.
    count : int
        Layers of a cell.

    References
    ----------
    Patankar, Numerical Heat Transfer and Fluid Flow, 1980, section 4.2-3 (harmonic mean).
    """
    inner = count * through_W_per_K
    return between_W_per_K * inner / (between_W_per_K + inner)


def node_of(slot: Ints, layer: int, count: int) -> Ints:
    """Return the nodes of one layer: the layers of 32 slots lie behind each other, n rows of 32."""
    return (slot // LANES * count + layer) * LANES + slot % LANES


def layer_pairs(
    top: Topology, layers: LayersSpec, conductance: Floats
) -> tuple[Ints, Ints, Ints, Floats]:
    """Return every pair of nodes that exchange heat by conduction.

    Parameters
    ----------
    top : Topology
    layers : LayersSpec
    conductance : float64 (n_edges,)
        Face to face along the stack, side to side across it [W/K].

    Returns
    -------
    int64 (n,)
        Row of `Topology.near` in which the first has the second; the next row is the way back.
    int64 (n,), int64 (n,)
        The two nodes, in the order of columns and rows.
    float64 (n,), [W/K]
    """
    n, through = layers.count, layers.through_W_per_K
    a, b = top.cell_slot[top.edge_a], top.cell_slot[top.edge_b]
    is_beside = top.cell_x_m[top.edge_a] != top.cell_x_m[top.edge_b]
    is_face = is_beside == layers.along_columns
    stack, across = (0, 2) if layers.along_columns else (2, 0)
    at = np.flatnonzero(is_face)
    faces = face_W_per_K(conductance[at], through, n)
    found = [(stack, node_of(a[at], n - 1, n), node_of(b[at], 0, n), faces)]
    at = np.flatnonzero(~is_face)
    for k in range(n):
        found.append((across, node_of(a[at], k, n), node_of(b[at], k, n), conductance[at] / n))
    inner = np.full(top.n_cells, n * through)
    for k in range(n - 1):
        pair = (node_of(top.cell_slot, k, n), node_of(top.cell_slot, k + 1, n))
        found.append((stack, *pair, inner))
    rows = np.concatenate([np.full(len(first), row) for row, first, _, _ in found])
    first, second, links = (np.concatenate([one[k] for one in found]) for k in (1, 2, 3))
    return rows, first, second, links


def near_of(top: Topology, layers: LayersSpec | None) -> NDArray[np.uint32]:
    """Return the neighbours of every slot, and behind them those of every node of layered cells.

    Returns
    -------
    uint32 (4 * n_cell_slots,), with layers (4 * n_cell_slots * (1 + count),)
    """
    if layers is None:
        return top.near
    n_nodes = top.n_cell_slots * layers.count
    near = np.tile(np.arange(n_nodes, dtype=np.uint32), (ROWS, 1))
    rows, a, b, _ = layer_pairs(top, layers, np.ones(len(top.edge_a)))
    near[rows, a], near[rows + 1, b] = b, a
    return np.concatenate((top.near, near.ravel()))
