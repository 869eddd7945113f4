"""Both sides of the comparison: started, checked to be the same job, drawn as a table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from validation.peers.job import DURATION_S, SEED, STEP_S, write_job
from validation.peers.quoted import LIIONPACK_REASON, QUOTED, SLIDE_REASON

ROOT = Path(__file__).resolve().parent.parent.parent
CHAIN_NORMAL_S = 0.1
"""CPU time of a million steps of the calibration loop that figures are normalised to [s]."""
RMS_LIMIT_MV = 2.0
"""Above this a tool does not do the same job; packs are about 1 mV off through their spread."""
BASE = "pack: currents solved, heat, books"
BASE_OF_ONE = "cells alone, not coupled"
"""What the ratio is to: the row of packtwin that does what the peers do, and the solved pack."""


class PeersError(RuntimeError):
    """One side could not be run; the message holds the last lines it wrote."""


def gather(peers_python: str | None = None) -> dict[str, Any]:
    """Run both sides and return the comparison, ready for JSON.

    Parameters
    ----------
    peers_python : str, optional
        Interpreter of the peers' environment; our own when left out or not there: it has PyBaMM.

    Returns
    -------
    dict
        ``rows`` in the order of the table, ``quoted``, ``missing``, ``versions``, ``import_s``,
        ``compile_s``, ``chain_s``, ``job``.
    """
    notes = []
    if peers_python is None or not Path(peers_python).is_file():
        if peers_python is not None:
            notes.append("The peers' environment is not there: PyBaMM of packtwin's own is timed.")
        peers_python = sys.executable
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job, cell = write_job(folder)
        ours = ["validation.peers.ours", str(job), str(cell)]
        theirs = _side(peers_python, ["validation.peers.theirs", str(job)], folder / "theirs.json")
        mine = _side(sys.executable, ours, folder / "ours.json")
        fresh = {"PACKTWIN_CACHE": str(folder / "cache")}
        compiled = _side(sys.executable, [*ours, "--compile"], folder / "compiled.json", fresh)
    for tool, reason in theirs["missing"].items():
        notes.append(
            f"{tool} cannot be imported ({reason}): its rows are left out; make bench-peers "
            "installs it where a package index can be reached."
        )
    return {
        "job": {"duration_s": DURATION_S, "step_s": STEP_S, "seed": SEED},
        **rows_of(mine["rows"], theirs["rows"]),
        "quoted": [asdict(one) for one in QUOTED],
        "notes": notes,
        "versions": theirs["versions"] | mine["versions"],
        "import_s": theirs["import_s"],
        "compile_s": compiled["compile_s"],
    }


def _side(
    python: str, arguments: list[str], result: Path, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Run a module in a process of its own and return the JSON that it wrote."""
    module, *rest = arguments
    variables = {"PYBAMM_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, "-m", module, *rest, str(result)],
        cwd=ROOT,
        env=os.environ | variables | (environment or {}),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        last = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise PeersError(f"{module} ended with exit code {done.returncode}: {last}")
    return json.loads(result.read_text(encoding="utf-8"))


def rows_of(mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the rows of the table, and what the calibration loop cost.

    Parameters
    ----------
    mine, theirs : list of dict
        As `validation.peers.ours` and `validation.peers.theirs` measured them; the first of `mine`
        is the cell alone.

    Returns
    -------
    dict
        ``rows``: all of `mine`, and beside each number of cells all of `theirs` as so many
        single-cell runs; ``chain_s``.
    """
    reference_V = np.array(mine[0]["voltage_V"])
    rows = []
    for cells in dict.fromkeys(row["cells"] for row in mine):
        own = [row for row in mine if row["cells"] == cells]
        wanted = BASE_OF_ONE if cells == 1 else BASE
        base = next(row for row in own if row["mode"] == wanted)["chains"]
        for row in [*own, *theirs]:
            times = cells // row["cells"]  # a peer's run of one cell, so often
            total_s = times * row["chains"] * CHAIN_NORMAL_S
            kept = ("tool", "model", "mode", "is_same_cell", "setup_s", "first_s", "cpu_s")
            rows.append(
                {name: row[name] for name in kept}
                | {
                    "cells": cells,
                    "is_computed": times > 1,
                    "us_per_cell_step": 1e6 * total_s / (cells * DURATION_S / STEP_S),
                    "times_real_time": DURATION_S / total_s,
                    "ratio": times * row["chains"] / base,
                    "rms_mV": rms_mV(np.array(row["voltage_V"]), reference_V)
                    if row["is_same_cell"]
                    else None,
                }
            )
    return {"rows": rows, "chain_s": min(row["chain_s"] for row in [*mine, *theirs])}


def rms_mV(voltage_V: Any, reference_V: Any) -> float:
    """Return the root mean square of a difference [mV]."""
    return 1e3 * float(np.sqrt(np.mean((voltage_V - reference_V) ** 2)))


def disagreements(comparison: dict[str, Any]) -> list[str]:
    """Return a sentence for every row that is not the same job."""
    return [
        f"{row['tool']}, {row['model']}, {row['mode']}, {row['cells']} cells: {row['rms_mV']:.2f} "
        f"mV RMS from the circuit alone, more than {RMS_LIMIT_MV:g} mV: not the same job"
        for row in comparison["rows"]
        if row["rms_mV"] is not None and not row["rms_mV"] <= RMS_LIMIT_MV
    ]


def table(comparison: dict[str, Any]) -> Table:
    """Draw the comparison."""
    drawn = Table(title="One hour in steps of 1 s, one thread, warm", title_justify="left")
    drawn.add_column("tool")
    drawn.add_column("job")
    for heading in ("cells", "us per cell\nand step", "times\nreal time", "to\npacktwin"):
        drawn.add_column(heading, justify="right")
    drawn.add_column("RMS\nmV", justify="right")
    drawn.add_column("set-up\ns", justify="right")
    before = None
    for row in comparison["rows"]:
        if before not in (None, row["cells"]):
            drawn.add_section()
        before = row["cells"]
        job = f"{row['model']}, {row['mode']}"
        if row["is_computed"]:
            job = f"{row['cells']:,} single runs: {job}"
        drawn.add_row(
            row["tool"], job, f"{row['cells']:,}", figure(row["us_per_cell_step"]),
            figure(row["times_real_time"]), figure(row["ratio"]),
            "–" if row["rms_mV"] is None else f"{row['rms_mV']:.3f}", f"{row['setup_s']:.2f}",
        )  # fmt: skip
    drawn.add_section()
    for one in comparison["quoted"]:
        drawn.add_row(
            one["tool"], f"quoted, not run: {one['job']}", f"{one['cells']:,}",
            figure(one["us_per_cell_step"]), "–", "–", "–", "–",
        )  # fmt: skip
    return drawn


def figure(value: float) -> str:
    """Return a figure with two or three valid digits, and no power of ten."""
    if value >= 100.0:
        digits = len(str(int(value)))
        return f"{round(value, 3 - digits):,.0f}"
    return f"{value:.2f}" if value < 10.0 else f"{value:.1f}"


def explanation(comparison: dict[str, Any]) -> list[str]:
    """Return what the reader of the table has to know, one paragraph each."""
    named = ", ".join(f"{name} {number}" for name, number in comparison["versions"].items())
    imports = ", ".join(f"{name} {took:.1f} s" for name, took in comparison["import_s"].items())
    return [
        f"Versions: {named}. All figures are CPU time, normalised: a million steps of the "
        f"calibration loop in plain Python cost {CHAIN_NORMAL_S} s, as for the quoted figures "
        f"(here {comparison['chain_s']:.3f} s; set-up and compiling are as they were).",
        "The circuit is the same for all (OCV of the LG M50, constant R0 and two RC pairs), and so "
        "is the current; RMS is the distance of the terminal voltage from packtwin's cell alone (a "
        "pack: mean of its cells, which differ in capacity, resistance and SOC). SPM, SPMe and DFN "
        "(Chen2020) are another, dearer cell and stand here for context.",
        "With its current known beforehand a solver may take long steps; stepped, the current of a "
        "second is decided after the one before, as a BMS needs it and as packtwin always runs.",
        "No peer here couples parallel cells: for a pack their figure is that of so many single "
        "cells, computed from one run. packtwin solves the currents of parallel cells, moves "
        "heat and keeps the energy books; the ratio is to that row (for one cell: to the cell "
        "alone).",
        "Set-up is building the model, packtwin with compiled kernels; the first run of all "
        f"compiles them once: {comparison['compile_s']:.0f} s, building included. Importing: "
        f"{imports}.",
        f"Quoted, not run (±30 %): {LIIONPACK_REASON} {SLIDE_REASON}",
        *comparison["notes"],
    ]
