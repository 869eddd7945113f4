"""Where heat came from and went; what warmed a neighbour; what flowed into failed cells."""

from __future__ import annotations

import numpy as np

from twin.whatif.heat_tree import Arrival, FailedHeat, Feed, HardestFeeder, HeatSplit, Held
from twin.whatif.source import COLLAPSED, HEAT, RAN, Source
from twin.whatif.tree import CellOutcome, Margin, Seed

CURRENT, VOLTAGE = "truth/cell_current_A", "truth/cell_voltage_V"
SHORT, WATTS = "truth/cell_short_S", "truth/cell_heat_W"
REACTED, EJECTED = "truth/cell_reaction_J", "truth/cell_ejected_J"
ROUNDING = 1e-5
"""Of single precision, in which currents and voltages are recorded."""
HIGH_RATE = 5.0
"""C-rate above which the circuit is told to be outside of what it was fitted to. At 5 C, 90 % of
charge and 25 degC the drop of the shipped one is 40 % larger than that of the electrochemical model
behind it at first, less than it from 10 s on."""
NEEDED = ("heat_J", "reaction_J", "ejected_J", "stored_thermal_J", "coolant_J", "air_J")


def split_of(source: Source) -> HeatSplit | None:
    """Return the heat of the whole run from its ledger; None where that lacks a term."""
    ledger = source.run.ledger
    if any(name not in ledger for name in NEEDED):
        return None
    in_wires = sum(ledger.get(f"{name}_J", 0.0) for name in ("joint", "busbar", "rail"))
    short_J = ledger.get("short_J", 0.0)
    current_J = ledger["heat_J"] + short_J + in_wires
    reaction_J, ejected_J = ledger["reaction_J"], ledger["ejected_J"]
    vented_J, caught_J = ledger.get("vented_J", 0.0), None
    if source.has("truth/cell_caught_J"):
        caught_J = ledger.get("caught_J", float(source.last("truth/cell_caught_J").sum()))
    return HeatSplit(
        reaction_J=reaction_J,
        current_J=current_J,
        heater_J=ledger.get("heater_J", 0.0),
        short_J=short_J,
        ejected_J=ejected_J,
        vented_J=vented_J,
        caught_J=caught_J,
        walls_J=ledger.get("walls_J", 0.0),
        stored_J=ledger["stored_thermal_J"],
        coolant_J=ledger["coolant_J"],
        air_J=ledger["air_J"],
        gas_terms_J={k: v for k, v in ledger.items() if k.startswith("gas_") and k.endswith("_J")},
    )


def failed_of(source: Source, cells: tuple[CellOutcome, ...]) -> FailedHeat | None:
    """Return the heat of the cells that ran away, from the collapse of their separators on.

    None if no cell ran away, or the file lacks what is needed.
    """
    ran = np.array([cell.cell for cell in cells if cell.order is not None], dtype=np.int64)
    if not ran.size or not source.has(WATTS, VOLTAGE, SHORT, REACTED, EJECTED):
        return None
    watts = _columns(source, WATTS, ran)
    watts += _columns(source, VOLTAGE, ran) ** 2 * _columns(source, SHORT, ran)
    watts *= np.diff(source.time_s, prepend=source.time_s[0])[:, None]
    since = source.phase[:, ran] & (COLLAPSED | RAN) > 0
    reacted, ejected = _columns(source, REACTED, ran), _columns(source, EJECTED, ran)
    return FailedHeat(
        n_cells=len(ran),
        reaction_J=float((reacted[-1] - reacted[0]).sum()),
        current_J=float(watts[since].sum()),
        ejected_J=float((ejected[-1] - ejected[0]).sum()),
    )


