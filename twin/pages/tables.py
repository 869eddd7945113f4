"""The tables of a report, as HTML: figures at a glance, ledger, filter, events, origin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from twin.pages.facts import Facts
from twin.pages.plots import SEVERITIES
from twin.pages.verdicts import has
from twin.pages.wording import celsius, clock, energy, length_of, scientific, span
from twin.runfiles.layout import BEYOND, counted
from twin.runfiles.lumping import error_rows

EVENTS_SHOWN = 50
Cells = Sequence[str]


def table(head: Cells, rows: Iterable[Cells], numeric: Sequence[int] = (), look: str = "") -> str:
    """Return an HTML table; cells are HTML already, columns in `numeric` stand right."""

    def line(cells: Cells, tag: str) -> str:
        kinds = (' class="num"' if k in numeric else "" for k in range(len(cells)))
        pairs = zip(kinds, cells, strict=True)
        return "<tr>" + "".join(f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in pairs) + "</tr>"

    top = f"<thead>{line(head, 'th')}</thead>" if any(head) else ""
    body = "".join(line(row, "td") for row in rows)
    return f'<div class="scroll"><table class="{look}">{top}<tbody>{body}</tbody></table></div>'


def badge(severity: str) -> str:
    """Return a severity with its symbol, as HTML."""
    _, symbol, colour = SEVERITIES.get(severity, ("", "\u25cb", "#5b6470"))
    mark = f'<span class="mark" style="color:{colour}">{symbol}</span>'
    return f'<span class="badge">{mark} {escape(severity)}</span>'


# ---- at a glance --------------------------------------------------------------------------------


def key_figures(facts: Facts) -> str:
    """Return the strip of key figures."""
    cards = [*_cell_cards(facts), *_estimate_cards(facts)]
    residual_J = facts.numbers.get("energy_residual_J")
    relative = facts.ledger_value("residual")
    if relative is None:
        relative = facts.numbers.get("energy_residual_relative")
    if residual_J is not None:
        note = "" if relative is None else f"{scientific(relative)} of the throughput"
        cards.append(("Energy residual", energy(residual_J), note))
    grave = len(facts.alarms)
    first = f"first at {clock(facts.alarms[0].start_s)}" if grave else "none raised"
    cards.append(("Alarms", f"{grave:,}", first))
    ended = "as planned" if facts.run.ended == "done" else escape(facts.run.ended)
    part = length_of(facts).partition(" (")[2]
    note = f"{part.rstrip(')')}; ended: {ended}" if part else f"ended: {ended}"
    cards.append(("Simulated", span(facts.end_s - facts.start_s), note))
    return "".join(
        f'<div class="card"><dt>{name}</dt><dd>{value}</dd><p>{note}</p></div>'
        for name, value, note in cards
    )


def _cell_cards(facts: Facts) -> list[tuple[str, str, str]]:
    cards = []
    for key, name in (
        ("peak_temperature", "Peak cell temperature"),
        ("min_voltage", "Lowest cell voltage"),
        ("max_voltage", "Highest cell voltage"),
    ):
        found = facts.numbers.get(key)
        if found:
            value = found["value"]
            text = celsius(value) if found["unit"] == "K" else volts(value)
            note = f"{escape(str(found['where']))}, at {clock(found['time_s'])}"
            note += f" {BEYOND}" if found.get("beyond_tables") else ""
            cards.append((name, text, note))
    return cards


def volts(value: float) -> str:
    """Return a voltage as ``3.612 V``; what is too little for that as zero, without a sign."""
    return f"{round(value, 3) + 0.0:.3f} V"


def _estimate_cards(facts: Facts) -> list[tuple[str, str, str]]:
    error = facts.numbers.get("soc_error") or {}
    for key, note in (("after_10_min", "after the first 10 min"), ("overall", "whole run")):
        found = error.get(key)
        if found:
            largest = f"RMS over groups, {note}; largest {found['max']:.1f}"
            return [("SOC error of the BMS", f"{found['rmse']:.2f} points", largest)]
    return []


# ---- energy -------------------------------------------------------------------------------------

USES = (
    ("pcs_ac_J", "To the AC side (from it: negative)"),
    ("pcs_loss_J", "Loss of the PCS"),
    ("heat_J", "Heat in the cells"),
    ("short_J", "Heat in internal shorts"),
    ("external_J", "Heat in shorts outside the cells"),
    ("joint_J", "Heat in welds and straps"),
    ("rail_J", "Heat in the rails of groups"),
    ("busbar_J", "Heat in busbars between groups"),
    ("path_J", "Heat in rack cables, contactors, fuses"),
    ("bleed_J", "Balancing resistors"),
    ("capacitor_J", "Lost when the DC link was charged"),
    ("link_bleed_J", "Bleed resistor of the DC link"),
)
HEATS = (
    ("coolant_J", "Carried away by the coolant"),
    ("air_J", "Given to the air"),
)
BALANCES = (
    ("residual_cells_J", "Cells", "chemistry = heat + terminals"),
    ("residual_network_J", "Wiring", "terminals = wires, shorts, DC side"),
    ("residual_pcs_J", "PCS", "DC side = AC side + loss"),
    ("residual_thermal_J", "Heat", "warming = heat \u2212 coolant \u2212 air"),
)


def ledger(facts: Facts) -> str:
    """Return where the energy went, and how well the books close; empty without a ledger."""
    last, run = facts.run.ledger, facts.run
    if "stored_chemical_J" not in last:
        return ""
    first = {
        name: float(run.channel(f"ledger/{name}", 0, 1)[0])
        for name in last
        if name.startswith("stored_")
    }
    gave = first["stored_chemical_J"] - last["stored_chemical_J"]
    items = [(name, last[key]) for key, name in USES if last.get(key, 0.0) != 0.0]
    link = last.get("stored_link_J", 0.0) - first.get("stored_link_J", 0.0)
    items += [("Stored in the DC link", link)] if abs(link) > 1e-6 else []
    source = "Taken from the cells" if gave >= 0 else "Stored in the cells"
    body = _flows([(f"<strong>{source}</strong>", abs(gave)), *items])
    warmed = last.get("stored_thermal_J", 0.0) - first.get("stored_thermal_J", 0.0)
    heats = [(name, last[key]) for key, name in HEATS if key in last]
    heats.append(("Still in the pack as warmth", warmed))
    return (
        f'<div class="two"><div><h3>Where the energy went</h3>{body}</div>'
        f"<div><h3>Where the heat went</h3>{_flows(heats)}{_audit(last)}</div></div>"
    )


def _flows(items: list[tuple[str, float]]) -> str:
    largest = max((abs(value) for _, value in items), default=0.0) or 1.0
    rows = []
    for name, value in items:
        width = 100.0 * abs(value) / largest
        colour = "charge" if value < 0 else ""
        bar = f'<span class="bar {colour}" style="width:{width:.1f}%"></span>'
        rows.append((name, energy(value), bar))
    return table(("", "Energy", ""), rows, numeric=(1,), look="flows")


def _audit(last: dict[str, float]) -> str:
    rows = [
        (f"{name} <small>{what}</small>", energy(last[key]) if last[key] else "0 J")
        for key, name, what in BALANCES
        if key in last
    ]
    facts = (
        ("residual", "All four, as a part of the throughput", scientific),
        ("heat_mismatch", "Heat against the independent sum i\u00b2R + \u2026", _share),
        ("charge_residual", "Charge, as a part of what was stored", scientific),
    )
    rows += [(name, form(last[key])) for key, name, form in facts if key in last]
    return (
        f"<h3>Do the books close?</h3>{table(('', ''), rows, numeric=(1,))}"
        '<p class="note">Stored energy is computed from the state of every cell, flows are summed '
        "step by step: what is left over is error of the simulator. Rounding leaves "
        "about 10\u207b\u00b9\u2074 of "
        "the throughput; a wrong flow would show at once.</p>"
    )


def lumping(facts: Facts) -> str:
    """Return the error against full detail that the pilot found; empty in full detail."""
    found = facts.run.lumping
    if found is None:
        return ""
    text = f"<p>{escape(found['stands_for'])} are simulated as one (resolution: "
    text += f"{escape(found['resolution'])}). What differs inside cannot be seen here"
    rows = error_rows(found)
    if not rows:
        return f"{text}; a pilot against full detail gave nothing: {escape(found['ended'])}.</p>"
    short = f" ({escape(found['ended'])})" if found["ended"] else ""
    text += (
        f". For its first {span(found['pilot_s'])}{short} the same scenario was also run cell by "
        "cell, with the same seed; the two differ by this. Later they may differ more.</p>"
    )
    lines = [(escape(name[:1].upper() + name[1:]), *sizes) for name, *sizes in rows]
    return text + table(("", "Largest", "RMS"), lines, numeric=(1, 2))


# ---- what the filter believed -------------------------------------------------------------------


def _share(part: float) -> str:
    return f"{100 * part:.2f} %"


def beliefs(facts: Facts) -> str:
    """Return the filter's parameters beside the plant's."""
    bms, plant = facts.bms, facts.parameters
    mismatch = bms.get("filter_mismatch")
    if not isinstance(mismatch, dict):
        name = escape(str(bms.get("name", "of this run")))
        return f"<p>The BMS {name} does not say what its estimator believes.</p>"
    rows: list[Cells] = []
    true_Ah = plant.get("capacity_Ah")
    if isinstance(bms.get("filter_capacity_As"), int | float) and true_Ah:
        own_Ah = bms["filter_capacity_As"] / 3600.0
        rows.append(
            ("Capacity of a cell", f"{own_Ah:.3f} Ah", f"{true_Ah:.3f} Ah",
             _percent(own_Ah / true_Ah - 1.0) + " of plant")
        )  # fmt: skip
    if "resistance" in mismatch:
        factor = float(mismatch["resistance"])
        rows.append(
            ("Resistance", f"\u00d7 {factor:g} of its calibration", "table: SOC, temperature",
             _percent(factor - 1.0) + " of calibration")
        )  # fmt: skip
    if "ocv_V" in mismatch:
        offset = f"{1e3 * float(mismatch['ocv_V']):+.0f} mV of calibration".replace("-", "\u2212")
        rows.append(("Open-circuit voltage", "its calibration", "table: SOC", offset))
    own = "1" if "one RC pair" in str(bms.get("filter", "")) else "\u2013"
    rows.append(("RC pairs", own, escape(str(plant.get("rc_pairs", "\u2013"))), ""))
    start = bms.get("initial_soc")
    text = "from the first voltages" if start is None else f"{100 * float(start):.0f} %"
    offset = float(bms.get("initial_soc_offset") or 0.0)
    rows.append(("SOC at the start", text, "", f"{100 * offset:+.0f} points" if offset else ""))
    name = escape(str(bms.get("filter", "")))
    return f"<p>{name}. It never sees the plant\u2019s parameters.</p>" + table(
        ("", "Filter", "Plant", "Put off by"), rows, numeric=(3,)
    )


def _percent(part: float) -> str:
    return f"{100 * part:+.1f} %".replace("-", "\u2212")


def protection(facts: Facts) -> str:
    """Return the protection table that was in force, folded away; empty if the BMS has none."""
    rows = facts.bms.get("protection")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return ""

    def number(value: Any) -> str:
        return f"{value:g}" if isinstance(value, int | float) else escape(str(value))

    raised = {alarm.event.code for alarm in facts.alarms}
    lines = [
        (
            escape(str(row.get("code", "")).replace("_", " ")),
            badge(str(row.get("severity", "")).lower()),
            escape(str(row.get("quantity", ""))),
            *(number(row.get(key, "")) for key in ("threshold", "clear", "debounce_s", "delay_s")),
            "\u2714" if row.get("code") in raised else "",
        )
        for row in rows
    ]
    head = ("Rule", "Severity", "Quantity", "Threshold", "Clears", "Debounce [s]", "Delay [s]",
            "Raised")  # fmt: skip
    body = table(head, lines, numeric=(3, 4, 5, 6))
    return (
        f"<details><summary>{counted(len(lines), 'rule')} of protection</summary>{body}</details>"
    )


# ---- events and origin --------------------------------------------------------------------------


def events(facts: Facts) -> str:
    """Return the list of events: the first 50, and how many more there are."""
    found = facts.run.events
    if not found:
        return "<p>Nothing was reported.</p>"
    rows = [
        (
            clock(e.time_s), escape(e.source), badge(e.severity), escape(e.transition),
            escape(e.component), escape(e.sentence),
        )
        for e in found[:EVENTS_SHOWN]
    ]  # fmt: skip
    body = table(
        ("Time", "Source", "Severity", "", "Where", "What"), rows, numeric=(0,), look="events"
    )
    more = len(found) - len(rows)
    rest = f'<p class="note">{more:,} more are in the run file.</p>' if more > 0 else ""
    first = f"the first {len(rows)} of {len(found):,}" if more > 0 else f"all {len(found):,}"
    is_open = " open" if len(found) <= 20 else ""
    return f"<details{is_open}><summary>Events: {first}</summary>{body}{rest}</details>"


def origin(facts: Facts) -> str:
    """Return where the run comes from: scenario, digest, seed, versions."""
    run, at = facts.run, facts.run.attributes
    versions = at.get("versions", "")
    try:
        found = json.loads(versions) if isinstance(versions, str) else versions
        versions = ", ".join(f"{k} {v}" for k, v in dict(found).items())
    except (ValueError, TypeError):
        versions = str(versions)
    sizes = ", ".join(
        counted(a.size, n) for n, a in run.axes.items() if n in ("rack", "group", "cell")
    )
    rows = [
        (
            "Run file",
            f"{run.path.name}, {counted(run.rows, 'row')}, {counted(len(run.channels), 'channel')}",
        ),
        ("Pack", sizes),
        ("Ended", f"{run.ended} (exit code {at.get('exit_code', 'none')})"),
        ("Simulated from", at.get("start", "")),
        ("Scenario SHA-256", at.get("scenario_sha256", "")),
        ("Curve SHA-256", at.get("curve_sha256", "")),
        ("Seed", at.get("seed", "")),
        ("BMS, EMS", ", ".join(str(d["name"]) for d in (facts.bms, facts.ems) if "name" in d)),
        ("Parent run", f"{at['parent']} at {at.get('fork_s')} s" if "parent" in at else ""),
        ("Computed", at.get("created", "")),
        ("Versions", versions),
    ]
    lines = [(name, escape(str(value))) for name, value in rows if str(value)]
    text = escape(run.scenario_text)
    code = f"<details><summary>Scenario as it was run</summary><pre>{text}</pre></details>"
    return table(("", ""), lines, look="origin") + (code if text else "")


def followed_note(facts: Facts) -> str:
    """Return why the figures follow the group that they follow."""
    if facts.group is None or not has(facts.run, "truth/group_voltage_V"):
        return ""
    reasons = {
        "faulty": "the answer key\u2019s group",
        "blamed": "the group that the BMS blamed",
        "worst estimate": "the group whose SOC the BMS estimated worst",
    }
    return reasons.get(facts.group_why, "")
