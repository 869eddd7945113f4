"""Small plants for the tests of packs: built in code, without a scenario, and driven by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cell_models.ecm_model import EcmModel
from cell_models.ecm_params import EcmParams, load_ecm_params
from packs import network
from packs.cooling import fill_cooling
from packs.currents import bus_stage, prepare_wiring, reduce_stage, spread_stage
from packs.heat_links import fill_network
from packs.ladder import open_ladder
from packs.lumping import lay_out, lumped_spec
from packs.memory import arena, arrays, declare_plant, wire_of
from packs.overlay import declare_overlay
from packs.pcs import ReferencePcs
from packs.plant import Plant
from packs.sensors import Sensors
from packs.spec import (
    EVERY_CELL,
    LayoutSpec,
    LumpSpec,
    PackSpec,
    PcsSpec,
    RailSpec,
    SensorSpec,
    SensorsSpec,
    SizeSpec,
    SpreadSpec,
    ThermalSpec,
    WiringSpec,
)
from packs.state import Schema
from packs.topology import build_topology
from twin.ledger import Ledger

IDEAL_SENSOR = SensorSpec(
    noise=0.0, offset=0.0, gain=0.0, resolution=0.0, period_s=0.1, delay_s=0.0, lag_s=0.0
)
PCS = PcsSpec(
    rated_W=1000.0, loss=(0.0044, 0.0043, 0.0258), delay_s=0.0, lag_s=0.0, ramp_per_s=1e6,
    voltage_min_V=1.0,
)  # fmt: skip
SPEC = PackSpec(
    size=SizeSpec(modules=(1,), groups_per_module=3, cells_per_group=2),
    spread=SpreadSpec(capacity=0.0, resistance=0.0, initial_soc=0.0),
    wiring=WiringSpec(
        joint_ohm=2e-4, link_ohm=1e-4, rack_ohm=5e-3, bleed_ohm=33.0, contactor_ohm=5e-4,
        contactor_delay_s=0.03, precharge_ohm=10.0, contactor_break_A=1000.0,
        contactor_make_A=2000.0, fuse_rating_A=60.0, fuse_least_A=90.0, fuse_melting_A2s=2e4,
        link_capacitance_F=5e-3, link_bleed_ohm=1e4, insulation_ohm=5e6,
    ),
    layout=LayoutSpec(columns=2, pitch_m=0.022),
    thermal=ThermalSpec(
        neighbour_W_per_K=0.05, ambient_W_per_K=0.01, plate_W_per_K=0.1, plate_J_per_K=80.0,
        coolant_W_per_K=2.0, coolant_flow_kg_per_s=0.02, coolant_J_per_kg_K=3400.0,
        coolant_inlet_K=298.15,
    ),
    initial_soc=0.5, initial_temperature_K=298.15, table_refresh_s=5.0, alert_step_s=0.05,
)  # fmt: skip


def even_size(racks: int, modules: int, groups: int, cells: int) -> SizeSpec:
    """Return the size of a site whose racks are all alike."""
    return SizeSpec(modules=(modules,) * racks, groups_per_module=groups, cells_per_group=cells)


def linear_cell(
    n_rc: int = 0, *, ocv_V: float = 3.0, ocv_slope_V: float = 1.2, r0_ohm: float = 0.03
) -> EcmParams:
    """Return a 5 Ah cell with a linear OCV and one R and tau everywhere: solvable by hand."""
    knots = np.ones((2, 2))
    return replace(
        load_ecm_params("lg_m50"),
        capacity_As=18_000.0,
        ocv_V=ocv_V + ocv_slope_V * np.linspace(0.0, 1.0, 201),
        entropic_V_per_K=np.zeros(201),
        table_soc=np.array([0.0, 1.0]),
        table_temperature_K=np.array([200.0, 400.0]),
        r0_ohm=r0_ohm * knots,
        r_ohm=0.02 * np.ones((n_rc, 2, 2)),
        tau_s=30.0 * np.ones((n_rc, 2, 2)),
        hysteresis_V=0.0,
        hysteresis_rate=0.0,
    )


def nested(spec: Any, changes: dict[str, Any]) -> Any:
    """Return a copy of a spec, with ``wiring__link_ohm=0.0`` reaching into its parts."""
    parts: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        part, _, rest = key.partition("__")
        parts.setdefault(part, {})[rest] = value
    return replace(
        spec,
        **{
            part: inner[""] if "" in inner else nested(getattr(spec, part), inner)
            for part, inner in parts.items()
        },
    )


def make_plant(
    *, params: EcmParams | None = None, pcs: PcsSpec = PCS, seed: int = 1, step_s: float = 0.1,
    lump: LumpSpec = EVERY_CELL, **changes: Any,
) -> Plant:  # fmt: skip
    """Return a plant at rest, with its state as `plant.state`; `changes` go to `nested`."""
    spec = nested(SPEC, changes)
    topology = lay_out(spec, lump)
    model = EcmModel(
        params or load_ecm_params("lg_m50"), topology.n_cell_slots, series=lump.series,
        parallel=lump.parallel,
    )  # fmt: skip
    plant = Plant(lumped_spec(spec, lump), topology, model, ReferencePcs(pcs), seed)
    schema = Schema()
    plant.declare(schema)
    declare_overlay(schema, topology, 0)
    state = schema.build()
    plant.bind(state)
    plant.rest(step_s)
    plant.state = state
    return plant


def make_arrays(
    size: SizeSpec, *, joint_ohm: float = 0.0, link_ohm: float = 0.0,
    rail: RailSpec | None = None, columns: int = 3, thermal: ThermalSpec = SPEC.thermal,
) -> Any:  # fmt: skip
    """Return the arrays of a plant without one: closed switches, and neither cells nor wires yet.

    Returns
    -------
    SimpleNamespace
        `top`, `wire`, `cells`, `groups`, `racks`, `site`, and the `arena` that stages take.
    """
    top = build_topology(size, replace(SPEC.layout, columns=columns))
    wiring = replace(SPEC.wiring, joint_ohm=joint_ohm, link_ohm=link_ohm, rail=rail)
    spec = replace(SPEC, wiring=wiring, thermal=thermal)
    schema = Schema()
    declare_plant(schema, top, spec, 1)
    declare_overlay(schema, top, 0)
    state = schema.build()
    parts = arrays(top, state, 1.0, thermal.layers)
    cells, groups, racks, site = parts
    cells.is_broken[:] = 1.0 - top.cell_used
    racks.fuse_closed[:] = racks.switch_closed[:] = 1
    fill_network(spec, top, state)
    fill_cooling(thermal, state)
    return SimpleNamespace(
        top=top, wire=wire_of(wiring, top), cells=cells, groups=groups, racks=racks, site=site,
        arena=arena(state, parts), state=state, over=state.view("overlay"),
    )  # fmt: skip


class NetworkSite:
    """Cells, wires and a bus without states; `solve` goes through the plant's stages."""

    def __init__(
        self, modules: tuple[int, ...], groups: int, p: int, rng: np.random.Generator, *,
        joint_ohm: float = 2e-4, link_ohm: float = 1e-4, rail: RailSpec | None = None,
    ) -> None:  # fmt: skip
        size = SizeSpec(modules=modules, groups_per_module=groups, cells_per_group=p)
        a = self.arrays = make_arrays(size, joint_ohm=joint_ohm, link_ohm=link_ohm, rail=rail)
        self.top, self.rng, self.bus_short_S = a.top, rng, 0.0
        self.companion_S, self.link_V, self.link_bleed_S = 0.0, 0.0, 1e-4
        a.cells.emf_V[a.top.cell_slot] = rng.uniform(3.0, 4.2, a.top.n_cells)
        a.cells.r_ohm[a.top.cell_slot] = rng.uniform(0.01, 0.06, a.top.n_cells)
        a.racks.fuse_ohm[:] = rng.uniform(1e-3, 1e-2, a.top.n_racks)
        a.racks.contactor_ohm[:] = rng.uniform(1e-4, 1e-2, a.top.n_racks)

    def cell(self) -> int:
        """Draw the slot of a cell."""
        return self.top.cell_slot[self.rng.integers(self.top.n_cells)]

    def group(self) -> int:
        """Draw the slot of a group."""
        return self.top.group_slot[self.rng.integers(self.top.n_groups)]

    def cells_of(self, group_slot: int) -> Any:
        """Return the slots of the cells of a group, given its slot."""
        return self.top.cell_slot[self.top.group_slot[self.top.cell_group] == group_slot]

    def solve(self, kind: int, demand: float) -> tuple[int, float, float]:
        """Solve; return (status, bus voltage, demand current)."""
        wire, arena, bus = self.arrays.wire, self.arrays.arena, self.arrays.site.bus
        prepare_wiring(wire, self.arrays.cells, self.arrays.groups, open_ladder(arena))
        reduce_stage(wire, arena)
        status = bus_stage(
            kind, float(demand), self.companion_S, self.link_V, self.link_bleed_S,
            self.bus_short_S, arena,
        )  # fmt: skip
        spread_stage(self.bus_short_S, wire, arena)
        return status, float(bus[network.BUS_V]), float(bus[network.DEMAND_A])


