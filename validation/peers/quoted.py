"""Figures of peers that `make bench-peers` does not run: measured once by hand, quoted.

They were taken on two shared cores (Xeon 2.5 GHz) as CPU time of one thread, normalised as the
table is: a million iterations of a loop in plain Python cost 0.1 s. Expect 30 % either way. The
cell is an SPM (Chen2020), dearer than a circuit, and the steps of liionpack are of 10 s.
"""

from __future__ import annotations

from dataclasses import dataclass

LIIONPACK_REASON = (
    "liionpack 0.4.0 no longer installs with today's packages: it takes PyBaMM 26.10 and fails on "
    "len_rhs_sens; with PyBaMM 24.11 pinned it fails on CasADi 3.8 (needs 3.6.7), then on pandas 3 "
    "(needs < 3)."
)
SLIDE_REASON = (
    "SLIDE (commit 847fec7, April 2023) is a C++ program without a Python package, built from "
    "source. Its own pack of 64p10s stops with an exception: current redistribution fails."
)


@dataclass(frozen=True, slots=True)
class Quoted:
    """One figure: tool, job, number of cells, CPU time per cell and step [us]."""

    tool: str
    job: str
    cells: int
    us_per_cell_step: float


QUOTED = (
    Quoted("liionpack", "SPM, 16p2s, steps of 10 s", 32, 1160.0),
    Quoted("liionpack", "SPM, 10p10s, steps of 10 s", 100, 786.0),
    Quoted("liionpack", "SPM, 25p40s, steps of 10 s", 1000, 756.0),
    Quoted("liionpack", "SPMe with heat, 10p10s, steps of 10 s", 100, 3870.0),
    Quoted("SLIDE", "SPM, 100s (nothing in parallel), 1 s", 100, 0.37),
    Quoted("SLIDE", "SPM, 10p10s, 1 s", 100, 8.3),
    Quoted("SLIDE", "SPM, 10p100s, 1 s", 1000, 8.1),
)
