"""A run that is copied and resumed goes on bit for bit, in any engine of the same scenario."""

from __future__ import annotations

import numpy as np
import pytest


def everything(built):
    """Return every number that survives a step, and the ledger of now."""
    whole = {
        f"{owner}/{key}": array
        for owner, fields in built.snapshot().items()
        for key, array in fields.items()
    }
    built.ledger.close()
    return whole | {"ledger": built.ledger.values.copy()}


def assert_identical(one, other):
    assert one.keys() == other.keys()
    for key, array in one.items():
        np.testing.assert_array_equal(array, other[key], err_msg=key)


@pytest.mark.parametrize("tick", [1000, 1500, 26_000, 35_000])
def test_a_restored_run_repeats_every_number(engine, tick) -> None:
    """Taken in mid-precharge, between two samples, under a fault, and when the fault ends."""
    first = engine()
    first.run(tick)
    snapshot = first.snapshot()
    first.run(40_000)
    other = engine()
    other.restore(snapshot)
    other.run(40_000)
    assert_identical(everything(first), everything(other))


def test_going_back_in_the_same_engine_repeats_every_number(engine) -> None:
    built = engine()
    built.run(20_000)
    snapshot = built.snapshot()
    built.run(30_000)
    once = everything(built)
    built.restore(snapshot)
    built.run(30_000)
    assert_identical(once, everything(built))


def test_two_runs_of_one_scenario_are_one_and_another_seed_is_another(engine) -> None:
    runs = [engine(), engine(), engine("seed=2")]
    for built in runs:
        built.run(10_000)
    numbers = [everything(built) for built in runs]
    assert_identical(numbers[0], numbers[1])
    voltages = [built.plant.cells.voltage_V for built in runs]
    assert not np.array_equal(voltages[0], voltages[2])


def test_looking_at_a_run_changes_nothing(engine) -> None:
    watched, alone = engine(), engine()
    for built in (watched, alone):
        while built.tick < 10_000:
            if built is watched and built.tick % 500 == 0:
                built.snapshot()
                built.ledger.close()
            built.step()
    assert_identical(everything(watched), everything(alone))


def test_running_in_pieces_is_running_at_once(engine) -> None:
    pieces, whole = engine(), engine()
    for tick in (3000, 7000, 10_000):
        pieces.run(tick)
    whole.run(10_000)
    assert_identical(everything(pieces), everything(whole))
