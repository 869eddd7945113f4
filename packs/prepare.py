"""What follows from switches, overlay, damage and balancing, written before currents are solved.

It changes only between calls of the plant (faults, commands) or with what ends a call (a fuse, a
contactor), so a compiled call of many steps does it once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_models.jit import inlined, kernel
from packs.arrays import open_cells, open_groups, open_racks
from packs.currents import prepare_wiring
from packs.ladder import open_ladder
from packs.spec import PackSpec
from packs.switchgear import rack_paths, tell_feedback

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Settings(NamedTuple):
    """Where switches stand, what overlay and BMS ask for, and the numbers that go with them.

    `position` to `insulation_ohm` as `packs.switchgear.rack_paths` takes them; `bleed` int64
    (n_group_slots,); `coolant_fraction` (R,), of `flow_W_per_K`; `bleed_S` of one resistor.
    """

    position: Ints
    fuse_blown: Ints
    fuse_open: Ints
    rack_short_S: Floats
    leak_S: Floats
    lie: Ints
    feedback: Ints
    insulation_ohm: Floats
    bleed: Ints
    coolant_fraction: Floats
    rack_ohm: float
    switch_ohm: float
    precharge_ohm: float
    pole_S: float
    bleed_S: float
    flow_W_per_K: float


def settings_of(
    spec: PackSpec, switch: Any, over: Any, bleed: Ints, insulation_ohm: Floats
) -> Settings:
    """Return the settings of a plant: views on switchgear, overlay and commands, and numbers."""
    wiring, thermal = spec.wiring, spec.thermal
    return Settings(
        position=switch.position, fuse_blown=switch.fuse_blown, fuse_open=over.fuse_open,
        rack_short_S=over.rack_short_S, leak_S=over.leak_S, lie=over.feedback,
        feedback=switch.feedback, insulation_ohm=insulation_ohm, bleed=bleed,
        coolant_fraction=over.coolant_fraction, rack_ohm=wiring.rack_ohm,
        switch_ohm=2.0 * wiring.contactor_ohm, precharge_ohm=wiring.precharge_ohm,
        pole_S=0.5 / wiring.insulation_ohm, bleed_S=1.0 / wiring.bleed_ohm,
        flow_W_per_K=thermal.coolant_flow_kg_per_s * thermal.coolant_J_per_kg_K,
    )  # fmt: skip


@inlined
def prepare_racks(s, racks):
    """Write which racks are on the bus, through what resistance, and what the auxiliaries tell."""
    rack_paths(
        s.position, s.fuse_blown, s.fuse_open, s.rack_short_S, s.leak_S, s.rack_ohm, s.switch_ohm,
        s.precharge_ohm, s.pole_S, racks.fuse_ohm, racks.contactor_ohm, racks.short_S,
        racks.fuse_closed, racks.switch_closed, s.insulation_ohm,
    )  # fmt: skip
    tell_feedback(s.position, s.lie, s.feedback)


@inlined
def prepare(wire, settings, cells, groups, ladder, racks):
    """Write everything that follows; the arrays of cells, groups, ladders, racks are written."""
    prepare_wiring(wire, cells, groups, ladder)
    prepare_racks(settings, racks)
    for k in range(len(groups.bleed_S)):
        groups.bleed_S[k] = settings.bleed[k] * settings.bleed_S
    for rack in range(len(racks.flow_W_per_K)):
        racks.flow_W_per_K[rack] = settings.coolant_fraction[rack] * settings.flow_W_per_K


@kernel
def prepare_stage(wire, settings, arena):
    """Write everything that follows, as a stage of its own (`prepare`)."""
    prepare(
        wire, settings, open_cells(arena), open_groups(arena), open_ladder(arena),
        open_racks(arena),
    )  # fmt: skip


@kernel
def switch_stage(settings, arena):
    """Write what follows from the switches alone (`prepare_racks`)."""
    prepare_racks(settings, open_racks(arena))
