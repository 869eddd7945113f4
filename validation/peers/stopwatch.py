"""CPU time of a call, beside a loop of known work; two environments load it, with no package.

The loop is that of `packs/calibration.py`, run by the interpreter, because the peers' environment
has no compiler: both environments have the same interpreter, so one loop measures both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

CHAIN_STEPS = 400_000
REPEATS = 5
LASTING_S = 0.1
"""CPU time of one repeat at least: a short call is made often enough [s]."""
LONGEST_S = 40.0
"""No repeat is begun after so much wall time."""


def chain(n: int, x: float) -> float:
    """Do `n` steps of ``x <- 3.9 x (1 - x)``, as `packs.calibration.chain`, and return the last."""
    for _ in range(n):
        x = 3.9 * x * (1.0 - x)
    return x


def chain_s() -> float:
    """Return the CPU time of one million steps of the chain now [s]."""
    return cpu_s(lambda: chain(CHAIN_STEPS, 0.5)) * 1e6 / CHAIN_STEPS


def cpu_s(call: Callable[[], Any]) -> float:
    """Return the CPU time of one call [s]."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def timed(call: Callable[[], Any], repeats: int = REPEATS) -> dict[str, float]:
    """Time a call that is warm, several times, each beside the chain.

    Returns
    -------
    dict
        ``cpu_s`` least CPU time of one call [s]; ``chain_s`` least CPU time of one million steps of
        the chain [s]; ``chains`` median ratio of a call to the chain right before and after it: the
        least would be the one whose chain was disturbed most.
    """
    count = max(1, round(LASTING_S / max(cpu_s(call), 1e-6)))
    spent: list[float] = []
    loops, start = [chain_s()], time.monotonic()
    while len(spent) < repeats and (not spent or time.monotonic() - start < LONGEST_S):
        spent.append(cpu_s(lambda: [call() for _ in range(count)]) / count)
        loops.append(chain_s())
    beside = [0.5 * (a + b) for a, b in zip(loops, loops[1:], strict=False)]
    ratios = [one / loop for one, loop in zip(spent, beside, strict=True)]
    return {"cpu_s": min(spent), "chain_s": min(loops), "chains": statistics.median(ratios)}
