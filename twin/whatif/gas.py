"""Gas of modules: litres by species, peaks of pressure and of what burns."""

from __future__ import annotations

import numpy as np

from cell_models.gases import Species
from twin.whatif.cells import peak_of
from twin.whatif.source import Source
from twin.whatif.tree import Gas, Peaks

LITRES_PER_MOL = 8.314462618 * 298.15 / 101_325.0 * 1e3
"""Of an ideal gas at 25 degC and 101,325 Pa."""
VENTED, LEFT = "truth/module_vented_mol", "truth/module_left_mol"
MOST_ROWS = 1000


def gas_of(source: Source) -> Gas | None:
    """Return what cells vented, all modules together; None where the file records no gas."""
    if not source.has(VENTED):
        return None
    axis = source.run.channels[VENTED].axis
    places = source.run.axes[axis].coordinates if axis else {}
    if axis is None or "which" not in places:
        return None
    which = np.asarray(places["which"], dtype=np.int64)
    numbers = np.unique(which)
    rows = _thinned(source.run.rows)
    vented = source.run.channel(VENTED)
    litres = _by_species(vented[rows], which, numbers)
    left = np.zeros(len(numbers))
    if source.has(LEFT):
        left = _by_species(source.run.channel(LEFT, source.run.rows - 1), which, numbers)[-1]
    box = None if source.module is None else source.module.enclosure
    combustion = None if box is None else box.combustion
    return Gas(
        species=tuple(_name(int(k)) for k in numbers),
        vented_L=tuple(float(v) for v in litres[-1]),
        left_L=tuple(float(v) for v in left),
        time_s=source.time_s[rows],
        litres=litres,
        burns=None if box is None else combustion is not None,
        ignition_K=None if combustion is None else combustion.ignition_temperature,
        burnt_J=source.run.ledger.get("gas_burnt_J"),
    )


def _thinned(rows: int) -> np.ndarray:
    """Return at most `MOST_ROWS` rows, first and last among them."""
    return np.unique(np.linspace(0, rows - 1, min(rows, MOST_ROWS)).round().astype(np.int64))


def _by_species(mol: np.ndarray, which: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return litres by species, (rows, species), from moles by module and species."""
    totals = [mol[:, which == k].astype(np.float64).sum(axis=1) for k in numbers]
    return LITRES_PER_MOL * np.stack(totals, axis=1)


def _name(number: int) -> str:
    try:
        return Species(number).name
    except ValueError:
        return f"species {number}"


def peaks_of(source: Source) -> Peaks:
    """Return the highest values that the file records."""
    relief = (e.time_s for e in source.run.events if e.code == "module_relief")
    return Peaks(
        cell=peak_of(source, source.hottest),
        housing=peak_of(source, "truth/housing_K"),
        gas=peak_of(source, "truth/module_gas_K"),
        pressure=peak_of(source, "truth/module_pressure_Pa"),
        surge=peak_of(source, "truth/module_surge_Pa"),
        lfl_percent=peak_of(source, "truth/module_lfl_percent"),
        gas_ppm=peak_of(source, "truth/module_gas_ppm"),
        first_relief_s=min(relief, default=None),
    )
