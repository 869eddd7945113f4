"""Measurements made usable: the first stage of the reference BMS.

A value counts when it is valid, finite and young. A short gap is bridged with the last value; after
`hold_s` the group, thermistor or rack counts as blind and everything behind it must cope (NaN). The
stage writes voltages, temperatures and heating rates straight into the quantities that the
protection table watches, and the statistics of every rack into `rack_rows`.
"""

from __future__ import annotations

import math

import numpy as np

from cell_models.jit import kernel
from controllers.ports import FieldSpec, Ints, PackMap

# Rows of `rack_rows`, one column per rack.
CURRENT, CURRENT_B, DIRECTION, RACK_VOLTAGE = 0, 1, 2, 3
V_SUM, V_MIN, V_MAX, V_MEDIAN, V_LOST, I_AGE = 4, 5, 6, 7, 8, 9
T_MIN, T_MAX, T_MEAN, T_FOUND = 10, 11, 12, 13
SOC_MIN, SOC_MAX, SOC_MEAN, TAU, ENERGY_OUT, ENERGY_IN = 14, 15, 16, 17, 18, 19
ALONE, T_WAITING = 20, 21
N_RACK_ROWS = 22

HOLD_S = 1.5  # assumed: bridges slow sampling; foxBMS 2 v1.11 calls voltages stale after 250 ms
TEMPERATURE_HOLD_S = 10.0  # assumed: temperatures of cells move slowly
RATE_TIME_S = 5.0  # assumed: memory of the heating rate; 0.2 K noise gives 0.04 K/s
LONGEST_S = 1e9  # ages stop growing here


@kernel
def bridge(value, is_valid, age_s, held, held_age_s, elapsed_s, hold_s):
    """Return the value to use now, the value to hold, and its age.

    A fresh value is taken; else the held one is used until it is `hold_s` old, then NaN. Before
    the first step the age is NaN: a sensor that has not spoken yet is lost from power-on.
    """
    if math.isnan(held_age_s):
        held_age_s = 0.0
    if is_valid and math.isfinite(value) and age_s <= hold_s:
        return value, value, 0.0
    held_age_s = min(held_age_s + elapsed_s, LONGEST_S)
    if held_age_s <= hold_s:
        return held, held, held_age_s
    return math.nan, held, held_age_s


@kernel
def count_below(voltage_V, level_V):
    """Count the groups below a level; a blind group (NaN) is not counted."""
    n = 0
    for g in range(len(voltage_V)):
        n += 1 if voltage_V[g] < level_V else 0
    return n


@kernel
def find_median(voltage_V, n, low_V, high_V):
    """Return the median of the `n` valid voltages between `low_V` and `high_V`.

    By bisection on the level: no sorting, no branches, exact to 1/16384 of the spread.
    """
    for _ in range(14):
        middle = 0.5 * (low_V + high_V)
        if 2 * count_below(voltage_V, middle) < n:
            low_V = middle
        else:
            high_V = middle
    return 0.5 * (low_V + high_V)


@kernel
def take_fresh(value, valid, age_s, held_V, held_age_s, voltage_V, lost_s, hold_s):
    """Take all voltages of a rack as they are, if all are fresh; tell whether they were.

    What `bridge` does for each, without its branches; else nothing is written.
    """
    n_bad = 0
    for g in range(len(value)):
        n_bad += 0 if valid[g] & (abs(value[g]) < math.inf) & (age_s[g] <= hold_s) else 1
    if n_bad > 0:
        return False
    for g in range(len(value)):
        voltage_V[g] = value[g]
    for g in range(len(value)):
        held_V[g] = value[g]
    held_age_s[:] = 0.0
    lost_s[:] = 0.0
    return True


@kernel
def alone_for(a_good, b_good, memory, r, elapsed_s, hold_s):
    """Return how long rack `r` has had one of its two current sensors only [s].

    The first is expected from power-on; the second once it has spoken, for not every pack has one.
    NaN when both are silent. Rows 2 and 3 of `memory`, the silence of each [s], are written.
    """
    if math.isnan(memory[2, r]):
        memory[2, r] = 0.0
    memory[2, r] = 0.0 if a_good else min(memory[2, r] + elapsed_s, LONGEST_S)
    memory[3, r] = 0.0 if b_good else min(memory[3, r] + elapsed_s, LONGEST_S)
    silent_a, silent_b = memory[2, r], memory[3, r]
    if math.isnan(silent_b):
        return 0.0
    if silent_a > hold_s and silent_b > hold_s:
        return math.nan
    return max(silent_a, silent_b)


