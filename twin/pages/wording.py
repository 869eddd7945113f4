"""How a report says things: times, energies, places, and the sentences of its first paragraph."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from twin.pages.facts import NOTABLE_K, Facts
from twin.pages.fault_words import deed_of, what_of, where_of
from twin.pages.verdicts import Alarm, Verdict, long_place, place_of
from twin.runfiles.layout import BEYOND, counted, nearest

CELSIUS_K = 273.15
_RAISED = "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
SAID = {
    "derate": "reduced its limits",
    "stop": "asked for a stop",
    "open": "demanded open contactors",
    "latched": "latched open",
}


SOON_S = 10.0
"""What follows a fault so soon is told by the time since then [s]."""


def clock(time_s: float | None) -> str:
    """Return a time as ``8:36`` (minutes) or ``2:05:09`` (hours); ``-0:12`` before the start.

    To the nearest second, as `span` and the screen have it.
    """
    if time_s is None or not math.isfinite(time_s):
        return "\u2013"
    total = nearest(abs(time_s))
    sign = "\u2212" if time_s < 0 and total else ""
    hours, minutes, seconds = total // 3600, total // 60 % 60, total % 60
    if hours:
        return f"{sign}{hours}:{minutes:02d}:{seconds:02d}"
    return f"{sign}{minutes}:{seconds:02d}"


def span(seconds: float) -> str:
    """Return a length of time as ``36.5 s``, ``17 min 38 s`` or ``2 h 05 min``."""
    if seconds < 120.0:
        return f"{seconds:.3g} s"
    if seconds < 7200.0:
        minutes, rest = divmod(nearest(seconds), 60)
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, rest = divmod(nearest(seconds / 60.0), 60)
    return f"{hours} h {rest:02d} min" if rest else f"{hours} h"


def energy(joule: float) -> str:
    """Return an energy in kWh, Wh or J, whichever reads best, with a true minus sign."""
    size = abs(joule)
    if size >= 3.6e6:
        text = f"{joule / 3.6e6:,.3f} kWh"
    elif size >= 360.0:
        text = f"{joule / 3600.0:,.2f} Wh"
    elif size >= 0.01 or size == 0.0:
        text = f"{joule:,.2f} J"
    else:
        text = f"{scientific(joule)} J"
    return text.replace("-", "\u2212", 1) if joule < 0 else text


def kilojoules(joule: float) -> str:
    """Return an energy as ``83 J``, ``12.3 kJ`` or ``1.23 MJ``, with a true minus sign."""
    size = abs(joule)
    for unit, name in ((1e6, "MJ"), (1e3, "kJ")):
        if size >= 0.9995 * unit:
            return f"{joule / unit:.3g} {name}".replace("-", "\u2212")
    return f"{joule:.3g} J".replace("-", "\u2212")


def scientific(value: float) -> str:
    """Return a number as ``7.4\u00b710\u207b\u00b9\u2075``."""
    if not math.isfinite(value) or value == 0.0:
        return f"{value:g}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", _RAISED))
    return f"{mantissa}\u00b710{raised}"


def celsius(kelvin: float) -> str:
    """Return a temperature as ``147.6 \u00b0C``."""
    return f"{kelvin - CELSIUS_K:.1f} \u00b0C".replace("-", "\u2212")


def finest(verdict: Verdict) -> str:
    """Return the finest level of a fault's place that a BMS can see."""
    return next((level for level in ("group", "module", "rack") if level in verdict.place), "site")


def story(facts: Facts) -> str:
    """Return the first paragraph as HTML: what happened, from the facts alone."""
    sentences: list[str] = []
    came = sorted(facts.verdicts, key=lambda v: math.inf if v.start_s is None else v.start_s)
    for verdict in came[:3]:
        sentences += _fault_story(verdict)
    if len(facts.verdicts) > 3:
        more = len(facts.verdicts) - 3
        sentences.append(
            f"{counted(more, 'more fault')} {'is' if more == 1 else 'are'} listed below."
        )
    if not any(v.start_s is not None for v in facts.verdicts):
        sentences += _quiet_story(facts)
    sentences += _heat_story(facts)
    sentences.append(_end_story(facts))
    return " ".join(sentences)


def since_of(verdict: Verdict) -> str:
    """Return since when a fault that a fork took over is present."""
    fork = f"before this fork began at {clock(verdict.start_s)}"
    from_s = verdict.fault.from_s
    if math.isfinite(from_s) and verdict.start_s is not None and from_s < verdict.start_s:
        return f"present since {clock(from_s)} ({fork})"
    return f"present from the first row ({fork})"


