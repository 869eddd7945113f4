"""The outcome of a run in which cells may run away, read from its file: `twin.results.what_if`.

tree    what there is to know, as frozen dataclasses; those of heat in heat_tree
source  the file opened once: channels, places, what its scenario says of the cells
cells   who ran away, when and in which order; the front; the closest survivor
heat    where heat came from and went, what warmed a neighbour, what neighbours fed a failed cell
gas     litres by species, pressure, share of the lower flammability limit
flags   what the BMS said first, by detector, and how long before
doubts  whether a close call is closer than what is assumed is known
words   the answers in sentences
"""
