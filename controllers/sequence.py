"""The contactor sequence of every rack, after foxBMS 2 v1.11 (`bms.c`).

    INITIALIZATION  until every group and the current have been seen
    STANDBY         open; waits for the host, its turn, and the lock-out after a failed try
    PRECHARGE       minus closes; precharge closes; when bus and rack agree and the current has died
                    down, plus closes; precharge opens
    NORMAL, CHARGE  closed
    OPENING         asks for 0 A (its limits are zero) and opens when the current can be broken
    ERROR           open after STOP or OPEN; left when the cause is gone and the host resets or asks
                    for STANDBY
    LATCHED         open; left by the host's reset alone

One rack after the other: the first is that with the highest voltage (lowest, to charge); another
joins when its voltage is close to the bus and the connected racks are nearly idle. Until all that
can join have joined, the site's limits stay zero, or the first load would keep the others out.
"""

from __future__ import annotations

import math

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from cell_models.jit import kernel
from controllers.conditioning import CURRENT, RACK_VOLTAGE, V_LOST, V_SUM
from controllers.ports import FieldSpec, PackMap

# `ports.BmsState` as plain integers for the kernels (a test holds them together).
INITIALIZATION, STANDBY, PRECHARGE, NORMAL = 0, 2, 3, 4
CHARGE, OPENING, ERROR, LATCHED = 5, 6, 7, 8
# Phases of PRECHARGE.
CLOSE_MINUS, FILL_BUS, CLOSE_PLUS, SETTLE = 0, 1, 2, 3
# Rows of the remembered integers (N_INTEGERS, R) and times (N_TIMES, R).
STATE, PHASE, TRIES, MINUS, PRE, PLUS, STARTED = range(7)
N_INTEGERS = 7
IN_PHASE, LOCKED, OPEN_FOR, UNCHANGED = range(4)
N_TIMES = 4
# Entries of the constants.
READY_V, READY_PART, READY_A, TIMEOUT, MAX_TRIES, RETRY = range(6)
JOIN_V, JOIN_PART, JOIN_A, BREAK_A, OPEN_TIMEOUT, SETTLE_S, COIL_S = range(6, 13)
N_CONSTANTS = 13


