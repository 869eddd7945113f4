"""Plants to time: built from a `PackSpec`, on their bus, discharging past their switching."""

from __future__ import annotations

import numpy as np

from cell_models.ecm_model import EcmModel
from cell_models.ecm_params import load_ecm_params
from packs.overlay import declare_overlay
from packs.pcs import ReferencePcs
from packs.plant import Plant
from packs.spec import (
    LayoutSpec,
    PackSpec,
    PcsSpec,
    RailSpec,
    SizeSpec,
    SpreadSpec,
    ThermalSpec,
    WiringSpec,
)
from packs.state import Schema
from packs.topology import build_topology

STEP_TICKS = 1000
REFRESH_S = 10.0
READY_TICK = 10_000
"""Where the plant stands when it is handed out [ms]."""
WARM_UP_TICKS = 4000
"""For precharge, contactors and the end of the alert step [ms]."""


def pack_spec(
    racks: int, modules: int, groups: int, cells: int = 2, rail: RailSpec | None = None
) -> PackSpec:
    """Return a pack of the given size, 2 cells in parallel or `cells`, numbers as in `ev_us06`."""
    return PackSpec(
        size=SizeSpec(
            modules=(modules,) * racks, groups_per_module=groups, cells_per_group=cells
        ),
        spread=SpreadSpec(capacity=0.01, resistance=0.03, initial_soc=0.004),
        wiring=WiringSpec(
            joint_ohm=0.2e-3, link_ohm=0.1e-3, rack_ohm=5e-3, bleed_ohm=33.0,
            contactor_ohm=0.5e-3, contactor_delay_s=0.03, precharge_ohm=100.0,
            contactor_break_A=1000.0, contactor_make_A=1000.0, fuse_rating_A=60.0,
            fuse_least_A=90.0, fuse_melting_A2s=20e3, link_capacitance_F=500e-6,
            link_bleed_ohm=50e3, insulation_ohm=5e6, rail=rail,
        ),
        layout=LayoutSpec(columns=4, pitch_m=0.022),
        thermal=ThermalSpec(
            neighbour_W_per_K=0.05, ambient_W_per_K=0.01, plate_W_per_K=0.1,
            plate_J_per_K=80.0, coolant_W_per_K=2.0, coolant_flow_kg_per_s=0.02,
            coolant_J_per_kg_K=3400.0, coolant_inlet_K=298.15,
        ),
        initial_soc=0.7,
        initial_temperature_K=298.15,
        table_refresh_s=REFRESH_S,
        alert_step_s=0.1,
    )  # fmt: skip


def running_plant(
    racks: int, modules: int, groups: int, cells: int = 2, rail: RailSpec | None = None
) -> Plant:
    """Return a plant on its bus past its switching transients, discharging at C/200.

    Slowly, so that a cell is as good as where it was after minutes of timing. The steps of its
    first call have been done: all that it needs is compiled.
    """
    spec = pack_spec(racks, modules, groups, cells, rail)
    params = load_ecm_params("lg_m50")
    topology = build_topology(spec.size, spec.layout)
    cell_W = 3.6 * params.capacity_As / 3600.0  # at 1C
    rated_W = 2.0 * cell_W * topology.n_cells
    converter = ReferencePcs(
        PcsSpec(
            rated_W=rated_W, loss=(0.0044, 0.0043, 0.0258), delay_s=0.0, lag_s=0.05,
            ramp_per_s=10.0, voltage_min_V=2.0 * modules * groups,
        )
    )  # fmt: skip
    plant = Plant(spec, topology, EcmModel(params, topology.n_cell_slots), converter, seed=1)
    schema = Schema()
    plant.declare(schema)
    declare_overlay(schema, topology, 0)
    plant.bind(schema.build())
    plant.rest(STEP_TICKS / 1000.0)
    coils = np.zeros((racks, 3), dtype=np.int64)
    coils[:, :2] = 1  # minus and precharge
    plant.switchgear.command(coils, 0)
    plant.advance(0, WARM_UP_TICKS // 2)
    coils[:] = (1, 0, 1)
    plant.switchgear.command(coils, WARM_UP_TICKS // 2)
    plant.advance(WARM_UP_TICKS // 2, WARM_UP_TICKS)
    plant.control.running[0] = 1
    plant.control.setpoint_W[0] = 0.005 * cell_W * topology.n_cells
    plant.advance(WARM_UP_TICKS, READY_TICK, STEP_TICKS)
    return plant
