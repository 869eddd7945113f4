"""Rows are copied as NumPy would assign them, whatever the source is a view of."""

from __future__ import annotations

import numpy as np
import pytest

from twin.runfiles.block import Block, RecordedChannel, _runs
from twin.runfiles.layout import ChannelSpec

ROWS = 4


def channel(name, source, dtype, index=None, axis="cell"):
    return RecordedChannel(ChannelSpec(group="g", name=name, axis=axis, dtype=dtype), source, index)


def sources():
    rng = np.random.default_rng(5)
    floats, ints = rng.normal(size=40) * 1e3, rng.integers(0, 255, 30)
    table = floats[10:34].reshape(2, 3, 4)
    return {
        "whole": (floats, "f4"),
        "slice": (floats[3:20], "f4"),
        "same, in full": (floats[3:20], "f8"),
        "slice of a slice": (floats[3:20][2:9], "f4"),
        "every third": (floats[1:30:3], "f4"),
        "backwards": (floats[9:2:-1], "f8"),
        "of a table": (table.reshape(-1)[4:11], "f4"),
        "a line of a table": (table[1, :, 2], "f4"),
        "own array": (rng.normal(size=7), "f4"),
        "own strided array": (np.asfortranarray(rng.normal(size=(3, 4)))[1], "f4"),
        "integers": (ints, "u1"),
        "integers as numbers": (ints[2:6], "f4"),
        "wide integers": (ints[20:], "i4"),
        "yes or no": (rng.normal(size=9) > 0, "u1"),
        "small floats": (rng.normal(size=5).astype(np.float32), "f4"),
    }


def test_a_row_is_what_an_assignment_would_give() -> None:
    live = sources()
    block = Block([channel(name, *pair) for name, pair in live.items()], ROWS)
    expected = {name: np.zeros((ROWS, len(s)), dtype=t) for name, (s, t) in live.items()}
    rng = np.random.default_rng(6)
    for row in range(ROWS):
        for source, _ in live.values():
            source[:] = rng.permutation(source)  # in place: views stay views
        for name, (source, _) in live.items():
            expected[name][row] = source
        block.take(row)
    found = block.parts(0, ROWS)["g"]
    for name, rows in expected.items():
        np.testing.assert_array_equal(found[name], rows, err_msg=name)
        assert found[name].dtype == rows.dtype


@pytest.mark.parametrize("index", [[3, 1, 30, 0], [5, 6, 7, 8], [-1, 0, 0], [4], [8, 8, 9, 9]])
def test_an_index_picks_orders_and_repeats(index) -> None:
    floats = np.arange(40.0)
    block = Block([channel("x", floats[4:], "f4", np.array(index))], ROWS)
    block.take(2)
    np.testing.assert_array_equal(block.parts(2, 3)["g"]["x"][0], floats[4:][index])


def test_tables_keep_apart_and_other_rows_stay() -> None:
    floats = np.arange(6.0)
    channels = [channel("a", floats[:2], "f4"), channel("b", floats[2:], "f4")]
    channels.append(channel("c", floats[5:], "f8", axis=None))
    block = Block(channels, ROWS)
    block.take(0)
    floats += 10.0
    block.take(ROWS - 1)
    parts = block.parts(0, ROWS)["g"]
    assert parts["a"].tolist() == [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [10.0, 11.0]]
    assert parts["b"][0].tolist() == [2.0, 3.0, 4.0, 5.0]
    assert parts["c"].tolist() == [5.0, 0.0, 0.0, 15.0]  # a scalar has no second axis


def test_cells_kept_place_by_place_are_few_pieces_and_in_the_order_shown() -> None:
    kept, place = np.arange(64.0), np.arange(3)
    slot = (place * 16 + np.arange(16)[:, None]).ravel()  # three in parallel, in rows of 16 groups
    runs = _runs(channel("x", kept, "f4", slot), kept, 0)
    assert len(runs) == 3
    block = Block([channel("x", kept, "f4", slot)], ROWS)
    block.take(1)
    np.testing.assert_array_equal(block.parts(1, 2)["g"]["x"][0], slot)


def test_another_block_has_tables_of_its_own() -> None:
    floats = np.arange(6.0)
    block = Block([channel("a", floats, "f4")], ROWS)
    other = block.another()
    block.take(0)
    floats += 10.0
    other.take(0)
    assert block.parts(0, 1)["g"]["a"].tolist() == [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]
    assert other.parts(0, 1)["g"]["a"].tolist() == [[10.0, 11.0, 12.0, 13.0, 14.0, 15.0]]
