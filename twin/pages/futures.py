"""One page on which the futures of a pack stand side by side on one clock: forks, or other runs.

For each: did it spread, how far, how long after the first alarm, why; one slider moves all maps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.pages import outcome_rows as rows_
from twin.pages import plots
from twin.pages.facts import gather
from twin.pages.output import write_whole
from twin.pages.plots import BLUE, GREEN, ORANGE, PURPLE
from twin.pages.runaway_figures import HEADROOM, NARROW_IN, Strip, feed_window, legend, strips
from twin.pages.scrubber import Future, scrubber, window
from twin.pages.tables import table
from twin.pages.verdicts import has
from twin.pages.wording import clock
from twin.results import what_if
from twin.runfiles.compare import differing_keys
from twin.runfiles.results import open_run
from twin.whatif.heat import inflow
from twin.whatif.source import Source
from twin.whatif.tree import WhatIf

if TYPE_CHECKING:
    from twin.pages.plots import Axes, Figure

MOST = 4
"""Futures that a page holds: so many maps can be watched at once."""
LETTERS = "ABCD"
LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))
"""Colour and line of each future."""
KEYS_SHOWN = 8
Tell = Callable[[WhatIf], str]
ANSWERS: tuple[tuple[str, Tell], ...] = (
    ("Did it spread?", lambda f: f.answer.spread),
    ("How sure?", rows_.sureness),
    ("How far?", lambda f: f.answer.far),
    ("How long after the first alarm?", lambda f: f.answer.after_alarm),
    ("Why?", lambda f: f.answer.why),
)


NUMBERS = tuple((name.capitalize(), tell) for name, tell in rows_.ROWS)


def write_futures(
    run_paths: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str]
) -> Path:
    """Write the page of several runs.

    Parameters
    ----------
    run_paths : sequence of path
        Two to `MOST` run files; the first is what others are held against.
    output : path
        The page to write; replaced if it is there.

    Raises
    ------
    ValueError
        Fewer or more files.
    NotARun
        One of them is missing, foreign, damaged or of a newer format.
    DiskFull
        There is no room for the page; nothing was written.
    """
    if not 2 <= len(run_paths) <= MOST:
        raise ValueError(f"a page of futures takes 2 to {MOST} run files, got {len(run_paths)}")
    with ExitStack() as opened:
        futures = []
        for letter, path in zip(LETTERS, run_paths, strict=False):
            run = opened.enter_context(open_run(path))
            futures.append(Future(f"{letter}: {run.path.stem}", gather(run), what_if(run)))
        text = futures_page(futures)
    return write_whole(Path(output), text.encode("utf-8"))


def futures_page(futures: Sequence[Future]) -> str:
    """Return the whole page as HTML."""
    from twin.pages.report import figure

    sections = [
        ("The answers", _table(futures, ANSWERS)),
        ("On one clock", scrubber(futures)),
        ("What differs", _differences(futures)),
        ("The numbers", _table(futures, NUMBERS)),
        (
            "Course",
            figure(
                lambda width: _course(futures, width), "fc", "Cells lost, heat and gas over time",
                "All futures on one clock, over the same time as the maps.",
            ),
        ),
        (
            "Current that neighbours feed into the first failed cell",
            figure(
                lambda width: _feeds(futures, width), "ff", "Current into the first failed cell",
                "What its short takes less what the cell gives itself, as recorded, held over the "
                "step that ends at each row. There is no line where it was cut off before a row.",
            ),
        ),
    ]  # fmt: skip
    name = futures[0].found.scenario
    template = files("twin").joinpath("templates/report.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=escape(f"Futures of {name}"),
        kicker=escape(f"Battery pack simulation \u00b7 {len(futures)} runs on one clock"),
        about=escape(", ".join(str(f.facts.run.path.name) for f in futures)),
        story=_story(futures),
        cards="",
        sections="\n".join(
            f"<section><h2>{h}</h2>{body}</section>" for h, body in sections if body
        ),
    )


def _story(futures: Sequence[Future]) -> str:
    """Return the first paragraph: what each future lost."""
    said = []
    for future in futures:
        found, name = future.found, f"<strong>{escape(future.name)}</strong>"
        if not found.has_runaway:
            said.append(f"{name} records no reacting cells.")
            continue
        first = "" if found.seed is None else f", the first at {clock(found.seed.first_s)}"
        close = ", a close call" if found.margin_is_within_assumptions else ""
        lost = f"{found.lost.ran_away} of {found.lost.n_cells} cells"
        said.append(f"{name}: {lost} ran away{first}{close}.")
    return " ".join(said)


def _table(futures: Sequence[Future], asked: Sequence[tuple[str, Tell]]) -> str:
    head = ("", *(escape(f.name) for f in futures))
    body = []
    for name, tell in asked:
        told = [
            tell(f.found) if f.found.has_runaway or tell is ANSWERS[0][1] else "" for f in futures
        ]
        if any(told):
            body.append((escape(name), *(escape(text) or rows_.UNKNOWN for text in told)))
    return table(head, body, look="answers")


def _differences(futures: Sequence[Future]) -> str:
    """Return which keys of the scenario differ from the first future's."""
    texts = [f.facts.run.scenario_text for f in futures]
    found: dict[str, list[str]] = {}
    for k, text in enumerate(texts[1:], start=1):
        for key, one, other in differing_keys(texts[0], text):
            values = found.setdefault(key, [_value(one)] * len(futures))
            values[k] = _value(other)
    if not found:
        return "<p>The scenarios are the same.</p>"
    rows = [
        (f"<code>{escape(key)}</code>", *(escape(v) for v in values))
        for key, values in list(found.items())[:KEYS_SHOWN]
    ]
    left = len(found) - KEYS_SHOWN
    more = f'<p class="note">{left} more keys differ.</p>' if left > 0 else ""
    return table(("", *(escape(f.name) for f in futures)), rows) + more


