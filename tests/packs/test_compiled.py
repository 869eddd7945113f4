"""The compiled way against the stages, bit for bit, with faults that come and go.

`Plant.step` is the definition; `packs.macro` does the same steps in one call.
"""

from __future__ import annotations

import numpy as np
import pytest

from packs.heat_spec import (
    BarrierSpec,
    ChillerSpec,
    CoolingSpec,
    DeviceSpec,
    FanSpec,
    HeaterSpec,
    HousingSpec,
    RadiationSpec,
)
from packs.pcs import ReferencePcs
from packs.spec import CellFuseSpec, CidSpec, RailSpec

SPREAD = {"spread__capacity": 0.01, "spread__resistance": 0.03, "spread__initial_soc": 0.01}
PACKS = {  # racks by their modules, groups per module, cells per group, rails
    "960 cells, one a group": ((32,), 30, 1, None),
    "960 cells, two a group, unequal racks": ((9, 7), 30, 2, None),
    "245 cells, seven a group": ((1,), 35, 7, None),
    "245 cells on rails": ((1,), 35, 7, RailSpec(segment_ohm=1e-4, opposite_ends=False)),
    "960 cells on rails, opposite ends": (
        (9, 7), 15, 4, RailSpec(segment_ohm=1e-4, opposite_ends=True),
    ),
}  # fmt: skip


class OtherPcs(ReferencePcs):
    """Not the reference PCS itself: its plant goes stage by stage."""


def trouble(plant, rng, kind):
    """Let one fault come or go; the same numbers are drawn whatever it is."""
    over, top = plant.overlay, plant.topology
    cell = top.cell_slot[rng.integers(top.n_cells)]
    group, value = top.group_slot[rng.integers(top.n_groups)], rng.uniform()
    if kind == 0:
        over.cell_short_S[cell] = 10.0 * value
    elif kind == 1:
        over.joint_extra_ohm[cell] = value
        over.rail_plus_extra_ohm[cell] = value
    elif kind == 2:
        over.cell_open[cell] = 1.0 - over.cell_open[cell]
    elif kind == 3:
        over.group_short_S[:] = 0.0
        over.group_short_S[group] = value
    elif kind == 4:
        over.cell_short_S[:] = 0.0
        over.cell_open[:] = 0.0
        over.rail_plus_extra_ohm[:] = 0.0
    else:
        over.coolant_fraction[:] = value
        over.bus_short_S[0] = 1e-3 * value


def drive(plant, seconds):
    """Run with a power that changes every second, alert steps, and a fault every seven seconds."""
    rng, racks = np.random.default_rng(5), plant.topology.n_racks
    watts = 2.0 * plant.topology.n_cells
    for tick in range(0, 1000 * seconds, 1000):
        coils = (1, 1, 0) if tick < 2000 else (1, 0, 1)
        plant.switchgear.command(np.array([coils] * racks), tick)
        plant.control.running[0] = tick > 4000
        plant.control.setpoint_W[0] = watts * rng.uniform(-1.0, 2.0)
        if tick % 7000 == 0:
            trouble(plant, rng, rng.integers(6))
            plant.alert(tick)
        plant.advance(tick, tick + 1000, 100)
    return plant


@pytest.mark.parametrize(("modules", "groups", "cells", "rail"), PACKS.values(), ids=PACKS)
def test_compiled_steps_are_the_stages_bit_for_bit(plant, modules, groups, cells, rail) -> None:
    """3,000 steps of 0.1 s and those of the alerts between them."""
    size = {
        "size__modules": modules, "size__groups_per_module": groups,
        "size__cells_per_group": cells, "wiring__rail": rail, **SPREAD,
    }  # fmt: skip
    compiled, staged = plant(**size), plant(**size)
    assert compiled.compiled is not None
    staged.compiled = None
    drive(compiled, 300), drive(staged, 300)
    for name, mine in compiled.state.snapshot().items():
        np.testing.assert_array_equal(mine, staged.state.snapshot()[name], err_msg=name)
    assert compiled.notices == staged.notices
    assert compiled.flows.worst[1] < 1e-12  # Kirchhoff's law, of the largest current of a step


def test_cells_that_open_do_so_in_the_same_step_with_the_same_bits(plant) -> None:
    """Fuses that shorts melt, CIDs that a small overcharge opens, in 245 cells, seven a group."""
    size = {
        "size__modules": (1,), "size__groups_per_module": 35, "size__cells_per_group": 7, **SPREAD,
    }  # fmt: skip
    devices = {
        "cell_fuse": CellFuseSpec(rating_A=1.5, least_A=2.5, melting_A2s=20.0),
        "cid": CidSpec(overcharge=0.518, temperature_K=301.15),
    }
    compiled, staged = plant(**size, **devices), plant(**size, **devices)
    staged.compiled = None
    drive(compiled, 300), drive(staged, 300)
    for name, mine in compiled.state.snapshot().items():
        np.testing.assert_array_equal(mine, staged.state.snapshot()[name], err_msg=name)
    assert compiled.notices == staged.notices
    codes = [notice.code for notice in compiled.notices]
    assert codes.count("cell_fuse_blown") >= 3
    assert codes.count("cid_opened_overcharge") >= 3
    assert codes.count("cid_opened_temperature") >= 3


HEAT = {
    "barriers": {"barriers": (BarrierSpec(between="groups", W_per_K=0.01, name="sheet"),)},
    "tight, bright and housed": {
        "neighbour_W_per_K": 300.0,
        "busbar_W_per_K": 5.0,
        "radiation": RadiationSpec(emissivity=0.8, diameter_m=0.021, height_m=0.07),
        "housing": HousingSpec(J_per_K=900.0, cell_W_per_K=0.1, ambient_W_per_K=0.5),
    },
    "cooling": {
        "cooling": CoolingSpec(
            pump=DeviceSpec(response_s=3.0, power_W=20.0),
            fan=FanSpec(response_s=2.0, power_W=9.0, full_W_per_K=0.1),
            valve=DeviceSpec(response_s=1.0, power_W=1.0),
            chiller=ChillerSpec(response_s=5.0, power_W=99.0, performance=3.0, outlet_K=283.15),
            heater=HeaterSpec(response_s=1.0, power_W=50.0, efficiency=0.9, outlet_K=313.15),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("thermal", HEAT.values(), ids=HEAT)
def test_heat_paths_and_cooling_are_the_stages_bit_for_bit(plant, thermal) -> None:
    size = {"size__modules": (3, 2), "size__groups_per_module": 7, "size__cells_per_group": 3}
    heat = {f"thermal__{name}": value for name, value in thermal.items()}
    compiled, staged = plant(**size, **SPREAD, **heat), plant(**size, **SPREAD, **heat)
    staged.compiled = None
    for each in (compiled, staged):
        if "cooling" in thermal:
            each.cooling.duty[:] = (0.8, 0.4, 0.5, 0.3, 0.6)
        drive(each, 60)
    for name, mine in compiled.state.snapshot().items():
        np.testing.assert_array_equal(mine, staged.state.snapshot()[name], err_msg=name)


def test_plug_ins_that_change_ours_go_stage_by_stage(plant, pcs_spec) -> None:
    from packs.compiled import compiled_way

    site = plant()
    assert compiled_way(site, site.state) is not None
    site.converter = OtherPcs(pcs_spec)
    assert compiled_way(site, site.state) is None