def arrival_of(
    source: Source, cells: tuple[CellOutcome, ...], seed: Seed | None, margin: Margin | None
) -> Arrival | None:
    """Return what warmed the first cell that followed, or else the closest survivor.

    None if no cell ran away, the file lacks what is needed, or nothing of it is in the file.
    """
    circuit, limit_K = source.circuit, source.separator_K
    if seed is None or circuit is None or limit_K is None or not source.has(REACTED):
        return None
    after = [c for c in cells if c.order is not None and c.cell not in seed.cells]
    if not after and margin is None:
        return None
    C = circuit.heat_capacity_J_per_K
    target = min(after, key=lambda c: c.order or 0) if after else None
    cell = target.cell if target is not None else margin.cell if margin is not None else 0
    time_s, T = source.time_s, source.cell(HEAT, cell)
    first = int(np.searchsorted(time_s, seed.first_s))
    if target is None:
        last = int(np.argmax(T))
    else:
        collapsed = np.flatnonzero(source.phase[:, cell] & COLLAPSED)
        last = int(collapsed[0]) - 1 if len(collapsed) else len(T) - 1
    if last <= first:
        return None
    rows = slice(first, last + 1)
    current_J = reaction_J = 0.0
    if source.has(WATTS):
        heat_W = source.cell(WATTS, cell)[rows]
        current_J = float(np.trapezoid(heat_W, time_s[rows]))
    released = source.cell(REACTED, cell)
    reaction_J = float(released[last] - released[first])
    caught_J = None
    if source.has("truth/cell_caught_J"):
        caught = source.cell("truth/cell_caught_J", cell)
        caught_J = float(caught[last] - caught[first])
    arrived_J = C * float(T[last] - T[first])
    return Arrival(
        cell=cell, name=source.name(cell), is_survivor=target is None,
        from_s=float(time_s[first]), until_s=float(time_s[last]), from_K=float(T[first]),
        needed_J=C * (limit_K - float(T[first])), arrived_J=arrived_J, current_J=current_J,
        reaction_J=reaction_J, caught_J=caught_J,
        neighbours_J=arrived_J - current_J - reaction_J - (caught_J or 0.0),
    )  # fmt: skip


def held_of(
    source: Source, cells: tuple[CellOutcome, ...], seed: Seed | None, margin: Margin | None
) -> Held | None:
    """Return what came into the hottest cell and left it again, where none ran away.

    None where one did, the file lacks what is needed, or that cell only cooled.
    """
    circuit = source.circuit
    if seed is not None or margin is None or circuit is None:
        return None
    if not source.has(WATTS, VOLTAGE, SHORT, REACTED):
        return None
    time_s, T = source.time_s, source.cell(HEAT, margin.cell)
    last = int(np.argmax(T))
    if last == 0:
        return None
    rows, cell = slice(0, last + 1), margin.cell
    short_W = source.cell(VOLTAGE, cell)[rows] ** 2 * source.cell(SHORT, cell)[rows]
    released, vented_s = source.cell(REACTED, cell), cells[cell].vented_s
    return Held(
        cell=cell, name=source.name(cell), from_s=float(time_s[0]), until_s=float(time_s[last]),
        short_J=float(np.trapezoid(short_W, time_s[rows])),
        current_J=float(np.trapezoid(source.cell(WATTS, cell)[rows], time_s[rows])),
        reaction_J=float(released[last] - released[0]),
        stored_J=circuit.heat_capacity_J_per_K * float(T[last] - T[0]),
        from_K=float(T[0]), peak_K=float(T[last]), limit_K=margin.limit_K, touches=source.touches,
        has_vented=vented_s is not None and vented_s <= time_s[last],
    )  # fmt: skip


