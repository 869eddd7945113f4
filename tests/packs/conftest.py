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
from packs.overlay import declare_overlay
from packs.pcs import ReferencePcs
from packs.plant import Plant
from packs.sensors import Sensors
from packs.spec import (
    LayoutSpec,
    PackSpec,
    PcsSpec,
    SensorSpec,
    SensorsSpec,
    SizeSpec,
    SpreadSpec,
    ThermalSpec,
    WiringSpec,
)
from packs.state import Schema
from packs.topology import build_topology

IDEAL_SENSOR = SensorSpec(
    noise=0.0, offset=0.0, gain=0.0, resolution=0.0, period_s=0.1, delay_s=0.0, lag_s=0.0
)
PCS = PcsSpec(
    rated_W=1000.0, loss=(0.0044, 0.0043, 0.0258), delay_s=0.0, lag_s=0.0, ramp_per_s=1e6,
    voltage_min_V=1.0,
)  # fmt: skip
SPEC = PackSpec(
    size=SizeSpec(racks=1, modules_per_rack=1, groups_per_module=3, cells_per_group=2),
    spread=SpreadSpec(capacity=0.0, resistance=0.0, initial_soc=0.0),
    wiring=WiringSpec(
        joint_ohm=2e-4, link_ohm=1e-4, rack_ohm=5e-3, bleed_ohm=33.0, contactor_ohm=5e-4,
        contactor_delay_s=0.03, precharge_ohm=10.0, fuse_rating_A=60.0, fuse_melting_A2s=2e4,
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
    **changes: Any,
) -> Plant:  # fmt: skip
    """Return a plant at rest, with its state as `plant.state`; `changes` go to `nested`."""
    spec = nested(SPEC, changes)
    topology = build_topology(spec.size, spec.layout)
    model = EcmModel(params or load_ecm_params("lg_m50"), topology.n_cells)
    plant = Plant(spec, topology, model, ReferencePcs(pcs), seed)
    schema = Schema()
    plant.declare(schema)
    declare_overlay(schema, topology, 0)
    state = schema.build()
    plant.bind(state)
    plant.rest(step_s)
    plant.state = state
    return plant


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
    names = ("racks", "modules_per_rack", "groups_per_module", "cells_per_group")
    topology = build_topology(SizeSpec(**dict(zip(names, size, strict=True))), SENSOR_LAYOUT)
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
