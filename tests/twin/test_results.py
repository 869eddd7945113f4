"""A run read back: names, events, answer key, summary."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from twin.runfiles.hdf5 import RunFile
from twin.runfiles.layout import Axis, ChannelSpec, Event, FaultRow
from twin.runfiles.recorder import RecordedChannel, Recorder
from twin.runfiles.results import Run, open_run, summary

N_CELLS, N_GROUPS = 8, 4
RACK, MODULE = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0])
GROUP = np.array([0, 1, 0, 1])
AXES = {
    "cell": Axis(
        name="cell",
        size=N_CELLS,
        coordinates={
            "rack": np.repeat(RACK, 2),
            "module": np.repeat(MODULE, 2),
            "group": np.repeat(GROUP, 2),
            "place": np.tile([0, 1], N_GROUPS),
        },
    ),
    "group": Axis(
        name="group",
        size=N_GROUPS,
        coordinates={"rack": RACK, "module": MODULE, "place": GROUP},
    ),
    "temperature": Axis(name="temperature", size=2, coordinates={"rack": np.array([0, 1])}),
    "rack": Axis(name="rack", size=2),
}
SPECS = {
    "voltage": ChannelSpec(group="truth", name="cell_voltage_V", axis="cell", unit="V"),
    "temperature": ChannelSpec(group="truth", name="cell_temperature_K", axis="cell", unit="K"),
    "soc": ChannelSpec(group="truth", name="cell_soc", axis="cell"),
    "bms_soc": ChannelSpec(group="bms", name="group_soc", axis="group"),
    "sensor": ChannelSpec(group="measured", name="temperature_K", axis="temperature", unit="K"),
    "rack": ChannelSpec(group="truth", name="rack_voltage_V", axis="rack", unit="V"),
    "residual": ChannelSpec(group="ledger", name="residual_J", unit="J", dtype="f8"),
    "supplied": ChannelSpec(group="ledger", name="supplied_J", unit="J", dtype="f8"),
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    file = RunFile.create(
        tmp_path / "run.h5",
        attributes={"scenario": "name: test\n", "forkable": True},
        axes=AXES,
        channels=list(SPECS.values()),
        block_rows=7,
    )
    file.append_faults([FaultRow(name="short", kind="internal_short", rack=0, from_s=480.0)])
    live = {
        name: np.zeros(1 if spec.axis is None else AXES[spec.axis].size)
        for name, spec in SPECS.items()
    }
    recorder = Recorder(file, [RecordedChannel(SPECS[n], a) for n, a in live.items()], 7)
    for k in range(31):
        live["voltage"][:] = 3.5
        live["temperature"][:] = 298.15
        live["soc"][:] = 0.5 + 0.01 * np.arange(N_CELLS)
        # right by 2 points at first, by 1 after ten minutes; the last group is not estimated
        live["bms_soc"][:] = 0.5 + 0.01 * (0.5 + 2 * np.arange(4)) - (0.02 if k < 20 else 0.01)
        live["bms_soc"][3] = np.nan
        live["residual"][:], live["supplied"][:] = 0.25, -500.0
        if k == 12:
            live["voltage"][[3, 5]] = 2.75, 4.125
        if k == 17:
            live["temperature"][2] = 321.5
        recorder.row(30.0 * k)
    recorder.event(Event(time_s=1.0, source="bms", code="closed", severity="info"))
    gone = Event(time_s=400.0, source="bms", code="low", severity="warning", transition="went")
    recorder.event(gone)
    recorder.event(Event(time_s=500.0, source="bms", code="hot", severity="warning", value=321.0))
    recorder.event(Event(time_s=510.0, source="bms", code="hot", severity="open", limit=333.0))
    recorder.fault_transition(480.0, 0, True)
    recorder.checkpoint(300_000, 300.0, {"float64": np.zeros(2)})
    recorder.checkpoint(60_000, 60.0, {"float64": np.ones(2)})
    recorder.close("done", 0, {"end": "2026-06-15T09:00:00+02:00"})
    return open_run(tmp_path / "run.h5")


def test_names_for_people_count_from_one(run: Run) -> None:
    assert run.name_of("cell", 7) == "rack 2, module 1, group 2, cell 2"
    assert run.name_of("group", 1) == "rack 1, module 1, group 2"
    assert run.name_of("temperature", 1) == "temperature 2 (rack 2)"
    assert run.name_of("rack", 0) == "rack 1"
    assert run.name_of(None) == "site"


def test_what_was_written_is_read(run: Run) -> None:
    assert run.scenario_text == "name: test\n"
    assert [event.code for event in run.events] == ["closed", "low", "hot", "hot"]
    assert run.events[2].value == 321.0
    assert np.isnan(run.events[2].limit)
    assert (run.faults[0].name, run.faults[0].rack, run.faults[0].cell) == ("short", 0, -1)
    assert run.fault_transitions == [(480.0, 0, True)]
    assert run.ledger == {"residual_J": 0.25, "supplied_J": -500.0}
    assert run.checkpoints == [(60.0, 60_000), (300.0, 300_000)]
    assert run.load_checkpoint(60_000)["float64"].tolist() == [1.0, 1.0]
    assert run.channels["truth/cell_voltage_V"] == ChannelSpec(
        group="truth", name="cell_voltage_V", axis="cell", unit="V", long_name="cell_voltage_V"
    )
    with pytest.raises(KeyError, match="no channel 'truth/nothing'"):
        run.channel("truth/nothing")


def test_the_summary_finds_extremes_with_place_and_time(run: Run) -> None:
    found = summary(run)
    assert found["peak_temperature"] == {
        "value": 321.5,
        "unit": "K",
        "index": 2,
        "where": "rack 1, module 1, group 2, cell 1",
        "time_s": 510.0,
        "beyond_tables": False,
    }
    assert (found["min_voltage"]["value"], found["min_voltage"]["index"]) == (2.75, 3)
    assert (found["max_voltage"]["value"], found["max_voltage"]["time_s"]) == (4.125, 360.0)
    assert found["duration_s"] == 900.0
    assert found["events"] == {"warning": 1, "open": 1}  # that came
    assert found["first_alarm"]["time_s"] == 500.0
    assert found["energy_residual_J"] == 0.25
    assert found["energy_residual_relative"] == 0.25 / 500.0
    assert found["ended"] == "done"
    json.dumps(found, allow_nan=False)


def test_the_soc_error_is_taken_group_by_group_in_points(run: Run) -> None:
    found = summary(run)["soc_error"]
    # float32 channels: 6e-8 relative of 0.5 is 3e-6 points
    assert found["after_10_min"] == pytest.approx({"mean": 1.0, "rmse": 1.0, "max": 1.0}, abs=1e-4)
    assert found["overall"]["max"] == pytest.approx(2.0, abs=1e-4)
    assert found["overall"]["mean"] == pytest.approx((20 * 2.0 + 11 * 1.0) / 31, abs=1e-4)


def test_an_extreme_is_found_in_whatever_block_it_lies(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = summary(run)
    monkeypatch.setattr(
        "twin.runfiles.results.BLOCK_BYTES", 3 * 4 * N_CELLS
    )  # three rows at a time
    pieces = summary(run)
    for name in ("overall", "after_10_min"):
        # sums in another order
        assert pieces["soc_error"].pop(name) == pytest.approx(whole["soc_error"].pop(name))
    assert pieces == whole


def test_a_run_without_rows_has_a_summary(tmp_path: Path) -> None:
    RunFile.create(
        tmp_path / "empty.h5", attributes={}, axes=AXES, channels=list(SPECS.values())
    ).close("interrupted", 130)
    with open_run(tmp_path / "empty.h5") as run:
        found = summary(run)
        assert found["rows"] == 0
        assert found["peak_temperature"] is None
        assert "interrupted" in run._repr_html_()


def test_to_xarray_gives_groups_or_the_tree(run: Run) -> None:
    pytest.importorskip("xarray", reason="xarray is in the extra `data`")
    pytest.importorskip("h5netcdf", reason="h5netcdf is in the extra `data`")
    truth = run.to_xarray("truth")
    assert truth.cell_voltage_V.sizes == {"time_s": 31, "cell": N_CELLS}
    assert float(truth.cell_voltage_V.sel(time_s=360.0).max()) == 4.125
    tree = run.to_xarray()
    assert {"truth", "bms", "measured", "ledger", "events", "faults"} == set(tree.children)
    assert tree.attrs["exit_reason"] == "done"
    assert tree["events"].sizes == {"event": 4}
    with pytest.raises(KeyError, match="no group 'nope'; it has .*'truth'"):
        run.to_xarray("nope")
    tree.close()
    truth.close()


def test_html_tells_what_the_file_holds(run: Run) -> None:
    page = run._repr_html_()
    assert "8 x cell" in page
    assert "900 s in 31 rows" in page
    assert "done" in page
