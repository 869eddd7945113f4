"""Equivalent-circuit cell: OCV, hysteresis, series resistance and up to three RC pairs.

The physics is in the pure scalar functions at the top; the sweeps below them load one cell's
numbers, call the physics, and store the result. Only the sweeps know the lane layout.

Symbols: z state of charge, q charge left [A s], Q capacity [A s], i current [A] (discharge
positive), v terminal voltage [V], v_k voltage over RC pair k [V], a_k = exp(-h/tau_k),
b_k = R_k (1 - a_k) [ohm], C_k = tau_k/R_k [F], x hysteresis state (-1 discharged branch, +1 charged
branch), M half the hysteresis gap [V], h step [s], T temperature [K], T0 reference temperature [K].

Between two table reads OCV runs along its slope, and everything else is constant.
"""

from __future__ import annotations

import math

import numpy as np

from cell_models.contract import LANES, NOT_FINITE, OK, REFRESH
from cell_models.ecm_lanes import (
    A1,
    A2,
    A3,
    B1,
    B2,
    B3,
    BLOCK,
    C1,
    C2,
    C3,
    CAPACITY,
    CHARGE,
    CHARGE_LOW,
    DISSIPATED,
    ENTROPIC,
    ENTROPIC_SLOPE,
    HEAT,
    HYSTERESIS,
    OCV,
    OCV_SLOPE,
    PENDING,
    QUADRATURE,
    R0,
    R1,
    R2,
    R3,
    SOC_REF,
    STORED,
    T_REF,
    TERMINAL,
    V1,
    V2,
    V3,
    VALIDITY,
    WIDTH,
)
from cell_models.jit import kernel

SOC_DRIFT = 0.005
"""Tables are read again when a cell's soc has moved so far since (one interval of the table)."""


# --- physics -----------------------------------------------------------------------------------


@kernel
def ecm_port(
    ocv: float, slope: float, q_step: float, m_x: float, r0: float,
    a1: float, b1: float, v1: float,
    a2: float, b2: float, v2: float,
    a3: float, b3: float, v3: float,
) -> tuple[float, float]:  # fmt: skip
    """Give the end-of-step line ``v = emf - r i`` of one cell.

    With ``z+ = z - i h/Q`` and ``v_k+ = a_k v_k + b_k i`` (exact for constant i):
    ``emf = OCV(z) + M x - sum a_k v_k`` and ``r = R0 + sum b_k + OCV' h/Q``. The hysteresis state
    is that of the start of the step.

    References
    ----------
    G. L. Plett, Battery Management Systems vol. 1 (2015), eqs. 2.8 and 2.16.
    """
    emf = ocv + m_x - (a1 * v1 + a2 * v2 + a3 * v3)
    r = r0 + (b1 + b2 + b3) + slope * q_step
    return emf, r


@kernel
def rc_relax(a: float, b: float, v: float, i: float) -> float:
    """Give the voltage over one RC pair after a step of constant current: ``a v + b i``."""
    return a * v + b * i


@kernel
def rc_dissipation(a: float, r: float, c: float, v: float, i: float, h: float) -> float:
    """Give the energy lost in the resistor of one RC pair during a step, exactly [J].

    ``int v(t)^2/R dt`` with ``v(t) = R i + (v - R i) exp(-t/tau)``; zero where there is no pair.
    """
    d = v - r * i
    return r * i * i * h + 2.0 * i * d * r * c * (1.0 - a) + 0.5 * c * d * d * (1.0 - a * a)


@kernel
def rc_quadrature(
    a: float, r: float, c: float, v: float, v_end: float, i: float, h: float
) -> float:
    """Give ``i (end v - mean v) h`` of one RC pair: what end-of-step bookkeeping adds [J]."""
    return i * ((v_end - r * i) * h - (v - r * i) * r * c * (1.0 - a))