@pytest.fixture(scope="session")
def network_site() -> type[NetworkSite]:
    return NetworkSite


@pytest.fixture(scope="session")
def plant_arrays() -> Callable[..., Any]:
    return make_arrays


@pytest.fixture(scope="session")
def pack_spec() -> PackSpec:
    return SPEC


@pytest.fixture(scope="session")
def pcs_spec() -> PcsSpec:
    return PCS


@pytest.fixture(scope="session")
def plant() -> Callable[..., Plant]:
    return make_plant


@pytest.fixture(scope="session")
def make_linear_cell() -> Callable[..., EcmParams]:
    return linear_cell


@pytest.fixture(scope="session")
def sensors_spec() -> Callable[..., SensorsSpec]:
    """Return a maker of sensors, ideal but for the kinds that are named."""

    def make(
        per: str = "group", count: int = 1, skew_s: float = 0.0, wire_ohm: float = 0.0, **kinds: Any
    ) -> SensorsSpec:
        others = {
            "temperature_per": per, "temperature_count": count, "scan_skew_s": skew_s,
            "sense_wire_ohm": wire_ohm,
        }  # fmt: skip
        sheets = {
            kind: replace(IDEAL_SENSOR, **kinds.get(kind, {}))
            for kind in SensorsSpec.__dataclass_fields__
            if kind not in others
        }
        return SensorsSpec(**sheets, **others)

    return make


