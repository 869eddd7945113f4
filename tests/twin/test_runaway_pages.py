"""The runaway part of the report, the page of futures, and `twin results`."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.twin.runaway_file import HOT_K, MELTS, PEAK_K, SCENARIO, write_run
from tests.twin.test_report import Page
from twin.pages.futures import write_futures
from twin.pages.outcome_rows import feed_of, kilojoules, outcome_rows
from twin.pages.report import write_report
from twin.pages.runaway_figures import heat_figure
from twin.pages.tables import volts
from twin.results import what_if
from twin.runfiles.layout import NotARun
from twin.whatif.tree import Arrival
from twin.whatif.words import paths_of

WORDS = ("Order of runaway", "Cell temperature through time", "What its neighbours fed", "Heat")


def checked(path: Path) -> tuple[Page, str]:
    """Read a page; nothing in it is loaded, and nothing reads as no number."""
    text = path.read_text(encoding="utf-8")
    bare = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    page = Page(bare)
    assert not page.wrong
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"(?:src|href|@import|url\()\s*[=(]?\s*[\"']?(?:https?:)?//", text)
    assert not re.search(r"\b(fetch|XMLHttpRequest|import)\b", text)
    assert "nan" not in re.findall(r"\b\w+\b", page.text.lower())
    assert "None" not in page.text
    return page, text


def payload(text: str) -> dict[str, Any]:
    """Return what the maps are drawn from."""
    found = re.search(r'id="scrub-data">(.*?)</script>', text, flags=re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    return {
        "gas": write_run(folder / "gas.h5", gas=True),
        "held": write_run(folder / "held.h5", only_first=True, from_s=50.0),
        "none": write_run(folder / "none.h5", runaway=False),
    }


def test_the_report_has_a_section_on_runaway(made: dict[str, Path], tmp_path: Path) -> None:
    page, _ = checked(write_report(made["gas"], tmp_path / "a.html"))
    assert "It spread: rack 1, module 1, group 1, cell 1 ran away at 1:40" in page.text
    for words in (
        *WORDS,
        f"At 2:20 {MELTS}.",
        "Gas",
        "150 % of the lower limit (LFL)",
        "early_heat".replace("_", " "),
    ):
        assert words in page.text


def test_without_gas_nothing_is_said_of_gas(made: dict[str, Path], tmp_path: Path) -> None:
    page, _ = checked(write_report(made["held"], tmp_path / "b.html"))
    assert "It did not spread" in page.text
    assert "LFL" not in page.text
    assert "Gas vented" not in page.text


def test_without_reacting_cells_there_is_no_section(made: dict[str, Path], tmp_path: Path) -> None:
    _, text = checked(write_report(made["none"], tmp_path / "c.html"))
    assert "Thermal runaway" not in text
    assert "<script" not in text


def test_the_maps_hold_the_temperatures_of_the_file(made: dict[str, Path], tmp_path: Path) -> None:
    _, text = checked(write_report(made["gas"], tmp_path / "d.html"))
    data = payload(text)
    (drawn,) = data["maps"]
    n = len(drawn["x"])
    celsius = np.frombuffer(base64.b64decode(drawn["celsius"]), dtype="<i2").reshape(-1, n) / 10.0
    assert len(celsius) == len(data["times"]) == len(drawn["known"])
    assert celsius.max() == pytest.approx(PEAK_K[0] - 273.15, abs=0.06)
    assert celsius[:, 7].max() == pytest.approx(HOT_K - 273.15, abs=0.06)
    assert drawn["ran"][:4] == [100.0, 120.0, 140.0, None]
    assert drawn["names"][3] == "R1 M1 G2 C2"
    assert data["times"][0] < 30.0 < 140.0 < data["times"][-1]


def test_futures_stand_side_by_side_on_one_clock(made: dict[str, Path], tmp_path: Path) -> None:
    paths = [made["gas"], made["held"], made["none"]]
    page, text = checked(write_futures(paths, tmp_path / "f.html"))
    for words in ("A: gas", "B: held", "C: none", "Did it spread?", "Why?", "Warning time"):
        assert words in page.text
    assert "records no reacting cells" in page.text
    assert page.text.count("It spread:") == 1
    data = payload(text)
    assert len(data["maps"]) == 3
    assert not data["maps"][1]["known"][0]  # a fork that begins later
    assert data["maps"][1]["known"][-1]
    assert text.count('type="range"') == 1


def test_text_of_a_run_cannot_leave_its_place(made: dict[str, Path], tmp_path: Path) -> None:
    text = write_futures([made["gas"], made["held"]], tmp_path / "g.html").read_text("utf-8")
    assert "made </script><b>" not in text
    assert "made &lt;/script&gt;&lt;b&gt;" in text


def test_a_page_of_futures_takes_two_to_four(made: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="takes 2 to 4 run files, got 5"):
        write_futures([made["gas"]] * 5, tmp_path / "h.html")
    with pytest.raises(NotARun):
        write_futures([made["gas"], tmp_path / "gone.h5"], tmp_path / "h.html")
    assert not (tmp_path / "h.html").exists()


def test_paths_of_heat_are_told_largest_first() -> None:
    arrival = Arrival(
        cell=1, name="cell", is_survivor=False, from_s=0.0, until_s=1.0, from_K=300.0,
        needed_J=10.0, arrived_J=10.0, current_J=2.0, reaction_J=1.0, neighbours_J=3.0,
        caught_J=4.0,
    )  # fmt: skip
    assert [J for _, J in paths_of(arrival)] == [4.0, 3.0, 2.0, 1.0]


def test_results_on_the_screen_and_as_json(made: dict[str, Path], twin: Callable[..., Any]) -> None:
    text = twin("results", str(made["gas"])).stdout
    for words in ("did it spread", "why", "cells lost", "early_heat", "100.0 s"):
        assert words in text
    found = json.loads(twin("results", str(made["gas"]), "--json").stdout)
    assert found["did_spread"]
    assert found["margin"]["margin_K"] == pytest.approx(13.15, abs=1e-3)
    assert "no reacting cells" in twin("results", str(made["none"])).stdout
    assert "gone.h5" in twin("results", "gone.h5", code=2).stderr


def test_report_of_several_runs(made: dict[str, Path], twin: Callable[..., Any]) -> None:
    paths = [str(made["gas"]), str(made["held"])]
    assert "futures.html" in twin("report", *paths).stdout
    assert (made["gas"].parent / "gas_futures.html").is_file()
    assert "at most 4" in twin("report", *(paths * 3), code=2).stderr
    twin("report", *paths, "-o", str(made["held"]), "--force", code=2)


def test_the_current_into_a_failed_cell_is_told_with_whence_and_how_much(
    made: dict[str, Path],
) -> None:
    found = what_if(made["gas"])
    rows = dict(outcome_rows(found))
    first = found.feeds[0]
    said = rows["fed by cells in parallel"]
    assert said.startswith(
        "current into rack 1, module 1, group 1, cell 1 through its terminals, out of the cells in "
        f"parallel with it, and of the rack while that charges: peak {first.peak_A:,.0f} A, charge "
        f"{first.charge_As / 3600.0:.2g} Ah, energy "
    )
    quiet = replace(first, charge_As=0.0, opened_s=60.0)
    assert feed_of(quiet) == (
        "no current into the terminals of rack 1, module 1, group 1, cell 1 in any recorded row; "
        "cut off at 1:00"
    )


def test_the_body_share_is_explained_where_the_heat_is_split(
    made: dict[str, Path], tmp_path: Path
) -> None:
    found = what_if(made["gas"])
    assert found.body_share == 0.28
    said = dict(outcome_rows(found))["body share"]
    assert said.startswith("28 % of its own heat, of reactions and its charge, a cell keeps that")
    page, _ = checked(write_report(made["gas"], tmp_path / "body.html"))
    assert said in page.text
    assert "kept of their own heat cannot be read from it" in page.text


def test_heat_of_the_whole_run_and_of_failed_cells_are_told_apart(made: dict[str, Path]) -> None:
    rows = dict(outcome_rows(what_if(made["gas"])))
    assert rows["heat, whole run, all cells"] == (
        "180 kJ: 100 kJ by reactions, 20 kJ in shorts inside cells, 50 kJ by other currents in "
        "cells and wires, 10 kJ by heaters"
    )
    assert rows["heat that left cells"] == (
        "110 kJ with matter and gas; 4.8 kJ was caught by other cells"
    )
    said = rows["heat of cells that ran away"]
    assert "in 3 cells from the collapse of the separator on: 120 kJ by reactions" in said
    assert "84 kJ (" in said and "%) ejected; from recorded rows" in said


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ("", "off, gas leaves unburnt (module.enclosure.combustion is not set)"),
        (
            ", combustion: {ignition_temperature: 600 degC}",
            "on, gas burns above 600 °C or at glowing ejecta, limited by the oxygen in the module",
        ),
    ],
)
def test_the_page_says_whether_gas_burns(box: str, words: str, tmp_path: Path) -> None:
    relief = "{kind: valve, pressure: 1.2 bar, area: 500 mm^2, discharge: 0.7}"
    inside = f"{{free_volume: 2 L, wall_conductance: 1 W/K, relief: {relief}{box}}}"
    text = f"{SCENARIO}module:\n  enclosure: {inside}\n"
    made = write_run(tmp_path / "run.h5", gas=True, scenario=text)
    assert dict(outcome_rows(what_if(made)))["combustion"] == words
    page, _ = checked(write_report(made, tmp_path / "gas.html"))
    assert f"Combustion: {words}." in page.text


def test_a_close_call_is_told_on_every_page(
    made: dict[str, Path], tmp_path: Path, twin: Callable[..., Any]
) -> None:
    page, _ = checked(write_report(made["held"], tmp_path / "close.html"))
    assert "That is not sure: the margin of 13.1 K is within what is assumed" in page.text
    page, _ = checked(write_futures([made["held"], made["none"]], tmp_path / "two.html"))
    assert "a close call" in page.text and "How sure?" in page.text
    assert "how sure" in twin("results", str(made["held"])).stdout
    found = json.loads(twin("results", str(made["held"]), "--json").stdout)
    assert found["margin_is_within_assumptions"] is True
    assert found["doubts"][0]["key"] == "cell.runaway.separator_temperature"
    assert "twin study barrier" in found["answer"]["caveat"]


def test_a_voltage_near_zero_has_no_sign() -> None:
    assert volts(-1e-5) == "0.000 V"
    assert volts(-0.5) == "-0.500 V"


def test_energies_are_told_in_the_unit_that_fits() -> None:
    told = [kilojoules(J) for J in (82.6, 999.9, 1.2345e4, -2.5e6)]
    assert told == ["82.6 J", "1 kJ", "12.3 kJ", "\u22122.5 MJ"]


def test_a_pack_that_has_cooled_is_where_heat_came_from(made: dict[str, Path]) -> None:
    """Both bars say the same sum, whichever way a term goes."""
    heat = what_if(made["gas"]).heat
    cooled = replace(heat, stored_J=-5e3)
    figure = heat_figure(cooled, 8.0)
    labels = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
    assert any(label.startswith("the pack, which has cooled 5") for label in labels)
    assert not any(label.startswith("still in the pack") for label in labels)
