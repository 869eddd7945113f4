"""A loop of known work, so that speeds measured on different machines can be compared."""

from __future__ import annotations

from cell_models.jit import kernel


@kernel
def chain(n, x):
    """Do `n` steps of ``x <- 3.9 x (1 - x)`` and return the last.

    Each step needs the one before it: three dependent floating-point operations, which no compiler
    can put side by side, so that the time is set by the clock and the latency of the core alone.

    Parameters
    ----------
    n : int
    x : float
        Within 0 and 1.
    """
    for _ in range(n):
        x = 3.9 * x * (1.0 - x)
    return x
