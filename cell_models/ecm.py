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

from cell_models.compensated import two_sum
from cell_models.contract import NOT_FINITE, OK, REFRESH
from cell_models.ecm_lanes import (
    CAPACITY,
    CHARGE,
    CHARGE_LOW,
    DISSIPATED,
    DRIFT,
    HEAT,
    HYSTERESIS,
    INVERSE_CAPACITY,
    IS_PENDING,
    LINE,
    OCV,
    OCV_SLOPE,
    PAIR_2,
    PAIR_3,
    PAIRS,
    PENDING,
    QUADRATURE,
    R0,
    RESISTANCE,
    REVERSIBLE,
    REVERSIBLE_SLOPE,
    SOC_REF,
    STORED,
    SUMS,
    TERMINAL,
    UNREAD,
    VALIDITY,
    WIDTH,
    A,
    B,
    C,
    R,
    V,
)
from cell_models.jit import inlined, kernel
from cell_models.running import risen

SOC_DRIFT = 0.005
"""Tables are read again when a cell's soc has moved so far since (one interval of the table)."""


# --- physics -----------------------------------------------------------------------------------


@kernel
def open_emf(ocv: float, slope: float, dz: float, m_x: float) -> float:
    """Give the emf of a cell without its RC pairs: ``OCV(z) + M x``, OCV along its slope.

    The hysteresis state is that of the start of the step.

    References
    ----------
    G. L. Plett, Battery Management Systems vol. 1 (2015), eqs. 2.8 and 2.16.
    """
    return ocv + slope * dz + m_x


@kernel
def line_resistance(r0: float, sum_b: float, slope: float, q_step: float) -> float:
    """Give r of the end-of-step line ``v = emf - r i``: ``R0 + sum b_k + OCV' h/Q``.

    With ``z+ = z - i h/Q`` and ``v_k+ = a_k v_k + b_k i``, exact for constant i.
    """
    return r0 + sum_b + slope * q_step


@kernel
def rc_relax(a: float, b: float, v: float, i: float) -> float:
    """Give the voltage over one RC pair after a step of constant current: ``a v + b i``."""
    return a * v + b * i


@kernel
def rc_energy(
    c: float, r: float, v: float, v_end: float, i: float, h: float
) -> tuple[float, float, float]:
    """Give what one RC pair gave back, what its resistor took, and what book-keeping adds [J].

    The pair's charge balance ``C dv/dt = i - v/R`` gives the mean voltage exactly,
    ``int v dt = R (i h + C (v - v+))``. Given back: ``C (v^2 - v+^2) / 2``. Taken:
    ``int v^2/R dt = i int v dt + `` given back. Added, because terminal energy counts the voltage
    at the end of the step: ``i (v+ h - int v dt)``.
    """
    fall = v - v_end
    mean_h = r * (i * h + c * fall)
    given = 0.5 * c * fall * (v + v_end)
    return given, i * mean_h + given, i * (v_end * h - mean_h)


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


# --- sweeps ------------------------------------------------------------------------------------
# A sweep is a loop over blocks; one loop over the 32 lanes does a whole cell, and is vectorised.


@inlined
def lane_emf(x, p, hysteresis_V):
    """Give the emf of one cell with up to two RC pairs at the end of the step ahead."""
    q, s = p + PAIRS, p + PAIR_2
    dz = x[p + CHARGE] * x[p + INVERSE_CAPACITY] - x[p + SOC_REF]
    emf = open_emf(x[p + OCV], x[p + OCV_SLOPE], dz, hysteresis_V * x[p + HYSTERESIS])
    return emf - x[q + A] * x[q + V] - x[s + A] * x[s + V]


@inlined
def port_block(x, base, out, has_third, hysteresis_V, emf_V, resistance_ohm):
    """Write the lines of one block of cells. `x` is only read."""
    for lane in range(WIDTH):
        emf_V[out + lane] = lane_emf(x, base + lane, hysteresis_V)
        resistance_ohm[out + lane] = x[base + lane + LINE]
    if has_third:
        for lane in range(WIDTH):
            q = base + PAIR_3 + lane
            emf_V[out + lane] -= x[q + A] * x[q + V]


@inlined
def advance_pair(x, q, i, h):
    """Move the RC pair at `q`; return the energies of `rc_energy`."""
    v = x[q + V]
    v_end = rc_relax(x[q + A], x[q + B], v, i)
    x[q + V] = v_end
    return rc_energy(x[q + C], x[q + R], v, v_end, i, h)


