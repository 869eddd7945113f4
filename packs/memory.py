"""What a plant remembers, what it computes with, and the views on both."""

from __future__ import annotations

import numpy as np

from cell_models.contract import LANES
from packs.arrays import Arena, CellArrays, GroupArrays, RackArrays, SiteArrays, Wire
from packs.cooling import cooling_arrays, declare_cooling
from packs.flows import FLOWS
from packs.groups import N_RACK_SUMS, N_SUMS, TILE
from packs.heat_links import declare_network, network_arrays
from packs.heat_spec import LayersSpec
from packs.ladder import NO_RAILS, OPPOSITE_ENDS, SAME_END, declare_ladders, ladder_arrays
from packs.layer_links import near_of
from packs.layers import declare_layers, fill_layers, layer_arrays
from packs.network import N_BUS, N_LOSSES
from packs.spec import PackSpec, WiringSpec
from packs.state import Schema, State
from packs.topology import Topology


def declare_plant(schema: Schema, topology: Topology, spec: PackSpec, buffer_size: int) -> None:
    """Declare what the plant itself remembers; `buffer_size` is that of the cells' buffer."""
    slots, groups = (topology.n_cell_slots,), (topology.n_group_slots,)
    racks, start_K = (topology.n_racks,), spec.initial_temperature_K
    add = schema.add
    add("cells", "lanes", (buffer_size,))
    add("cells", "emf_V", slots, unit="V")
    add("cells", "resistance_ohm", slots, unit="ohm")
    add("cells", "current_A", slots, unit="A")
    add("cells", "voltage_V", slots, unit="V")
    add("cells", "heat_W", slots, unit="W")
    add("cells", "temperature_K", slots, unit="K", initial=start_K)
    add("cells", "is_broken", slots)
    add("network", "group_voltage_V", groups, unit="V")
    add("network", "rack_voltage_V", racks, unit="V")
    add("network", "rack_current_A", racks, unit="A")
    add("network", "switch_A", racks, unit="A")
    add("network", "bus", (N_BUS,))
    add("network", "bleed", groups, integer=True)
    add("thermal", "plate_K", groups, unit="K", initial=start_K)
    add("thermal", "outlet_K", racks, unit="K", initial=start_K)
    add("flows", "total", (len(FLOWS),), unit="J")
    add("flows", "low", (len(FLOWS),), unit="J")
    add("flows", "throughput", (2,))
    add("flows", "charge_As", groups, unit="A*s")
    add("flows", "charge_low_As", groups, unit="A*s")
    add("flows", "worst", (3,))
    add("pcs", "lost", integer=True)
    add("plant", "setpoint_W", unit="W")
    add("plant", "running", integer=True)
    add("plant", "ambient_K", unit="K", initial=start_K)
    add("plant", "inlet_K", unit="K", initial=start_K)
    add("plant", "insulation_ohm", racks, unit="ohm", initial=spec.wiring.insulation_ohm)
    add("plant", "step_ticks", integer=True, initial=-1)
    add("plant", "refresh_at", integer=True)
    add("plant", "drifted", integer=True)
    add("plant", "alert_until", integer=True)
    add("plant", "probe", integer=True)
    add("plant", "melts_at", integer=True, initial=-1)
    add("plant", "cut", racks, integer=True)
    add("plant", "out_of_range", integer=True)
    for name in SCRATCH_OF_CELLS:
        schema.scratch("of_cells", name, topology.n_cell_slots)
    for name in SCRATCH_OF_GROUPS:
        schema.scratch("of_groups", name, topology.n_group_slots)
    for name in SCRATCH_OF_RACKS:
        schema.scratch("of_racks", name, topology.n_racks)
    sizes = {"limits": 4, "losses": N_LOSSES, "sums": N_SUMS * LANES, "heat_J": 2, "air_W": LANES}
    for name, size in {**sizes, "rack_sums": N_RACK_SUMS * LANES, "tile": TILE}.items():
        schema.scratch("of_site", name, size)
    has_rails = spec.wiring.rail is not None
    declare_ladders(schema, *((*slots, *groups) if has_rails else (0, 0)))
    declare_layers(schema, topology, spec.thermal.layers, start_K)
    declare_network(schema, topology, spec)
    declare_cooling(schema, spec.thermal, start_K)
    for name, size in (
        ("first_group", topology.n_racks + 1), ("first_block", topology.n_racks + 1),
        ("fuse_closed", topology.n_racks), ("switch_closed", topology.n_racks),
        ("group_slot", topology.n_groups),
    ):  # fmt: skip
        schema.scratch("of_wiring", name, size, integer=True)


