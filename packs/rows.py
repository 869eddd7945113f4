"""Copies numbers from where they live into one row of a block, for the recorder."""

from __future__ import annotations

import numpy as np

from cell_models.jit import kernel


@kernel
def copy_row(row, source, runs, block):
    """Copy runs of numbers into a row of each of several tables that lie one after the other.

    Parameters
    ----------
    row : int
        Row of every table, from 0.
    source : (n,)
        Any real, integer or boolean type; converted as by an assignment of NumPy.
    runs : int64 (m, 4)
        First number of the run in `source`; where it goes in `block` for row 0; how many numbers;
        how many the table of that run has in a row.
    block : (k,), written
        The tables.
    """
    for run in range(runs.shape[0]):
        # Unsigned offsets: the compiler need not think of indices from the end, and vectorises.
        start = np.uint64(runs[run, 0])
        place = np.uint64(runs[run, 1] + row * runs[run, 3])
        for k in range(np.uint64(runs[run, 2])):
            block[place + k] = source[start + k]
