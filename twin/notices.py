"""What the plant did by itself, told as events."""

from __future__ import annotations

from packs.plant import Notice
from packs.topology import Topology
from twin.runfiles.layout import Event

REPEATING = ("power_infeasible", "pcs_overvoltage")
"""Notices of the plant that may come with every step."""
NOTICE_PAUSE_TICKS = 60_000
"""They are told again only after they have been away for so long [ms]."""
TEXTS = {
    "table_range": "{value:.0f} cells are beyond their tables in soc or temperature, the first is "
    "{where}; edge values hold",
    "power_infeasible": "the bus cannot give {value:.0f} W; the PCS tripped",
    "pcs_overvoltage": "the bus rose above {limit:.0f} V while charging; the PCS tripped",
    "fuse_blown": "the fuse of {where} blew at {value:.0f} A (rated {limit:.0f} A)",
}


def event_of(topology: Topology, tick: int, notice: Notice) -> Event:
    """Return a notice as an event, with places named for people.

    Parameters
    ----------
    topology : Topology
    tick : int
        [ms].
    notice : Notice
    """
    where = "site"
    if notice.scope == "rack":
        where = f"rack {notice.component + 1}"
    elif notice.component >= 0:
        where = topology.cell_name(notice.component)
    gone = notice.code == "table_range" and notice.value == 0.0
    text = "every cell is inside its tables again" if gone else TEXTS[notice.code]
    return Event(
        time_s=tick / 1000.0,
        source="plant",
        code=notice.code,
        severity="open" if notice.code == "fuse_blown" else "warning",
        transition="went" if gone else "came",
        component=where,
        value=notice.value,
        limit=notice.limit,
        text=text.format(where=where, value=notice.value, limit=notice.limit),
    )
