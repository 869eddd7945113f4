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

from cell_models.contract import LANES, NOT_FINITE, OK, OUT_OF_RANGE, REFRESH
from cell_models.jit import kernel

FIELD_NAMES = (
    # state
    "charge_As", "charge_low_As", "v1_V", "v2_V", "v3_V", "hysteresis",
    # what a cell is: capacity and damage
    "capacity_As", "resistance_factor",
    # table point, read by `refresh`
    "soc_ref", "temperature_ref_K", "ocv_ref_V", "ocv_slope_V", "entropic_ref_V_per_K",
    "entropic_slope_V_per_K", "stored_ref_J", "r0_ohm",
    "a1", "a2", "a3", "b1_ohm", "b2_ohm", "b3_ohm", "c1_F", "c2_F", "c3_F",
    "r1_ohm", "r2_ohm", "r3_ohm", "pending_J",
    # running sums for the ledger
    "moved_As", "moved_low_As", "terminal_J", "heat_J", "dissipated_J", "quadrature_J",
    "refresh_J", "validity",
)  # fmt: skip
N_FIELDS = len(FIELD_NAMES)

_U = np.uint64
_LANES = _U(LANES)
_BLOCK = _U(N_FIELDS * LANES)


def _at(name: str) -> np.uint64:
    return _U(FIELD_NAMES.index(name) * LANES)