@kernel
def condition_racks(
    a, a_valid, a_age, b, b_valid, b_age, memory, rack_rows, elapsed_s, hold_s, rest_A
):
    """Choose the current of every rack: channel A, else B, else the held value, else NaN.

    `memory` (4, R), [A] and three times [s], and `rack_rows` are written.
    """
    for r in range(memory.shape[1]):
        b_good = b_valid[r] and math.isfinite(b[r]) and b_age[r] <= hold_s
        second = b[r] if b_good else math.nan
        value, good, age = a[r], a_valid[r], a_age[r]
        a_good = good and math.isfinite(value) and age <= hold_s
        rack_rows[ALONE, r] = alone_for(a_good, b_good, memory, r, elapsed_s, hold_s)
        if not a_good and b_good:
            value, good, age = second, True, 0.0
        used, memory[0, r], memory[1, r] = bridge(
            value, good, age, memory[0, r], memory[1, r], elapsed_s, hold_s
        )
        rack_rows[CURRENT, r] = used
        rack_rows[CURRENT_B, r] = second if a_valid[r] else math.nan
        rack_rows[I_AGE, r] = memory[1, r]
        direction = 0.0
        if used > rest_A:
            direction = 1.0
        elif used < -rest_A:
            direction = -1.0
        rack_rows[DIRECTION, r] = direction


@kernel
def condition_groups(
    value, valid, age_s, memory, voltage_V, lost_s, rack_first, rack_rows, elapsed_s, hold_s
):
    """Bridge the group voltages and gather sum, extremes and median of every rack.

    `memory` (2, G), `voltage_V`, `lost_s` (G,) and `rack_rows` are written.
    """
    for r in range(len(rack_first) - 1):
        first, last = rack_first[r], rack_first[r + 1]
        volts = voltage_V[first:last]
        held_V, held_s, lost = memory[0, first:last], memory[1, first:last], lost_s[first:last]
        fresh, is_valid, age = value[first:last], valid[first:last], age_s[first:last]
        if not take_fresh(fresh, is_valid, age, held_V, held_s, volts, lost, hold_s):
            for g in range(len(volts)):
                volts[g], held_V[g], held_s[g] = bridge(
                    fresh[g], is_valid[g], age[g], held_V[g], held_s[g], elapsed_s, hold_s
                )
                lost[g] = held_s[g]
        total, lowest, highest, n = 0.0, math.inf, -math.inf, 0
        for g in range(len(volts)):
            v = volts[g]
            total += v
            lowest = v if v < lowest else lowest
            highest = v if v > highest else highest
            n += 1 if v == v else 0
        count = len(volts)
        rack_rows[V_LOST, r] = count - n
        rack_rows[V_SUM, r] = total  # NaN if any is
        rack_rows[V_MIN, r] = lowest if n > 0 else math.nan
        rack_rows[V_MAX, r] = highest if n > 0 else math.nan
        rack_rows[V_MEDIAN, r] = find_median(volts, n, lowest, highest) if n > 0 else math.nan


@kernel
def condition_sensors(
    value, valid, age_s, memory, temperature_K, rate, lost_s, sensor_rack, rack_rows, elapsed_s
):
    """Bridge the thermistors, find their heating rates, gather extremes and mean of every rack.

    The rate is ``(T - T_slow)/tau`` with ``T_slow`` a first-order lag: exact for a steady ramp.
    `memory` (3, T), the outputs (T,) and `rack_rows` are written.
    """
    rack_rows[T_MIN, :] = math.inf
    rack_rows[T_MAX, :] = -math.inf
    rack_rows[T_MEAN, :] = 0.0
    rack_rows[T_FOUND, :] = 0.0
    rack_rows[T_WAITING, :] = 0.0
    gain = 1.0 - math.exp(-elapsed_s / RATE_TIME_S)
    for k in range(len(temperature_K)):
        was_lost = memory[1, k] > TEMPERATURE_HOLD_S or math.isnan(memory[2, k])
        t, memory[0, k], held_age = bridge(
            value[k], valid[k], age_s[k], memory[0, k], memory[1, k], elapsed_s, TEMPERATURE_HOLD_S
        )
        memory[1, k] = held_age
        lost_s[k] = held_age
        temperature_K[k] = t
        if t != t:
            rate[k] = math.nan
            if held_age <= TEMPERATURE_HOLD_S:  # has not spoken since power-on
                rack_rows[T_WAITING, sensor_rack[k]] += 1.0
            continue
        if was_lost:
            memory[2, k] = t
        memory[2, k] += gain * (t - memory[2, k])
        rate[k] = (t - memory[2, k]) / RATE_TIME_S
        r = sensor_rack[k]
        rack_rows[T_MIN, r] = min(rack_rows[T_MIN, r], t)
        rack_rows[T_MAX, r] = max(rack_rows[T_MAX, r], t)
        rack_rows[T_MEAN, r] += t
        rack_rows[T_FOUND, r] += 1.0
    for r in range(rack_rows.shape[1]):
        n = rack_rows[T_FOUND, r]
        rack_rows[T_MEAN, r] = rack_rows[T_MEAN, r] / n if n > 0.0 else math.nan
        if n == 0.0:
            rack_rows[T_MIN, r], rack_rows[T_MAX, r] = math.nan, math.nan


