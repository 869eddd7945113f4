"""What a cell vents and what it burns with: species, their properties, and solvents as liquids.

Heat capacities are constants, the mean of c_p between 300 and 1300 K: then temperature follows from
energy in closed form and every balance closes exactly. At 300 K that is too much by 8 % for N2,
34 % for CO2, 73 % for CH4.

Energies count from 0 K with these constants: a mole has the enthalpy ``c_p T`` and the chemical
energy ``H_f - c_p T0``, T0 = 298.15 K, so that ``H(T0) = H_f``.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

R = 8.314462618
"""Gas constant [J/(mol K)], CODATA 2018."""
T0_K = 298.15
"""Where enthalpies of formation are given, and heats counted from [K]."""


class Species(IntEnum):
    """What a module's free volume may hold, in the order of every array over species."""

    N2 = 0
    O2 = 1
    H2O = 2
    CO2 = 3
    H2 = 4
    CO = 5
    CH4 = 6
    C2H4 = 7
    C2H6 = 8
    C3H8 = 9
    DMC = 10
    EMC = 11
    DEC = 12


N_SPECIES = len(Species)
FIRST_FUEL = int(Species.H2)
"""From here on a species burns; what stands before does not."""
FIRST_SOLVENT = int(Species.DMC)
"""From here on a species is a solvent of `ANTOINE`, a liquid when cold."""

ATOMS = np.array(
    [
        (0, 0, 0, 2), (0, 0, 2, 0), (0, 2, 1, 0), (1, 0, 2, 0), (0, 2, 0, 0), (1, 0, 1, 0),
        (1, 4, 0, 0), (2, 4, 0, 0), (2, 6, 0, 0), (3, 8, 0, 0), (3, 6, 3, 0), (4, 8, 3, 0),
        (5, 10, 3, 0),
    ],
    dtype=np.float64,
)  # fmt: skip
"""Atoms of C, H, O, N in a molecule, (N_SPECIES, 4)."""

MOLAR_MASS = ATOMS @ np.array([12.011, 1.008, 15.999, 14.007]) * 1e-3
"""[kg/mol], atomic weights of IUPAC 2021."""

CP = np.array(
    [31.45, 33.28, 38.91, 50.05, 29.88, 31.81, 61.92, 80.42, 103.6, 147.95, 180.9, 186.4, 191.9]
)
"""Mean c_p from 300 to 1300 K [J/(mol K)]: TRC Thermodynamics of Organic Compounds in the Gas State
(1994) by `chemicals` 1.5; DMC and DEC from ChemSep, DEC above 1000 K extrapolated; EMC assumed half
way between them."""

CV = CP - R
"""[J/(mol K)], ideal gas."""

FORMATION = np.array(
    [
        0.0, 0.0, -241.8e3, -393.5e3, 0.0, -110.5e3, -74.6e3, 52.4e3, -84.0e3, -103.8e3, -570.1e3,
        -604.0e3, -637.9e3,
    ]
)  # fmt: skip
"""Enthalpy of formation of the gas at 298.15 K [J/mol]: CRC Handbook of Chemistry and Physics; DMC
from ChemSep; EMC assumed half way between DMC and DEC."""

O2_NEED = np.where(
    np.arange(N_SPECIES) >= FIRST_FUEL, ATOMS[:, 0] + 0.25 * ATOMS[:, 1] - 0.5 * ATOMS[:, 2], 0.0
)
"""O2 that burns one mole to CO2 and H2O [mol], ``C + H/4 - O/2``."""

_ZERO = FORMATION - CP * T0_K
BURN_J = np.where(
    np.arange(N_SPECIES) >= FIRST_FUEL,
    _ZERO
    + O2_NEED * _ZERO[Species.O2]
    - ATOMS[:, 0] * _ZERO[Species.CO2]
    - 0.5 * ATOMS[:, 1] * _ZERO[Species.H2O],
    0.0,
)
"""Chemical energy at the zero of energy that one mole frees when it burns [J/mol]."""

LFL = np.array(
    [
        np.inf, np.inf, np.inf, np.inf, 0.04, 0.125, 0.05, 0.027, 0.03, 0.021, 0.042, 0.022, 0.014,
    ]
)  # fmt: skip
"""Lower flammability limit in air, volume fraction at 25 degC: H2, CO, CH4, C2H4, C2H6, C3H8 as in
NFPA 497 (2008), which are those of M. G. Zabetakis, Bureau of Mines Bulletin 627 (1965); DEC IEC
60079-20-1 (2010); DMC a safety data sheet, to confirm; EMC assumed, between its neighbours."""

AIR = np.zeros(N_SPECIES)
AIR[Species.N2], AIR[Species.O2] = 0.791, 0.209
"""Dry air by moles; argon counts as N2."""

ANTOINE = {
    Species.DMC: (21.34956124, 3025.79286584, -55.26918044),
    Species.EMC: (20.87975, 2886.1041771, -72.09648868),
    Species.DEC: (20.45386, 2817.834, -84.304),
}
"""A, B [K], C [K] of ``ln(p/Pa) = A - B/(T + C)``.

DMC fitted to the equation of state of Y. Zhou et al., J. Phys. Chem. Ref. Data 40 (2011) 043106,
doi:10.1063/1.3664084, from 283 to 473 K, where it errs by at most 0.42 %. DEC from ChemSep. EMC is
the geometric mean of the two, moved by 2.9 % so that it boils at 380.65 K: to confirm.
"""

ANTOINE_OF = np.array([ANTOINE.get(s, (0.0, 0.0, 0.0)) for s in Species])
"""The same in rows of species, zeros for what is no solvent, (N_SPECIES, 3)."""


def _latent_J(A: float, B: float, C: float) -> float:
    """Return the heat of evaporation where the vapour has 101,325 Pa [J/mol]."""
    boils_K = B / (A - float(np.log(101_325.0))) - C
    return R * B * (boils_K / (boils_K + C)) ** 2


LATENT_J = np.array([_latent_J(*ANTOINE[s]) if s in ANTOINE else 0.0 for s in Species])
"""Heat of evaporation of what condenses [J/mol], as of `vent.latent_heat` at the normal boiling
point: what boiling at about 1 bar took. Held constant, the liquid has c_p of the vapour, for DMC
181 J/(mol K); the liquid's own is some 10 % less (from memory, to confirm)."""
