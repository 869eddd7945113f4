"""One claim about reality: a number, its limit, and where both come from."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A figure held against a limit. It may fail honestly: report it, do not widen the limit.

    Attributes
    ----------
    name : str, what is claimed, as a short sentence without the number
    value : float, in `unit`
    unit : str, empty if dimensionless
    limit : float, in `unit`
    passed : bool
    source : str, what it is held against (code, data set, DOI) and where the limit comes from
    note : str, conditions and what is left out
    """

    name: str
    value: float
    unit: str
    limit: float
    passed: bool
    source: str
    note: str


def at_most(name: str, value: float, unit: str, limit: float, source: str, note: str) -> Claim:
    """Claim that a figure does not exceed its limit; a non-finite figure fails.

    Parameters
    ----------
    name, unit, source, note : str, as in `Claim`
    value, limit : float, in `unit`

    Returns
    -------
    Claim
    """
    passed = math.isfinite(value) and value <= limit
    return Claim(
        name=name, value=value, unit=unit, limit=limit, passed=passed, source=source, note=note
    )
