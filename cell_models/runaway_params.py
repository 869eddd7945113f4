"""Parameter sets of thermal runaway: a list of reactions, and the cell that they were fitted to.

One committed JSON file per set (`cell_models/data/runaway/<name>.json`), every number with its
source. `load_runaway_params` refuses what cannot be a set; `cell_models/runaway_tables.py` lays the
reactions out for the kernels. A set belongs to a cell: `FittedCell` has what is needed to hold it
against the cell of a circuit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from cell_models.checked import Standing as Standing
from cell_models.checked import build, check_numbers, one_of
from cell_models.runaway_curve import RateCurve
from cell_models.runaway_total import Floats, HeatOverSoc, TotalHeat, share_total
from cell_models.vent_params import VentParams, vent_from_document

DATA_FOLDER = Path(__file__).parent / "data" / "runaway"
SEPARATOR_K = 453.15
"""Where a separator of polyolefin collapses, coated or not; assumed: polypropylene melts at 438 K,
and what holds it up gives way somewhat later."""
GAS_CONSTANT = 8.314
"""[J/(mol K)], with the digits of the publications."""


class Law(StrEnum):
    """What a reaction follows; see the functions of `cell_models/runaway.py`."""

    FIRST_ORDER = "first_order"
    LOGISTIC = "logistic"
    PASSIVATED = "passivated"
    SATURATING = "saturating"
    STEADY = "steady"
    TRACED = "traced"


class SocScaling(StrEnum):
    """What of a reaction falls in proportion to the state of charge."""

    NONE = "none"
    AMOUNT = "amount"
    HEAT = "heat"


class Scope(StrEnum):
    """What a set's heat covers beside `chemical`: all of it came out of the can wall in `body`."""

    CHEMICAL = "chemical"
    BODY = "body"


