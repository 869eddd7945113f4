"""How a comparison of runs looks on a screen."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from twin.runfiles.compare import Comparison, PairComparison
from twin.runfiles.layout import Event, counted

SHOWN = 12
"""Lines of one table on screen; `Comparison.as_dict` has them all."""


def render(comparison: Comparison, console: Console) -> None:
    """Print a comparison: the runs side by side, then each against the first."""
    console.print(_summary_table(comparison.paths, comparison.summaries))
    for pair in comparison.pairs:
        _render_pair(console, pair, comparison.paths[0])


def _summary_table(paths: list[str], summaries: list[dict[str, Any]]) -> Table:
    table = Table(title="runs")
    table.add_column("")
    for path in paths:
        table.add_column(Text(os.path.basename(path)))

    def line(name: str, text: Any) -> None:
        table.add_row(name, *(Text(text(s)) for s in summaries))

    def extreme(key: str, offset: float, unit: str) -> Any:
        def text(s: dict[str, Any]) -> str:
            e = s[key]
            if e is None:
                return "-"
            return f"{e['value'] - offset:.4g} {unit} at {e['time_s']:g} s\n{e['where']}"

        return text

    line("ended", lambda s: s["ended"])
    line("duration", lambda s: f"{s['duration_s']:g} s, {counted(s['rows'], 'row')}")
    line("hottest cell", extreme("peak_temperature", 273.15, "°C"))
    line("lowest cell voltage", extreme("min_voltage", 0.0, "V"))
    line("highest cell voltage", extreme("max_voltage", 0.0, "V"))
    line("alarms", lambda s: ", ".join(f"{n} {k}" for k, n in s["events"].items()) or "none")
    line("energy residual", lambda s: _number(s["energy_residual_J"], "J"))
    return table


def _number(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.3g} {unit}".removesuffix(" 1")


def _render_pair(console: Console, pair: PairComparison, reference: str) -> None:
    print_line = _printer(console)
    print_line(f"{pair.path} against {reference}: {pair.clock}")
    print_line(pair.truth)
    for reason, count in Counter(pair.skipped.values()).items():
        print_line(f"{counted(count, 'channel')} not compared: {reason}")
    differing = pair.differing
    if differing:
        table = Table(title=f"{len(differing)} of {counted(len(pair.channels), 'channel')} differ")
        for heading in ("channel", "since", "largest", "where", "when"):
            table.add_column(heading)
        for c in differing[:SHOWN]:
            when = "-" if c.time_s is None else f"{c.time_s:g} s"
            largest = _number(c.max_abs, c.unit)
            cells = (c.path, f"{c.first_time_s:g} s", largest, c.where, when)
            table.add_row(*map(Text, cells))
        console.print(table)
    for which, events in (("first", pair.events_only_first), ("second", pair.events_only_second)):
        for event in events[:SHOWN]:
            print_line(f"only in the {which}: {_event(event)}")
        if len(events) > SHOWN:
            more = counted(len(events) - SHOWN, "more event")
            print_line(f"… and {more} only in the {which}")
    for key, one, other in pair.scenario:
        print_line(f"scenario {key}: {one!r} and {other!r}")


def _event(event: Event) -> str:
    went = " (went)" if event.transition == "went" else ""
    return f"{event.time_s:g} s {event.code}{went} {event.component}".rstrip()


def _printer(console: Console) -> Any:
    # Paths and brackets are text here, not markup.
    return lambda text: console.print(
        text, markup=False, emoji=False, highlight=False, soft_wrap=True
    )
