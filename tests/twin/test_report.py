"""The report: complete in itself, well formed, and true to the run's answer key."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.cli.screen import duration
from twin.pages import plots
from twin.pages.facts import gather, read_band
from twin.pages.report import write_report
from twin.pages.verdicts import judge, pair_alarms, parse_place
from twin.pages.wording import clock, energy, scientific, span
from twin.runfiles.hdf5 import RunFile
from twin.runfiles.layout import Axis, ChannelSpec, DiskFull, Event, FaultRow
from twin.runfiles.recorder import RecordedChannel, Recorder
from twin.runfiles.results import open_run
from twin.scenarios.load import parse_scenario
from twin.session import run as run_to_end
from twin.session import start_run

TEMPLATE = Path(plots.__file__).parents[1] / "templates" / "scenario.yaml"
SHORT = """faults:
  - name: "<script>alert(1)</script>"
    kind: internal_short
    at: {rack: 1, module: 1, group: 3, cell: 2}
    from: "20 s"
    resistance: "0.3 ohm"
"""
VOID = {"meta", "img", "br", "hr", "link", "input"}
ALONE = {"path", "use", "rect", "circle"}


class Page(HTMLParser):
    """Collects tags, ids, addresses and text, and whatever does not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["pre"]):
            self.text += data


def check_page(path: Path) -> Page:
    """Return the page of a file after the checks that hold for every report."""
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert (page.wrong, page.open) == ([], [])
    assert len(page.ids) == len(set(page.ids))
    inside = {f"#{name}" for name in page.ids}
    assert all(a in inside or a.startswith("data:image/png;base64,") for a in page.addresses)
    assert not re.search(r"(?:src|href|@import|url\()\s*[=(]?\s*[\"']?(?:https?:)?//", text)
    assert not {"script", "link", "iframe"} & page.tags
    assert len(text) < 3_000_000
    assert "nan" not in re.findall(r"\b\w+\b", page.text.lower())
    return page


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of 8 cells with a short in one of them."""
    folder = tmp_path_factory.mktemp("report")
    text = TEMPLATE.read_text(encoding="utf-8").replace("faults: []\n", SHORT)
    overrides = ["duration=150 s"]
    scenario = parse_scenario(text, overrides, source="test", directory=folder)
    run_to_end(start_run(scenario, folder / "run.h5"))
    return folder / "run.h5"


@pytest.fixture(scope="module")
def page(short_run: Path) -> Page:
    return check_page(write_report(short_run, short_run.with_suffix(".html")))


def test_the_page_sets_the_true_cell_beside_the_blamed_group(page: Page) -> None:
    assert "rack 1, module 1, group 3, cell 2" in page.text
    assert "internal short of 0.3 \u03a9" in page.text
    assert "The BMS blamed rack 1, module 1, group 3 after" in page.text
    assert "the right group" in page.text
    assert "hidden from the BMS" in page.text


def test_text_from_the_scenario_is_escaped(page: Page) -> None:
    assert "<script>alert(1)</script>" in page.text  # as text: check_page found no such tag


def test_the_page_says_what_the_filter_believed(page: Page) -> None:
    for words in ("\u22124.0 %", "+18.0 %", "\u22126 mV", "RC pairs", "Capacity of a cell"):
        assert words in page.text


def test_the_books_are_on_the_page_and_close(page: Page, short_run: Path) -> None:
    assert "Do the books close?" in page.text
    assert "Heat in internal shorts" in page.text
    with open_run(short_run) as run:
        assert run.ledger["residual"] < 1e-9


def test_the_page_tells_where_it_comes_from(page: Page, short_run: Path) -> None:
    with open_run(short_run) as run:
        assert run.attributes["scenario_sha256"] in page.text
    assert "Scenario as it was run" in page.text


def test_every_panel_has_its_unit(short_run: Path) -> None:
    from twin.pages.timeline import PANELS, timeline

    with open_run(short_run) as run:
        for width_in in (4.4, 10.6):
            figure = timeline(gather(run), width_in)
            labels = [axes.get_ylabel() for axes in figure.axes[:-1]]
            assert labels == [p.unit for name, p in PANELS.items() if name != "site"]
            assert figure.axes[-1].get_xlabel().startswith("time since the start [")


def test_a_band_is_exact_at_every_row(short_run: Path) -> None:
    with open_run(short_run) as run:
        values = run.channel("truth/cell_temperature_K").astype(np.float64)
        band = read_band(run, "truth/cell_temperature_K")
    np.testing.assert_array_equal(band.low, values.min(axis=1))
    np.testing.assert_array_equal(band.high, values.max(axis=1))
    np.testing.assert_allclose(band.median, np.median(values, axis=1)[band.rows])


# ---- runs that lack things ----------------------------------------------------------------------

ONE = {key: np.zeros(1, dtype=np.int64) for key in ("rack", "module", "group", "place")}
CELL = Axis(name="cell", size=1, coordinates=ONE)
GROUP = Axis(name="group", size=1, coordinates={k: ONE[k] for k in ("rack", "module", "place")})
VOLTAGE = ChannelSpec(group="truth", name="cell_voltage_V", axis="cell", unit="V")
TEMPERATURE = ChannelSpec(group="truth", name="cell_temperature_K", axis="cell", unit="K")
SOC = ChannelSpec(group="truth", name="cell_soc", axis="cell")
BMS_SOC = ChannelSpec(group="bms", name="group_soc", axis="group")
BMS_STD = ChannelSpec(group="bms", name="group_soc_std", axis="group")
POWER = ChannelSpec(group="pcs", name="ac_power_W", unit="W")


def write_run(
    path: Path, specs: Sequence[ChannelSpec], values: Sequence[float], rows: int = 9,
    events: Sequence[Event] = (), faults: Sequence[FaultRow] = (), ended: bool = True,
    start_s: float = 0.0, came: Sequence[tuple[float, int]] = (), **attributes: Any,
) -> Path:  # fmt: skip
    """Write a run of one cell by hand."""
    axes = {spec.axis: {"cell": CELL, "group": GROUP}[spec.axis] for spec in specs if spec.axis}
    file = RunFile.create(
        path,
        attributes={"scenario": "name: one\n", **attributes},
        axes=axes,
        channels=list(specs),
        block_rows=4,
    )
    file.append_faults(list(faults))
    live = [np.full(1, value) for value in values]
    recorded = [RecordedChannel(s, a) for s, a in zip(specs, live, strict=True)]
    recorder = Recorder(file, recorded, 4)
    for k in range(rows):
        recorder.row(start_s + 10.0 * k)
    for event in events:
        recorder.event(event)
    for time_s, number in came:
        recorder.fault_transition(time_s, number, True)
    if ended:
        recorder.close("done", 0, {})
    else:
        recorder.write()
    return path


ALL = (VOLTAGE, TEMPERATURE, SOC, BMS_SOC, BMS_STD, POWER)
TYPICAL = (3.7, 298.15, 0.5, 0.52, 0.01, 100.0)


@pytest.mark.parametrize(
    ("specs", "values"),
    [
        (ALL, TYPICAL),
        ((VOLTAGE,), (3.7,)),
        ((POWER,), (1.0,)),
        ((SOC,), (0.5,)),
        ((SOC, BMS_SOC, BMS_STD), (0.5, np.nan, np.nan)),
        ((TEMPERATURE, VOLTAGE), (298.15, 3.7)),
    ],
    ids=["all", "voltage", "power", "no estimate", "NaN estimate", "no soc"],
)
def test_one_cell_and_missing_channels(
    tmp_path: Path, specs: tuple[ChannelSpec, ...], values: tuple[float, ...]
) -> None:
    path = write_run(tmp_path / "one.h5", specs, values)
    page = check_page(write_report(path, tmp_path / "one.html"))
    assert "no alarms" in page.text
    assert "ended as planned" in page.text
    assert "answer key is empty" in page.text


def test_a_killed_run_is_said_to_be_one(tmp_path: Path) -> None:
    path = write_run(tmp_path / "killed.h5", ALL, TYPICAL, ended=False)
    page = check_page(write_report(path, tmp_path / "killed.html"))
    assert "did not end as planned (killed or still running)" in page.text


@pytest.mark.parametrize("rows", [0, 1])
def test_a_run_of_no_or_one_row(tmp_path: Path, rows: int) -> None:
    path = write_run(tmp_path / "empty.h5", ALL, TYPICAL, rows=rows)
    page = check_page(write_report(path, tmp_path / "empty.html"))
    assert rows or "no complete row" in page.text


def test_an_unseen_fault_and_a_false_alarm_are_called_so(tmp_path: Path) -> None:
    fault = FaultRow(name="f", kind="coolant_loss", rack=0, from_s=20.0, magnitude=0.1, unit="1")
    path = write_run(tmp_path / "a.h5", ALL, TYPICAL, faults=[fault])
    page = check_page(write_report(path, tmp_path / "a.html"))
    assert "did not come" in page.text
    assert "never came" not in page.text
    assert "raised no alarm after" not in page.text
    assert "nothing named" not in page.text
    false = Event(time_s=30.0, source="bms", code="hot", severity="warning", transition="came",
                  component="rack 1, module 1, group 1", text="a < b & c")  # fmt: skip
    path = write_run(tmp_path / "b.h5", ALL, TYPICAL, events=[false] * 60)
    page = check_page(write_report(path, tmp_path / "b.html"))
    assert "yet there were 60 alarms" in page.text
    assert "a < b & c" in page.text
    assert "first 50 of 60" in page.text


def alarm(time_s: float, component: str, severity: str = "warning", code: str = "low") -> Event:
    return Event(
        time_s=time_s, source="bms", code=code, severity=severity, transition="came",
        component=component, text=f"{code} in {component}",
    )  # fmt: skip


def test_a_fault_of_a_fork_is_present_since_before_it(tmp_path: Path) -> None:
    fault = FaultRow(name="f", kind="internal_short", rack=0, module=0, group=0, cell=0,
                     from_s=480.0, magnitude=0.5, unit="ohm")  # fmt: skip
    path = write_run(
        tmp_path / "fork.h5", ALL, TYPICAL, faults=[fault], start_s=600.0, came=[(600.0, 0)],
        fork_s=600.0, parent="a.h5", rows=13,
        events=[alarm(620.0, "rack 1, module 1, group 1")],
    )  # fmt: skip
    page = check_page(write_report(path, tmp_path / "fork.html"))
    assert "present since 8:00 (before this fork began at 10:00)" in page.text
    assert "did not come" not in page.text
    assert "2 min (from 10 min to 12 min)" in page.text
    assert "The BMS blamed rack 1, module 1, group 1, at 10:20" in page.text
    came = Event(time_s=600.0, source="fault", code="internal_short", severity="info",
                 transition="came", component="f")  # fmt: skip
    path = write_run(
        tmp_path / "new.h5", ALL, TYPICAL, faults=[fault], start_s=600.0, came=[(600.0, 0)],
        fork_s=600.0, events=[came],
    )  # fmt: skip
    page = check_page(write_report(path, tmp_path / "new.html"))
    assert "At 10:00 an internal short of 0.5 \u03a9 was put into" in page.text


def test_a_fault_is_not_credited_with_what_belongs_to_another(tmp_path: Path) -> None:
    faults = [
        FaultRow(name="a", kind="internal_short", rack=0, module=0, group=0, cell=0, from_s=10.0),
        FaultRow(
            name="b", kind="sensor_lost", rack=0, module=0, group=1, from_s=30.0, target="voltage"
        ),
        FaultRow(name="c", kind="contactor_stuck", rack=1, target="plus stuck closed"),
    ]
    events = [
        alarm(20.0, "rack 1, module 1, group 1"),
        alarm(25.0, "rack 1", "derate", "hot"),
        alarm(40.0, "rack 1, module 1, group 2"),
        alarm(50.0, "rack 1", "open", "hot"),
        alarm(60.0, "rack 2", "latched", "contactor_stuck"),
    ]
    path = write_run(tmp_path / "two.h5", ALL, TYPICAL, faults=faults, events=events,
                     came=[(10.0, 0), (30.0, 1), (30.0, 2)])  # fmt: skip
    with open_run(path) as run:
        a, b, c = judge(run, pair_alarms(run.events))
    assert a.blamed is not None and a.blamed.start_s == 20.0
    assert (list(a.reactions), a.wrong) == (["warning", "derate"], ())
    assert b.blamed is not None and b.blamed.start_s == 40.0
    assert (list(b.reactions), b.wrong) == (["warning", "open"], ())
    assert list(c.reactions) == ["latched"]
    page = check_page(write_report(path, tmp_path / "two.html"))
    assert "the plus contactor of rack 2 was stuck closed" in page.text
    assert "sensor voltage was lost at rack 1, module 1, group 2" in page.text


def test_a_page_without_room_leaves_nothing_and_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_run(tmp_path / "one.h5", ALL, TYPICAL)
    (tmp_path / "one.html").write_text("old")

    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFull, match="no room for .*one.html"):
        write_report(path, tmp_path / "one.html")
    assert (tmp_path / "one.html").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.h5", "one.html"]


# ---- words --------------------------------------------------------------------------------------


def test_alarms_are_paired_from_coming_to_going() -> None:
    def event(time_s: float, transition: str, code: str = "hot") -> Event:
        return Event(
            time_s=time_s, source="bms", code=code, severity="warning", transition=transition
        )

    events = [event(1, "came"), event(2, "came", "low"), event(5, "went"), event(7, "came")]
    found = [(a.event.code, a.start_s, a.end_s) for a in pair_alarms(events)]
    assert found == [("hot", 1, 5), ("low", 2, None), ("hot", 7, None)]


def test_places_are_read_from_text() -> None:
    place = {"rack": 0, "module": 3, "group": 5}
    assert parse_place("thermistor 42 at rack 1, module 4, group 6") == place
    assert parse_place("site") == {}


def test_times_and_energies_read_well() -> None:
    assert [clock(t) for t in (0.0, 516.4, 7509.0)] == ["0:00", "8:36", "2:05:09"]
    for time_s, page, screen in (
        (146.5, "2:27", "2 min 27 s"), (146.4, "2:26", "2 min 26 s"), (179.6, "3:00", "3 min"),
    ):  # fmt: skip
        assert (clock(time_s), span(time_s), duration(time_s)) == (page, screen, screen)
    assert span(7529.9) == duration(7529.9) == "2 h 05 min"
    assert span(7530.0) == duration(7530.0) == "2 h 06 min"
    assert [span(t) for t in (36.5, 1058.0, 2400.0, 7500.0, 86400.0)] == [
        "36.5 s", "17 min 38 s", "40 min", "2 h 05 min", "24 h",
    ]  # fmt: skip
    assert [energy(e) for e in (9e6, -7200.0, 12.0, 0.0, 8e-9)] == [
        "2.500 kWh", "\u22122.00 Wh", "12.00 J", "0.00 J", "8.0\u00b710\u207b\u2079 J",
    ]  # fmt: skip
    assert scientific(7.4e-15) == "7.4\u00b710\u207b\u00b9\u2075"
