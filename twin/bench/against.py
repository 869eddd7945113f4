"""New figures beside old ones: is anything slower than a machine's mood explains?"""

from __future__ import annotations

from typing import Any

TOLERANCE = 0.30
"""Relative. Figures are held as ratios to the calibration loop of their own run; on a quiet machine
they repeat within 5 %, on a shared one within 30 % (measured: a neighbour takes cache and memory
bandwidth, which the calibration loop does not feel)."""


def against(new: dict[str, Any], old: dict[str, Any]) -> list[tuple[str, float, bool]]:
    """Return, figure by figure that both have, the cost relative to the old one, and if it holds.

    Parameters
    ----------
    new, old : dict
        As `twin.bench.figures.measure` gave them.

    Returns
    -------
    list of (name, relative cost, holds)
        Cost is the ratio to the calibration where there is one, else the value itself.
    """
    before = {figure["name"]: figure for figure in old.get("figures", ())}
    found = []
    for figure in new["figures"]:
        if figure["name"] in before:
            relative = _cost(figure) / _cost(before[figure["name"]])
            found.append((figure["name"], relative, relative <= 1.0 + TOLERANCE))
    return found


def _cost(figure: dict[str, Any]) -> float:
    ratio = figure["ratio"]
    if ratio is not None:
        return float(ratio)
    value = float(figure["value"])
    return 1.0 / value if figure["more_is_better"] else value
