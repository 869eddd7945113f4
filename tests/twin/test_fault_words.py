"""Every kind of fault in words: as a noun, as what was done, and as what a fork found done."""

from __future__ import annotations

import math
import re

import pytest

from twin.pages.fault_words import DEEDS, NAMES, deed_of, what_of
from twin.pages.verdicts import Verdict
from twin.runfiles.layout import FaultRow
from twin.scenarios.fault_kinds import fault_kinds

KINDS = [found.kind for found in fault_kinds()]
CELL = {"rack": 0, "module": 0, "group": 0, "cell": 1}


def verdict(kind: str, place: dict[str, int], was_there: bool = False, **about) -> Verdict:
    row = FaultRow(name="x", kind=kind, **place, **about)
    return Verdict(
        fault=row, place=place, start_s=60.0, end_s=None, was_there=was_there, first=None,
        blamed=None, is_shared=False, wrong=(), reactions={}, opened_s=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "place", "about", "said"),
    [
        ("nail", CELL, {"magnitude": 0.05, "unit": "ohm"},
         "a nail went through rack 1, module 1, group 1, cell 2 and shorts each cell with 50 "
         "m\u03a9"),
        ("nail", {"rack": 0, "module": 0}, {"magnitude": 0.5, "unit": "ohm",
         "target": "through 2 cells: group 1 cell 2, group 2 cell 2"},
         "a nail went through 2 cells: group 1 cell 2, group 2 cell 2, of rack 1, module 1, and "
         "shorts each cell with 0.5 \u03a9"),
        ("heater", CELL, {"magnitude": 60.0, "unit": "W"},
         "a heater of 60 W went on at rack 1, module 1, group 1, cell 2"),
        ("heater", {"rack": 0, "module": 0}, {"magnitude": 60.0, "unit": "W"},
         "a heater of 60 W went on at each cell of rack 1, module 1"),
        ("fire", {}, {"magnitude": 1073.15, "unit": "K"},
         "flames of 800 \u00b0C rose around each cell of the site"),
        ("oven", {"rack": 0}, {"magnitude": 423.15, "unit": "K"},
         "the air around the cells of rack 1 went to 150 \u00b0C"),
        ("overcharge", {}, {"magnitude": 500.0, "unit": "W"},
         "the PCS, whatever it is told, began to charge the site with 500 W"),
        ("overcharge", {"rack": 0, "module": 0, "group": 0}, {"magnitude": 5.0, "unit": "A"},
         "a charger of its own began to charge rack 1, module 1, group 1 with 5 A"),
        ("open_cell", CELL, {}, "rack 1, module 1, group 1, cell 2 was cut off its group"),
        ("external_short", {}, {"magnitude": 0.1, "unit": "ohm"},
         "an external short of 0.1 \u03a9 was put across the DC bus"),
        ("rail_resistance", CELL, {"magnitude": 0.01, "unit": "ohm",
         "target": "plus rail, to the next cell"},
         "the plus rail at rack 1, module 1, group 1, cell 2 went to 10 m\u03a9"),
    ],
)  # fmt: skip
def test_a_deed_reads_as_a_sentence(kind, place, about, said) -> None:
    assert deed_of(verdict(kind, place, **about)) == f"<strong>{said}</strong>"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("was_there", [False, True])
def test_every_kind_has_its_words(kind: str, was_there: bool) -> None:
    found = verdict(kind, {"rack": 0}, was_there, magnitude=0.5, unit="ohm", target="plus open")
    deed = deed_of(found)
    assert "the fault" not in deed and "_" not in deed and "{" not in deed
    assert re.search(r"<strong>.*\brack 1|</strong> at rack 1", deed)
    assert "_" not in what_of(found) and "{" not in what_of(found)
    is_known = kind in DEEDS or kind.startswith("sensor_") or kind == "contactor_stuck"
    assert is_known and set(NAMES) | set(DEEDS) <= set(KINDS)


def test_a_fault_of_a_plug_in_is_told_by_its_name() -> None:
    found = verdict("my_own", {"rack": 0}, magnitude=math.nan)
    assert deed_of(found) == "<strong>the fault \u201cmy own\u201d</strong> began at rack 1"
