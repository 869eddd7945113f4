"""The job in PyBaMM and thevenin: ``python -m validation.peers.theirs JOB.json RESULT.json``.

Runs in an environment without packtwin and its compiler, so it imports nothing of ours but
the stopwatch. Every tool is given the job in the fastest way found that is right to 0.1 mV:

- current known beforehand: the solver is told where the current jumps and steps freely between;
- stepped: the current of the next second is decided now, as in a control loop.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.peers.stopwatch import cpu_s, timed

Floats = NDArray[np.float64]
Job = dict[str, Any]
KNOWN, STEPPED = "current known", "stepped"
TOOLS = ("pybamm", "thevenin")
RAMP_S = 1e-3
"""How long a jump of the current takes where a tool wants a continuous one [s]."""
PROBE = "Voltage [V]"
CURRENT = "Current function [A]"


def edges(current_A: Floats) -> list[int]:
    """Return the seconds at which the current jumps, with the first and the last."""
    jumps = np.flatnonzero(np.diff(current_A)) + 1
    return [0, *jumps.tolist(), len(current_A)]


def corners(current_A: Floats, ramp_s: float = RAMP_S) -> tuple[Floats, Floats]:
    """Return a piecewise linear current that jumps within `ramp_s`: times [s], values [A]."""
    time_s, value_A = [0.0], [current_A[0]]
    for k in edges(current_A)[1:-1]:
        time_s += [k, k + ramp_s]
        value_A += [current_A[k - 1], current_A[k]]
    time_s.append(len(current_A))
    value_A.append(current_A[-1])
    return np.array(time_s, dtype=np.float64), np.array(value_A)


# --- PyBaMM ------------------------------------------------------------------------------------


def _pybamm() -> Any:
    os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")
    import pybamm

    pybamm.set_logging_level("ERROR")
    return pybamm


def pybamm_circuit(job: Job) -> tuple[Any, Any, None]:
    """Return PyBaMM's circuit with two RC pairs and the job's constants; no initial SOC to set."""
    pybamm = _pybamm()
    model = pybamm.equivalent_circuit.Thevenin(options={"number of rc elements": 2})
    values = model.default_parameter_values
    soc, ocv_V = np.array(job["ocv_soc"]), np.array(job["ocv_V"])
    values.update(
        {
            "Initial SoC": job["soc_0"],
            "Cell capacity [A.h]": job["capacity_Ah"],
            "Nominal cell capacity [A.h]": job["capacity_Ah"],
            "Initial temperature [K]": job["temperature_K"],
            "Ambient temperature [K]": job["temperature_K"],
            "Lower voltage cut-off [V]": job["voltage_min_V"],
            "Upper voltage cut-off [V]": job["voltage_max_V"],
            "Open-circuit voltage [V]": lambda z: pybamm.Interpolant(soc, ocv_V, z),
            "Entropic change [V/K]": 0.0,
            "R0 [Ohm]": job["r0_ohm"],
        }
    )
    for k, (r_ohm, tau_s) in enumerate(zip(job["r_ohm"], job["tau_s"], strict=True), start=1):
        pair = {
            f"R{k} [Ohm]": r_ohm,
            f"C{k} [F]": tau_s / r_ohm,
            f"Element-{k} initial overpotential [V]": 0.0,
        }
        values.update(pair, check_already_exists=False)
    return model, values, None


def pybamm_porous(name: str) -> Callable[[Job], tuple[Any, Any, float]]:
    """Return the maker of an electrochemical model of PyBaMM; Chen2020 is an LG M50 of 5 Ah."""

    def make(job: Job) -> tuple[Any, Any, float]:
        pybamm = _pybamm()
        model = getattr(pybamm.lithium_ion, name)()
        return model, pybamm.ParameterValues("Chen2020"), job["soc_0"]

    return make


class PybammKnown:
    """One `solve` over the hour, voltages at every second."""

    def __init__(self, job: Job, make: Callable[[Job], tuple[Any, Any, float | None]]) -> None:
        pybamm = _pybamm()
        model, values, soc_0 = make(job)
        self.stops, current_A = corners(np.array(job["current_A"]))
        stops = self.stops
        values[CURRENT] = lambda t: pybamm.Interpolant(stops, current_A, t)
        self.seconds = np.arange(job["duration_s"] + 1.0)
        self.simulation = pybamm.Simulation(
            model,
            parameter_values=values,
            solver=pybamm.IDAKLUSolver(output_variables=[PROBE]),
        )
        self.simulation.build(**({} if soc_0 is None else {"initial_soc": soc_0}))

    def __call__(self) -> Floats:
        """Do the hour; return the voltage at each second's end."""
        solution = self.simulation.solve(self.stops, t_interp=self.seconds)
        return solution[PROBE](self.seconds)[1:]