# Allowed ranges: wide enough for any published set, tight enough to catch a unit slip.
RANGES: dict[str, tuple[float, float]] = {
    "mass_kg": (0.0, 50.0),
    "heat_J_per_kg": (-1e7, 1e7),
    "frequency_per_s": (0.0, 1e60),
    "activation_J_per_mol": (0.0, 1e6),
    "start": (0.0, 1.0),
    "on_K": (0.0, 2000.0),
    "smooth_K": (0.0, 50.0),
    "hot_frequency_per_s": (0.0, 1e60),
    "film_start": (0.0, 10.0),
    "film_scale": (1e-6, 1e3),
    "film_yield": (0.0, 100.0),
    "specific_heat_J_per_kgK": (200.0, 4000.0),
    "energy_Wh": (0.1, 1e4),
    "capacity_Ah": (0.05, 1e4),
    "separator_K": (350.0, 700.0),
    "valid_from_K": (200.0, 2500.0),
    "valid_to_K": (200.0, 2500.0),
    "valid_from_soc": (0.0, 1.5),
    "valid_to_soc": (0.0, 1.5),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaction:
    """One reaction of a set.

    Attributes
    ----------
    name : str
    law : Law
    mass_kg : float, [kg], of what reacts in one cell
    heat_J_per_kg : float, [J/kg], released per unit of extent and mass; negative takes heat up
    frequency_per_s : float, [1/s]; of a traced reaction 1 (the curve is its rate)
    activation_J_per_mol : float, [J/mol]
    start : float, what is there in a full cell, dimensionless
    on_K, smooth_K : float, [K], temperature above which it is on, half width of that edge
    hot_frequency_per_s, hot_K : float, another frequency above another temperature
    latches : bool, once begun it goes on, however cold it gets; starts at 1
    is_electrical : bool, the electrical energy of the cell: not for a cell whose circuit has it
    film : str, what passivates: the name of a reactant that stands before, or of a film of its own
    film_start, film_scale, film_yield : float, z at the start, z0, film per unit of extent; of a
        saturating law the last two are its sharpness and its slope
    soc_scaling : SocScaling
    standing : Standing
    source : str
    """

    name: str
    law: Law
    mass_kg: float
    heat_J_per_kg: float
    frequency_per_s: float
    activation_J_per_mol: float
    start: float
    on_K: float = 0.0
    smooth_K: float = 0.0
    hot_frequency_per_s: float = 0.0
    hot_K: float = math.inf
    latches: bool = False
    is_electrical: bool = False
    film: str = ""
    film_start: float = 0.0
    film_scale: float = 1.0
    film_yield: float = 0.0
    soc_scaling: SocScaling
    standing: Standing
    source: str

    def __post_init__(self) -> None:
        where = f"reaction {self.name}"
        check_numbers(self, where, RANGES, {"hot_K"})
        for key, kind in (("law", Law), ("soc_scaling", SocScaling), ("standing", Standing)):
            object.__setattr__(self, key, one_of(kind, getattr(self, key), f"{where}: {key}"))
        if (self.law is Law.PASSIVATED) != bool(self.film):
            raise ValueError(
                f"{where}: film must be named for the passivated law, and for no other"
            )
        if self.latches and self.start != 1.0:
            raise ValueError(f"{where}: start must be 1 for one that latches, is {self.start:g}")

    @property
    def energy_J(self) -> float:
        """Heat per unit of extent in a full cell [J]."""
        return self.mass_kg * self.heat_J_per_kg


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedCell:
    """The cell that a set was fitted to.

    Attributes
    ----------
    name, chemistry, form_factor : str
    mass_kg : float, [kg]
    specific_heat_J_per_kgK : float, [J/(kg K)]
    capacity_Ah, energy_Wh : float
    size_m : tuple of float, [m]; a cylinder's diameter and height, else thickness, width, height
    conductivity_W_per_mK : tuple of float, [W/(m K)], through and along the layers, or empty
    source : str
    """

    name: str
    chemistry: str
    form_factor: str
    mass_kg: float
    specific_heat_J_per_kgK: float
    capacity_Ah: float
    energy_Wh: float
    size_m: tuple[float, ...]
    conductivity_W_per_mK: tuple[float, ...] = ()
    source: str

    def __post_init__(self) -> None:
        check_numbers(self, f"cell {self.name}", RANGES)
        object.__setattr__(self, "size_m", tuple(map(float, self.size_m)))
        object.__setattr__(self, "conductivity_W_per_mK", tuple(self.conductivity_W_per_mK))
        wanted = {"cylinder": 2, "prismatic": 3, "pouch": 3}.get(self.form_factor)
        if wanted is None or len(self.size_m) != wanted or min(self.size_m) <= 0.0:
            raise ValueError(
                f"cell {self.name}: form_factor must be cylinder (size_m of 2 lengths), prismatic "
                f"or pouch (3), is {self.form_factor} with {self.size_m}"
            )

    @property
    def heat_capacity_J_per_K(self) -> float:
        """Of the whole cell [J/K]."""
        return self.mass_kg * self.specific_heat_J_per_kgK

    @property
    def surface_m2(self) -> float:
        """Whole outside, ends included [m2]."""
        if self.form_factor == "cylinder":
            diameter, height = self.size_m
            return math.pi * diameter * (height + 0.5 * diameter)
        a, b, c = self.size_m
        return 2.0 * (a * b + b * c + c * a)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunawayParams:
    """One set of reactions with its cell.

    Attributes
    ----------
    name, title : str
    scope : Scope, what the heat covers
    standing : Standing, of the set as a whole
    valid_from_K, valid_to_K : float, [K], where its kinetics were fitted or compared
    valid_from_soc, valid_to_soc : float
    cell : FittedCell
    reactions : tuple of Reaction, in the order in which they are advanced
    curve : RateCurve or None, of a traced reaction
    separator_K : float, [K], at which the separator collapses and the cell shorts
    vent : VentParams or None, how its can opens and what comes out; None where nothing is known
    total : TotalHeat or None, what whole cells were measured to release; only with one reaction
    over_soc : HeatOverSoc or None, in place of heat that falls in proportion to charge
    """

    name: str
    title: str
    scope: Scope
    standing: Standing
    valid_from_K: float
    valid_to_K: float
    valid_from_soc: float
    valid_to_soc: float
    cell: FittedCell
    reactions: tuple[Reaction, ...]
    curve: RateCurve | None = None
    separator_K: float = SEPARATOR_K
    vent: VentParams | None = None
    total: TotalHeat | None = None
    over_soc: HeatOverSoc | None = None

    def __post_init__(self) -> None:
        check_numbers(self, self.name, RANGES)
        object.__setattr__(self, "scope", one_of(Scope, self.scope, "scope"))
        object.__setattr__(self, "standing", one_of(Standing, self.standing, "standing"))
        names = [reaction.name for reaction in self.reactions]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"{self.name}: reactions must have names of their own, are {names}")
        is_traced = any(reaction.law is Law.TRACED for reaction in self.reactions)
        if is_traced != (self.curve is not None):
            raise ValueError(
                f"{self.name}: curve must be given with a traced reaction, and only so"
            )
        if self.total is not None and [r.law for r in self.reactions] != [Law.FIRST_ORDER]:
            raise ValueError(f"{self.name}: total must be given with one first-order reaction")
        for at, reaction in enumerate(self.reactions):
            if reaction.film in names[at:]:
                raise ValueError(f"{self.name}: {reaction.film} must stand before {reaction.name}")

    def heat_J(self, soc: float = 1.0, electrical: bool = True) -> float:
        """Return the heat that a cell can release at a state of charge [J]."""
        return sum(
            r.energy_J * r.start * (1.0 if r.soc_scaling is SocScaling.NONE else max(soc, 0.0))
            for r in self.reactions
            if electrical or not r.is_electrical
        )

    def heat_J_per_Wh(self, soc: float = 1.0) -> float:
        """Return the heat of a cell, electrical energy counted once, per rated energy [J/Wh]."""
        stored = 3600.0 * self.cell.energy_Wh * soc if self.scope is Scope.CHEMICAL else 0.0
        return (self.heat_J(soc, electrical=False) + stored) / self.cell.energy_Wh

    def without_charge(self, soc: Floats, charge_J: Floats) -> RunawayParams:
        """Return the set for a cell whose charge the circuit gives (`runaway_total`).

        The reactions hold what is left of the total, and go on as fast at a given temperature as
        where they were fitted: less heat of each kilogram, at a higher frequency.

        Parameters
        ----------
        soc : float64 (n,)
            Rising from 0 to 1.
        charge_J : float64 (n,)
            What the circuit's cell holds at each [J].

        Raises
        ------
        ValueError
            If the charge of a full cell is all of the total, or more.
        """
        if self.total is None:
            return self
        (reaction,) = self.reactions
        store_J, over_soc = share_total(self.total, soc, charge_J)
        less = store_J / (reaction.energy_J * reaction.start)
        slower = replace(
            reaction, heat_J_per_kg=reaction.heat_J_per_kg * less,
            frequency_per_s=reaction.frequency_per_s / less,
        )  # fmt: skip
        return replace(
            self, scope=Scope.CHEMICAL, total=None, reactions=(slower,), over_soc=over_soc
        )


