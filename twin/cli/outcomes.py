"""`twin results`: the outcome of a run in which cells may run away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.screen import JsonFlag, facts, grid, say, say_json, stdout

if TYPE_CHECKING:
    from twin.whatif.tree import CellOutcome, WhatIf

PANEL = "Look"
SHOWN = 12
"""Cells and alarms on the screen; `--json` has them all."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("results", rich_help_panel=PANEL)(results)


def results(
    run_file: Annotated[Path, typer.Argument(metavar="RUN.h5", help="A run file.")],
    as_json: JsonFlag = False,
) -> None:
    """Say whether thermal runaway spread in a run, how far, how long after the first alarm, why."""
    from twin.results import what_if

    found = what_if(run_file)
    if as_json:
        say_json(found.as_dict())
        return
    said = found.answer
    if not found.has_runaway:
        say(said.spread)
        return
    answers = (
        ("did it spread", said.spread),
        ("how sure", said.caveat),
        ("how far", said.far),
        ("after the first alarm", said.after_alarm),
        ("why", said.why),
    )
    rows = [(question, text) for question, text in answers if text]
    stdout().print(facts([*rows, *_figures(found)], title=found.file))
    _show_order(found)
    _show_flags(found)
    for note in found.notes:
        say(f"note: {note}")


def _figures(found: WhatIf) -> Iterator[tuple[str, str]]:
    from twin.pages.outcome_rows import outcome_rows

    yield from outcome_rows(found)


def _show_order(found: WhatIf) -> None:
    ran = found.ran_away
    if not ran:
        return
    opened = "erupted" if found.gas is None else "vented"  # without cans there is no venting
    table = grid("", "ran away", opened, "spent", "peak", "cell")
    for cell in ran[:SHOWN]:
        table.add_row(str(cell.order), *_times(cell), f"{cell.peak_K - 273.15:.0f} °C", cell.name)
    stdout().print(table)
    if len(ran) > SHOWN:
        say(f"… and {len(ran) - SHOWN} more; `twin results --json` lists all")


def _times(cell: CellOutcome) -> Iterator[str]:
    for time_s in (cell.triggered_s, cell.vented_s, cell.spent_s):
        yield "–" if time_s is None else f"{time_s:.1f} s"


def _show_flags(found: WhatIf) -> None:
    shown = [flag for flag in found.flags if not flag.is_elsewhere][:SHOWN]
    if not shown:
        return
    table = grid("first alarms", "severity", "code", "detector", "")
    for flag in shown:
        note = "before the fault" if flag.is_early else ""
        table.add_row(f"{flag.time_s:.1f} s", flag.severity, flag.code, flag.detector, note)
    stdout().print(table)
