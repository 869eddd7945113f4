"""Run files: what a run leaves behind, written as it goes and read back.

layout              axes, channels, tables, errors
recorder            rows into blocks
hdf5, guarded_file  writing, safe against accidents
reader, results     reading
compare             runs side by side
"""
