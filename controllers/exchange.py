"""Compiled pieces of the message exchange, for whoever runs a controller."""

from __future__ import annotations

import math

from cell_models.jit import kernel


@kernel
def zero_bad_limits(limit_A):
    """Set every limit that is NaN, infinite or negative to zero; return how many there were.

    Parameters
    ----------
    limit_A : float64 (n,), written, [A]
    """
    bad = 0
    for k in range(len(limit_A)):
        if not (0.0 <= limit_A[k] < math.inf):
            limit_A[k] = 0.0
            bad += 1
    return bad


@kernel
def take_command(
    minus, precharge, plus, charge_A, discharge_A, site_charge_A, site_discharge_A, rack_state,
    bleeding, group_soc, group_std, group_counted, group_soh,
    coil, limit_A, state, bleed, soc, std, counted, soh,
):  # fmt: skip
    """Copy the arrays of a BMS command to where the commands in force are kept.

    Limits are taken as `zero_bad_limits` does; returned is how many were bad.

    Parameters
    ----------
    minus, precharge, plus : bool (R,)
    charge_A, discharge_A : float64 (R, 4)
    site_charge_A, site_discharge_A : float64 (4,)
    rack_state : int64 (R,)
    bleeding : bool (G,)
    group_soc, group_std, group_counted, group_soh : float64 (G,)
    coil : int64 (R, 3), written
    limit_A : float64 (R + 1, 2, 4), written
        Racks, then the site; charging, then discharging.
    state : int64 (R,), written
    bleed : int64 (G,), written
    soc, std, counted, soh : float64 (G,), written
    """
    n_racks = len(state)
    for r in range(n_racks):
        coil[r, 0], coil[r, 1], coil[r, 2] = minus[r], precharge[r], plus[r]
        state[r] = rack_state[r]
        for h in range(limit_A.shape[2]):
            limit_A[r, 0, h], limit_A[r, 1, h] = charge_A[r, h], discharge_A[r, h]
    for h in range(limit_A.shape[2]):
        limit_A[n_racks, 0, h], limit_A[n_racks, 1, h] = site_charge_A[h], site_discharge_A[h]
    for g in range(len(bleed)):
        bleed[g] = bleeding[g]
    for g in range(len(soc)):
        soc[g] = group_soc[g]
    for g in range(len(std)):
        std[g] = group_std[g]
    for g in range(len(counted)):
        counted[g] = group_counted[g]
    for g in range(len(soh)):
        soh[g] = group_soh[g]
    return zero_bad_limits(limit_A.reshape(limit_A.size))


@kernel
def mean_of(values):
    """Give the mean of a float64 (n,) array; NaN if any entry is."""
    total = 0.0
    for k in range(len(values)):
        total += values[k]
    return total / len(values)
