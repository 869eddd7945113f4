"""Every benchmark as a function of its physical conditions, each with its default and its range.

The defaults are the published points; a reader who doubts one asks for another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cell_models.runaway_params import parameter_names
from validation.runaway import cells, chains, event, solutions


@dataclass(frozen=True, slots=True)
class Number:
    """A condition that is a number: its default, its range (ends included), words for some."""

    default: float
    low: float
    high: float
    words: Mapping[str, float] = field(default_factory=dict)

    def read(self, where: str, text: str) -> float:
        """Return a number from text.

        Raises
        ------
        ValueError
            Naming the condition, the text and the range.
        """
        try:
            value = float(self.words.get(text, text))
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high:
            raise ValueError(
                f"{where} must be a number from {self.low:g} to {self.high:g}, is {text!r}"
            )
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """A condition that is one of several words."""

    default: str
    words: tuple[str, ...]

    def read(self, where: str, text: str) -> str:
        """Return the word, or say which there are."""
        if text not in self.words:
            raise ValueError(f"{where} must be one of {', '.join(self.words)}, is {text!r}")
        return text


@dataclass(frozen=True, slots=True)
class Case:
    """One benchmark.

    Attributes
    ----------
    about : str
    run : callable, from conditions to results, both with units in their names
    conditions : mapping of str to Number or Choice
    """

    about: str
    run: Callable[..., dict[str, Any]]
    conditions: Mapping[str, Number | Choice] = field(default_factory=dict)


_FILM = {
    "h_W_per_m2K": Number(7.17, 0.0, 1e4),
    "emissivity": Number(0.8, 0.0, 1.0),
}
_OVEN = _FILM | {"cathode_factor": Number(1.0, 0.0, 10.0), "hours": Number(6.0, 0.01, 48.0)}
_STEPS = {"gate_degC": Number(80.0, -200.0, 150.0), "step_s": Number(1.0, 1e-3, 60.0)}

CASES: dict[str, Case] = {
    "inventory": Case(
        "what a cell of a parameter set can release", cells.inventory,
        {
            "set_name": Choice(cells.SET_K, parameter_names()),
            "soc": Number(1.0, 0.0, 1.5),
        },
    ),
    "adiabatic": Case(
        "an LCO 18650 (Set K) left to itself, without losses", cells.adiabatic,
        {"start_degC": Number(110.0, 80.0, 2000.0)} | _STEPS,
    ),
    "first_order": Case(
        "one first-order reaction left to itself: when is half of it gone?", cells.first_order,
        {"start_K": Number(450.0, 380.0, 2000.0)},
    ),
    "oven": Case(
        "a Set K cell of 25 degC put into an oven", cells.oven,
        {"oven_degC": Number(155.0, 25.0, 1000.0)} | _OVEN | _STEPS,
    ),
    "critical_oven": Case(
        "the coolest oven in which a Set K cell runs away", cells.critical_oven, _OVEN
    ),
    "stack": Case(
        "LIM1TR's example: a hot block sets off three cells; contact is that between cells",
        chains.stack,
        {
            "contact_m2K_per_W": Number(0.004, 0.0, 1.0),
            "seconds": Number(60.0, 1.0, 600.0),
            "step_s": Number(0.01, 1e-3, 0.1),
        },
    ),
    "short_only": Case("LIM1TR's short-circuit reaction alone", cells.short_only),
    "internal_short": Case(
        "a Set K cell with an internal short", cells.internal_short,
        {"resistance_ohm": Number(0.1, 1e-4, 1e4)} | _FILM | {
            "internal_ohm": Number(0.030, 1e-4, 10.0),
            "capacity_Ah": Number(3.0, 0.01, 1e3),
            "voltage_V": Number(3.7, 0.1, 5.0),
            "ambient_degC": Number(25.0, -60.0, 150.0),
        },
    ),
    "event": Case(
        "one cell of a pack, its circuit at work, is heated until it runs away", event.event,
        {
            "set_name": Choice("nmc_21700_arc", event.fitting_sets()),
            "soc": Number(1.0, 0.0, 1.0),
            "heater_W": Number(80.0, 40.0, 2e3),
        },
    ),
    "chain": Case(
        "8 Set K cells in a line, the first at 300 degC; losses: 1 are those of the oven",
        chains.run_chain,
        {
            "heat_factor": Number(2.5, 0.0, 10.0),
            "conductance_W_per_K": Number(0.2, 0.0, 100.0),
            "ambient_degC": Number(25.0, -60.0, 150.0),
            "losses": Number(1.0, 0.0, 10.0, {"on": 1.0, "off": 0.0}),
            "seconds": Number(600.0, 1.0, 7200.0),
        },
    ),
    "chain_f": Case(
        "6 Set F cells in a line, the first at 261 degC", chains.run_chain_f,
        {
            "conductance_W_per_K": Number(3.0, 0.0, 1e3),
            "ambient_degC": Number(25.0, -60.0, 150.0),
            "seconds": Number(1000.0, 1.0, 7200.0),
        },
    ),
    "blowdown": Case(
        "a can opens its vent and empties itself, isothermal", solutions.blowdown,
        {
            "volume_m3": Number(2e-6, 1e-9, 10.0),
            "area_m2": Number(8e-6, 1e-9, 1.0),
            "pressure_Pa": Number(2e6, 1.1e5, 1e8),
            "temperature_K": Number(473.15, 200.0, 2500.0),
            "discharge_coefficient": Number(0.7, 0.01, 1.0),
            "molar_mass_kg_per_mol": Number(0.030, 0.002, 0.3),
            "gamma": Number(1.3, 1.01, 1.67),
            "ambient_Pa": Number(101325.0, 1e3, 1.05e5),
        },
    ),
    "wall": Case(
        "a plate warmed from both faces, Biot number 5, against its Fourier series",
        solutions.wall, {"step_s": Number(0.001, 1e-4, 0.1)},
    ),
    "lump": Case(
        "a plate warmed over its rim, against the exponential", solutions.lump,
        {"step_s": Number(0.001, 1e-4, 0.1)},
    ),
    "ramp": Case(
        "a reaction in an imposed ramp, against the exponential integral", solutions.ramp,
        {"step_s": Number(0.01, 1e-3, 0.3)},
    ),
}  # fmt: skip


def read_conditions(name: str, assignments: Sequence[str] = ()) -> dict[str, Any]:
    """Return the conditions of a case: its defaults, and what is assigned.

    Parameters
    ----------
    name : str
        From `CASES`.
    assignments : sequence of str
        Each ``key=value``.

    Raises
    ------
    ValueError
        One sentence, for an unknown case or condition and for a value out of its range.
    """
    if name not in CASES:
        raise ValueError(f"there is no case {name!r}; cases are {', '.join(CASES)}")
    conditions = CASES[name].conditions
    values: dict[str, Any] = {key: one.default for key, one in conditions.items()}
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        key = key.strip()
        if not sign:
            raise ValueError(f"{assignment!r} must be written as key=value")
        if key not in conditions:
            known = ", ".join(conditions) or "none"
            raise ValueError(f"case {name} has no condition {key!r}; its conditions: {known}")
        values[key] = conditions[key].read(f"{name}: {key}", text.strip())
    return values


def run_case(name: str, assignments: Sequence[str] = ()) -> dict[str, Any]:
    """Run one benchmark; arguments as `read_conditions` takes them.

    Returns
    -------
    dict
        ``case``, ``conditions`` and ``results``; keys carry units. NaN where something never
        happened.
    """
    values = read_conditions(name, assignments)
    return {"case": name, "conditions": values, "results": CASES[name].run(**values)}
