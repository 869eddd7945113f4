"""Many cells, and the plant around them.

spec         what a pack is made of: sizes, wiring, thermal and sensor data, as plain numbers
topology     which cell sits in which group, module and rack; neighbours; slots of 32 side by side
lumping      groups or racks simulated as one cell each
state        the one mutable State: two flat buffers and their named views
overlay      every injectable point as an array, neutral when healthy
rng          random numbers as a pure function of (seed, channel name, tick)
spread       the scatter of capacity, resistance and initial charge between cells
arrays       the arrays that compiled code works on; memory: what a plant declares, and its views
network      single elements, racks and the bus: from cells' lines and a demand to currents
groups       parallel cells, 32 groups side by side; ladder: cells along two rails
currents     all currents of the site in one step; prepare: what they follow from, once a call
switchgear   contactors that weld, precharge, fuses that melt, insulation
cell_guards  fuses and interrupt devices of single cells
pcs          the power conversion system: losses, limits, ramps
thermal      heat where neighbours are alike, and the coolant; external_heat: heaters, ovens, fire
heat_network heat where they are not, at any step; heat_links: what leads where; barriers: sheets
             and lines of sight; heat_spec: both, and cooling devices, as plain numbers
layers       heat through the thickness of cells; layer_links: what each layer touches
cooling      pump, fan, valve, chiller and heater, which follow the BMS's duties
runaway      cells that react, short and lose matter; runaway_cells: bound to a plant; burning: what
             one node goes through; layer_reactions: how cells of several layers run away;
             runaway_places: where all that is kept
milestones   what follows from it for good, and the log of it; milestone_places: where it is kept
absorption   what cells throw out, handed to those in line of sight and to the gas
venting      what leaves the cells; gas: what fills a module; enclosure: its housing, its arrays
condensing   solvent vapour on the walls of a module, and out of its gas
flows        energy and charge of a step, added up for the ledger
plant        one step: refresh, port, supply, advance, heat, react, guard, book
pace         how long the next step is
notice       what a plant did by itself; telling: how it finds out
macro        several steps in one compiled call, bit-equal; aftermath: what each ends with;
             compiled: bound to a plant; blocks: each through a whole step while it is in the cache
sensors      the sensors of a pack; sensing: their sampling, compiled
stock        what a plant holds, and the balances struck on it for the ledger
rows         numbers copied from where they live into a row of a block
calibration  a loop of known work, for `twin bench`
"""
