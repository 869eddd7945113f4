"""Injectable points: arrays that kernels always read, neutral while everything is healthy.

A fault writes numbers here; nothing in the plant branches on "is there a fault".
"""

from __future__ import annotations

from packs.state import Schema
from packs.topology import Topology

CONTACTORS = ("minus", "precharge", "plus")
"""Order of the contactors on every contactor axis."""

FREE, STUCK_OPEN, STUCK_CLOSED = 0, 1, 2
"""Values of `contactor_stuck`."""


def declare_overlay(schema: Schema, topology: Topology, n_sensors: int) -> None:
    """Declare the overlay's fields.

    ``cell_short_S`` conductance of an internal short [S]; ``joint_extra_ohm`` added to a cell's
    joint [ohm]; ``coolant_fraction`` of the nominal flow, per rack; ``contactor_stuck`` per rack
    and contactor; ``fuse_open`` per rack; ``sensor_offset`` in the unit of the channel,
    ``sensor_stuck`` and ``sensor_lost`` flags, per sensor.
    """
    add = schema.add
    add("overlay", "cell_short_S", (topology.n_cells,), unit="S")
    add("overlay", "joint_extra_ohm", (topology.n_cells,), unit="ohm")
    add("overlay", "coolant_fraction", (topology.n_racks,), initial=1.0)
    add("overlay", "contactor_stuck", (topology.n_racks, 3), integer=True)
    add("overlay", "fuse_open", (topology.n_racks,), integer=True)
    add("overlay", "sensor_offset", (n_sensors,))
    add("overlay", "sensor_stuck", (n_sensors,), integer=True)
    add("overlay", "sensor_lost", (n_sensors,), integer=True)
