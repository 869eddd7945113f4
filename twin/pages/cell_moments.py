"""The moments of single cells: one that opened, and a fault that its neighbours answer for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.pages.facts import Facts
from twin.pages.fault_words import what_of
from twin.pages.moments import AFTER_S, BEFORE_S, Moment, cause_of, of_fault, told, zoom
from twin.pages.verdicts import Place, Verdict, has, index_of, long_place, parse_place
from twin.pages.wording import span

SHORTS = ("internal_short", "nail")
OF_CELLS = (*SHORTS, "joint_resistance", "open_cell")
"""Faults of one cell that its neighbours in the group answer for."""
JUDGED_S = 60.0
"""Shares of current are taken over this long before and after a fault [s]; assumed."""


def opened(facts: Facts) -> Moment | None:
    """Tell of the first cell that its fuse or its interrupt device opened, and of its group."""
    run = facts.run
    found = told(facts, "cell_fuse_blown") + told(facts, "cid_opened")
    if not found or facts.group_of_cell is None or not has(run, "truth/cell_current_A"):
        return None
    event = min(found, key=lambda e: e.time_s)
    place = parse_place(event.component)
    cell = index_of(run, "cell", place)
    if cell is None:
        return None
    cells = np.flatnonzero(facts.group_of_cell == facts.group_of_cell[cell])
    group = event.component.rpartition(",")[0]
    more = sum(e.component.rpartition(",")[0] == group for e in found) - 1
    cause = cause_of(facts, place, event.time_s, ("rack", "module", "group"))
    said, start_s = event.text.partition(";")[0], event.time_s
    if cause is not None and cause.start_s is not None and not cause.was_there:
        start_s = max(cause.start_s, event.time_s - BEFORE_S)
        said += f", {span(event.time_s - cause.start_s)} after the {what_of(cause)} came"
    others = "the other cell" if len(cells) == 2 else f"the other {len(cells) - 1} cells"
    rest = f"{more} of {others} of its group opened later" if more else f"{others} of its group "
    rest += "" if more else ("carries on" if len(cells) == 2 else "carry on")
    return Moment(
        kind="opened",
        sentence=f"{said[0].upper()}{said[1:]}{f'; {rest}' if len(cells) > 1 else ''}.",
        marks=(event.time_s,),
        place=place,
        cells=tuple(int(c) for c in cells),
        cell=cell,
        **of_fault(cause),
        **zoom(facts, start_s - BEFORE_S, event.time_s + BEFORE_S),
    )


def cell_fault(facts: Facts) -> Moment | None:
    run = facts.run
    came = [v for v in facts.verdicts if v.fault.kind in OF_CELLS and v.start_s is not None]
    if not came or facts.group_of_cell is None or not has(run, "truth/cell_current_A"):
        return None
    verdict = came[0]
    cell = index_of(run, "cell", verdict.place)
    if cell is None or verdict.start_s is None:
        return None
    cells = np.flatnonzero(facts.group_of_cell == facts.group_of_cell[cell])
    if len(cells) < 2:
        return None
    start_s = verdict.start_s
    window = (facts.time_s >= start_s - JUDGED_S) & (facts.time_s <= start_s + JUDGED_S)
    rows = np.flatnonzero(window)
    first, last = int(rows[0]), int(rows[-1]) + 1
    current_A = run.channel("truth/cell_current_A", first, last)[:, cells].astype(np.float64)
    rack_A = run.channel("truth/rack_current_A", first, last)[:, verdict.place["rack"]]
    after = facts.time_s[first:last] > start_s
    own = int(np.flatnonzero(cells == cell)[0])
    tell = _short_story if verdict.fault.kind in SHORTS else _share_story
    return Moment(
        kind="cell",
        sentence=tell(verdict, current_A, rack_A.astype(np.float64), after, own),
        place=verdict.place,
        cells=tuple(int(c) for c in cells),
        cell=cell,
        **of_fault(verdict),
        **zoom(facts, start_s - BEFORE_S, start_s + AFTER_S),
    )


def _name_of_cell(place: Place) -> str:
    group = long_place({k: v for k, v in place.items() if k != "cell"})
    return f"cell {place['cell'] + 1} of {group}"


def _short_story(
    verdict: Verdict,
    current_A: NDArray[np.float64],
    rack_A: NDArray[np.float64],
    after: NDArray[np.bool_],
    own: int,
) -> str:
    n = current_A.shape[1]
    extra_A = (current_A - rack_A[:, None] / n)[after].mean(axis=0)
    others_A = float(np.delete(extra_A, own).mean())
    who = "the other cell of its group feeds" if n == 2 else f"each of the other {n - 1} feeds"
    return (
        f"The {what_of(verdict)} in {_name_of_cell(verdict.place)} draws "
        f"{extra_A.sum():.2f} A, over the first {span(JUDGED_S)}: {extra_A[own]:.2f} A from the "
        f"cell itself, and {who} it with {others_A:.2f} A through the busbar."
    )


def _share_story(
    verdict: Verdict,
    current_A: NDArray[np.float64],
    rack_A: NDArray[np.float64],
    after: NDArray[np.bool_],
    own: int,
) -> str:
    def shares(at: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the part of the rack's current in each cell, by least squares."""
        i = rack_A[at]
        return 100.0 * (i @ current_A[at]) / max(float(i @ i), 1e-12)

    size, n = what_of(verdict).removeprefix("joint resistance of "), current_A.shape[1]
    how = "cut off" if verdict.fault.kind == "open_cell" else f"behind a joint of {size}"
    name = _name_of_cell(verdict.place)
    now = shares(after)
    others = float(np.delete(now, own).mean())
    was = f" from {shares(~after)[own]:.0f}" if (~after).sum() > 1 and rack_A[~after].any() else ""
    who = "the other cell carries" if n == 2 else f"the other {n - 1} carry"
    return (
        f"{name[0].upper()}{name[1:]} is {how}: its share of the current falls{was} "
        f"to {now[own]:.0f} %, and {who} {others:.0f} %{'' if n == 2 else ' each'}."
    )
