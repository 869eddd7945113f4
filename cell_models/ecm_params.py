"""Parameters of the equivalent-circuit cell: loaded, checked, and laid out for kernels.

One committed JSON file per cell (`cell_models/data/<name>.json`) holds everything in SI, except the
capacity in Ah; every key carries its unit. `load_ecm_params` turns it into a frozen `EcmParams`
and refuses what cannot be a cell; `kernel_tables` resamples it on uniform axes, so that a compiled
look-up is one multiplication. This module needs only numpy: fits live in `cell_models/fit.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DATA_FOLDER = Path(__file__).parent / "data"
SOC_STEP = 0.005  # step of the OCV axis, in the file and in the kernel tables
SOC_LOW, SOC_HIGH = -0.10, 1.10  # ends of the extended OCV axis
MAX_RC, MAX_TEMPERATURES = 3, 8

# Allowed range of each scalar: wide enough for any lithium cell, tight enough to catch a unit slip.
SCALAR_RANGES: dict[str, tuple[float, float]] = {
    "capacity_As": (360.0, 3.6e6),  # 0.1 Ah to 1000 Ah
    "mass_kg": (1e-3, 50.0),
    "heat_capacity_J_per_K": (1.0, 1e5),
    "diameter_m": (1e-3, 1.0),
    "height_m": (1e-3, 2.0),
    "voltage_min_V": (0.5, 5.0),
    "voltage_max_V": (0.5, 5.0),
    "charge_current_max_A": (1e-3, 1e4),
    "discharge_current_max_A": (1e-3, 1e4),
    "temperature_min_K": (200.0, 400.0),
    "temperature_max_K": (200.0, 400.0),
    "reference_temperature_K": (250.0, 350.0),
    "hysteresis_V": (0.0, 0.5),
    "hysteresis_rate": (0.0, 1e4),
}
# Field groups that must each name where their numbers come from.
SOURCE_GROUPS: tuple[str, ...] = (
    "capacity", "mass", "heat_capacity", "dimensions", "voltage_limits", "current_limits",
    "temperature_limits", "ocv", "entropic", "resistance", "hysteresis",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class EcmParams:
    """One equivalent-circuit cell: OCV, series resistance, RC pairs, hysteresis.

    Arrays are float64 and read-only. The open-circuit law is
    ``OCV(z, T) = OCV(z, T0) + (T − T0)·s(z)``.

    Attributes
    ----------
    name, chemistry, form_factor : str
    capacity_As : float, [A·s], charge between soc 0 and 1
    mass_kg : float, [kg]
    heat_capacity_J_per_K : float, [J/K], whole cell
    diameter_m, height_m : float, [m]
    voltage_min_V, voltage_max_V : float, [V], rated limits
    charge_current_max_A, discharge_current_max_A : float, [A], both positive, rated limits
    temperature_min_K, temperature_max_K : float, [K], rated limits (discharge)
    reference_temperature_K : float, [K], T0 of the OCV law
    ocv_soc : float64 (n,), uniform from 0 to 1
    ocv_V : float64 (n,), [V], at T0, strictly increasing
    entropic_V_per_K : float64 (n,), [V/K], s(z) = dOCV/dT
    table_soc : float64 (m,), soc axis of the resistance tables
    table_temperature_K : float64 (k,), [K], temperature axis, at most 8 points
    r0_ohm : float64 (m, k), [ohm], instantaneous resistance
    r_ohm : float64 (n_rc, m, k), [ohm], RC resistances
    tau_s : float64 (n_rc, m, k), [s], RC time constants, increasing along the first axis
    hysteresis_V : float, [V], half the gap between charge and discharge OCV
    hysteresis_rate : float, approach to the branch per unit of soc throughput
    sources : mapping of str to str, one text per group in `SOURCE_GROUPS`

    Notes
    -----
    Outside the two table axes the nearest edge holds; the caller flags it.
    """

    name: str
    chemistry: str
    form_factor: str
    capacity_As: float
    mass_kg: float
    heat_capacity_J_per_K: float
    diameter_m: float
    height_m: float
    voltage_min_V: float
    voltage_max_V: float
    charge_current_max_A: float
    discharge_current_max_A: float
    temperature_min_K: float
    temperature_max_K: float
    reference_temperature_K: float
    ocv_soc: NDArray[np.float64]
    ocv_V: NDArray[np.float64]
    entropic_V_per_K: NDArray[np.float64]
    table_soc: NDArray[np.float64]
    table_temperature_K: NDArray[np.float64]
    r0_ohm: NDArray[np.float64]
    r_ohm: NDArray[np.float64]
    tau_s: NDArray[np.float64]
    hysteresis_V: float
    hysteresis_rate: float
    sources: Mapping[str, str]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "str":
                _check_text(field.name, value)
            elif field.name in SCALAR_RANGES:
                _check_scalar(field.name, value)
                object.__setattr__(self, field.name, float(value))
            elif field.name != "sources":
                object.__setattr__(self, field.name, _frozen_array(field.name, value))
        object.__setattr__(self, "sources", dict(self.sources))
        _check_limits(self)
        _check_ocv(self)
        _check_tables(self)
        _check_sources(self.sources)

    @property
    def n_rc(self) -> int:
        """Number of RC pairs, 0 to 3."""
        return int(self.r_ohm.shape[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelTables:
    """Plain arrays on uniform soc axes, for look-up in compiled kernels.

    Attributes
    ----------
    ocv_soc_start, ocv_soc_step : float, first point and step of the extended soc axis
    ocv_V : float64 (n_ocv,), [V], at T0
    entropic_V_per_K : float64 (n_ocv,), [V/K]
    reference_temperature_K : float, [K], T0
    rc_soc_start, rc_soc_step : float, first point and step of the resistance soc axis (0 to 1)
    rc_temperature_K : float64 (n_T,), [K], increasing, may be non-uniform, at most 8 points
    rc : float64 (n_soc, n_T, 1 + 2·n_rc), C-contiguous; last axis is
        R0 [ohm], R1 … Rn [ohm], tau1 … taun [s]
    n_rc : int
    """

    ocv_soc_start: float
    ocv_soc_step: float
    ocv_V: NDArray[np.float64]
    entropic_V_per_K: NDArray[np.float64]
    reference_temperature_K: float
    rc_soc_start: float
    rc_soc_step: float
    rc_temperature_K: NDArray[np.float64]
    rc: NDArray[np.float64]
    n_rc: int


def parameter_names() -> tuple[str, ...]:
    """List the shipped parameter sets, in alphabetical order."""
    return tuple(sorted(path.stem for path in DATA_FOLDER.glob("*.json")))


def load_ecm_params(name_or_path: str | Path) -> EcmParams:
    """Load and check a parameter set.

    Parameters
    ----------
    name_or_path : str or Path
        A name from `parameter_names`, or the path of a JSON file of the same layout.

    Returns
    -------
    EcmParams

    Raises
    ------
    ValueError
        Naming the field, the value and the allowed range.
    """
    document = _read(name_or_path)
    document.pop("fit", None)
    wanted = {field.name for field in fields(EcmParams)} - {"capacity_As"} | {"capacity_Ah"}
    unknown, missing = sorted(set(document) - wanted), sorted(wanted - set(document))
    if unknown:
        raise ValueError(f"{name_or_path}: unknown keys {unknown}; allowed: {sorted(wanted)}")
    if missing:
        raise ValueError(f"{name_or_path}: missing keys {missing}")
    capacity_Ah = document.pop("capacity_Ah")
    if isinstance(capacity_Ah, bool) or not isinstance(capacity_Ah, int | float):
        raise ValueError(f"capacity_Ah must be a number, is {capacity_Ah!r}")
    return EcmParams(capacity_As=3600.0 * capacity_Ah, **document)


def load_fit_record(name_or_path: str | Path) -> dict[str, Any]:
    """Give the file's own account of how it was fitted and how well (empty if it has none).

    Parameters
    ----------
    name_or_path : str or Path, as in `load_ecm_params`

    Returns
    -------
    dict, keys carry units
    """
    return dict(_read(name_or_path).get("fit", {}))


def extended_ocv(
    params: EcmParams,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Extend OCV(z, T0) and s(z) into overdischarge and overcharge.

    Parameters
    ----------
    params : EcmParams

    Returns
    -------
    soc : float64 (241,), uniform from −0.10 to 1.10, step 0.005
    ocv_V : float64 (241,), [V], at T0, strictly increasing and continuous
    entropic_V_per_K : float64 (241,), [V/K], held at both ends

    Notes
    -----
    Assumed, not measured. Below soc 0 a straight line from OCV(0) to 0 V at soc −0.10 (for the
    LG M50 25 V per unit soc, next to 22 V per unit just above soc 0, so the knee runs on almost
    without a kink). Above soc 1 a straight line with the slope of the last table interval
    of the file. Inside 0 to 1 linear interpolation of the file. Below 0 V (reversal) nothing is
    stated: the edge holds.
    """
    count = round((SOC_HIGH - SOC_LOW) / SOC_STEP) + 1
    soc = (SOC_LOW + SOC_STEP * np.arange(count, dtype=np.float64)).round(12)
    ocv_V = np.interp(soc, params.ocv_soc, params.ocv_V)
    below, above = soc < 0.0, soc > 1.0
    ocv_V[below] = params.ocv_V[0] * (1.0 - soc[below] / SOC_LOW)
    slope_V = np.diff(params.ocv_V[-2:]) / np.diff(params.ocv_soc[-2:])
    ocv_V[above] = params.ocv_V[-1] + (soc[above] - 1.0) * slope_V
    entropic_V_per_K = np.interp(soc, params.ocv_soc, params.entropic_V_per_K)
    return soc, ocv_V, entropic_V_per_K


