"""Faults in a whole run: neutral before, at work in their window, and nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest

NEUTRAL = {"coolant_fraction": 1.0}  # everything else on the overlay is neutral at 0
SHORT = {
    "name": "internal short", "kind": "internal_short", "from": "25 s", "until": "35 s",
    "at": {"rack": 1, "module": 1, "group": 2, "cell": 1}, "resistance": "0.5 ohm",
}  # fmt: skip
KINDS = {
    "joint": {"kind": "joint_resistance", "at": SHORT["at"], "resistance": "20 mohm"},
    "coolant": {"kind": "coolant_loss", "at": {"rack": 1}, "remaining": 0.0},
    "contactor": {
        "kind": "contactor_stuck", "at": {"rack": 1}, "contactor": "plus", "position": "open",
    },
    "offset": {
        "kind": "sensor_offset", "channel": "rack_current", "at": {"rack": 1}, "offset": "1 A",
    },
    "stuck": {
        "kind": "sensor_stuck", "channel": "group_voltage",
        "at": {"rack": 1, "module": 2, "group": 1},
    },
    "lost": {"kind": "sensor_lost", "channel": "rack_voltage", "at": {"rack": 1}},
}  # fmt: skip


def overlay_of(built):
    return {key: a.copy() for key, a in built.state.snapshot().items() if "overlay." in key}


def is_neutral(overlay):
    return all(np.all(a == NEUTRAL.get(key.split(".")[1], 0.0)) for key, a in overlay.items())


def as_override(*faults):
    """Write faults as YAML in flow style, which JSON is."""
    import json

    return "faults=" + json.dumps(faults)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_acts_in_its_window_alone(engine, kind) -> None:
    fault = {"name": kind, "from": "10 s", "until": "20 s", **KINDS[kind]}
    built = engine(as_override(fault))
    built.run(9000)
    assert is_neutral(overlay_of(built))
    built.run(10_100)
    during = overlay_of(built)
    assert not is_neutral(during)
    built.run(20_000)
    built.step()
    assert is_neutral(overlay_of(built))
    assert [(e.transition, e.time_s) for e in built.events if e.source == "fault"] == [
        ("came", 10.0),
        ("went", 20.0),
    ]


def test_faults_at_one_place_add_up_and_the_one_that_ends_takes_only_itself(engine) -> None:
    second = SHORT | {"name": "second", "from": "28 s", "until": "40 s", "resistance": "2 ohm"}
    built = engine(as_override(SHORT, second))
    short_S = built.plant.overlay.cell_short_S
    top = built.plant.topology
    cell = top.cell_slot[top.cell_index(0, 0, 1, 0)]
    expected = {26_000: 2.0, 30_000: 2.5, 36_000: 0.5, 41_000: 0.0}
    for tick, conductance in expected.items():
        built.run(tick)
        assert short_S[cell] == conductance
        assert np.count_nonzero(short_S) == (conductance > 0.0)


def test_until_a_fault_comes_the_run_is_bit_for_bit_that_without_it(engine) -> None:
    """Kernels always read the overlay: neutral is not merely close to healthy."""
    sick, healthy = engine(), engine("faults=[]")
    sick.run(24_900), healthy.run(24_900)
    mine, other = sick.state.snapshot(), healthy.state.snapshot()
    for key in other:
        if not key.startswith("faults."):  # how many there are, and their own memory
            np.testing.assert_array_equal(mine[key], other[key], err_msg=key)
    sick.run(25_200), healthy.run(25_200)
    assert not np.array_equal(sick.plant.cells.voltage_V, healthy.plant.cells.voltage_V)


def test_a_fault_without_consequence_leaves_the_truth_untouched(engine) -> None:
    """A sensor that a controller without protection does not look at changes no cell."""
    fault = {"name": "offset", "from": "10 s", "until": "20 s", **KINDS["offset"]}
    sick, healthy = engine(as_override(fault)), engine("faults=[]")
    for built in (sick, healthy):
        built.run(15_000)
    assert not np.array_equal(sick.state.view("sensors").value, healthy.state.view("sensors").value)
    # The fault's coming makes the plant read its tables at one time more: 5 s of carrying OCV
    # along its slope differ by a hundredth of a millivolt.
    difference = sick.plant.cells.temperature_K - healthy.plant.cells.temperature_K
    assert np.abs(difference[healthy.plant.topology.cell_slot]).max() < 1e-5