@kernel
def hysteresis_step(x: float, throughput: float) -> float:
    """Give the hysteresis state after a step; `throughput` is ``gamma i h / Q``, signed as i.

    Implicit Euler of ``dx/dt = -(gamma/Q) (|i| x + i)``: rational, bounded, no exponential. Its
    voltage M x acts with the value of the start of the step. It stores ``M Q x^2 / (2 gamma)``:
    with that energy the loss is ``|i| M x^2``, which is never negative (derived here).

    References
    ----------
    Plett (2015), eq. 2.11, one-state model.
    """
    return (x - throughput) / (1.0 + abs(throughput))


@kernel
def two_sum(high: float, low: float, add: float) -> tuple[float, float]:
    """Add `add` to the compensated sum ``high + low`` (Knuth's TwoSum)."""
    total = high + add
    back = total - high
    return total, low + ((high - (total - back)) + (add - back))


# --- sweeps ------------------------------------------------------------------------------------


@kernel
def sweep_port(x, n_blocks, h, hysteresis_V, emf_V, resistance_ohm):
    """Write the line of every cell. `x` is only read."""
    for block in range(n_blocks):
        base = block * BLOCK
        out = block * WIDTH
        for lane in range(WIDTH):
            p = base + lane
            capacity = x[p + CAPACITY]
            soc = (x[p + CHARGE] + x[p + CHARGE_LOW]) / capacity
            slope = x[p + OCV_SLOPE]
            emf, r = ecm_port(
                x[p + OCV] + slope * (soc - x[p + SOC_REF]),
                slope,
                h / capacity,
                hysteresis_V * x[p + HYSTERESIS],
                x[p + R0],
                x[p + A1], x[p + B1], x[p + V1],
                x[p + A2], x[p + B2], x[p + V2],
                x[p + A3], x[p + B3], x[p + V3],
            )  # fmt: skip
            emf_V[out + lane] = emf
            resistance_ohm[out + lane] = r


@kernel
def sweep_advance(
    x, n_blocks, h, hysteresis_V, hysteresis_rate, elastic_V, current_A, voltage_V, heat_W
):
    """Move every cell by one step; write its heat; return status bits.

    Heat is ``-d(stored) - i v h`` with stored = chemical + polarisation + hysteresis, so energy is
    conserved whatever the step. `dissipated_J` sums the same heat from the resistances instead,
    and `quadrature_J` the known difference of the two: that v counts at the end of the step.
    """
    drift = 0.0
    finite = 0.0
    for block in range(n_blocks):
        base = block * BLOCK
        out = block * WIDTH
        for lane in range(WIDTH):
            p = base + lane
            i = current_A[out + lane]
            v = voltage_V[out + lane]
            capacity = x[p + CAPACITY]
            ref = x[p + SOC_REF]
            slope = x[p + OCV_SLOPE]
            t_ref = x[p + T_REF]
            charge = x[p + CHARGE] + x[p + CHARGE_LOW]
            high, low = two_sum(x[p + CHARGE], x[p + CHARGE_LOW], -i * h)
            x[p + CHARGE] = high
            x[p + CHARGE_LOW] = low
            soc_end = (charge - i * h) / capacity
            mid = 0.5 * (charge / capacity + soc_end) - ref
            ocv_mid = x[p + OCV] + slope * mid
            entropic = x[p + ENTROPIC] + x[p + ENTROPIC_SLOPE] * mid
            reversible = -i * t_ref * entropic * h
            v1, v2, v3 = x[p + V1], x[p + V2], x[p + V3]
            a1, a2, a3 = x[p + A1], x[p + A2], x[p + A3]
            b1, b2, b3 = x[p + B1], x[p + B2], x[p + B3]
            c1, c2, c3 = x[p + C1], x[p + C2], x[p + C3]
            r1, r2, r3 = x[p + R1], x[p + R2], x[p + R3]
            w1, w2, w3 = rc_relax(a1, b1, v1, i), rc_relax(a2, b2, v2, i), rc_relax(a3, b3, v3, i)
            x[p + V1], x[p + V2], x[p + V3] = w1, w2, w3
            state = x[p + HYSTERESIS]
            through = hysteresis_rate * i * h / capacity
            state_end = hysteresis_step(state, through)
            x[p + HYSTERESIS] = state_end
            polarised = 0.5 * (
                c1 * (v1 - w1) * (v1 + w1) + c2 * (v2 - w2) * (v2 + w2) + c3 * (v3 - w3) * (v3 + w3)
            )
            branch = elastic_V * capacity * (state - state_end) * (state + state_end)
            terminal = i * v * h
            heat = (i * ocv_mid * h + reversible) + polarised + branch - terminal + x[p + PENDING]
            x[p + PENDING] = 0.0
            x[p + TERMINAL] += terminal
            x[p + HEAT] += heat
            heat_W[out + lane] = heat / h
            lost = hysteresis_V * abs(i) * h
            x[p + DISSIPATED] += (
                x[p + R0] * i * i * h
                + rc_dissipation(a1, r1, c1, v1, i, h)
                + rc_dissipation(a2, r2, c2, v2, i, h)
                + rc_dissipation(a3, r3, c3, v3, i, h)
                + lost * state_end * state_end
                + reversible
            )
            x[p + QUADRATURE] += (
                0.5 * slope * i * i * h * h / capacity
                + rc_quadrature(a1, r1, c1, v1, w1, i, h)
                + rc_quadrature(a2, r2, c2, v2, w2, i, h)
                + rc_quadrature(a3, r3, c3, v3, w3, i, h)
                + 0.5 * lost * abs(through) * (state_end * state_end - 1.0)
            )
        for lane in range(WIDTH):  # reductions apart: they would keep the loop above scalar
            p = base + lane
            finite += heat_W[out + lane]
            moved = x[p + CHARGE] / x[p + CAPACITY] - x[p + SOC_REF]
            drift = max(drift, abs(moved))
    status = OK
    if drift > SOC_DRIFT:
        status |= REFRESH
    if not math.isfinite(finite):
        status |= NOT_FINITE
    return status