class PybammStepped:
    """One `step` of the solver for each second, voltage read each time."""

    def __init__(self, job: Job, make: Callable[[Job], tuple[Any, Any, float | None]]) -> None:
        pybamm = _pybamm()
        model, values, soc_0 = make(job)
        values[CURRENT] = "[input]"
        self.current_A = job["current_A"]
        self.simulation = pybamm.Simulation(
            model,
            parameter_values=values,
            solver=pybamm.IDAKLUSolver(output_variables=[PROBE], store_first_last=True),
        )
        start = {} if soc_0 is None else {"initial_soc": soc_0}
        self.simulation.build(inputs={CURRENT: 0.0}, **start)

    def __call__(self) -> Floats:
        """Do the hour; return the voltage at each second's end."""
        solver, built, solution = self.simulation.solver, self.simulation.built_model, None
        voltage_V = np.zeros(len(self.current_A))
        for k, current in enumerate(self.current_A):
            solution = solver.step(solution, built, 1.0, inputs={CURRENT: current}, save=False)
            if solution.termination != "final time":
                raise RuntimeError(f"PyBaMM stopped at {k} s: {solution.termination}")
            voltage_V[k] = solution[PROBE].entries[-1]
        return voltage_V


# --- thevenin ----------------------------------------------------------------------------------


def thevenin_parameters(job: Job) -> dict[str, Any]:
    """Return the job's cell as thevenin's parameters."""
    soc, ocv_V = np.array(job["ocv_soc"]), np.array(job["ocv_V"])
    r0_ohm, (r1_ohm, r2_ohm), (tau1_s, tau2_s) = job["r0_ohm"], job["r_ohm"], job["tau_s"]
    c1_F, c2_F = tau1_s / r1_ohm, tau2_s / r2_ohm
    return {
        "num_RC_pairs": 2,
        "soc0": job["soc_0"],
        "capacity": job["capacity_Ah"],
        "ce": 1.0,
        "gamma": 0.0,
        "mass": job["mass_kg"],
        "isothermal": True,
        "Cp": job["heat_capacity_J_per_K"] / job["mass_kg"],
        "T_inf": job["temperature_K"],
        "h_therm": 0.0,
        "A_therm": 1.0,
        "ocv": lambda z: np.interp(z, soc, ocv_V),
        "M_hyst": lambda z: 0.0,
        "R0": lambda z, T: r0_ohm,
        "R1": lambda z, T: r1_ohm,
        "C1": lambda z, T: c1_F,
        "R2": lambda z, T: r2_ohm,
        "C2": lambda z, T: c2_F,
    }


class TheveninKnown:
    """`Simulation` with one experiment step for each level of the current."""

    def __init__(self, job: Job) -> None:
        import thevenin  # pyright: ignore[reportMissingImports]

        self.simulation = thevenin.Simulation(thevenin_parameters(job))
        self.experiment = thevenin.Experiment()
        at, current_A = edges(np.array(job["current_A"])), job["current_A"]
        for begin, end in zip(at[:-1], at[1:], strict=True):
            self.experiment.add_step("current_A", current_A[begin], (float(end - begin), 1.0))

    def __call__(self) -> Floats:
        """Do the hour; return the voltage at each second's end."""
        self.simulation.pre()
        steps = range(self.experiment.num_steps)
        levels = [self.simulation.run_step(self.experiment, k) for k in steps]
        return np.concatenate([level.vars["voltage_V"][1:] for level in levels])


