"""Several steps of a plant in one compiled call: the same stages as `packs.plant`, bit for bit.

For packs of one equivalent-circuit population and the reference PCS. Block by block the cells go
through all stages (`packs.blocks`); between two steps the bus is solved. Each step is as long as
`next_length` says. Whatever people must be told of ends the call after its step; what must be done
otherwise (power that cannot be given) ends it before the step, with nothing changed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_models.contract import NOT_FINITE, OUT_OF_RANGE, REFRESH
from cell_models.ecm import close_sweep
from cell_models.ecm_lanes import VALIDITY
from cell_models.ecm_tables import sweep_refresh
from cell_models.jit import inlined, kernel, lent
from packs import network
from packs.aftermath import BLOWN, BROKEN, CUT, RANGE, TROUBLE, asks_outputs, settled
from packs.arrays import lent_arena, open_cells, open_groups, open_racks, open_site
from packs.blocks import look_ahead, move_rack, note_plain, warm_rest
from packs.currents import close_sums, lane_sum, spread_racks
from packs.external_heat import give_heat, prepare_external_heat
from packs.flows import book
from packs.groups import WIDTH
from packs.ladder import open_ladder
from packs.network import solve_bus
from packs.pace import next_length
from packs.pcs import move_pcs
from packs.prepare import prepare
from packs.runaway import add_shorts
from packs.switchgear import NEVER_S, heat_fuses
from packs.thermal import advance_equipped, advance_heat, parts_at

OCV_OR_TEMPERATURE = 3
"""Flags that make an event; resistances held below soc 0.05 or above 0.95 are in the file only."""

_U = np.uint64
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class EcmPopulation(NamedTuple):
    """One population of equivalent-circuit cells: where its buffer is, and its numbers.

    `lanes` is where the buffer begins and how long it is among the plant's floats.
    """

    first_lane: int
    n_lanes: int
    stride: np.uint64
    n_rc: np.uint64
    hysteresis_V: float
    hysteresis_rate: float
    elastic_V: float
    first_slot: int


class Surroundings(NamedTuple):
    """What holds for some steps: what is asked of the PCS and what comes from outside, float64 or
    int64 (1,); numbers that never change, of DC bus, fuses and tables, the short step and the
    largest rate of heat paths (`packs.thermal.largest_rate`)."""

    short_S: Floats
    setpoint_W: Floats
    running: Ints
    inlet_K: Floats
    ambient_K: Floats
    capacitance_F: float
    bleed_ohm: float
    ceiling_V: float
    refresh_ticks: int
    least_A: float
    tau_s: float
    short_ticks: int
    rate: float


class Moving(NamedTuple):
    """Small arrays of the state that steps change, and scratch.

    `plain` float64 (n_blocks,) of `packs.blocks`; `reach`, by how many blocks of groups neighbours
    are apart at most.
    """

    step_ticks: Ints
    alert_until: Ints
    probe: Ints
    refresh_at: Ints
    drifted: Ints
    melts_at: Ints
    out_of_range: Ints
    cut: Ints
    blown: Ints
    blew: Ints
    fuse_heat: Floats
    sums: Floats
    spare: Ints
    plain: Floats
    reach: np.uint64


@kernel
def range_is_news(count, told):
    """Say whether to tell that so many cells are beyond their tables: the first ones, twice as many
    as were told of last, none any more."""
    return count != told and (count == 0 or count >= 2 * told)


@inlined
def count_beyond(wire, ecm, lanes, used):
    """Return how many cells are beyond their tables, as `Plant.tell_out_of_range` does."""
    count = 0
    for block in range(wire.n_blocks):
        for place in range(wire.p):
            base = (block * wire.p + place) * ecm.stride + _U(VALIDITY)
            for lane in range(WIDTH):
                is_beyond = int(lanes[base + lane]) & OCV_OR_TEMPERATURE != 0
                count += 1 if is_beyond and used[block * WIDTH + lane] > 0.0 else 0
    return count


@inlined
def tables_are_due(tick, length, moving):
    """Tell whether the cells' tables must be read before a step."""
    is_due = tick >= moving.refresh_at[0] or moving.drifted[0] != 0
    return is_due or length != moving.step_ticks[0]


