"""Whether a close call is closer than what a model has to assume of cells and ejecta is known.

Each assumption is moved by itself over the values that are known for it, and what arrived at the
closest survivor is moved with it, in proportion: a hint where to look, not a second simulation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from cell_models.runaway_params import SEPARATOR_K
from twin.pages.wording import CELSIUS_K, celsius
from twin.runaway_fit import BODY_SHARE
from twin.whatif.heat_tree import FailedHeat
from twin.whatif.source import HEAT, Source
from twin.whatif.tree import Arrival, Doubt, Margin, Seed

PP_MELTS_K = 438.15
"""Polypropylene melts there. What a scenario takes, if it does not say, is `SEPARATOR_K`, assumed:
so a separator may well give way so much earlier. (A coated one of 25 Ah cells held up to 533 K, the
figure of the set nmc_prismatic, after Feng 2015; one of polyethylene alone melts from 408 K on.)"""
ENOUGH = 0.8
"""Of the heat that a survivor lacks, what must come: near its collapse it heats itself; assumed."""
LEAST_PART = 0.1
"""Of what the next cell needed, what is too little to be told of."""
ABSORBED = (0.3, 0.6)
"""Of what hits a cell, what stays there: of the energy of vented gas 40 to 70 % leaves the gap
between two cells (ASME HT2023-87165, as in `packs.absorption`)."""
BODY = (0.079, 0.48)
"""Of all their heat, what full cylindrical cells keep, at 28 % in the middle: the battery failure
databank, second version (doi:10.1038/s41467-024-52653-3), 314 cells, recomputed."""
SEPARATOR_KEY = "cell.runaway.separator_temperature"
ABSORBED_KEY, BODY_KEY = "module.ejecta.absorbed", "cell.runaway.body_share"


def doubts_of(
    source: Source, seed: Seed | None, margin: Margin | None, arrival: Arrival | None,
    failed: FailedHeat | None,
) -> tuple[Doubt, ...]:  # fmt: skip
    """Return the assumptions of which each alone may let the closest survivor run away too.

    None where the margin is wide, no cell is left, or the separator of the closest has collapsed
    already. What a scenario states of its cells is taken as known. Where it did spread only the
    separator is looked at: what arrived at the closest survivor is not told then.
    """
    if margin is None or margin.margin_K <= 0.0:
        return ()
    found = list(_separator(source, margin))
    if seed is not None and arrival is not None and arrival.is_survivor:
        rise_K = margin.peak_K - arrival.from_K
        if rise_K > 0.0 and arrival.arrived_J > 0.0:
            short_J = ENOUGH * arrival.arrived_J * margin.margin_K / rise_K
            found += _heat(source, arrival, short_J, _warms_by_itself(source, seed, failed))
    return tuple(found)


def rests_on(
    source: Source, seed: Seed | None, arrival: Arrival | None, failed: FailedHeat | None
) -> tuple[Doubt, ...]:
    """Return what the next cell that went would have lacked, had less of one thing come to it.

    None where that is less than a tenth of what it needed, or what is assumed of it is known.
    """
    if seed is None or arrival is None or arrival.is_survivor:
        return ()
    caught_J, contact_J = arrival.caught_J or 0.0, max(arrival.neighbours_J, 0.0)
    of_ejecta, taken = ABSORBED[0], _absorbed(source)
    of_body, is_known = BODY[0], source.runaway_section.get("body_share") is not None
    sources = []
    if taken > of_ejecta:
        were = f"were ejecta, of which {100 * taken:.3g} % are taken to stay where they hit"
        lacks_J = caught_J * (1.0 - of_ejecta / taken)
        sources.append((ABSORBED_KEY, of_ejecta, taken, caught_J, were, lacks_J, ", by contact"))
    if not is_known and _warms_by_itself(source, seed, failed):
        came = f"came by contact, from cells that are taken to keep {100 * BODY_SHARE:.0f} % of "
        lacks_J = contact_J * (1.0 - of_body / BODY_SHARE) - _more_ejecta(caught_J, of_body)
        sources.append((BODY_KEY, of_body, BODY_SHARE, contact_J, f"{came}their heat", lacks_J, ""))
    return tuple(
        Doubt(
            key=key, low=f"{least:g}", high=f"{assumed:g}",
            text=f"{J / 1e3:.3g} of the {arrival.needed_J / 1e3:.3g} kJ that the next cell needed "
            f"{how}. With {100 * least:.0f} % it lacks {lacks_J / 1e3:.3g} kJ, unless that comes "
            f"later{later}",
        )
        for key, least, assumed, J, how, lacks_J, later in sources
        if lacks_J >= LEAST_PART * arrival.needed_J
    )  # fmt: skip


def _more_ejecta(caught_J: float, share: float) -> float:
    """Return how much more is caught where cells keep another share of their heat [J]."""
    return caught_J * ((1.0 - share) / (1.0 - BODY_SHARE) - 1.0)


def _warms_by_itself(source: Source, seed: Seed, failed: FailedHeat | None) -> bool:
    """Say whether most heat in the body of the first cell comes from what it released itself.

    Not from what warmed it before: that does not follow the body share.
    """
    circuit = source.circuit
    if circuit is None or failed is None:
        return True
    T, first = source.cell(HEAT, seed.cells[0]), np.searchsorted(source.time_s, seed.first_s)
    before_J = circuit.heat_capacity_J_per_K * float(T[max(int(first) - 1, 0)] - T[0])
    return BODY_SHARE * failed.released_J / failed.n_cells >= before_J


def _absorbed(source: Source) -> float:
    """Return what share of ejecta a scenario takes to stay where they hit; 0 where it is known."""
    ejecta = None if source.module is None else source.module.ejecta
    return 0.0 if ejecta is None or ejecta.shares is not None else ejecta.absorbed


def _separator(source: Source, margin: Margin) -> Iterator[Doubt]:
    is_assumed = math.isclose(margin.limit_K, SEPARATOR_K, abs_tol=0.01)
    is_stated = source.runaway_section.get("separator_temperature") is not None
    if not is_assumed or is_stated or margin.peak_K < PP_MELTS_K:
        return
    low, high = PP_MELTS_K - CELSIUS_K, margin.limit_K - CELSIUS_K
    yield Doubt(
        key=SEPARATOR_KEY, low=f"{low:g} degC", high=f"{high:g} degC",
        text=f"separators that collapse at {celsius(PP_MELTS_K)} (polypropylene melts), not "
        f"{celsius(margin.limit_K)}",
    )  # fmt: skip


def _heat(
    source: Source, arrival: Arrival, short_J: float, warms_by_itself: bool
) -> Iterator[Doubt]:
    """Yield what may bring so much more heat to the survivor."""
    caught_J, contact_J = arrival.caught_J or 0.0, max(arrival.neighbours_J, 0.0)
    most, taken = ABSORBED[1], _absorbed(source)
    if 0.0 < taken < most and caught_J * (most / taken - 1.0) >= short_J:
        yield Doubt(
            key=ABSORBED_KEY, low=f"{taken:g}", high=f"{most:g}",
            text=f"{100 * most:.0f} % of ejecta that stay on a cell they hit, not "
            f"{100 * taken:.3g} %",
        )  # fmt: skip
    if source.runaway_section.get("body_share") is not None or not warms_by_itself:
        return
    for share in BODY:
        more_J = _more_ejecta(caught_J, share)
        if more_J + contact_J * (share / BODY_SHARE - 1.0) >= short_J:
            low, high = sorted((BODY_SHARE, share))
            yield Doubt(
                key=BODY_KEY, low=f"{low:g}", high=f"{high:g}",
                text=f"cells that keep {100 * share:.0f} % of their heat, not "
                f"{100 * BODY_SHARE:.0f} %",
            )  # fmt: skip
            return
