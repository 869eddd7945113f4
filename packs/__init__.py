"""Many cells, and the plant around them.

spec         what a pack is made of: sizes, wiring, thermal and sensor data, as plain numbers
topology     which cell sits in which group, module and rack; index maps; neighbours
state        the one mutable State: two flat buffers and their named views
overlay      every injectable point as an array, neutral when healthy
rng          random numbers as a pure function of (seed, channel name, tick)
spread       the scatter of capacity, resistance and initial charge between cells
network      currents of every cell from (emf, r), joints, links, racks and the demand
switchgear   contactors, precharge, fuses
pcs          the power conversion system: losses, limits, ramps
thermal      the heat network and the coolant
sensors      truth -> measurements: gain, offset, noise, quantiser, delay, lag
flows        energy and charge of a step, added up for the ledger
stock        what a plant holds, and the balances struck on it for the ledger
rows         numbers copied from where they live into a row of a block
calibration  a loop of known work, for `twin bench`
plant        one step: port, solve, advance, thermal
"""
