"""All stages of the reference BMS in one compiled call: a call costs more than most stages do.

A dispatch costs 0.46 us, and 0.11 us more for every array handed over, so each array comes once.
The kernels of the stages stand in their own files; here they are called in order.
"""

from __future__ import annotations

from cell_models.jit import kernel
from controllers.balancing import choose_bleeds
from controllers.conditioning import (
    DIRECTION,
    RACK_VOLTAGE,
    condition_groups,
    condition_racks,
    condition_sensors,
    spread_temperatures,
    summarise_site,
)
from controllers.ekf_sweep import REPORT_SOC, filter_sweep
from controllers.limits import QUANTITIES
from controllers.power_limits import rack_limits, site_limits
from controllers.protection import evaluate_and_summarise
from controllers.sequence import OPEN_FOR, STATE, advance_racks, watch_switches
from controllers.thermal_control import control_temperature
from controllers.watching import watch_groups, watch_racks, watch_sensors, worst_gas

_ORDER = tuple(QUANTITIES)
# Where a quantity begins: entries of `at`.
VOLTAGE, VOLTAGE_LOST = _ORDER.index("voltage_V"), _ORDER.index("voltage_lost_s")
APART, APART_END = _ORDER.index("below_median_V"), _ORDER.index("above_median_V") + 1
WARM, WARM_LOST = _ORDER.index("temperature_K"), _ORDER.index("temperature_lost_s")
HEATING = _ORDER.index("heating_K_per_s")
SIGNS, SIGNS_END = _ORDER.index("unexplained_K_per_s"), _ORDER.index("runaway_K_per_s") + 1
RACKS, RACKS_END = _ORDER.index("charge_ratio"), _ORDER.index("open_current") + 1
SWITCHES, SWITCHES_END = _ORDER.index("contactor_mismatch"), _ORDER.index("fuse_blown") + 1
INSULATION, GAS = _ORDER.index("insulation_ohm"), _ORDER.index("gas_ppm")
INTERLOCK, EMERGENCY = _ORDER.index("interlock_open"), _ORDER.index("emergency_stop")
SUPPLY = _ORDER.index("supply_V")
# Entries of the options that belong to no stage's own constants.
HOLD_S, REST_A, DERATE, BALANCES, BY_SOC = range(5)
N_OPTIONS = 5


@kernel
def observe(
    a, a_valid, a_age, b, b_valid, b_age, rack_V, volts, volts_valid, volts_age,
    warm, warm_valid, warm_age, held_A, held_V, held_K, x, clock, bleeding,
    rack_first, sensor_rack, nearest, group_rack, table, maps, c_filter, options,
    at, buffer, rack_rows, estimate, group_K, dt,
):  # fmt: skip
    """Condition the measurements, then step the filter of every group."""
    hold_s = options[HOLD_S]
    voltage_V = buffer[at[VOLTAGE] : at[VOLTAGE + 1]]
    temperature_K = buffer[at[WARM] : at[WARM + 1]]
    condition_racks(
        a, a_valid, a_age, b, b_valid, b_age, held_A, rack_rows, dt, hold_s, options[REST_A]
    )
    rack_rows[RACK_VOLTAGE, :] = rack_V
    condition_groups(
        volts, volts_valid, volts_age, held_V, voltage_V,
        buffer[at[VOLTAGE_LOST] : at[VOLTAGE_LOST + 1]], rack_first, rack_rows, dt, hold_s,
    )  # fmt: skip
    condition_sensors(
        warm, warm_valid, warm_age, held_K, temperature_K, buffer[at[HEATING] : at[HEATING + 1]],
        buffer[at[WARM_LOST] : at[WARM_LOST + 1]], sensor_rack, rack_rows, dt,
    )  # fmt: skip
    spread_temperatures(temperature_K, nearest, group_rack, rack_rows, group_K)
    filter_sweep(
        x, clock, bleeding, voltage_V, group_K, rack_first, table, maps, c_filter, rack_rows,
        estimate, dt,
    )  # fmt: skip


