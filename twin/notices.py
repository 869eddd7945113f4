"""What the plant did by itself, told as events."""

from __future__ import annotations

from packs.notice import Notice
from packs.topology import Topology
from twin.runfiles.layout import Event

REPEATING = ("power_infeasible", "pcs_overvoltage", "no_source")
"""Notices of the plant that may come with every step."""
NOTICE_PAUSE_TICKS = 10_000
"""They are told again only after they have been away for so long [ms]."""
TEXTS = {
    "table_range": "{where} is the first of {value:.0f} beyond the tables of soc or temperature; "
    "edge values hold",
    "power_infeasible": "the bus cannot give {value:.0f} W; the PCS tripped",
    "pcs_overvoltage": "the bus rose above {limit:.0f} V while charging; the PCS tripped",
    "no_source": "no rack is on the bus to give {value:.0f} W; the PCS tripped",
    "inrush": "{where} closed onto a bus {gap:.1f} V {side}: {size:.0f} A {way} it at first",
    "contactor_welded_minus": "the minus contactor of {where} welded at {size:.0f} A",
    "contactor_welded_precharge": "the precharge contactor of {where} welded at {size:.0f} A",
    "contactor_welded_plus": "the plus contactor of {where} welded at {size:.0f} A",
    "string_cut": "no cell of {names} is connected: its string carries no current",
    "fuse_blown": "the fuse of {where} blew at {value:.0f} A (rated {limit:.0f} A)",
    "cell_fuse_blown": "the fuse of {where} blew at {size:.1f} A (rated {limit:.3g} A){rest}",
    "cid_opened_overcharge": "the interrupt device (CID) of {where} opened at {value:.1%} charge "
    "(limit {limit:.1%}){rest}",
    "separator_collapsed": "the separator of {where} collapsed at {celsius:.0f} °C; it shorts "
    "itself and what is in parallel",
    "cell_runaway": "{where} runs away at {celsius:.0f} °C: it heats itself faster than 1 K/s, or "
    "is above {limit_celsius:.0f} °C with fuel left",
    "can_opened": "the can of {where} opened at {celsius:.0f} °C: gas and vapour leave it",
    "can_pierced": "the can of {where} is pierced: gas and vapour leave it from now on",
    "module_relief": "the relief vent of {where} opened; within this step the pressure reached "
    "{kilopascal:.0f} kPa",
    "beyond_reactions": "{where} reacts at {percent:.0f} % of its charge; its reactions "
    "were fitted or compared at {limit_percent:.0f} %: when it runs away, and how fast, is less "
    "sure",
    "housing_melts": "the housing of {where} passed {limit_celsius:.0f} °C, where it begins to "
    "melt; the model keeps it whole, so what it says from here on no longer holds",
    "housing_bursts": "the pressure in {where} reached {kilopascal:.0f} kPa, more than the "
    "{limit_kilopascal:.0f} kPa that its housing is taken to hold: it would have burst; the model "
    "keeps it whole, so what leaves it from here on is a lower bound",
    "gas_ignited": "the gas in {where} burns: {kilojoule:.0f} kJ so far",
    "cell_spent": "{where} is spent: its reactions released {value:.0f} J; it is open from now on",
    "cid_opened_temperature": "the interrupt device (CID) of {where} opened at {celsius:.1f} °C "
    "(limit {limit_celsius:.1f} °C){rest}",
}


GONE = {
    "table_range": "every cell is inside its tables again",
    "string_cut": "the string of {where} is whole again",
}
"""Texts of notices whose value 0 says that it is over."""
NAMED = 4
"""Components of a notice that are named; more are counted."""
CELSIUS_K = 273.15
GRAVE = (
    "fuse_blown", "string_cut", "separator_collapsed", "cell_runaway", "module_relief",
    "gas_ignited", "housing_melts", "housing_bursts",
)  # fmt: skip


def place_of(topology: Topology, notice: Notice) -> str:
    """Return the name of the component of a notice, for people."""
    return _name(topology, notice.scope, notice.component)


def _name(topology: Topology, scope: str, component: int) -> str:
    if scope == "rack":
        return f"rack {component + 1}"
    if scope == "module":
        return topology.module_name(component)
    if scope == "group":
        return topology.group_name(component)
    return topology.cell_name(component) if component >= 0 else "site"


def _names(topology: Topology, notice: Notice) -> str:
    """Return the names of all components of a notice, `NAMED` of them at most."""
    found = (notice.component, *notice.more)
    names = [_name(topology, notice.scope, component) for component in found[:NAMED]]
    if len(found) > NAMED:
        rest = len(found) - NAMED
        return f"{'; '.join(names)} and {rest} other{'' if rest == 1 else 's'}"
    return names[0] if len(names) == 1 else f"{'; '.join(names[:-1])} and {names[-1]}"


def event_of(topology: Topology, notice: Notice) -> Event:
    """Return a notice as an event, with places named for people.

    Parameters
    ----------
    topology : Topology
    notice : Notice
    """
    where = place_of(topology, notice)
    gone = notice.code in GONE and notice.value == 0.0
    text = GONE[notice.code] if gone else TEXTS[notice.code]
    return Event(
        time_s=notice.tick / 1000.0,
        source="plant",
        code=notice.code,
        severity="open" if notice.code in GRAVE or "welded" in notice.code else "warning",
        transition="went" if gone else "came",
        component=where,
        value=notice.value,
        limit=notice.limit,
        text=text.format(
            where=where,
            value=notice.value,
            limit=notice.limit,
            size=abs(notice.value),
            gap=abs(notice.limit),
            side="lower" if notice.limit > 0.0 else "higher",
            way="out of" if notice.value > 0.0 else "into",
            names=_names(topology, notice),
            percent=100.0 * notice.value,
            limit_percent=100.0 * notice.limit,
            kilopascal=1e-3 * notice.value,
            limit_kilopascal=1e-3 * notice.limit,
            kilojoule=1e-3 * notice.value,
            celsius=notice.value - CELSIUS_K,
            limit_celsius=notice.limit - CELSIUS_K,
            rest=_rest(topology.cells_per_group - 1),
        ),
    )


def _rest(others: int) -> str:
    """Say what a cell that opened leaves its group to."""
    if not others:
        return "; no cell is in parallel to it"
    carry = "its neighbour" if others == 1 else f"the {others} others of its group"
    return f"; it stays off, and its current is left to {carry}"