class SequenceOptions(BaseModel):
    """Times and thresholds of the sequence.

    Attributes
    ----------
    precharge_V, precharge_part : float
        Rack and bus agree within the larger of these: [V] (fx: 1 V), and part of the rack's voltage
        (assumed).
    precharge_current_A : float, optional
        And the current is below this [A]. None: the larger of 0.2 A and 2 % of the rating.
    precharge_timeout_s : float
        Assumed (fx: 2 s).
    precharge_tries : int
        fx: 3.
    retry_s : float
        Wait after a failed try [s] (fx: 3 s).
    join_V, join_part : float
        A further rack joins within the larger of these (fx: 3 V; part assumed).
    join_current_part : float
        And below this part of the rating in the connected racks (assumed; fx: 20 A).
    break_current_A : float, optional
        Contactors open below this [A]. None: the larger of 3.5 A (fx) and 5 % of the rating.
    open_timeout_s : float
        They open anyway after this [s] (fx: 3 s).
    settle_s : float
        From plus closed to precharge open [s] (fx: 0.5 s).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    precharge_V: float = Field(default=1.0, gt=0.0)
    precharge_part: float = Field(default=0.02, ge=0.0, le=0.3)
    precharge_current_A: float | None = Field(default=None, gt=0.0)
    precharge_timeout_s: float = Field(default=10.0, gt=0.0)
    precharge_tries: int = Field(default=3, ge=1)
    retry_s: float = Field(default=3.0, ge=0.0)
    join_V: float = Field(default=3.0, gt=0.0)
    join_part: float = Field(default=0.01, ge=0.0, le=0.2)
    join_current_part: float = Field(default=0.2, gt=0.0)
    break_current_A: float | None = Field(default=None, gt=0.0)
    open_timeout_s: float = Field(default=3.0, ge=0.0)
    settle_s: float = Field(default=0.5, ge=0.0)


@kernel
def command(m, times, r, minus, pre, plus):
    """Command the three contactors of rack `r`; note when that is a change."""
    if m[MINUS, r] != minus or m[PRE, r] != pre or m[PLUS, r] != plus:
        times[UNCHANGED, r] = 0.0
    m[MINUS, r], m[PRE, r], m[PLUS, r] = minus, pre, plus


@kernel
def enter(m, times, r, state, phase):
    """Enter a state and phase; the time in it starts anew."""
    m[STATE, r], m[PHASE, r] = state, phase
    times[IN_PHASE, r] = 0.0


@kernel
def follows(m, times, feedback, r, which, is_fitted, coil_s):
    """Tell whether a contactor that was told to close has closed (by its time, if unfitted)."""
    if is_fitted:
        return feedback[r, which]
    return times[UNCHANGED, r] >= coil_s


@kernel
def precharge_step(m, times, rack_rows, feedback, is_fitted, bus_V, r, is_charge, c):
    """Advance the precharge of rack `r` by one step."""
    phase = m[PHASE, r]
    v = rack_rows[RACK_VOLTAGE, r]
    if not v > 0.0:
        v = rack_rows[V_SUM, r]
    if phase == CLOSE_MINUS:
        command(m, times, r, 1, 0, 0)
        if follows(m, times, feedback, r, 0, is_fitted, c[COIL_S]):
            command(m, times, r, 1, 1, 0)
            m[PHASE, r] = FILL_BUS
    elif phase == FILL_BUS:
        agrees = abs(v - bus_V) < max(c[READY_V], c[READY_PART] * v)
        quiet = abs(rack_rows[CURRENT, r]) < c[READY_A]
        if agrees and quiet and follows(m, times, feedback, r, 1, is_fitted, c[COIL_S]):
            command(m, times, r, 1, 1, 1)
            m[PHASE, r] = CLOSE_PLUS
    elif phase == CLOSE_PLUS:
        if follows(m, times, feedback, r, 2, is_fitted, c[COIL_S]):
            enter(m, times, r, PRECHARGE, SETTLE)
    elif times[IN_PHASE, r] >= c[SETTLE_S]:
        command(m, times, r, 1, 0, 1)
        m[TRIES, r] = 0
        enter(m, times, r, CHARGE if is_charge else NORMAL, 0)
    if m[STATE, r] == PRECHARGE and m[PHASE, r] != SETTLE and times[IN_PHASE, r] >= c[TIMEOUT]:
        command(m, times, r, 0, 0, 0)
        m[TRIES, r] += 1
        times[LOCKED, r] = c[RETRY]
        enter(m, times, r, STANDBY, 0)


@kernel
def may_join(m, times, rack_rows, bus_V, r, c):
    """Tell whether the voltage of a waiting rack lets it onto a live bus."""
    v = rack_rows[RACK_VOLTAGE, r]
    if not v > 0.0:
        v = rack_rows[V_SUM, r]
    return abs(v - bus_V) < max(c[JOIN_V], c[JOIN_PART] * v)


@kernel
def choose_next(m, times, rack_rows, verdict, bus_V, is_charge, c):
    """Return the rack that may start its precharge now (-1: none), and whether any is joining."""
    n_connected, busy, load_A = 0, False, 0.0
    for r in range(m.shape[1]):
        if m[STATE, r] == NORMAL or m[STATE, r] == CHARGE:
            n_connected += 1
            load_A = max(load_A, abs(rack_rows[CURRENT, r]))
        busy |= m[STATE, r] == PRECHARGE
    best, best_V, joining = -1, -math.inf, busy
    for r in range(m.shape[1]):
        if m[STATE, r] != STANDBY or verdict[0, r] >= 3.0 or m[TRIES, r] >= c[MAX_TRIES]:
            continue
        if n_connected > 0 and not may_join(m, times, rack_rows, bus_V, r, c):
            continue
        joining = True
        rank = -rack_rows[V_SUM, r] if is_charge else rack_rows[V_SUM, r]
        if times[LOCKED, r] <= 0.0 and rank > best_V:
            best, best_V = r, rank
    if busy or (n_connected > 0 and not load_A < c[JOIN_A]):
        best = -1
    return best, joining


@kernel
def healthy_step(m, times, rack_rows, feedback, is_fitted, bus_V, mode, r, chosen, c):
    """Advance a rack that no alarm stops."""
    state = m[STATE, r]
    wanted = mode != 0
    if state == INITIALIZATION:
        i = rack_rows[CURRENT, r]
        if rack_rows[V_LOST, r] == 0.0 and i == i:
            enter(m, times, r, STANDBY, 0)
    elif state == STANDBY:
        if wanted and r == chosen:
            command(m, times, r, 1, 0, 0)
            enter(m, times, r, PRECHARGE, CLOSE_MINUS)
    elif state == PRECHARGE:
        if wanted:
            precharge_step(m, times, rack_rows, feedback, is_fitted, bus_V, r, mode == 2, c)
        else:
            command(m, times, r, 0, 0, 0)
            enter(m, times, r, STANDBY, 0)
    elif state == NORMAL or state == CHARGE:
        m[STATE, r] = CHARGE if mode == 2 else NORMAL
        if not wanted:
            enter(m, times, r, OPENING, 0)


@kernel
def advance_racks(
    m, times, rack_rows, verdict, feedback, is_fitted, bus_V, mode, is_reset, c, contactors, dt
):
    """Advance every rack by one step; return whether the site's limits must wait for joining.

    Written: `m` (N_INTEGERS, R), `times` (N_TIMES, R), `contactors` (3, R).
    """
    chosen, joining = choose_next(m, times, rack_rows, verdict, bus_V, mode == 2, c)
    n_connected = 0
    for r in range(m.shape[1]):
        times[IN_PHASE, r] += dt
        times[UNCHANGED, r] += dt
        times[LOCKED, r] = max(times[LOCKED, r] - dt, 0.0)
        state, worst = m[STATE, r], verdict[0, r]
        is_closed = state == NORMAL or state == CHARGE or state == OPENING
        if worst >= 4.0 and state != LATCHED and (state != ERROR or worst >= 5.0):
            command(m, times, r, 0, 0, 0)
            enter(m, times, r, LATCHED if worst >= 5.0 else ERROR, 0)
        elif worst >= 3.0 and not is_closed and state != ERROR and state != LATCHED:
            command(m, times, r, 0, 0, 0)
            enter(m, times, r, ERROR, 0)
        elif worst >= 3.0 and (state == NORMAL or state == CHARGE):
            enter(m, times, r, OPENING, 0)
        elif state == OPENING:
            i = abs(rack_rows[CURRENT, r])
            if i < c[BREAK_A] or times[IN_PHASE, r] >= c[OPEN_TIMEOUT]:
                command(m, times, r, 0, 0, 0)
                enter(m, times, r, ERROR if worst >= 3.0 else STANDBY, 0)
        elif state == ERROR and worst < 3.0 and (is_reset or mode == 0):
            enter(m, times, r, STANDBY, 0)
        elif state == LATCHED and worst < 5.0 and is_reset:
            enter(m, times, r, ERROR if worst >= 3.0 else STANDBY, 0)
        elif worst < 3.0:
            healthy_step(m, times, rack_rows, feedback, is_fitted, bus_V, mode, r, chosen, c)
        is_open = m[MINUS, r] == 0 and m[PRE, r] == 0 and m[PLUS, r] == 0
        times[OPEN_FOR, r] = min(times[OPEN_FOR, r] + dt, 1e9) if is_open else 0.0
        for k in range(3):
            contactors[k, r] = m[MINUS + k, r] != 0
        if m[STATE, r] == NORMAL or m[STATE, r] == CHARGE:
            n_connected += 1
    return hold_site(m, n_connected, joining)


@kernel
def hold_site(m, n_connected, joining):
    """Tell whether the limits must wait: until nothing joins any more after a start."""
    started = m[STARTED, 0]
    if n_connected == 0:
        started = 0
    elif not joining:
        started = 1
    m[STARTED, :] = started
    return started == 0


@kernel
def watch_switches(m, times, feedback, is_fitted, fuse_ok, has_fuse, mode, is_reset, c, out):
    """Fill contactor mismatch, failed precharge, blown fuse; `out` (3, R) is written.

    Tries to precharge are forgotten on a reset, and when the host wants no rack on the bus.
    """
    for r in range(m.shape[1]):
        if (is_reset or mode == 0) and m[STATE, r] != PRECHARGE:
            m[TRIES, r] = 0
        differs = False
        if is_fitted and times[UNCHANGED, r] > 1.5 * c[COIL_S]:
            for k in range(3):
                differs |= feedback[r, k] != (m[MINUS + k, r] != 0)
        out[0, r] = 1.0 if differs else 0.0
        out[1, r] = 1.0 if m[TRIES, r] >= c[MAX_TRIES] else 0.0
        out[2, r] = 1.0 if has_fuse and not fuse_ok[r] else 0.0


class Sequence:
    """Constants of the sequence; states and times are in the view.

    Parameters
    ----------
    pack : PackMap
    options : SequenceOptions
    """

    def __init__(self, pack: PackMap, options: SequenceOptions) -> None:
        rating_A = pack.cells_per_group * pack.rating.discharge_current_max_A
        n_racks = pack.n_racks
        self.fields = (
            FieldSpec(name="sequence", shape=(N_INTEGERS, n_racks), integer=True),
            FieldSpec(name="sequence_s", shape=(N_TIMES, n_racks), unit="s"),
        )
        c = np.zeros(N_CONSTANTS)
        c[READY_V], c[READY_PART] = options.precharge_V, options.precharge_part
        c[READY_A] = options.precharge_current_A or max(0.2, 0.02 * rating_A)
        c[TIMEOUT], c[MAX_TRIES] = options.precharge_timeout_s, options.precharge_tries
        c[RETRY], c[SETTLE_S] = options.retry_s, options.settle_s
        c[JOIN_V], c[JOIN_PART] = options.join_V, options.join_part
        c[JOIN_A] = options.join_current_part * rating_A
        c[BREAK_A] = options.break_current_A or max(3.5, 0.05 * rating_A)
        c[OPEN_TIMEOUT], c[COIL_S] = options.open_timeout_s, pack.contactor_delay_s
        self.constants = c
        self.unfitted = np.zeros((n_racks, 3), dtype=np.bool_)
        self.no_fuse = np.ones(n_racks, dtype=np.bool_)
