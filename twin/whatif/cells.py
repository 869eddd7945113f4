"""Who ran away, when and in which order; the seed, the front, the closest survivor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from twin.answer_key import size_in_words
from twin.pages.verdicts import fault_place, index_of
from twin.runfiles.layout import FaultRow, counted
from twin.whatif.source import COLLAPSED, ERUPTED, SPENT, Floats, Source
from twin.whatif.tree import CellOutcome, Front, Lost, Margin, Peak, Seed

RISING_K, RISING_S = 0.5, 60.0
"""A cell that warms by so much in so long is still warming; assumed."""
LEAST_CELLS = 3
"""Through fewer points than this every line fits."""


def outcomes(source: Source) -> tuple[CellOutcome, ...]:
    """Return what became of every cell, in the order of the file."""
    n = source.run.axes["cell"].size
    peak_K, peak_row = _peaks(source)
    trigger_s, time_s = source.trigger_s, source.time_s
    order = {int(cell): k + 1 for k, cell in enumerate(_ordered(trigger_s))}
    vented = "truth/cell_vented"
    opened = source.run.channel(vented) > 0 if source.has(vented) else source.phase & ERUPTED > 0
    marks = [_first_rows(found, time_s) for found in (
        source.phase & COLLAPSED > 0, opened, source.phase & SPENT > 0)]  # fmt: skip
    released, ejected, mass = (
        source.last(f"truth/cell_{name}") for name in ("reaction_J", "ejected_J", "ejected_kg")
    )
    return tuple(
        CellOutcome(
            cell=c, name=source.name(c), order=order.get(c),
            collapsed_s=marks[0][c], triggered_s=_known(trigger_s[c]), vented_s=marks[1][c],
            spent_s=marks[2][c], opened_s=source.opened_s.get(source.name(c)),
            peak_K=float(peak_K[c]), peak_s=float(time_s[peak_row[c]]),
            released_J=float(released[c]), ejected_J=float(ejected[c]), ejected_kg=float(mass[c]),
        )
        for c in range(n)
    )  # fmt: skip


def _ordered(trigger_s: Floats) -> list[int]:
    """Return the cells that ran away, by time."""
    ran = np.flatnonzero(np.isfinite(trigger_s))
    return [int(c) for c in ran[np.argsort(trigger_s[ran], kind="stable")]]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _first_rows(found: np.ndarray, time_s: Floats) -> list[float | None]:
    """Return when each column is first true; None if never, or from the first row on of a fork."""
    first, came = np.argmax(found, axis=0), found.any(axis=0)
    before = found[0] if time_s[0] > 0.0 else np.zeros(found.shape[1], dtype=bool)
    at_s = (float(time_s[row]) for row in first)
    kept = (came & ~before).tolist()
    return [t if is_kept else None for t, is_kept in zip(at_s, kept, strict=True)]


def _peaks(source: Source) -> tuple[Floats, np.ndarray]:
    """Return the highest temperature of every cell and its row, (n_cells,) each."""
    n = source.run.axes["cell"].size
    peak, row = np.full(n, -np.inf), np.zeros(n, dtype=np.int64)
    for start, values in source.run.blocks(source.hottest):
        at = np.argmax(np.nan_to_num(values, nan=-np.inf), axis=0)
        highest = values[at, np.arange(n)].astype(np.float64)
        higher = highest > peak
        peak[higher], row[higher] = highest[higher], start + at[higher]
    return peak, row


def said_of(fault: FaultRow) -> str:
    """Return a fault of the answer key in words."""
    size = size_in_words(fault)
    what = fault.kind.replace("_", " ") + (f" of {size}" if size else "")
    return f"{what} at {fault.component}"


@dataclass(frozen=True, slots=True)
class Injected:
    """Faults of the answer key that came: when the first began, words, and the cells they name."""

    began_s: float | None
    faults: tuple[str, ...]
    cells: frozenset[int]


def injected(source: Source) -> Injected:
    """Return the faults that came, as far as this file shows."""
    began, faults, own = [], [], set()
    moves = source.run.fault_transitions
    for number, fault in enumerate(source.run.faults):
        came = [t for t, which, active in moves if which == number and active]
        if not came:
            continue
        place = fault_place(fault)
        at = index_of(source.run, "cell", place) if "cell" in place else None
        began.append(min(fault.from_s, came[0]) if math.isfinite(fault.from_s) else came[0])
        faults.append(said_of(fault))
        if at is not None:
            own.add(at)
    return Injected(min(began, default=None), tuple(faults), frozenset(own))


def seed_of(cells: tuple[CellOutcome, ...], faults: Injected) -> Seed | None:
    """Return where it began; None if no cell ran away."""
    ran = sorted((c for c in cells if c.order is not None), key=lambda cell: cell.order or 0)
    if not ran:
        return None
    own = tuple(cell.cell for cell in ran if cell.cell in faults.cells)
    return Seed(
        cells=own or (ran[0].cell,), is_injected=bool(own),
        first_s=ran[0].triggered_s or 0.0,
    )  # fmt: skip


def front_of(source: Source, seed: Seed | None) -> Front:
    """Return how fast runaway moved away from the seed, in the seed's module."""
    positions = source.positions_m
    if seed is None or positions is None:
        why = "no cell ran away" if seed is None else "the file does not say where cells stand"
        return Front(speed_m_per_s=None, r2=None, n_cells=0, reason=why)
    module = source.module_of_cell
    here = np.isfinite(source.trigger_s) & (module == module[seed.cells[0]])
    cells = np.flatnonzero(here)
    seeds = [c for c in seed.cells if here[c]]
    if len(cells) < LEAST_CELLS:
        n = counted(len(cells), "cell")
        why = f"only {n} of the module where it began ran away; a line needs {LEAST_CELLS}"
        return Front(speed_m_per_s=None, r2=None, n_cells=len(cells), reason=why)
    apart = positions[cells][:, None, :] - positions[seeds][None, :, :]
    distance_m = np.sqrt((apart**2).sum(axis=2)).min(axis=1)
    t = source.trigger_s[cells] - source.trigger_s[cells].mean()
    d = distance_m - distance_m.mean()
    if not t.any() or not d.any():
        why = "all of them ran away at once, or stand in one place"
        return Front(speed_m_per_s=None, r2=None, n_cells=len(cells), reason=why)
    speed, r2 = float(t @ d / (t @ t)), float((t @ d) ** 2 / ((t @ t) * (d @ d)))
    if speed <= 0.0:
        why = "cells further away did not run away later: there is no front"
        return Front(speed_m_per_s=None, r2=r2, n_cells=len(cells), reason=why)
    return Front(speed_m_per_s=speed, r2=r2, n_cells=len(cells))


