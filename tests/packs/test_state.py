"""The one mutable state: named views on two buffers; copies out and in, by name."""

from __future__ import annotations

import numpy as np
import pytest

from packs.state import GAP, Schema, unpack


def example(*, extra: bool = False) -> Schema:
    """Declare a few fields of two owners."""
    schema = Schema()
    schema.add("cells", "soc", (2, 3), initial=0.5)
    if extra:
        schema.add("cells", "damage", (4,), initial=7.0)
    schema.add("cells", "latched", (3,), integer=True, initial=-1)
    schema.add("bus", "voltage_V", unit="V")
    schema.add("bus", "count", integer=True)
    return schema


def test_fields_start_at_their_initial_values_in_their_shape_and_kind() -> None:
    state = example().build()
    cells, bus = state.view("cells"), state.view("bus")
    assert cells.soc.shape == (2, 3) and np.all(cells.soc == 0.5)
    assert cells.latched.dtype == np.int64 and np.all(cells.latched == -1)
    assert bus.voltage_V.shape == (1,)  # a scalar is an array of one
    assert state.units["bus.voltage_V"] == "V"
    assert (len(state.floats), len(state.ints)) == (7 + 2 * GAP, 4 + 2 * GAP)


def test_views_and_buffers_are_the_same_memory_and_do_not_overlap() -> None:
    state = example(extra=True).build()
    for k, array in enumerate(state.named().values()):
        array[...] = k
    for k, array in enumerate(state.named().values()):
        assert np.all(array == k)
    state.floats[:] = 3.0
    assert np.all(state.view("cells").soc == 3.0)


def test_a_field_declared_twice_is_refused_by_name() -> None:
    schema = example()
    with pytest.raises(ValueError, match=r"'cells\.soc' is declared twice"):
        schema.add("cells", "soc", (1,))


def test_the_same_name_may_belong_to_two_owners() -> None:
    schema = example()
    schema.add("bus", "soc")
    assert schema.build().view("bus").soc.shape == (1,)


def test_an_owner_without_fields_has_an_empty_view() -> None:
    assert vars(example().build().view("nobody")) == {}


def test_a_snapshot_is_a_copy_and_restores_every_bit() -> None:
    state = example().build()
    rng = np.random.default_rng(1)
    state.floats[:] = rng.normal(size=state.floats.size)
    state.floats[0], state.floats[1] = -0.0, np.nan
    state.ints[:] = rng.integers(-(2**62), 2**62, state.ints.size)
    before = [array.tobytes() for array in state.named().values()]
    snapshot = state.snapshot()
    state.floats[:] = 9.0
    state.ints[:] = 9
    assert state.restore(snapshot) == []
    assert [array.tobytes() for array in state.named().values()] == before


def test_restoring_into_a_changed_model_goes_by_name_and_tells_what_it_left() -> None:
    old, new = example().build(), example(extra=True).build()
    old.floats[:], old.ints[:] = 0.25, 4
    assert new.restore(old.snapshot()) == ["cells.damage"]
    assert np.all(new.view("cells").damage == 7.0)  # as it was initialised
    assert np.all(new.view("cells").soc == 0.25)
    assert np.all(new.view("cells").latched == 4)


def test_a_field_of_another_shape_is_left_alone_and_told() -> None:
    state = example().build()
    values = state.snapshot()
    values["cells.soc"] = np.zeros((3, 2))
    assert state.restore(values) == ["cells.soc"]
    assert np.all(state.view("cells").soc == 0.5)


def test_saved_buffers_unpack_to_the_same_fields_as_a_snapshot() -> None:
    state = example(extra=True).build()
    state.floats[:] = np.arange(state.floats.size)
    state.ints[:] = np.arange(state.ints.size)
    unpacked = unpack(state.layout(), state.floats, state.ints)
    snapshot = state.snapshot()
    assert unpacked.keys() == snapshot.keys()
    for key, array in unpacked.items():
        assert np.array_equal(array, snapshot[key])
