"""Where an outcome changes: one key of a scenario, bisected between two values.

A study runs the scenario at both ends and then halfway between the last value at which the outcome
came and the last at which it did not, until the two are close. What counts as the outcome is read
from the run file, so anything that is recorded can be asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twin.results import what_if
from twin.runfiles.results import Run, open_run
from twin.scenarios.load import load_scenario
from twin.session import DONE, run, start_run

RUNAWAY = "cell_runaway"
"""Code of the event of a cell that runs away."""
NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")
CHANNEL = re.compile(r"\s*(\w+/\w+)\s*([<>])\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*")
OUTCOMES = (
    "propagation; event:CODE, as in event:fuse_blown; or a channel and a limit in its own unit, as "
    "in 'truth/cell_temperature_K > 423.15'"
)
SIGNIFICANT = 6
"""Digits of a value that is tried."""


class StudyError(ValueError):
    """What a study was asked for cannot be done; the text says what, and the remedy."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a study.

    Attributes
    ----------
    value : float
        In the unit of the study.
    setting : str
        As the scenario was given it.
    happened : bool
        Whether the outcome came.
    margin : float or None
        How far the closest one stayed from it, in the unit of the channel; negative beyond the
        limit, None for events. Of a propagation: of the closest survivor from the collapse of its
        separator [K]; None where no cell survived.
    said : str
        What was found, in words.
    """

    value: float
    setting: str
    happened: bool
    margin: float | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What to change, between which values, and how close to come.

    Attributes
    ----------
    scenario : str
        A file, or the name of an example.
    key : str
        Path of a numeric key, as ``wiring.fuse.rating``.
    low, high : float
        In `unit`.
    unit : str
        Empty for a plain number.
    bracket : float
        The study ends when the values on both sides are no further apart.
    overrides : tuple of str
        Other keys, as ``--set`` takes them.
    outcome : str
        See `OUTCOMES`.
    """

    scenario: str
    key: str
    low: float
    high: float
    unit: str
    bracket: float
    overrides: tuple[str, ...]
    outcome: str

    def setting(self, value: float) -> str:
        """Return a value as a scenario writes it."""
        return f"{value:.{SIGNIFICANT}g} {self.unit}".strip()


def read_range(low: str, high: str) -> tuple[float, float, str]:
    """Return two values and their unit.

    Raises
    ------
    StudyError
        If one is no number, the units differ, or the values do not.
    """
    found = []
    for option, text in (("--lo", low), ("--hi", high)):
        match = NUMBER.fullmatch(text)
        if match is None:
            raise StudyError(f"{option} {text!r} is no number with a unit; write '0.1 mm'")
        found.append((float(match[1]), match[2]))
    (a, unit), (b, other) = found
    if unit != other:
        raise StudyError(f"--lo is in '{unit}', --hi in '{other}'; give both in one unit")
    if not a < b:
        raise StudyError(f"--lo {low} is not below --hi {high}; exchange them")
    return a, b, unit


def check_outcome(outcome: str) -> None:
    """Refuse an outcome that no run can be judged by.

    Raises
    ------
    StudyError
    """
    known = outcome == "propagation" or re.fullmatch(r"event:\w+", outcome)
    if not (known or CHANNEL.fullmatch(outcome)):
        raise StudyError(f"--outcome {outcome!r} is unknown; choose {OUTCOMES}")


def judge(run_file: Run, outcome: str) -> tuple[bool, float | None, str]:
    """Tell whether an outcome came in a run, by what margin not, and what was found.

    Raises
    ------
    StudyError
        If the run does not record it.
    """
    if outcome == "propagation":
        return _propagation(run_file)
    if outcome.startswith("event:"):
        code = outcome.removeprefix("event:")
        came = [e for e in run_file.events if e.code == code and e.transition != "went"]
        said = f"{came[0].text} at {came[0].time_s:g} s" if came else f"no event {code}"
        return bool(came), None, said
    check_outcome(outcome)
    path, sign, limit = CHANNEL.fullmatch(outcome).groups()  # type: ignore[union-attr]
    if path not in run_file.channels:
        group = path.split("/")[0] + "/"
        near = ", ".join(sorted(c for c in run_file.channels if c.startswith(group)))
        raise StudyError(f"--outcome: no '{path}' is recorded; there is {near or 'no such group'}")
    values = run_file.channel(path)
    extreme = float(np.nanmax(values) if sign == ">" else np.nanmin(values))
    margin = float(limit) - extreme if sign == ">" else extreme - float(limit)
    unit = run_file.channels[path].unit
    word = "highest" if sign == ">" else "lowest"
    return margin < 0.0, margin, f"{word} {extreme:.6g} {unit}".strip()


def _propagation(run_file: Run) -> tuple[bool, float | None, str]:
    """Tell whether a cell ran away in which no fault was, and by how much the closest did not."""
    cells = {e.component for e in run_file.events if e.code == RUNAWAY and e.transition != "went"}
    started = {
        f"rack {f.rack + 1}, module {f.module + 1}, group {f.group + 1}, cell {f.cell + 1}"
        for f in run_file.faults
        if min(f.rack, f.module, f.group, f.cell) >= 0
    }
    others = cells - started
    count = len(cells)
    said = f"{count} cell{'' if count == 1 else 's'} ran away, {len(others)} without a fault"
    closest = what_if(run_file).margin
    return bool(others), None if closest is None else closest.margin_K, said


def bisect(study: Study, folder: Path, most: int, until: int | None = None) -> Iterator[Trial]:
    """Yield the trials of a study, ends first; run files go to `folder`.

    Parameters
    ----------
    study : Study
    folder : Path
    most : int
        Largest number of runs, ends included.
    until : int, optional
        Tick at which each run ends [ms].

    Raises
    ------
    StudyError
        If a run does not get to its end.
    """
    ends = []
    for value in (study.low, study.high):
        trial = _try(study, value, folder, until)
        ends.append(trial)
        yield trial
    low, high = ends
    done = 2
    while low.happened != high.happened and high.value - low.value > study.bracket and done < most:
        trial = _try(study, 0.5 * (low.value + high.value), folder, until)
        done += 1
        yield trial
        if trial.happened == low.happened:
            low = trial
        else:
            high = trial


def _try(study: Study, value: float, folder: Path, until: int | None) -> Trial:
    setting = study.setting(value)
    scenario = load_scenario(study.scenario, (*study.overrides, f"{study.key}={setting}"))
    path = folder / f"{study.key}={setting.replace(' ', '')}.h5"
    outcome = run(start_run(scenario, path, force=True), until)
    if outcome.code != DONE:
        raise StudyError(f"the run with {study.key} = {setting} did not end: {outcome.reason}")
    with open_run(path) as found:
        happened, margin, said = judge(found, study.outcome)
    return Trial(value, setting, happened, margin, said)


def between(trials: list[Trial]) -> tuple[Trial, Trial] | None:
    """Return the neighbouring trials between which the outcome changes; None if it never does."""
    ordered = sorted(trials, key=lambda t: t.value)
    pairs = zip(ordered, ordered[1:], strict=False)
    changes = [(a, b) for a, b in pairs if a.happened != b.happened]
    return min(changes, key=lambda p: p[1].value - p[0].value) if changes else None
