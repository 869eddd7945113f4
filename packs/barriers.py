"""What lies between two neighbouring cells: sheets of known materials, and the line of sight."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from packs.heat_spec import BarrierSpec
from packs.spec import ThermalSpec
from packs.topology import Topology

Floats = NDArray[np.float64]

MATERIALS = {
    "aerogel": 0.020,
    "air": 0.026,
    "ceramic_fibre": 0.10,
    "mica": 0.71,
    "silicone_foam": 0.06,
    "vacuum_panel": 0.003,
}
"""Thermal conductivity near room temperature [W/m/K]. Still air, no convection: Incropera,
Fundamentals of Heat and Mass Transfer, 6th ed., table A.4. Aerogel blankets have 0.015 to 0.035,
mica sheets 0.71, evacuated panels 0.003, as studies of propagation take them; silicone foam and
ceramic fibre paper assumed. All grow with temperature: state `conductivity` where that matters."""
STEFAN_BOLTZMANN = 5.670374419e-8
"""[W/m2/K4], CODATA 2018."""


def barrier_W_per_K(
    area_m2: float, contact_W_per_m2K: float, thickness_m: float, conductivity_W_per_mK: float
) -> float:
    """Return the conductance of a sheet with its interfaces [W/K]: ``A / (1/h_c + d/k)``.

    Parameters
    ----------
    area_m2 : float
        That the heat crosses.
    contact_W_per_m2K : float
        Of both interfaces together, h_c.
    thickness_m, conductivity_W_per_mK : float
    """
    return area_m2 / (1.0 / contact_W_per_m2K + thickness_m / conductivity_W_per_mK)


def view_factor(diameter_m: float, pitch_m: float) -> float:
    """Return the part of a long cylinder's radiation that reaches an equal one beside it.

    ``F = (sqrt(X^2 - 1) + asin(1/X) - X) / pi``, X = pitch / diameter, by crossed strings.

    References
    ----------
    Howell, A Catalog of Radiation Heat Transfer Configuration Factors, 3rd ed., C-63.
    """
    ratio = pitch_m / diameter_m
    return (math.sqrt(ratio * ratio - 1.0) + math.asin(1.0 / ratio) - ratio) / math.pi


def sight_W_per_K4(emissivity: float, diameter_m: float, height_m: float, pitch_m: float) -> float:
    """Return what two cylinders exchange per difference of ``T^4`` [W/K4].

    ``sigma A / (2 (1 - e) / e + 1 / F)``: two grey bodies that see each other; nothing comes back
    from elsewhere.

    References
    ----------
    Incropera, Fundamentals of Heat and Mass Transfer, 6th ed., eq. 13.18.
    """
    area_m2 = math.pi * diameter_m * height_m
    surface = 2.0 * (1.0 - emissivity) / emissivity
    return STEFAN_BOLTZMANN * area_m2 / (surface + 1.0 / view_factor(diameter_m, pitch_m))


def crossed_by(between: str, topology: Topology) -> NDArray[np.bool_]:
    """Return which pairs of neighbours a barrier separates, bool (n_edges,)."""
    a, b = topology.edge_a, topology.edge_b
    if between == "groups":
        return topology.cell_group[a] != topology.cell_group[b]
    if between == "columns":
        return topology.cell_x_m[a] != topology.cell_x_m[b]
    return np.ones(len(a), dtype=bool)


def barrier_of(topology: Topology, barriers: Sequence[BarrierSpec]) -> NDArray[np.int64]:
    """Return the number of the barrier between every pair of neighbours, -1 for none, (n_edges,).

    Of several in one place the last counts.
    """
    which = np.full(len(topology.edge_a), -1, dtype=np.int64)
    for k, barrier in enumerate(barriers):
        which[crossed_by(barrier.between, topology)] = k
    return which


def screened(topology: Topology, barriers: Sequence[BarrierSpec]) -> NDArray[np.int64]:
    """Number the rooms that barriers make of the cells: what lies in two has a sheet between.

    Returns
    -------
    int64 (n_cells,)
    """
    from scipy.sparse import coo_array  # a tenth of a second, for packs with barriers alone
    from scipy.sparse.csgraph import connected_components

    open_edge = barrier_of(topology, barriers) < 0
    a, b = topology.edge_a[open_edge], topology.edge_b[open_edge]
    n = len(topology.cell_group)
    linked = coo_array((np.ones(len(a)), (a, b)), shape=(n, n))
    return connected_components(linked, directed=False)[1].astype(np.int64)


def edge_paths(topology: Topology, thermal: ThermalSpec, pitch_m: float) -> tuple[Floats, Floats]:
    """Return how every pair of neighbours exchanges heat.

    Parameters
    ----------
    topology : Topology
    thermal : ThermalSpec
    pitch_m : float

    Returns
    -------
    float64 (n_edges,), [W/K]
        By conduction.
    float64 (n_edges,), [W/K4]
        By radiation; 0 across a barrier.
    """
    n = len(topology.edge_a)
    conductance, sight = np.full(n, thermal.neighbour_W_per_K), np.zeros(n)
    seen = thermal.radiation
    if seen is not None:
        sight[:] = sight_W_per_K4(seen.emissivity, seen.diameter_m, seen.height_m, pitch_m)
    which = barrier_of(topology, thermal.barriers)
    for k, barrier in enumerate(thermal.barriers):
        conductance[which == k] = barrier.W_per_K
    sight[which >= 0] = 0.0
    return conductance, sight
