"""Injectable points: arrays that kernels always read, neutral while everything is healthy.

A fault writes numbers here; nothing in the plant branches on "is there a fault".
"""

from __future__ import annotations

from packs.state import Schema
from packs.topology import Topology

CONTACTORS = ("minus", "precharge", "plus")
"""Order of the contactors on every contactor axis."""

FREE, STUCK_OPEN, STUCK_CLOSED = 0, 1, 2
"""Values of `contactor_stuck`, and of `feedback`: an auxiliary contact that tells the truth, or
always open, or always closed."""


def declare_overlay(schema: Schema, topology: Topology, n_sensors: int) -> None:
    """Declare the overlay's fields.

    By cell slot: ``cell_short_S`` conductance of an internal short [S], ``joint_extra_ohm`` added
    to the cell's joint [ohm], ``cell_open`` not 0 where the cell is cut off its group. By group
    slot: ``group_short_S`` external short [S], ``link_extra_ohm`` added to the busbar to the next
    group [ohm]. By rack: ``rack_short_S`` across the rack, between its fuse and its switches,
    ``leak_S`` (R, 2) from minus and plus to ground, ``coolant_fraction`` of the nominal flow,
    ``contactor_stuck`` and ``feedback`` (R, 3), ``fuse_open``. ``bus_short_S`` across the DC bus.
    By sensor: ``sensor_offset`` in the unit of the channel, ``sensor_stuck`` and ``sensor_lost``.
    """
    add = schema.add
    racks = topology.n_racks
    add("overlay", "cell_short_S", (topology.n_cell_slots,), unit="S")
    add("overlay", "joint_extra_ohm", (topology.n_cell_slots,), unit="ohm")
    add("overlay", "cell_open", (topology.n_cell_slots,))
    add("overlay", "group_short_S", (topology.n_group_slots,), unit="S")
    add("overlay", "link_extra_ohm", (topology.n_group_slots,), unit="ohm")
    add("overlay", "rack_short_S", (racks,), unit="S")
    add("overlay", "leak_S", (racks, 2), unit="S")
    add("overlay", "bus_short_S", unit="S")
    add("overlay", "coolant_fraction", (racks,), initial=1.0)
    add("overlay", "contactor_stuck", (racks, 3), integer=True)
    add("overlay", "feedback", (racks, 3), integer=True)
    add("overlay", "fuse_open", (racks,), integer=True)
    add("overlay", "sensor_offset", (n_sensors,))
    add("overlay", "sensor_stuck", (n_sensors,), integer=True)
    add("overlay", "sensor_lost", (n_sensors,), integer=True)
