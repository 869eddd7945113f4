"""How a cell's can opens and what comes out of it: the ``vent`` part of a runaway parameter set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models.checked import Standing, build, check_numbers, one_of
from cell_models.gases import ANTOINE, MOLAR_MASS, N_SPECIES, Species

# Wide enough for any cell, tight enough to catch a unit slip.
RANGES: dict[str, tuple[float, float]] = {
    "headspace_m3": (1e-8, 1e-2),
    "burst_Pa": (1e3, 1e7),
    "opens_K": (300.0, 1000.0),
    "solvent_kg": (0.0, 10.0),
    "solvent_share": (0.01, 1.0),
    "boil_s": (0.01, 1e4),
    "soc": (0.0, 2.0),
    "gas_mol": (0.0, 1e4),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class VentGas:
    """What the reactions of one cell make when all of it reacts, at one state of charge.

    Attributes
    ----------
    soc : float
    gas_mol : float, [mol], all species
    parts : mapping of species to its part of `gas_mol`; they add up to 1
    standing : Standing
    source : str
    """

    soc: float
    gas_mol: float
    parts: Mapping[str, float]
    standing: Standing
    source: str

    def __post_init__(self) -> None:
        where = f"vent gas at soc {self.soc!r}"
        check_numbers(self, where, RANGES)
        object.__setattr__(self, "standing", one_of(Standing, self.standing, f"{where}: standing"))
        names = [s.name for s in Species]
        unknown = sorted(set(self.parts) - set(names))
        if unknown:
            raise ValueError(f"{where}: parts has unknown species {unknown}; known: {names}")
        total = math.fsum(self.parts.values())
        if min(self.parts.values(), default=-1.0) < 0.0 or abs(total - 1.0) > 1e-6:
            raise ValueError(f"{where}: parts must not be negative and add up to 1, give {total:g}")

    @property
    def moles(self) -> NDArray[np.float64]:
        """Moles of each species, float64 (N_SPECIES,) [mol]."""
        return self.gas_mol * np.array([float(self.parts.get(s.name, 0.0)) for s in Species])


@dataclass(frozen=True, kw_only=True, slots=True)
class VentParams:
    """How one cell vents.

    Attributes
    ----------
    headspace_m3 : float, [m3], free of solids and liquid
    burst_Pa : float, [Pa], above the pressure around it
    opens_K : float or None, [K], where a seam gives way; None if pressure alone opens it
    solvent : str, the light solvent of its electrolyte, of `gases.ANTOINE`
    solvent_kg : float, [kg], of that solvent
    solvent_share : float, its mole fraction in the electrolyte
    boil_s : float, [s], with which a superheated electrolyte boils after opening
    gas : tuple of VentGas, by rising state of charge
    standing : Standing, of the mechanical numbers
    source : str
    """

    headspace_m3: float
    burst_Pa: float
    opens_K: float | None
    solvent: str
    solvent_kg: float
    solvent_share: float
    boil_s: float
    gas: tuple[VentGas, ...]
    standing: Standing
    source: str

    def __post_init__(self) -> None:
        check_numbers(self, "vent", RANGES, {"opens_K"} if self.opens_K is None else ())
        object.__setattr__(self, "standing", one_of(Standing, self.standing, "vent: standing"))
        allowed = [s.name for s in ANTOINE]
        if self.solvent not in allowed:
            raise ValueError(
                f"vent: solvent must be one of {', '.join(allowed)}, is {self.solvent!r}"
            )
        socs = [row.soc for row in self.gas]
        if not socs or any(b <= a for a, b in zip(socs, socs[1:], strict=False)):
            raise ValueError(f"vent: gas must be given at rising states of charge, are {socs}")

    @property
    def solvent_species(self) -> Species:
        """The solvent as a species."""
        return Species[self.solvent]

    @property
    def solvent_mol(self) -> float:
        """Of the light solvent [mol]."""
        return self.solvent_kg / float(MOLAR_MASS[self.solvent_species])

    def gas_at(self, soc: float) -> NDArray[np.float64]:
        """Return what the reactions make at a state of charge, float64 (N_SPECIES,) [mol].

        Moles of each species run straight between the rows, and hold beyond the first and last.
        """
        socs = [row.soc for row in self.gas]
        rows = np.array([row.moles for row in self.gas])
        return np.array([np.interp(soc, socs, rows[:, s]) for s in range(N_SPECIES)])


def vent_from_document(document: Mapping[str, Any]) -> VentParams:
    """Build the vent data from their JSON document; unknown and missing keys are refused."""
    known = dict(document)
    rows = tuple(build(VentGas, row, "vent gas") for row in known.pop("gas", ()))
    return build(VentParams, known | {"gas": rows}, "vent")
