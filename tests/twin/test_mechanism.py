"""The figure that zooms in on what happened: when there is one, what it says, how it is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.pages.facts import gather
from twin.pages.key_moments import key_moment
from twin.pages.mechanism import mechanism
from twin.pages.moments import Moment
from twin.pages.report import write_report
from twin.runfiles.results import open_run
from twin.scenarios.load import parse_scenario
from twin.session import run as run_to_end
from twin.session import start_run

TEMPLATE = Path(__file__).parents[2] / "twin" / "templates" / "scenario.yaml"
CELL = "at: {rack: 1, module: 1, group: 3, cell: 2}"
AT = 'from: "20 s"'
FAULTS = {
    "internal_short": (f'{{kind: internal_short, {CELL}, {AT}, resistance: "0.5 ohm"}}', "cell"),
    "joint": (f'{{kind: joint_resistance, {CELL}, {AT}, resistance: "30 mohm"}}', "cell"),
    "open_cell": (f"{{kind: open_cell, {CELL}, {AT}}}", "cell"),
    "rack short": (
        f'{{kind: external_short, at: {{rack: 1}}, {AT}, resistance: "20 mohm"}}', "fuse",
    ),
    "fuse out": (f"{{kind: fuse_open, at: {{rack: 1}}, {AT}}}", "fault"),
}  # fmt: skip


def made(folder: Path, fault: str, *overrides: str) -> Path:
    """Run the template, 40 s of it, with one fault or none."""
    named = fault.replace("{kind", "{name: it, kind", 1)
    text = TEMPLATE.read_text(encoding="utf-8")
    assert "faults: []\n" in text
    text = text.replace("faults: []\n", f"faults: [{named}]\n")
    scenario = parse_scenario(text, ["duration=40 s", *overrides], source="test", directory=folder)
    path = folder / "run.h5"
    run_to_end(start_run(scenario, path))
    return path


def moment(path: Path) -> Moment | None:
    with open_run(path) as run:
        return key_moment(gather(run))


def test_where_nothing_happened_there_is_no_figure(tmp_path: Path) -> None:
    path = made(tmp_path, "")
    with open_run(path) as run:
        assert mechanism(gather(run), 10.6) is None
    page = write_report(path, tmp_path / "run.html").read_text(encoding="utf-8")
    assert "The mechanism" not in page


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_gets_its_story_and_its_figure(tmp_path: Path, name: str) -> None:
    fault, kind = FAULTS[name]
    path = made(tmp_path, fault)
    with open_run(path) as run:
        facts = gather(run)
        found = key_moment(facts)
        assert found is not None
        assert found.kind == kind
        assert found.start_s < 20.0 < found.end_s
        assert "nan" not in found.sentence
        for width_in in (4.4, 10.6):
            figure = mechanism(facts, width_in)
            assert figure is not None
            assert 2 <= len(figure.axes) <= 3
            assert figure.axes[0].get_ylabel() == "A"
            assert figure.axes[-1].get_xlabel() == "time since the start [s]"
            assert len({axes.get_xlim() for axes in figure.axes}) == 1
    page = write_report(path, tmp_path / "run.html").read_text(encoding="utf-8")
    assert page.count("<h2>The mechanism</h2>") == 1


def test_a_cut_off_cell_leaves_everything_to_its_neighbour(tmp_path: Path) -> None:
    found = moment(made(tmp_path, FAULTS["open_cell"][0]))
    assert found is not None
    assert "Cell 2 of rack 1, module 1, group 3 is cut off" in found.sentence
    assert "to 0 %, and the other cell carries 100 %" in found.sentence


def test_a_fault_of_a_cell_alone_in_its_group_is_no_story_of_neighbours(tmp_path: Path) -> None:
    fault = FAULTS["internal_short"][0].replace("cell: 2", "cell: 1")
    assert moment(made(tmp_path, fault, "site.cells_per_group=1")) is None
