"""The outcome of a run: order, front, margin, flags, heat, gas, and what it does not claim."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.twin.runaway_file import LEDGER, MELTS, SHORT_OHM, TRIGGERED_S, write_run
from twin.pages.outcome_rows import outcome_rows
from twin.results import what_if
from twin.runfiles.results import open_run
from twin.scenarios.load import example_path
from twin.whatif.cells import lost_of, outcomes
from twin.whatif.gas import LITRES_PER_MOL
from twin.whatif.source import Source
from twin.whatif.tree import Feed, WhatIf
from twin.whatif.words import _why


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> WhatIf:
    return what_if(write_run(tmp_path_factory.mktemp("spread") / "run.h5", gas=True))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> WhatIf:
    return what_if(write_run(tmp_path_factory.mktemp("held") / "run.h5", only_first=True))


def test_cells_ran_away_in_order(spread: WhatIf) -> None:
    assert [c.cell for c in spread.ran_away] == [0, 1, 2]
    assert [c.triggered_s for c in spread.ran_away] == [100.0, 120.0, 140.0]
    assert [c.collapsed_s for c in spread.ran_away] == [95.0, 115.0, 135.0]
    assert [c.spent_s for c in spread.ran_away] == [110.0, 130.0, 150.0]
    assert spread.cells[0].peak_K == pytest.approx(1100.0)
    assert spread.cells[1].opened_s == 111.0
    assert (spread.lost.ran_away, spread.lost.followed, spread.lost.spent) == (3, 2, 3)


def test_a_can_that_opens_is_told_where_the_file_has_it(spread: WhatIf, held: WhatIf) -> None:
    assert spread.cells[0].vented_s == 95.0  # truth/cell_vented
    assert held.cells[0].vented_s == 100.0  # erupted


def test_the_seed_is_the_cell_with_the_fault(spread: WhatIf) -> None:
    assert spread.seed is not None
    assert spread.seed.cells == (0,)
    assert spread.seed.is_injected
    assert spread.began_s == 30.0
    assert spread.did_spread


def test_the_front_is_the_slope_of_distance_over_time(spread: WhatIf, held: WhatIf) -> None:
    assert spread.front.speed_m_per_s == pytest.approx(1e-3)
    assert spread.front.r2 == pytest.approx(1.0)
    assert held.front.speed_m_per_s is None
    assert "only 1 cell" in held.front.reason


def test_the_margin_is_that_of_the_closest_survivor(spread: WhatIf) -> None:
    assert spread.margin is not None
    assert spread.margin.cell == 3
    assert spread.margin.limit_K == pytest.approx(453.15)
    assert spread.margin.margin_K == pytest.approx(13.15, abs=1e-3)
    assert not spread.margin.is_rising


def test_flags_are_told_once_with_their_detector(spread: WhatIf) -> None:
    codes = [(f.code, f.time_s, f.is_early, f.is_elsewhere) for f in spread.flags]
    assert codes == [
        ("sum", 5.0, True, False), ("far", 60.0, False, True), ("early_heat", 80.0, False, False)
    ]  # fmt: skip
    assert "current explains" in spread.flags[2].detector
    assert spread.warned.flag_s == 80.0
    assert spread.warned.before_first_s == 20.0
    assert spread.warned.before_second_s == 40.0


def test_heat_comes_from_the_ledger_and_adds_up(spread: WhatIf) -> None:
    heat = spread.heat
    assert heat is not None
    assert heat.came_J == pytest.approx(1.8e5)
    assert heat.gone_J == pytest.approx(heat.ejected_J)
    assert heat.current_J == LEDGER["heat_J"] + LEDGER["short_J"]
    assert heat.caught_J == pytest.approx(8 * 600.0)


def test_neighbours_feed_what_the_short_takes_and_the_cell_does_not_give(spread: WhatIf) -> None:
    first = spread.feeds[0]
    assert (first.cell, first.from_s) == (0, 95.0)
    assert first.peak_A == pytest.approx(2.0 / SHORT_OHM - 100.0, rel=1e-6)
    assert first.charge_As == pytest.approx(3 * 5.0 * first.peak_A)
    assert first.energy_J == pytest.approx(2.0 * first.charge_As)


def test_what_warmed_the_next_cell_adds_up(spread: WhatIf, held: WhatIf) -> None:
    arrival = spread.arrival
    assert arrival is not None
    assert (arrival.cell, arrival.from_s, arrival.until_s) == (1, 100.0, 110.0)
    assert arrival.current_J == pytest.approx(20.0)
    assert arrival.caught_J == pytest.approx(30.0)
    parts = arrival.current_J + arrival.reaction_J + arrival.neighbours_J + (arrival.caught_J or 0)
    assert parts == pytest.approx(arrival.arrived_J)
    assert held.arrival is not None
    assert held.arrival.is_survivor
    assert held.arrival.caught_J is None


def test_gas_is_told_in_litres_by_species(spread: WhatIf, held: WhatIf) -> None:
    gas = spread.gas
    assert gas is not None
    assert LITRES_PER_MOL == pytest.approx(24.465, abs=1e-3)
    at = dict(zip(gas.species, gas.vented_L, strict=True))
    assert at["H2"] == pytest.approx(0.6 * LITRES_PER_MOL)
    assert at["CO2"] == pytest.approx(0.6 * LITRES_PER_MOL)
    assert sum(gas.left_L) == pytest.approx(0.5 * sum(gas.vented_L))
    assert gas.litres.shape == (len(gas.time_s), 9)
    assert spread.peaks.pressure is not None
    assert (spread.peaks.pressure.value, spread.peaks.pressure.time_s) == (101825.0, 150.0)
    assert spread.peaks.first_relief_s == 130.0
    assert spread.limits == (f"At 2:20 {MELTS}.",)
    assert held.gas is None
    assert held.peaks.pressure is None


def test_the_answers_follow_from_the_numbers(spread: WhatIf, held: WhatIf) -> None:
    assert spread.answer.spread.startswith("It spread")
    assert "3 of 8 cells ran away" in spread.answer.spread
    assert "1.00 mm/s" in spread.answer.far
    assert "20 s after the first alarm" in spread.answer.after_alarm
    assert "13.1 K below" in spread.answer.why
    assert held.answer.spread.startswith("It did not spread")
    assert "no second one did" in held.answer.after_alarm


def test_what_neighbours_fed_is_told_with_what_went_before_the_collapse(spread: WhatIf) -> None:
    own = Feed(
        cell=spread.seed.cells[0] if spread.seed else 0, name="cell", from_s=1.0, peak_A=709.0,
        charge_As=7560.0, energy_J=27.1e3, opened_s=None,
    )  # fmt: skip
    assert spread.seed is not None
    why = _why(spread.seed, spread.lost, None, None, (own,))
    assert "at up to 709 A, in all with 27.1 kJ, what its short drew before the collapse" in why


def test_a_file_without_reacting_cells_says_so_in_one_sentence(tmp_path: Path) -> None:
    found = what_if(write_run(tmp_path / "run.h5", runaway=False))
    assert not found.has_runaway
    assert found.answer.spread.endswith("Add cell.runaway to the scenario and run it again.")
    assert found.cells == ()


def test_a_run_in_which_nothing_ran_away_tells_how_close_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRIGGERED_S, 0, 1e6)
    found = what_if(write_run(tmp_path / "calm.h5", only_first=True))
    assert found.answer.spread == "No cell ran away."
    assert "13.1 K below" in found.answer.why
    assert found.seed is None
    assert found.arrival is None


def test_everything_goes_into_json(spread: WhatIf) -> None:
    text = json.dumps(spread.as_dict(), allow_nan=False)
    assert json.loads(text)["cells"][0]["triggered_s"] == 100.0
    assert json.loads(text)["cells"][7]["triggered_s"] is None


def test_a_fork_takes_earlier_alarms_from_its_parent(tmp_path: Path) -> None:
    write_run(tmp_path / "parent.h5")
    about = {"parent": "/gone/parent.h5", "parent_sha256": "made", "fork_s": 85.0}
    found = what_if(write_run(tmp_path / "fork.h5", from_s=85.0, **about))
    assert found.warned.flag_s == 80.0
    assert found.notes == ()
    (tmp_path / "parent.h5").unlink()
    alone = what_if(tmp_path / "fork.h5")
    assert alone.warned.flag_s == 90.0
    assert "parent.h5" in alone.notes[0]


def test_what_was_so_before_the_file_begins_has_no_time(tmp_path: Path) -> None:
    found = what_if(write_run(tmp_path / "late.h5", from_s=125.0))
    assert found.cells[0].collapsed_s is None
    assert found.cells[0].triggered_s == 100.0
    assert found.cells[2].collapsed_s == 135.0
    assert np.isfinite(found.cells[0].peak_K)


def test_cells_that_vent_or_collapse_without_running_away_are_counted(tmp_path: Path) -> None:
    with open_run(write_run(tmp_path / "run.h5", only_first=True)) as run:
        source = Source(run)
        first, second, *rest = outcomes(source)
        cells = (first, replace(second, vented_s=290.0, collapsed_s=295.0), *rest)
        lost = lost_of(source, cells, None)
    assert (lost.ran_away, lost.vented, lost.vented_s, lost.collapsed) == (1, 1, 290.0, 1)


def test_a_cell_that_feeds_a_short_faster_than_its_circuit_was_fitted_to_is_named(
    tmp_path: Path,
) -> None:
    fast = what_if(write_run(tmp_path / "fast.h5", only_first=True, fed_A=200.0))
    _, told = fast.limits
    assert told.startswith(
        "At 1:35 rack 1, module 1, group 1, cell 2 fed a short in parallel at a rate of 40 C (200 "
        "A; above 5 C for 10 s, by recorded rows): its circuit was fitted to pulses of up to 1 C, "
        "with a resistance that does not depend on the current."
    )
    assert told.endswith("charge and heat fed for longer than some 10 s are upper bounds.")
    assert told in dict(outcome_rows(fast))["limits of validity"]
    slow = what_if(write_run(tmp_path / "slow.h5", only_first=True, fed_A=24.0))
    assert len(slow.limits) == 1


def test_what_is_not_in_the_file_is_not_told_of_high_currents(tmp_path: Path) -> None:
    def told(name: str, **about: Any) -> list[str]:
        path = write_run(tmp_path / name, only_first=True, fed_A=200.0, **about)
        return [text for text in what_if(path).limits if "fed a short" in text]

    assert told("a.h5", parameters="{}") == []
    [text] = told("b.h5", scenario="name: made\ncell: {parameters: gone.json}\n")
    assert "(200 A; above 5 C for 10 s, by recorded rows): it is not known here what its" in text


def test_a_pack_whose_cells_do_not_warm_each_other_is_told_with_its_outcome(tmp_path: Path) -> None:
    text = example_path("runaway_parallel").read_text("utf-8").replace("0.15 W/K", "0 W/K")
    *_, told = what_if(write_run(tmp_path / "run.h5", only_first=True, scenario=text)).limits
    assert told == (
        "thermal.neighbour_conductance is 0 W/K, without barriers and radiation: no cell warms "
        "the next directly, and a runaway can spread by these alone: the cold plate and its "
        "coolant, currents in parallel."
    )
