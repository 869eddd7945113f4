"""How long the next step of a plant is: short while something moves, or has just changed."""

from __future__ import annotations

from cell_models.jit import kernel
from packs.switchgear import IDLE_TICK

ALERT_TICKS = 1000
"""How long the short step holds after switchgear moved, or a fault or a cell has changed [ms]."""


@kernel
def next_length(tick, horizon, longest, short, is_moving, alert_until, melts_at, probe):
    """Give the length of the step from a tick on: short on alert, and never past what moves or
    melts.

    Parameters
    ----------
    tick, horizon, longest, short : int
    is_moving : bool
        A contactor is on its way, or a link is precharged.
    alert_until, melts_at, probe : int
        As the plant remembers them.
    """
    length = min(horizon - tick, longest)
    if is_moving or tick < alert_until:
        length = min(length, short)
    if melts_at != IDLE_TICK:
        length = min(length, max(1, melts_at - tick))
    return length if probe == 0 else 1
