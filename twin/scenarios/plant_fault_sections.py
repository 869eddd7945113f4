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
    resistance: units.Ohms
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
    resistance: units.Ohms

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs: those of a group, of a rack, or none."""
        if self.at == Place():
            return ()
        return RACK_LEVELS if self.at == Place(rack=self.at.rack) else GROUP_LEVELS


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
    resistance: units.Ohms


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
