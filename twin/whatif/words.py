"""The answers in sentences, each from numbers of the outcome alone."""

from __future__ import annotations

from twin.pages.wording import celsius, clock, kilojoules, span
from twin.runfiles.layout import counted
from twin.whatif.cells import Injected
from twin.whatif.tree import (
    Answer,
    Arrival,
    CellOutcome,
    Doubt,
    Feed,
    Front,
    Held,
    Lost,
    Margin,
    Seed,
    Warned,
)

NOT_RECORDED = (
    "The file records no reacting cells: its scenario has no cell.runaway, so nothing can be said "
    "of runaway or of its spread. Add cell.runaway to the scenario and run it again."
)
NO_ROWS = "The file holds no complete row, so nothing can be said of runaway."
HANGS = 1.5
"""A cell that would take more than so many times the heat does not hang on it; assumed."""
RISING = " It was still warming when the file ends, so this is not the last word."


def answer_of(
    cells: tuple[CellOutcome, ...], seed: Seed | None, front: Front, lost: Lost,
    margin: Margin | None, warned: Warned, arrival: Arrival | None, held: Held | None,
    feeds: tuple[Feed, ...], faults: Injected, doubts: tuple[Doubt, ...],
    rests: tuple[Doubt, ...], study: str,
) -> Answer:  # fmt: skip
    """Return whether it spread, how sure that is, how far, how long after the alarm, and why."""
    caveat = _caveat(doubts, margin, None if seed is None else lost, study, bool(rests))
    if rests:
        each = "; ".join(f"{doubt.text} ({doubt.key})" for doubt in rests)
        caveat = f"That it spread so far is not sure: {each}. {caveat}".rstrip()
    if seed is None:
        return Answer(
            spread="No cell ran away.", caveat=f"{caveat} {_hangs(held)}".strip(), far="",
            after_alarm=_calm_alarm(warned, faults),
            why=_closest(margin, "The cell that came closest") + _held(held),
        )  # fmt: skip
    return Answer(
        spread=_spread(cells, seed, lost), caveat=caveat,
        far=_far(cells, seed, front, lost),
        after_alarm=_after_alarm(warned), why=_why(seed, lost, margin, arrival, feeds),
    )  # fmt: skip


def _spread(cells: tuple[CellOutcome, ...], seed: Seed, lost: Lost) -> str:
    first = next(cell for cell in cells if cell.order == 1)
    at = f"{first.name} ran away at {clock(first.triggered_s)}"
    if lost.followed <= 0:
        others = ""
        if lost.vented:
            others = f", but {counted(lost.vented, 'other')} vented"
        return f"It did not spread: {at}, and no other cell followed{others}."
    share = "every" if lost.ran_away == lost.n_cells else f"{lost.ran_away} of {lost.n_cells}"
    word = "cell" if share == "every" else "cells"
    said = f"It spread: {at}, {lost.followed} more followed; {share} {word} ran away."
    if not seed.is_injected:
        said += " No fault sits in the first cell alone, so others may have been set off with it."
    return said


def _caveat(
    doubts: tuple[Doubt, ...], margin: Margin | None, lost: Lost | None, study: str, is_second: bool
) -> str:
    """Return that the other outcome is possible, why, and how to look; empty without a doubt.

    `study` is the scenario to look at, or empty where no command alone repeats the run; `is_second`
    where another doubt has been told before.
    """
    if not doubts or margin is None:
        return ""
    what = "it may as well spread"
    if lost is None:
        what = "a cell may as well run away"
    elif lost.followed > 0:
        what = "it may as well spread further"
    each = "any of these alone" if len(doubts) > 1 else "this alone"
    lead = "Nor is it sure that it ends there" if is_second else "That is not sure"
    first, keys = next(iter(doubts)), [doubt.key for doubt in doubts]
    texts = "; ".join(doubt.text for doubt in doubts)
    return (
        f"{lead}: the margin of {margin.margin_K:.1f} K is within what is assumed, so {what}. By "
        f"proportion, which a run must confirm, {each} would do: {texts}. Set what you know "
        f"({', '.join(keys)}){_command(first, study)}."
    )


def _command(doubt: Doubt, study: str) -> str:
    """Return the words that say how to find where an assumption turns the outcome."""
    if not study:
        return ""
    return (
        f", or see where it turns: twin study barrier {study} --over {doubt.key} "
        f'--lo "{doubt.low}" --hi "{doubt.high}"'
    )


def _far(cells: tuple[CellOutcome, ...], seed: Seed, front: Front, lost: Lost) -> str:
    if lost.followed <= 0:
        return "Not beyond the cell where it began."
    times = [cell.triggered_s for cell in cells if cell.triggered_s is not None]
    said = f"{counted(lost.ran_away, 'cell')} within {span(max(times) - min(times))}"
    if front.speed_m_per_s is None:
        return f"{said}. No front speed: {front.reason}."
    fit = "" if front.r2 is None else f" (R\u00b2 {front.r2:.2f})"
    return (
        f"{said}; in the module where it began the front moved by "
        f"{1e3 * front.speed_m_per_s:#.3g} mm/s{fit}."
    )


