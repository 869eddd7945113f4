"""One self-contained HTML page that says what happened in a run: ``twin report``.

    facts      reads the run once             verdicts   alarms against the answer key
    wording    sentences                      tables     tables
    timeline   the main figure                cell_map   the cell map
    runaway    thermal runaway: its answers, maps and figures

The page's frame and style are in `templates/report.html`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from twin.pages import plots, verdict_table
from twin.pages import tables as report_tables
from twin.pages.cell_map import cell_map
from twin.pages.facts import Facts, gather
from twin.pages.key_moments import key_moment
from twin.pages.mechanism import mechanism
from twin.pages.output import write_whole
from twin.pages.runaway import runaway_section
from twin.pages.timeline import timeline
from twin.pages.wording import clock, story
from twin.runfiles.results import open_run

if TYPE_CHECKING:
    from twin.pages.plots import Figure

WIDE_IN, NARROW_IN = 10.6, 4.4
"""Widths that figures are drawn for: a desk or paper, and a phone."""


def write_report(run_path: str | os.PathLike[str], output: str | os.PathLike[str]) -> Path:
    """Write the report of a run.

    Parameters
    ----------
    run_path : path
        A run file, finished or not.
    output : path
        The page to write; replaced if it is there.

    Returns
    -------
    Path
        `output`.

    Raises
    ------
    NotARun
        The file is missing, foreign, damaged or of a newer format.
    DiskFull
        There is no room for the page; nothing was written.
    """
    with open_run(run_path) as run:
        text = page(gather(run))
    return write_whole(Path(output), text.encode("utf-8"))


def page(facts: Facts) -> str:
    """Return the whole page as HTML."""
    run = facts.run
    name = str(run.attributes.get("scenario_name") or run.path.stem)
    described = re.search(r"^description:\s*(.+)$", run.scenario_text, flags=re.MULTILINE)
    about = described.group(1).strip("'\" ") if described else ""
    template = files("twin").joinpath("templates/report.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=escape(name),
        kicker=escape(f"Battery pack simulation \u00b7 {run.path.name}"),
        about=escape(about),
        story=story(facts) if run.rows else "The file holds no complete row.",
        cards=report_tables.key_figures(facts),
        sections="\n".join(_sections(facts)),
    )


def _sections(facts: Facts) -> list[str]:
    parts = [
        ("Thermal runaway", runaway_section(facts, figure)),
        ("Course of the run", _course(facts)),
        ("The mechanism", _mechanism(facts)),
        ("The BMS\u2019s verdict against the answer key", _verdict(facts)),
        ("The pack at its worst moment", _map(facts)),
        ("Energy ledger", report_tables.ledger(facts)),
        ("What lumping costs", report_tables.lumping(facts)),
        ("What the filter believed", _beliefs(facts)),
        ("Events", report_tables.events(facts)),
        ("Origin", report_tables.origin(facts)),
    ]
    return [f"<section><h2>{title}</h2>{body}</section>" for title, body in parts if body]


def figure(draw: Callable[[float], Figure | None], prefix: str, label: str, caption: str) -> str:
    """Return a figure drawn twice, for wide and for narrow screens; CSS shows one of them."""
    found = []
    for width_in, look in ((WIDE_IN, "wide"), (NARROW_IN, "narrow")):
        drawn = draw(width_in)
        if drawn is None or not drawn.axes:
            return ""
        picture = plots.picture(drawn, f"{prefix}{look[0]}", escape(label))
        found.append(f'<div class="{look}">{picture}</div>')
    note = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f"<figure>{''.join(found)}{note}</figure>"


def _course(facts: Facts) -> str:
    if not facts.run.rows:
        return ""
    caption = "All panels share one time axis. Bands hold all cells of the pack."
    reason = report_tables.followed_note(facts)
    if reason:
        caption += f" The group that is followed is {reason}."
    if any(v.start_s is not None for v in facts.verdicts):
        caption += " Shaded: while a fault was present, from the answer key."
    return figure(lambda width: timeline(facts, width), "t", "Course of the run", caption)


def _mechanism(facts: Facts) -> str:
    moment = key_moment(facts)
    if moment is None:
        return ""
    caption = "Zoomed in on the moment; all values are the truth, not what was measured."
    if moment.fault_s is not None:
        caption += " Dashed red: the fault comes."
    label = escape(moment.sentence)
    drawn = figure(lambda width: mechanism(facts, width), "z", moment.sentence, caption)
    return f"<p><strong>{label}</strong></p>{drawn}"


def _verdict(facts: Facts) -> str:
    text = (
        "<p>What was injected is the answer key. The BMS never sees it, nor any true value: it "
        "works from its sensors alone, and it can tell groups apart but not the cells in them.</p>"
    )
    return (text if facts.verdicts else "") + verdict_table.verdicts(facts)


def _map(facts: Facts) -> str:
    if facts.worst_row is None:
        return ""
    when = clock(float(facts.time_s[facts.worst_row]))
    caption = (
        f"Every cell where it stands in its module, seen from above, at {when}: {facts.worst_why}. "
        "White dots: thermistors."
    )
    if facts.faulty_cells:
        caption += " Ringed: the faulty cell, from the answer key."
    return figure(lambda width: cell_map(facts, width), "m", "Cell map of the pack", caption)


def _beliefs(facts: Facts) -> str:
    return report_tables.beliefs(facts) + report_tables.protection(facts)
