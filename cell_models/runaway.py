"""Thermal runaway of one node: a list of reactions, integrated in closed form.

What a chemistry is stands in a table of reactions (`cell_models/runaway_params.py`), not in code;
the laws that a reaction may follow are in `cell_models/runaway_laws.py`. Here is one node's step,
and below it the sweep over nodes in flat arrays: the `react` stage of a pack's step. Symbols as
there, and E, the energy released per unit of x [J].

Every x follows its law at the temperature of the middle of the step (exponential midpoint, second
order), and heat is E (x - y), never rate times step: what a node releases is what its reactants
lose, whatever the step. A step is cut into pieces in which T moves by at most `rise_K`.

Below a gate a node reacts in arrears: how long it waited, and how warm, is added up, and it
catches up once it has moved by a kelvin, after ten minutes, or when it passes the gate. So the gate
is a matter of cost, not of physics.
"""

from __future__ import annotations

import math

from cell_models.contract import NOT_FINITE, OK
from cell_models.jit import kernel
from cell_models.runaway_laws import (
    activation,
    arrhenius,
    decay,
    logistic,
    passivated,
    relaxed,
    saturating,
    sink_conductance,
    traced_rate,
)

REACTING = 8
"""Status bit: reactions moved at least one node faster than `ONSET_K_PER_S`."""
STALLED = 16
"""Status bit: a node needed more than `MAX_PIECES` pieces; its step was not finished."""

MAX_PIECES = 100_000
GATE_K = 353.15
"""Reactions wait below 80 degC by default: there they heat an 18650 by 8 mW."""
RISE_K = 2.0
"""Largest change of temperature in a piece of a step by default."""
ARREARS_K, ARREARS_S = 1.0, 600.0
"""A waiting node catches up when it is so far from where it waited on average, or after so long."""
WAITED_S, WAITED_KS = range(2)
"""Columns of `arrears`, float64 (n_nodes, 2): time waited [s], temperature summed over it [K s]."""
ONSET_K_PER_S = 0.02 / 60.0
"""The self-heating that calorimetry calls onset, 0.02 K/min; a burnt-out anode is far slower."""
SPENT_K = 1e-6
"""A node whose remaining energy could not warm it by so much is spent."""

FIRST_ORDER, LOGISTIC, PASSIVATED, SATURATING, STEADY, TRACED = range(6)
"""Laws, as `KIND` in `marks`; see `advance_reactants`."""
KIND, SLOT, FILM_SLOT, FILM_ROW, LATCHES = range(5)
"""Columns of `marks`, int64 (n_reactions, 5). Without: FILM_SLOT and FILM_ROW are -1."""
N_MARKS = 5
(FREQUENCY, ACTIVATION_K, ON_K, SMOOTH_K, HOT_FREQUENCY, HOT_K, FILM_SCALE, FILM_YIELD) = range(8)
"""Columns of `rows`, float64 (n_reactions, 8): A [1/s], E/R [K], the temperature above which the
reaction is on [K] and half the width of that edge [K], A above a second temperature, that
temperature [K], z0 and the film grown per unit of x. For `SATURATING` the last two are the
sharpness and the slope of its law."""
N_ROWS = 8
SINK_W_PER_K, SINK_W_PER_K4, SINK_K = range(3)
"""Columns of `sinks`, float64 (n_nodes, 3): conductance, emission eps sigma A, temperature."""


# --- one node ----------------------------------------------------------------------------------
# Functions that take arrays leave at one place: where one left early, every array that it was
# handed cost two atomic counts (measured: 80 of them for a node and step).


@kernel
def rate_constant(rows, marks, curve_K, curve_log10, r, x, T):
    """Give k of reaction r [1/s]; one that latches is on once its reactant, 1 at first, falls."""
    is_on = marks[r, LATCHES] != 0 and x < 1.0
    on = 1.0 if is_on else activation(T, rows[r, ON_K], rows[r, SMOOTH_K])
    k = 0.0
    if on != 0.0:
        A = rows[r, HOT_FREQUENCY] if rows[r, HOT_K] <= T else rows[r, FREQUENCY]
        if marks[r, KIND] == TRACED:
            k = on * A * traced_rate(curve_K, curve_log10, T)
        else:
            k = on * arrhenius(A, rows[r, ACTIVATION_K], T)
    return k


