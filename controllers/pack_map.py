"""What a controller's engineer is given on paper: the wiring list and the cell's data sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controllers.terms import AlarmScope

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRating:
    """The cell maker's data sheet: what a BMS engineer is given about the cell.

    Attributes
    ----------
    capacity_As : float
        Rated capacity [A s].
    voltage_min_V, voltage_max_V : float
        Data-sheet limits [V].
    charge_current_max_A, discharge_current_max_A : float
        Continuous limits of one cell, both positive [A].
    temperature_min_K, temperature_max_K : float
        Operating window [K].
    """

    capacity_As: float
    voltage_min_V: float
    voltage_max_V: float
    charge_current_max_A: float
    discharge_current_max_A: float
    temperature_min_K: float
    temperature_max_K: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PackMap:
    """The wiring list: how many of what, and which entry of each flat array belongs where.

    Attributes
    ----------
    n_racks, n_modules, n_groups : int
        Totals of the site.
    cells_per_group : int
        Cells in parallel in every group.
    group_rack, group_module : int64 (n_groups,)
        Rack and module (both counted over the site) of each group.
    temperature_group : int64 (n_temperatures,)
        The group that each thermistor sits at.
    temperature_rack : int64 (n_temperatures,)
        Its rack.
    rack_first_group : int64 (n_racks + 1,)
        Groups of rack r are ``rack_first_group[r] : rack_first_group[r + 1]``.
    rating : CellRating
        Data sheet of the cell.
    bleed_resistance_ohm : float
        Resistor that a balancing switch puts across its group [ohm]; 0 when not fitted.
    contactor_delay_s : float
        Coil delay on the data sheet of the contactors [s].
    """

    n_racks: int
    n_modules: int
    n_groups: int
    cells_per_group: int
    group_rack: Ints
    group_module: Ints
    temperature_group: Ints
    temperature_rack: Ints
    rack_first_group: Ints
    rating: CellRating
    bleed_resistance_ohm: float
    contactor_delay_s: float

    @property
    def n_temperatures(self) -> int:
        """Number of thermistors on cells."""
        return len(self.temperature_group)

    def group_name(self, group: int) -> str:
        """Return the name of a group as shown to people, counted from 1.

        Parameters
        ----------
        group : int
            Index over the site, from 0.
        """
        rack, module = int(self.group_rack[group]), int(self.group_module[group])
        first_module = int(self.group_module[self.rack_first_group[rack]])
        in_module = group - int(np.searchsorted(self.group_module, module))
        return f"rack {rack + 1}, module {module - first_module + 1}, group {in_module + 1}"

    def component_name(self, scope: AlarmScope, component: int) -> str:
        """Return the name of whatever an alarm concerns, as shown to people.

        Parameters
        ----------
        scope : AlarmScope
        component : int
            Index over the site, from 0; -1 for everything.
        """
        if component < 0 or scope == AlarmScope.SITE:
            return "site"
        if scope == AlarmScope.RACK:
            return f"rack {component + 1}"
        if scope == AlarmScope.GROUP:
            return self.group_name(component)
        where = self.group_name(int(self.temperature_group[component]))
        return f"thermistor {component + 1} at {where}"
