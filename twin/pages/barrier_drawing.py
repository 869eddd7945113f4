"""Where barriers stand in a module, and what each conducts: in words, and as lines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from packs.barriers import barrier_of


def barrier_lines(engine: Any) -> dict[str, str]:
    """Return what each barrier is, by a name that counts from 1.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    dict of str
        Its place, conductance and how many pairs of cells of the site it separates.
    """
    plant = engine.plant
    barriers = plant.spec.thermal.barriers
    which = barrier_of(plant.topology, barriers)
    return {
        f"barrier {k + 1}": (
            f"{barrier.name} between {barrier.between}: {barrier.W_per_K:.4g} W/K for each of "
            f"{np.count_nonzero(which == k):,} pairs of cells"
        )
        for k, barrier in enumerate(barriers)
    }


def barrier_segments(engine: Any, length_m: float) -> NDArray[np.float64]:
    """Return a line across the middle of every pair that a barrier separates in the first module.

    Parameters
    ----------
    engine : Engine
    length_m : float

    Returns
    -------
    float64 (n, 2, 2)
        Its two ends, x and y [m].
    """
    top, barriers = engine.plant.topology, engine.plant.spec.thermal.barriers
    which = barrier_of(top, barriers)
    crossed = (which >= 0) & (top.cell_module[top.edge_a] == 0)
    a, b = top.edge_a[crossed], top.edge_b[crossed]
    start, end = (np.column_stack((top.cell_x_m[c], top.cell_y_m[c])) for c in (a, b))
    along = end - start
    across = np.column_stack((-along[:, 1], along[:, 0]))
    across *= 0.5 * length_m / np.linalg.norm(along, axis=1, keepdims=True)
    middle = 0.5 * (start + end)
    return np.stack((middle - across, middle + across), axis=1)
