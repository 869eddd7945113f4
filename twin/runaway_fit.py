"""Whether reactions belong to the cell of the circuit, and what they make of a pack.

They are those of a shipped set, or of a user's own self-heating curve. All heat that a calorimeter
saw includes the cell's charge, which in a pack the circuit gives: through the short of a collapsed
separator. So the reactions of a curve, and of a set that says what whole cells release, hold what
is left without it, and in sum a cell releases what was measured; above the collapse it heats itself
faster than in the calorimeter by what the short adds.

Totals of heat are held against 314 fully charged cells of the battery failure databank (its
second version: doi:10.1038/s41467-024-52653-3), recomputed: from 3.66 to 6.89 kJ/Wh in 90 % of
them; of this cylinders give 28 % through their body, and lose 53 % of their mass (medians).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cell_models.ecm_params import EcmParams
from cell_models.runaway_curve import CELSIUS_K, read_rate_curve
from cell_models.runaway_params import (
    FittedCell,
    RunawayParams,
    load_runaway_params,
    traced_params,
)
from packs.milestones import SHORT_S
from packs.spec import RunawaySpec
from twin.scenarios.enclosure_sections import Module
from twin.scenarios.runaway_section import Runaway, SelfHeating

BODY_SHARE, EJECTED_MASS = 0.28, 0.53
"""Of cylindrical cells."""
MASS_TOLERANCE, ENERGY_TOLERANCE = 0.10, 0.10
HEAT_J_PER_WH = (3660.0, 6890.0)
KEY = "cell.runaway"
CURVE = f"{KEY}.curve"


def rated_Wh(cell: EcmParams) -> float:
    """Return the energy of a circuit's cell from full to empty, at rest [Wh]."""
    return float(charge_J(cell)[-1]) / 3600.0


def charge_J(cell: EcmParams) -> np.ndarray:
    """Return what a circuit's cell holds at each of the charges of its OCV, at rest [J]."""
    step_As = cell.capacity_As / (len(cell.ocv_V) - 1)
    return np.append(0.0, np.cumsum((cell.ocv_V[1:] + cell.ocv_V[:-1]) / 2.0)) * step_As


def curve_sha256(section: Runaway | None, folder: Path) -> str:
    """Return the digest of the curve's file, "" without a curve, or if it cannot be read."""
    if section is None or section.curve is None:
        return ""
    try:
        return hashlib.sha256((folder / section.curve.file).read_bytes()).hexdigest()
    except OSError:
        return ""


def measured_J(curve: SelfHeating, cell: EcmParams) -> float:
    """Return all heat of one cell, its charge included, as a curve's section states it [J]."""
    if curve.energy_per_Wh is not None:
        return curve.energy_per_Wh * rated_Wh(cell)
    if curve.energy_per_kg is not None:
        return curve.energy_per_kg * (curve.mass or cell.mass_kg)
    return curve.energy or 0.0


def reactions_of(section: Runaway, cell: EcmParams, folder: Path) -> RunawayParams:
    """Return the reactions of a set, or those that follow a curve.

    Parameters
    ----------
    section : Runaway
    cell : EcmParams
        Of the circuit.
    folder : Path
        Where the curve's file lies.

    Raises
    ------
    ValueError
        What is wrong with the set, the file or the heat, in one sentence.
    """
    curve = section.curve
    if curve is None:
        held_J = charge_J(cell)
        soc = np.linspace(0.0, 1.0, len(held_J))
        return load_runaway_params(section.set or "").without_charge(soc, held_J)
    own = FittedCell(
        name=f"{cell.name} with {curve.file}", chemistry=cell.chemistry, form_factor="cylinder",
        mass_kg=curve.mass or cell.mass_kg,
        specific_heat_J_per_kgK=cell.heat_capacity_J_per_K / (curve.mass or cell.mass_kg),
        capacity_Ah=cell.capacity_As / 3600.0, energy_Wh=rated_Wh(cell),
        size_m=(cell.diameter_m, cell.height_m), source="the circuit's cell",
    )  # fmt: skip
    store_J = measured_J(curve, cell) - 3600.0 * rated_Wh(cell)
    rates = read_rate_curve(folder / curve.file)
    return traced_params(curve.file, rates, own, store_J, curve.inertia)


def runaway_spec(section: Runaway, cell: EcmParams, folder: Path) -> RunawaySpec:
    """Return the description that the plant is given; `unfit` must have found nothing."""
    params = reactions_of(section, cell, folder)
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
        full_J=params.heat_J(electrical=False) + 3600.0 * rated_Wh(cell),
    )


def unfit(
    section: Runaway, cell: EcmParams, folder: Path, module: Module | None = None
) -> Iterator[tuple[str, str]]:
    """Yield why reactions, a circuit's cell and a module do not go together: key path and text."""
    curve = section.curve
    key, name, remedy = f"{KEY}.set", section.set, "choose a set that fits"
    if curve is not None:
        key, name, remedy = CURVE, curve.file, "correct it"
        least_J = 3600.0 * rated_Wh(cell)
        if measured_J(curve, cell) <= least_J:
            yield (
                CURVE,
                f"{measured_J(curve, cell) / 1e3:.4g} kJ a cell is not more than the charge of "
                f"{cell.name} alone, {least_J / 1e3:.4g} kJ; give all heat of the event, charge "
                "included",
            )
            return
    try:
        params = reactions_of(section, cell, folder)
    except ValueError as error:
        yield f"{CURVE}.file" if curve is not None else key, str(error)
        return
    collapse_K = section.separator_temperature or params.separator_K
    begins_K = 0.0 if params.curve is None else params.curve.temperature_K[0]
    if collapse_K < section.gate:
        own = section.separator_temperature is not None
        yield (
            f"{KEY}.{'separator_temperature' if own else 'gate'}",
            f"separators collapse at {collapse_K - CELSIUS_K:.4g} degC, but below "
            f"{section.gate - CELSIUS_K:.4g} degC nothing happens in a cell ({KEY}.gate); "
            f"{'raise it, or lower the gate' if own else 'lower it'}",
        )
    if begins_K >= collapse_K:
        yield (
            f"{CURVE}.file",
            f"begins at {begins_K - CELSIUS_K:.4g} degC, above the collapse of "
            f"separators at {collapse_K - CELSIUS_K:.4g} degC: no onset was measured, or its "
            "temperatures are not in degC",
        )
    if module is not None and module.enclosure is not None and params.vent is None:
        yield (
            "module.enclosure",
            f"{name} does not say what its cells vent; leave enclosure and ejecta out, or choose a "
            "set that does",
        )
    for what, text in _mismatches(params, cell):
        if what not in section.declared_mismatch:
            where = f"{CURVE}.mass" if curve is not None and what == "mass" else key
            yield where, f"{name} {text}; {remedy}, or add '{what}' to {KEY}.declared_mismatch"
    if curve is not None or params.cell.form_factor != "cylinder":
        of = "with a curve" if curve else f"for a {params.cell.form_factor} cell, as that of {name}"
        for share in ("body_share", "ejected_mass"):
            if getattr(section, share) is None:
                yield f"{KEY}.{share}", f"must be stated {of}; known for cylinders alone"


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