def _fault_story(verdict: Verdict) -> list[str]:
    if verdict.start_s is None:
        what, where = escape(what_of(verdict)), escape(where_of(verdict))
        return [f"The {what} planned for {where} did not come."]
    start_s, deed = verdict.start_s, deed_of(verdict)
    if verdict.was_there:
        bold = "<strong>"
        deed = f"{bold}{deed[len(bold)].upper()}{deed[len(bold) + 1 :]}"
        said = [f"{deed}: {since_of(verdict)}."]
    else:
        said = [f"At {clock(start_s)} {deed}."]
    blamed, first = verdict.blamed, verdict.first
    if first is None:
        none = "<strong>The BMS raised no alarm at its place after it.</strong>"
        if verdict.was_there:
            none = "No alarm came at its place after the fork; earlier ones are in the parent run."
        elif not verdict.wrong:
            none = "<strong>The BMS raised no alarm after it.</strong>"
        return [*said, none, *_reaction_story(verdict)]
    delay = "" if verdict.was_there else f"{span(first.start_s - start_s)} later, "
    when = f"{delay}at {clock(first.start_s)}"
    if blamed is None:
        said.append(
            f"The first alarm after it came {when} ({_quote(first)}), but <strong>no alarm named "
            f"the {finest(verdict)}</strong>."
        )
    else:
        visible = {k: v for k, v in verdict.place.items() if k != "cell"}
        if first is not blamed:
            said.append(f"The first alarm after it came {when}: {_quote(first)}.")
        after = "" if verdict.was_there else f" after {span(blamed.start_s - start_s)}"
        if verdict.is_shared and first is blamed:  # another fault is there too
            said.append(f"The first reaction after it came {when}: {_quote(first)}.")
            return said + _reaction_story(verdict)
        said.append(
            f"<strong>The BMS blamed {escape(long_place(visible))}{after}</strong>, at "
            f"{clock(blamed.start_s)}: {_quote(blamed)}."
        )
    return said + _reaction_story(verdict)


def _reaction_story(verdict: Verdict) -> list[str]:
    """Return what the BMS and the contactors did after a fault, in order of time."""
    steps = [
        (alarm.start_s, f"the BMS {SAID[severity]}")
        for severity, alarm in verdict.reactions.items()
        if severity in SAID
    ]
    if verdict.opened_s is not None:
        steps.append((verdict.opened_s, "the contactors stood open"))
    if not steps:
        said = "The BMS warned, and left limits and contactors as they were."
        return [said] if verdict.first is not None else []
    said = [f"{text} {_when(verdict, time_s)}" for time_s, text in sorted(steps)]
    for k in range(1, len(said)):
        if said[k].startswith("the BMS ") and said[k - 1].startswith(("the BMS ", "it ")):
            said[k] = f"it {said[k].removeprefix('the BMS ')}"
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])}, and {said[-1]}"
    return [f"After it {listed}."]


def _when(verdict: Verdict, time_s: float) -> str:
    """Say when something followed a fault: to a part of a second while that is what matters."""
    since_s = time_s - (time_s if verdict.start_s is None or verdict.was_there else verdict.start_s)
    return f"after {span(since_s)}" if 0.0 < since_s < SOON_S else f"at {clock(time_s)}"


def _quiet_story(facts: Facts) -> list[str]:
    said = ["No fault was injected"] if not facts.verdicts else ["So nothing was wrong"]
    if not facts.alarms:
        return [f"{said[0]}, and there were <strong>no alarms</strong>."]
    first = facts.alarms[0]
    count = len(facts.alarms)
    return [
        f"{said[0]}, yet there {'was' if count == 1 else 'were'} <strong>{count:,} "
        f"alarm{'' if count == 1 else 's'}</strong>, the first at {clock(first.start_s)}: "
        f"{_quote(first)}."
    ]


def _quote(alarm: Alarm) -> str:
    return f"\u201c{escape(alarm.event.sentence)}\u201d"


def _heat_story(facts: Facts) -> list[str]:
    peak = facts.numbers.get("peak_temperature")
    if not peak:
        return []
    where = escape(str(peak["where"]))
    beyond = f" {BEYOND}" if peak.get("beyond_tables") else ""
    text = f"The hottest cell ({where}) reached {celsius(peak['value'])}{beyond}"
    text += f" at {clock(peak['time_s'])}"
    sensor = facts.lines.get("thermistor")
    if sensor is not None:
        read_K = float(np.nanmax(sensor)) if np.any(np.isfinite(sensor)) else math.nan
        if peak["value"] - read_K > NOTABLE_K:
            text += f", while its nearest thermistor never read more than {celsius(read_K)}"
    return [text + "."]


def length_of(facts: Facts) -> str:
    """Return how much was simulated; of a fork also from when to when."""
    length = span(facts.end_s - facts.start_s)
    if facts.start_s <= 0.0:
        return length
    return f"{length} (from {span(facts.start_s)} to {span(facts.end_s)})"


def _end_story(facts: Facts) -> str:
    ended = facts.run.ended
    length = length_of(facts)
    if ended == "done":
        return f"The run ended as planned after {length}."
    return f"<strong>The run did not end as planned ({escape(ended)})</strong>; {length} are here."


def followed(facts: Facts) -> str:
    """Return the name of the group that the figures follow, as HTML text."""
    if facts.group is None:
        return ""
    place = place_of(facts.run, "group", facts.group)
    return escape(long_place(place))
