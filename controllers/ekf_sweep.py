"""The group filter compiled: scalar filter functions, and the sweeps that call them.

The mathematics is in the pure scalar functions at the top; the sweeps below load one group's
numbers, call them, and store the result. Only the sweeps know the lane layout (`ekf_lanes.py`).

Symbols: soc, v1 overpotential of the RC pair [V], rho factor on both resistances, P covariance,
i cell current [A] (discharge positive), a = exp(-dt/tau), b = R1 (1 - a) rho i.

Between two readings of the tables OCV runs along its slope, and resistances are constant.
"""

from __future__ import annotations

import math

import numpy as np

from cell_models.jit import kernel
from controllers.conditioning import (
    CURRENT,
    ENERGY_IN,
    ENERGY_OUT,
    SOC_MAX,
    SOC_MEAN,
    SOC_MIN,
    TAU,
)
from controllers.counting import add_charge, counted_soc
from controllers.ekf_lanes import (
    BEGUN,
    BLEED_IN,
    BLOCK,
    CHARGE,
    CHARGE_REST,
    COUNTED_OUT,
    CURRENT_IN,
    DECAY,
    DROP_RATIO,
    N_RESULTS,
    OCV_OUT,
    OCV_REF,
    P00,
    P01,
    P02,
    P11,
    P12,
    P22,
    R0_OUT,
    R0_REF,
    R1_OUT,
    R1_REF,
    RESULTS,
    RHO,
    RISE,
    SLOPE_OUT,
    SLOPE_REF,
    SOC,
    SOC2_PER_V2,
    SOC_OUT,
    SOC_REF,
    SOC_START,
    STD_OUT,
    TAU_REF,
    V1,
    V1_OUT,
    VOLTAGE,
    WIDTH,
)
from controllers.filter_tables import invert_ocv, look_up, look_up_maps, look_up_ocv

# Rows of `estimate` (N_ESTIMATE, G rounded up to whole blocks), read by the later stages.
OCV, SLOPE, R0, R1, OVERPOTENTIAL = 0, 1, 2, 3, 4
REPORT_SOC, REPORT_STD, REPORT_COUNTED = 5, 6, 7
N_ESTIMATE = int(N_RESULTS)
# Entries of the constants.
CELLS, CAPACITY, T_START, T_STEP, T_REFERENCE, BLEED = 0, 1, 2, 3, 4, 5
SOC0, SOC0_STD, SOC0_OFFSET = 6, 7, 8
SIGMA_V, SIGMA_R, TIME_V, SIGMA_I, SIGMA_G, TIME_I, Q_V1, Q_RHO, SIGMA_BIAS = range(9, 18)
N_CONSTANTS = 18
# Entries of the remembered clock of the tables.
CURSOR, PHASE, STEP = 0, 1, 2
N_CLOCK = 3

V1_START_STD_V = 0.010  # assumed: the cell may not have been at rest
RHO_START_STD = 0.25  # assumed: spread of resistance between a calibration and a used cell
RHO_LOW, RHO_HIGH = 0.25, 6.0  # assumed: from a warm new cell to a very old one
SIGMA_DROP = 0.08  # assumed: lasting relative error of the resistance under the mean load
SLOPE_FLOOR_V = 0.25  # assumed: keeps sigma finite on a plateau
STD_MAX = 0.5  # beyond this "unknown" says it all
REFRESH_S = 5.0
"""Every group's tables are read anew within this time, one block after the other."""
SOC_DRIFT = 0.002
"""And as soon as a group's soc has moved so far (a fifth of an interval of the OCV table)."""


# --- filter ------------------------------------------------------------------------------------


@kernel
def predict(soc, v1, rho, p00, p01, p02, p11, p12, p22, i, dt, a, rise, per_As, q_soc, q_v1, q_rho):
    """Move state and covariance on by one step; return both, without rho, which stays.

    ``soc' = soc - i dt/Q``, ``v1' = a v1 + rho b``, ``rho' = rho`` with ``b = r1 (1-a) i``: the
    transition is F = [[1,0,0],[0,a,b],[0,0,1]] and P' = F P F^T + q dt. `rise` is ``r1 (1-a)``,
    `per_As` is 1/Q.

    References
    ----------
    G. L. Plett, J. Power Sources 134 (2004) 277-292, doi:10.1016/j.jpowsour.2004.02.033.
    """
    b = rise * i
    grown, worn = p00 + q_soc * dt, p22 + q_rho * dt
    return (
        soc - i * dt * per_As,
        a * v1 + rho * b,
        grown if grown < STD_MAX * STD_MAX else STD_MAX * STD_MAX,
        a * p01 + b * p02,
        p02,
        a * a * p11 + 2.0 * a * b * p12 + b * b * p22 + q_v1 * dt,
        a * p12 + b * p22,
        worn if worn < 1.0 else 1.0,
    )


