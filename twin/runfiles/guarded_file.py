"""The bytes below a run file: a file that can fill up without taking HDF5 down with it.

HDF5 cannot live through a failed write (measured, HDF5 2.0 and h5py 3.16: a segmentation fault at
exit, and a file that no longer opens). `GuardedFile` is what h5py writes through instead: on the
first failure it keeps the file as it is, lets HDF5 believe that all went well, and remembers the
error for `check` to raise. Before each block it looks for free space, minds the file-size limit,
and has the file system set the room aside, so that a failure comes before the block, not in it.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

from twin.runfiles.layout import DiskFull

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None

DISK_MARGIN_BYTES = 16 << 20
"""Left free on the disk, which others write to as well; assumed."""

LIMIT_MARGIN_BYTES = 256 << 10
"""Left below a file-size limit, which is ours alone: the end of the file is written there."""


class GuardedFile(io.FileIO):
    """A file that after a failed write changes nothing more and says nothing to HDF5.

    Parameters
    ----------
    opened : path
        The file to open.
    mode : str
        ``"w+"`` or ``"r+"``.
    shown : path
        The name used in messages (a run file is created under a temporary one).
    """

    def __init__(self, opened: Path, mode: str, shown: Path) -> None:
        super().__init__(opened, mode)
        self.which, self.holds = "first", "nothing was written"
        self.shown = shown
        self.error: OSError | None = None
        _ignore_size_signal()

    def stands(self) -> None:
        """Note that the file has its name, so that a failure leaves what is in it."""
        self.which, self.holds = "next", "the file holds everything up to here"

    def write(self, data: Any) -> int:
        """Write all of `data`, or nothing ever again."""
        view = memoryview(data).cast("B")
        size = len(view)
        try:
            while self.error is None and len(view):
                view = view[super().write(view) or 0 :]
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Cut or extend the file, unless a write has failed."""
        if self.error is None:
            try:
                return super().truncate(size)
            except OSError as error:
                self.error = error
        return size or 0

    def check(self) -> None:
        """Raise `DiskFull` if a write has failed."""
        if self.error is not None:
            raise DiskFull(
                f"writing {self.shown} failed ({self.error}); "
                f"{self.holds.replace('here', 'the last complete block')}"
            )

    def check_space(self, block_bytes: int) -> None:
        """Raise `DiskFull` unless two blocks and a margin fit, then set one block aside."""
        self.check()
        need = 2 * block_bytes + DISK_MARGIN_BYTES
        free = shutil.disk_usage(self.shown.parent).free
        if free < need:
            raise self._full(f"{free / 1e6:.1f} MB are free on its disk", need)
        if resource is not None:
            need = 2 * block_bytes + LIMIT_MARGIN_BYTES
            limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
            left = max(limit - os.fstat(self.fileno()).st_size, 0)
            if limit != resource.RLIM_INFINITY and left < need:
                raise self._full(f"the file-size limit leaves {left / 1e6:.1f} MB", need)
        self.reserve(block_bytes)

    def reserve(self, size: int) -> None:
        """Have the file system set `size` bytes aside after the end; HDF5 cuts off what is left.

        Where it cannot (no such call, or a file system without it), nothing is set aside.
        """
        self.check()
        if not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(self.fileno(), os.fstat(self.fileno()).st_size, size)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise self._full(os.strerror(error.errno), size) from error

    def _full(self, why: str, need: int) -> DiskFull:
        return DiskFull(
            f"no room for the {self.which} rows of {self.shown}: {why}, {need / 1e6:.1f} MB are "
            f"needed; {self.holds}"
        )


def _ignore_size_signal() -> None:
    # Python ignores SIGXFSZ from its start; an embedding program may have set it back to fatal.
    signal_number = getattr(signal, "SIGXFSZ", None)
    if signal_number is None or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal_number) is signal.SIG_DFL:
        signal.signal(signal_number, signal.SIG_IGN)
