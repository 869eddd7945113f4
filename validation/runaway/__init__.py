"""Thermal runaway against what is known: solutions on paper, other codes, published ovens.

cases       every benchmark as a function of its physical conditions: `twin validate runaway --case`
line        nodes in a line, driven by the kernels alone, with an audit from outside
cells       one cell: inventory, adiabatic, oven, internal short, two one-step reactions
chains      cells that heat each other: a stack with contact resistances, two chains
solutions   a wall, a lump, a ramp, a can that empties itself
event       one cell of a pack that is heated until it runs away, by the whole model
claims      what is claimed, with limits: `twin validate runaway`
figure      an oven and a chain, drawn
databank    such events over the charge against 365 measured ones: `twin validate databank`
databank_figure  the same, drawn
"""