@kernel
def correct(soc, v1, rho, p00, p01, p02, p11, p12, p22, v, ocv, slope, drop, noise, used):
    """Correct state and covariance by a measured voltage; return both. `used` is 1, or 0 for none.

    ``y = OCV(soc) - v1 - rho drop`` with ``drop = r0 i``, so H = [slope, -1, -drop], u = P H^T,
    S = H u + noise, K = u/S and P' = P - K S K^T = P - u u^T/S. Symmetric, for only the upper
    triangle is kept; positive, for ``u u^T/S <= P (1 - noise/S)`` and noise is above 1e-3 of S here
    (P is bounded), so rounding can take no more than 1e-13 of what stays.
    """
    u0 = slope * p00 - p01 - drop * p02
    u1 = slope * p01 - p11 - drop * p12
    u2 = slope * p02 - p12 - drop * p22
    per_s = used / (slope * u0 - u1 - drop * u2 + noise)
    innovation = (v - (ocv - v1 - rho * drop)) * per_s
    z, f = soc + u0 * innovation, rho + u2 * innovation
    z = z if z > -0.1 else -0.1
    z = z if z < 1.1 else 1.1
    f = f if f > RHO_LOW else RHO_LOW
    f = f if f < RHO_HIGH else RHO_HIGH
    w0, w1, w2 = u0 * per_s, u1 * per_s, u2 * per_s
    return (
        z if used > 0.0 else soc,
        v1 + u1 * innovation,
        f,
        p00 - u0 * w0,
        p01 - u0 * w1,
        p02 - u0 * w2,
        p11 - u1 * w1,
        p12 - u1 * w2,
        p22 - u2 * w2,
    )


@kernel
def lasting_error(drop_V, soc2_per_V2, bias_V2):
    """Return the variance of soc that no filtering removes.

    A steady error of sensor, OCV curve or of the drop under the mean load looks like charge.
    """
    error_V = SIGMA_DROP * drop_V
    return (bias_V2 + error_V * error_V) * soc2_per_V2


# --- sweeps ------------------------------------------------------------------------------------


