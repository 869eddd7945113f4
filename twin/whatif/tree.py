"""What there is to know of a run in which cells may run away.

Whatever the file does not hold is None or empty. Cells are indices of the file's axis ``cell``,
from 0; names are for people and count from 1. Times count from the start of the run [s].
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from twin.whatif.heat_tree import Arrival, FailedHeat, Feed, HeatSplit, Held


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutcome:
    """What became of one cell.

    Attributes
    ----------
    cell : int
    name : str
    order : int or None
        1 for the first cell that ran away.
    collapsed_s, triggered_s, vented_s, spent_s : float or None
        When its separator collapsed, it ran away, its can opened (without a model of cans: it
        erupted), and it was spent. The second is exact; the others are those of the first row
        that shows it, None also where it was so before the file begins.
    opened_s : float or None
        When its fuse or interrupt device opened.
    peak_K, peak_s : float
    released_J, ejected_J : float, by its reactions; with matter that left
    ejected_kg : float
    """

    cell: int
    name: str
    order: int | None
    collapsed_s: float | None
    triggered_s: float | None
    vented_s: float | None
    spent_s: float | None
    opened_s: float | None
    peak_K: float
    peak_s: float
    released_J: float
    ejected_J: float
    ejected_kg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """Where it began.

    Attributes
    ----------
    cells : tuple of int
        That ran away and had a fault of their own; where none had, the first that ran away.
    is_injected : bool
        Whether a fault sits in the seed itself.
    first_s : float
        When the first cell ran away.
    """

    cells: tuple[int, ...]
    is_injected: bool
    first_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """How fast runaway moved through the layout.

    Attributes
    ----------
    speed_m_per_s : float or None
        Slope of the straight line, by least squares, of distance from the nearest seed cell over
        trigger time, over the cells of the seed's module that ran away.
    r2 : float or None
        Share of the variance that the line explains.
    n_cells : int
    reason : str
        Why there is no speed.
    """

    speed_m_per_s: float | None
    r2: float | None
    n_cells: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """How many cells are gone at the end: a cell may count in several.

    `vented` and `collapsed` are those that did not run away, but whose can has opened, or whose
    separator has collapsed; `vented_s` is when the first of the former did.
    """

    n_cells: int
    ran_away: int
    followed: int
    spent: int
    opened: int
    vented: int
    vented_s: float | None
    collapsed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """A highest value, in the unit that `unit` names, where and when."""

    value: float
    unit: str
    where: str
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """The highest values that the file records; `first_relief_s` is when the first relief opened.

    `pressure` is of recorded rows, each the end of a step; `surge` the highest within any step, an
    upper bound where gathered gas burns, at the first row that knows of it.
    `gas_ppm` is what a sensor's place would see, `lfl_percent` the share of the lower flammability
    limit.
    """

    cell: Peak | None = None
    housing: Peak | None = None
    gas: Peak | None = None
    pressure: Peak | None = None
    surge: Peak | None = None
    lfl_percent: Peak | None = None
    gas_ppm: Peak | None = None
    first_relief_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """The survivor that came closest to the collapse of its separator.

    `margin_K` is `limit_K` less its peak; negative where its separator collapsed and it did not run
    away. `is_rising` tells that it was still warming at the end: the file ends too early to tell.
    """

    cell: int
    name: str
    peak_K: float
    peak_s: float
    limit_K: float
    margin_K: float
    is_rising: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An assumption that may turn the outcome: its key, from what to what it is open, and why.

    `low` and `high` are as a scenario writes them: what was taken is one of them.
    """

    key: str
    low: str
    high: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """An alarm of the BMS, each code once: the first time that it came.

    `detector` is the quantity that it watches, as the BMS describes itself. `is_early` tells that
    it came before any fault began, so that it says nothing of it; `is_elsewhere` that it names
    another place than that of the seed.
    """

    code: str
    detector: str
    severity: str
    time_s: float
    component: str
    text: str
    is_early: bool
    is_elsewhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """How long before a runaway the BMS said something; negative: after it.

    `flag_s` is that of the first flag since the fault began that does not name another place.
    """

    flag_s: float | None
    code: str
    before_first_s: float | None
    before_second_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gas:
    """Gas that cells vented, at 25 degC and 101,325 Pa.

    Attributes
    ----------
    species : tuple of str
    vented_L, left_L : tuple of float, by species: out of cells, and out of the modules
    time_s : float64 (rows,)
    litres : float64 (rows, species), vented so far, all modules together; at most 1000 rows
    burns : bool or None
        Whether the scenario lets gas burn; None where that cannot be read.
    ignition_K, burnt_J : float or None
        From which temperature on, with the oxygen that is there; what it has given.
    """

    species: tuple[str, ...]
    vented_L: tuple[float, ...]
    left_L: tuple[float, ...]
    time_s: np.ndarray
    litres: np.ndarray
    burns: bool | None = None
    ignition_K: float | None = None
    burnt_J: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader asks first, in sentences; `caveat` is empty where nothing is in doubt."""

    spread: str
    caveat: str
    far: str
    after_alarm: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The outcome of one run; `has_runaway` is False where the file records no reacting cells.

    `limits` are sentences on where the run left what the model holds for, by time. `body_share` is
    what the scenario says an erupting cell keeps of all its heat; None where it cannot be read.
    `faults` are those of the answer key that came (name, kind, size and place), `began_s` when the
    first of them did. `doubts` are assumptions of which each alone may turn the outcome; for a run
    that did not spread, or not to all, `margin_is_within_assumptions` tells that there is one.
    """

    file: str
    scenario: str
    start_s: float
    end_s: float
    ended: str
    has_runaway: bool
    did_spread: bool
    answer: Answer
    limits: tuple[str, ...]
    faults: tuple[str, ...]
    began_s: float | None
    cells: tuple[CellOutcome, ...]
    seed: Seed | None
    front: Front
    lost: Lost
    peaks: Peaks
    heat: HeatSplit | None
    failed_heat: FailedHeat | None
    body_share: float | None
    arrival: Arrival | None
    held: Held | None
    feeds: tuple[Feed, ...]
    margin: Margin | None
    margin_is_within_assumptions: bool
    doubts: tuple[Doubt, ...]
    flags: tuple[Flag, ...]
    warned: Warned
    gas: Gas | None
    energy_residual_J: float | None
    energy_residual: float | None
    charge_residual_As: float | None
    notes: tuple[str, ...]

    @property
    def ran_away(self) -> tuple[CellOutcome, ...]:
        """Cells that ran away, in order."""
        found = [cell for cell in self.cells if cell.order is not None]
        return tuple(sorted(found, key=lambda cell: cell.order or 0))

    def as_dict(self) -> dict[str, Any]:
        """Return everything in JSON's types; what is no number becomes None."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not np.isfinite(value) else value