@kernel
def watch(
    feedback, is_fitted, fuse_ok, has_fuse, insulation_ohm, gas_ppm, is_locked, is_emergency,
    supply_V, limit_A, m, times, rack_first, sensor_group, sensor_rack, module_rack, c_watch,
    rating_A, c_sequence, at, buffer, rack_rows, estimate, mode, is_reset,
):  # fmt: skip
    """Fill every quantity that the protection table watches and `observe` has not."""
    voltage_V = buffer[at[VOLTAGE] : at[VOLTAGE + 1]]
    apart_V = buffer[at[APART] : at[APART_END]].reshape(2, len(voltage_V))
    n_sensors, n_racks = len(sensor_rack), len(rack_first) - 1
    watch_groups(voltage_V, estimate, rack_first, rack_rows, c_watch[0], apart_V)
    watch_sensors(
        buffer[at[WARM] : at[WARM + 1]], buffer[at[HEATING] : at[HEATING + 1]], voltage_V, estimate,
        sensor_group, sensor_rack, rack_rows, c_watch,
        buffer[at[SIGNS] : at[SIGNS_END]].reshape(2, n_sensors),
    )  # fmt: skip
    watch_racks(
        rack_rows, limit_A, rating_A, times[OPEN_FOR], feedback, is_fitted,
        buffer[at[RACKS] : at[RACKS_END]].reshape(RACKS_END - RACKS, n_racks),
    )  # fmt: skip
    watch_switches(
        m, times, feedback, is_fitted, fuse_ok, has_fuse, mode, is_reset, c_sequence,
        buffer[at[SWITCHES] : at[SWITCHES_END]].reshape(SWITCHES_END - SWITCHES, n_racks),
    )  # fmt: skip
    buffer[at[INSULATION] : at[INSULATION + 1]] = insulation_ohm
    worst_gas(gas_ppm, module_rack, buffer[at[GAS] : at[GAS + 1]])
    buffer[at[INTERLOCK]] = 0.0 if is_locked else 1.0
    buffer[at[EMERGENCY]] = 1.0 if is_emergency else 0.0
    buffer[at[SUPPLY]] = supply_V


@kernel
def bms_sweep(
    # measurements
    a, a_valid, a_age, b, b_valid, b_age, rack_V, volts, volts_valid, volts_age,
    warm, warm_valid, warm_age, insulation_ohm, gas_ppm, feedback, fuse_ok,
    is_fitted, has_fuse, is_locked, is_emergency, supply_V, bus_V, mode, is_reset, dt,
    # memory
    held_A, held_V, held_K, x, clock, bleeding, alarm_memory, busy, m, times, limit_A, rest_s,
    # wiring and constants
    rack_first, group_rack, nearest, sensor_group, sensor_rack, module_rack, component_rack, at,
    rows, bounds, table, maps, c_filter, c_watch, rating_A, c_sequence, c_limits, c_balance,
    bands, options,
    # results
    buffer, rack_rows, estimate, group_K, verdict, transitions, contactors, sent, site, out,
    states, summary,
):  # fmt: skip
    """Run all stages once; memory and results are written.

    Returned: the number of alarms that came or went, the index of the reason of the limits, and
    whether the site's limits wait for racks to join.
    """
    observe(
        a, a_valid, a_age, b, b_valid, b_age, rack_V, volts, volts_valid, volts_age,
        warm, warm_valid, warm_age, held_A, held_V, held_K, x, clock, bleeding,
        rack_first, sensor_rack, nearest, group_rack, table, maps, c_filter, options,
        at, buffer, rack_rows, estimate, group_K, dt,
    )  # fmt: skip
    watch(
        feedback, is_fitted, fuse_ok, has_fuse, insulation_ohm, gas_ppm, is_locked, is_emergency,
        supply_V, limit_A, m, times, rack_first, sensor_group, sensor_rack, module_rack, c_watch,
        rating_A, c_sequence, at, buffer, rack_rows, estimate, mode, is_reset,
    )  # fmt: skip
    n_found = evaluate_and_summarise(
        buffer, rows, bounds, alarm_memory, busy, component_rack, rack_rows[DIRECTION], is_reset,
        transitions, options[DERATE], verdict,
    )  # fmt: skip
    is_held = advance_racks(
        m, times, rack_rows, verdict, feedback, is_fitted, bus_V, mode, is_reset, c_sequence,
        contactors, dt,
    )  # fmt: skip
    state = m[STATE]
    why = rack_limits(rack_rows, estimate, rack_first, verdict, state, c_limits, limit_A, sent, dt)
    site_limits(sent, state, is_held, c_limits, site)
    if options[BALANCES] > 0.0:
        voltage_V = buffer[at[VOLTAGE] : at[VOLTAGE + 1]]
        level = estimate[REPORT_SOC] if options[BY_SOC] > 0.0 else voltage_V
        choose_bleeds(
            level, voltage_V, group_K, estimate, rack_first, rack_rows, verdict, rest_s, bleeding,
            out, c_balance, dt,
        )  # fmt: skip
    summarise_site(rack_rows, state, summary)
    control_temperature(summary[0], summary[1], bands, summary[7:12])
    states[:] = state
    return n_found, why, is_held