def traced_params(
    name: str, curve: RateCurve, cell: FittedCell, store_J: float, inertia: float = 1.0
) -> RunawayParams:
    """Return the set that follows a measured self-heating curve, without kinetics.

    Parameters
    ----------
    name : str
    curve : RateCurve
        As `read_rate_curve` gives it.
    cell : FittedCell
        The cell that was measured.
    store_J : float, [J]
        Heat until it ends: heat capacity times the rise that was measured.
    inertia : float
        The calorimeter's phi, (cell + holder)/cell heat capacity, at least 1: alone the cell heats
        itself that much faster.
    """
    if not 0.0 < store_J < 1e9:
        raise ValueError(f"store_J must be positive and below 1e9, is {store_J!r}")
    if not 1.0 <= inertia <= 10.0:
        raise ValueError(f"inertia must be from 1 to 10, is {inertia!r}")
    rates = tuple(inertia * rate for rate in curve.rate_K_per_s)
    store = Reaction(
        name="store", law=Law.TRACED, mass_kg=cell.mass_kg, heat_J_per_kg=store_J / cell.mass_kg,
        frequency_per_s=1.0, activation_J_per_mol=0.0, start=1.0, soc_scaling=SocScaling.HEAT,
        standing=Standing.TO_CONFIRM, source="a user's calorimeter",
    )  # fmt: skip
    return RunawayParams(
        name=name, title=f"{cell.name}, traced", scope=Scope.BODY, standing=Standing.TO_CONFIRM,
        valid_from_K=curve.temperature_K[0], valid_to_K=max(curve.temperature_K[-1], 1000.0),
        valid_from_soc=1.0, valid_to_soc=1.0, cell=cell, reactions=(store,),
        curve=RateCurve(temperature_K=curve.temperature_K, rate_K_per_s=rates),
    )  # fmt: skip


def parameter_names() -> tuple[str, ...]:
    """List the shipped sets, in alphabetical order."""
    return tuple(sorted(path.stem for path in DATA_FOLDER.glob("*.json")))


def load_runaway_params(name: str) -> RunawayParams:
    """Load and check a shipped set.

    Parameters
    ----------
    name : str
        From `parameter_names`.

    Raises
    ------
    ValueError
        Naming the field, the value and what is allowed.
    """
    if name not in parameter_names():
        shipped = ", ".join(parameter_names())
        raise ValueError(f"no runaway parameters {name!r}; shipped sets: {shipped}")
    return from_document(json.loads((DATA_FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def from_document(document: Mapping[str, Any]) -> RunawayParams:
    """Build a set from its JSON document; unknown and missing keys are refused."""
    known = dict(document)
    cell = build(FittedCell, known.pop("cell", {}), "cell")
    reactions = tuple(build(Reaction, r, "reaction") for r in known.pop("reactions", ()))
    curve = known.pop("curve", None)
    known["curve"] = None if curve is None else build(RateCurve, curve, "curve")
    vent = known.pop("vent", None)
    known["vent"] = None if vent is None else vent_from_document(vent)
    total = known.pop("total", None)
    known["total"] = None if total is None else build(TotalHeat, total, "total")
    return build(RunawayParams, known | {"cell": cell, "reactions": reactions}, "set")
