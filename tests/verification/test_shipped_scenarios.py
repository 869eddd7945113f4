"""The scenarios that are shipped keep the promises of the design, and show what they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twin
from controllers.ports import BmsState
from twin.pages.facts import gather
from twin.pages.key_moments import Moment, key_moment
from twin.runfiles.layout import Event
from twin.runfiles.results import Run, open_run
from twin.scenarios.load import example_names, load_scenario
from twin.session import run as run_to_end
from twin.session import start_run

MINUS, PRECHARGE, PLUS = 0, 1, 2


@pytest.mark.slow
@pytest.mark.parametrize("name", example_names())
def test_a_shipped_scenario_closes_its_audit_from_end_to_end(name) -> None:
    built = twin.build(name)
    built.run()
    terms = built.ledger.as_dict()
    assert terms["residual"] <= 1e-9
    assert terms["charge_residual"] <= 1e-12
    assert terms["heat_mismatch"] <= 1e-3
    assert terms["network_residual_A"] <= 1e-9


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Run]]:
    """Return a maker of finished runs of shipped scenarios, one run of each."""
    folder = tmp_path_factory.mktemp("shipped")
    runs: dict[str, Run] = {}

    def make(name: str) -> Run:
        if name not in runs:
            path = Path(folder / f"{name}.h5")
            run_to_end(start_run(load_scenario(name), path))
            runs[name] = open_run(path)
        return runs[name]

    yield make
    for run in runs.values():
        run.close()


def told(run: Run, code: str, source: str = "plant") -> list[Event]:
    """Return the events of a code, in order."""
    found = [e for e in run.events if e.code == code and e.source == source]
    return [e for e in found if e.transition == "came"]


def read(run: Run, path: str) -> Any:
    return run.channel(path).astype(np.float64)


def moment_of(run: Run) -> Moment:
    found = key_moment(gather(run))
    assert found is not None
    return found


# ---- external_short -----------------------------------------------------------------------------


def test_the_fuse_clears_an_external_short_when_its_curve_says(shipped) -> None:
    run = shipped("external_short")
    wiring = load_scenario("external_short").wiring
    (blown,) = told(run, "fuse_blown")
    assert blown.component == "rack 1"
    time_s, current_A = run.time_s(), read(run, "truth/rack_current_A")[:, 0]
    flowing = (time_s > 10.0) & (time_s < blown.time_s)
    least_A = wiring.fuse.least_melting_current
    tau_s = wiring.fuse.melting_i2t / least_A**2
    rms_A = math.sqrt(np.mean(current_A[flowing] ** 2))
    expected_s = -tau_s * math.log(1.0 - (least_A / rms_A) ** 2)
    # A fuse opens at the end of a step, here of 1 ms; the load before warms it by (4 A / 64 A)^2.
    assert expected_s - 0.002 <= blown.time_s - 10.0 <= expected_s + 0.002
    assert np.all(current_A[time_s > blown.time_s + 0.01] == 0.0)
    assert (run.faults[0].from_s, run.faults[0].component) == (10.0, "rack 1")


def test_the_bms_cannot_end_an_external_short(shipped) -> None:
    run = shipped("external_short")
    (blown,) = told(run, "fuse_blown")
    (alarm,) = told(run, "fuse_blown", "bms")
    assert (alarm.component, alarm.severity) == ("rack 1", "latched")
    closed = read(run, "truth/contactors")[run.time_s() <= blown.time_s + 0.005][-1]
    assert closed.tolist() == [1.0, 0.0, 1.0]
    assert "fuse of rack 1 cleared 361 A, 0.06" in moment_of(run).sentence


# ---- precharge_fail -----------------------------------------------------------------------------


def test_a_failed_precharge_ends_in_error_with_open_contactors(shipped) -> None:
    run = shipped("precharge_fail")
    (alarm,) = told(run, "precharge_failed", "bms")
    assert (alarm.component, alarm.severity) == ("rack 1", "open")
    assert int(read(run, "bms/state")[-1, 0]) == BmsState.ERROR
    contactors = read(run, "truth/contactors")
    assert not contactors[-1].any()
    assert not contactors[:, PLUS].any()
    assert np.sum(np.diff(contactors[:, PRECHARGE]) == 1) == 3
    # 20 ohm against 50 ohm and the rack's own tenths of an ohm
    part = read(run, "truth/bus_voltage_V").max() / read(run, "truth/rack_voltage_V").max()
    assert part == pytest.approx(20.0 / 70.0, rel=0.01)
    assert "after 3 tries" in moment_of(run).sentence


# ---- welded_contactor ---------------------------------------------------------------------------


def test_contactors_that_open_too_much_weld_and_the_current_flows_on(shipped) -> None:
    run = shipped("welded_contactor")
    break_A = load_scenario("welded_contactor").wiring.contactor.break_current
    for name in ("minus", "plus"):
        (weld,) = told(run, f"contactor_welded_{name}")
        assert weld.component == "rack 1"
        assert weld.value > break_A
        assert f"the {name} contactor of rack 1 welded" in weld.text
    weld_s = told(run, "contactor_welded_plus")[0].time_s
    (blown,) = told(run, "fuse_blown")
    time_s, current_A = run.time_s(), read(run, "truth/rack_current_A")[:, 0]
    assert current_A[(time_s > weld_s) & (time_s < blown.time_s)].min() > break_A
    assert not read(run, "bms/contactors")[time_s > weld_s].any()
    assert (read(run, "truth/contactors")[time_s > weld_s][:, [MINUS, PLUS]] == 1.0).all()


def test_the_bms_notices_welded_contactors(shipped) -> None:
    run = shipped("welded_contactor")
    weld_s = told(run, "contactor_welded_plus")[0].time_s
    for code in ("contactor_feedback", "current_while_open"):
        (alarm,) = told(run, code, "bms")
        assert (alarm.component, alarm.severity) == ("rack 1", "latched")
        assert weld_s < alarm.time_s < weld_s + 2.0
    assert int(read(run, "bms/state")[-1, 0]) == BmsState.LATCHED
    assert "minus and plus contactors of rack 1 welded at 87 A" in moment_of(run).sentence


# ---- rack_join ----------------------------------------------------------------------------------


def joins(run: Run) -> dict[int, int]:
    """Return the first row at which each rack is on the bus, by rack from 0."""
    position = read(run, "truth/contactors").reshape(run.rows, -1, 3)
    on = position[:, :, MINUS] * position[:, :, PLUS]
    return {rack: int(np.argmax(on[:, rack])) for rack in range(on.shape[1])}


def test_racks_join_one_after_the_other_and_the_farthest_waits(shipped) -> None:
    run = shipped("rack_join")
    first = {rack: run.time_s()[row] for rack, row in joins(run).items()}
    assert first[0] < first[1] < 60.0 < 300.0 < first[2]


@pytest.mark.parametrize("late", [1])
def test_a_circulating_current_is_the_difference_over_the_loop(shipped, late: int) -> None:
    run, row = shipped("rack_join"), joins(shipped("rack_join"))[late]
    volts, amperes = read(run, "truth/rack_voltage_V"), read(run, "truth/rack_current_A")
    assert amperes[row].sum() == pytest.approx(0.0, abs=0.02)  # bus idle: link and bleed alone
    assert read(run, "pcs/dc_power_W")[row] == 0.0
    gap_V = volts[row - 1, 0] - volts[row - 1, late]
    # The string's own resistance from another occasion: the load's first row after a minute.
    time_s = run.time_s()
    load = int(np.searchsorted(time_s, 60.0, side="right"))
    while amperes[load, 0] < 10.0:
        load += 1
    drop_V, step_A = volts[load - 2] - volts[load], amperes[load] - amperes[load - 2]
    wiring = load_scenario("rack_join").wiring
    path_ohm = wiring.rack_resistance + 2.0 * wiring.contactor.resistance
    loop_ohm = sum(drop_V[r] / step_A[r] + path_ohm for r in (0, late))
    # Both drops hold 0.5 to 1 s of polarisation, not quite the same.
    assert amperes[row, 0] == pytest.approx(gap_V / loop_ohm, rel=0.08)
    assert amperes[row, late] == pytest.approx(-amperes[row, 0], abs=0.02)


def test_unequal_racks_share_a_load_unequally(shipped) -> None:
    run = shipped("rack_join")
    time_s, amperes = run.time_s(), read(run, "truth/rack_current_A")
    loaded = (time_s > 70.0) & (time_s < 295.0)
    assert np.all(amperes[loaded, 0] > 1.3 * amperes[loaded, 1])
    assert np.all(amperes[loaded, 1] > 5.0)
    assert np.abs(amperes[loaded, 2]).max() < 0.001  # open: insulation alone
    sentence = moment_of(run).sentence
    assert "as rack 3 joined" in sentence
    assert "no load on the bus" in sentence


# ---- busbar_loose -------------------------------------------------------------------------------


def test_neighbours_carry_what_a_cell_behind_a_bad_weld_does_not(shipped) -> None:
    run = shipped("busbar_loose")
    moment = moment_of(run)
    assert (moment.kind, moment.cell) == ("cell", moment.cells[1])
    time_s, rack_A = run.time_s(), read(run, "truth/rack_current_A")[:, 0]
    cells_A = read(run, "truth/cell_current_A")[:, list(moment.cells)]
    assert np.abs(cells_A.sum(axis=1) - rack_A).max() < 1e-3
    # What each takes of the first change of current, before charge has moved.
    row = int(np.searchsorted(time_s, 120.0, side="right"))
    share = cells_A[row] / rack_A[row]
    assert cells_A[row - 1] / rack_A[row - 1] == pytest.approx(0.25, abs=0.01)
    healthy = np.delete(share, 1).mean()
    assert 3.0 * healthy + share[1] == pytest.approx(1.0, abs=1e-4)
    # The cell's own resistance at once, from the rack: the drop over all groups at the load's jump.
    ohm = at_once_ohm(run)
    expected = (ohm + 0.2e-3) / (ohm + 50e-3)
    assert share[1] / healthy == pytest.approx(expected, rel=0.10)
    assert 0.15 < expected < 0.30


def at_once_ohm(run: Run) -> float:
    """Return a healthy cell's resistance over one row, by least squares over the drive [ohm]."""
    cell_V = np.diff(read(run, "truth/cell_voltage_V")[:, 0])
    cell_A = np.diff(read(run, "truth/cell_current_A")[:, 0])
    return float(-(cell_A @ cell_V) / (cell_A @ cell_A))


def test_the_reference_bms_cannot_see_one_bad_weld_of_four(shipped) -> None:
    run = shipped("busbar_loose")
    assert [e.source for e in run.events] == ["fault"]
    assert run.faults[0].component == "rack 1, module 1, group 6, cell 2"