@inlined
def advance_lane(x, p, i, v, h, hysteresis_V, hysteresis_rate, elastic_V, sums, lane):
    """Move one cell with up to two RC pairs; return its heat in the step [J].

    Heat is ``-d(stored) - i v h`` with stored = chemical + polarisation + hysteresis, so energy is
    conserved whatever the step. `dissipated_J` sums the same heat from the resistances instead,
    and `quadrature_J` the known difference of the two: that v counts at the end of the step.
    """
    through = i * h
    per_As, slope = x[p + INVERSE_CAPACITY], x[p + OCV_SLOPE]
    charge, low = two_sum(x[p + CHARGE], x[p + CHARGE_LOW], -through)
    x[p + CHARGE], x[p + CHARGE_LOW] = charge, low
    drift = charge * per_As - x[p + SOC_REF]
    mid = drift + 0.5 * through * per_As
    chemical = through * (x[p + OCV] + slope * mid)
    reversible = -through * (x[p + REVERSIBLE] + x[p + REVERSIBLE_SLOPE] * mid)
    state = x[p + HYSTERESIS]
    turned = hysteresis_rate * through * per_As
    state_end = hysteresis_step(state, turned)
    x[p + HYSTERESIS] = state_end
    branch = elastic_V * x[p + CAPACITY] * (state - state_end) * (state + state_end)
    given_1, taken_1, added_1 = advance_pair(x, p + PAIRS, i, h)
    given_2, taken_2, added_2 = advance_pair(x, p + PAIR_2, i, h)
    terminal = through * v
    lost, end_2 = hysteresis_V * abs(through), state_end * state_end
    taken = x[p + R0] * i * through + lost * end_2 + reversible
    added = 0.5 * slope * through * through * per_As + 0.5 * lost * abs(turned) * (end_2 - 1.0)
    sums[TERMINAL + lane] += terminal
    sums[DISSIPATED + lane] += taken + taken_1 + taken_2
    sums[QUADRATURE + lane] += added + added_1 + added_2
    sums[DRIFT + lane] = risen(sums[DRIFT + lane], abs(drift))
    return (chemical + reversible) + branch + (given_1 + given_2) - terminal


@inlined
def advance_block(
    x, base, out, has_third, h, hysteresis_V, hysteresis_rate, elastic_V, is_pending, current_A,
    voltage_V, heat_W, sums,
):  # fmt: skip
    """Move one block of cells by one step; write its heat [W]."""
    per_s = 1.0 / h
    for lane in range(WIDTH):
        heat = advance_lane(
            x, base + lane, current_A[out + lane], voltage_V[out + lane], h, hysteresis_V,
            hysteresis_rate, elastic_V, sums, lane,
        )  # fmt: skip
        sums[HEAT + lane] += heat
        heat_W[out + lane] = heat * per_s
    if has_third:
        for lane in range(WIDTH):
            given, taken, added = advance_pair(x, base + PAIR_3 + lane, current_A[out + lane], h)
            sums[DISSIPATED + lane] += taken
            sums[QUADRATURE + lane] += added
            sums[HEAT + lane] += given
            heat_W[out + lane] += given * per_s
    if is_pending:
        for lane in range(WIDTH):
            waiting = x[base + PENDING + lane]
            x[base + PENDING + lane] = 0.0
            sums[HEAT + lane] += waiting
            heat_W[out + lane] += waiting * per_s


@kernel
def close_sweep(x, tail, sums):
    """Add the sums of one step to the running ones; return the status bits of the sweep.

    `sums` (SCRATCH,) is empty afterwards.
    """
    status = OK
    finite = 0.0
    for lane in range(WIDTH):
        if sums[DRIFT + lane] > SOC_DRIFT:
            status |= REFRESH
        finite += sums[HEAT + lane]
    for k in range(SUMS):
        x[tail + k], x[tail + SUMS + k] = two_sum(x[tail + k], x[tail + SUMS + k], sums[k])
    if not math.isfinite(finite):
        status |= NOT_FINITE
    x[tail + IS_PENDING] = 0.0
    sums[:] = 0.0
    return status