@kernel
def advance_film(rows, marks, curve_K, curve_log10, r, x, base, y, T, h, kh):
    """Advance a passivated reaction and the film that it makes, which may itself decompose.

    With a film that decays at k_f, ``dz/dt = -k_f z - yield dx/dt``, x falling evenly, it is in the
    middle ``z exp(-k_f h/2) + yield (x - y) (1 - exp(-k_f h/2))/(k_f h)``, and at the end the same
    law over h. The decay itself is the film's own reaction, which stands before this one.
    """
    film, row = marks[r, FILM_SLOT], marks[r, FILM_ROW]
    z, left = x[base + film], x[base + marks[r, SLOT]]
    kh_film = 0.0
    if row >= 0:
        kh_film = h * rate_constant(rows, marks, curve_K, curve_log10, row, z, T)
    middle, half, whole = z, 0.5, 1.0
    if kh_film > 1e-12:
        middle = z * math.exp(-0.5 * kh_film)
        half = -math.expm1(-0.5 * kh_film) / kh_film
        whole = -math.expm1(-kh_film) / kh_film
    made = rows[r, FILM_YIELD]
    end = passivated(left, kh, middle, made * half, rows[r, FILM_SCALE])
    y[marks[r, SLOT]] = end
    y[film] += made * (left - end) * whole


@kernel
def advance_reactants(rows, marks, curve_K, curve_log10, x, base, y, n_slots, T, h):
    """Write into `y` what is left of every reactant of the node at `base` after h at constant T."""
    for slot in range(n_slots):
        y[slot] = x[base + slot]
    for r in range(len(marks)):
        slot, kind = marks[r, SLOT], marks[r, KIND]
        left = x[base + slot]
        kh = 0.0
        if not left <= 0.0:
            kh = h * rate_constant(rows, marks, curve_K, curve_log10, r, left, T)
        if kh == 0.0:
            pass
        elif kind == FIRST_ORDER:
            y[slot] = decay(left, kh)
        elif kind == LOGISTIC:
            y[slot] = logistic(left, kh)
        elif kind == PASSIVATED:
            advance_film(rows, marks, curve_K, curve_log10, r, x, base, y, T, h, kh)
        elif kind == SATURATING:
            y[slot] = saturating(left, kh, rows[r, FILM_SCALE], rows[r, FILM_YIELD])
        else:  # STEADY and TRACED: at a constant pace until nothing is left
            y[slot] = max(left - kh, 0.0)


@kernel
def released(energy_J, x, base, y, n_slots):
    """Give the heat of a change from x to y: ``sum E (x - y)`` [J]."""
    heat = 0.0
    for slot in range(n_slots):
        heat += energy_J[base + slot] * (x[base + slot] - y[slot])
    return heat


@kernel
def take(x, energy_J, base, y, n_slots, released_J, out):
    """Make y the state; book the heat in `released_J` from `out` on, and return it [J]."""
    heat = released(energy_J, x, base, y, n_slots)
    for slot in range(n_slots):
        k = base + slot
        released_J[out + slot] += energy_J[k] * (x[k] - y[slot])
        x[k] = y[slot]
    return heat


@kernel
def advance_node(
    rows, marks, curve_K, curve_log10, x, energy_J, base, n_slots, T, C, h_all, power_W, sinks,
    node, rise_K, y, released_J, out,
):  # fmt: skip
    """Advance one hot node by `h_all`; return its temperature, the heat lost [J] and a status.

    Its reactants begin at `base`, the heat of each is added to `released_J` from `out` on.
    """
    G, emission, T_a = sinks[node, SINK_W_PER_K], sinks[node, SINK_W_PER_K4], sinks[node, SINK_K]
    lost, todo, h, status = 0.0, h_all, h_all, STALLED
    for _ in range(MAX_PIECES):
        h = min(h, todo)
        advance_reactants(rows, marks, curve_K, curve_log10, x, base, y, n_slots, T, 0.5 * h)
        heat = 0.5 * h * power_W + released(energy_J, x, base, y, n_slots)
        g = sink_conductance(G, emission, T, T_a)
        T_mid, _ = relaxed(T, C, 0.5 * h, heat, g, T_a)
        moved = abs(T_mid - T)
        if moved <= rise_K:
            advance_reactants(rows, marks, curve_K, curve_log10, x, base, y, n_slots, T_mid, h)
            heat = h * power_W + released(energy_J, x, base, y, n_slots)
            g = sink_conductance(G, emission, T_mid, T_a)
            T_end, loss = relaxed(T, C, h, heat, g, T_a)
            moved = abs(T_end - T)
            if moved <= rise_K:
                take(x, energy_J, base, y, n_slots, released_J, out)
                T, lost, todo = T_end, lost + loss, todo - h
                if todo <= 0.0:
                    status = OK
        if not math.isfinite(moved):
            status = NOT_FINITE
        if status != STALLED:
            break
        h *= min(10.0, 0.9 * rise_K / max(moved, 0.01 * rise_K))
    return T, lost, status


@kernel
def advance_cold(T, C, h, power_W, sinks, node):
    """Advance a node without reactions; return its temperature and the heat lost [J]."""
    G, emission, T_a = sinks[node, SINK_W_PER_K], sinks[node, SINK_W_PER_K4], sinks[node, SINK_K]
    g = sink_conductance(G, emission, T, T_a)
    if emission > 0.0:
        T_mid, _ = relaxed(T, C, 0.5 * h, 0.5 * h * power_W, g, T_a)
        g = sink_conductance(G, emission, T_mid, T_a)
    return relaxed(T, C, h, h * power_W, g, T_a)


