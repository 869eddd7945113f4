"""How fast the plant is: ns of process CPU time per cell-step, stage by stage.

Plants of 128, 1,024 and 10,240 cells are built from a `PackSpec`, connected to their bus and
discharged at C/5 in steps of 0.1 s. A stage is called often enough to last 20 ms; the least of
several repeats counts, so that what else the machine does is left out as far as it can be. The
calibration loop runs in the same process, before and after.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cell_models.ecm_model import EcmModel
from cell_models.ecm_params import load_ecm_params
from packs.calibration import chain
from packs.overlay import declare_overlay
from packs.pcs import ReferencePcs
from packs.plant import Plant
from packs.spec import (
    LayoutSpec,
    PackSpec,
    PcsSpec,
    SizeSpec,
    SpreadSpec,
    ThermalSpec,
    WiringSpec,
)
from packs.state import Schema
from packs.topology import build_topology

SIZES = ((1, 8, 8), (4, 8, 16), (40, 8, 16))
"""Racks, modules per rack, groups per module; always 2 cells in parallel."""
STEP_TICKS = 100
REFRESH_S = 10.0
LASTING_S = 0.02
"""CPU time of one repeat [s]."""
REPEATS = 9
CHAIN_STEPS = 1_000_000
WARM_UP_TICKS = 4000
"""For precharge, contactors and the end of the alert step [ms]."""


def pack_spec(racks: int, modules: int, groups: int) -> PackSpec:
    """Return a pack of the given size, 2 cells in parallel, numbers as in `ev_us06`."""
    return PackSpec(
        size=SizeSpec(
            modules=(modules,) * racks, groups_per_module=groups, cells_per_group=2
        ),
        spread=SpreadSpec(capacity=0.01, resistance=0.03, initial_soc=0.004),
        wiring=WiringSpec(
            joint_ohm=0.2e-3, link_ohm=0.1e-3, rack_ohm=5e-3, bleed_ohm=33.0,
            contactor_ohm=0.5e-3, contactor_delay_s=0.03, precharge_ohm=100.0,
            contactor_break_A=1000.0, contactor_make_A=1000.0, fuse_rating_A=60.0,
            fuse_least_A=90.0, fuse_melting_A2s=20e3, link_capacitance_F=500e-6,
            link_bleed_ohm=50e3, insulation_ohm=5e6,
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
        alert_step_s=STEP_TICKS / 1000.0,
    )  # fmt: skip


def running_plant(racks: int, modules: int, groups: int) -> Plant:
    """Return a plant on its bus, discharging at C/5 past its switching transients."""
    spec = pack_spec(racks, modules, groups)
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
    plant.control.setpoint_W[0] = 0.2 * cell_W * topology.n_cells
    plant.advance(WARM_UP_TICKS, 2 * WARM_UP_TICKS)
    return plant


def cpu_ns(call: Callable[[], Any], per: int = 1) -> float:
    """Return the CPU time of a call [ns]: the least of several repeats of many calls.

    Parameters
    ----------
    call : callable
    per : int
        The call counts as this many.
    """
    call()
    begin = time.process_time_ns()
    call()
    once = max(time.process_time_ns() - begin, 1)
    count = max(1, int(LASTING_S * 1e9 / once))
    best = np.inf
    for _ in range(REPEATS):
        begin = time.process_time_ns()
        for _ in range(count):
            call()
        best = min(best, (time.process_time_ns() - begin) / count)
    return float(best) / per


def time_plant(plant: Plant) -> dict[str, float]:
    """Return ns per cell-step of every stage, and of the whole step."""
    step_s, n = STEP_TICKS / 1000.0, plant.topology.n_cells
    tables = round(REFRESH_S / step_s)  # steps between two readings of the tables
    cells = plant.cells
    clock = {"tick": 2 * WARM_UP_TICKS}

    def whole() -> None:
        for _ in range(tables):
            plant.step(clock["tick"], STEP_TICKS)
            clock["tick"] += STEP_TICKS
        plant.notices.clear()

    stages: dict[str, float] = {
        "refresh": cpu_ns(
            lambda: plant.model.refresh(cells.lanes, cells.temperature_K, step_s), tables * n
        ),
        "port": cpu_ns(lambda: plant.port(step_s), n),
        "solve": cpu_ns(lambda: plant.supply(step_s), n),
        "advance": cpu_ns(lambda: plant.advance_cells(step_s), n),
        "heat": cpu_ns(lambda: plant.advance_heat(step_s), n),
        "book": cpu_ns(lambda: plant.book_flows(step_s), n),
    }
    stages["whole step"] = cpu_ns(whole, tables * n)
    return stages


def calibration_ns() -> float:
    """Return the CPU time of one step of the calibration loop [ns]."""
    return cpu_ns(lambda: chain(CHAIN_STEPS, 0.5), CHAIN_STEPS)


def measure() -> dict[str, Any]:
    """Measure all sizes.

    Returns
    -------
    dict
        JSON-ready: per size ``cells``, ``ns_per_cell_step`` by stage, ``step_us``, and ``ratio`` of
        the whole step to the calibration; ``calibration_ns``, ``machine``, ``versions``.
    """
    from twin.session import versions

    before = calibration_ns()
    timed = []
    for size in SIZES:
        plant = running_plant(*size)
        timed.append((plant.topology.n_cells, size[0], time_plant(plant)))
    calibration = min(before, calibration_ns())
    sizes = [
        {
            "cells": cells,
            "racks": racks,
            "ns_per_cell_step": stages,
            "step_us": stages["whole step"] * cells / 1000.0,
            "ratio": stages["whole step"] / calibration,
        }
        for cells, racks, stages in timed
    ]
    return {
        "sizes": sizes,
        "calibration_ns": calibration,
        "calibration": "one step of x <- 3.9 x (1 - x), each needing the one before",
        "step_s": STEP_TICKS / 1000.0,
        "table_refresh_s": REFRESH_S,
        "machine": machine(),
        "versions": versions(),
    }


def machine() -> dict[str, Any]:
    """Return what a figure needs to be read: processor, cores, system, load."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load_1_min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
