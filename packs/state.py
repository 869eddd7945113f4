"""One mutable state: a flat float64 buffer and a flat int64 buffer, with named views.

Whatever survives a step is inside, so that snapshot, restore and fork are array copies. Owners
declare fields in a `Schema`; `Schema.build` allocates the buffers and returns the `State`, whose
`view(owner)` has one array attribute per field.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Schema:
    """Collects field declarations of one state before it is built."""

    def __init__(self) -> None:
        self._fields: dict[str, tuple[tuple[int, ...], str, bool, float]] = {}
        self._scratch: dict[str, tuple[tuple[int, ...], bool]] = {}

    def add(
        self,
        owner: str,
        name: str,
        shape: tuple[int, ...] = (),
        *,
        unit: str = "",
        integer: bool = False,
        initial: float = 0.0,
    ) -> None:
        """Declare a field.

        Parameters
        ----------
        owner, name : str
            Together unique.
        shape : tuple of int
            () is a scalar, held as an array of shape (1,).
        unit : str
        integer : bool
            Goes to the int64 buffer.
        initial : float
            Value of every entry.

        Raises
        ------
        ValueError
            If the field is declared twice.
        """
        key = f"{owner}.{name}"
        if key in self._fields:
            raise ValueError(f"the field '{key}' is declared twice; field names must be unique")
        self._fields[key] = (shape or (1,), unit, integer, initial)

    def scratch(self, owner: str, name: str, size: int, *, integer: bool = False) -> None:
        """Declare an array that no step needs of the one before: beside the state, not in it.

        It lies in the same allocation, so that compiled code reaches it from the same buffer.
        """
        self._scratch[f"{owner}.{name}"] = ((size,), integer)

    def build(self) -> State:
        """Allocate the buffers and return the state, every field at its initial value."""
        return State(self._fields, self._scratch)


GAP = 40
"""Numbers left free after every field. Fields whose sizes are multiples of 4 KiB would all begin in
the same set of the first-level cache, and a loop over a dozen of them evict its own lines
(measured: a third of a step of 1,024 cells)."""


class State:
    """Named views on two flat buffers.

    Attributes
    ----------
    floats, ints : float64 (n,), int64 (m,)
        All that survives a step.
    float_arena, int_arena : float64, int64
        The same with the scratch after it.
    """

    def __init__(
        self,
        fields: Mapping[str, tuple[tuple[int, ...], str, bool, float]],
        scratch: Mapping[str, tuple[tuple[int, ...], bool]],
    ) -> None:
        sizes = {False: 0, True: 0}
        for shape, _, integer, _ in fields.values():
            sizes[integer] += math.prod(shape) + GAP
        beside = {False: 0, True: 0}
        for shape, integer in scratch.values():
            beside[integer] += math.prod(shape) + GAP
        self.float_arena = np.zeros(sizes[False] + beside[False], dtype=np.float64)
        self.int_arena = np.zeros(sizes[True] + beside[True], dtype=np.int64)
        self.floats = self.float_arena[: sizes[False]]
        self.ints = self.int_arena[: sizes[True]]
        self.units = {key: unit for key, (_, unit, _, _) in fields.items()}
        self._named: dict[str, NDArray[Any]] = {}
        self._owners: dict[str, SimpleNamespace] = {}
        at = {False: 0, True: 0}

        def place(key: str, shape: tuple[int, ...], integer: bool) -> NDArray[Any]:
            owner, name = key.split(".", 1)
            size = math.prod(shape)
            arena = self.int_arena if integer else self.float_arena
            array = arena[at[integer] : at[integer] + size].reshape(shape)
            at[integer] += size + GAP
            setattr(self._owners.setdefault(owner, SimpleNamespace()), name, array)
            return array

        for key, (shape, _, integer, initial) in fields.items():
            self._named[key] = place(key, shape, integer)
            self._named[key][...] = initial
        for key, (shape, integer) in scratch.items():
            place(key, shape, integer)

    def view(self, owner: str) -> Any:
        """Return the namespace of one owner's arrays (empty if it declared none)."""
        return self._owners.setdefault(owner, SimpleNamespace())

    def named(self) -> dict[str, NDArray[Any]]:
        """Return every field by its full name, as a live view."""
        return dict(self._named)

    def at(self, array: NDArray[Any]) -> int:
        """Return where a view or scratch begins in the arena of its kind, floats or integers."""
        home = self.float_arena if array.dtype == np.float64 else self.int_arena
        return (array.ctypes.data - home.ctypes.data) // home.itemsize

    def places(self, array: NDArray[Any]) -> Ints:
        """Return where the entries of a contiguous float64 view sit in `floats`.

        With the places of many views in one index array, all are gathered in one call.
        """
        offset = array.ctypes.data - self.floats.ctypes.data
        inside = 0 <= offset <= self.floats.nbytes - array.nbytes
        if array.dtype != np.float64 or not inside or not array.flags.c_contiguous:
            raise ValueError("not a contiguous float64 view of this state's buffer")
        return offset // array.itemsize + np.arange(array.size, dtype=np.int64)

    def layout(self) -> list[tuple[str, tuple[int, ...], bool]]:
        """Return (full name, shape, is integer) of every field in the order of the buffers."""
        return [(k, a.shape, a.dtype == np.int64) for k, a in self._named.items()]

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Return a copy of every field by its full name."""
        return {key: array.copy() for key, array in self._named.items()}

    def missing(self, values: Mapping[str, NDArray[Any]]) -> list[str]:
        """Return the fields that `values` has not, or has in another shape."""
        return [
            key
            for key, array in self._named.items()
            if key not in values or values[key].shape != array.shape
        ]

    def restore(self, values: Mapping[str, NDArray[Any]]) -> list[str]:
        """Copy values in by name.

        Parameters
        ----------
        values : mapping of full name to array

        Returns
        -------
        list of str
            Fields of this state that were left as they are, because `values` has none of that
            name and shape: empty for an unchanged model.
        """
        left = []
        for key, array in self._named.items():
            value = values.get(key)
            if value is None or value.shape != array.shape:
                left.append(key)
            else:
                array[...] = value
        return left


def unpack(
    layout: Iterable[tuple[str, tuple[int, ...], bool]], floats: Floats, ints: Ints
) -> dict[str, NDArray[Any]]:
    """Return named fields from two flat buffers that were saved under another schema.

    Parameters
    ----------
    layout : iterable of (full name, shape, is integer)
        As `State.layout` gave it.
    floats, ints : float64 and int64 arrays
    """
    fields: dict[str, NDArray[Any]] = {}
    at = {False: 0, True: 0}
    for key, shape, integer in layout:
        size = math.prod(shape)
        buffer = ints if integer else floats
        fields[key] = buffer[at[integer] : at[integer] + size].reshape(tuple(shape))
        at[integer] += size + GAP
    return fields
