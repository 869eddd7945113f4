"""Reading the tables of equivalent-circuit cells: OCV, entropic term, resistances, time constants.

`sweep_refresh` runs every few seconds, and whenever the step changes or a cell has drifted; between
two readings `cell_models.ecm` carries OCV along its slope.
"""

from __future__ import annotations

import numpy as np

from cell_models.compensated import two_sum
from cell_models.contract import OK, OUT_OF_RANGE
from cell_models.ecm import carried_stored, line_resistance
from cell_models.ecm_lanes import (
    BOOKED,
    CAPACITY,
    CHARGE,
    CHARGE_LOW,
    INVERSE_CAPACITY,
    IS_PENDING,
    LINE,
    OCV,
    OCV_SLOPE,
    PAIR,
    PAIR_2,
    PAIR_3,
    PAIRS,
    PENDING,
    R0,
    RESISTANCE,
    REVERSIBLE,
    REVERSIBLE_SLOPE,
    SOC_REF,
    STORED,
    SUMS,
    VALIDITY,
    WIDTH,
    A,
    B,
    C,
    R,
    V,
)
from cell_models.jit import inlined, kernel

_U = np.uint64
DOUBLINGS = 8
"""With these, arguments up to `LONGEST` shrink to 0.16, where nine terms of the series do."""
LONGEST = 40.0
"""Time constants in a step after which nothing is left: ``exp(-40)`` is 4e-18."""


@kernel
def relaxed(x: float) -> float:
    """Give ``1 - exp(-x)`` for x >= 0, the part of an RC pair that has relaxed in a step.

    Series of ``expm1`` at ``-x/256``, then eight times ``u <- u (2 + u)``: relative error below
    1e-14 also where x is tiny. Multiplications only, so that the loop over lanes is vectorised,
    which with the library's `exp` it is not (measured: 40 ns a cell less).
    """
    u = -(x if x < LONGEST else LONGEST) * (1.0 / 256.0)
    series = 1.0 + u * (1.0 / 9.0)
    series = 1.0 + series * u * (1.0 / 8.0)
    series = 1.0 + series * u * (1.0 / 7.0)
    series = 1.0 + series * u * (1.0 / 6.0)
    series = 1.0 + series * u * (1.0 / 5.0)
    series = 1.0 + series * u * (1.0 / 4.0)
    series = 1.0 + series * u * (1.0 / 3.0)
    u = u * (1.0 + series * u * 0.5)
    for _ in range(DOUBLINGS):
        u = u * (2.0 + u)
    return -u


@kernel
def interval(value, start, per_step, n):
    """Give the table interval that holds `value`, its fraction, and whether it is inside."""
    place = (value - start) * per_step
    inside = 1.0
    if not place >= 0.0:
        place, inside = 0.0, 0.0
    if place > n - 1.0:
        place, inside = n - 1.0, 0.0
    index = min(int(place), n - 2)
    return _U(index), place - index, inside


@kernel
def temperature_interval(axis_K, temperature):
    """Give the interval of a non-uniform temperature axis, its fraction, and whether inside."""
    last = _U(len(axis_K) - 1)
    inside = 1.0 if axis_K[_U(0)] <= temperature <= axis_K[last] else 0.0
    held = min(max(temperature, axis_K[_U(0)]), axis_K[last])
    index = _U(0)
    while index + _U(1) < last and held > axis_K[index + _U(1)]:
        index += _U(1)
    low, high = axis_K[index], axis_K[index + _U(1)]
    return index, (held - low) / (high - low), inside


@inlined
def read_ocv(x, p, temperature, t0, soc_start, soc_step, ocv, entropic, integral):
    """Read OCV, entropic term and stored energy of one cell at its soc; return whether inside.

    Beyond the axis the edge value holds.
    """
    one = _U(1)
    capacity, per_step = x[p + CAPACITY], 1.0 / soc_step
    per_As = 1.0 / capacity
    soc = (x[p + CHARGE] + x[p + CHARGE_LOW]) * per_As
    m, e, inside = interval(soc, soc_start, per_step, len(ocv))
    slope = (ocv[m + one] - ocv[m]) * per_step
    s_slope = (entropic[m + one] - entropic[m]) * per_step
    dz = soc - (soc_start + float(m) * soc_step)
    beyond = 0.0
    if inside == 0.0:
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
    slope, s_slope = slope * inside, s_slope * inside
    excess = temperature - t0
    x[p + INVERSE_CAPACITY] = per_As
    x[p + SOC_REF] = soc
    x[p + OCV] = edge + excess * s
    x[p + OCV_SLOPE] = slope + excess * s_slope
    x[p + REVERSIBLE] = temperature * s
    x[p + REVERSIBLE_SLOPE] = temperature * s_slope
    return soc, inside


