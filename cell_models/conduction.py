"""Heat along a line of nodes: through the layers of a stack, or from cell to cell of a chain.

Nodes have a capacity, neighbours a conductance, and each node may lose heat to a sink. The step is
a theta scheme, one tridiagonal solve: ``implicit`` 1/2 is Crank-Nicolson (second order), 1 backward
Euler (first order, damps every mode). Beside reactions it is one half of a Strang split: conduct
h/2, react h, conduct h/2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_models.jit import kernel

Floats = NDArray[np.float64]


@kernel
def link_W_per_K(area_m2, half_a_m, k_a, contact_m2K_per_W, half_b_m, k_b):
    """Give the conductance between two nodes' middles [W/K]: ``A/(d_a/k_a + R + d_b/k_b)``."""
    return area_m2 / (half_a_m / k_a + contact_m2K_per_W + half_b_m / k_b)


@kernel
def conduct(
    capacity_J_per_K, link_W_per_K, sink_W_per_K, sink_K, temperature_K, step_s, implicit, scratch,
    lost_J,
):  # fmt: skip
    """Advance a line of nodes by one step of conduction.

    ``C dT/dt = L T - G (T - T_a)``; solved for the change d of T:
    ``(C/h - theta (L - G)) d = L T - G (T - T_a)``. Every joule that leaves a node enters its
    neighbour or its sink, with the temperature ``T + theta d``.

    Parameters
    ----------
    capacity_J_per_K : float64 (n,), [J/K]
    link_W_per_K : float64 (n - 1,), [W/K], between node i and i + 1
    sink_W_per_K, sink_K : float64 (n,), [W/K], [K]
    temperature_K : float64 (n,), [K]
        Written.
    step_s, implicit : float
        Step [s]; theta, from 1/2 to 1.
    scratch : float64 (2, n)
        Written.
    lost_J : float64 (n,), [J]
        What each node gave to its sink in this step. Written.
    """
    n = len(temperature_K)
    ratio, change = scratch[0], scratch[1]
    left_link = 0.0
    for i in range(n):  # down: eliminate what is left of the diagonal
        T = temperature_K[i]
        right_link = link_W_per_K[i] if i < n - 1 else 0.0
        flow = sink_W_per_K[i] * (sink_K[i] - T)
        if i > 0:
            flow += left_link * (temperature_K[i - 1] - T)
        if i < n - 1:
            flow += right_link * (temperature_K[i + 1] - T)
        diagonal = capacity_J_per_K[i] / step_s
        diagonal += implicit * (left_link + right_link + sink_W_per_K[i])
        if i > 0:
            diagonal -= implicit * left_link * ratio[i - 1]
            flow += implicit * left_link * change[i - 1]
        ratio[i] = implicit * right_link / diagonal
        change[i] = flow / diagonal
        left_link = right_link
    for i in range(n - 1, -1, -1):  # and up again
        if i < n - 1:
            change[i] += ratio[i] * change[i + 1]
        middle = temperature_K[i] + implicit * change[i]
        lost_J[i] = step_s * sink_W_per_K[i] * (middle - sink_K[i])
        temperature_K[i] += change[i]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer of a stack.

    Attributes
    ----------
    thickness_m, node_m : float, [m], and the thickness of one node, which divides it
    conductivity_W_per_mK, density_kg_per_m3, specific_heat_J_per_kgK : float
    """

    thickness_m: float
    node_m: float
    conductivity_W_per_mK: float
    density_kg_per_m3: float
    specific_heat_J_per_kgK: float

    @property
    def nodes(self) -> int:
        """How many nodes the layer has."""
        return round(self.thickness_m / self.node_m)


@dataclass(frozen=True, slots=True)
class Nodes:
    """A stack as `conduct` takes it.

    Attributes
    ----------
    capacity_J_per_K : float64 (n,), link_W_per_K : float64 (n - 1,)
    layer : int64 (n,), of which layer each node is
    thickness_m : float64 (n,), of each node
    """

    capacity_J_per_K: Floats
    link_W_per_K: Floats
    layer: NDArray[np.int64]
    thickness_m: Floats


def stack_nodes(
    layers: Sequence[Layer], contacts_m2K_per_W: Sequence[float], area_m2: float
) -> Nodes:
    """Cut a stack of layers into nodes.

    Parameters
    ----------
    layers : sequence of Layer
    contacts_m2K_per_W : sequence of float, [m2 K/W]
        Between each layer and the next.
    area_m2 : float, [m2]

    Returns
    -------
    Nodes
    """
    if len(contacts_m2K_per_W) != len(layers) - 1:
        raise ValueError(f"{len(layers)} layers need {len(layers) - 1} contacts")
    layer = np.concatenate([np.full(one.nodes, at) for at, one in enumerate(layers)])
    size = np.array([layers[at].thickness_m / layers[at].nodes for at in layer])
    k = np.array([layers[at].conductivity_W_per_mK for at in layer])
    heat = np.array(
        [layers[at].density_kg_per_m3 * layers[at].specific_heat_J_per_kgK for at in layer]
    )
    links = np.empty(len(layer) - 1)
    for i in range(len(links)):
        contact = contacts_m2K_per_W[layer[i]] if layer[i] != layer[i + 1] else 0.0
        links[i] = link_W_per_K(area_m2, size[i] / 2, k[i], contact, size[i + 1] / 2, k[i + 1])
    return Nodes(heat * size * area_m2, links, layer, size)
