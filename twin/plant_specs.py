"""What the plant is told of a scenario: its description in the plant's own words."""

from __future__ import annotations

from packs.spec import (
    CellFuseSpec,
    CidSpec,
    LayoutSpec,
    PackSpec,
    PcsSpec,
    RackSpec,
    RailSpec,
    SizeSpec,
    SpreadSpec,
    WiringSpec,
)
from twin.scenarios.scenario import Scenario
from twin.scenarios.sections import Rail
from twin.thermal_specs import thermal_spec

HEALTHY_INSULATION_OHM = 5e6
"""Each rack to ground, no leak: ten times what a 400 V pack must have (500 ohm/V; assumed)."""


def _rail_spec(rail: Rail | None) -> RailSpec | None:
    if rail is None:
        return None
    return RailSpec(
        segment_ohm=rail.resistance, opposite_ends=rail.take_off == "opposite_ends"
    )  # fmt: skip


def pack_spec(scenario: Scenario) -> PackSpec:
    """Return the description of the plant."""
    site, cell, wiring = scenario.site, scenario.cell, scenario.wiring
    return PackSpec(
        size=SizeSpec(
            modules=(site.modules_per_rack,) * site.racks,
            groups_per_module=site.groups_per_module,
            cells_per_group=site.cells_per_group,
        ),
        spread=SpreadSpec(
            capacity=cell.spread.capacity,
            resistance=cell.spread.resistance,
            initial_soc=cell.spread.initial_soc,
        ),
        unequal=rack_specs(scenario),
        wiring=WiringSpec(
            joint_ohm=wiring.joint_resistance,
            link_ohm=wiring.link_resistance,
            rack_ohm=wiring.rack_resistance,
            bleed_ohm=wiring.bleed_resistance,
            contactor_ohm=wiring.contactor.resistance,
            contactor_delay_s=wiring.contactor.delay,
            precharge_ohm=wiring.precharge.resistance,
            contactor_break_A=wiring.contactor.break_current,
            contactor_make_A=wiring.contactor.make_current,
            fuse_rating_A=wiring.fuse.rating,
            fuse_least_A=wiring.fuse.least_melting_current,
            fuse_melting_A2s=wiring.fuse.melting_i2t,
            link_capacitance_F=wiring.dc_link.capacitance,
            link_bleed_ohm=wiring.dc_link.bleed_resistance,
            insulation_ohm=HEALTHY_INSULATION_OHM,
            rail=_rail_spec(wiring.rail),
        ),
        cell_fuse=cell_fuse_spec(scenario),
        cid=None
        if cell.cid is None
        else CidSpec(overcharge=cell.cid.overcharge, temperature_K=cell.cid.temperature),
        layout=LayoutSpec(columns=scenario.layout.columns, pitch_m=scenario.layout.pitch),
        thermal=thermal_spec(
            scenario.thermal, scenario.module.barrier if scenario.module else (), cell.layers
        ),
        initial_soc=cell.initial_soc,
        initial_temperature_K=cell.initial_temperature,
        table_refresh_s=cell.table_refresh,
        alert_step_s=scenario.alert_step,
    )


def rack_specs(scenario: Scenario) -> tuple[RackSpec, ...]:
    """Return in what single racks differ from the others."""
    cell = scenario.cell
    return tuple(
        RackSpec(
            rack=other.rack - 1,
            initial_soc=cell.initial_soc if other.initial_soc is None else other.initial_soc,
            capacity=other.capacity,
            resistance=other.resistance,
        )
        for other in cell.racks
    )


def cell_fuse_spec(scenario: Scenario) -> CellFuseSpec | None:
    """Return the description of the fuse of one cell."""
    fuse = scenario.wiring.cell_fuse
    if fuse is None:
        return None
    return CellFuseSpec(
        rating_A=fuse.rating,
        least_A=fuse.least_melting_current,
        melting_A2s=fuse.melting_i2t,
    )


def pcs_spec(scenario: Scenario) -> PcsSpec:
    """Return the description of the PCS."""
    pcs = scenario.pcs
    return PcsSpec(
        rated_W=pcs.rated_power,
        loss=pcs.loss,
        delay_s=pcs.delay,
        lag_s=pcs.lag,
        ramp_per_s=pcs.ramp,
        voltage_min_V=pcs.voltage_min,
    )
