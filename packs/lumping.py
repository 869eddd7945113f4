"""Less detail: each group, or each rack, of a pack simulated as one large cell.

A lumped cell stands for p cells in parallel and, where racks are lumped, for n groups in series:
voltages times n, capacity times p, resistances times n / p, heat capacity times n p
(`cell_models.ecm_model`). Wiring and heat paths follow here, such that a pack of cells that are all
alike, at one temperature, has the same voltages, currents, losses and heat. What is lost is what
differs inside: cells of a group share one state, and so do the groups of a lumped rack.

Sensors, controllers and the file see the full pack: every group of a lumped rack has the voltage of
its share.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from packs.spec import EVERY_CELL, LayoutSpec, LumpSpec, PackSpec, SizeSpec, ThermalSpec, WiringSpec
from packs.spread import draw_spread
from packs.topology import Topology, build_topology

Floats = NDArray[np.float64]
Drawn = tuple[Floats, Floats, Floats]


def lumped_spec(spec: PackSpec, lump: LumpSpec) -> PackSpec:
    """Return the description of what is simulated of a pack.

    Parameters
    ----------
    spec : PackSpec
        Of the full pack.
    lump : LumpSpec
        All cells of a group; and all groups of a rack, or one.

    Returns
    -------
    PackSpec
        Resistances of wires in series add up, those of joints in parallel are shared. The bleed
        resistor is that of one bleeding group seen from its rack: it takes ``(U / n)**2 / R`` at
        the rack's voltage U, so k of them take k times as much.
    """
    if lump == EVERY_CELL:
        return spec
    n, p = lump.series, lump.parallel
    wiring, heat, size = spec.wiring, spec.thermal, spec.size
    return replace(
        spec,
        size=_size(size, lump),
        layout=spec.layout if n == 1 else LayoutSpec(columns=1, pitch_m=spec.layout.pitch_m),
        wiring=_wiring(wiring, n, p),
        thermal=_thermal(heat, n, p),
    )


def _size(size: SizeSpec, lump: LumpSpec) -> SizeSpec:
    groups = {modules * size.groups_per_module for modules in size.modules}
    if lump.parallel != size.cells_per_group or (lump.series > 1 and groups != {lump.series}):
        raise ValueError(
            f"a lumped cell must stand for whole groups, or for whole racks of one size: "
            f"{lump.parallel} cells of {size.cells_per_group}, {lump.series} groups of "
            f"{', '.join(map(str, sorted(groups)))}"
        )
    if lump.series == 1:
        return replace(size, cells_per_group=1)
    return SizeSpec(modules=(1,) * len(size.modules), groups_per_module=1, cells_per_group=1)


def _wiring(wiring: WiringSpec, n: int, p: int) -> WiringSpec:
    return replace(
        wiring,
        joint_ohm=wiring.joint_ohm * n / p,
        link_ohm=wiring.link_ohm * n,
        bleed_ohm=wiring.bleed_ohm * n**2,
    )


def _thermal(thermal: ThermalSpec, n: int, p: int) -> ThermalSpec:
    """Scale the paths that lie side by side; those between cells follow from the topology.

    All plates of a lumped rack have one temperature, for which `packs.thermal.coolant_effect` of
    the summed conductance is exact, whatever their number.
    """
    cooling = thermal.cooling
    if cooling is not None and cooling.fan is not None:
        fan = replace(cooling.fan, full_W_per_K=cooling.fan.full_W_per_K * (n * p))
        cooling = replace(cooling, fan=fan)
    return replace(
        thermal,
        cooling=cooling,
        ambient_W_per_K=thermal.ambient_W_per_K * (n * p),
        plate_W_per_K=thermal.plate_W_per_K * (n * p),
        plate_J_per_K=thermal.plate_J_per_K * n,
        coolant_W_per_K=thermal.coolant_W_per_K * n,
    )


def lay_out(spec: PackSpec, lump: LumpSpec) -> Topology:
    """Return the index maps of what is simulated of a pack, with those of the full pack inside.

    Parameters
    ----------
    spec : PackSpec
        Of the full pack.
    lump : LumpSpec
    """
    full = build_topology(spec.size, spec.layout)
    if lump == EVERY_CELL:
        return full
    lumped = lumped_spec(spec, lump)
    return replace(build_topology(lumped.size, lumped.layout), lump=lump, whole=full)


def draw_cells(seed: int, topology: Topology, spec: PackSpec) -> Drawn:
    """Draw every cell of the full pack, whatever the detail, and combine what is lumped.

    Returns
    -------
    capacity_factor, resistance_factor, soc : float64 (topology.n_cells,)
    """
    n_cells = topology.n_cells * topology.lump.cells
    return combine(draw_spread(seed, n_cells, spec.initial_soc, spec.spread), topology.lump)


def combine(drawn: Drawn, lump: LumpSpec) -> Drawn:
    """Return capacity, resistance and soc of lumped cells from those of every cell.

    Capacities in parallel add up, resistances in parallel are added as conductances, the charge is
    that of all cells; over groups in series the mean is taken.

    Parameters
    ----------
    drawn : (float64, float64, float64), (n_cells,) each
        Relative capacity and resistance, and soc, in the order of the full pack.
    lump : LumpSpec

    Returns
    -------
    (float64, float64, float64), (n_cells / lump.cells,) each
        Relative to a lumped cell whose cells are all nominal.
    """
    if lump == EVERY_CELL:
        return drawn
    capacity, resistance, soc = (values.reshape(-1, lump.series, lump.parallel) for values in drawn)
    charge = (capacity * soc).mean(axis=(1, 2))
    mean_capacity = capacity.mean(axis=(1, 2))
    of_groups = 1.0 / (1.0 / resistance).mean(axis=2)
    return mean_capacity, of_groups.mean(axis=1), charge / mean_capacity
