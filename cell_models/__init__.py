"""One cell: what it is made of, and how it moves.

contract      what every cell model must offer
jit           the compiler decorator; compensated: sums that keep what rounding takes;
              running: the running largest of lanes
ecm_params    equivalent-circuit parameters: load, check, lay out for kernels
ecm           equivalent-circuit kernels; ecm_lanes: where the numbers sit; ecm_tables: read tables
ecm_model     a population of equivalent-circuit cells
runaway       thermal runaway of hot nodes: the react stage; runaway_laws: what reactions follow
runaway_params  sets of reactions, each with its cell; runaway_tables: laid out for the kernels;
              runaway_total: all heat of a cell, and what of it is its charge
contents      what a cell holds of reactants at a charge
runaway_curve   a user's own calorimeter curve, from CSV
conduction    heat along a line of nodes, implicit
vent          what flows out of a can that opens; gases: species and solvents
condensation  solvent vapour that condenses, on a wall or within its gas
vent_params   the vent of a set: when it opens, what comes out; checked: how files are checked
pybamm_cell   PyBaMM as the reference cell (lazy)
fit           fit the circuit to the reference; `python -m cell_models.fit lg_m50`
data/         one JSON file per parameter set; data/runaway/: those of thermal runaway
"""