SENSOR_LAYOUT = LayoutSpec(columns=4, pitch_m=0.022)


def make_sensors(spec, *, seed=1, size=(1, 1, 4, 2), **more):
    """Return sensors with their view and overlay."""
    topology = build_topology(even_size(*size), SENSOR_LAYOUT)
    sensors = Sensors(spec, topology, seed, **more)
    schema = Schema()
    sensors.declare(schema)
    declare_overlay(schema, topology, sensors.n)
    state = schema.build()
    return SimpleNamespace(
        sensors=sensors, view=state.view("sensors"), overlay=state.view("overlay"), top=topology
    )


def run_sensors(rigged, kind, truth, *, step_ms=100, start_ms=0):
    """Sense once per value of `truth`; return values, validity and sampling ticks, (time, n)."""
    at, rows = rigged.sensors.slices[kind], []
    for k, value in enumerate(truth):
        rigged.sensors.truth[rigged.sensors.slices[kind]] = value
        if k == 0 and start_ms == 0:
            rigged.sensors.settle(rigged.view)
        rigged.sensors.sense(start_ms + k * step_ms, rigged.view, rigged.overlay)
        view = rigged.view
        rows.append((view.value[at].copy(), view.valid[at].copy(), view.sampled_at[at].copy()))
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.fixture(scope="session")
def rig() -> Callable[..., SimpleNamespace]:
    return make_sensors


@pytest.fixture(scope="session")
def run() -> Callable[..., Any]:
    return run_sensors


@pytest.fixture(scope="session")
def audited() -> Callable[[Plant], Ledger]:
    """Return what opens the ledger of a plant, now."""

    def opened(site: Plant) -> Ledger:
        ledger = Ledger(site)
        ledger.bind(
            SimpleNamespace(start=np.zeros(5), start_charge_As=np.zeros(site.topology.n_cell_slots))
        )
        ledger.open()
        return ledger

    return opened
