"""Rails in a scenario: what is refused, what they do to the cells, and a segment that goes bad."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import twin
from twin.answer_key import answer_key
from twin.scenarios.load import load_scenario
from twin.scenarios.problems import ScenarioError
from twin.scenarios.scenario import Scenario

TEMPLATE = Path(__file__).parents[2] / "twin" / "templates" / "scenario.yaml"
BAD = {
    "name": "bad segment", "kind": "rail_resistance", "from": "20 s", "until": "40 s",
    "at": {"rack": 1, "module": 1, "group": 2, "cell": 2}, "rail": "plus", "resistance": "1 ohm",
}  # fmt: skip
FIVE = "site.cells_per_group=5"


def rail(resistance: str = "0.5 mohm", take_off: str = "same_end") -> str:
    """Return the override that gives groups their rails."""
    return "wiring.rail=" + json.dumps({"resistance": resistance, "take_off": take_off})


def faults(**changes: object) -> str:
    """Return the override that injects the bad segment."""
    return "faults=" + json.dumps([BAD | changes])


def scenario(*overrides: str) -> Scenario:
    """Return the starting point of `twin new scenario` at a steady 200 W, with overrides."""
    steps = json.dumps([{"duration": "60 s", "power": "200 W"}])
    steady = ["duration=60 s", f"environment.demand.steps={steps}"]
    return load_scenario(TEMPLATE, [*steady, *overrides])


@pytest.mark.parametrize(
    ("overrides", "key_path", "part"),
    [
        ([rail("-0.1 mohm")], "wiring.rail.resistance", "out of range"),
        ([rail("0.1 V")], "wiring.rail.resistance", "is a voltage"),
        ([rail(take_off="both_ends")], "wiring.rail.take_off", "mean 'opposite_ends'"),
        ([faults()], "faults.0.rail", "no rails; add wiring.rail"),
        ([rail(), FIVE, faults(at=BAD["at"] | {"cell": 5})], "faults.0.at.cell", "is the last"),
        ([rail(), FIVE, faults(resistance="-1 ohm")], "faults.0.resistance", "out of range"),
        ([rail(), FIVE, faults(rail="both")], "faults.0.rail", "minus"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_key(overrides, key_path, part) -> None:
    with pytest.raises(ScenarioError) as error:
        scenario(*overrides)
    assert [problem.key_path for problem in error.value.problems] == [key_path]
    assert part in error.value.problems[0].message


def test_cells_carry_by_their_place_and_a_bad_segment_cuts_off_those_beyond_it() -> None:
    """Same end: less with every place. Behind 1 ohm, a thirtieth; and all comes back after it."""
    equal = [f"cell.spread.{what}=0" for what in ("capacity", "resistance", "initial_soc")]
    engine = twin.build(scenario(FIVE, rail(), faults(), *equal))
    cells, at = engine.plant.cells, engine.plant.topology.cell_slot

    def group_A(tick: int) -> np.ndarray:
        engine.run(tick)
        return cells.current_A[at].reshape(4, 5)[1]

    before_A = group_A(19_900)
    assert (np.diff(before_A) < 0.0).all()
    assert before_A[0] > 1.2 * before_A[-1] > 0.0
    during_A = group_A(21_000)
    assert during_A[:2].min() > 2.0 * before_A[0]
    assert during_A[2:].max() < 0.1 * before_A[-1]
    assert group_A(59_000)[2:].min() > 0.8 * before_A[-1]
    terms = engine.ledger.as_dict()
    assert terms["rail_J"] > 0.1
    assert terms["residual"] < 1e-12
    assert terms["network_residual"] < 1e-12


def test_the_answer_key_says_which_rail_and_how_large() -> None:
    (row,) = answer_key(scenario(FIVE, rail(), faults()))
    assert (row.target, row.magnitude, row.unit) == ("plus rail, to the next cell", 1.0, "ohm")
    assert (row.group, row.cell) == (1, 1)


def test_a_run_goes_on_bit_for_bit_from_a_snapshot_while_a_segment_is_bad() -> None:
    engine = twin.build(scenario(FIVE, rail(take_off="opposite_ends"), faults()))
    engine.run(30_000)
    kept = engine.snapshot()
    engine.run(45_000)
    once = engine.state.snapshot()
    again = twin.build(scenario(FIVE, rail(take_off="opposite_ends"), faults()))
    again.restore(kept)
    again.run(45_000)
    for name, values in again.state.snapshot().items():
        np.testing.assert_array_equal(values, once[name], err_msg=name)
