"""Benchmarks of cells that heat each other: a stack with contact resistances, and two chains."""

from __future__ import annotations

from typing import Any

import numpy as np

from cell_models.conduction import Layer, stack_nodes
from cell_models.runaway_params import load_runaway_params
from cell_models.runaway_tables import amounts, kernel_tables
from validation.runaway.cells import FIRST_ORDER, SET_K, one_step
from validation.runaway.line import CELSIUS_K, Line, chain, first_above, follow, oven_sink

SET_F = "nmc_prismatic"
STACK_AMBIENT_K, STACK_BLOCK_K = 294.15, 973.15
STACK_HEIGHT_M, STACK_DEPTH_M, STACK_H = 0.12, 0.04, 10.0
STACK_FACE_K = 600.0
BLOCK = Layer(
    thickness_m=0.002, node_m=0.001, conductivity_W_per_mK=237.0, density_kg_per_m3=2700.0,
    specific_heat_J_per_kgK=900.0,
)  # fmt: skip
CELL = Layer(
    thickness_m=0.007, node_m=0.0002, conductivity_W_per_mK=0.5, density_kg_per_m3=1800.0,
    specific_heat_J_per_kgK=800.0,
)  # fmt: skip
"""LIM1TR, Examples/Propagation: a hot block of aluminium, then three cells of 7 mm."""


def build_stack(contact_m2K_per_W: float) -> tuple[Line, np.ndarray]:
    """Return the stack and, node by node, the number of the layer; the first contact is 0.002."""
    contacts = (0.002, contact_m2K_per_W, contact_m2K_per_W)
    nodes = stack_nodes((BLOCK, CELL, CELL, CELL), contacts, STACK_HEIGHT_M * STACK_DEPTH_M)
    is_cell = nodes.layer > 0
    tables = kernel_tables(one_step(**FIRST_ORDER))
    extents, _ = amounts(tables, np.ones(len(nodes.layer)))
    heat = FIRST_ORDER["heat_J_per_kg"] / FIRST_ORDER["specific_heat_J_per_kgK"]
    rim_W_per_K = STACK_H * 2.0 * (STACK_HEIGHT_M + STACK_DEPTH_M) * nodes.thickness_m
    line = Line(
        tables, nodes.capacity_J_per_K, np.where(is_cell, STACK_AMBIENT_K, STACK_BLOCK_K),
        extents * is_cell, heat * nodes.capacity_J_per_K * is_cell,
        links_W_per_K=nodes.link_W_per_K,
        edges=(rim_W_per_K, np.full(len(nodes.layer), STACK_AMBIENT_K)),
    )  # fmt: skip
    return line, nodes.layer


def stack(contact_m2K_per_W: float, seconds: float, step_s: float) -> dict[str, Any]:
    """Let a hot block set off three cells through contact resistances (LIM1TR's example)."""
    line, layer = build_stack(contact_m2K_per_W)
    steps = round(seconds / step_s)
    left, face_K = np.empty((steps + 1, 3)), np.empty((steps + 1, 3))
    last = [int(np.flatnonzero(layer == cell)[-1]) for cell in (1, 2, 3)]
    for step in range(steps + 1):
        if step:
            line.step(step_s)
        left[step] = [line.extents[layer == cell].mean() for cell in (1, 2, 3)]
        face_K[step] = line.temperature_K[last]
    time_s = np.linspace(0.0, steps * step_s, steps + 1)
    half_s = [first_above(time_s, -left[:, cell], -0.5) for cell in range(3)]
    hot_s = [first_above(time_s, face_K[:, cell], STACK_FACE_K) for cell in range(3)]
    return {
        "half_converted_s": half_s,
        "far_face_600K_s": hot_s,
        "gap_crossing_s": np.diff(half_s).tolist(),
        "energy_residual": line.residual(),
        "closure": line.closure(),
    }


CHAIN_CELLS, CHAIN_START_DEGC, CHAIN_LEVEL_DEGC = 8, 300.0, 350.0


def run_chain(
    heat_factor: float, conductance_W_per_K: float, ambient_degC: float, losses: float,
    seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """Heat one end of a chain of 8 Set K cells to 300 degC; when does each exceed 350 degC?"""
    params = load_runaway_params(SET_K)
    ambient_K = ambient_degC + CELSIUS_K
    start_K = np.full(CHAIN_CELLS, ambient_K)
    start_K[0] = CHAIN_START_DEGC + CELSIUS_K
    names = [reaction.name for reaction in params.reactions]
    line = chain(
        params, start_K, sink=oven_sink(params, 7.17 * losses, 0.8 * losses, ambient_K),
        link_W_per_K=conductance_W_per_K, heat=dict.fromkeys(names, heat_factor),
    )  # fmt: skip
    return _chain_times(line, CHAIN_LEVEL_DEGC, seconds, 0.1)


CHAIN_F_CELLS, CHAIN_F_START_DEGC, CHAIN_F_LEVEL_DEGC = 6, 261.0, 310.0
CHAIN_F_SINK_W_PER_K = 0.3


def chain_f_line(conductance_W_per_K: float, ambient_degC: float) -> Line:
    """Return a chain of 6 Set F cells, the first at 261 degC."""
    start_K = np.full(CHAIN_F_CELLS, ambient_degC + CELSIUS_K)
    start_K[0] = CHAIN_F_START_DEGC + CELSIUS_K
    return chain(
        load_runaway_params(SET_F), start_K,
        sink=(CHAIN_F_SINK_W_PER_K, 0.0, ambient_degC + CELSIUS_K),
        link_W_per_K=conductance_W_per_K,
    )  # fmt: skip


def run_chain_f(conductance_W_per_K: float, ambient_degC: float, seconds: float) -> dict[str, Any]:
    """Heat one end of a chain of 6 Set F cells to 261 degC; when does each exceed 310 degC?"""
    line = chain_f_line(conductance_W_per_K, ambient_degC)
    return _chain_times(line, CHAIN_F_LEVEL_DEGC, seconds, 0.2)


def _chain_times(line: Line, level_degC: float, seconds: float, step_s: float) -> dict[str, Any]:
    history = follow(line, seconds, step_s)
    cells = range(history.temperature_K.shape[1])
    time_s = np.array([history.first_above(level_degC + CELSIUS_K, cell) for cell in cells])
    return {
        "cells_lost": int(np.isfinite(time_s).sum()),
        "time_s": time_s.tolist(),
        "interval_s": np.diff(time_s).tolist(),
        "peak_degC": (history.temperature_K.max(axis=0) - CELSIUS_K).tolist(),
        "energy_residual": line.residual(),
        "closure": line.closure(),
    }
