"""Injectable points: arrays that kernels always read, neutral while everything is healthy.

A fault writes numbers here; nothing in the plant branches on "is there a fault".
"""

from __future__ import annotations

from typing import Any

from packs.state import Schema
from packs.topology import Topology

CONTACTORS = ("minus", "precharge", "plus")
"""Order of the contactors on every contactor axis."""

FREE, STUCK_OPEN, STUCK_CLOSED = 0, 1, 2
"""Values of `contactor_stuck`, and of `feedback`: an auxiliary contact that tells the truth, or
always open, or always closed."""

DEAD_SHORT_S = 1e12
"""Conductance that stands for a short of 0 ohm [S]: shunts are conductances, and finite. Currents
are then within 1e-5 A of their limit, and every balance closes to rounding (tests/packs)."""


def declare_overlay(schema: Schema, topology: Topology, n_sensors: int) -> None:
    """Declare the overlay's fields.

    By cell slot: ``cell_short_S`` conductance of an internal short [S], ``joint_extra_ohm`` added
    to the cell's joint [ohm], ``cell_open`` not 0 where the cell is cut off its group, ``heater_W``
    given to the cell from outside [W], ``oven_K`` temperature of the air around it in place of the
    site's, 0 for that [K], ``fire_K`` and ``fire_W_per_K`` hot gas beside that air, and conductance
    to it [K], [W/K] (`packs.external_heat`), ``cell_pierced`` not 0 where a nail went through the
    can, which opens it for good (`packs.module_gas`), ``rail_plus_extra_ohm`` and
    ``rail_minus_extra_ohm`` added to the segments of rails from the cell to the next one [ohm],
    which only groups with rails have (`packs.ladder`). By group slot: ``group_short_S`` external
    short [S], ``group_charger_A`` that a charger of its own drives into it [A], ``link_extra_ohm``
    added to the busbar to the next group [ohm]. By rack: ``rack_short_S`` across the rack, between
    its fuse and its switches, ``leak_S`` (R, 2) from minus and plus to ground, ``coolant_fraction``
    of the nominal flow, ``contactor_stuck`` and ``feedback`` (R, 3), ``fuse_open``. ``bus_short_S``
    across the DC bus; ``charger_W`` with which the PCS charges whatever it is told, 0 for none [W]
    (`packs.pcs.obey`).
    Of the sensors see `declare_sensor_overlay`.
    """
    add = schema.add
    racks = topology.n_racks
    add("overlay", "cell_short_S", (topology.n_cell_slots,), unit="S")
    add("overlay", "joint_extra_ohm", (topology.n_cell_slots,), unit="ohm")
    add("overlay", "cell_open", (topology.n_cell_slots,))
    add("overlay", "heater_W", (topology.n_cell_slots,), unit="W")
    add("overlay", "oven_K", (topology.n_cell_slots,), unit="K")
    add("overlay", "fire_K", (topology.n_cell_slots,), unit="K")
    add("overlay", "fire_W_per_K", (topology.n_cell_slots,), unit="W/K")
    add("overlay", "cell_pierced", (topology.n_cell_slots,))
    add("overlay", "rail_plus_extra_ohm", (topology.n_cell_slots,), unit="ohm")
    add("overlay", "rail_minus_extra_ohm", (topology.n_cell_slots,), unit="ohm")
    add("overlay", "group_short_S", (topology.n_group_slots,), unit="S")
    add("overlay", "group_charger_A", (topology.n_group_slots,), unit="A")
    add("overlay", "link_extra_ohm", (topology.n_group_slots,), unit="ohm")
    add("overlay", "rack_short_S", (racks,), unit="S")
    add("overlay", "leak_S", (racks, 2), unit="S")
    add("overlay", "bus_short_S", unit="S")
    add("overlay", "charger_W", unit="W")
    add("overlay", "coolant_fraction", (racks,), initial=1.0)
    add("overlay", "contactor_stuck", (racks, 3), integer=True)
    add("overlay", "feedback", (racks, 3), integer=True)
    add("overlay", "fuse_open", (racks,), integer=True)
    declare_sensor_overlay(schema, n_sensors)


OFFSET, GAIN, NOISE, SPIKE, SPIKE_CHANCE, RESOLUTION, LOST, KEEP, AIR = range(9)
"""Rows of `sensor`."""
STUCK, SWAP, DELAY, SILENT = range(4)
"""Rows of `sensor_switch`."""


def declare_sensor_overlay(schema: Schema, n_sensors: int) -> None:
    """Declare what faults write on sensors, a column for each; all neutral at 0.

    Rows of ``sensor``, in the unit of the channel: `OFFSET` added, drift included; `NOISE` one
    sigma more, its variance added; `SPIKE` added to a sample with the chance `SPIKE_CHANCE`;
    `RESOLUTION` of a coarser quantiser. Numbers: `GAIN` relative, added; `LOST` chance of a sample
    to be lost; `KEEP` lag factor of a sampling period, in place of a shorter own one; `AIR` share
    of the air in what a thermistor feels. Rows of ``sensor_switch``: `STUCK` repeats the last
    sample; `SWAP` how many places further on the element sits that the channel is wired to;
    `DELAY` in samples; `SILENT` no message arrives.
    """
    schema.add("overlay", "sensor", (AIR + 1, n_sensors))
    schema.add("overlay", "sensor_switch", (SILENT + 1, n_sensors), integer=True)


def clear_sensors(overlay: Any) -> None:
    """Set everything on sensors neutral; the fields of `overlay` are written."""
    overlay.sensor[...] = 0.0
    overlay.sensor_switch[...] = 0
