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
def mean_of(values):
    """Give the mean of a float64 (n,) array; NaN if any entry is."""
    total = 0.0
    for k in range(len(values)):
        total += values[k]
    return total / len(values)
