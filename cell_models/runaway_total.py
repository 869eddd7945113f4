"""All heat of a cell that runs away, and what of it are its reactions and its charge.

A calorimeter around a whole cell sees its charge too, which in a pack the circuit gives, through
the short of a collapsed separator: reactions hold what is left of the total. They never hold more
than in a full cell, since a charge that is taken out makes no fuel: where measured totals would ask
for more (at 60 %), heat stays below them. Where a cell with little charge was measured to release
less than it holds, its short lets its charge through in part: the charge's share of the total is
never above that of a full cell. Why it stops is not modelled (electrolyte that has boiled off
carries no ions).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_models.checked import Standing, one_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class TotalHeat:
    """All heat that a cell releases when it runs away, its charge included, over its charge.

    Attributes
    ----------
    soc : tuple of float, rising, from 0 to 1
    heat_J_per_Wh : tuple of float, [J] per rated Wh, whatever the charge
    standing : Standing
    source : str
    """

    soc: tuple[float, ...]
    heat_J_per_Wh: tuple[float, ...]
    standing: Standing
    source: str

    def __post_init__(self) -> None:
        for key in ("soc", "heat_J_per_Wh"):
            object.__setattr__(self, key, tuple(map(float, getattr(self, key))))
        object.__setattr__(self, "standing", one_of(Standing, self.standing, "total: standing"))
        rises = all(a < b for a, b in itertools.pairwise(self.soc))
        if len(self.soc) < 2 or not rises or (self.soc[0], self.soc[-1]) != (0.0, 1.0):
            raise ValueError(f"total: soc must rise from 0 to 1, is {self.soc}")
        if len(self.heat_J_per_Wh) != len(self.soc) or min(self.heat_J_per_Wh) < 0.0:
            raise ValueError(
                f"total: heat_J_per_Wh must be {len(self.soc)} numbers from 0, is "
                f"{self.heat_J_per_Wh}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatOverSoc:
    """What reactions and charge of a cell give, over its charge.

    Attributes
    ----------
    soc : tuple of float, rising, from 0 to 1
    reactions : tuple of float, their heat, over that of a full cell
    charge : tuple of float, of the energy that a cell holds, what its short lets through
    """

    soc: tuple[float, ...]
    reactions: tuple[float, ...]
    charge: tuple[float, ...]


def share_total(total: TotalHeat, soc: Floats, charge_J: Floats) -> tuple[float, HeatOverSoc]:
    """Return the heat of a full cell's reactions [J], and what falls with charge.

    Parameters
    ----------
    total : TotalHeat
    soc : float64 (n,)
        Rising from 0 to 1.
    charge_J : float64 (n,)
        What the circuit's cell holds at each [J]; the last is its rated energy.

    Raises
    ------
    ValueError
        If the charge of a full cell is all of the total, or more.
    """
    full_J = float(charge_J[-1])
    whole_J = np.interp(soc, total.soc, total.heat_J_per_Wh) * full_J / 3600.0
    store_J = float(whole_J[-1]) - full_J
    if store_J <= 0.0:
        raise ValueError(
            "total of a full cell must be above the 3600 J/Wh of its charge, is "
            f"{total.heat_J_per_Wh[-1]:g}"
        )
    given_J = np.minimum(charge_J, whole_J * full_J / whole_J[-1])
    reactions = np.minimum(np.maximum.accumulate((whole_J - given_J) / store_J), 1.0)
    given = np.divide(given_J, charge_J, out=np.ones(len(soc)), where=charge_J > 0.0)
    return store_J, HeatOverSoc(
        soc=tuple(soc.tolist()),
        reactions=tuple(reactions.tolist()),
        charge=tuple(given.tolist()),
    )