@kernel
def heat_of(released_J, base, n_slots):
    """Give the size of the heat of the node at `base` in this step [J]."""
    heat = 0.0
    for slot in range(n_slots):
        heat += released_J[base + slot]
    return abs(heat)


@kernel
def stored_of(x, energy_J, base, n_slots):
    """Give the chemical energy left in the node at `base`, ``sum E x`` [J], and ``sum |E x|``."""
    stored, size = 0.0, 0.0
    for slot in range(n_slots):
        part = energy_J[base + slot] * x[base + slot]
        stored += part
        size += abs(part)
    return stored, size


@kernel
def catch_up(
    rows, marks, curve_K, curve_log10, x, energy_J, base, n_slots, arrears, node, y, released_J
):
    """React what a node put off, at the mean temperature that it waited at; return the heat [J]."""
    waited = arrears[node, WAITED_S]
    if waited <= 0.0:
        return 0.0
    T = arrears[node, WAITED_KS] / waited
    arrears[node, WAITED_S] = arrears[node, WAITED_KS] = 0.0
    advance_reactants(rows, marks, curve_K, curve_log10, x, base, y, n_slots, T, waited)
    return take(x, energy_J, base, y, n_slots, released_J, base)


# --- sweeps ------------------------------------------------------------------------------------


@kernel
def react(
    rows, marks, curve_K, curve_log10, temperature_K, capacity_J_per_K, extents, energy_J,
    arrears, power_W, sinks, step_s, gate_K, rise_K, scratch, released_J, lost_J,
):  # fmt: skip
    """Advance all nodes by one step: reactions where it is hot, and what heats and cools each.

    Parameters
    ----------
    rows, marks, curve_K, curve_log10
        The reactions, from `KernelTables`.
    temperature_K : float64 (n,), [K]
        Written.
    capacity_J_per_K : float64 (n,), [J/K]
    extents : float64 (n * n_slots,)
        What is left of each reactant, node by node. Written.
    energy_J : float64 (n * n_slots,), [J]
        Released per unit of each.
    arrears : float64 (n, 2)
        How long a node has waited below the gate [s], and its temperature summed over that [K s];
        zeros at first. Written.
    power_W : float64 (n,), [W]
        Heat held constant through the step.
    sinks : float64 (n, 3)
        Conductance [W/K], emission [W/K^4] and temperature [K] of what cools each node; zeros in a
        pack whose network does that.
    step_s : float, [s]
    gate_K : float, [K]
        Nodes that start the step below it wait; spent ones never react.
    rise_K : float, [K]
    scratch : float64 (n_slots,)
        Written.
    released_J : float64 (n * n_slots,), [J]
        The heat of each reactant in this step. Written.
    lost_J : float64 (n,), [J]
        What went to the sinks in this step. Written.

    Returns
    -------
    int
        Bits: `REACTING`, `STALLED`, NOT_FINITE.
    """
    status, n_slots = OK, len(scratch)
    released_J[:] = 0.0
    for node in range(len(temperature_K)):
        T, C, base = temperature_K[node], capacity_J_per_K[node], node * n_slots
        is_hot = gate_K <= T
        if not is_hot:
            arrears[node, WAITED_S] += step_s
            arrears[node, WAITED_KS] += step_s * T
        waited = arrears[node, WAITED_S]
        is_far = abs(T * waited - arrears[node, WAITED_KS]) > ARREARS_K * waited
        if is_hot or is_far or waited > ARREARS_S:
            if stored_of(extents, energy_J, base, n_slots)[1] > SPENT_K * C:
                T += catch_up(
                    rows, marks, curve_K, curve_log10, extents, energy_J, base, n_slots, arrears,
                    node, scratch, released_J,
                ) / C  # fmt: skip
            else:
                is_hot = False
                arrears[node, WAITED_S] = arrears[node, WAITED_KS] = 0.0
        if is_hot:
            T, lost, found = advance_node(
                rows, marks, curve_K, curve_log10, extents, energy_J, base, n_slots, T, C, step_s,
                power_W[node], sinks, node, rise_K, scratch, released_J, base,
            )  # fmt: skip
            status |= found
            if heat_of(released_J, base, n_slots) > ONSET_K_PER_S * C * step_s:
                status |= REACTING
        else:
            T, lost = advance_cold(T, C, step_s, power_W[node], sinks, node)
        temperature_K[node] = T
        lost_J[node] = lost
        if not math.isfinite(T):
            status |= NOT_FINITE
    return status


@kernel
def stored_energy(extents, energy_J, n_slots, stored_J):
    """Write the chemical energy left in every node [J], from its state alone."""
    for node in range(len(stored_J)):
        stored_J[node] = stored_of(extents, energy_J, node * n_slots, n_slots)[0]
