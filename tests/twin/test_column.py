"""Datasets written past HDF5's cache hold every row, however the rows come in."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from twin.runfiles.column import Column


@pytest.mark.parametrize("pieces", [(8,) * 5, (3, 5, 8, 8, 1), (20, 1, 19), (40,), (1,) * 40])
@pytest.mark.parametrize(("width", "columns"), [(None, None), (6, 6), (7, 3), (6, 3)])
def test_rows_in_any_pieces_come_back(tmp_path: Path, pieces, width, columns) -> None:
    tail = () if width is None else (width,)
    chunk = (8,) if width is None else (8, columns)
    rows = np.random.default_rng(1).normal(size=(sum(pieces), *tail)).astype("f4")
    with h5py.File(tmp_path / "a.h5", "w", libver="earliest") as file:
        dataset = file.create_dataset(
            "x", (0, *tail), "f4", maxshape=(None, *tail), chunks=chunk, fillvalue=np.nan
        )
        column, start = Column(dataset), 0
        for count in pieces:
            column.append(start, rows[start : start + count])
            start += count
            file.flush()
            shutil.copy(tmp_path / "a.h5", tmp_path / "b.h5")  # what a kill would leave
            with h5py.File(tmp_path / "b.h5") as reader:
                np.testing.assert_array_equal(reader["x"][()], rows[:start])
        dataset.resize(start + 8, axis=0)  # what was never written is fill
        assert np.isnan(dataset[start:]).all()