def lost_of(source: Source, cells: tuple[CellOutcome, ...], seed: Seed | None) -> Lost:
    """Count the cells that are gone at the end."""
    ran = sum(cell.order is not None for cell in cells)
    spent = int((source.phase[-1] & SPENT > 0).sum())
    others = [cell for cell in cells if cell.order is None]
    vented = [cell.vented_s for cell in others if cell.vented_s is not None]
    return Lost(
        n_cells=len(cells), ran_away=ran, followed=ran - (len(seed.cells) if seed else 0),
        spent=spent, opened=sum(cell.opened_s is not None for cell in cells),
        vented=len(vented), vented_s=min(vented, default=None),
        collapsed=sum(cell.collapsed_s is not None for cell in others),
    )  # fmt: skip


def margin_of(source: Source, cells: tuple[CellOutcome, ...]) -> Margin | None:
    """Return the survivor that came closest; None if none is left or the limit is not known."""
    alive = [cell for cell in cells if cell.order is None]
    limit_K = source.separator_K
    if not alive or limit_K is None:
        return None
    closest = max(alive, key=lambda cell: cell.peak_K)
    return Margin(
        cell=closest.cell, name=closest.name, peak_K=closest.peak_K, peak_s=closest.peak_s,
        limit_K=limit_K, margin_K=limit_K - closest.peak_K,
        is_rising=_is_rising(source, closest),
    )  # fmt: skip


def _is_rising(source: Source, cell: CellOutcome) -> bool:
    """Tell whether a cell is hottest in the last row, and was notably cooler shortly before."""
    end_s = float(source.time_s[-1])
    if cell.peak_s < end_s:
        return False
    before = int(np.searchsorted(source.time_s, end_s - RISING_S))
    was_K = float(source.run.channel(source.hottest, before, before + 1)[0, cell.cell])
    return cell.peak_K - was_K > RISING_K


def peak_of(source: Source, path: str) -> Peak | None:
    """Return the highest value of a channel; None where it is missing or holds no number."""
    if not source.has(path):
        return None
    spec, best, at = source.run.channels[path], -math.inf, (0, 0)
    for start, values in source.run.blocks(path):
        flat = np.nan_to_num(values.reshape(len(values), -1).astype(np.float64), nan=-np.inf)
        row, column = np.unravel_index(np.argmax(flat), flat.shape)
        if flat[row, column] > best:
            best, at = float(flat[row, column]), (start + int(row), int(column))
    if not math.isfinite(best):
        return None
    where = source.run.name_of(spec.axis, at[1]) if spec.axis else "site"
    return Peak(value=best, unit=spec.unit, where=where, time_s=float(source.time_s[at[0]]))
