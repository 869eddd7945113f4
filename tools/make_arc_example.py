"""Write the self-heating curve of the example `my_module`: `python tools/make_arc_example.py`.

No measurement: what a calorimeter (ARC) would see of the shipped reaction set `nmc_pouch`, which
was fitted to a 5 Ah pouch. Heat, wait, seek: steps of 5 K from 80 degC, each with a wait of 30 min,
until the cell heats itself by more than 0.02 K/min; from there on nothing is lost, and the rate is
written every 5 K up to its maximum. Heat of the cell's charge is left out, and added to the total.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cell_models.runaway_params import load_runaway_params
from validation.runaway.line import CELSIUS_K, follow, lone_cell

SET = "nmc_pouch"
FILE = Path(__file__).parents[1] / "twin" / "examples" / "my_module_arc.csv"
STEP_K, WAIT_S, DETECTED_K_PER_S = 5.0, 1800.0, 0.02 / 60.0
HEADER = f"""\
# Self-heating of a 5 Ah NMC pouch cell, fully charged. NOT A MEASUREMENT: computed from the
# reaction set {SET} (Coman 2017, Cai 2019, Tran 2024) as an accelerating rate calorimeter would
# see it, in steps of 5 K up to the first self-heating above 0.02 K/min. Put your own file here.
temperature_degC,rate_K_per_min
"""


def main() -> None:
    """Write the file."""
    line = lone_cell(load_runaway_params(SET), 80.0 + CELSIUS_K, electrical=False, gate_K=300.0)
    while True:
        before_K = line.temperature_K[0]
        history = follow(line, WAIT_S, 60.0)
        if history.temperature_K[-1, 0] - history.temperature_K[-2, 0] > 60.0 * DETECTED_K_PER_S:
            break
        line.temperature_K[0] = before_K + STEP_K
    history = follow(line, 1e6, 60.0)
    T = history.temperature_K[:, 0]
    rate, middle = np.diff(T) / np.diff(history.time_s), 0.5 * (T[1:] + T[:-1])
    fastest = int(np.argmax(rate))
    first = STEP_K * np.ceil((middle[0] - CELSIUS_K) / STEP_K)
    degC = np.arange(first, middle[fastest] - CELSIUS_K, STEP_K)
    per_min = 60.0 * np.exp(np.interp(degC, middle - CELSIUS_K, np.log(rate)))
    rows = "".join(f"{t:g},{r:.4g}\n" for t, r in zip(degC, per_min, strict=True))
    FILE.write_text(HEADER + rows, encoding="utf-8")


if __name__ == "__main__":
    main()
