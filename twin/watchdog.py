"""A plug-in that hangs is a lost controller: a wall-clock limit around a foreign call.

Only POSIX systems and the main thread can interrupt a call; elsewhere the limit does nothing, and a
plug-in that hangs hangs the run.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

HANG_S = 10.0
"""Wall time after which one call of a plug-in counts as hanging [s] (assumed)."""


OURS = ("cell_models", "controllers", "packs")
"""Packages whose plug-ins are tested not to hang: a timer for every call would cost 10 us."""


class HangError(RuntimeError):
    """A plug-in did not answer in time."""


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise HangError(f"no answer within {HANG_S:g} s")


class Watchdog:
    """Context manager that raises `HangError` inside a call that takes too long."""

    def __init__(self, limit_s: float = HANG_S) -> None:
        self._limit_s = limit_s

    def __enter__(self) -> None:
        self._armed = (
            hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        )
        if self._armed:
            self._before = signal.signal(signal.SIGALRM, _interrupt)
            signal.setitimer(signal.ITIMER_REAL, self._limit_s)

    def __exit__(self, *_: object) -> None:
        if self._armed:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self._before)


class Unwatched:
    """Stands in for a `Watchdog` around our own controllers, which are tested not to hang."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def watchdog_for(plug_in: object) -> Watchdog | Unwatched:
    """Return the watchdog of a plug-in: none for those that we ship."""
    ours = type(plug_in).__module__.partition(".")[0] in OURS
    return Unwatched() if ours else Watchdog()
