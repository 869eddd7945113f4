"""The section of a report on thermal runaway: the answer, its numbers, its maps and figures."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from twin.pages.facts import Facts
from twin.pages.outcome_rows import combustion, outcome_rows
from twin.pages.runaway_figures import feed_figure, feed_window, gas_figure, heat_figure
from twin.pages.runaway_map import order_map
from twin.pages.scrubber import Future, scrubber
from twin.pages.tables import badge, table
from twin.pages.wording import clock
from twin.results import what_if
from twin.whatif.tree import Flag, WhatIf

if TYPE_CHECKING:
    from twin.pages.plots import Figure

Draw = Callable[[float], "Figure | None"]
Place = Callable[[Draw, str, str, str], str]
"""Puts a figure into the page: what draws it, prefix, label, caption."""
FLAGS_SHOWN = 12


def runaway_section(facts: Facts, place: Place) -> str:
    """Return the section as HTML; empty where the file records no reacting cells.

    Parameters
    ----------
    facts : Facts
    place : callable
        Puts a figure into the page.
    """
    found = what_if(facts.run)
    if not found.has_runaway:
        return ""
    parts = [answer(found), numbers(found)]
    if found.seed is not None:
        parts.append(_order(facts, found, place))
    moving = scrubber([Future("", facts, found)])
    if moving:
        parts.append(f"<h3>Cell temperature through time</h3>{moving}")
    parts += [_feed(facts, found, place), _gas(facts, found, place), _heat(found, place)]
    return "".join([*parts, flags(found.flags), _notes(found)])


def answer(found: WhatIf) -> str:
    """Return the answers as a paragraph of HTML; what makes them unsure stands before it."""
    said = found.answer
    far = said.far if found.did_spread else ""
    rest = " ".join(escape(text) for text in (far, said.after_alarm, said.why) if text)
    caveat = f'<p class="caveat">{escape(said.caveat)}</p>' if said.caveat else ""
    return f"<p><strong>{escape(said.spread)}</strong></p>{caveat}<p>{rest}</p>"


def numbers(found: WhatIf) -> str:
    """Return the numbers of an outcome as a table."""
    rows = [(escape(name.capitalize()), escape(text)) for name, text in outcome_rows(found)]
    return table(("", ""), rows, look="numbers")


def flags(shown: tuple[Flag, ...]) -> str:
    """Return the first alarms of the BMS, each code once, as a table."""
    shown = tuple(flag for flag in shown if not flag.is_elsewhere)
    if not shown:
        return ""
    rows = [
        (
            clock(flag.time_s) + (" (before the fault)" if flag.is_early else ""),
            badge(flag.severity), escape(flag.detector.capitalize()), escape(flag.text),
        )
        for flag in shown[:FLAGS_SHOWN]
    ]  # fmt: skip
    left = len(shown) - FLAGS_SHOWN
    more = f'<p class="note">{left} more codes came later.</p>' if left > 0 else ""
    head = ("First", "Severity", "Watches", "What the BMS said")
    return f"<h3>What the BMS flagged, by detector</h3>{table(head, rows)}{more}"


def _order(facts: Facts, found: WhatIf, place: Place) -> str:
    caption = (
        "Number and time of every cell that ran away, where it stands in its module, seen from "
        "above. Ringed: where it began. Grey: never ran away."
    )
    figure = place(
        lambda width: order_map(facts, found, width),
        "ro",
        "Order of runaway on the layout",
        caption,
    )
    return f"<h3>Order of runaway</h3>{figure}" if figure else ""


def _feed(facts: Facts, found: WhatIf, place: Place) -> str:
    window = feed_window(found)
    if window is None:
        return ""
    caption = (
        f"Around the collapse of the separator of {escape(window[0].name)}. Into it flows what its "
        "short takes less what it gives itself; values are the truth, as recorded, held over the "
        "step that ends at each row. Dotted: cut off by fuse or interrupt device."
    )
    if all(feed.charge_As == 0.0 for feed in found.feeds if feed.cell == window[0].cell):
        caption += " It was cut off before any row shows a current into it."
    figure = place(
        lambda width: feed_figure(facts, found, width),
        "rf",
        "Currents in the failed group",
        caption,
    )
    return f"<h3>What its neighbours fed the failed cell</h3>{figure}" if figure else ""


def _gas(facts: Facts, found: WhatIf, place: Place) -> str:
    burns = combustion(found)
    caption = "All modules share the time axis. Dashed: the lower flammability limit, if reached."
    if burns:
        caption += f" Combustion: {escape(burns)}."
    figure = place(
        lambda width: gas_figure(facts, found, width), "rg", "Gas, pressure and flammability",
        caption,
    )  # fmt: skip
    return f"<h3>Gas</h3>{figure}" if figure else ""


def _heat(found: WhatIf, place: Place) -> str:
    caption = (
        "The whole run and all cells, from the energy ledger; both bars have the same length. What "
        "the cells that ran away kept of their own heat cannot be read from it: see the table."
    )
    figure = place(lambda width: heat_figure(found.heat, width), "rh", "Heat split", caption)
    return f"<h3>Heat</h3>{figure}" if figure else ""


def _notes(found: WhatIf) -> str:
    return "".join(f'<p class="note">Note: {escape(note)}.</p>' for note in found.notes)
