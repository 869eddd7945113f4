"""PyBaMM as the reference cell: open-circuit tables and a refined DFN.

PyBaMM is an oracle and a parameter source here, never part of a simulated pack. It is imported
inside functions only, because the import alone costs about two seconds. The cell is the LG M50
(21700, NMC811 against graphite with SiOx) with the temperature-dependent set `ORegan2022`.

References
----------
.. [1] O'Regan, Brosa Planella, Widanage, Kendrick, Electrochimica Acta 425 (2022) 140700,
   doi:10.1016/j.electacta.2022.140700
.. [2] Sulzer et al., Journal of Open Research Software 9 (2021) 14, doi:10.5334/jors.309
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARAMETER_SET = "ORegan2022"
VOLTAGE_MIN_V = 2.5  # soc 0 is the rest at this voltage; ORegan2022, lower cut-off
VOLTAGE_MAX_V = 4.2  # soc 1 is the rest at this voltage; LG M50 rated limit (the set says 4.4 V)
REFERENCE_TEMPERATURE_K = 298.15  # ORegan2022, "Reference temperature [K]"
EVENT_MIN_V = 2.0  # assumed: the DFN may pass the rated limits a little, but stops here
EVENT_MAX_V = 4.5  # assumed: as above; the particle surfaces are still inside their range
# Particle mesh graded towards the surface, where a 1 s current change lives. Measured on 1 s random
# current of -3 to 7 A, against 60 points, x 50, stretch 4.5: these values are 0.13 mV RMS off at
# 38 ms a step; a uniform mesh of 60 points, x 40, is 2.3 mV off at 62 ms a step.
RADIAL_POINTS = 30
RADIAL_STRETCH = 4.0
THROUGH_POINTS = 30

# What no fit gives; `SOURCES` says of each where it comes from.
DATA_SHEET: dict[str, str | float] = {
    "name": "lg_m50",
    "chemistry": "NMC811 / graphite-SiOx",
    "form_factor": "21700 cylindrical",
    "mass_kg": 0.0685,
    "heat_capacity_J_per_K": 61.9,
    "diameter_m": 0.0211,
    "height_m": 0.0701,
    "voltage_min_V": VOLTAGE_MIN_V,
    "voltage_max_V": VOLTAGE_MAX_V,
    "charge_current_max_A": 3.5,
    "discharge_current_max_A": 7.3,
    "temperature_min_K": 253.15,
    "temperature_max_K": 333.15,
    "hysteresis_V": 0.005,
    "hysteresis_rate": 40.0,
}
_DFN_SOURCE = "ORegan2022 in PyBaMM (doi:10.1016/j.electacta.2022.140700, doi:10.5334/jors.309)"
SOURCES: dict[str, str] = {
    "capacity": f"stoichiometry limits of {_DFN_SOURCE} between rests at 2.5 V and 4.2 V",
    "mass": "assumed: 68 to 69 g is usual for an LG M50; its datasheet was not checked here",
    "heat_capacity": "assumed: 68.5 g times 903 J/(kg K), the value used with the calorimetry of "
    "an NMC 21700 cell (doi:10.5281/zenodo.7707929); such cells lie at 800 to 1100 J/(kg K)",
    "dimensions": "assumed: 21700 format with sleeve, 21.1 mm by 70.1 mm",
    "voltage_limits": "LG M50 rated window 2.5 V to 4.2 V (doi:10.1149/1945-7111/ab9050)",
    "current_limits": "assumed: about 0.7 C charge and 1.5 C discharge, as rated for the LG M50; "
    "its datasheet was not checked here",
    "temperature_limits": "assumed: -20 to 60 degC in discharge, as rated for the LG M50; its "
    "datasheet was not checked here; charging is rated from 0 degC only",
    "ocv": f"electrode potentials of {_DFN_SOURCE}, first published in "
    "doi:10.1149/1945-7111/ab9050; quasi-equilibrium, no hysteresis",
    "entropic": f"dU_p/dT - dU_n/dT of {_DFN_SOURCE} at 25 degC along the same path",
    "resistance": "fitted by cell_models/fit.py to pulses of the DFN with "
    f"{_DFN_SOURCE}; electrolyte data reach from -10 to 50 degC, so the -20 and 60 degC columns "
    "extrapolate them; soc below 0.05 and above 0.95 hold the edge. R does not depend on current: "
    "the columns below 0 degC come from 0.3 C pulses, and at -10 degC and 5 to 7 A the circuit "
    "drops 90 mV too much on average (173 mV at worst, US06, soc 0.9 to 0.3)",
    "hysteresis": "assumed: the DFN has none. NMC811 shows almost none and the few per cent of "
    "SiOx in the anode leave some mV over most of the window, hence 5 mV half gap; 40 per unit of "
    "soc goes over to the other branch (to 1/e) within 2.5 % of charge",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class OcvTable:
    """Open-circuit voltage and entropic coefficient along the stoichiometry path.

    Attributes
    ----------
    soc : float64 (n,), uniform from 0 to 1
    ocv_V : float64 (n,), [V], at `REFERENCE_TEMPERATURE_K`
    entropic_V_per_K : float64 (n,), [V/K], dU_p/dT − dU_n/dT
    capacity_As : float, [A·s], between 2.5 V and 4.2 V at rest
    """

    soc: NDArray[np.float64]
    ocv_V: NDArray[np.float64]
    entropic_V_per_K: NDArray[np.float64]
    capacity_As: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DfnSimulation:
    """A built, isothermal DFN whose current, temperature and initial state are inputs.

    Attributes
    ----------
    simulation : pybamm.Simulation, built
    stoichiometry_solver : pybamm ElectrodeSOHSolver between 2.5 V and 4.2 V
    concentration_max : (negative, positive), [mol/m³]
    """

    simulation: Any
    stoichiometry_solver: Any
    concentration_max: tuple[float, float]


def _pybamm() -> Any:
    """Import PyBaMM quietly, without telemetry."""
    os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")
    import pybamm

    pybamm.set_logging_level("ERROR")
    return pybamm


def cell_parameter_values() -> Any:
    """Give the `ORegan2022` values with soc 0 and 1 at 2.5 V and 4.2 V at rest."""
    values = _pybamm().ParameterValues(PARAMETER_SET)
    values.update(
        {
            "Open-circuit voltage at 0% SOC [V]": VOLTAGE_MIN_V,
            "Open-circuit voltage at 100% SOC [V]": VOLTAGE_MAX_V,
            "Lower voltage cut-off [V]": VOLTAGE_MIN_V,
            "Upper voltage cut-off [V]": VOLTAGE_MAX_V,
        },
        strict=True,
    )
    return values


def _stoichiometry_solver(values: Any, symbols: Any) -> Any:
    return _pybamm().lithium_ion.ElectrodeSOHSolver(values, symbols)


def ocv_table(n_points: int = 201) -> OcvTable:
    """Tabulate OCV(z, T0) and s(z) on a uniform soc axis.

    Parameters
    ----------
    n_points : int, number of soc points from 0 to 1

    Returns
    -------
    OcvTable

    Notes
    -----
    Each electrode potential in PyBaMM is U(x, T) = U(x, T0) + (T − T0)·dU/dT(x), so the law
    OCV(z, T) = OCV(z, T0) + (T − T0)·s(z) is exact for this cell. The stoichiometries move in
    proportion to charge, between the rests at 2.5 V and 4.2 V at T0 [1]_.
    """
    pybamm = _pybamm()
    values, symbols = cell_parameter_values(), pybamm.LithiumIonParameters()
    solver = _stoichiometry_solver(values, symbols)
    soc = np.linspace(0.0, 1.0, n_points)
    x0, y0 = solver.get_initial_stoichiometries(0.0)
    x1, y1 = solver.get_initial_stoichiometries(1.0)
    x = pybamm.Vector(x0 + soc * (x1 - x0))
    y = pybamm.Vector(y0 + soc * (y1 - y0))
    at_t0 = pybamm.Scalar(REFERENCE_TEMPERATURE_K)
    negative, positive = symbols.n.prim, symbols.p.prim
    ocv_V = np.ravel(values.evaluate(positive.U(y, at_t0) - negative.U(x, at_t0)))
    entropic = np.ravel(values.evaluate(positive.dUdT(y) - negative.dUdT(x)))
    capacity_Ah = float(values.evaluate(negative.Q_init)) * (x1 - x0)
    return OcvTable(
        soc=soc, ocv_V=ocv_V, entropic_V_per_K=entropic, capacity_As=3600.0 * capacity_Ah
    )


def dfn_simulation(
    radial_points: int = RADIAL_POINTS, through_points: int = THROUGH_POINTS
) -> DfnSimulation:
    """Build the isothermal DFN with refined meshes.

    Parameters
    ----------
    radial_points : int, mesh points in each particle, graded towards its surface
    through_points : int, mesh points through each electrode (half as many in the separator)

    Returns
    -------
    DfnSimulation
    """
    pybamm = _pybamm()
    values, symbols = cell_parameter_values(), pybamm.LithiumIonParameters()
    solver = _stoichiometry_solver(cell_parameter_values(), symbols)
    c_max = tuple(float(values.evaluate(side.prim.c_max)) for side in (symbols.n, symbols.p))
    values.update(
        {
            "Current function [A]": "[input]",
            "Ambient temperature [K]": "[input]",
            "Initial concentration in negative electrode [mol.m-3]": "[input]",
            "Initial concentration in positive electrode [mol.m-3]": "[input]",
            "Lower voltage cut-off [V]": EVENT_MIN_V,
            "Upper voltage cut-off [V]": EVENT_MAX_V,
        },
        strict=True,
    )
    model = pybamm.lithium_ion.DFN()
    graded = pybamm.MeshGenerator(
        pybamm.Exponential1DSubMesh, submesh_params={"side": "right", "stretch": RADIAL_STRETCH}
    )
    meshes = {"negative particle": graded, "positive particle": graded}
    simulation = pybamm.Simulation(
        model,
        parameter_values=values,
        submesh_types={**model.default_submesh_types, **meshes},
        var_pts={
            "x_n": through_points,
            "x_s": through_points // 2,
            "x_p": through_points,
            "r_n": radial_points,
            "r_p": radial_points,
        },
        solver=pybamm.IDAKLUSolver(
            rtol=1e-6, atol=1e-8, output_variables=["Voltage [V]"], store_first_last=False
        ),
    )
    built = DfnSimulation(
        simulation=simulation, stoichiometry_solver=solver, concentration_max=(c_max[0], c_max[1])
    )
    simulation.build(inputs=_inputs(built, 0.5, 0.0, REFERENCE_TEMPERATURE_K))
    return built


def _inputs(
    dfn: DfnSimulation, soc0: float, current_A: float, temperature_K: float
) -> dict[str, float]:
    x, y = dfn.stoichiometry_solver.get_initial_stoichiometries(soc0)
    return {
        "Current function [A]": float(current_A),
        "Ambient temperature [K]": float(temperature_K),
        "Initial concentration in negative electrode [mol.m-3]": x * dfn.concentration_max[0],
        "Initial concentration in positive electrode [mol.m-3]": y * dfn.concentration_max[1],
    }


def simulate_current(
    dfn: DfnSimulation,
    time_s: NDArray[np.float64],
    current_A: NDArray[np.float64],
    soc0: float,
    temperature_K: float,
) -> NDArray[np.float64]:
    """Give the DFN voltage at the end of each step of a piecewise constant current.

    Parameters
    ----------
    dfn : DfnSimulation
    time_s : float64 (n + 1,), [s], increasing
    current_A : float64 (n,), [A], discharge positive; held from `time_s[k]` to `time_s[k + 1]`
    soc0 : float, state of charge at rest at `time_s[0]`
    temperature_K : float, [K], the same all the time

    Returns
    -------
    voltage_V : float64 (n,), [V], at `time_s[1:]`

    Raises
    ------
    RuntimeError
        When the DFN stops early (a voltage event); PyBaMM itself would freeze time silently.
    """
    time_s, current_A = np.asarray(time_s, float), np.asarray(current_A, float)
    if time_s.shape != (current_A.size + 1,):
        raise ValueError(f"time_s must have {current_A.size + 1} points, has {time_s.size}")
    model, solver = dfn.simulation.built_model, dfn.simulation.solver
    inputs = _inputs(dfn, soc0, 0.0, temperature_K)
    voltage_V = np.empty_like(current_A)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(current_A)) + 1, [current_A.size]])
    solution = None
    for first, last in zip(starts[:-1], starts[1:], strict=True):
        inputs["Current function [A]"] = float(current_A[first])
        span = time_s[first : last + 1] - time_s[first]
        solution = solver.step(
            solution, model, span[-1], t_interp=span, inputs=dict(inputs), save=False
        )
        if solution.termination != "final time":
            raise RuntimeError(
                f"the DFN stopped between {time_s[first]:g} s and {time_s[last]:g} s at "
                f"{current_A[first]:g} A, {temperature_K:g} K: {solution.termination}"
            )
        voltage_V[first:last] = solution["Voltage [V]"].entries[1:]
    return voltage_V
