"""What a cell model must offer, so that packs can hold any mixture of them.

A *population* is all cells of one model in a pack. Its numbers live in one flat buffer laid out
``[block][field][lane]`` with 32 lanes a block; cells and the pack meet only in plain per-cell
arrays, padded to whole blocks. Padding lanes are inert copies of the last cell that carry no
current.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

LANES = 32
"""Lanes of one block: with fewer the compiler unrolls and never vectorises (measured)."""

OK = 0
REFRESH = 1
"""Status bit: a cell drifted so far from its table point that its tables must be read again."""
OUT_OF_RANGE = 2
"""Status bit: a cell is beyond its tables; the edge value holds, `validity` says which cell."""
NOT_FINITE = 4
"""Status bit: a state is no longer a finite number."""

Floats = NDArray[np.float64]


def blocks_for(n_cells: int) -> int:
    """Return the number of 32-lane blocks that hold `n_cells`."""
    return -(-n_cells // LANES)


@runtime_checkable
class CellModel(Protocol):
    """One population of cells of one model.

    Attributes
    ----------
    n_cells : int
    buffer_size : int
        Numbers of the flat buffer that holds the population.
    heat_capacity_J_per_K : float
        Of one cell [J/K].
    forkable : bool
        Nothing but the buffer is remembered between two steps.
    energy_closure : str
        ``state`` when stored energy is a function of state, ``path`` when only of the path.
    """

    n_cells: int
    buffer_size: int
    heat_capacity_J_per_K: float
    forkable: bool
    energy_closure: str

    def init(
        self,
        lanes: Floats,
        soc: Floats,
        capacity_factor: Floats,
        resistance_factor: Floats,
        temperature_K: Floats,
        step_s: float,
    ) -> None:
        """Fill the buffer: cells at rest at `soc`, with their own capacity and resistance."""
        ...

    def refresh(
        self, lanes: Floats, temperature_K: Floats, step_s: float, whole: bool = True
    ) -> int:
        """Read the tables at each cell's state; book carried minus tabulated energy as heat.

        Not `whole`: those of cells that have drifted or changed are enough, and the step may be
        another. The status then is that of what was read.
        """
        ...

    def port(
        self,
        lanes: Floats,
        temperature_K: Floats,
        step_s: float,
        current_guess_A: Floats,
        emf_V: Floats,
        resistance_ohm: Floats,
    ) -> int:
        """Write the end-of-step line ``v = emf - r * i`` of every cell; changes no state."""
        ...

    def advance(
        self,
        lanes: Floats,
        temperature_K: Floats,
        step_s: float,
        current_A: Floats,
        voltage_V: Floats,
        heat_W: Floats,
    ) -> int:
        """Move every cell by one step at constant current; write the heat released into it."""
        ...

    def field(self, lanes: Floats, name: str) -> Floats:
        """Return a copy of one field of every cell, as ``charge_As``."""
        ...

    def audit(
        self, lanes: Floats, sums_J: Floats, charge_As: Floats, charge_low_As: Floats
    ) -> None:
        """Write what the ledger holds its flows against.

        `sums_J` (5,): the running sums of the whole population, terminal, heat, dissipated,
        quadrature and refresh; the charge of every lane, shape (padded,), high and low part.
        """
        ...

    def observe(
        self, lanes: Floats, soc: Floats, ocv_V: Floats, stored_J: Floats, validity: NDArray[Any]
    ) -> None:
        """Write what a recorder and a ledger want to know of every lane, shape (padded,) each."""
        ...