@inlined
def sweep_port(x, n_blocks, stride, n_rc, hysteresis_V, emf_V, resistance_ohm):
    """Write the line of every cell. `x` is only read."""
    has_third = n_rc > 2
    for block in range(n_blocks):
        port_block(x, block * stride, block * WIDTH, has_third, hysteresis_V, emf_V, resistance_ohm)


@inlined
def sweep_advance(
    x, n_blocks, stride, n_rc, h, hysteresis_V, hysteresis_rate, elastic_V, current_A, voltage_V,
    heat_W, sums,
):  # fmt: skip
    """Move every cell by one step; write its heat; return status bits."""
    tail = n_blocks * stride
    is_pending = x[tail + IS_PENDING] != 0.0
    has_third = n_rc > 2
    for block in range(n_blocks):
        advance_block(
            x, block * stride, block * WIDTH, has_third, h, hysteresis_V, hysteresis_rate,
            elastic_V, is_pending, current_A, voltage_V, heat_W, sums,
        )  # fmt: skip
    return close_sweep(x, tail, sums)


@inlined
def pair_stored(x, q):
    """Give the energy on the capacitor of the RC pair at `q`: ``C v^2 / 2`` [J]."""
    return 0.5 * x[q + C] * x[q + V] * x[q + V]


@inlined
def carried_stored(x, p, n_rc, elastic_V):
    """Give the stored energy of one cell: chemical along its slope, polarisation, hysteresis [J].

    Chemical: ``Q int (OCV - T0 s) dz``, carried from the table point by its slopes.
    """
    moved = x[p + CHARGE] - x[p + SOC_REF] * x[p + CAPACITY] + x[p + CHARGE_LOW]
    dz = moved * x[p + INVERSE_CAPACITY]
    potential = x[p + OCV] - x[p + REVERSIBLE]
    slope = x[p + OCV_SLOPE] - x[p + REVERSIBLE_SLOPE]
    polarised = pair_stored(x, p + PAIRS) + pair_stored(x, p + PAIR_2)
    if n_rc > 2:
        polarised += pair_stored(x, p + PAIR_3)
    branch = elastic_V * x[p + CAPACITY] * x[p + HYSTERESIS] * x[p + HYSTERESIS]
    return x[p + STORED] + moved * (potential + 0.5 * slope * dz) + polarised + branch


@kernel
def sweep_observe(x, n_blocks, stride, n_rc, elastic_V, soc, ocv_V, stored_J, validity):
    """Write soc, OCV, stored energy and validity flags of every lane."""
    for block in range(n_blocks):
        for lane in range(WIDTH):
            p, cell = block * stride + lane, block * WIDTH + lane
            z = (x[p + CHARGE] + x[p + CHARGE_LOW]) / x[p + CAPACITY]
            soc[cell] = z
            ocv_V[cell] = x[p + OCV] + x[p + OCV_SLOPE] * (z - x[p + SOC_REF])
            stored_J[cell] = carried_stored(x, p, n_rc, elastic_V)
            validity[cell] = int(x[p + VALIDITY]) & (int(UNREAD) - 1)


@kernel
def sweep_audit(x, n_blocks, stride, sums_J, charge_As, charge_low_As):
    """Write the running sums of the population, compensated, and every lane's charge."""
    tail = n_blocks * stride
    for which in range(SUMS // WIDTH):
        high = low = 0.0
        for lane in range(WIDTH):
            at = tail + which * WIDTH + lane
            high, low = two_sum(high, low, x[at])
            high, low = two_sum(high, low, x[at + SUMS])
        sums_J[which] = high + low
    for block in range(n_blocks):
        for lane in range(WIDTH):
            p, cell = block * stride + lane, block * WIDTH + lane
            charge_As[cell], charge_low_As[cell] = x[p + CHARGE], x[p + CHARGE_LOW]


@kernel
def sweep_soc(x, n_blocks, stride, soc):
    """Write the state of charge of every lane, as `sweep_observe` does."""
    for block in range(n_blocks):
        for lane in range(WIDTH):
            p = block * stride + lane
            soc[block * WIDTH + lane] = (x[p + CHARGE] + x[p + CHARGE_LOW]) / x[p + CAPACITY]


@kernel
def scale_lane(x, stride, cell, factor):
    """Multiply all resistances of one cell, from its next reading of tables on."""
    c = np.uint64(cell)
    p = c // WIDTH * stride + c % WIDTH
    x[p + RESISTANCE] *= factor
    x[p + VALIDITY] += UNREAD
