"""Reading the tables of equivalent-circuit cells: OCV, entropic term, resistances, time constants.

`sweep_refresh` reads those of all cells every few seconds, and in between those of blocks in which
a cell has drifted; a change of step needs no tables. Between two readings `cell_models.ecm` carries
OCV along its slope.
"""

from __future__ import annotations

import numpy as np

from cell_models.compensated import two_sum
from cell_models.contract import OK, OUT_OF_RANGE
from cell_models.ecm import SOC_DRIFT, carried_stored, line_resistance
from cell_models.ecm_lanes import (
    BOOKED,
    CAPACITY,
    CHARGE,
    CHARGE_LOW,
    DRIFT,
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
    STEP,
    STORED,
    SUMS,
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


@inlined
def held(value, start, per_step, n):
    """Give the place of `value` on a uniform axis of `n` points, and that held at its ends.

    The two differ beyond the axis, and for what is no number.
    """
    place = (value - start) * per_step
    low = place if place > 0.0 else 0.0
    return place, low if low < n - 1.0 else n - 1.0


@inlined
def interval(held_place, n):
    """Give the number of the table interval that a held place lies in."""
    return np.floor(held_place if held_place < n - 2.0 else n - 2.0)


@inlined
def temperature_interval(axis_K, temperature):
    """Give the interval of a non-uniform temperature axis, its fraction, and whether inside."""
    last = _U(len(axis_K) - 1)
    inside = 1.0 if axis_K[_U(0)] <= temperature <= axis_K[last] else 0.0
    at = min(max(temperature, axis_K[_U(0)]), axis_K[last])
    index = _U(0)
    while index + _U(1) < last and at > axis_K[index + _U(1)]:
        index += _U(1)
    low, high = axis_K[index], axis_K[index + _U(1)]
    return index, (at - low) / (high - low), inside


@inlined
def locate(x, base, soc_start, soc_step, n_ocv, rc_start, rc_step, n_soc):
    """Find where 32 cells are in the tables; the numbers of their intervals wait in `OCV`, `R0`."""
    per_step, rc_per_step = 1.0 / soc_step, 1.0 / rc_step
    for lane in range(WIDTH):
        p = base + lane
        per_As = 1.0 / x[p + CAPACITY]
        soc = (x[p + CHARGE] + x[p + CHARGE_LOW]) * per_As
        x[p + INVERSE_CAPACITY] = per_As
        x[p + SOC_REF] = soc
        _, at = held(soc, soc_start, per_step, n_ocv)
        x[p + OCV] = interval(at, n_ocv)
        _, at = held(soc, rc_start, rc_per_step, n_soc)
        row = interval(at, n_soc)
        x[p + R0] = row
        x[p + PAIRS + A] = at - row


@inlined
def fetch_ocv(x, base, ocv, entropic, integral):
    """Fetch the knots around 32 cells; the upper ones wait in the slopes."""
    one = _U(1)
    for lane in range(WIDTH):
        p = base + lane
        m = _U(np.int64(x[p + OCV]))
        x[p + OCV] = ocv[m]
        x[p + OCV_SLOPE] = ocv[m + one]
        x[p + REVERSIBLE] = entropic[m]
        x[p + REVERSIBLE_SLOPE] = entropic[m + one]
        x[p + STORED] = integral[m]


@inlined
def four_knots(rc, k, row, layers, w00, w01, w10, w11):
    """Interpolate one layer of a table between four knots: at k, and the next in T and in soc."""
    near = w00 * rc[k] + w01 * rc[k + layers]
    return near + (w10 * rc[k + row] + w11 * rc[k + row + layers])


@inlined
def fetch_resistances(x, base, first, temperature_K, axis_K, rc, n_rc):
    """Read R0 and every pair's R and tau (into B for now) of 32 cells, from cell `first` on.

    Resistances are times the cell's own factor. `rc` is flat: soc, then T, then layer. Whether T
    is inside its axis waits in `VALIDITY`.
    """
    layers = _U(1) + n_rc + n_rc
    row = layers * _U(len(axis_K))
    for lane in range(WIDTH):
        p = base + lane
        k, g, inside = temperature_interval(axis_K, temperature_K[first + lane])
        x[p + VALIDITY] = inside
        f, factor = x[p + PAIRS + A], x[p + RESISTANCE]
        w11 = f * g
        w10, w01 = f - w11, g - w11
        w00 = 1.0 - f - w01
        at = _U(np.int64(x[p + R0])) * row + k * layers
        x[p + R0] = four_knots(rc, at, row, layers, w00, w01, w10, w11) * factor
        for pair in range(n_rc):
            q, layer = p + PAIRS + pair * PAIR, at + _U(1) + pair
            x[q + R] = four_knots(rc, layer, row, layers, w00, w01, w10, w11) * factor
            x[q + B] = four_knots(rc, layer + n_rc, row, layers, w00, w01, w10, w11)


@inlined
def finish(
    x, base, first, temperature_K, t0, soc_start, soc_step, n_ocv, rc_low, rc_high, beyond_lanes
):
    """Turn the knots of 32 cells into OCV, entropic term, slopes, stored energy and flags.

    Beyond the axis the edge value holds. Flags are added to `beyond_lanes`, lane by lane.
    """
    per_step = 1.0 / soc_step
    for lane in range(WIDTH):
        p = base + lane
        soc, temperature = x[p + SOC_REF], temperature_K[first + lane]
        place, at = held(soc, soc_start, per_step, n_ocv)
        m = interval(at, n_ocv)
        inside = 1.0 if place == at else 0.0
        u, s0 = x[p + OCV], x[p + REVERSIBLE]
        slope = (x[p + OCV_SLOPE] - u) * per_step
        s_slope = (x[p + REVERSIBLE_SLOPE] - s0) * per_step
        whole, edge_dz = soc - (soc_start + m * soc_step), (at - m) * soc_step
        dz = whole if inside > 0.0 else edge_dz
        beyond = whole - dz
        s, edge = s0 + s_slope * dz, u + slope * dz
        u_slope = slope - t0 * s_slope
        x[p + STORED] = x[p + CAPACITY] * (
            x[p + STORED] + dz * (u - t0 * s0 + 0.5 * u_slope * dz) + beyond * (edge - t0 * s)
        )
        slope, s_slope = slope * inside, s_slope * inside
        excess = temperature - t0
        x[p + OCV] = edge + excess * s
        x[p + OCV_SLOPE] = slope + excess * s_slope
        x[p + REVERSIBLE] = temperature * s
        x[p + REVERSIBLE_SLOPE] = temperature * s_slope
        outside = (1.0 if soc < rc_low else 0.0) + (1.0 if soc > rc_high else 0.0)
        flags = (1.0 - inside) + 2.0 * (1.0 - x[p + VALIDITY]) + 4.0 * outside
        x[p + VALIDITY] = flags
        beyond_lanes[DRIFT + lane] += flags


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
def has_moved(x, base):
    """Say whether one of 32 cells has drifted since its last reading, or must be read."""
    count = 0
    for lane in range(WIDTH):
        p = base + lane
        drift = abs(x[p + CHARGE] * x[p + INVERSE_CAPACITY] - x[p + SOC_REF])
        count += 1 if drift > SOC_DRIFT or x[p + VALIDITY] >= UNREAD else 0
    return count > 0


@inlined
def change_step(x, base, h, n_rc):
    """Give one block its exponentials and lines for another step; its tables stay."""
    for pair in range(n_rc):
        for lane in range(WIDTH):
            q = base + PAIRS + pair * PAIR + lane
            part = relaxed(h / (x[q + C] * x[q + R]))
            x[q + A] = 1.0 - part
            x[q + B] = x[q + R] * part
    close_lines(x, base, h, n_rc)


@inlined
def close_lines(x, base, h, n_rc):
    """Write the resistance of the lines of one block."""
    for lane in range(WIDTH):
        p = base + lane
        sum_b = x[p + PAIRS + B] + x[p + PAIR_2 + B]
        if n_rc > _U(2):
            sum_b += x[p + PAIR_3 + B]
        x[p + LINE] = line_resistance(
            x[p + R0], sum_b, x[p + OCV_SLOPE], h * x[p + INVERSE_CAPACITY]
        )


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
    close_lines(x, base, h, n_rc)


@kernel
def sweep_refresh(
    x, n_blocks, stride, h, elastic_V, whole, temperature_K,
    t0, soc_start, soc_step, ocv, entropic, integral, rc_start, rc_step, rc_low, rc_high, axis_K,
    rc, n_soc, n_rc, sums,
):  # fmt: skip
    """Read the tables of cells at their soc and temperature; return status bits of those.

    The `whole` population, or blocks of 32 of which one has moved; the others are given the step.
    The energy carried along the old slopes minus the tabulated one is booked as heat of the next
    step (`pending_J`), so that nothing is lost when the tables are read.
    """
    status = OK
    tail, n_ocv = n_blocks * stride, float(len(ocv))
    is_new_step = x[tail + STEP] != h
    x[tail + STEP] = h
    for block in range(n_blocks):
        base, first = block * stride, block * WIDTH
        if not whole and not has_moved(x, base):
            if is_new_step:
                change_step(x, base, h, n_rc)
            continue
        x[tail + IS_PENDING] = 1.0
        for lane in range(WIDTH):
            p = base + lane
            x[p + LINE] = carried_stored(x, p, n_rc, elastic_V)
        locate(x, base, soc_start, soc_step, n_ocv, rc_start, rc_step, float(n_soc))
        fetch_ocv(x, base, ocv, entropic, integral)
        fetch_resistances(x, base, first, temperature_K, axis_K, rc, n_rc)
        finish(x, base, first, temperature_K, t0, soc_start, soc_step, n_ocv, rc_low, rc_high, sums)
        for pair in range(n_rc):
            set_pair(x, base + PAIRS + pair * PAIR, h)
        close_reading(x, base, h, n_rc, elastic_V, sums)
    for lane in range(WIDTH):
        at = tail + BOOKED + lane
        x[at], x[at + SUMS] = two_sum(x[at], x[at + SUMS], sums[BOOKED + lane])
        if not sums[DRIFT + lane] == 0.0:
            status |= OUT_OF_RANGE
        sums[BOOKED + lane] = sums[DRIFT + lane] = 0.0
    return status
