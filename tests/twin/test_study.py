"""A study finds where an outcome changes, and says when it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twin.cli.app import app
from twin.study import Study, StudyError, Trial, between, bisect, check_outcome, read_range

FUSE = ("study", "barrier", "external_short", "--over", "faults.0.resistance")


def ask(*arguments: str) -> tuple[int, str, str]:
    """Run the command; return exit code, what was printed, and what was complained of."""
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.stdout, done.stderr


def test_the_largest_short_that_blows_a_fuse_is_bracketed(tmp_path: Path) -> None:
    study = Study(
        scenario="external_short", key="faults.0.resistance", low=0.05, high=5.0, unit="ohm",
        bracket=0.3, overrides=(), outcome="event:fuse_blown",
    )  # fmt: skip
    trials = list(bisect(study, tmp_path, most=12))
    assert [t.value for t in trials[:3]] == [0.05, 5.0, 2.525]
    found = between(trials)
    assert found is not None
    comes, stays = found
    assert comes.happened and not stays.happened and stays.value - comes.value <= 0.3
    assert len(trials) == 7  # two ends, and 4.95 ohm halved five times
    assert len(list(tmp_path.glob("*.h5"))) == 7


def test_a_channel_may_be_the_outcome_and_gives_its_margin() -> None:
    limit = "truth/cell_voltage_V < 1.3"
    code, out, _ = ask(*FUSE, "--lo", "0.05 ohm", "--hi", "0.1 ohm", "--outcome", limit,
                       "--bracket", "0.02", "--json")  # fmt: skip
    answer = json.loads(out)
    assert code == 0 and answer["between"] == pytest.approx([0.075, 0.0875])
    assert all((t["margin"] < 0.0) == t["happened"] for t in answer["trials"])


def test_the_same_outcome_at_both_ends_is_exit_1_with_both_outcomes() -> None:
    code, _, err = ask(*FUSE, "--lo", "3 ohm", "--hi", "5 ohm", "--outcome", "event:fuse_blown")
    assert code == 1
    assert "does not come at either end: 3 ohm (no event fuse_blown), 5 ohm" in " ".join(
        err.split()
    )


@pytest.mark.parametrize(
    ("low", "high", "what"),
    [
        ("thick", "5 mm", "--lo 'thick' is no number"),
        ("1 mm", "5 cm", "give both in one unit"),
        ("5 mm", "1 mm", "exchange them"),
    ],
)
def test_a_range_that_is_none_is_refused(low: str, high: str, what: str) -> None:
    with pytest.raises(StudyError, match=what):
        read_range(low, high)


def test_an_unknown_outcome_and_an_unknown_key_are_refused_before_any_run() -> None:
    with pytest.raises(StudyError, match="choose propagation; event:CODE"):
        check_outcome("spreads")
    code, _, err = ask("study", "barrier", "external_short", "--over", "faults.0.resistanc",
                       "--lo", "1 ohm", "--hi", "2 ohm")  # fmt: skip
    assert code == 2 and "did you mean 'resistance'" in " ".join(err.split())


def test_the_narrowest_change_is_given_where_there_are_several() -> None:
    trials = [Trial(v, f"{v}", v in (0.0, 3.0), None, "") for v in (0.0, 2.0, 3.0, 8.0)]
    found = between(trials)
    assert found is not None and [t.value for t in found] == [2.0, 3.0]
    assert between(trials[1:2]) is None
