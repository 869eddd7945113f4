"""The BMS's verdict beside the answer key, as HTML tables, one a fault."""

from __future__ import annotations

import math
from html import escape

from twin.pages.facts import Facts
from twin.pages.fault_words import what_of, where_of
from twin.pages.tables import Cells, badge, table
from twin.pages.verdicts import Alarm, Verdict, long_place
from twin.pages.wording import clock, finest, since_of, span


def verdicts(facts: Facts) -> str:
    """Return the BMS's verdict beside the answer key, or what there is to say without faults."""
    if not facts.verdicts:
        text = "The answer key is empty: no fault was injected in this run. "
        if facts.alarms:
            text += "Every alarm is therefore a consequence of how the pack was used, or false."
        else:
            text += "The BMS agreed: it raised no alarm."
        return f"<p>{text}</p>"
    head = ("", "Answer key (hidden from the BMS)", "What the BMS said")
    return "".join(table(head, _verdict_rows(v), look="verdict") for v in facts.verdicts)


def _verdict_rows(verdict: Verdict) -> list[Cells]:
    blamed, first, start_s = verdict.blamed, verdict.first, verdict.start_s
    level = finest(verdict)
    what, where = escape(what_of(verdict)), escape(where_of(verdict))
    if start_s is None:
        return [
            ("What", f"{what} (did not come)", "\u2013"), ("Where", where, "\u2013"),
            ("When", _planned(verdict), "\u2013"),
        ]  # fmt: skip
    rows: list[Cells] = [
        ("What", what, _said(blamed or first)),
        ("Where", where, _where(verdict, level)),
        ("When", _when(verdict), clock(blamed.start_s) if blamed else "\u2013"),
    ]
    if first is not None and first is not blamed:
        after = f"{_after(verdict, first.start_s)}: {_said(first)}"
        rows.append(("First reaction after it", "", after))
    if not verdict.was_there:
        delay = _after(verdict, blamed.start_s) if blamed else "\u2013"
        rows.append(("Delay to the right place", "", f"<strong>{delay}</strong>"))
    reactions = [
        (alarm.start_s, badge(name))
        for name, alarm in verdict.reactions.items()
        if name != "warning"
    ]
    if verdict.opened_s is not None:
        reactions.append((verdict.opened_s, "contactors open"))
    steps = [
        f"{name} at {clock(t)} ({_after(verdict, t)})"
        for t, name in sorted(reactions, key=lambda r: r[0])
    ]
    nothing = "warnings only" if first else "none"
    rows.append(("Reactions after it", "", "<br>".join(steps) or nothing))
    if verdict.wrong:
        others = sorted({escape(long_place(a.place)) for a in verdict.wrong})
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        rows.append((f"Other {level}s named", "", "; ".join(others[:3]) + more))
    return rows


def _when(verdict: Verdict) -> str:
    until = f" to {clock(verdict.end_s)}" if verdict.end_s is not None else ""
    brought = f"<br>when {escape(verdict.fault.trigger)}" if verdict.fault.trigger else ""
    if verdict.was_there:
        return f"{since_of(verdict)}{until}{brought}"
    return f"{clock(verdict.start_s)}{until}{brought}"


def _planned(verdict: Verdict) -> str:
    """Return when a fault that did not come was to come."""
    fault = verdict.fault
    if fault.trigger:
        return f"when {escape(fault.trigger)}"
    until = f" to {clock(fault.until_s)}" if math.isfinite(fault.until_s) else ""
    return f"planned for {clock(fault.from_s)}{until}"


def _after(verdict: Verdict, time_s: float) -> str:
    """Return how long after a fault, or after the fork that found it there, something was."""
    since = "the fork" if verdict.was_there else ""
    return f"{span(time_s - (verdict.start_s or 0.0))} after {since}".rstrip()


def _said(alarm: Alarm | None) -> str:
    if alarm is None:
        return "nothing"
    event = alarm.event
    text = event.sentence if event.text else event.sentence.replace("_", " ")
    return f"{badge(event.severity)} {escape(text)}"


def _where(verdict: Verdict, level: str) -> str:
    if verdict.blamed is not None:
        place = {k: v for k, v in verdict.blamed.place.items() if k in verdict.place}
        note = " \u2014 it cannot see single cells" if "cell" in verdict.place else ""
        return (
            f'{escape(long_place(place))} <span class="good">\u2714 the right {level}</span>{note}'
        )
    if verdict.first is None and verdict.was_there:
        return "\u2013 no new alarm after the fork"
    if verdict.first is None:
        return '<span class="bad">\u2716 nothing named</span>'
    named = escape(long_place(verdict.first.place if verdict.first else {}))
    return f'{named} <span class="bad">\u2716 the {level} was not named</span>'
