"""Look-ups in the filter's tables, as `filter_params.pack_tables` lays them out."""

from __future__ import annotations

import math

from cell_models.jit import kernel


@kernel
def look_up(table, row, soc):
    """Return one row of a table on a uniform soc axis from 0 to 1, extended along its last pieces.

    Linear between the points.
    """
    last = table.shape[1] - 1
    x = soc * last
    i = min(max(int(math.floor(x)), 0), last - 1)
    return table[row, i] + (x - i) * (table[row, i + 1] - table[row, i])


@kernel
def look_up_ocv(table, soc, shift_K):
    """Return OCV at a temperature `shift_K` from the reference, and its slope over soc [V]."""
    last = table.shape[1] - 1
    x = soc * last
    i = min(max(int(math.floor(x)), 0), last - 1)
    f = x - i
    low, high = table[0, i], table[0, i + 1]
    entropic = table[1, i] + f * (table[1, i + 1] - table[1, i])
    return low + f * (high - low) + shift_K * entropic, (high - low) * last


@kernel
def look_up_maps(maps, soc, temperature_K, start_K, step_K):
    """Return R0, R1 [ohm] and tau1 [s] at soc and temperature; the edges hold outside."""
    last = maps.shape[1] - 1
    x = min(max(soc, 0.0), 1.0) * last
    i = min(int(x), last - 1)
    f = x - i
    y = min(max((temperature_K - start_K) / step_K, 0.0), maps.shape[0] - 1.0)
    j = min(int(y), maps.shape[0] - 2)
    w = y - j
    w00, w01, w10, w11 = (1.0 - w) * (1.0 - f), (1.0 - w) * f, w * (1.0 - f), w * f
    r0 = w00 * maps[j, i, 0] + w01 * maps[j, i + 1, 0]
    r0 += w10 * maps[j + 1, i, 0] + w11 * maps[j + 1, i + 1, 0]
    r1 = w00 * maps[j, i, 1] + w01 * maps[j, i + 1, 1]
    r1 += w10 * maps[j + 1, i, 1] + w11 * maps[j + 1, i + 1, 1]
    tau = w00 * maps[j, i, 2] + w01 * maps[j, i + 1, 2]
    tau += w10 * maps[j + 1, i, 2] + w11 * maps[j + 1, i + 1, 2]
    return r0, r1, tau


@kernel
def invert_ocv(table, ocv_V, shift_K):
    """Return the soc whose open-circuit voltage is `ocv_V`, by bisection within -0.02 to 1.02."""
    low, high = -0.02, 1.02
    for _ in range(40):
        middle = 0.5 * (low + high)
        if look_up_ocv(table, middle, shift_K)[0] < ocv_V:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
