"""Whether a set of reactions belongs to the cell of the circuit, and what it makes of a pack.

Totals of heat are held against 314 fully charged cells of the battery failure databank (its
second version: doi:10.1038/s41467-024-52653-3), recomputed: from 3.66 to 6.89 kJ/Wh in 90 % of
them; of this cylinders give 28 % through their body, and lose 53 % of their mass (medians).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cell_models.ecm_params import EcmParams
from cell_models.runaway_params import RunawayParams, load_runaway_params
from packs.runaway_cells import SHORT_S
from packs.spec import RunawaySpec
from twin.scenarios.enclosure_sections import Module
from twin.scenarios.runaway_section import Runaway

BODY_SHARE, EJECTED_MASS = 0.28, 0.53
"""Of cylindrical cells."""
MASS_TOLERANCE, ENERGY_TOLERANCE = 0.10, 0.10
HEAT_J_PER_WH = (3660.0, 6890.0)
KEY = "cell.runaway"


def rated_Wh(cell: EcmParams) -> float:
    """Return the energy of a circuit's cell from full to empty, at rest [Wh]."""
    return cell.capacity_As * float(np.mean((cell.ocv_V[1:] + cell.ocv_V[:-1]) / 2.0)) / 3600.0


def runaway_spec(section: Runaway, cell: EcmParams) -> RunawaySpec:
    """Return the description that the plant is given; `unfit` must have found nothing."""
    params = load_runaway_params(section.set)
    body_share, ejected = section.body_share, section.ejected_mass
    separator_K, short_ohm = section.separator_temperature, section.separator_resistance
    volts = 3600.0 * rated_Wh(cell) / cell.capacity_As
    return RunawaySpec(
        params=params,
        gate_K=section.gate,
        body_share=BODY_SHARE if body_share is None else body_share,
        ejected_mass=EJECTED_MASS if ejected is None else ejected,
        separator_K=params.separator_K if separator_K is None else separator_K,
        short_ohm=volts * SHORT_S / cell.capacity_As if short_ohm is None else short_ohm,
    )


def unfit(
    section: Runaway, cell: EcmParams, module: Module | None = None
) -> Iterator[tuple[str, str]]:
    """Yield why a set, a circuit's cell and a module do not go together, as key path and text."""
    try:
        params = load_runaway_params(section.set)
    except ValueError as error:
        yield f"{KEY}.set", str(error)
        return
    if module is not None and module.enclosure is not None and params.vent is None:
        yield (
            "module.enclosure",
            f"{section.set} does not say what its cells vent; leave enclosure and ejecta out, or "
            "choose a set that does",
        )
    for name, text in _mismatches(params, cell):
        if name not in section.declared_mismatch:
            remedy = f"choose a set that fits, or add '{name}' to {KEY}.declared_mismatch"
            yield f"{KEY}.set", f"{section.set} {text}; {remedy}"
    if params.cell.form_factor != "cylinder":
        for key in ("body_share", "ejected_mass"):
            if getattr(section, key) is None:
                yield (
                    f"{KEY}.{key}",
                    f"must be stated for a {params.cell.form_factor} cell, as that of "
                    f"{section.set}; known for cylinders alone",
                )


def _mismatches(params: RunawayParams, cell: EcmParams) -> Iterator[tuple[str, str]]:
    fitted, own_Wh = params.cell, rated_Wh(cell)
    off = cell.mass_kg / fitted.mass_kg - 1.0
    if abs(off) > MASS_TOLERANCE:
        yield (
            "mass",
            f"was fitted to a cell of {1e3 * fitted.mass_kg:.4g} g, {cell.name} has "
            f"{1e3 * cell.mass_kg:.4g} g, {100.0 * off:+.0f} % ({100.0 * MASS_TOLERANCE:g} % "
            "allowed)",
        )
    off = own_Wh / fitted.energy_Wh - 1.0
    if abs(off) > ENERGY_TOLERANCE:
        yield (
            "energy",
            f"was fitted to a cell of {fitted.energy_Wh:.4g} Wh, {cell.name} has {own_Wh:.4g} Wh, "
            f"{100.0 * off:+.0f} % ({100.0 * ENERGY_TOLERANCE:g} % allowed)",
        )
    heat = params.heat_J(electrical=False) / own_Wh + 3600.0
    low, high = HEAT_J_PER_WH
    if not low <= heat <= high:
        yield (
            "heat",
            f"with the charge of {cell.name} gives {heat / 1e3:.3g} kJ/Wh ({low / 1e3:g} to "
            f"{high / 1e3:g} in measured cells)",
        )
