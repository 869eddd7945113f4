"""Pages: one self-contained HTML report of a run, and the drawings of pack and run.

report      the page                       facts      reads the run once
verdicts    alarms against the answer key  wording    sentences       tables   tables
mechanism   what happened, close up: key_moments chooses (moments, cell_moments), switch_rows draws
            the switches
timeline, lanes  the main figure           cell_map   the pack at its worst moment
plots       style and overview; the one place of matplotlib    pack_drawing   before a run
verdict_table  alarms beside the answer key                    output         whole files or none
runaway     the section on thermal runaway: runaway_map, runaway_figures draw, outcome_rows tells
scrubber    maps of temperature that move through time         futures        runs side by side
"""
