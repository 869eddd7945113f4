"""The faults of cells, wiring, switchgear and cooling, as a scenario describes them."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from twin.scenarios import units
from twin.scenarios.fault_windows import (
    CELL_LEVELS,
    GROUP_LEVELS,
    MODULE_LEVELS,
    RACK_LEVELS,
    FaultSection,
    Place,
)
from twin.scenarios.sections import Count
from twin.scenarios.units import Fraction


class CellFault(FaultSection):
    """A fault of one cell."""

    at: Place

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return CELL_LEVELS


class InternalShort(CellFault):
    """A resistance inside one cell, across its terminals, before its joint.

    With `growth` it begins at `start_resistance`, and its conductance grows evenly for so long.
    """

    kind: Literal["internal_short"]
    resistance: units.OhmsOrZero
    start_resistance: units.Ohms | None = None
    growth: units.Seconds | None = None

    @model_validator(mode="after")
    def _grows_from_something(self) -> InternalShort:
        if (self.start_resistance is None) != (self.growth is None):
            text = "expected both of 'start_resistance' and 'growth', or none"
        elif self.start_resistance is not None and self.start_resistance <= self.resistance:
            text = f"start_resistance {self.start_resistance:g} ohm must be above resistance "
            text += f"{self.resistance:g} ohm, to which it falls"
        else:
            return self
        raise PydanticCustomError("growth", "{text}", {"text": text})


class Nail(CellFault):
    """A nail goes through one cell or several in a line: each is shorted, its can open for good.

    The short is that of `internal_short`. With the gas of modules the can is pierced as well: no
    pressure builds up in it. `through` counts cells from the one at `at`, `towards` those `behind`
    it (of its own group first) or `beside` it (in the next columns). Each cell is shorted within
    itself; that the nail also connects cells in series with each other is left out.
    """

    kind: Literal["nail"]
    resistance: units.OhmsOrZero
    through: Count = 1
    towards: Literal["behind", "beside"] = "behind"

    @model_validator(mode="after")
    def _stays(self) -> Nail:
        if self.until is None:
            return self
        text = "'until' means nothing here: a hole does not close; leave it out"
        raise PydanticCustomError("window", "{text}", {"text": text})


class JointResistance(CellFault):
    """The joint of one cell takes another resistance."""

    kind: Literal["joint_resistance"]
    resistance: units.OhmsOrZero


class OpenCell(CellFault):
    """One cell is cut off its group: a weld torn, its fuse or its current interrupt device open."""

    kind: Literal["open_cell"]


class RailResistance(CellFault):
    """One segment of a rail, from the cell at `at` to the next of its group, takes another
    resistance."""

    kind: Literal["rail_resistance"]
    rail: Literal["minus", "plus"]
    resistance: units.OhmsOrZero


class LinkResistance(FaultSection):
    """The busbar from one group to the next takes another resistance."""

    kind: Literal["link_resistance"]
    at: Place
    resistance: units.OhmsOrZero

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return GROUP_LEVELS


class ExternalShort(FaultSection):
    """A resistance across one group, across one rack behind its fuse, or across the DC bus."""

    kind: Literal["external_short"]
    at: Place = Place()
    resistance: units.OhmsOrZero

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs: those of a group, of a rack, or none."""
        if self.at == Place():
            return ()
        return RACK_LEVELS if self.at == Place(rack=self.at.rack) else GROUP_LEVELS


class Overcharge(FaultSection):
    """The PCS charges with `power` (AC side) whatever it is told, or a charger drives `current`
    into one group.

    Without a place it is the PCS that is stuck: limits of the BMS do nothing, only open contactors
    part the pack from it, and where it lifts the bus 15 % above all groups full it trips by itself.
    The charger at a group is the laboratory's: clamped to its terminals, which nothing of the pack
    parts from it, and without a limit of voltage. Cells have no reactions of overcharge of their
    own: no plated lithium, no heat of oxidation.
    """

    kind: Literal["overcharge"]
    at: Place = Place()
    power: units.Watts | None = None
    current: units.Amperes | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Overcharge:
        of_pcs = self.at == Place()
        given = self.power if of_pcs else self.current
        other = self.current if of_pcs else self.power
        if given is not None and other is None:
            return self
        text = (
            "expected 'power' alone (the PCS is stuck), or 'current' with 'at' a group (a charger)"
        )
        raise PydanticCustomError("charger", "{text}", {"text": text})

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs: those of a group, or none."""
        return () if self.at == Place() else GROUP_LEVELS


class RackFault(FaultSection):
    """A fault of one rack."""

    at: Place

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return RACK_LEVELS


class CoolantLoss(RackFault):
    """The coolant flow of one rack falls to a `remaining` fraction."""

    kind: Literal["coolant_loss"]
    remaining: Fraction


class ContactorStuck(RackFault):
    """One contactor of one rack does not follow its coil."""

    kind: Literal["contactor_stuck"]
    contactor: Literal["minus", "precharge", "plus"]
    position: Literal["open", "closed"]


class ContactorFeedback(RackFault):
    """The auxiliary contact of one contactor says `tells`, whatever the contactor does."""

    kind: Literal["contactor_feedback"]
    contactor: Literal["minus", "precharge", "plus"]
    tells: Literal["open", "closed"]


class FuseOpen(RackFault):
    """The fuse of one rack is open, without having melted: removed, or its holder loose."""

    kind: Literal["fuse_open"]


class InsulationLeak(RackFault):
    """One pole of a rack leaks to ground, beside the healthy insulation."""

    kind: Literal["insulation_leak"]
    pole: Literal["minus", "plus"]
    resistance: units.OhmsOrZero


class HeatFault(FaultSection):
    """Heat from outside, on the cells of a place; it grows evenly from nothing for `ramp`."""

    ramp: units.SecondsOrZero = 0.0


class Heater(HeatFault):
    """A heater on one cell, or on each cell of a group or module; `power` for each cell."""

    kind: Literal["heater"]
    at: Place
    power: units.Watts

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs: those of a cell, a group or a module."""
        if self.at.cell is not None:
            return CELL_LEVELS
        return MODULE_LEVELS if self.at.group is None else GROUP_LEVELS


class Oven(HeatFault):
    """The air around the cells of a module, a rack or the site takes another temperature."""

    kind: Literal["oven"]
    at: Place = Place()
    temperature: units.Kelvin

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs: those of a module, of a rack, or none."""
        if self.at == Place():
            return ()
        return RACK_LEVELS if self.at == Place(rack=self.at.rack) else MODULE_LEVELS


class Fire(HeatFault):
    """Flames around one cell, or each of a group, module, rack or the site, beside the air.

    Gas of one temperature, to which each cell has `conductance`: its exposed area times convection
    and radiation together. A bare 21700 cell (46 cm2) all in flames of 800 to 1100 degC has 0.3 to
    1 W/K: 25 to 50 W/m2/K of convection (EN 1991-1-2:2002, 3.2) and 60 to 160 W/m2/K of radiation,
    linearised, at an emissivity of 0.8. Behind the walls of a housing it has far less; assumed.
    """

    kind: Literal["fire"]
    at: Place = Place()
    temperature: units.FlameKelvin
    conductance: units.FlameWattsPerKelvin

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs: those of the finest level that it names."""
        given = [k for k, level in enumerate(CELL_LEVELS) if getattr(self.at, level) is not None]
        return CELL_LEVELS[: 1 + max(given, default=-1)]
