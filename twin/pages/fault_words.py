"""Faults in words: what one is, where it sits, and what was done."""

from __future__ import annotations

from html import escape

from twin.answer_key import size_in_words
from twin.pages.verdicts import Verdict, long_place

NAMES = {
    "nail": "nail ({size} in each cell)",
    "open_cell": "open cell",
    "fuse_open": "open fuse",
    "contactor_feedback": "wrong contactor feedback ({target})",
    "overcharge": "overcharge with {size}",
    "oven": "oven at {size}",
    "fire": "fire at {size}",
    "thermistor_detached": "detached thermistor (time constant {size})",
    "afe_drift": "drift of the AFE by {size}",
    "message_loss": "loss of messages ({target})",
    "sensors_swapped": "swap of sensors ({target})",
}
"""Kinds of faults as nouns, where the name of the kind, `of` its size, does not read well."""
DEEDS = {
    "internal_short": ("an internal short of {size} {verb} {where}", "was put into", "has been in"),
    "external_short": (
        "an external short of {size} {verb} {where}", "was put across", "has been across"
    ),
    "insulation_leak": (
        "an insulation leak of {size} ({target}) {verb} {where}", "was put into", "has been in"
    ),
    "nail": (
        "a nail {verb} {where} and shorts each cell with {size}", "went through", "has been through"
    ),
    "joint_resistance": ("the joint of {where} {verb} {size}", "went to", "has been at"),
    "open_cell": ("{where} {verb} its group", "was cut off", "has been cut off"),
    "rail_resistance": ("the {target} at {where} {verb} {size}", "went to", "has been at"),
    "link_resistance": (
        "the busbar from {where} to the next group {verb} {size}", "went to", "has been at"
    ),
    "fuse_open": ("the fuse of {where} {verb} without melting", "came open", "has been open"),
    "contactor_feedback": (
        "the contactor feedback of {where} {verb}: {target}, whatever it does", "went wrong",
        "has been wrong",
    ),
    "coolant_loss": ("the coolant of {where} {verb}: {size}", "failed", "has failed"),
    "overcharge": (
        "{target} {verb} {where} with {size}", "began to charge", "has been charging"
    ),
    "heater": ("a heater of {size} {verb} at {where}", "went on", "has been on"),
    "oven": ("the air around the cells of {where} {verb} {size}", "went to", "has been at"),
    "fire": ("flames of {size} {verb} {where}", "rose around", "have been around"),
    "thermistor_detached": ("a thermistor {verb} at {where}", "came off", "has been off"),
    "afe_drift": (
        "the voltage reference of {where} {verb}, by {size}", "began to drift", "has drifted"
    ),
    "message_loss": (
        "messages of {target} {verb}, from {where}", "were lost", "have been lost"
    ),
    "sensors_swapped": (
        "two sensors of {target} {verb}, at {where}", "were swapped", "have been swapped"
    ),
}  # fmt: skip
"""What was done, by kind; its verb, and that where a fork found it done."""
OF_EACH_CELL = ("heater", "fire")
"""Kinds that act on each cell of their place."""


def size_of(verdict: Verdict) -> str:
    """Return how large a fault is, as ``0.5 \u03a9``; empty if it has no size."""
    said = size_in_words(verdict.fault).replace("mohm", "m\u03a9")
    return said.replace("ohm", "\u03a9").replace("degC", "\u00b0C")


def what_of(verdict: Verdict) -> str:
    """Return a fault as ``internal short of 0.5 \u03a9`` or ``plus contactor stuck closed``."""
    fault, size = verdict.fault, size_of(verdict)
    kind = fault.kind.replace("_", " ")
    if fault.kind == "contactor_stuck" and fault.target:
        name, _, how = fault.target.partition(" ")
        return f"{name} contactor {how}"
    if fault.kind.startswith("sensor_") and fault.target:
        kind = f"sensor {fault.target} {fault.kind.removeprefix('sensor_')}"
        return f"{kind} by {size}" if size else kind
    if fault.kind in NAMES:
        return NAMES[fault.kind].format(size=size, target=fault.target)
    return f"{kind} ({size})" if "remains" in size else f"{kind} of {size}" if size else kind


def where_of(verdict: Verdict) -> str:
    """Return where a fault sits, counted from 1."""
    return verdict.fault.component or long_place(verdict.place)


def deed_of(verdict: Verdict) -> str:
    """Return what was done, as HTML: ``the plus contactor of rack 1 was stuck closed``."""
    fault, where = verdict.fault, escape(where_of(verdict))
    was = "has been" if verdict.was_there else "was"
    if fault.kind == "contactor_stuck" and fault.target:
        name, _, how = fault.target.partition(" ")
        return f"<strong>the {escape(name)} contactor of {where} {was} {escape(how)}</strong>"
    if fault.kind.startswith("sensor_"):
        return _sensor_deed(verdict, where)
    if fault.kind not in DEEDS:  # of a plug-in
        size = escape(size_of(verdict))
        began = "has been present" if verdict.was_there else "began"
        name = f"\u201c{fault.kind.replace('_', ' ')}\u201d{f' ({size})' if size else ''}"
        return f"<strong>the fault {name}</strong> {began} at {where}"
    done, came, there = DEEDS[fault.kind]
    verb = there if verdict.was_there else came
    size, target = escape(size_of(verdict)), _target(verdict)
    text = done.format(verb=verb, where=_place(verdict, where), size=size, target=target)
    return f"<strong>{text}</strong>"


def _place(verdict: Verdict, where: str) -> str:
    """Return where a fault sits as its deed needs it."""
    fault = verdict.fault
    if fault.kind == "external_short" and not verdict.place:
        return "the DC bus"
    if fault.kind == "nail" and fault.target:  # through 3 cells: ...
        return f"{escape(fault.target.removeprefix('through '))}, of {where},"
    place = "the site" if where == "site" else where
    is_each = fault.kind in OF_EACH_CELL and "cell" not in verdict.place
    return f"each cell of {place}" if is_each else place


def _target(verdict: Verdict) -> str:
    """Return what fails at the place as its deed needs it."""
    fault, target = verdict.fault, escape(verdict.fault.target)
    if fault.kind == "overcharge":
        return "a charger of its own" if fault.unit == "A" else "the PCS, whatever it is told,"
    if fault.kind == "rail_resistance":
        return target.partition(",")[0]
    return target


def _sensor_deed(verdict: Verdict, where: str) -> str:
    fault = verdict.fault
    was = "has been" if verdict.was_there else "was"
    how = {
        "sensor_lost": "lost",
        "sensor_stuck": "stuck at its last value",
        "sensor_offset": f"off by {escape(size_in_words(fault))}",
    }.get(fault.kind)
    if how is None:
        error = escape(fault.kind.removeprefix("sensor_").replace("_", " "))
        size = escape(size_in_words(fault))
        has = "has had" if verdict.was_there else "got"
        how = f"{has} a fault of its own: {error}{f', {size}' if size else ''}"
        return f"<strong>sensor {escape(fault.target)} {how}</strong> at {where}"
    return f"<strong>sensor {escape(fault.target)} {was} {how}</strong> at {where}"
