"""Run files: what a run leaves behind, written as it goes and read back.

layout              axes, channels, tables, errors
recorder            rows into blocks, blocks into the file
block               rows in memory: tables filled by a compiled copy
behind              a block goes to the disk while the next one fills
hdf5                the file; column writes its chunks, guarded_file survives accidents
reader, results     reading
compare             runs side by side
lumping             what was lumped and what it costs, in words
"""
