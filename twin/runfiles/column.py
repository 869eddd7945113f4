"""One dataset of a run file that grows along time, written chunk by chunk past HDF5's cache.

HDF5 would copy every chunk into its own cache and out again at the flush; a chunk that is handed
over whole goes straight to the file. A chunk that fills up over several writes is kept here and
written anew each time: what was in it stays the same, so that a kill finds all committed rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Column:
    """Appends rows to a chunked dataset without filters.

    Parameters
    ----------
    dataset : h5py.Dataset
        Empty, shape (0,) or (0, width); rows of all writes together fill its chunks from the
        first.
    """

    def __init__(self, dataset: Any) -> None:
        self._id = dataset.id
        self._tail = dataset.shape[1:]
        self._chunk = dataset.chunks
        self._fill, self._dtype = dataset.fillvalue, dataset.dtype
        self._open: NDArray[Any] | None = None

    def append(self, start: int, rows: NDArray[Any]) -> None:
        """Write rows from number `start` on, which must be the first that is not there yet.

        Parameters
        ----------
        start : int
        rows : (k,) or (k, width), of the dataset's type
        """
        size, stop = self._chunk[0], start + len(rows)
        self._id.set_extent((stop, *self._tail))
        at = start
        while at < stop:
            first = at // size * size
            end = min(first + size, stop)
            part = rows[at - start : end - start]
            if len(part) < size:
                part = self._fill_up(at - first, part)
            self._write(first, part)
            at = end

    def _fill_up(self, at: int, part: NDArray[Any]) -> NDArray[Any]:
        """Return the chunk that is being filled, with `part` from its row `at` on."""
        if self._open is None:
            self._open = np.full((self._chunk[0], *self._tail), self._fill, dtype=self._dtype)
        chunk, end = self._open, at + len(part)
        chunk[at:end] = part
        if end == len(chunk):
            self._open = None
        return chunk

    def _write(self, first: int, rows: NDArray[Any]) -> None:
        """Write all chunks that begin at row `first`, from rows of full width."""
        if self._chunk[1:] == self._tail:
            place = (first,) + (0,) * len(self._tail)
            self._id.write_direct_chunk(place, np.ascontiguousarray(rows))
            return
        columns = self._chunk[1]
        for left in range(0, self._tail[0], columns):
            part = rows[:, left : left + columns]
            chunk = np.full(self._chunk, self._fill, dtype=self._dtype)
            chunk[:, : part.shape[1]] = part
            self._id.write_direct_chunk((first, left), chunk)