@kernel
def carried_stored(x, p, elastic_V):
    """Give the stored energy of one cell: chemical along its slope, polarisation, hysteresis [J].

    Chemical: ``Q int (OCV - T0 s) dz``, carried from the table point by its slopes.
    """
    capacity = x[p + CAPACITY]
    dz = (x[p + CHARGE] - x[p + SOC_REF] * capacity + x[p + CHARGE_LOW]) / capacity
    t_ref = x[p + T_REF]
    potential = x[p + OCV] - t_ref * x[p + ENTROPIC]
    slope = x[p + OCV_SLOPE] - t_ref * x[p + ENTROPIC_SLOPE]
    polarised = 0.5 * (
        x[p + C1] * x[p + V1] ** 2 + x[p + C2] * x[p + V2] ** 2 + x[p + C3] * x[p + V3] ** 2
    )
    branch = elastic_V * capacity * x[p + HYSTERESIS] ** 2
    return x[p + STORED] + capacity * dz * (potential + 0.5 * slope * dz) + polarised + branch


@kernel
def sweep_observe(x, n_cells, elastic_V, soc, ocv_V, stored_J, validity):
    """Write soc, OCV, stored energy and validity flags of every cell."""
    for cell in range(n_cells):
        block, lane = divmod(cell, LANES)
        p = np.uint64(block) * BLOCK + np.uint64(lane)
        z = (x[p + CHARGE] + x[p + CHARGE_LOW]) / x[p + CAPACITY]
        soc[cell] = z
        ocv_V[cell] = x[p + OCV] + x[p + OCV_SLOPE] * (z - x[p + SOC_REF])
        stored_J[cell] = carried_stored(x, p, elastic_V)
        validity[cell] = int(x[p + VALIDITY])


@kernel
def sweep_sum(x, n_cells, field):
    """Give the compensated sum over the cells of the field at offset `field`."""
    high = low = 0.0
    for cell in range(n_cells):
        block, lane = divmod(cell, LANES)
        high, low = two_sum(
            high, low, x[np.uint64(block) * BLOCK + np.uint64(field) + np.uint64(lane)]
        )
    return high + low