def kernel_tables(params: EcmParams, rc_soc_step: float = 0.01) -> KernelTables:
    """Resample a parameter set on uniform soc axes.

    Parameters
    ----------
    params : EcmParams
    rc_soc_step : float
        Step of the resistance soc axis, dividing 1 evenly. A file knot is reproduced exactly
        when it is a multiple of this step.

    Returns
    -------
    KernelTables

    Notes
    -----
    R and tau are interpolated linearly in soc and held at the first and last knot of the file.
    The temperature axis is the file's own.
    """
    intervals = round(1.0 / rc_soc_step)
    if intervals < 1 or not math.isclose(intervals * rc_soc_step, 1.0, rel_tol=1e-9):
        raise ValueError(f"rc_soc_step must divide 1 evenly, is {rc_soc_step}")
    soc = np.arange(intervals + 1) / intervals
    layers = [params.r0_ohm, *params.r_ohm, *params.tau_s]
    rc = np.empty((soc.size, params.table_temperature_K.size, len(layers)))
    for n_layer, layer in enumerate(layers):
        for n_T in range(params.table_temperature_K.size):
            rc[:, n_T, n_layer] = np.interp(soc, params.table_soc, layer[:, n_T])
    _, ocv_V, entropic_V_per_K = extended_ocv(params)
    return KernelTables(
        ocv_soc_start=SOC_LOW,
        ocv_soc_step=SOC_STEP,
        ocv_V=ocv_V,
        entropic_V_per_K=entropic_V_per_K,
        reference_temperature_K=params.reference_temperature_K,
        rc_soc_start=0.0,
        rc_soc_step=1.0 / intervals,
        rc_temperature_K=params.table_temperature_K.copy(),
        rc=rc,
        n_rc=params.n_rc,
    )


