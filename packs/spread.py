"""How cells differ: capacity, resistance and initial soc drawn from the seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from packs.rng import normals
from packs.spec import SpreadSpec

Floats = NDArray[np.float64]
LIMIT_SIGMA = 3.0
"""Draws are held within three sigma: a sorted production batch has no longer tails (assumed)."""


def draw_spread(
    seed: int, n_cells: int, initial_soc: float, spread: SpreadSpec
) -> tuple[Floats, Floats, Floats]:
    """Draw the cells of a pack.

    Returns
    -------
    capacity_factor, resistance_factor, soc : float64 (n_cells,)
    """

    def draw(channel: str) -> Floats:
        return np.clip(normals(seed, channel, n_cells), -LIMIT_SIGMA, LIMIT_SIGMA)

    return (
        1.0 + spread.capacity * draw("spread.capacity"),
        1.0 + spread.resistance * draw("spread.resistance"),
        initial_soc + spread.initial_soc * draw("spread.initial_soc"),
    )
