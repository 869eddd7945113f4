"""Claims held against other codes and measured data. Imported by the command line alone.

case            one claim: a figure, its limit, its source
cell_fidelity   the equivalent circuit of one cell against PyBaMM's DFN
estimators      what the estimators reach on data they were not tuned on
runaway/        thermal runaway: benchmarks of kinetics, conduction and venting, and their claims
peers/          the same hour in other simulators, timed side by side: `make bench-peers`
"""
