"""The protection table at work: debounce, delay, latch, alarms, and what they demand of each rack.

Every rule is one up/down counter per component, as in foxBMS 2 v1.11 (`diag.c`): it counts up while
the value is beyond the threshold and back while it is not. After the debounce the alarm comes;
after the delay its reaction does. It goes when the value is within `clear` and the counter is
back at zero. A NaN neither raises nor clears. A LATCHED alarm that has reacted waits for the host's
reset.
"""

from __future__ import annotations

import math

import numpy as np

from cell_models.jit import kernel
from controllers.limits import GROUP, QUANTITIES, RACK, SENSOR, SITE, Row
from controllers.ports import Alarm, AlarmScope, FieldSpec, Floats, Ints, PackMap, Severity

# Columns of the integer half of the compiled table.
START, COUNT, ABOVE, UP, HOLD, LATCHES, GATE, FIRST, SEVERITY, TAKES = range(10)


@kernel
def scan(value, above, threshold):
    """Tell whether any entry is beyond the threshold (NaN is not)."""
    hit = False
    if above:
        for k in range(len(value)):
            hit |= value[k] > threshold
    else:
        for k in range(len(value)):
            hit |= value[k] < threshold
    return hit


@kernel
def count_on(is_beyond, is_within, state, count, n_up, n_hold, latches, reset):
    """Return the new state and count of one counter.

    State 0 is quiet, 1 alarmed, 2 reacting. The alarm comes at count ``n_up + 1``: when the
    condition has held for n_up periods; the reaction n_hold periods later.
    """
    if state == 2 and latches:
        if reset and not is_beyond:
            return 0, 0
        return 2, count
    if is_beyond or (state == 1 and not is_within):
        count = min(count + 1, n_up + 1 + n_hold)
    elif state == 0:
        count = max(count - 1, 0)
    elif is_within:
        count = min(count, n_up + 1) - 1
    if state == 0 and count > n_up:
        state = 1
    if state == 1 and count > n_up + n_hold:
        state = 2
    if state > 0 and count <= 0:
        state = 0
    return state, count


@kernel
def evaluate(quantity, rows, bounds, memory, busy, component_rack, direction, reset, transitions):
    """Run every row over its components; return the number of transitions.

    Written: `memory` (2, K) counters and states, `busy` (n_rows,), `transitions` (n, 3): row,
    component, comes (1) or goes (0). A row where nothing is beyond and nothing is counting costs
    one scan.
    """
    n_found = 0
    for row in range(rows.shape[0]):
        start, n, above = rows[row, START], rows[row, COUNT], rows[row, ABOVE] == 1
        threshold, clear = bounds[row, 0], bounds[row, 1]
        value = quantity[start : start + n]
        if busy[row] == 0 and not scan(value, above, threshold):
            continue
        first, gate, latches = rows[row, FIRST], rows[row, GATE], rows[row, LATCHES] == 1
        n_busy = 0
        for k in range(n):
            v = value[k]
            if above:
                is_beyond, is_within = v > threshold, v <= clear
            else:
                is_beyond, is_within = v < threshold, v >= clear
            r = component_rack[first + k]
            if gate != 0 and direction[r] != gate:
                is_beyond, is_within = False, True
            count, state = memory[0, first + k], memory[1, first + k]
            new, count = count_on(
                is_beyond, is_within, state, count, rows[row, UP], rows[row, HOLD], latches, reset
            )
            if (new > 0) != (state > 0):
                transitions[n_found, 0] = row
                transitions[n_found, 1] = k
                transitions[n_found, 2] = 1 if new > 0 else 0
                n_found += 1
            memory[0, first + k], memory[1, first + k] = count, new
            if count > 0 or new > 0:
                n_busy += 1
        busy[row] = n_busy
    return n_found


@kernel
def summarise(rows, memory, busy, component_rack, derate, verdict):
    """Gather what the reacting alarms demand of each rack.

    `verdict` (3, R) is written: worst severity, factor on the charge and on the discharge limit.
    `derate` is the factor on both while an undirected DERATE alarm reacts.
    """
    verdict[0, :] = 0.0
    verdict[1, :] = 1.0
    verdict[2, :] = 1.0
    for row in range(rows.shape[0]):
        if busy[row] == 0:
            continue
        severity, takes, first = rows[row, SEVERITY], rows[row, TAKES], rows[row, FIRST]
        for k in range(first, first + rows[row, COUNT]):
            if memory[1, k] != 2:
                continue
            low, high = component_rack[k], component_rack[k] + 1
            if low < 0:
                low, high = 0, verdict.shape[1]
            for r in range(low, high):
                verdict[0, r] = max(verdict[0, r], severity)
                if severity == 2:
                    charge = derate if takes == 0 else (0.0 if takes == 1 else 1.0)
                    discharge = derate if takes == 0 else (0.0 if takes == 2 else 1.0)
                    verdict[1, r] = min(verdict[1, r], charge)
                    verdict[2, r] = min(verdict[2, r], discharge)


