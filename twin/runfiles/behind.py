"""Writing behind the run: a full block goes to the disk while the next one fills.

Most of the time that a block takes is the system's copying of it, for which Python holds no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Behind:
    """One task at a time in a thread of its own, in the order in which they were started."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def has_failed(self) -> bool:
        """Whether a task has raised what `wait` has not told yet."""
        return self._error is not None

    def start(self, task: Callable[[], None]) -> None:
        """Start a task, after the one before."""
        self.wait()
        self._thread = threading.Thread(target=self._run, args=(task,), name="run file")
        self._thread.start()

    def wait(self) -> None:
        """Wait until nothing is under way; raise what the task has raised, once."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # told by `wait`
            self._error = error
