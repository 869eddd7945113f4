"""What the gas of a pack is told of a scenario's housing: its description in SI."""

from __future__ import annotations

from collections.abc import Sequence

from cell_models.ecm_params import EcmParams
from packs.absorption import Absorption, JetSpec, absorption, given_absorption
from packs.barriers import screened
from packs.enclosure import EnclosureSpec
from packs.heat_spec import BarrierSpec
from packs.spec import ModuleSpec
from packs.topology import Topology
from twin.scenarios.enclosure_sections import Ejecta, Enclosure, Module

HOLDS_PA = 1e5
"""By how much more than its relief vent a housing is taken to hold, if a scenario does not say:
assumed. The gaskets and lids of car packs give way at hundredths to tenths of a bar, a die-cast
housing holds bars."""


def enclosure_spec(enclosure: Enclosure) -> EnclosureSpec:
    """Return the description of the housing of one module."""
    relief, combustion, burst_Pa = enclosure.relief, enclosure.combustion, enclosure.burst_pressure
    return EnclosureSpec(
        free_volume_m3=enclosure.free_volume,
        relief_Pa=relief.pressure,
        relief_m2=relief.area,
        discharge=relief.discharge,
        reseals=relief.kind == "valve",
        wall_W_per_K=enclosure.wall_conductance,
        ignition_K=None if combustion is None else combustion.ignition_temperature,
        burst_Pa=relief.pressure + HOLDS_PA if burst_Pa is None else burst_Pa,
    )


def module_spec(
    module: Module | None, topology: Topology, cell: EcmParams, barriers: Sequence[BarrierSpec]
) -> ModuleSpec | None:
    """Return the gas of a module, or None where a scenario says nothing of it."""
    if module is None or module.enclosure is None:
        return None
    caught = None
    if module.ejecta is not None:
        caught = absorption_of(module.ejecta, topology, cell.diameter_m, barriers)
    return ModuleSpec(enclosure=enclosure_spec(module.enclosure), absorption=caught)


def absorption_of(
    ejecta: Ejecta, topology: Topology, diameter_m: float, barriers: Sequence[BarrierSpec] = ()
) -> Absorption:
    """Return where ejecta go: the shares given, else those of the layout.

    Parameters
    ----------
    ejecta : Ejecta
    topology : Topology
    diameter_m : float
        Of the cells [m].
    barriers : sequence of BarrierSpec
        They stop what flies sideways; given shares hold as they are.

    Raises
    ------
    ValueError
        If a share names a cell that no module has.
    """
    if ejecta.shares is not None:
        return given_absorption(topology, ((s.from_ - 1, s.to - 1, s.share) for s in ejecta.shares))
    jet = JetSpec(
        direction=ejecta.direction, diameter_m=diameter_m, lid_gap_m=ejecta.lid_gap or 0.0,
        absorbed=ejecta.absorbed,
    )  # fmt: skip
    return absorption(topology, jet, screened(topology, barriers) if barriers else None)