@kernel
def evaluate_and_summarise(
    quantity, rows, bounds, memory, busy, component_rack, direction, reset, transitions, derate,
    verdict,
):  # fmt: skip
    """Run the two kernels above in one call."""
    n_found = evaluate(
        quantity, rows, bounds, memory, busy, component_rack, direction, reset, transitions
    )
    summarise(rows, memory, busy, component_rack, derate, verdict)
    return n_found


# How a quantity is shown: factor, offset, format.
_SHOWN: dict[str, tuple[float, float, str]] = {
    "voltage_V": (1.0, 0.0, "{:.3f} V"),
    "below_median_V": (1e3, 0.0, "{:.0f} mV"),
    "above_median_V": (1e3, 0.0, "{:.0f} mV"),
    "voltage_spread_V": (1e3, 0.0, "{:.0f} mV"),
    "temperature_K": (1.0, -273.15, "{:.1f} degC"),
    "temperature_spread_K": (1.0, 0.0, "{:.1f} K"),
    "heating_K_per_s": (1.0, 0.0, "{:.2f} K/s"),
    "unexplained_K_per_s": (1.0, 0.0, "{:.2f} K/s"),
    "runaway_K_per_s": (1.0, 0.0, "{:.2f} K/s"),
    "insulation_ohm": (1e-3, 0.0, "{:.0f} kohm"),
    "gas_ppm": (1.0, 0.0, "{:.0f} ppm"),
    "supply_V": (1.0, 0.0, "{:.1f} V"),
}
_PERCENT = (100.0, 0.0, "{:.1f} %")


def _shown(quantity: str, value: float) -> str:
    default = (1.0, 0.0, "{:.1f} s") if quantity.endswith("_s") else _PERCENT
    factor, offset, text = _SHOWN.get(quantity, default)
    if not math.isfinite(value):
        return "an unknown value"
    return text.format(factor * value + offset)


class Protection:
    """The table compiled for one pack; counters and states are in the view.

    Parameters
    ----------
    pack : PackMap
    rows : tuple of Row
    step_s : float
        Period of the BMS [s].
    quantity : dict of str to float64 array
        From `limits.allocate_quantities`.
    """

    def __init__(
        self,
        pack: PackMap,
        rows: tuple[Row, ...],
        step_s: float,
        quantity: dict[str, Floats],
    ) -> None:
        self._pack, self.rows, self._quantity = pack, rows, quantity
        self.table, self.bounds, self.component_rack = _compile(pack, rows, step_s, quantity)
        self.fields = (
            FieldSpec(name="alarm_memory", shape=(2, len(self.component_rack)), integer=True),
            FieldSpec(name="alarm_busy", shape=(len(rows),), integer=True),
        )
        self.transitions = np.zeros((len(self.component_rack), 3), dtype=np.int64)
        self.verdict = np.zeros((3, pack.n_racks))

    def alarms(self, n_found: int) -> list[Alarm]:
        """Return the first transitions of the last evaluation as alarms."""
        return [self._alarm(*change) for change in self.transitions[:n_found].tolist()]

    def _alarm(self, row_index: int, component: int, comes: int) -> Alarm:
        row = self.rows[row_index]
        scope = QUANTITIES[row.quantity]
        value = float(self._quantity[row.quantity][component])
        said = row.text.format(
            value=_shown(row.quantity, value), limit=_shown(row.quantity, row.threshold)
        )
        name = self._pack.component_name(scope, component)
        text = said if scope == SITE else f"{name} {said}"
        if not comes:
            text = f"{name}: {row.code.replace('_', ' ')} is over"
        return Alarm(
            code=row.code,
            severity=row.severity,
            scope=scope,
            component=component if scope != SITE else -1,
            active=bool(comes),
            value=value,
            limit=row.threshold,
            text=text,
        )


def _compile(
    pack: PackMap, rows: tuple[Row, ...], step_s: float, quantity: dict[str, Floats]
) -> tuple[Ints, Floats, Ints]:
    """Turn the rows into arrays: integers, thresholds, and the rack of every counter."""
    racks: dict[AlarmScope, Ints] = {
        GROUP: pack.group_rack,
        SENSOR: pack.temperature_rack,
        RACK: np.arange(pack.n_racks, dtype=np.int64),
        SITE: np.array([-1], dtype=np.int64),
    }
    starts, at = {}, 0
    for name, values in quantity.items():
        starts[name] = at
        at += len(values)
    table = np.zeros((len(rows), 10), dtype=np.int64)
    bounds = np.zeros((len(rows), 2))
    component_rack: list[Ints] = []
    first = 0
    for n, row in enumerate(rows):
        rack = racks[QUANTITIES[row.quantity]]
        component_rack.append(rack)
        table[n] = (
            starts[row.quantity],
            len(rack),
            row.above,
            math.ceil(row.debounce_s / step_s - 1e-9),
            math.ceil(row.delay_s / step_s - 1e-9),
            row.severity == Severity.LATCHED,
            {"always": 0, "charging": -1, "discharging": 1}[row.gate],
            first,
            row.severity,
            {"both": 0, "charge": 1, "discharge": 2}[row.direction],
        )
        bounds[n] = row.threshold, row.clear
        first += len(rack)
    return table, bounds, np.concatenate(component_rack).astype(np.int64)
