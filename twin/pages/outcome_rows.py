"""The numbers of an outcome as name and value, for a table on a page or on a screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twin.pages.wording import CELSIUS_K, celsius, clock, energy, kilojoules, scientific, span
from twin.runfiles.layout import counted
from twin.whatif.tree import Feed, Peak, WhatIf
from twin.whatif.words import paths_of

UNKNOWN = "\u2013"
LEAST_PART = 0.01
"""Of the heat that arrived, what is too little to be named."""


def outcome_rows(found: WhatIf) -> Iterator[tuple[str, str]]:
    """Yield what is known of an outcome, a line each; what is not is left out.

    Parameters
    ----------
    found : WhatIf
        With reacting cells.
    """
    for name, tell in ROWS:
        text = tell(found)
        if text:
            yield name, text


def began(found: WhatIf) -> str:
    """Return what was injected, and when."""
    if not found.faults or found.began_s is None:
        return ""
    return f"{'; '.join(found.faults)}, from {clock(found.began_s)}"


def warning(found: WhatIf) -> str:
    """Return how long before the first and the second runaway the first alarm came."""
    warned = found.warned
    if warned.flag_s is None or warned.before_first_s is None:
        return "none: no alarm named its place" if found.seed is not None else ""
    said = f"{_ahead(warned.before_first_s)} the first runaway"
    if warned.before_second_s is not None:
        said += f", {_ahead(warned.before_second_s)} the second"
    return said


def _ahead(seconds: float) -> str:
    return f"{span(abs(seconds))} {'before' if seconds >= 0.0 else 'after'}"


def lost(found: WhatIf) -> str:
    """Return how many cells are gone."""
    n = found.lost
    said = f"{n.ran_away} of {counted(n.n_cells, 'cell')} ran away, {n.spent} spent"
    said += f", {n.opened} cut off by fuse or interrupt device" if n.opened else ""
    if n.vented:
        said += f"; {n.vented} vented without running away, the first at {clock(n.vented_s)}"
    if n.collapsed:
        said += f"; the separators of {n.collapsed} collapsed without a runaway"
    return said


def front(found: WhatIf) -> str:
    """Return the speed of the front, or why there is none."""
    seen = found.front
    if seen.speed_m_per_s is None:
        return f"none: {seen.reason}"
    fit = "" if seen.r2 is None else f", R\u00b2 {seen.r2:.2f}"
    return f"{1e3 * seen.speed_m_per_s:#.3g} mm/s over {counted(seen.n_cells, 'cell')}{fit}"


def margin(found: WhatIf) -> str:
    """Return how far the closest survivor stayed from the collapse of its separator."""
    seen = found.margin
    if seen is None:
        return "no cell survived" if found.lost.ran_away == found.lost.n_cells else ""
    rising = ", still warming at the end" if seen.is_rising else ""
    rising += "; within what is assumed" if found.margin_is_within_assumptions else ""
    side = "below" if seen.margin_K >= 0.0 else "above"
    return (
        f"{abs(seen.margin_K):.1f} K {side} {celsius(seen.limit_K)} (separators collapse): "
        f"{seen.name} at {celsius(seen.peak_K)}, {clock(seen.peak_s)}{rising}"
    )


def sureness(found: WhatIf) -> str:
    """Return whether what is assumed may turn the outcome; empty where that is not known."""
    seen, arrival = found.margin, found.arrival
    if found.answer.caveat:
        return found.answer.caveat
    if seen is None:
        return "No cell is left." if found.lost.ran_away == found.lost.n_cells else ""
    if arrival is None or not arrival.is_survivor or seen.margin_K <= 0.0:
        return ""
    ejecta, screened = ", more ejecta caught", ""
    if arrival.caught_J == 0.0:
        ejecta = ""
        screened = " No ejecta hit it: what stands between is taken to stop them all, and to last."
    return (
        f"The margin of {seen.margin_K:.1f} K is wider than another separator{ejecta} or another "
        f"body share would move it, each alone and in proportion.{screened}"
    )


def feed(found: WhatIf) -> str:
    """Return which current cells in parallel fed into the first failed cell, and through what."""
    return feed_of(found.feeds[0]) if found.feeds else ""


def feed_of(seen: Feed) -> str:
    """Return the current that flowed into one failed cell: through what, from whom, how much."""
    said = f"no current into the terminals of {seen.name} in any recorded row"
    if seen.charge_As > 0.0:
        charge_Ah = seen.charge_As / 3600.0
        said = (
            f"current into {seen.name} through its terminals, out of the cells in parallel with "
            f"it, and of the rack while that charges: peak {seen.peak_A:,.0f} A, charge "
            f"{charge_Ah:.2g} Ah, energy {kilojoules(seen.energy_J)}, from recorded rows"
        )
    return said + ("" if seen.opened_s is None else f"; cut off at {clock(seen.opened_s)}")


def released(found: WhatIf) -> str:
    """Return what made heat in the whole run."""
    heat = found.heat
    if heat is None:
        return ""
    said = (
        f"{kilojoules(heat.came_J)}: {kilojoules(heat.reaction_J)} by reactions, "
        f"{kilojoules(heat.short_J)} in shorts inside cells, "
        f"{kilojoules(heat.current_J - heat.short_J)} by other currents in cells and wires"
    )
    return said + (f", {kilojoules(heat.heater_J)} by heaters" if heat.heater_J > 0.0 else "")


def left(found: WhatIf) -> str:
    """Return what left cells with matter and gas in the whole run, and what came back."""
    heat = found.heat
    if heat is None or heat.ejected_J + heat.vented_J <= 0.0:
        return ""
    back = []
    if heat.caught_J is not None and heat.caught_J > 0.0:
        back.append(f"{kilojoules(heat.caught_J)} was caught by other cells")
    if heat.walls_J > 0.0:
        back.append(f"{kilojoules(heat.walls_J)} came back to housings")
    said = f"{kilojoules(heat.ejected_J + heat.vented_J)} with matter and gas"
    return said + (f"; {' and '.join(back)}" if back else "")


def failed(found: WhatIf) -> str:
    """Return what the cells that ran away released and ejected."""
    heat = found.failed_heat
    if heat is None or heat.released_J <= 0.0:
        return ""
    share = heat.ejected_J / heat.released_J
    return (
        f"{kilojoules(heat.released_J)} in {counted(heat.n_cells, 'cell')} from the collapse of "
        f"the separator on: {kilojoules(heat.reaction_J)} by reactions, "
        f"{kilojoules(heat.current_J)} by currents and shorts in them; "
        f"{kilojoules(heat.ejected_J)} ({100.0 * share:.0f} %) ejected; from recorded rows"
    )


def body(found: WhatIf) -> str:
    """Return what the body share is, and where it comes from."""
    if found.body_share is None or found.heat is None:
        return ""
    return (
        f"{100.0 * found.body_share:.3g} % of its own heat, of reactions and its charge, a cell "
        "keeps that runs away (cell.runaway.body_share); ejecta carry off the rest, and what the "
        "body held before goes with them. Full cylindrical cells kept 28 % (median; 8 to 48 %, "
        "Battery Failure Databank)"
    )


def warmed(found: WhatIf) -> str:
    """Return what warmed the first cell that followed, or the closest survivor."""
    arrival = found.arrival
    if arrival is None:
        return ""
    least_J = LEAST_PART * abs(arrival.arrived_J)
    parts = [f"{kilojoules(J)} {name}" for name, J in paths_of(arrival) if abs(J) >= least_J]
    return f"{kilojoules(arrival.arrived_J)} into {arrival.name}: {'; '.join(parts)}"


def _peak(pick: Callable[[WhatIf], Peak | None], tell: Callable[[float], str]):
    def text(found: WhatIf) -> str:
        seen = pick(found)
        if seen is None:
            return ""
        return f"{tell(seen.value)} at {clock(seen.time_s)}, {seen.where}"

    return text


def pressure(found: WhatIf) -> str:
    """Return the highest pressure within steps, and that of the rows."""
    within, ends = found.peaks.surge, found.peaks.pressure
    if within is None or ends is None:
        return _peak(lambda _: within or ends, _pascal)(found)
    bound = "" if found.gas is None or not found.gas.burns else ", an upper bound where gas burns"
    return (
        f"{_pascal(within.value)} at {clock(within.time_s)}, {within.where} (within a step{bound}; "
        f"at the ends of steps up to {_pascal(ends.value)})"
    )


def gas(found: WhatIf) -> str:
    """Return how much gas cells vented, the most of it first."""
    seen = found.gas
    if seen is None:
        return ""
    order = sorted(zip(seen.species, seen.vented_L, strict=True), key=lambda item: -item[1])
    parts = ", ".join(f"{name} {litres:.3g}" for name, litres in order[:4] if litres > 0.0)
    total = f"{sum(seen.vented_L):,.4g} L at 25 \u00b0C and 1 atm"
    return total + (f" ({parts})" if parts else "")


def combustion(found: WhatIf) -> str:
    """Return whether vented gas may burn, and what it gave; empty where the file does not say."""
    seen = found.gas
    if seen is None or seen.burns is None:
        return ""
    if not seen.burns or seen.ignition_K is None:
        return "off, gas leaves unburnt (module.enclosure.combustion is not set)"
    gave = "" if seen.burnt_J is None else f"; it gave {kilojoules(seen.burnt_J)}"
    return (
        f"on, gas burns above {seen.ignition_K - CELSIUS_K:.4g} \u00b0C or at glowing ejecta, "
        f"limited by the oxygen in the module{gave}"
    )


def relief(found: WhatIf) -> str:
    """Return when the first relief opened."""
    return "" if found.peaks.first_relief_s is None else f"at {clock(found.peaks.first_relief_s)}"


def limits(found: WhatIf) -> str:
    """Return where the run left what the model holds for."""
    return " ".join(found.limits)


def residual(found: WhatIf) -> str:
    """Return what the energy audit leaves over."""
    if found.energy_residual_J is None:
        return ""
    said = energy(found.energy_residual_J)
    if found.energy_residual is not None:
        said += f", {scientific(found.energy_residual)} of the throughput"
    if found.charge_residual_As is not None:
        said += f"; charge {scientific(found.charge_residual_As)} A\u00b7s"
    return said


def _pascal(value: float) -> str:
    return f"{value / 1e3:,.1f} kPa"


ROWS: tuple[tuple[str, Callable[[WhatIf], str]], ...] = (
    ("limits of validity", limits),
    ("began with", began),
    ("warning time", warning),
    ("cells lost", lost),
    ("front", front),
    ("closest survivor", margin),
    ("fed by cells in parallel", feed),
    ("heat that arrived", warmed),
    ("heat, whole run, all cells", released),
    ("heat that left cells", left),
    ("heat of cells that ran away", failed),
    ("body share", body),
    ("hottest cell", _peak(lambda f: f.peaks.cell, celsius)),
    ("hottest housing", _peak(lambda f: f.peaks.housing, celsius)),
    ("hottest gas", _peak(lambda f: f.peaks.gas, celsius)),
    ("gas vented", gas),
    ("combustion", combustion),
    ("highest pressure", pressure),
    ("first relief", relief),
    (
        "flammability",
        _peak(lambda f: f.peaks.lfl_percent, lambda v: f"{v:,.0f} % of the lower limit (LFL)"),
    ),
    ("energy residual", residual),
)
"""Names and what tells them, in the order of a table."""
