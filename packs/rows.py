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
    runs : int64 (m, 6)
        First number of the run in `source`, and how far the next one is; where the first goes in
        `block` for row 0, and how much further the next one; how many numbers; how many the table
        of that run has in a row. None is negative.
    block : (k,), written
        The tables.
    """
    for run in range(runs.shape[0]):
        # Unsigned offsets: the compiler need not think of indices from the end, and vectorises.
        start, apart = np.uint64(runs[run, 0]), np.uint64(runs[run, 1])
        place, onward = np.uint64(runs[run, 2] + row * runs[run, 5]), np.uint64(runs[run, 3])
        if apart == 1 and onward == 1:
            for k in range(np.uint64(runs[run, 4])):
                block[place + k] = source[start + k]
        else:
            for k in range(np.uint64(runs[run, 4])):
                block[place + k * onward] = source[start + k * apart]