@inlined
def read_tables(tick, length, h, around, wire, ecm, tables, lanes, cells, groups, moving):
    """Read the cells' tables (`Plant.refresh`); return whether people must be told."""
    is_due = tick >= moving.refresh_at[0]
    moving.step_ticks[0], moving.drifted[0] = length, 0
    if is_due:
        moving.refresh_at[0] = tick + around.refresh_ticks
    for k in range(len(moving.spare)):
        cells.temperature_K[moving.spare[k]] = cells.temperature_K[ecm.first_slot]
    n_blocks = np.uint64(len(cells.emf_V)) // WIDTH
    status = sweep_refresh(
        lanes, n_blocks, ecm.stride, h, ecm.elastic_V, is_due, cells.temperature_K, *tables
    )
    if status & OUT_OF_RANGE == 0 and moving.out_of_range[0] == 0:
        return False
    count = count_beyond(wire, ecm, lanes, groups.used)
    return range_is_news(count, moving.out_of_range[0])


@inlined
def supply(h, around, numbers, memory, racks, site):
    """Let the PCS ask and the bus answer; return the status, with nothing changed but on SOLVED."""
    link_V = site.bus[network.BUS_V]
    ac_W, dc_W, loss_W = memory.ac_power_W[0], memory.dc_power_W[0], memory.loss_W[0]
    state, waited_s = memory.state[0], memory.waited_s[0]
    waiting_0, waiting_1 = memory.waiting_W[0], memory.waiting_W[1]
    power = move_pcs(h, around.setpoint_W[0], around.running[0] != 0, link_V, numbers, memory)
    kind = network.POWER if power != 0.0 else network.OPEN
    status = solve_bus(
        kind, power, site.limits, around.capacitance_F / h, link_V, 1.0 / around.bleed_ohm,
        around.short_S[0], racks.bus_S, racks.bus_A, racks.switch_A, site.bus,
    )  # fmt: skip
    if status == network.SOLVED and site.bus[network.BUS_V] > around.ceiling_V and power < 0.0:
        status = network.INFEASIBLE
    if status != network.SOLVED:
        site.bus[network.BUS_V] = link_V
        memory.ac_power_W[0], memory.dc_power_W[0], memory.loss_W[0] = ac_W, dc_W, loss_W
        memory.state[0], memory.waited_s[0] = state, waited_s
        memory.waiting_W[0], memory.waiting_W[1] = waiting_0, waiting_1
    return status


@inlined
def watched(end, h, around, racks, moving):
    """Watch the racks in a step that ends at a tick; return why the call must end, or 0."""
    why = 0
    count, soonest_s = heat_fuses(
        h, around.least_A, around.tau_s, racks.current_A, moving.fuse_heat, moving.blown,
        moving.blew,
    )  # fmt: skip
    if count > 0:
        why |= BLOWN
    if soonest_s < NEVER_S:
        moving.melts_at[0] = end + int(np.ceil(soonest_s * 1000.0))
    else:
        moving.melts_at[0] = -1
    for rack in range(len(racks.n_open)):
        if racks.n_open[rack] != moving.cut[rack]:
            why |= CUT
    return why