@inlined
def four_knots(rc, at, row, layers, layer, f, g):
    """Interpolate one layer of a table between four knots: `at` and the next in T and in soc."""
    k = at + layer
    low = rc[k] + g * (rc[k + layers] - rc[k])
    high = rc[k + row] + g * (rc[k + row + layers] - rc[k + row])
    return low + f * (high - low)


@inlined
def read_resistances(x, p, soc, temperature, rc_start, rc_step, axis_K, rc, n_soc, n_rc):
    """Read R0 and every pair's R and tau (into B for now) of one cell; return whether T is inside.

    Resistances are times the cell's own factor. `rc` is flat: soc, then T, then layer.
    """
    layers = _U(1) + n_rc + n_rc
    row = layers * _U(len(axis_K))
    j, f, _ = interval(soc, rc_start, 1.0 / rc_step, n_soc)
    k, g, inside = temperature_interval(axis_K, temperature)
    at, factor = j * row + k * layers, x[p + RESISTANCE]
    x[p + R0] = four_knots(rc, at, row, layers, _U(0), f, g) * factor
    for pair in range(n_rc):
        q = p + PAIRS + pair * PAIR
        x[q + R] = four_knots(rc, at, row, layers, _U(1) + pair, f, g) * factor
        x[q + B] = four_knots(rc, at, row, layers, _U(1) + n_rc + pair, f, g)
    return inside


@inlined
def set_pair(x, pair, h):
    """Turn R and tau of one pair of one block into what a step of `h` needs.

    New parameters do no work: the pair keeps its energy ``C v^2 / 2`` and its voltage follows.
    """
    for lane in range(WIDTH):
        q = pair + lane
        r, tau = x[q + R], x[q + B]
        part = relaxed(h / tau)
        capacitance = tau / r
        before = x[q + C]
        x[q + A] = 1.0 - part
        x[q + B] = r * part
        x[q + V] *= np.sqrt(before / capacitance) if before > 0.0 else 1.0
        x[q + C] = capacitance


@inlined
def close_reading(x, base, h, n_rc, elastic_V, sums):
    """Book what the reading changed in the stored energy of one block; close its lines.

    `line_ohm` holds the energy before.
    """
    for lane in range(WIDTH):
        p = base + lane
        booked = x[p + LINE] - carried_stored(x, p, n_rc, elastic_V)
        sums[BOOKED + lane] += booked
        x[p + PENDING] += booked
        sum_b = x[p + PAIRS + B] + x[p + PAIR_2 + B]
        if n_rc > _U(2):
            sum_b += x[p + PAIR_3 + B]
        x[p + LINE] = line_resistance(
            x[p + R0], sum_b, x[p + OCV_SLOPE], h * x[p + INVERSE_CAPACITY]
        )


@kernel
def sweep_refresh(
    x, n_blocks, stride, h, elastic_V, temperature_K,
    t0, soc_start, soc_step, ocv, entropic, integral, rc_start, rc_step, rc_low, rc_high, axis_K,
    rc, n_soc, n_rc, sums,
):  # fmt: skip
    """Read the tables of every cell at its soc and temperature; return status bits.

    The energy carried along the old slopes minus the tabulated one is booked as heat of the next
    step (`pending_J`), so that nothing is lost when the tables are read.
    """
    status = OK
    tail = n_blocks * stride
    x[tail + IS_PENDING] = 1.0
    for block in range(n_blocks):
        base = block * stride
        for lane in range(WIDTH):
            p = base + lane
            x[p + LINE] = carried_stored(x, p, n_rc, elastic_V)
        for lane in range(WIDTH):
            p = base + lane
            temperature = temperature_K[block * WIDTH + lane]
            soc, inside = read_ocv(
                x, p, temperature, t0, soc_start, soc_step, ocv, entropic, integral
            )
            inside_T = read_resistances(
                x, p, soc, temperature, rc_start, rc_step, axis_K, rc, n_soc, n_rc
            )
            flags = (1.0 - inside) + 2.0 * (1.0 - inside_T)
            if soc < rc_low or soc > rc_high:
                flags += 4.0
            x[p + VALIDITY] = flags
            if flags > 0.0:
                status |= OUT_OF_RANGE
        for pair in range(n_rc):
            set_pair(x, base + PAIRS + pair * PAIR, h)
        close_reading(x, base, h, n_rc, elastic_V, sums)
    for lane in range(WIDTH):
        at = tail + BOOKED + lane
        x[at], x[at + SUMS] = two_sum(x[at], x[at + SUMS], sums[BOOKED + lane])
        sums[BOOKED + lane] = 0.0
    return status