@kernel
def load_currents(x, rack_first, rack_rows, cells):
    """Bring the cell current of every rack into the lanes of its groups; NaN when unknown."""
    for r in range(len(rack_first) - 1):
        i = rack_rows[CURRENT, r] / cells
        for g in range(np.uint64(rack_first[r]), np.uint64(rack_first[r + 1])):
            x[(g // WIDTH) * BLOCK + CURRENT_IN + g % WIDTH] = i


@kernel
def load_block(x, base, first, n, voltage_V, bleeding, bleed_S):
    """Bring voltages and bleeds of one block into its lanes."""
    for lane in range(n):
        x[base + VOLTAGE + lane] = voltage_V[first + lane]
    for lane in range(n):
        x[base + BLEED_IN + lane] = bleed_S * bleeding[first + lane]


@kernel
def count_lanes(x, base):
    """Count the lanes that could begin now, and those whose soc has left its table point."""
    n_begin, n_off = 0, 0
    for lane in range(WIDTH):
        p = base + lane
        can_begin = x[p + BEGUN] == 0.0 and x[p + VOLTAGE] > 0.0
        n_begin += 1 if can_begin else 0
        n_off += 1 if abs(x[p + SOC] - x[p + SOC_REF]) > SOC_DRIFT else 0
    return n_begin, n_off


@kernel
def begin_block(x, base, first, n, temperature_K, ocv_table, maps, c):
    """Start every group that has not begun and has a voltage: from its OCV, or the stated soc."""
    for lane in range(n):
        p = base + lane
        v, i, t = x[p + VOLTAGE], x[p + CURRENT_IN], temperature_K[first + lane]
        if x[p + BEGUN] != 0.0 or not (v == v and i == i):
            continue
        if not t > 0.0:
            t = c[T_REFERENCE]
        soc = c[SOC0]
        if not soc >= -1.0:
            r0 = look_up_maps(maps, 0.5, t, c[T_START], c[T_STEP])[0]
            soc = invert_ocv(ocv_table, v + r0 * i, t - c[T_REFERENCE])
        soc += c[SOC0_OFFSET]
        x[p + BEGUN], x[p + SOC], x[p + V1], x[p + RHO] = 1.0, soc, 0.0, 1.0
        x[p + P00], x[p + P01], x[p + P02] = c[SOC0_STD] ** 2, 0.0, 0.0
        x[p + P11], x[p + P12], x[p + P22] = V1_START_STD_V**2, 0.0, RHO_START_STD**2
        x[p + CHARGE], x[p + CHARGE_REST], x[p + SOC_START] = 0.0, 0.0, soc


@kernel
def refresh_block(x, base, first, n, temperature_K, ocv_table, maps, c, dt):
    """Read the tables of one block at the soc and temperature of each group."""
    t_reference = c[T_REFERENCE]
    for lane in range(n):
        p = base + lane
        soc, t = x[p + SOC], temperature_K[first + lane]
        t = t if t > 0.0 else t_reference
        r0, r1, tau = look_up_maps(maps, soc, t, c[T_START], c[T_STEP])
        ocv, slope = look_up_ocv(ocv_table, soc, t - t_reference)
        a = math.exp(-dt / tau)
        x[p + SOC_REF], x[p + OCV_REF], x[p + SLOPE_REF] = soc, ocv, slope
        x[p + R0_REF], x[p + R1_REF], x[p + TAU_REF] = r0, r1, tau
        x[p + DECAY], x[p + RISE] = a, r1 * (1.0 - a)
        x[p + DROP_RATIO] = 1.0 + r0 / r1
        x[p + SOC2_PER_V2] = 1.0 / max(slope, SLOPE_FLOOR_V) ** 2


@kernel
def filter_block(x, base, c, dt):
    """Count, predict and correct the groups of one block.

    An unknown current is taken as zero, with an error of about 1C. No branch and no other array,
    or the lanes would go one by one.
    """
    capacity, sigma_g, sigma_r = c[CAPACITY], c[SIGMA_G], c[SIGMA_R]
    per_As, lost_A, sigma_i = 1.0 / capacity, capacity / 3600.0, c[SIGMA_I]
    q_i, q_v1, q_rho = c[TIME_I] * per_As * per_As, c[Q_V1], c[Q_RHO]
    variance_v, bias_V2 = c[SIGMA_V] ** 2, c[SIGMA_BIAS] ** 2
    stretch = max(c[TIME_V] / dt, 1.0) if dt > 0.0 else math.inf  # no time, no information
    for lane in range(WIDTH):
        p = base + lane
        v, i, begun = x[p + VOLTAGE], x[p + CURRENT_IN], x[p + BEGUN]
        is_known = 1.0 if i == i else 0.0
        is_seen = 1.0 if v == v else 0.0
        v = v if v == v else 0.0
        sigma_A = sigma_i if i == i else lost_A
        i = (i if i == i else 0.0) + v * x[p + BLEED_IN]
        count, rest = add_charge(x[p + CHARGE], x[p + CHARGE_REST], i, dt)
        x[p + CHARGE], x[p + CHARGE_REST] = count, rest
        error_A = sigma_A + sigma_g * abs(i)
        slope, rho = x[p + SLOPE_REF], x[p + RHO]
        soc, v1, p00, p01, p02, p11, p12, p22 = predict(
            x[p + SOC], x[p + V1], rho,
            x[p + P00], x[p + P01], x[p + P02], x[p + P11], x[p + P12], x[p + P22],
            i, dt, x[p + DECAY], x[p + RISE], per_As, error_A * error_A * q_i, q_v1, q_rho,
        )  # fmt: skip
        drop = x[p + R0_REF] * i
        doubt_V = sigma_r * rho * drop
        soc, v1, rho, p00, p01, p02, p11, p12, p22 = correct(
            soc, v1, rho, p00, p01, p02, p11, p12, p22,
            v, x[p + OCV_REF] + slope * (soc - x[p + SOC_REF]), slope, drop,
            (variance_v + doubt_V * doubt_V) * stretch, is_known * is_seen * begun,
        )  # fmt: skip
        soc *= begun
        x[p + SOC], x[p + V1], x[p + RHO] = soc, v1, rho
        x[p + P00], x[p + P01], x[p + P02] = p00, p01, p02
        x[p + P11], x[p + P12], x[p + P22] = p11, p12, p22
        lasting = lasting_error(v1 * x[p + DROP_RATIO], x[p + SOC2_PER_V2], bias_V2)
        std = math.sqrt(p00 + lasting)
        blank = 0.0 if begun > 0.0 else math.nan
        x[p + OCV_OUT] = x[p + OCV_REF] + slope * (soc - x[p + SOC_REF]) + blank
        x[p + SLOPE_OUT], x[p + V1_OUT], x[p + SOC_OUT] = slope, v1, soc + blank
        x[p + R0_OUT], x[p + R1_OUT] = rho * x[p + R0_REF] + blank, rho * x[p + R1_REF]
        x[p + STD_OUT] = (std if std < STD_MAX else STD_MAX) + blank
        x[p + COUNTED_OUT] = counted_soc(x[p + SOC_START], count, rest, capacity) + blank


@kernel
def hand_out(x, base, first, row, flat):
    """Copy the results of one block into the rows of `estimate`, here `flat`, each `row` long."""
    for k in range(N_RESULTS):
        to, at = k * row + first, base + RESULTS + k * WIDTH
        for lane in range(WIDTH):
            flat[to + lane] = x[at + lane]


@kernel
def gather_racks(x, rack_first, table, c, rack_rows, estimate):
    """Gather soc, energy and mean tau of every rack; `estimate` (N_ESTIMATE, n) is read."""
    for r in range(len(rack_first) - 1):
        lowest, highest, total, tau_sum = math.inf, -math.inf, 0.0, 0.0
        for g in range(np.uint64(rack_first[r]), np.uint64(rack_first[r + 1])):
            soc = estimate[REPORT_SOC, g]
            lowest, highest = min(lowest, soc), max(highest, soc)
            total += soc
            tau_sum += x[(g // WIDTH) * BLOCK + TAU_REF + g % WIDTH]
        n = rack_first[r + 1] - rack_first[r]
        rack_rows[TAU, r] = tau_sum / n
        finish_rack(rack_rows, r, lowest, highest, total, n, table, c)


@kernel
def finish_rack(rack_rows, r, lowest, highest, total, n, table, c):
    """Note extremes and mean of soc, and the energy that the emptiest and fullest group allow."""
    mean = total / n
    known = mean == mean
    rack_rows[SOC_MIN, r] = lowest if known else math.nan
    rack_rows[SOC_MAX, r] = highest if known else math.nan
    rack_rows[SOC_MEAN, r] = mean
    charge_As = n * c[CAPACITY] * c[CELLS]
    rack_rows[ENERGY_OUT, r], rack_rows[ENERGY_IN, r] = math.nan, math.nan
    if known:
        full = table[2, table.shape[1] - 1]
        rack_rows[ENERGY_OUT, r] = charge_As * max(look_up(table, 2, lowest), 0.0)
        rack_rows[ENERGY_IN, r] = charge_As * max(full - look_up(table, 2, highest), 0.0)


@kernel
def next_refresh(clock, n_blocks, dt):
    """Return the first block whose tables are due, and how many are; `clock` (3,) is written.

    One block after the other, so that all are read within REFRESH_S and no step pays for all. A
    step of another length makes all due: the decays belong to the step.
    """
    if not abs(dt - clock[STEP]) <= 1e-6 * dt:
        clock[STEP], clock[PHASE] = dt, 0.0
        return 0, n_blocks
    clock[PHASE] += n_blocks * dt / REFRESH_S
    n_due = int(clock[PHASE])
    clock[PHASE] -= n_due
    n_due = min(n_due, n_blocks)
    cursor = int(clock[CURSOR])
    clock[CURSOR] = (cursor + n_due) % n_blocks
    return cursor, n_due


@kernel
def filter_sweep(
    x, clock, bleeding, voltage_V, temperature_K, rack_first, table, maps, c,
    rack_rows, estimate, dt,
):  # fmt: skip
    """Step every group; a group that has not begun is NaN in `estimate`.

    Written: `x` (n_blocks * BLOCK,), `clock` (3,), `rack_rows` and `estimate` (N_ESTIMATE, n),
    with n the number of lanes.
    """
    row, flat = np.uint64(estimate.shape[1]), estimate.reshape(estimate.size)
    n_groups, n_blocks = np.uint64(len(voltage_V)), x.size // int(BLOCK)
    bleed_S = 1.0 / (c[BLEED] * c[CELLS])
    load_currents(x, rack_first, rack_rows, c[CELLS])
    cursor, n_due = next_refresh(clock, n_blocks, dt)
    for block in range(n_blocks):
        first = np.uint64(block) * WIDTH
        base = np.uint64(block) * BLOCK
        n = min(WIDTH, n_groups - first)
        load_block(x, base, first, n, voltage_V, bleeding, bleed_S)
        n_begin, n_off = count_lanes(x, base)
        if n_begin > 0:
            begin_block(x, base, first, n, temperature_K, table, maps, c)
        if n_begin > 0 or n_off > 0 or (block - cursor) % n_blocks < n_due:
            refresh_block(x, base, first, n, temperature_K, table, maps, c, dt)
        filter_block(x, base, c, dt)
        hand_out(x, base, first, row, flat)
    gather_racks(x, rack_first, table, c, rack_rows, estimate)