@inlined
def move_blocks(
    h, was_final, is_final, warms, around, wire, paths, ecm, lanes, cells, groups, ladder, racks,
    site, moving,
):  # fmt: skip
    """Take all blocks through a step; return why the call must end, or 0."""
    plain, of_cells, reach = lent(moving.plain), lent(moving.sums), moving.reach
    site.air_W[:] = 0.0
    site.heat_J[:] = 0.0
    for rack in range(len(racks.emf_V)):
        move_rack(
            rack, h, around.inlet_K[0], around.ambient_K[0], warms, was_final, is_final, wire,
            paths, ecm, lanes, cells, groups, ladder, racks, site, plain, reach, of_cells,
        )  # fmt: skip
    if warms:
        warm_rest(h, wire, cells, reach)
        site.heat_J[1] = h * lane_sum(site.air_W, _U(0))
    close_sums(around.short_S[0], wire, ladder, site)
    status = close_sweep(lanes, _U(len(cells.emf_V)) // WIDTH * ecm.stride, of_cells)
    if status & REFRESH:
        moving.drifted[0] = 1
    return BROKEN if status & NOT_FINITE else 0


@inlined
def wire_up(hazards, wire, ecm, settings, cells, groups, ladder, racks, site, plain, floats, ints):
    """Write what follows from shorts, switches and cells that are open."""
    if hazards is not None:
        if hazards.runaway.fitted:
            add_shorts(hazards.runaway, cells, floats, ints)
    prepare(wire, settings, cells, groups, ladder, racks)
    note_plain(wire, ecm, cells, groups, site.charger_A, plain)


@kernel
def advance_many(
    tick, horizon, longest, is_moving, around, wire, settings, paths, equipped, ecm, tables,
    numbers, memory, moving, hazards, heat_given, arena,
):  # fmt: skip
    """Do steps from a tick to a horizon, of at most `longest` ticks.

    Parameters
    ----------
    tick, horizon, longest : int
    is_moving : bool
        As `next_length` takes them.
    around : Surroundings
    wire, settings, paths : Wire, Settings, HeatPaths
    equipped : bool or None
        As `paths.equipped`, None for False: what it takes is compiled only where there is some.
    ecm, tables : EcmPopulation, tuple
        `tables` as `sweep_refresh` takes them.
    numbers, memory : PcsNumbers, PcsMemory
    moving : Moving
    hazards : Hazards or None
    heat_given : ExternalHeat
    arena : Arena

    Returns
    -------
    int
        The tick that was reached.
    int
        Why it ended early: bits, 0 where it did not.
    """
    arena = lent_arena(arena)
    cells, groups = open_cells(arena), open_groups(arena)
    ladder, racks, site = open_ladder(arena), open_racks(arena), open_site(arena)
    lanes = arena.floats[ecm.first_lane : ecm.first_lane + ecm.n_lanes]
    floats, ints = arena.floats, arena.ints
    prepare_external_heat(heat_given, paths.ambient, around.ambient_K[0], len(cells.emf_V), floats)
    is_known = is_wired = False
    while tick < horizon:
        length = next_length(
            tick, horizon, longest, around.short_ticks, is_moving, moving.alert_until[0],
            moving.melts_at[0], moving.probe[0],
        )  # fmt: skip
        if not is_wired:
            wire_up(
                hazards, wire, ecm, settings, cells, groups, ladder, racks, site, moving.plain,
                floats, ints,
            )  # fmt: skip
        h, late = length / 1000.0, False
        if tables_are_due(tick, length, moving):
            is_known = False
            late = read_tables(
                tick, length, h, around, wire, ecm, tables, lanes, cells, groups, moving
            )
        why = RANGE if late else 0
        if not is_known:
            look_ahead(wire, ecm, lanes, cells, groups, ladder, racks, site)
        link_V = site.bus[network.BUS_V]
        if supply(h, around, numbers, memory, racks, site) != network.SOLVED:
            return tick, why | TROUBLE
        moving.probe[0] = 0
        spread_racks(racks, site)
        tick += length
        parts = parts_at(around.rate, h)
        warms = equipped is None and parts == 1
        why |= watched(tick, h, around, racks, moving)
        is_final = not warms or why != 0 or tick >= horizon
        if hazards is not None:
            is_final = is_final or asks_outputs(hazards, ints)
        why |= move_blocks(
            h, not is_known, is_final, warms, around, wire, paths, ecm, lanes, cells, groups,
            ladder, racks, site, moving,
        )  # fmt: skip
        is_known = not is_final
        if equipped is not None:
            advance_equipped(parts, h, around.inlet_K[0], around.ambient_K[0], wire, paths, arena)
        elif not warms:
            advance_heat(
                parts, h, around.inlet_K[0], around.ambient_K[0], paths.ambient, wire, paths,
                cells, groups, racks, site,
            )  # fmt: skip
        give_heat(h, heat_given, cells, site, floats)
        is_wired = True
        if hazards is not None:
            is_other, why = settled(
                tick, h, why, around.ambient_K[0], hazards, ecm, moving.drifted, moving.melts_at,
                lanes, cells, site, floats, ints,
            )  # fmt: skip
            is_wired = not is_other
        is_known = is_known and is_wired
        book(
            h, site, link_V, around.capacitance_F, around.bleed_ohm, memory.ac_power_W[0],
            memory.loss_W[0],
        )  # fmt: skip
        if why != 0:
            return tick, why
    return tick, 0