SCRATCH_OF_CELLS = ("cut", "joint_ohm", "weight", "extra_W", "net_W", "kelvin_per_J")
SCRATCH_OF_GROUPS = (
    "used", "bleed_S", "cells_S", "cells_A", "last", "emf_V", "r_ohm", "out_A", "left_A",
    "shorted_A", "link_ohm", "link_W",
)  # fmt: skip
SCRATCH_OF_RACKS = (
    "emf_V", "r_ohm", "n_open", "fuse_ohm", "contactor_ohm", "short_S", "string_S", "string_A",
    "bus_S", "bus_A", "node_V", "gap_V", "flow_W_per_K",
)  # fmt: skip


def wire_of(spec: WiringSpec, topology: Topology) -> Wire:
    """Return the numbers of the wiring."""
    rail = spec.rail
    taken_off = NO_RAILS
    if rail is not None:
        taken_off = OPPOSITE_ENDS if rail.opposite_ends else SAME_END
    return Wire(
        p=np.uint64(topology.cells_per_group), n_blocks=np.uint64(topology.n_blocks),
        joint_ohm=spec.joint_ohm, link_ohm=spec.link_ohm,
        rail_ohm=0.0 if rail is None else rail.segment_ohm, rails=taken_off,
    )  # fmt: skip


def arrays(
    topology: Topology, state: State, kelvin_per_J: float, layers: LayersSpec | None = None
) -> tuple[CellArrays, GroupArrays, RackArrays, SiteArrays]:
    """Return views on a built state and on the scratch beside it, with what is constant filled in.

    Parameters
    ----------
    kelvin_per_J : float
        Inverse heat capacity of one cell [K/J].
    layers : LayersSpec or None
    """
    cells, net, heat = state.view("cells"), state.view("network"), state.view("thermal")
    flows, over, wiring = state.view("flows"), state.view("overlay"), state.view("of_wiring")
    own = vars(state.view("runaway"))
    beside = vars(state.view("of_cells")) | {k: own[k] for k in ("kelvin_per_J",) if k in own}
    short_S = getattr(state.view("of_runaway"), "short_S", over.cell_short_S)
    of_cells = CellArrays(
        emf_V=cells.emf_V, r_ohm=cells.resistance_ohm, current_A=cells.current_A,
        voltage_V=cells.voltage_V, heat_W=cells.heat_W, temperature_K=cells.temperature_K,
        short_S=short_S, joint_extra_ohm=over.joint_extra_ohm, is_open=over.cell_open,
        is_broken=cells.is_broken, **beside,
    )  # fmt: skip
    of_groups = GroupArrays(
        voltage_V=net.group_voltage_V, short_S=over.group_short_S,
        link_extra_ohm=over.link_extra_ohm, plate_K=heat.plate_K, charge_As=flows.charge_As,
        charge_low_As=flows.charge_low_As, **vars(state.view("of_groups")),
    )  # fmt: skip
    of_racks = RackArrays(
        switch_A=net.switch_A, current_A=net.rack_current_A, voltage_V=net.rack_voltage_V,
        outlet_K=heat.outlet_K, first_group=wiring.first_group, first_block=wiring.first_block,
        fuse_closed=wiring.fuse_closed, switch_closed=wiring.switch_closed,
        **vars(state.view("of_racks")),
    )  # fmt: skip
    of_site = SiteArrays(
        bus=net.bus, near=near_of(topology, layers), group_slot=wiring.group_slot,
        total=flows.total, low=flows.low, throughput=flows.throughput, worst=flows.worst,
        charger_A=over.group_charger_A,
        **vars(state.view("of_site")),
    )  # fmt: skip
    of_cells.kelvin_per_J[:] = kelvin_per_J
    fill_layers(state, layers, 1.0 / kelvin_per_J)
    of_groups.used[:] = topology.group_used
    of_racks.first_group[:] = topology.rack_first_group
    of_racks.first_block[:] = topology.rack_first_block
    of_site.group_slot[:] = topology.group_slot
    of_site.limits[:] = (-np.inf, np.inf, -np.inf, np.inf)
    return of_cells, of_groups, of_racks, of_site


def arena(state: State, parts: tuple[CellArrays, GroupArrays, RackArrays, SiteArrays]) -> Arena:
    """Return the arena of a plant's arrays."""
    at: list[int] = []
    int_at: list[int] = []
    near = parts[-1].near
    heat = (layer_arrays(state), *network_arrays(state), cooling_arrays(state))
    everything = (*parts, *heat, ladder_arrays(state))
    for array in (array for part in everything for array in part if array is not near):
        is_float = array.dtype == np.float64
        (at if is_float else int_at).extend((state.at(array), array.size))
    return Arena(
        floats=state.float_arena, ints=state.int_arena, near=near,
        at=np.array(at, dtype=np.int64), int_at=np.array(int_at, dtype=np.int64),
    )  # fmt: skip
