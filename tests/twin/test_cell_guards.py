"""Fuses and interrupt devices of cells from a scenario file to the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from twin.build import build
from twin.fork import start_fork
from twin.pages.facts import gather
from twin.pages.key_moments import key_moment
from twin.pages.mechanism import mechanism
from twin.pages.report import write_report
from twin.runfiles.results import open_run
from twin.scenarios.load import parse_scenario
from twin.scenarios.problems import ScenarioError
from twin.session import run as run_to_end
from twin.session import start_run

TEMPLATE = Path(__file__).parents[2] / "twin" / "templates" / "scenario.yaml"
SHORT = (
    "faults=[{name: short, kind: internal_short, at: {rack: 1, module: 1, group: 3, cell: 2}, "
    "from: 20 s, resistance: 50 mohm}]"
)
FUSE = "wiring.cell_fuse={rating: 12 A, least_melting_current: 18 A, melting_i2t: 400 A^2*s}"
CID = "cell.cid={overcharge: 1.15, temperature: 120 degC}"
FIVE_IN_PARALLEL = "site.cells_per_group=5"


def template(folder: Path, *overrides: str):
    text = TEMPLATE.read_text(encoding="utf-8")
    return parse_scenario(text, ["duration=40 s", *overrides], source="test", directory=folder)


def made(folder: Path, *overrides: str) -> Path:
    path = folder / "run.h5"
    run_to_end(start_run(template(folder, *overrides), path))
    return path


def test_the_report_tells_which_cell_opened_and_that_the_others_carry_on(tmp_path: Path) -> None:
    path = made(tmp_path, SHORT, FUSE, FIVE_IN_PARALLEL)
    with open_run(path) as run:
        (told,) = [e for e in run.events if e.code == "cell_fuse_blown"]
        assert told.component == "rack 1, module 1, group 3, cell 2"
        assert told.limit == 12.0 and told.value < -40.0
        assert "its current is left to the 4 others of its group" in told.text
        facts = gather(run)
        moment = key_moment(facts)
        assert moment is not None and moment.kind == "opened"
        assert moment.sentence.startswith("The fuse of rack 1, module 1, group 3, cell 2 blew at")
        assert "after the internal short of 50 mΩ came" in moment.sentence
        assert moment.sentence.endswith("; the other 4 cells of its group carry on.")
        assert moment.start_s < told.time_s < moment.end_s
        for width_in in (4.4, 10.6):
            assert mechanism(facts, width_in) is not None
        assert run.ledger["residual"] < 1e-9
    page = write_report(path, tmp_path / "run.html").read_text(encoding="utf-8")
    assert page.count("<h2>The mechanism</h2>") == 1
    assert "cell_fuse_blown" in page or "the fuse of rack 1, module 1, group 3, cell 2" in page


@pytest.mark.parametrize(
    ("overrides", "key", "text"),
    [
        (
            ["wiring.cell_fuse={rating: 8 A, least_melting_current: 18 A, melting_i2t: 400 A^2*s}"],
            "wiring.cell_fuse.rating",
            "8 A is below the nominal current: 300 W of the PCS is 10.4 A a cell",
        ),
        (
            ["wiring.cell_fuse={rating: 12 A, least_melting_current: 9 A, melting_i2t: 4 A^2*s}"],
            "wiring.cell_fuse.least_melting_current",
            "9 A is below the rating of 12 A",
        ),
        (
            ["wiring.cell_fuse={rating: 12 A, least_melting_current: 18 A}"],
            "wiring.cell_fuse.melting_i2t",
            "missing",
        ),
        (["wiring.fuse.rating=5 A"], "wiring.fuse.rating", "5 A is below the nominal current"),
        (
            ["cell.cid={overcharge: 0.9, temperature: 120 degC}"],
            "cell.cid.overcharge",
            "0.9 is out of range",
        ),
        (["cell.cid={overcharge: 1.15}"], "cell.cid.temperature", "missing"),
        (
            ["cell.cid={overcharge: 1.15, temperature: 20 degC}"],
            "cell.cid.temperature",
            "20 degC is not above cell.initial_temperature",
        ),
        (
            ["cell.racks=[{rack: 2, capacity: 0.9}]"],
            "cell.racks.0.rack",
            "2 does not exist; the site has 1",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(tmp_path: Path, overrides, key, text) -> None:
    with pytest.raises(ScenarioError) as refused:
        template(tmp_path, *overrides)
    (problem,) = refused.value.problems
    assert problem.key_path == key
    assert text in problem.message


def test_a_scenario_reaches_the_plant(tmp_path: Path) -> None:
    numbers = build(template(tmp_path, FUSE, CID)).plant.guards.numbers
    assert (numbers.least_A, numbers.tau_s) == (18.0, 400.0 / 18.0**2)
    assert (numbers.overcharge, numbers.temperature_K) == (1.15, 393.15)
    bare = build(template(tmp_path)).plant
    assert not bare.guards.numbers.fitted


def test_a_fork_may_fit_fuses_that_its_parent_had_not(tmp_path: Path) -> None:
    """They are cold there: the short that comes later melts one in the fork alone."""
    path = made(tmp_path, SHORT, FIVE_IN_PARALLEL)
    with open_run(path) as run:
        assert not [e for e in run.events if e.code == "cell_fuse_blown"]
    forked = tmp_path / "fork.h5"
    run_to_end(start_fork(path, 10_000, [FUSE], forked))
    with open_run(forked) as run:
        assert [e.component for e in run.events if e.code == "cell_fuse_blown"] == [
            "rack 1, module 1, group 3, cell 2"
        ]


def test_a_cell_opened_before_a_fork_stays_open_after_it(tmp_path: Path) -> None:
    path = made(tmp_path, SHORT, FUSE, FIVE_IN_PARALLEL)
    forked = tmp_path / "fork.h5"
    run_to_end(start_fork(path, 30_000, ["faults.0.until=32 s"], forked))
    with open_run(forked) as run:
        current_A = run.channel("truth/cell_current_A")[run.time_s() > 33.0]
        assert len(current_A) > 5
        assert not np.any(current_A[:, 11])  # rack 1, module 1, group 3, cell 2
        assert np.all(np.abs(current_A[:, [10, 12, 13, 14]]) > 1.0)


def test_of_two_cells_under_load_the_fuse_of_the_healthy_one_blows(tmp_path: Path) -> None:
    """It carries the load and feeds the short; through the failing cell's goes the feed alone."""
    path = made(tmp_path, SHORT, FUSE)
    with open_run(path) as run:
        blown = [e for e in run.events if e.code == "cell_fuse_blown"]
        assert [e.component for e in blown] == ["rack 1, module 1, group 3, cell 1"]
        assert "its current is left to its neighbour" in blown[0].text
        moment = key_moment(gather(run))
        assert moment is not None and moment.sentence.endswith(
            "; the other cell of its group carries on."
        )