def _after_alarm(warned: Warned) -> str:
    first_s, second_s = warned.before_first_s, warned.before_second_s
    if warned.flag_s is None or first_s is None:
        return "The BMS raised no alarm for it."
    alarm = f"the first alarm ({warned.code.replace('_', ' ')}, {clock(warned.flag_s)})"
    if first_s < 0.0:
        said = f"The first cell ran away {span(-first_s)} before {alarm}"
    else:
        said = f"The first cell ran away {span(first_s)} after {alarm}"
    if second_s is None:
        return f"{said}; no second one did."
    return f"{said}; the second {span(abs(second_s))} {'after' if second_s >= 0 else 'before'} it."


def _calm_alarm(warned: Warned, faults: Injected) -> str:
    if warned.flag_s is None:
        return "The BMS raised no alarm."
    since = ""
    if faults.began_s is not None:
        since = f", {span(warned.flag_s - faults.began_s)} after the fault began"
    return f"First alarm ({warned.code.replace('_', ' ')}) at {clock(warned.flag_s)}{since}."


def _closest(margin: Margin | None, which: str = "The closest survivor") -> str:
    if margin is None:
        return "The file does not say how close the others came."
    limit = celsius(margin.limit_K)
    tail = RISING if margin.is_rising else ""
    if margin.margin_K <= 0.0:
        return (
            f"The separator of {margin.name} collapsed (peak {celsius(margin.peak_K)}, limit "
            f"{limit}), yet it did not run away.{tail}"
        )
    return (
        f"{which} ({margin.name}) reached {celsius(margin.peak_K)}, "
        f"{margin.margin_K:.1f} K below the collapse of separators at {limit}.{tail}"
    )


def _hangs(held: Held | None) -> str:
    """Return by how much more heat or less cooling the hottest cell would have collapsed.

    In proportion to how far it has warmed; empty where that is much.
    """
    if held is None or held.peak_K <= held.from_K or held.limit_K <= held.peak_K:
        return ""
    more = (held.limit_K - held.from_K) / (held.peak_K - held.from_K)
    if more > HANGS:
        return ""
    return (
        f"It hangs on what heats and cools that cell: in proportion {100.0 * (more - 1.0):.0f} % "
        f"more heat, or {100.0 * (1.0 - 1.0 / more):.0f} % less cooling, would collapse its "
        "separator."
    )


def _held(held: Held | None) -> str:
    """Return what came into the hottest cell and went again; empty where that is not told."""
    if held is None or held.came_J <= 0.0 or held.gone_J <= 0.0:
        return ""
    sources = [
        ("a short in it", held.short_J), ("currents", held.current_J),
        ("its reactions", held.reaction_J),
    ]  # fmt: skip
    name, most_J = max(sources, key=lambda item: item[1])
    to = " and with what it vented" if held.has_vented else ""
    return (
        f" By then {held.came_J / 1e3:.3g} kJ had come into it, {100.0 * most_J / held.came_J:.0f} "
        f"% of them by {name}, and {held.gone_J / 1e3:.3g} kJ had left it again, to {held.touches}"
        f"{to}."
    )


def paths_of(arrival: Arrival) -> list[tuple[str, float]]:
    """Return what warmed a cell, largest first: name and heat [J]."""
    found = [
        ("contact with neighbours and their radiation, net of cooling", arrival.neighbours_J),
        ("currents in the cell", arrival.current_J),
        ("its own reactions", arrival.reaction_J),
    ]
    if arrival.caught_J is not None:
        found.append(("ejecta that it caught", arrival.caught_J))
    return sorted(found, key=lambda item: -item[1])


def _why(
    seed: Seed, lost: Lost, margin: Margin | None, arrival: Arrival | None, feeds: tuple[Feed, ...]
) -> str:
    said = [] if arrival is None else [_arrived(arrival)]
    own = next((f for f in feeds if f.cell in seed.cells and f.charge_As > 0.0), None)
    if own is not None:
        cut = "" if own.opened_s is None else f", until it was cut off at {clock(own.opened_s)}"
        said.append(
            f"Cells in parallel fed the first cell at up to {own.peak_A:,.0f} A, in all with "
            f"{kilojoules(own.energy_J)}, what its short drew before the collapse of its separator "
            f"included{cut}."
        )
    elif any(f.cell in seed.cells and f.opened_s is not None for f in feeds):
        said.append("The first cell was cut off before a recorded row saw a current into it.")
    if margin is not None:
        said.append(_closest(margin))
    return " ".join(said) or "The file does not hold what would say why."


def _arrived(arrival: Arrival) -> str:
    needed, got = arrival.needed_J / 1e3, arrival.arrived_J / 1e3
    (path, most_J), *_ = paths_of(arrival)
    share = ""
    if most_J > 0.0 and arrival.arrived_J > 0.0:
        part = min(most_J / arrival.arrived_J, 1.0)
        share = f", {100.0 * part:.0f} % of it by {path}"
    length = span(arrival.until_s - arrival.from_s)
    if arrival.is_survivor:
        return (
            f"When the first cell ran away, the closest survivor ({arrival.name}) was {needed:.3g} "
            f"kJ short of the collapse of its separator. Only {got:.3g} kJ arrived, within "
            f"{length}{share}."
        )
    return (
        f"When the first cell ran away, the next to go ({arrival.name}) was {needed:.3g} kJ short "
        f"of the collapse of its separator. That arrived within {length}{share}."
    )