def feeds_of(source: Source, cells: tuple[CellOutcome, ...]) -> tuple[Feed, ...]:
    """Return what flowed into every cell whose separator collapsed, in order of the collapse.

    Its short takes v / R, which the cell gives in part; the rest comes through its terminals, what
    a short before the collapse took included. Empty where no cell has another in parallel.
    """
    if not source.has(CURRENT, VOLTAGE, SHORT) or source.group_of_cell is None:
        return ()
    if int(np.bincount(source.group_of_cell).max()) < 2:
        return ()
    failed = np.flatnonzero((source.phase & COLLAPSED > 0).any(axis=0))
    if not failed.size:
        return ()
    inflow_A, voltage_V = inflow(source, failed), _columns(source, VOLTAGE, failed)
    width_s = np.diff(source.time_s, prepend=source.time_s[0])
    found = []
    for k, cell in enumerate(failed.tolist()):
        in_A, began_s = np.maximum(inflow_A[:, k], 0.0), cells[cell].collapsed_s
        found.append(
            Feed(
                cell=cell, name=cells[cell].name,
                from_s=float(source.time_s[0]) if began_s is None else began_s,
                peak_A=float(in_A.max(initial=0.0)), charge_As=float(in_A @ width_s),
                energy_J=float((in_A * voltage_V[:, k]) @ width_s),
                opened_s=cells[cell].opened_s,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda feed: feed.from_s))


def hardest_feeder(source: Source) -> HardestFeeder | None:
    """Return the whole cell that fed a short of others in parallel at the highest C-rate.

    None where none did at more than `HIGH_RATE`, or the file lacks what is needed. A cell whose
    separator has collapsed, or that is short itself, is not whole.
    """
    capacity_Ah, group = source.capacity_Ah, source.group_of_cell
    if not source.has(CURRENT, SHORT) or group is None or not capacity_Ah:
        return None
    limit_A = peak_A = HIGH_RATE * capacity_Ah
    at, cell = -1, -1
    for start, current_A in source.run.blocks(CURRENT):
        rows = np.flatnonzero((current_A > peak_A).any(axis=1))
        if not rows.size:
            continue
        is_short = source.run.channel(SHORT, start, start + len(current_A))[rows] > 0.0
        is_whole = ~is_short & (source.phase[start + rows] & COLLAPSED == 0)
        is_fed = np.zeros((len(rows), int(group.max()) + 1), dtype=bool)
        row, short = np.nonzero(is_short)
        is_fed[row, group[short]] = True
        fed_A = np.where(is_whole & is_fed[:, group], np.nan_to_num(current_A[rows]), 0.0)
        k, hardest = np.unravel_index(np.argmax(fed_A), fed_A.shape)
        if fed_A[k, hardest] > peak_A:
            peak_A, at, cell = float(fed_A[k, hardest]), start + int(rows[k]), int(hardest)
    if cell < 0:
        return None
    low = np.flatnonzero(~(source.cell(CURRENT, cell) > limit_A))
    before, after = low[low < at].max(initial=0), low[low > at].min(initial=len(source.time_s))
    return HardestFeeder(
        cell=cell, name=source.name(cell), peak_A=peak_A, peak_C=peak_A / capacity_Ah,
        time_s=float(source.time_s[at]),
        lasted_s=float(source.time_s[after - 1] - source.time_s[before]),
    )  # fmt: skip


def inflow(source: Source, cells: np.ndarray) -> np.ndarray:
    """Return the current into some cells through their terminals once they are short [A].

    Parameters
    ----------
    source : Source
        With currents, voltages and shorts.
    cells : int (n,)

    Returns
    -------
    float64 (rows, n)
        0 while nothing is short; negative while a cell feeds others.
    """
    short_S = _columns(source, SHORT, cells)
    taken_A = _columns(source, VOLTAGE, cells) * short_S
    into_A = np.where(short_S > 0.0, taken_A - _columns(source, CURRENT, cells), 0.0)
    return np.where(np.abs(into_A) > ROUNDING * np.abs(taken_A), into_A, 0.0)


def _columns(source: Source, path: str, cells: np.ndarray) -> np.ndarray:
    """Return some cells of a channel, float64 (rows, len(cells)), no-numbers as 0."""
    parts = [values[:, cells].astype(np.float64) for _, values in source.run.blocks(path)]
    return np.nan_to_num(np.concatenate(parts))
