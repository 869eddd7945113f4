"""Reading the tables of equivalent-circuit cells: OCV, entropic term, resistances, time constants.

`sweep_refresh` runs every few seconds, and whenever the step changes or a cell has drifted; between
two readings `cell_models.ecm` carries OCV along its slope.
"""

from __future__ import annotations

import math

from cell_models.contract import OK, OUT_OF_RANGE
from cell_models.ecm import carried_stored
from cell_models.ecm_lanes import (
    A1,
    A2,
    A3,
    B1,
    B2,
    B3,
    BLOCK,
    BOOKED,
    C1,
    C2,
    C3,
    CAPACITY,
    CHARGE,
    CHARGE_LOW,
    ENTROPIC,
    ENTROPIC_SLOPE,
    OCV,
    OCV_SLOPE,
    PENDING,
    R0,
    R1,
    R2,
    R3,
    RESISTANCE,
    SOC_REF,
    STORED,
    T_REF,
    V1,
    V2,
    V3,
    VALIDITY,
    WIDTH,
)
from cell_models.jit import kernel


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
def refresh_rc(x, p, layer_r, layer_tau, rc, j, f, k, g, h, a, b, c, at_r, v):
    """Read one RC pair from the table into the fields at offsets a, b, c, at_r.

    New parameters do no work: the pair keeps its energy ``C v^2 / 2`` and its voltage follows.
    """
    r = bilinear(rc, j, f, k, g, layer_r) * x[p + RESISTANCE]
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
    t0, soc_start, soc_step, ocv, entropic, integral, rc_start, rc_step, rc_low, rc_high, axis_K,
    rc, n_rc,
):  # fmt: skip
    """Read the tables of every cell at its soc and temperature; return status bits.

    The energy carried along the old slopes minus the tabulated one is booked as heat of the next
    step (`pending_J`), so that nothing is lost when the tables are read.
    """
    status = OK
    n = len(ocv)
    for block in range(n_blocks):
        for lane in range(WIDTH):
            p = block * BLOCK + lane
            before = carried_stored(x, p, elastic_V)
            temperature = temperature_K[block * WIDTH + lane]
            capacity = x[p + CAPACITY]
            soc = (x[p + CHARGE] + x[p + CHARGE_LOW]) / capacity
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
            x[p + STORED] = capacity * (
                integral[m]
                + dz * (ocv[m] - t0 * entropic[m] + 0.5 * u_slope * dz)
                + beyond * (edge - t0 * s)
            )
            if inside_ocv == 0:  # the edge value holds
                slope = s_slope = 0.0
            excess = temperature - t0
            x[p + SOC_REF] = soc
            x[p + T_REF] = temperature
            x[p + OCV] = edge + excess * s
            x[p + OCV_SLOPE] = slope + excess * s_slope
            x[p + ENTROPIC] = s
            x[p + ENTROPIC_SLOPE] = s_slope
            j, f, _ = interval(soc, rc_start, rc_step, rc.shape[0])
            k, g, inside_T = temperature_interval(axis_K, temperature)
            x[p + R0] = bilinear(rc, j, f, k, g, 0) * x[p + RESISTANCE]
            if n_rc > 0:
                refresh_rc(x, p, 1, 1 + n_rc, rc, j, f, k, g, h, A1, B1, C1, R1, V1)
            if n_rc > 1:
                refresh_rc(x, p, 2, 2 + n_rc, rc, j, f, k, g, h, A2, B2, C2, R2, V2)
            if n_rc > 2:
                refresh_rc(x, p, 3, 3 + n_rc, rc, j, f, k, g, h, A3, B3, C3, R3, V3)
            booked = before - carried_stored(x, p, elastic_V)
            x[p + BOOKED] += booked
            x[p + PENDING] += booked
            flags = (1.0 - inside_ocv) + 2.0 * (1.0 - inside_T)
            if soc < rc_low or soc > rc_high:
                flags += 4.0
            x[p + VALIDITY] = flags
            if flags > 0.0:
                status |= OUT_OF_RANGE
    return status