_CHARGE, _CHARGE_LOW = _at("charge_As"), _at("charge_low_As")
_V1, _V2, _V3, _X = _at("v1_V"), _at("v2_V"), _at("v3_V"), _at("hysteresis")
_CAPACITY, _RESISTANCE = _at("capacity_As"), _at("resistance_factor")
_SOC_REF, _T_REF = _at("soc_ref"), _at("temperature_ref_K")
_OCV, _OCV_SLOPE = _at("ocv_ref_V"), _at("ocv_slope_V")
_S, _S_SLOPE = _at("entropic_ref_V_per_K"), _at("entropic_slope_V_per_K")
_STORED, _R0 = _at("stored_ref_J"), _at("r0_ohm")
_A1, _A2, _A3 = _at("a1"), _at("a2"), _at("a3")
_B1, _B2, _B3 = _at("b1_ohm"), _at("b2_ohm"), _at("b3_ohm")
_C1, _C2, _C3 = _at("c1_F"), _at("c2_F"), _at("c3_F")
_R1, _R2, _R3, _PENDING = _at("r1_ohm"), _at("r2_ohm"), _at("r3_ohm"), _at("pending_J")
_MOVED, _MOVED_LOW, _TERMINAL = _at("moved_As"), _at("moved_low_As"), _at("terminal_J")
_HEAT, _DISSIPATED, _QUADRATURE = _at("heat_J"), _at("dissipated_J"), _at("quadrature_J")
_REFRESH, _VALIDITY = _at("refresh_J"), _at("validity")

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

    Implicit Euler of ``dx/dt = -(gamma/Q) (|i| x + i)``: rational, bounded, no exponential.

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
        base = block * _BLOCK
        out = block * _LANES
        for lane in range(_LANES):
            p = base + lane
            capacity = x[p + _CAPACITY]
            soc = (x[p + _CHARGE] + x[p + _CHARGE_LOW]) / capacity
            slope = x[p + _OCV_SLOPE]
            emf, r = ecm_port(
                x[p + _OCV] + slope * (soc - x[p + _SOC_REF]),
                slope,
                h / capacity,
                hysteresis_V * x[p + _X],
                x[p + _R0],
                x[p + _A1], x[p + _B1], x[p + _V1],
                x[p + _A2], x[p + _B2], x[p + _V2],
                x[p + _A3], x[p + _B3], x[p + _V3],
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
        base = block * _BLOCK
        out = block * _LANES
        for lane in range(_LANES):
            p = base + lane
            i = current_A[out + lane]
            v = voltage_V[out + lane]
            capacity = x[p + _CAPACITY]
            ref = x[p + _SOC_REF]
            slope = x[p + _OCV_SLOPE]
            t_ref = x[p + _T_REF]
            charge = x[p + _CHARGE] + x[p + _CHARGE_LOW]
            high, low = two_sum(x[p + _CHARGE], x[p + _CHARGE_LOW], -i * h)
            x[p + _CHARGE] = high
            x[p + _CHARGE_LOW] = low
            high, low = two_sum(x[p + _MOVED], x[p + _MOVED_LOW], i * h)
            x[p + _MOVED] = high
            x[p + _MOVED_LOW] = low
            soc_end = (charge - i * h) / capacity
            mid = 0.5 * (charge / capacity + soc_end) - ref
            ocv_mid = x[p + _OCV] + slope * mid
            entropic = x[p + _S] + x[p + _S_SLOPE] * mid
            reversible = -i * t_ref * entropic * h
            v1, v2, v3 = x[p + _V1], x[p + _V2], x[p + _V3]
            a1, a2, a3 = x[p + _A1], x[p + _A2], x[p + _A3]
            b1, b2, b3 = x[p + _B1], x[p + _B2], x[p + _B3]
            c1, c2, c3 = x[p + _C1], x[p + _C2], x[p + _C3]
            r1, r2, r3 = x[p + _R1], x[p + _R2], x[p + _R3]
            w1, w2, w3 = rc_relax(a1, b1, v1, i), rc_relax(a2, b2, v2, i), rc_relax(a3, b3, v3, i)
            x[p + _V1], x[p + _V2], x[p + _V3] = w1, w2, w3
            state = x[p + _X]
            through = hysteresis_rate * i * h / capacity
            state_end = hysteresis_step(state, through)
            x[p + _X] = state_end
            polarised = 0.5 * (
                c1 * (v1 - w1) * (v1 + w1) + c2 * (v2 - w2) * (v2 + w2) + c3 * (v3 - w3) * (v3 + w3)
            )
            branch = elastic_V * capacity * (state - state_end) * (state + state_end)
            terminal = i * v * h
            heat = (i * ocv_mid * h + reversible) + polarised + branch - terminal + x[p + _PENDING]
            x[p + _PENDING] = 0.0
            x[p + _TERMINAL] += terminal
            x[p + _HEAT] += heat
            heat_W[out + lane] = heat / h
            lost = hysteresis_V * abs(i) * h
            x[p + _DISSIPATED] += (
                x[p + _R0] * i * i * h
                + rc_dissipation(a1, r1, c1, v1, i, h)
                + rc_dissipation(a2, r2, c2, v2, i, h)
                + rc_dissipation(a3, r3, c3, v3, i, h)
                + lost * state_end * state_end
                + reversible
            )
            x[p + _QUADRATURE] += (
                0.5 * slope * i * i * h * h / capacity
                + rc_quadrature(a1, r1, c1, v1, w1, i, h)
                + rc_quadrature(a2, r2, c2, v2, w2, i, h)
                + rc_quadrature(a3, r3, c3, v3, w3, i, h)
                + 0.5 * lost * abs(through) * (state_end * state_end - 1.0)
            )
        for lane in range(_LANES):  # reductions apart: they would keep the loop above scalar
            p = base + lane
            finite += heat_W[out + lane]
            moved = x[p + _CHARGE] / x[p + _CAPACITY] - x[p + _SOC_REF]
            drift = max(drift, abs(moved))
    status = OK
    if drift > SOC_DRIFT:
        status |= REFRESH
    if not math.isfinite(finite):
        status |= NOT_FINITE
    return status


@kernel
def interval(value, start, step, n):
    """Give the table interval that holds `value`, its fraction, and whether it is inside."""
    place = (value - start) / step
    inside = 1
    if not place >= 0.0:
        place, inside = 0.0, 0
    if place > n - 1.0:
        place, inside = n - 1.0, 0
    index = min(int(place), n - 2)
    return index, place - index, inside


@kernel
def temperature_interval(axis_K, temperature):
    """Give the interval of a non-uniform temperature axis, its fraction, and whether inside."""
    n = len(axis_K)
    inside = 1 if axis_K[0] <= temperature <= axis_K[n - 1] else 0
    held = min(max(temperature, axis_K[0]), axis_K[n - 1])
    index = 0
    while index < n - 2 and held > axis_K[index + 1]:
        index += 1
    return index, (held - axis_K[index]) / (axis_K[index + 1] - axis_K[index]), inside


@kernel
def bilinear(rc, j, f, k, g, layer):
    """Interpolate one layer of the resistance table between four knots."""
    low = rc[j, k, layer] * (1.0 - g) + rc[j, k + 1, layer] * g
    high = rc[j + 1, k, layer] * (1.0 - g) + rc[j + 1, k + 1, layer] * g
    return low * (1.0 - f) + high * f


@kernel
def carried_stored(x, p, elastic_V):
    """Give the stored energy of one cell: chemical along its slope, polarisation, hysteresis [J].

    Chemical: ``Q int (OCV - T0 s) dz``, carried from the table point by its slopes.
    """
    capacity = x[p + _CAPACITY]
    dz = (x[p + _CHARGE] - x[p + _SOC_REF] * capacity + x[p + _CHARGE_LOW]) / capacity
    t_ref = x[p + _T_REF]
    potential = x[p + _OCV] - t_ref * x[p + _S]
    slope = x[p + _OCV_SLOPE] - t_ref * x[p + _S_SLOPE]
    polarised = 0.5 * (
        x[p + _C1] * x[p + _V1] ** 2 + x[p + _C2] * x[p + _V2] ** 2 + x[p + _C3] * x[p + _V3] ** 2
    )
    branch = elastic_V * capacity * x[p + _X] ** 2
    return x[p + _STORED] + capacity * dz * (potential + 0.5 * slope * dz) + polarised + branch


@kernel
def refresh_rc(x, p, layer_r, layer_tau, rc, j, f, k, g, h, a, b, c, at_r, v):
    """Read one RC pair from the table into the fields at offsets a, b, c, at_r.

    New parameters do no work: the pair keeps its energy ``C v^2 / 2`` and its voltage follows.
    """
    r = bilinear(rc, j, f, k, g, layer_r) * x[p + _RESISTANCE]
    tau = bilinear(rc, j, f, k, g, layer_tau)
    decay = math.exp(-h / tau)
    x[p + a] = decay
    x[p + b] = r * (1.0 - decay)
    if x[p + c] > 0.0:
        x[p + v] *= math.sqrt(x[p + c] * r / tau)
    x[p + c] = tau / r
    x[p + at_r] = r


@kernel
def sweep_refresh(
    x, n_blocks, h, elastic_V, temperature_K,
    t0, soc_start, soc_step, ocv, entropic, integral, rc_start, rc_step, axis_K, rc, n_rc,
):  # fmt: skip
    """Read the tables of every cell at its soc and temperature; return status bits.

    The energy carried along the old slopes minus the tabulated one is booked as heat of the next
    step (`pending_J`), so that nothing is lost when the tables are read.
    """
    status = OK
    n = len(ocv)
    for block in range(n_blocks):
        for lane in range(_LANES):
            p = block * _BLOCK + lane
            before = carried_stored(x, p, elastic_V)
            temperature = temperature_K[block * _LANES + lane]
            capacity = x[p + _CAPACITY]
            soc = (x[p + _CHARGE] + x[p + _CHARGE_LOW]) / capacity
            m, e, inside_ocv = interval(soc, soc_start, soc_step, n)
            slope = (ocv[m + 1] - ocv[m]) / soc_step
            s_slope = (entropic[m + 1] - entropic[m]) / soc_step
            dz = soc - (soc_start + m * soc_step)
            beyond = 0.0
            if inside_ocv == 0:
                beyond = dz - e * soc_step
                dz = e * soc_step
            s = entropic[m] + s_slope * dz
            edge = ocv[m] + slope * dz
            u_slope = slope - t0 * s_slope
            x[p + _STORED] = capacity * (
                integral[m]
                + dz * (ocv[m] - t0 * entropic[m] + 0.5 * u_slope * dz)
                + beyond * (edge - t0 * s)
            )
            if inside_ocv == 0:  # the edge value holds
                slope = s_slope = 0.0
            excess = temperature - t0
            x[p + _SOC_REF] = soc
            x[p + _T_REF] = temperature
            x[p + _OCV] = edge + excess * s
            x[p + _OCV_SLOPE] = slope + excess * s_slope
            x[p + _S] = s
            x[p + _S_SLOPE] = s_slope
            j, f, _ = interval(soc, rc_start, rc_step, rc.shape[0])
            k, g, inside_T = temperature_interval(axis_K, temperature)
            x[p + _R0] = bilinear(rc, j, f, k, g, 0) * x[p + _RESISTANCE]
            if n_rc > 0:
                refresh_rc(x, p, 1, 1 + n_rc, rc, j, f, k, g, h, _A1, _B1, _C1, _R1, _V1)
            if n_rc > 1:
                refresh_rc(x, p, 2, 2 + n_rc, rc, j, f, k, g, h, _A2, _B2, _C2, _R2, _V2)
            if n_rc > 2:
                refresh_rc(x, p, 3, 3 + n_rc, rc, j, f, k, g, h, _A3, _B3, _C3, _R3, _V3)
            booked = before - carried_stored(x, p, elastic_V)
            x[p + _REFRESH] += booked
            x[p + _PENDING] += booked
            x[p + _VALIDITY] = (1.0 - inside_ocv) + 2.0 * (1.0 - inside_T)
            if inside_ocv == 0 or inside_T == 0:
                status |= OUT_OF_RANGE
    return status


@kernel
def sweep_observe(x, n_cells, elastic_V, soc, ocv_V, stored_J, validity):
    """Write soc, OCV, stored energy and validity flags of every cell."""
    for cell in range(n_cells):
        block, lane = divmod(cell, LANES)
        p = _U(block) * _BLOCK + _U(lane)
        z = (x[p + _CHARGE] + x[p + _CHARGE_LOW]) / x[p + _CAPACITY]
        soc[cell] = z
        ocv_V[cell] = x[p + _OCV] + x[p + _OCV_SLOPE] * (z - x[p + _SOC_REF])
        stored_J[cell] = carried_stored(x, p, elastic_V)
        validity[cell] = int(x[p + _VALIDITY])


@kernel
def sweep_sum(x, n_cells, field):
    """Give the compensated sum over the cells of the field at offset `field`."""
    high = low = 0.0
    for cell in range(n_cells):
        block, lane = divmod(cell, LANES)
        high, low = two_sum(high, low, x[_U(block) * _BLOCK + _U(field) + _U(lane)])
    return high + low
