"""Heat of a run as `twin.whatif.tree` holds it: its split, that of failed cells, what arrived."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatSplit:
    """Heat of the whole run and all cells, from the ledger [J].

    Currents of cells that stay well are in it, so no share of it is the body share of a cell that
    runs away: that is of `FailedHeat`.

    Sources and sinks add up to the same, unless something that left comes back: caught ejecta, or
    heat of gas through walls.

    Attributes
    ----------
    reaction_J, current_J, heater_J : float
        Sources: reactions; currents in cells, joints, busbars, rails and shorts; heaters.
    short_J : float
        Of `current_J`, in shorts inside cells: fed by the cell itself and by its neighbours.
    ejected_J : float
        That left cells with matter.
    vented_J : float
        That gas and vapour took from cells besides.
    caught_J : float or None
        Of `ejected_J`, by other cells; None where the file does not follow ejecta.
    walls_J : float
        That came back to housings, from the gas and from solids on their walls.
    stored_J, coolant_J, air_J : float
        That is in cells, plates and housings at the end; to the coolant; to the air.
    gas_terms_J : dict of str to float
        Terms of the ledger that concern gas, by name.
    """

    reaction_J: float
    current_J: float
    heater_J: float
    short_J: float
    ejected_J: float
    vented_J: float
    caught_J: float | None
    walls_J: float
    stored_J: float
    coolant_J: float
    air_J: float
    gas_terms_J: dict[str, float]

    @property
    def came_J(self) -> float:
        """All sources."""
        return self.reaction_J + self.current_J + self.heater_J

    @property
    def gone_J(self) -> float:
        """What left with matter and did not come back: what other sinks leave over."""
        return self.came_J - self.stored_J - self.coolant_J - self.air_J


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedHeat:
    """Heat of the cells that ran away, each from the collapse of its separator on, summed [J].

    From recorded rows, as far as the file holds them. What a body share is held against, with two
    differences: matter takes along what it held before, and a body share leaves out what cells in
    parallel feed.

    Attributes
    ----------
    n_cells : int
    reaction_J, current_J : float
        Of reactions; of currents and shorts inside these cells, fed ones included.
    ejected_J : float
        That left them with matter.
    """

    n_cells: int
    reaction_J: float
    current_J: float
    ejected_J: float

    @property
    def released_J(self) -> float:
        """By reactions and currents."""
        return self.reaction_J + self.current_J


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What warmed one cell up to the collapse of its separator; of a survivor, up to its peak [J].

    From recorded rows and the cell's heat capacity. ``neighbours_J`` is what the others leave over:
    contact, plate and radiation, less what cooling took.

    Attributes
    ----------
    cell : int
    name : str
    is_survivor : bool
    from_s, until_s : float
        From the runaway of the first cell, or the first row after it.
    from_K : float
    needed_J : float
        To bring it from `from_K` to the collapse of its separator.
    arrived_J : float
        What its temperature rose by, times its heat capacity.
    current_J, reaction_J, neighbours_J : float
    caught_J : float or None
        Ejecta; None where the file does not say, and then part of `neighbours_J`.
    """

    cell: int
    name: str
    is_survivor: bool
    from_s: float
    until_s: float
    from_K: float
    needed_J: float
    arrived_J: float
    current_J: float
    reaction_J: float
    neighbours_J: float
    caught_J: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Heat of the hottest cell up to its peak, where none ran away: why it did not [J].

    From recorded rows and the cell's heat capacity.

    Attributes
    ----------
    cell : int
    name : str
    from_s, until_s : float
        From the first row to the peak of its temperature.
    short_J, current_J, reaction_J : float
        That came into it: by shorts in it, by other currents, by its own reactions.
    stored_J : float
        What its temperature rose by, times its heat capacity.
    from_K, peak_K, limit_K : float
        Its temperature at the start, at its peak, and that at which its separator collapses.
    touches : str
        What heat can leave it to.
    has_vented : bool
        Whether its can had opened by then.
    """

    cell: int
    name: str
    from_s: float
    until_s: float
    short_J: float
    current_J: float
    reaction_J: float
    stored_J: float
    from_K: float
    peak_K: float
    limit_K: float
    touches: str
    has_vented: bool

    @property
    def came_J(self) -> float:
        """All that came into it."""
        return self.short_J + self.current_J + self.reaction_J

    @property
    def gone_J(self) -> float:
        """What left it again: to plate, neighbours and housing, and with what it vented."""
        return self.came_J - self.stored_J


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What flowed into a failed cell through its terminals, from recorded rows.

    What its collapsed separator takes, less what the cell itself gives. It comes from cells in
    parallel, and from the rack while that charges. What happens between rows is not seen; a short
    that a fault put into the same cell is left out.

    Attributes
    ----------
    cell : int
    name : str
    from_s : float
        When its separator collapsed.
    peak_A, charge_As, energy_J : float
    opened_s : float or None
        When its fuse or interrupt device opened.
    """

    cell: int
    name: str
    from_s: float
    peak_A: float
    charge_As: float
    energy_J: float
    opened_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HardestFeeder:
    """The cell that fed a short of others in parallel at the highest C-rate, in recorded rows.

    Attributes
    ----------
    cell : int
    name : str
    peak_A, peak_C : float
        Its highest current, and that over its capacity [1/h].
    time_s : float
        Of the peak.
    lasted_s : float
        For how long it gave more than `twin.whatif.heat.HIGH_RATE` around the peak.
    """

    cell: int
    name: str
    peak_A: float
    peak_C: float
    time_s: float
    lasted_s: float