@kernel
def spread_temperatures(temperature_K, group_sensor, group_rack, rack_rows, group_temperature_K):
    """Give every group the temperature of its nearest thermistor, else its rack's mean."""
    for g in range(len(group_sensor)):
        k = group_sensor[g]
        t = temperature_K[k] if k >= 0 else math.nan
        group_temperature_K[g] = t if t == t else rack_rows[T_MEAN, group_rack[g]]


@kernel
def summarise_site(rack_rows, state, site_row):
    """Gather the racks: coldest, hottest, lowest soc, energy out and in, racks opening or closed.

    The first seven of `site_row` are written. One rack without temperatures does not hide others.
    """
    coldest, hottest, lowest = math.inf, -math.inf, math.inf
    energy_out, energy_in, n_opening, n_closed = 0.0, 0.0, 0.0, 0.0
    for r in range(rack_rows.shape[1]):
        if rack_rows[T_FOUND, r] > 0.0:
            coldest = min(coldest, rack_rows[T_MIN, r])
            hottest = max(hottest, rack_rows[T_MAX, r])
        lowest = min(lowest, rack_rows[SOC_MIN, r])
        energy_out += rack_rows[ENERGY_OUT, r]
        energy_in += rack_rows[ENERGY_IN, r]
        n_opening += 1.0 if state[r] == 6 else 0.0
        n_closed += 1.0 if state[r] == 4 or state[r] == 5 else 0.0
    site_row[0] = coldest if coldest < math.inf else math.nan
    site_row[1] = hottest if hottest > -math.inf else math.nan
    site_row[2], site_row[3], site_row[4] = lowest, energy_out, energy_in
    site_row[5], site_row[6] = n_opening, n_closed


def nearest_sensors(pack: PackMap) -> Ints:
    """Find the thermistor nearest to every group: first in its module, then in its rack.

    Parameters
    ----------
    pack : PackMap

    Returns
    -------
    int64 (n_groups,)
        -1 where the rack has no thermistor at all.
    """
    nearest = np.full(pack.n_groups, -1, dtype=np.int64)
    if pack.n_temperatures == 0:
        return nearest
    at = pack.temperature_group
    for g in range(pack.n_groups):
        distance = np.abs(at - g).astype(np.float64)
        distance[pack.group_module[at] != pack.group_module[g]] += pack.n_groups
        distance[pack.temperature_rack != pack.group_rack[g]] = np.inf
        k = int(np.argmin(distance))
        nearest[g] = k if np.isfinite(distance[k]) else -1
    return nearest


class Conditioning:
    """Constants and scratch of the kernels above; held values, ages, slow temperatures are memory.

    Parameters
    ----------
    pack : PackMap
    step_s : float
        Period of the BMS [s].
    """

    def __init__(self, pack: PackMap, step_s: float) -> None:
        n_groups, n_sensors = pack.n_groups, pack.n_temperatures
        self.fields = (
            FieldSpec(name="held_voltage", shape=(2, n_groups), unit="V, s", initial=math.nan),
            FieldSpec(
                name="held_temperature",
                shape=(3, max(n_sensors, 1)),
                unit="K, s, K",
                initial=math.nan,
            ),
            FieldSpec(name="held_current", shape=(4, pack.n_racks), unit="A, s", initial=math.nan),
        )
        self.hold_s = max(HOLD_S, 2.5 * step_s)
        rating = pack.rating
        self.rest_A = 0.01 * pack.cells_per_group * rating.capacity_As / 3600.0  # 1 % of 1C
        self.nearest = nearest_sensors(pack)
        self.rack_rows = np.zeros((N_RACK_ROWS, pack.n_racks))
        self.site_row = np.zeros(12)
        self.group_temperature_K = np.zeros(n_groups)
