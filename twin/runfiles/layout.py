"""What a run file holds: its axes, channels, tables and errors, without any HDF5.

The engine declares channels and hands over events in these terms; `twin.runfiles.hdf5` stores them
and `twin.runfiles.results` gives them back. This module is light, so that everything may import it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT_NAME = "packtwin run"
FORMAT_VERSION = 1
TABLE_GROUPS = ("events", "faults", "checkpoints")
"""Groups that hold no channels over time."""

MAX_CHUNK_BYTES = 1 << 20
MIN_CHUNK_BYTES = 4096

TEXT = "text"
"""Marks a column of variable-length UTF-8 text."""

EVENT_COLUMNS = {
    "time_s": ("f8", "s", "time of the event since the start"),
    "source": (TEXT, "", "who says so"),
    "code": (TEXT, "", "short name"),
    "severity": (TEXT, "", "info, warning, derate, stop, open or latched"),
    "transition": (TEXT, "", "whether it came or went"),
    "component": (TEXT, "", "what it concerns, counted from 1"),
    "text": (TEXT, "", "one sentence"),
    "value": ("f8", "", "value, in the unit that the text names; NaN if none"),
    "limit": ("f8", "", "the limit it crossed; NaN if none"),
}
FAULT_COLUMNS = {
    "name": (TEXT, "", "name in the scenario"),
    "kind": (TEXT, "", "kind of fault"),
    "component": (TEXT, "", "where, counted from 1"),
    "rack": ("i4", "1", "rack, from 0; -1 if none"),
    "module": ("i4", "1", "module of its rack, from 0; -1 if none"),
    "group": ("i4", "1", "group of its module, from 0; -1 if none"),
    "cell": ("i4", "1", "cell of its group, from 0; -1 if none"),
    "from_s": ("f8", "s", "planned start; NaN if triggered"),
    "until_s": ("f8", "s", "planned end; NaN or infinite if none"),
    "magnitude": ("f8", "", "size, in `unit`"),
    "unit": (TEXT, "", "unit of `magnitude`"),
    "target": (TEXT, "", "what fails there: a contactor and how, or a sensor's channel"),
    "trigger": (TEXT, "", "condition that brings it, in words; empty for a time window"),
}
TRANSITION_COLUMNS = {
    "transition_time_s": ("f8", "s", "when a fault really came or went"),
    "transition_fault": ("i4", "1", "which fault, index from 0"),
    "transition_active": ("u1", "1", "1 when it came, 0 when it went"),
}


ADDED_COLUMNS = ("target", "trigger")
"""Columns of ``/faults`` that the first files of this format have not."""


BEYOND = "(beyond its tables: extrapolated)"
"""Said of a value of a cell that was outside the tables of its model."""


def nearest(value: float) -> int:
    """Return the nearest whole number, halves up: how times are rounded wherever they are shown."""
    return math.floor(value + 0.5)


def counted(n: int, word: str) -> str:
    """Return ``1 row`` or ``2,000 rows``."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def chunk_shape(block_rows: int, width: int, itemsize: int) -> tuple[int, int]:
    """Return (rows, columns) of a chunk: a block by all columns, between 4 KiB and 1 MiB.

    Rows are whole blocks, so that a block never straddles two chunks.
    """
    blocks = max(1, MIN_CHUNK_BYTES // (block_rows * width * itemsize))
    columns = max(1, MAX_CHUNK_BYTES // (block_rows * itemsize))
    return blocks * block_rows, min(width, columns)


class RunFileExists(FileExistsError):  # noqa: N818 - says what is the matter
    """The run file is there already and must not be overwritten."""


class DiskFull(OSError):  # noqa: N818 - says what is the matter
    """No room for the next block: free space, quota, file-size limit or a failed write."""


class NotARun(ValueError):  # noqa: N818 - says what is the matter
    """The file is missing, foreign, damaged, or from a newer format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One index axis of the file, such as ``cell``.

    Attributes
    ----------
    name : str
        Name of the dimension.
    size : int
        Number of entries.
    coordinates : mapping of str to int (size,)
        Where each entry sits, from 0, outermost first: ``{"rack": …, "module": …, "group": …,
        "place": …}`` becomes ``cell_rack``, ``cell_module``, … in the file. Positions are counted
        within their parent (module 3 *of its rack*); ``place`` is the entry's own position.
    long_name : str
        Said of the axis in the file.
    """

    name: str
    size: int
    coordinates: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    long_name: str = ""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"axis {self.name!r}: size is {self.size}, must be at least 1")
        for key, values in self.coordinates.items():
            if np.shape(values) != (self.size,):
                raise ValueError(
                    f"axis {self.name!r}: coordinate {key!r} has shape {np.shape(values)}, "
                    f"must be ({self.size},)"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """One recorded quantity: ``group/name`` over time, and over `axis` unless that is None.

    Attributes
    ----------
    group, name : str
        HDF5 group and dataset; the name carries the unit (``cell_voltage_V``).
    axis : str or None
        Name of an `Axis`; None for a scalar.
    unit : str
        As written into the file; ``"1"`` when dimensionless.
    long_name : str
    dtype : str
        Of the dataset: ``"f4"`` unless more is needed.
    meanings : tuple of str
        Names of the values 0, 1, 2, … of a state channel (CF ``flag_meanings``).
    """

    group: str
    name: str
    axis: str | None = None
    unit: str = "1"
    long_name: str = ""
    dtype: str = "f4"
    meanings: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Return ``group/name``."""
        return f"{self.group}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of ``/events``; `value` and `limit` are NaN where there is none."""

    time_s: float
    source: str
    code: str
    severity: str = "info"
    transition: str = ""
    component: str = ""
    value: float = float("nan")
    limit: float = float("nan")
    text: str = ""

    @property
    def is_alarm(self) -> bool:
        """Whether this is an alarm that came, not one that went and no mere information."""
        return self.severity not in ("", "info") and self.transition != "went"

    @property
    def sentence(self) -> str:
        """The text on one line; the code in words if there is none."""
        return " ".join(self.text.split()) or f"{self.code} {self.transition}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """One line of ``/faults``, the answer key. Indices from 0, -1 where not meant; times in s."""

    name: str
    kind: str
    component: str = ""
    rack: int = -1
    module: int = -1
    group: int = -1
    cell: int = -1
    from_s: float = float("nan")
    until_s: float = float("nan")
    magnitude: float = float("nan")
    unit: str = ""
    target: str = ""
    trigger: str = ""