def _read(name_or_path: str | Path) -> dict[str, Any]:
    path = Path(name_or_path)
    if path.suffix != ".json":
        if str(name_or_path) not in parameter_names():
            raise ValueError(
                f"no parameter set {str(name_or_path)!r}; shipped sets: "
                f"{', '.join(parameter_names())}; or give the path of a .json file"
            )
        path = DATA_FOLDER / f"{name_or_path}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read parameter file {path}: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path} must hold one JSON object, holds a {type(document).__name__}")
    return document


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be a non-empty text, is {value!r}")


def _check_scalar(name: str, value: object) -> None:
    low, high = SCALAR_RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, is {value!r}")


def _frozen_array(name: str, value: object) -> NDArray[np.float64]:
    try:
        array = np.array(value, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a rectangular array of numbers: {error}") from error
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite everywhere, has {np.sum(~np.isfinite(array))} bad")
    array.setflags(write=False)
    return array


def _check_increasing(name: str, axis: NDArray[np.float64], low: float, high: float) -> None:
    if axis.ndim != 1 or axis.size < 2:
        raise ValueError(f"{name} must be one row of at least 2 values, has shape {axis.shape}")
    if np.any(np.diff(axis) <= 0.0):
        at = int(np.argmax(np.diff(axis) <= 0.0))
        raise ValueError(f"{name} must increase strictly, has {axis[at]:g} then {axis[at + 1]:g}")
    if axis[0] < low or axis[-1] > high:
        raise ValueError(
            f"{name} must lie from {low:g} to {high:g}, runs {axis[0]:g} to {axis[-1]:g}"
        )


def _check_shape(name: str, array: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, has {array.shape}")


def _check_limits(p: EcmParams) -> None:
    for low, high in (
        ("voltage_min_V", "voltage_max_V"),
        ("temperature_min_K", "temperature_max_K"),
    ):
        if getattr(p, low) >= getattr(p, high):
            raise ValueError(
                f"{low} must be below {high} ({getattr(p, high)}), is {getattr(p, low)}"
            )


def _check_ocv(p: EcmParams) -> None:
    n = p.ocv_soc.size
    _check_increasing("ocv_soc", p.ocv_soc, 0.0, 1.0)
    if not np.allclose(p.ocv_soc, np.linspace(0.0, 1.0, n), rtol=0.0, atol=1e-9):
        raise ValueError("ocv_soc must be uniform from 0 to 1")
    _check_shape("ocv_V", p.ocv_V, (n,))
    _check_shape("entropic_V_per_K", p.entropic_V_per_K, (n,))
    _check_increasing("ocv_V", p.ocv_V, 0.5, 5.0)
    if np.any(np.abs(p.entropic_V_per_K) > 5e-3):
        worst = p.entropic_V_per_K[np.argmax(np.abs(p.entropic_V_per_K))]
        raise ValueError(f"entropic_V_per_K must lie from -0.005 to 0.005, has {worst:g}")


def _check_tables(p: EcmParams) -> None:
    m, k, n_rc = p.table_soc.size, p.table_temperature_K.size, p.r_ohm.shape[0]
    _check_increasing("table_soc", p.table_soc, 0.0, 1.0)
    _check_increasing("table_temperature_K", p.table_temperature_K, 200.0, 400.0)
    if k > MAX_TEMPERATURES:
        raise ValueError(f"table_temperature_K must have 2 to {MAX_TEMPERATURES} points, has {k}")
    if p.r_ohm.ndim != 3 and n_rc > 0 or n_rc > MAX_RC:
        raise ValueError(f"r_ohm must have 0 to {MAX_RC} layers (rc, soc, T), has {p.r_ohm.shape}")
    _check_shape("r0_ohm", p.r0_ohm, (m, k))
    if n_rc > 0:
        _check_shape("r_ohm", p.r_ohm, (n_rc, m, k))
        _check_shape("tau_s", p.tau_s, (n_rc, m, k))
    for name, low, high in (("r0_ohm", 1e-7, 10.0), ("r_ohm", 1e-7, 10.0), ("tau_s", 1e-3, 1e5)):
        array = getattr(p, name)
        bad = array[(array < low) | (array > high)]
        if bad.size:
            raise ValueError(f"{name} must lie from {low:g} to {high:g}, has {bad[0]:g}")
    if n_rc > 1 and np.any(np.diff(p.tau_s, axis=0) <= 0.0):
        raise ValueError("tau_s must increase from one RC pair to the next at every soc and T")


def _check_sources(sources: Mapping[str, str]) -> None:
    missing = [group for group in SOURCE_GROUPS if not str(sources.get(group, "")).strip()]
    if missing:
        raise ValueError(f"sources must name where each group comes from; missing: {missing}")
    unknown = sorted(set(sources) - set(SOURCE_GROUPS))
    if unknown:
        raise ValueError(f"sources has unknown groups {unknown}; allowed: {list(SOURCE_GROUPS)}")
