"""`twin inspect`, `report` and `compare`: commands that read run files."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twin.cli.running import Force, check_output
from twin.cli.screen import JsonFlag, UserError, duration, facts, grid, say, say_json, stdout

if TYPE_CHECKING:
    from twin.runfiles.results import Run

PANEL = "Look"
EVENTS_SHOWN = 12
MOST_FUTURES = 4
"""As `twin.pages.futures` takes them; said here, for that module is slow to import."""

RunFile = Annotated[Path, typer.Argument(metavar="RUN.h5", help="A run file.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("inspect", rich_help_panel=PANEL)(inspect)
    app.command("report", rich_help_panel=PANEL)(report)
    app.command("compare", rich_help_panel=PANEL)(compare)


def inspect(run_file: RunFile, as_json: JsonFlag = False) -> None:
    """Say what a run file holds, how it ended, and its energy residual."""
    from twin.runfiles.results import open_run, summary

    with open_run(run_file) as run:
        found = {**summary(run), "charge_residual": run.ledger.get("charge_residual")}
        if as_json:
            say_json(_as_dict(run, found))
            return
        from twin.cli.closing import closing_rows

        stdout().print(facts([*_origin(run), *closing_rows(found)], title=str(run.path)))
        stdout().print(_contents(run))
        _show_faults(run)
        _show_events(run)


def _origin(run: Run) -> Iterator[tuple[str, str]]:
    about = run.attributes
    yield "scenario", f"{about.get('scenario_name', '?')} (seed {about.get('seed', '?')})"
    if "parent" in about:
        yield "forked from", f"{about['parent']} at {duration(float(about['fork_s']))}"
    yield "created", str(about.get("created", "?"))
    if "pacing" in about:
        from twin.cli.closing import paced

        yield "paced", paced(json.loads(about["pacing"]))
    yield "pack", ", ".join(f"{a.size} × {a.name}" for a in run.axes.values())
    stored = [time_s for time_s, _ in run.checkpoints]
    if stored:
        span = f"{duration(stored[0])} to {duration(stored[-1])}"
        yield "stored states", f"{len(stored)}, from {span}: `twin fork` starts anywhere"
    elif about.get("forkable") == "false":
        yield "stored states", "none: a plug-in is not forkable, so forks rerun from the start"


def _contents(run: Run) -> Any:
    groups: dict[str, list[str]] = defaultdict(list)
    for spec in run.channels.values():
        groups[spec.group].append(spec.name + (f"[{spec.axis}]" if spec.axis else ""))
    from rich.text import Text

    table = grid("group", "channels over time")
    for name in sorted(groups, key=lambda g: ("truth measured bms ems pcs".find(g) < 0, g)):
        table.add_row(f"/{name}", Text(" ".join(sorted(groups[name]))))
    return table


def _show_faults(run: Run) -> None:
    from twin.answer_key import size_in_words

    for fault in run.faults:
        details = (fault.kind, fault.target, size_in_words(fault))
        what = ", ".join(filter(None, details))
        when = f"when {fault.trigger}" if fault.trigger else "on a trigger"
        if math.isfinite(fault.from_s):
            when = f"from {duration(fault.from_s)}"
        if math.isfinite(fault.until_s):
            when += f" until {duration(fault.until_s)}"
        say(f"answer key: {fault.name} ({what}) at {fault.component}, {when}")


def _show_events(run: Run) -> None:
    from twin.runfiles.layout import counted

    for event in run.events[:EVENTS_SHOWN]:
        text, place = event.sentence, ""
        if event.component and not text.startswith(event.component):
            place = f" {event.component}:"
        say(f"{duration(event.time_s):>14}  {event.severity:8} {event.source:7}{place} {text}")
    left = len(run.events) - EVENTS_SHOWN
    if left > 0:
        more = counted(left, "more event")
        say(f"… and {more}; `twin inspect --json` lists all")


def _as_dict(run: Run, found: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **found,
        "attributes": {k: v for k, v in run.attributes.items() if k != "state_layout"},
        "axes": {axis.name: axis.size for axis in run.axes.values()},
        "channels": {
            path: {"axis": s.axis, "unit": s.unit, "long_name": s.long_name, "dtype": s.dtype}
            for path, s in run.channels.items()
        },
        "ledger": run.ledger,
        "answer_key": [asdict(fault) for fault in run.faults],
        "event_list": [asdict(event) for event in run.events],
        "checkpoints_s": [time_s for time_s, _ in run.checkpoints],
    }


def report(
    run_files: Annotated[
        list[Path], typer.Argument(metavar="RUN.h5 [B.h5]…", help="One run, or up to four futures.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="F.html", help="The page; else RUN.html, RUN_futures.html."
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write one self-contained page that explains a run, or sets up to four runs side by side.

    A page of ours is replaced.
    """
    from importlib import import_module

    from twin.pages.output import is_our_page
    from twin.runfiles.results import open_run

    first, several = run_files[0], len(run_files) > 1
    if len(run_files) > MOST_FUTURES:
        raise UserError(
            f"report sets at most {MOST_FUTURES} runs side by side, got {len(run_files)}; "
            "compare takes more"
        )
    for run_file in run_files:  # a foreign file is refused before anything is imported or written
        with open_run(run_file):
            pass
    name = first.with_name(f"{first.stem}_futures.html") if several else first.with_suffix(".html")
    path = name if output is None else output
    for run_file in run_files:
        check_output(path, force or (path.is_file() and is_our_page(path)), (run_file, "the run"))
    if several:
        import_module("twin.pages.futures").write_futures(run_files, path)
    else:
        import_module("twin.pages.report").write_report(first, path)
    say(f"Wrote {path}: open it in a browser")


def compare(
    run_files: Annotated[
        list[Path], typer.Argument(metavar="A.h5 B.h5 [C.h5]…", help="The first is the reference.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Put runs on one clock and say what is identical, what differs, and since when."""
    if len(run_files) < 2:
        raise UserError("compare needs at least two run files")
    from twin.cli.comparing import render
    from twin.runfiles.compare import compare as compare_runs

    comparison = compare_runs(run_files)
    if as_json:
        say_json(comparison.as_dict())
    else:
        render(comparison, stdout())
