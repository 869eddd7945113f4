"""Detail that can be chosen: what is refused, what it costs, and that nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from twin.axes import axes
from twin.build import build
from twin.fork import start_fork
from twin.pages.report import write_report
from twin.pilot import lumping_error
from twin.runfiles.compare import compare
from twin.runfiles.results import open_run
from twin.scenarios.load import load_scenario, parse_scenario
from twin.scenarios.problems import ScenarioError
from twin.scenarios.scenario import Scenario
from twin.session import attach_file, run, start_run

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "twin" / "templates" / "scenario.yaml"
TWO_RACKS = (
    "name=lumped", "site.racks=2", "duration=40 s", "record.checkpoint=20 s", "record.block=5 s",
    "environment.demand.steps.0={duration: 10 min, power: 60 W}",
)  # fmt: skip
LUMPED = ("group", "rack")


def scenario(resolution: str, *overrides: str) -> Scenario:
    return load_scenario(TEMPLATE, (*TWO_RACKS, f"resolution={resolution}", *overrides))


def record(loaded: Scenario, path: Path) -> Path:
    assert run(start_run(loaded, path)).code == 0
    return path


def problems(text: str, *overrides: str) -> list[tuple[str, int | None, str]]:
    """Return key path, line and message of everything that is wrong."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, overrides, source="x.yaml", directory=TEMPLATE.parent)
    return [(p.key_path, p.line, p.message) for p in caught.value.problems]


FAULTS = """faults:
  - {name: short, kind: internal_short, from: 5 s, resistance: 1 ohm,
     at: {rack: 1, module: 1, group: 2, cell: 2}}
  - {name: busbar, kind: link_resistance, from: 5 s, resistance: 1 mohm,
     at: {rack: 1, module: 1, group: 2}}
  - {name: hot, kind: coolant_loss, at: {rack: 1}, remaining: 0,
     when: {channel: truth/cell_temperature_K, above: 30 degC,
            at: {rack: 1, module: 1, group: 2, cell: 1}}}
  - {name: reads_low, kind: sensor_offset, channel: group_voltage, offset: -20 mV, from: 5 s,
     at: {rack: 1, module: 1, group: 2}}
  - {name: across, kind: external_short, from: 5 s, resistance: 1 ohm, at: {rack: 1}}
"""


def test_a_fault_inside_what_is_lumped_is_refused_by_key_and_line() -> None:
    """Sensors are there whatever the detail, and so are racks: their faults are not refused."""
    text = TEMPLATE.read_text(encoding="utf-8")
    text = "\n".join(x for x in text.splitlines() if not x.startswith("faults")) + "\n" + FAULTS
    lines = text.splitlines()
    at = [k + 1 for k, line in enumerate(lines) if line.strip().startswith("at: {rack: 1, m")]
    in_groups = problems(text, "resolution=group")
    assert [(path, line) for path, line, _ in in_groups] == [
        ("faults.0.at.cell", at[0]), ("faults.2.when.at.cell", at[2]),
    ]  # fmt: skip
    for _, _, message in in_groups:
        assert "resolution: group" in message and message.endswith("set resolution: cell")
    in_racks = problems(text, "resolution=rack")
    assert [path for path, _, _ in in_racks] == [
        "faults.0.at.cell", "faults.1.at.group", "faults.2.when.at.cell",
    ]  # fmt: skip
    assert "all 4 groups of a rack" in in_racks[1][2]
    parse_scenario(text, (), source="x.yaml", directory=TEMPLATE.parent)


def test_a_cell_model_that_cannot_be_scaled_is_refused() -> None:
    ((path, _, message),) = problems(
        TEMPLATE.read_text(encoding="utf-8"), "resolution=group", "cell.model=my_cells:Cells"
    )
    assert path == "cell.model"
    assert "'my_cells:Cells' cannot stand for several cells" in message
    assert "set resolution: cell" in message


def test_an_unknown_resolution_names_those_that_exist() -> None:
    ((path, _, message),) = problems(TEMPLATE.read_text(encoding="utf-8"), "resolution=module")
    assert path == "resolution"
    assert "cell, group, rack" in message


@pytest.mark.parametrize("resolution", LUMPED)
def test_the_books_close_and_the_bms_sees_every_group(resolution: str) -> None:
    engine = build(scenario(resolution))
    engine.run()
    terms = engine.ledger.as_dict()
    assert terms["residual"] < 1e-12
    assert terms["charge_residual"] < 1e-13
    assert terms["heat_mismatch"] < 0.02  # first order in the step of 100 ms, with its transients
    assert terms["throughput_J"] > 1000.0
    assert engine.plant.topology.n_cells == {"group": 8, "rack": 2}[resolution]
    about = axes(engine.plant.topology, engine.sensors, engine.plant.spec.thermal)["cell"].long_name
    assert about.startswith("each stands for the 2 cells of a group")
    assert engine.bms_port.measurements.group_voltage_V.value.shape == (8,)
    full = build(scenario("cell"))
    assert engine.sensors.n == full.sensors.n
    assert engine.cell_soc().shape == full.cell_soc().shape == (16,)


