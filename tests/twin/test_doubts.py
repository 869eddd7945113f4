"""A close call is told where what is assumed is known less well than the margin is wide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from tests.twin.runaway_file import PEAK_K, SCENARIO, write_run
from twin.results import what_if
from twin.runfiles.results import open_run
from twin.whatif.doubts import ABSORBED_KEY, BODY_KEY, SEPARATOR_KEY, doubts_of, rests_on
from twin.whatif.heat_tree import FailedHeat
from twin.whatif.source import Source
from twin.whatif.tree import Arrival, Doubt, WhatIf

EJECTA = "module:\n  ejecta: {direction: sideways, absorbed: 0.5}\n"


def scenario(more: str = "", module: str = "") -> str:
    return SCENARIO.replace("nmc_21700_arc", f"nmc_21700_arc{more}") + module


def doubted(path: Path, text: str, **arrived: float | None) -> tuple[Doubt, ...]:
    """Return what is in doubt of a survivor at 300 K and 153.15 K below, once 30 kJ have come."""
    run_file = write_run(path, only_first=True, scenario=text)
    found = what_if(run_file)
    assert found.margin is not None
    parts: dict[str, float | None] = {
        "current_J": 0.0, "reaction_J": 0.0, "neighbours_J": 0.0, "caught_J": None
    } | arrived  # fmt: skip
    arrival = Arrival(
        cell=3, name="", is_survivor=True, from_s=0.0, until_s=1.0, from_K=300.0, needed_J=3.3e4,
        arrived_J=3e4, **parts,  # type: ignore[arg-type]
    )  # fmt: skip
    margin = replace(
        found.margin, peak_K=400.0, margin_K=10.0, limit_K=410.0
    )  # 3 kJ short, of which 2.4 do
    with open_run(run_file) as run:
        return doubts_of(Source(run), found.seed, margin, arrival, None)


def keys(doubts: tuple[Doubt, ...]) -> list[str]:
    return [doubt.key for doubt in doubts]


def test_a_survivor_hotter_than_polypropylene_melts_is_a_close_call(tmp_path: Path) -> None:
    text = scenario(", body_share: 0.28")
    found = what_if(write_run(tmp_path / "run.h5", only_first=True, scenario=text))
    assert found.margin_is_within_assumptions
    assert keys(found.doubts) == [SEPARATOR_KEY]
    assert (found.doubts[0].low, found.doubts[0].high) == ("165 degC", "180 degC")
    assert found.answer.caveat.startswith(
        "That is not sure: the margin of 13.1 K is within what is assumed, so it may as well "
        "spread. By proportion, which a run must confirm, this alone would do: separators that "
        "collapse at 165.0 \u00b0C"
    )
    assert found.answer.caveat.endswith(
        f'twin study barrier SCENARIO.yaml --over {SEPARATOR_KEY} --lo "165 degC" --hi "180 degC".'
    )


def test_where_it_spread_it_may_have_gone_further(tmp_path: Path) -> None:
    found = what_if(write_run(tmp_path / "run.h5"))
    assert found.did_spread and "it may as well spread further" in found.answer.caveat


def test_a_stated_separator_is_taken_as_known(tmp_path: Path) -> None:
    text = scenario(", separator_temperature: 180 degC, body_share: 0.28")
    found = what_if(write_run(tmp_path / "run.h5", only_first=True, scenario=text))
    assert found.margin is not None and found.margin.margin_K < 15.0
    assert not found.margin_is_within_assumptions and found.answer.caveat == ""


def test_a_cooler_survivor_is_no_close_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PEAK_K, 3, 430.0)
    text = scenario(", body_share: 0.28")
    found = what_if(write_run(tmp_path / "run.h5", only_first=True, scenario=text))
    assert found.margin is not None and found.margin.margin_K > 15.0
    assert found.doubts == ()


@pytest.mark.parametrize(
    ("caught_J", "doubts"),
    [
        (1.6e4, [ABSORBED_KEY, BODY_KEY]),  # a fifth more, or 0.92 / 0.72, bring 3.2 or 4.5 kJ
        (1.1e4, [BODY_KEY]),
        (8e3, []),
    ],
)
def test_ejecta_are_moved_in_proportion(caught_J: float, doubts: list[str], tmp_path: Path) -> None:
    assert keys(doubted(tmp_path / "run.h5", scenario(module=EJECTA), caught_J=caught_J)) == doubts


def test_contact_is_moved_with_the_body_share(tmp_path: Path) -> None:
    (found,) = doubted(tmp_path / "run.h5", scenario(), neighbours_J=5e3)
    assert (found.key, found.low, found.high) == (BODY_KEY, "0.28", "0.48")
    assert not doubted(tmp_path / "less.h5", scenario(), neighbours_J=3e3)
    assert not doubted(tmp_path / "own.h5", scenario(", body_share: 0.3"), neighbours_J=5e3)


def test_shares_that_a_user_gives_are_taken_as_known(tmp_path: Path) -> None:
    given = "absorbed: 0.5, shares: [{from: 1, to: 2, share: 0.2}]"
    module = EJECTA.replace("absorbed: 0.5", given)
    assert keys(doubted(tmp_path / "run.h5", scenario(module=module), caught_J=1.6e4)) == [BODY_KEY]


def test_a_spread_says_how_much_of_it_rests_on_ejecta(tmp_path: Path) -> None:
    run_file = write_run(tmp_path / "run.h5", scenario=scenario(module=EJECTA))
    arrival = Arrival(
        cell=3, name="", is_survivor=False, from_s=0.0, until_s=1.0, from_K=300.0, needed_J=6.7e3,
        arrived_J=6.7e3, current_J=0.0, reaction_J=0.0, neighbours_J=2e3, caught_J=4.7e3,
    )  # fmt: skip
    with open_run(run_file) as run:
        seed = what_if(run_file).seed
        (found,) = rests_on(Source(run), seed, arrival, None)
        assert (found.key, found.low, found.high) == (ABSORBED_KEY, "0.3", "0.5")
        assert "With 30 % it lacks 1.88 kJ" in found.text
        less = replace(arrival, caught_J=1e3, neighbours_J=5e2)  # 0.4 kJ, 0.1 kJ less
        assert rests_on(Source(run), seed, less, None) == ()
        assert rests_on(Source(run), seed, replace(arrival, is_survivor=True), None) == ()


def test_a_spread_by_contact_rests_on_what_cells_keep_of_their_heat(tmp_path: Path) -> None:
    run_file = write_run(tmp_path / "run.h5", scenario=scenario())
    arrival = Arrival(
        cell=3, name="", is_survivor=False, from_s=0.0, until_s=1.0, from_K=300.0, needed_J=6.7e3,
        arrived_J=6.7e3, current_J=0.0, reaction_J=0.0, neighbours_J=6e3, caught_J=None,
    )  # fmt: skip
    little = FailedHeat(n_cells=1, reaction_J=1e3, current_J=0.0, ejected_J=0.0)
    with open_run(run_file) as run:
        seed = what_if(run_file).seed
        (found,) = rests_on(Source(run), seed, arrival, None)
        assert (found.key, found.low, found.high) == (BODY_KEY, "0.079", "0.28")
        assert "With 8 % it lacks 4.31 kJ" in found.text
        assert rests_on(Source(run), seed, arrival, little) == ()  # what heated it before did it


def test_very_hot_cells_are_told_to_be_too_hot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PEAK_K, 0, 1300.0)
    found: WhatIf = what_if(write_run(tmp_path / "run.h5", only_first=True))
    assert found.limits[-1].startswith("The hottest cell reached 1027 \u00b0C: the specific heat")


def test_a_run_that_was_killed_says_so_in_its_answer(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run.h5", only_first=True)
    with h5py.File(path, "r+") as file:
        file.attrs["exit_reason"] = "running"
    said = what_if(path).answer.spread
    assert "The run ended early, at 5:00 (killed or still running): more might have" in said
