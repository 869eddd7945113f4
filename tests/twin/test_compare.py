"""Runs side by side: bit identity, first and largest difference, clocks, events, scenarios."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from twin.cli.comparing import render
from twin.runfiles.compare import Comparison, compare, differing_keys, match_rows
from twin.runfiles.hdf5 import RunFile
from twin.runfiles.layout import Axis, ChannelSpec, Event
from twin.runfiles.recorder import RecordedChannel, Recorder

VOLTAGE = ChannelSpec(group="truth", name="cell_voltage_V", axis="cell", unit="V")
SOC = ChannelSpec(group="bms", name="soc")
CLOCK_S = np.arange(40) * 0.1

Change = Callable[[NDArray[np.float64]], None]


def write_run(
    path: Path,
    change: Change = lambda values: None,
    *,
    time_s: NDArray[np.float64] = CLOCK_S,
    cells: int = 3,
    events: Sequence[Event] = (),
    scenario: str = "name: a\ncell: {model: ecm}\n",
    created: str = "",
) -> Path:
    """Write a run whose values depend on time and cell alone, changed by `change`."""
    axes = {"cell": Axis(name="cell", size=cells)}
    attributes = {"scenario": scenario, "start": created}
    file = RunFile.create(
        path, attributes=attributes, axes=axes, channels=[VOLTAGE, SOC], block_rows=9
    )
    voltage, soc = np.zeros(cells), np.full(1, 0.5)
    recorder = Recorder(file, [RecordedChannel(VOLTAGE, voltage), RecordedChannel(SOC, soc)], 9)
    values = np.sin(time_s)[:, None] + np.arange(cells)
    change(values)
    for now_s, row in zip(time_s, values, strict=True):
        voltage[:] = row
        recorder.row(now_s)
    for event in events:
        recorder.event(event)
    recorder.close("done")
    return path


def on_screen(comparison: Comparison) -> str:
    out = StringIO()
    render(comparison, Console(file=out, width=160))
    return out.getvalue()


def test_equal_runs_are_identical_whenever_they_were_made(tmp_path: Path) -> None:
    def with_nan(values: NDArray[np.float64]) -> None:
        values[3, 1] = np.nan

    a = write_run(tmp_path / "a.h5", with_nan, created="2026-01-01")
    b = write_run(tmp_path / "b.h5", with_nan, created="2027-01-01")
    result = compare([a, b])
    line = "truth: identical bit for bit in 1 channel over 40 rows"
    assert result.pairs[0].truth == line
    assert not result.pairs[0].differing
    assert not result.pairs[0].scenario
    assert line in on_screen(result)
    json.dumps(result.as_dict(), allow_nan=False)


def test_first_and_largest_difference_are_found(tmp_path: Path) -> None:
    def change(values: NDArray[np.float64]) -> None:
        values[7, 0] += 1e-6
        values[20, 2] -= 0.5
        values[30, 1] = np.nan

    pair = compare([write_run(tmp_path / "a.h5"), write_run(tmp_path / "b.h5", change)]).pairs[0]
    (found,) = pair.differing
    assert found.path == "truth/cell_voltage_V"
    assert found.first_time_s == CLOCK_S[7]
    assert found.max_abs == pytest.approx(0.5, abs=1e-6)  # float32
    assert (found.where, found.time_s, found.not_a_number) == ("cell 3", CLOCK_S[20], 1)
    assert pair.truth.startswith("truth: differs in 1 of 1 channel over 40 rows, first at 0.7 s")


def test_the_sign_of_zero_counts_in_bit_identity(tmp_path: Path) -> None:
    def zero(values: NDArray[np.float64]) -> None:
        values[5, 0] = 0.0

    def minus_zero(values: NDArray[np.float64]) -> None:
        values[5, 0] = -0.0

    a, b = write_run(tmp_path / "a.h5", zero), write_run(tmp_path / "b.h5", minus_zero)
    (found,) = compare([a, b]).pairs[0].differing
    assert found.max_abs == 0.0


def test_rows_are_matched_at_equal_ticks_of_different_grids(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a.h5")
    b = write_run(tmp_path / "b.h5", time_s=np.arange(25) * 0.2)
    pair = compare([a, b]).pairs[0]
    assert pair.rows == 20
    assert "20 rows at equal times, of 40 and 25" in pair.clock
    assert "identical" in pair.truth


def test_grids_without_common_ticks_are_matched_to_the_nearest() -> None:
    clock = match_rows(np.arange(10) * 1.0, np.arange(20) * 0.5 + 0.01)
    np.testing.assert_array_equal(clock.second, 2 * clock.first)
    assert "nearest" in clock.note
    assert "0.01 s apart" in clock.note
    assert len(match_rows(np.zeros(0), np.arange(3.0)).first) == 0
    assert len(match_rows(np.arange(3.0), np.zeros(0)).first) == 0


def test_events_in_one_run_alone_are_listed(tmp_path: Path) -> None:
    same = Event(time_s=1.0, source="bms", code="hot")
    extra = Event(time_s=2.0, source="bms", code="cold", component="cell 2")
    a = write_run(tmp_path / "a.h5", events=[same, extra])
    went = Event(time_s=3.0, source="bms", code="hot", severity="warning", transition="went")
    b = write_run(tmp_path / "b.h5", events=[same, same, went])
    result = compare([a, b])
    assert [event.code for event in result.pairs[0].events_only_first] == ["cold"]
    assert [event.code for event in result.pairs[0].events_only_second] == ["hot", "hot"]
    assert "only in the second: 3 s hot (went)" in on_screen(result)
    assert "only in the first: 2 s cold cell 2" in on_screen(result)


def test_scenarios_differ_by_key_path() -> None:
    a = "cell: {model: ecm}\nfaults:\n  - kind: short\n  - kind: leak\n# remark\n"
    b = "cell: {model: spm}\nfaults:\n  - kind: short\nseed: 1\n"
    assert differing_keys(a, b) == [
        ("cell.model", "ecm", "spm"),
        ("faults[1].kind", "leak", None),
        ("seed", None, 1),
    ]
    assert differing_keys(a, a.replace("# remark", "# another")) == []


def test_different_packs_are_compared_on_scalars_and_say_why(tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a.h5"), write_run(tmp_path / "b.h5", cells=5)
    result = compare([a, b])
    pair = result.pairs[0]
    assert [channel.path for channel in pair.channels] == ["bms/soc"]
    assert pair.skipped == {"truth/cell_voltage_V": "different packs: 3 and 5 x cell"}
    assert "nothing to compare" in pair.truth
    assert "different packs" in on_screen(result)


def test_several_runs_are_held_against_the_first(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / f"{name}.h5") for name in "abc"]
    result = compare(paths)
    assert len(result.pairs) == 2
    assert len(result.summaries) == 3
    with pytest.raises(ValueError, match="at least two"):
        compare(paths[:1])