def _value(value: Any) -> str:
    return rows_.UNKNOWN if value is None else str(value)


# ---- figures ------------------------------------------------------------------------------------


def _course(futures: Sequence[Future], width_in: float) -> Figure | None:
    start_s, end_s = window(futures)
    divisor = plots.time_unit(end_s - start_s)[0]
    columns = 1 if width_in < NARROW_IN else len(futures)

    def lost(axes: Axes) -> None:
        for future, (colour, line) in zip(futures, LOOKS, strict=False):
            at = [c.triggered_s or 0.0 for c in future.found.ran_away]
            before = sum(t < future.facts.start_s for t in at)
            x = np.array([future.facts.start_s, *at[before:], future.facts.end_s]) / divisor
            y = [before, *range(before + 1, len(at) + 1), len(at)]
            axes.plot(x, y, drawstyle="steps-post", color=colour, ls=line, label=future.name)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("cells")
        legend(axes, columns)

    def hottest(axes: Axes) -> None:
        for future, (colour, line) in zip(futures, LOOKS, strict=False):
            band = future.facts.temperature
            if band is not None:
                t = future.facts.time_s / divisor
                plots.line(axes, t, band.high - plots.CELSIUS_K, color=colour, ls=line)
        axes.set_ylabel("\u00b0C")

    def gas(axes: Axes) -> None:
        for future, (colour, line) in zip(futures, LOOKS, strict=False):
            seen = future.found.gas
            if seen is not None:
                litres = seen.litres.sum(axis=1)
                plots.line(axes, seen.time_s / divisor, litres, color=colour, ls=line)
        axes.set_ylabel("L")

    found = [
        Strip(
            title="Cells that ran away",
            height_in=1.4,
            draw=lost,
            legend_rows=1 if width_in >= NARROW_IN else len(futures),
        )
    ]
    if any(has(f.facts.run, "truth/cell_temperature_K") for f in futures):
        found.append(Strip(title="Hottest cell", height_in=1.4, draw=hottest))
    if any(f.found.gas is not None for f in futures):
        title = "Gas that cells vented, at 25 \u00b0C and 1 atm"
        found.append(Strip(title=title, height_in=1.2, draw=gas))
    return strips(width_in, found, start_s, end_s)


def _feeds(futures: Sequence[Future], width_in: float) -> Figure | None:
    windows = [(k, feed_window(f.found)) for k, f in enumerate(futures)]
    known = [(k, window) for k, window in windows if window is not None]
    if not any(f.charge_As > 0.0 for k, _ in known for f in futures[k].found.feeds):
        return None
    start_s, end_s = min(w[1] for _, w in known), max(w[2] for _, w in known)
    divisor = plots.time_unit(end_s - start_s)[0]

    def draw(axes: Axes) -> None:
        for k, (cell, _, _) in known:
            facts, (colour, line) = futures[k].facts, LOOKS[k]
            rows = np.flatnonzero((facts.time_s >= start_s) & (facts.time_s <= end_s))
            into_A = inflow(Source(facts.run), np.array([cell.cell]))[rows, 0]
            axes.plot(
                facts.time_s[rows] / divisor, into_A, drawstyle="steps-pre", color=colour, ls=line,
                label=futures[k].name, lw=1.8,
            )  # fmt: skip
            if cell.opened_s is not None:
                at = cell.opened_s / divisor
                axes.axvline(at, color=colour, lw=0.9, ls=":")
                axes.annotate(
                    f"{LETTERS[k]} cut off", (at, 1.0), xycoords=("data", "axes fraction"),
                    xytext=(3, -9), textcoords="offset points", fontsize=8,
                )  # fmt: skip
        axes.margins(y=HEADROOM)
        axes.set_ylabel("A")
        legend(axes, 1 if width_in < NARROW_IN else len(futures))

    return strips(
        width_in,
        [
            Strip(
                title="Into the cell",
                height_in=1.9,
                draw=draw,
                legend_rows=1 if width_in >= NARROW_IN else len(futures),
            )
        ],
        start_s,
        end_s,
    )
