"""Sums that keep what rounding takes: the one addition that every ledger here is made of."""

from __future__ import annotations

from cell_models.jit import kernel


@kernel
def two_sum(high: float, low: float, add: float) -> tuple[float, float]:
    """Add `add` to the compensated sum ``high + low``.

    References
    ----------
    Knuth's TwoSum; Ogita, Rump and Oishi, SIAM J. Sci. Comput. 26 (2005) 1955,
    https://doi.org/10.1137/030601818, algorithm 4.4.
    """
    total = high + add
    back = total - high
    return total, low + ((high - (total - back)) + (add - back))
