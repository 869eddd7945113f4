"""The BMS's own picture of the cell: coarse tables of OCV, resistance and one RC pair.

A real BMS carries a calibration made on other cells than those it watches. So the filter reads its
own file (`controllers/data/<name>.json`, written by `python -m validation.calibration <name>`), has
one RC pair where the plant has two, and is deliberately mis-scaled by `Mismatch`: it never shares
the plant's truth. Only numpy is needed here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

DATA_FOLDER = Path(__file__).parent / "data"
_KEYS = (
    "name",
    "source",
    "capacity_As",
    "reference_temperature_K",
    "ocv_V",
    "entropic_V_per_K",
    "temperature_K",
    "r0_ohm",
    "r1_ohm",
    "tau1_s",
)


class Mismatch(BaseModel):
    """How far the filter's parameters are put off on purpose.

    The defaults are assumed: about what remains between a calibration and a used cell.

    Attributes
    ----------
    capacity, resistance : float
        Factors on capacity, and on R0 and R1.
    ocv_V : float
        Offset on the whole OCV curve [V].
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    capacity: float = Field(default=0.96, gt=0.5, lt=1.5)
    resistance: float = Field(default=1.18, gt=0.3, lt=3.0)
    ocv_V: float = Field(default=-0.006, gt=-0.1, lt=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterParams:
    """One cell as the filter believes it to be; arrays are read-only.

    Attributes
    ----------
    name, source : str
    capacity_As : float
        Charge between soc 0 and 1 [A s].
    reference_temperature_K : float
        Temperature of `ocv_V` [K].
    ocv_V, entropic_V_per_K : float64 (n,)
        OCV [V] and dOCV/dT [V/K] on a uniform soc axis from 0 to 1; `ocv_V` increases.
    temperature_K : float64 (k,)
        Uniform temperature axis of the maps [K].
    r0_ohm, r1_ohm, tau1_s : float64 (m, k)
        Series resistance, RC resistance [ohm] and time constant [s]; soc axis uniform from 0 to 1.
    """

    name: str
    source: str
    capacity_As: float
    reference_temperature_K: float
    ocv_V: NDArray[np.float64]
    entropic_V_per_K: NDArray[np.float64]
    temperature_K: NDArray[np.float64]
    r0_ohm: NDArray[np.float64]
    r1_ohm: NDArray[np.float64]
    tau1_s: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("ocv_V", "entropic_V_per_K", "temperature_K", "r0_ohm", "r1_ohm", "tau1_s"):
            array = np.array(getattr(self, name), dtype=np.float64)
            if not np.all(np.isfinite(array)):
                raise ValueError(f"filter parameters {self.name}: {name} has non-finite entries")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        _check(self)


def _check(params: FilterParams) -> None:
    where = f"filter parameters {params.name}:"
    if not params.capacity_As > 0.0:
        raise ValueError(f"{where} capacity_As is {params.capacity_As}, must be positive")
    if len(params.ocv_V) < 3 or len(params.entropic_V_per_K) != len(params.ocv_V):
        raise ValueError(f"{where} ocv_V and entropic_V_per_K need the same length, at least 3")
    if np.any(np.diff(params.ocv_V) <= 0.0):
        at = int(np.argmax(np.diff(params.ocv_V) <= 0.0))
        raise ValueError(f"{where} ocv_V must increase with soc, does not after entry {at}")
    steps = np.diff(params.temperature_K)
    if len(steps) < 1 or steps[0] <= 0.0 or np.any(np.abs(steps - steps[0]) > 1e-6):
        raise ValueError(f"{where} temperature_K must be uniform and increase")
    for name in ("r0_ohm", "r1_ohm", "tau1_s"):
        array = getattr(params, name)
        if array.ndim != 2 or array.shape[1] != len(params.temperature_K) or array.shape[0] < 2:
            raise ValueError(
                f"{where} {name} has shape {array.shape}, must be "
                f"(soc points, {len(params.temperature_K)} temperatures)"
            )
        if np.any(array <= 0.0) or array.shape != params.r0_ohm.shape:
            raise ValueError(f"{where} {name} must be positive and shaped as r0_ohm")


def filter_names() -> tuple[str, ...]:
    """List the shipped calibrations, in alphabetical order."""
    return tuple(sorted(path.stem for path in DATA_FOLDER.glob("*.json")))


def load_filter_params(name_or_path: str | Path, mismatch: Mismatch | None = None) -> FilterParams:
    """Load a calibration and put it off by `mismatch`.

    Parameters
    ----------
    name_or_path : str or Path
        A name from `filter_names`, or a path to a JSON file of the same layout.
    mismatch : Mismatch, optional
        None leaves the calibration as it is in the file.

    Returns
    -------
    FilterParams

    Raises
    ------
    ValueError
        When there is no such file, or naming the field that is wrong.
    """
    path = DATA_FOLDER / f"{name_or_path}.json"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        raise ValueError(
            f"no filter calibration {str(name_or_path)!r}; shipped: {', '.join(filter_names())}; "
            "python -m validation.calibration NAME makes one from a cell's parameter set"
        )
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if set(document) != set(_KEYS):
        wrong = sorted(set(document) ^ set(_KEYS))
        raise ValueError(f"{path}: missing or unknown keys {wrong}")
    off = mismatch or Mismatch(capacity=1.0, resistance=1.0, ocv_V=0.0)
    document["capacity_As"] *= off.capacity
    document["ocv_V"] = np.asarray(document["ocv_V"]) + off.ocv_V
    document["r0_ohm"] = np.asarray(document["r0_ohm"]) * off.resistance
    document["r1_ohm"] = np.asarray(document["r1_ohm"]) * off.resistance
    return FilterParams(**document)


def pack_tables(params: FilterParams) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lay the tables out for the compiled filter.

    Parameters
    ----------
    params : FilterParams

    Returns
    -------
    ocv : float64 (3, n)
        OCV [V], dOCV/dT [V/K], and the energy per charge from soc 0, the integral of OCV [V].
    maps : float64 (k, m, 3)
        R0 [ohm], R1 [ohm], tau1 [s] over temperature and soc.
    """
    n = len(params.ocv_V)
    area_V = np.zeros(n)
    area_V[1:] = np.cumsum(0.5 * (params.ocv_V[1:] + params.ocv_V[:-1])) / (n - 1)
    ocv = np.ascontiguousarray(np.stack([params.ocv_V, params.entropic_V_per_K, area_V]))
    maps = np.stack([params.r0_ohm.T, params.r1_ohm.T, params.tau1_s.T], axis=-1)
    return ocv, np.ascontiguousarray(maps)
