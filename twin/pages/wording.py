"""How a report says things: times, energies, places, and the sentences of its first paragraph."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from twin.pages.facts import NOTABLE_K, Facts
from twin.pages.verdicts import Alarm, Verdict, long_place, place_of

CELSIUS_K = 273.15
_RAISED = "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
SAID = {
    "derate": "reduced its limits",
    "stop": "asked for a stop",
    "open": "demanded open contactors",
    "latched": "latched open",
}


def clock(time_s: float | None) -> str:
    """Return a time as ``8:36`` (minutes) or ``2:05:09`` (hours); ``-0:12`` before the start."""
    if time_s is None or not math.isfinite(time_s):
        return "\u2013"
    total = math.floor(abs(time_s) + 1e-9)
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
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(seconds / 60.0), 60)
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


def size_of(verdict: Verdict) -> str:
    """Return how large a fault is, as ``0.5 \u03a9``; empty if it has no size."""
    magnitude, unit = verdict.fault.magnitude, verdict.fault.unit
    if not math.isfinite(magnitude):
        return ""
    if unit == "ohm":
        small = abs(magnitude) < 0.1
        return f"{magnitude * 1e3:g} m\u03a9" if small else f"{magnitude:g} \u03a9"
    if verdict.fault.kind == "coolant_loss":
        return f"{100 * magnitude:.0f} % of the flow left"
    return f"{magnitude:g} {unit}".strip().removesuffix(" 1")


def what_of(verdict: Verdict) -> str:
    """Return a fault as ``internal short of 0.5 \u03a9``."""
    kind, size = verdict.fault.kind.replace("_", " "), size_of(verdict)
    return f"{kind} ({size})" if "left" in size else f"{kind} of {size}" if size else kind


def finest(verdict: Verdict) -> str:
    """Return the finest level of a fault's place that a BMS can see."""
    return next((level for level in ("group", "module", "rack") if level in verdict.place), "site")


def story(facts: Facts) -> str:
    """Return the first paragraph as HTML: what happened, from the facts alone."""
    sentences: list[str] = []
    for verdict in facts.verdicts[:3]:
        sentences += _fault_story(verdict)
    if len(facts.verdicts) > 3:
        sentences.append(f"{len(facts.verdicts) - 3} more faults are listed below.")
    if not any(v.start_s is not None for v in facts.verdicts):
        sentences += _quiet_story(facts)
    sentences += _heat_story(facts)
    sentences.append(_end_story(facts))
    return " ".join(sentences)


def _article(text: str) -> str:
    return f"{'an' if text[:1].lower() in 'aeiou' else 'a'} {text}"


def _fault_story(verdict: Verdict) -> list[str]:
    what, where = escape(what_of(verdict)), escape(long_place(verdict.place))
    if verdict.start_s is None:
        return [f"The {what} planned for {where} never came."]
    start_s = verdict.start_s
    said = [f"At {clock(start_s)} <strong>{_article(what)}</strong> was put into {where}."]
    blamed, first = verdict.blamed, verdict.first
    if first is None:
        return [*said, "<strong>The BMS raised no alarm after it.</strong>"]
    if blamed is None:
        said.append(
            f"The BMS raised its first alarm {span(first.start_s - start_s)} later "
            f"({_quote(first)}), but <strong>no alarm named the {finest(verdict)}</strong>."
        )
    else:
        visible = {k: v for k, v in verdict.place.items() if k != "cell"}
        if first is not blamed:
            delay = span(first.start_s - start_s)
            said.append(f"The first alarm came {delay} later: {_quote(first)}.")
        said.append(
            f"<strong>The BMS blamed {escape(long_place(visible))} after "
            f"{span(blamed.start_s - start_s)}</strong>, at {clock(blamed.start_s)}: "
            f"{_quote(blamed)}."
        )
    return said + _reaction_story(verdict)


def _reaction_story(verdict: Verdict) -> list[str]:
    steps = [
        f"{SAID[severity]} at {clock(verdict.reactions[severity].start_s)}"
        for severity in SAID
        if severity in verdict.reactions
    ]
    if verdict.opened_s is not None:
        steps.append(f"the contactors stood open at {clock(verdict.opened_s)}")
    if not steps:
        return ["It warned, and left limits and contactors as they were."]
    if len(steps) == 1 and verdict.opened_s is not None:
        return [f"{steps[0][0].upper()}{steps[0][1:]}."]
    return [
        f"It {', '.join(steps[:-1])}, and {steps[-1]}." if len(steps) > 1 else f"It {steps[0]}."
    ]


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
    return f"\u201c{escape(alarm.event.text or alarm.event.code)}\u201d"


def _heat_story(facts: Facts) -> list[str]:
    peak = facts.numbers.get("peak_temperature")
    if not peak:
        return []
    where = escape(str(peak["where"]))
    text = f"The hottest cell ({where}) reached {celsius(peak['value'])} at {clock(peak['time_s'])}"
    sensor = facts.lines.get("thermistor")
    if sensor is not None:
        read_K = float(np.nanmax(sensor)) if np.any(np.isfinite(sensor)) else math.nan
        if peak["value"] - read_K > NOTABLE_K:
            text += f", while its nearest thermistor never read more than {celsius(read_K)}"
    return [text + "."]


def _end_story(facts: Facts) -> str:
    ended = facts.run.ended
    length = span(facts.end_s - facts.start_s)
    if ended == "done":
        return f"The run ended as planned after {length}."
    return f"<strong>The run did not end as planned ({escape(ended)})</strong>; {length} are here."


def followed(facts: Facts) -> str:
    """Return the name of the group that the figures follow, as HTML text."""
    if facts.group is None:
        return ""
    place = place_of(facts.run, "group", facts.group)
    return escape(long_place(place))
