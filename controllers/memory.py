"""What a plug-in remembers: fields that it declares, arrays that the engine keeps for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One remembered field of a plug-in: what snapshot, restore and fork carry over.

    Attributes
    ----------
    name : str
    shape : tuple of int
        () is a scalar, held as an array of shape (1,).
    unit : str
        As in the name's suffix; empty when dimensionless.
    integer : bool
        True for counters, latches and states.
    initial : float
        Value of every entry before the first step.
    """

    name: str
    shape: tuple[int, ...] = ()
    unit: str = ""
    integer: bool = False
    initial: float = 0.0


class View(Protocol):
    """A plug-in's memory: one array per declared field, as an attribute."""

    def __getattr__(self, name: str) -> NDArray[Any]: ...
