"""What the demonstration says: three futures of one short, by the Makefile's own commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from twin.fork import start_fork
from twin.results import first_alarm_s, what_if
from twin.runfiles.results import open_run
from twin.scenarios.load import load_scenario
from twin.session import run as run_to_end
from twin.session import start_run
from twin.whatif.tree import WhatIf

MAKEFILE = Path(__file__).parents[2] / "Makefile"


def forks() -> dict[str, list[str]]:
    """Return the overrides of each fork that `make demo` makes, by its file."""
    text = MAKEFILE.read_text(encoding="utf-8")
    names = dict(re.findall(r"^([A-Z]+) := (.*)$", text, flags=re.MULTILINE))
    found = {}
    for line in re.findall(r"^\t\$\(BIN\)/twin fork demo\.h5 (.*)$", text, flags=re.MULTILINE):
        words = shlex.split(re.sub(r"\$\(([A-Z]+)\)", lambda m: names[m[1]], line))
        sets = [words[k + 1] for k, word in enumerate(words) if word == "--set"]
        found[words[words.index("-o") + 1]] = sets
    return found


@pytest.fixture(scope="module")
def futures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WhatIf]:
    folder = tmp_path_factory.mktemp("demo")
    parent = folder / "demo.h5"
    until = ["duration=13 min"]
    run_to_end(start_run(load_scenario("runaway_whatif", until), parent))
    alarm_s = first_alarm_s(parent)
    assert alarm_s is not None
    found = {"demo.h5": what_if(parent)}
    for name, overrides in forks().items():
        run_to_end(start_fork(parent, round(1000.0 * alarm_s), overrides, folder / name))
        found[name] = what_if(folder / name)
    return found


def test_as_built_the_plate_holds_the_cell_and_the_page_says_by_how_much(futures) -> None:
    built = futures["demo.h5"]
    assert (built.lost.ran_away, built.lost.vented) == (0, 1)
    assert built.margin is not None and 25.0 < built.margin.margin_K < 40.0
    assert built.answer.spread.startswith("No cell ran away")
    assert "below the collapse of separators" in built.answer.why
    assert built.held is not None and built.held.short_J > 0.9 * built.held.came_J
    assert built.held.gone_J > 0.5 * built.held.came_J
    assert "a short in it" in built.answer.why
    assert not built.margin_is_within_assumptions
    assert "28 % more heat, or 22 % less cooling" in built.answer.caveat


def test_without_coolant_it_spreads_and_with_a_sheet_it_does_not(futures) -> None:
    lost, sheet = futures["demo-ignored.h5"], futures["demo-barrier.h5"]
    assert lost.lost.ran_away == 96
    assert lost.front is not None and lost.front.speed_m_per_s > 0.0
    assert "ejecta" in lost.answer.why and "not sure" in lost.answer.caveat
    assert sheet.lost.ran_away == 1
    assert sheet.margin is not None and 20.0 < sheet.margin.margin_K < 40.0
    assert sheet.answer.spread.startswith("It did not spread")


def test_every_future_knows_the_alarm_and_closes_its_books(futures) -> None:
    for name, found in futures.items():
        assert found.warned.flag_s is not None, name
        if found.lost.ran_away:
            assert found.warned.before_first_s > 60.0, name
        assert found.energy_residual < 1e-9, name
        assert found.peaks.cell.value < 1600.0 and found.peaks.gas.value < 2000.0, name


def test_the_runs_are_the_same_up_to_the_fork(futures) -> None:
    with (
        open_run(futures["demo.h5"].file) as parent,
        open_run(futures["demo-barrier.h5"].file) as fork,
    ):
        first_s = float(fork.time_s()[0])
        row = list(parent.time_s()).index(first_s)
        mine = parent.channel("truth/cell_temperature_K", row, row + 1)
        its = fork.channel("truth/cell_temperature_K", 0, 1)
        assert abs(mine - its).max() < 0.2  # K; coolant and sheet have acted for one row
