"""The index axes of what a run records: which place each entry stands for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cell_models.gases import N_SPECIES, Species
from packs.overlay import CONTACTORS
from packs.spec import EVERY_CELL
from twin.runfiles.layout import Axis
from twin.scenarios.lumping import in_words

if TYPE_CHECKING:
    from packs.sensors import Sensors
    from packs.spec import ThermalSpec
    from packs.topology import Topology

OF_MODULES = ("module_pressure_Pa", "module_gas_ppm")
"""Kinds of sensors of which a module has one."""


def axes(
    topology: Topology, sensors: Sensors, thermal: ThermalSpec, *, gassed: bool = False
) -> dict[str, Axis]:
    """Return the index axes of a run file, with the place of every entry (from 0).

    Where cells are lumped there is one per group, and groups of a lumped rack are all alike: so
    files of any resolution read the same way.
    """
    lump, topology = topology.lump, topology.full
    lumped = ""
    if lump != EVERY_CELL:
        lumped = f"each stands for {in_words(replace(lump, series=1))}"
        lumped += ", alike in the whole rack" if lump.series > 1 else ""
    groups = topology.groups_per_module
    first_module = topology.rack_first_module
    one_each = slice(None, None, lump.parallel)
    group_of_cell, group = topology.cell_group[one_each], np.arange(topology.n_groups)
    at = topology.cell_group[sensors.temperature_cell]

    def places(g: Any) -> dict[str, Any]:
        return {
            "rack": topology.group_rack[g],
            "module": topology.group_module[g] - first_module[topology.group_rack[g]],
            "group": g % groups,
        }

    racks = np.arange(topology.n_racks)
    found = [
        Axis(
            name="cell",
            size=len(group_of_cell),
            coordinates={**places(group_of_cell), "place": topology.cell_place[one_each]},
            long_name=lumped,
        ),
        Axis(name="group", size=topology.n_groups, coordinates=_as_place(places(group))),
        Axis(name="rack", size=topology.n_racks),
        Axis(
            name="contactor",
            size=3 * topology.n_racks,
            coordinates={"rack": np.repeat(racks, 3), "which": np.tile(np.arange(3), len(racks))},
            long_name="contactors of each rack: " + ", ".join(CONTACTORS),
        ),
    ]
    if len(sensors.temperature_cell):
        found.append(
            Axis(name="temperature", size=len(at), coordinates=places(at), long_name="thermistor")
        )
    sensed = any(sensors.slices[kind].stop > sensors.slices[kind].start for kind in OF_MODULES)
    if sensed or gassed or thermal.housing is not None:
        module = np.arange(topology.n_modules)
        coordinates = {
            "rack": topology.module_rack,
            "place": module - topology.rack_first_module[topology.module_rack],
        }
        found.append(Axis(name="module", size=topology.n_modules, coordinates=coordinates))
    if gassed:
        found.append(_species(topology.n_modules))
    if thermal.layers is not None:
        found.append(_of_layers(topology.n_cells, thermal.layers.count))
    return {axis.name: axis for axis in found}


def _of_layers(cells: int, count: int) -> Axis:
    """Return the axis of the layers in all cells."""
    cell, layer = np.divmod(np.arange(cells * count), count)
    text = "layers of each cell in turn, in the direction of the stack"
    coordinates = {"cell": cell, "place": layer}
    return Axis(name="layer", size=len(cell), coordinates=coordinates, long_name=text)


def _species(modules: int) -> Axis:
    """Return the axis of the species in the gas of all modules."""
    each = np.arange(modules * N_SPECIES)
    return Axis(
        name="species",
        size=len(each),
        coordinates={"module": each // N_SPECIES, "which": each % N_SPECIES},
        long_name="species of each module: " + ", ".join(s.name for s in Species),
    )


def _as_place(places: dict[str, Any]) -> dict[str, Any]:
    """Return a group's own coordinates: its place is its number in the module."""
    return {"rack": places["rack"], "module": places["module"], "place": places["group"]}
