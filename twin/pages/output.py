"""Pages and drawings on the disk: whole or not at all, and never over somebody else's file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from twin.runfiles.layout import DiskFull

OUR_MARK = '<meta name="generator" content="packtwin">'
"""In the head of every page of ours."""
HEAD_BYTES = 2000


def write_whole(path: Path, data: bytes) -> Path:
    """Write a file under another name, then give it its own.

    Raises
    ------
    DiskFull
        There is no room; an older file of that name is as it was.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            size = f"{len(data) / 1e6:.1f} MB"
            raise DiskFull(
                f"no room for {path} ({size}): {os.strerror(error.errno)}; nothing was written"
            ) from error
        raise
    finally:
        part.unlink(missing_ok=True)
    return path


def is_our_page(path: Path) -> bool:
    """Tell whether a file is a page that packtwin wrote."""
    with path.open("rb") as file:
        return OUR_MARK.encode() in file.read(HEAD_BYTES)
