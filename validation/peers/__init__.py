"""The same hour, timed in packtwin and in other open battery simulators: `make bench-peers`.

job       the hour: current of every second, and a cell that every tool can hold
stopwatch CPU time against a loop of known work; the peers' process loads it by its path
theirs    PyBaMM and thevenin; a script for an environment without packtwin
ours      packtwin: the cell by itself, and packs with their parallel currents solved
quoted    figures of peers that do not run here, with the reason
compare   starts both sides, checks that the voltages agree, draws the table
"""