@pytest.mark.parametrize("resolution", LUMPED)
def test_a_lumped_run_tells_its_error_and_the_pilot_does_not_touch_it(
    resolution: str, tmp_path: Path
) -> None:
    loaded = scenario(resolution)
    path = record(loaded, tmp_path / "with.h5")
    engine = build(loaded)
    attach_file(engine, loaded, tmp_path / "without.h5", force=False, more={})
    assert run(engine).code == 0
    (pair,) = compare([tmp_path / "without.h5", path]).pairs
    assert [c.path for c in pair.channels if not c.identical] == []
    with open_run(path) as found:
        error = found.lumping
        assert error is not None
        assert found.axes["cell"].size == found.axes["group"].size == 8
        group_V = found.channel("truth/group_voltage_V")[-1]
        rack_V = found.channel("truth/rack_voltage_V")[-1]
        assert group_V.reshape(2, 4).sum(axis=1) == pytest.approx(rack_V, abs=0.02)  # less busbars
        if resolution == "rack":
            assert np.ptp(group_V.reshape(2, 4), axis=1).max() == 0.0
        assert found.name_of("cell", 5) == {
            "group": "rack 2, module 1, group 2", "rack": "rack 2"
        }[resolution]  # fmt: skip
    assert error["resolution"] == resolution
    assert (error["pilot_s"], error["ended"]) == (40.0, "")
    for name, limit in (  # spread of 1 % and 3 %, and 0.4 points, hidden inside what is lumped
        ("bus_voltage_V", 5e-3), ("rack_current_A", 5e-3), ("mean_soc", 1e-4),
        ("lowest_soc", 0.02), ("mean_temperature_K", 5e-3), ("highest_temperature_K", 0.05),
    ):  # fmt: skip
        assert 0.0 < error["rms"][name] <= error["largest"][name] < limit, name
    assert error == json.loads(json.dumps(lumping_error(loaded)))  # repeatable


@pytest.mark.parametrize("resolution", LUMPED)
def test_cells_that_are_alike_cost_nothing(resolution: str) -> None:
    """But for what sensors' noise makes the BMS bleed; 40 s give groups no time to cool apart."""
    loaded = scenario(
        resolution, "cell.spread.capacity=0", "cell.spread.resistance=0",
        "cell.spread.initial_soc=0",
    )  # fmt: skip
    error = lumping_error(loaded)
    assert error is not None
    assert error["largest"]["bus_voltage_V"] < 1e-5
    assert error["largest"]["rack_current_A"] < 1e-4
    assert error["largest"]["lowest_soc"] < 1e-6
    assert error["largest"]["highest_temperature_K"] < 1e-3


def test_a_pilot_that_takes_too_long_says_so() -> None:
    error = lumping_error(scenario("group"), wall_s=0.0)
    assert error is not None
    assert error["pilot_s"] < 40.0
    assert error["ended"] == "stopped after 0 s of wall time"


def test_full_detail_has_no_pilot() -> None:
    assert lumping_error(scenario("cell")) is None


@pytest.mark.parametrize("resolution", LUMPED)
def test_a_lumped_run_restores_and_forks(resolution: str, tmp_path: Path) -> None:
    loaded = scenario(resolution)
    parent, child = record(loaded, tmp_path / "parent.h5"), tmp_path / "child.h5"
    assert run(start_fork(parent, 26_300, (), child)).code == 0
    (pair,) = compare([parent, child]).pairs
    assert pair.rows > 10
    assert [c.path for c in pair.channels if not c.identical] == []
    with open_run(parent) as one, open_run(child) as other:
        assert one.lumping == other.lumping is not None
    with pytest.raises(ScenarioError, match="takes effect only at the start"):
        start_fork(parent, 20_000, ["resolution=cell"], tmp_path / "no.h5")


def test_commands_and_report_say_what_is_lumped(folder: Path, twin) -> None:
    shown = twin("show", "tiny.yaml", "--set", "resolution=rack").stdout
    assert "resolution" in shown and "are simulated as one, 1 in place of 4 cells" in (
        " ".join(shown.split())
    )
    facts = json.loads(twin("show", "tiny.yaml", "--set", "resolution=group", "--json").stdout)
    assert (facts["resolution"], facts["cells"], facts["simulated"]) == ("group", 4, 2)
    assert "resolution" in json.loads(twin("schema").stdout)["properties"]
    ran = json.loads(
        twin("run", "tiny.yaml", "--set", "resolution=group", "-o", "a.h5", "--json").stdout
    )
    assert set(ran["lumping"]["largest"]) >= {"bus_voltage_V", "rack_current_A", "mean_soc"}
    assert json.loads(twin("inspect", "a.h5", "--json").stdout)["lumping"] == ran["lumping"]
    assert "off by at most: bus voltage" in " ".join(twin("inspect", "a.h5").stdout.split())
    page = write_report(folder / "a.h5", folder / "a.html").read_text(encoding="utf-8")
    assert "What lumping costs" in page and "Highest temperature" in page
    twin("run", "tiny.yaml", "-o", "b.h5", "-q")
    assert json.loads(twin("inspect", "b.h5", "--json").stdout)["lumping"] is None
    page = write_report(folder / "b.h5", folder / "b.html").read_text(encoding="utf-8")
    assert "What lumping costs" not in page
    assert twin("compare", "b.h5", "a.h5").exit_code == 0
