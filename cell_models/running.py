"""The running largest of many lanes, in a form that stays in registers."""

from __future__ import annotations

from cell_models.jit import inlined


@inlined
def risen(largest: float, value: float) -> float:
    """Give the larger of two numbers, to the last digit; NaN in `value` counts as nothing.

    As a sum, not as a choice: storing what was there already is dropped by the compiler in favour
    of a masked store, which on common processors takes longer than everything else in a loop.
    """
    rise = value - largest
    return largest + (rise if rise > 0.0 else 0.0)
