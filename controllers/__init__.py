"""BMS and EMS: what a pack is watched and driven by. Nothing here can see the truth.

ports           the messages: what a controller is told and what it answers
terms           modes, states, severities; pack_map: the wiring list; memory: remembered fields
reference_bms   the reference BMS, a list of the stages below; bms_sweep: all of them in one call
conditioning    measurements made usable: short gaps bridged, statistics per rack
filter_params   the filter's own calibration, never the plant's parameters; filter_tables: look-ups
ekf             state of charge of every group, with an honest standard deviation;
                ekf_sweep: its compiled sweeps; ekf_lanes: where its numbers sit
counting        the Coulomb count beside it
limits          the protection table: its form, overrides, and the quantities it watches
limit_rows      the default rows, for NMC and LFP
watching        the quantities computed
protection      the table evaluated: debounce, delay, latch, alarms
power_limits    how much current may flow now and in 2, 10, 30 s
balancing       passive balancing
sequence        contactors: precharge, joining, opening, latching
thermal_control pump, fan, chiller, heater
ems             follow a profile, self-consumption, peak shaving
null            a BMS and an EMS that do nothing
contract        the checker for BMS and EMS plug-ins; contract_rig: what it runs them with
"""