class TheveninStepped:
    """`Prediction.take_step` for each second: the interface made for filters."""

    def __init__(self, job: Job) -> None:
        import thevenin  # pyright: ignore[reportMissingImports]

        self.prediction = thevenin.Prediction(thevenin_parameters(job))
        self.rest = thevenin.TransientState(job["soc_0"], job["temperature_K"], 0.0, np.zeros(2))
        self.current_A = job["current_A"]

    def __call__(self) -> Floats:
        """Do the hour; return the voltage at each second's end."""
        state, voltage_V = self.rest, np.zeros(len(self.current_A))
        for k, current in enumerate(self.current_A):
            state = self.prediction.take_step(state, current, 1.0)
            voltage_V[k] = state.voltage
        return voltage_V


# --- both --------------------------------------------------------------------------------------


def runs(job: Job) -> list[tuple[str, str, str, bool, Callable[[], Any]]]:
    """Return what is timed: tool, model, mode, whether it is the job's cell, maker of a run."""
    circuit, two_rc = pybamm_circuit, "circuit, 2 RC"
    return [
        ("pybamm", two_rc, KNOWN, True, lambda: PybammKnown(job, circuit)),
        ("pybamm", two_rc, STEPPED, True, lambda: PybammStepped(job, circuit)),
        ("thevenin", two_rc, KNOWN, True, lambda: TheveninKnown(job)),
        ("thevenin", two_rc, STEPPED, True, lambda: TheveninStepped(job)),
        ("pybamm", "SPM", KNOWN, False, lambda: PybammKnown(job, pybamm_porous("SPM"))),
        ("pybamm", "SPM", STEPPED, False, lambda: PybammStepped(job, pybamm_porous("SPM"))),
        ("pybamm", "SPMe", KNOWN, False, lambda: PybammKnown(job, pybamm_porous("SPMe"))),
        ("pybamm", "DFN", KNOWN, False, lambda: PybammKnown(job, pybamm_porous("DFN"))),
    ]


def measure(job: Job, tools: Sequence[str] = TOOLS) -> dict[str, Any]:
    """Time every run of some tools.

    Returns
    -------
    dict
        ``rows``, ``import_s`` and ``versions`` by tool, and ``missing``: the reason by tool.
    """
    result: dict[str, Any] = {"rows": [], "import_s": {}, "versions": {}, "missing": {}}
    for tool in tools:
        try:
            result["import_s"][tool] = cpu_s(lambda tool=tool: __import__(tool))
            result["versions"][tool] = version(tool)
        except ImportError as error:
            result["missing"][tool] = str(error)
    for tool, model, mode, is_same_cell, make in runs(job):
        if tool not in result["versions"]:
            continue
        made: list[Any] = []
        setup_s = cpu_s(lambda made=made, make=make: made.append(make()))
        first_s = cpu_s(made[0])
        row = {"tool": tool, "model": model, "mode": mode, "is_same_cell": is_same_cell}
        row |= {"cells": 1, "setup_s": setup_s, "first_s": first_s}
        row |= timed(made[0]) | {"voltage_V": made[0]().tolist()}
        result["rows"].append(row)
    return result


def main(arguments: list[str]) -> int:
    """Read the job, write the result."""
    if len(arguments) != 2:
        raise SystemExit("usage: python -m validation.peers.theirs JOB.json RESULT.json")
    job_path, result_path = map(Path, arguments)
    os.environ["PYBAMM_DISABLE_TELEMETRY"] = "true"
    result = measure(json.loads(job_path.read_text(encoding="utf-8")))
    result_path.write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
