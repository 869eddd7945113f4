"""The protection table: what is watched, where it trips, for how long, and what follows.

One row is one rule: a quantity, a comparator, a threshold, a debounce, a delay before the reaction,
a value at which it clears, and a severity. The same quantity appears in several rows, the tiers of
one protection (warning, derate, stop or open). The default rows are in `limit_rows.py`; a scenario
overrides single rows through ``options: {protection: {code: {threshold: …}}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from controllers.ports import AlarmScope, Floats, Ints, PackMap, Severity

GROUP, SENSOR, RACK, SITE = AlarmScope.GROUP, AlarmScope.SENSOR, AlarmScope.RACK, AlarmScope.SITE
Gate = Literal["always", "charging", "discharging"]
Direction = Literal["both", "charge", "discharge"]

# Every quantity that rows can watch, and what its entries count.
QUANTITIES: dict[str, AlarmScope] = {
    "voltage_V": GROUP,
    "voltage_lost_s": GROUP,
    "below_median_V": GROUP,
    "above_median_V": GROUP,
    "temperature_K": SENSOR,
    "temperature_lost_s": SENSOR,
    "heating_K_per_s": SENSOR,  # as measured
    "unexplained_K_per_s": SENSOR,  # less what the current explains
    "runaway_K_per_s": SENSOR,  # where it is hot, or the voltage has collapsed
    "charge_ratio": RACK,  # current over the data-sheet limit
    "discharge_ratio": RACK,
    "charge_excess": RACK,  # above the limit sent, in parts of the rating; by both sensors
    "discharge_excess": RACK,
    "voltage_spread_V": RACK,
    "temperature_spread_K": RACK,
    "sum_mismatch": RACK,
    "current_mismatch": RACK,
    "current_lost_s": RACK,
    "current_alone_s": RACK,  # how long one of its two current sensors has been silent
    "thermistors_lost": RACK,
    "open_current": RACK,
    "contactor_mismatch": RACK,
    "precharge_failed": RACK,
    "fuse_blown": RACK,
    "insulation_ohm": RACK,
    "gas_ppm": RACK,
    "interlock_open": SITE,
    "emergency_stop": SITE,
    "supply_V": SITE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rule of the table.

    Attributes
    ----------
    code : str
        Unique name, and the code of its alarms.
    quantity : str
        One of `QUANTITIES`; SI.
    above : bool
        Trips above the threshold, else below it.
    threshold, clear : float
        Trips beyond `threshold`; counts back at or within `clear`. In the unit of the quantity.
    debounce_s : float
        How long the condition must hold [s].
    delay_s : float
        From the alarm to the reaction [s].
    severity : Severity
    direction : {'both', 'charge', 'discharge'}
        Which limit a DERATE takes: one direction to zero, both by half.
    gate : {'always', 'charging', 'discharging'}
        Only evaluated while the rack's current has that sign.
    text : str
        What the alarm says of the component, with ``{value}`` and ``{limit}``.
    """

    code: str
    quantity: str
    above: bool
    threshold: float
    clear: float
    debounce_s: float
    delay_s: float
    severity: Severity
    direction: Direction = "both"
    gate: Gate = "always"
    text: str = ""


class RowOverride(BaseModel):
    """What a scenario may change in one row; what is not named stays.

    Attributes
    ----------
    threshold, clear : float, optional
        In the SI unit of the row's quantity. A threshold alone moves `clear` with it.
    debounce_s, delay_s : float, optional
        [s]
    severity : str, optional
        Name of a `Severity`, any case.
    enabled : bool
        False drops the row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float | None = Field(default=None, allow_inf_nan=False)
    clear: float | None = Field(default=None, allow_inf_nan=False)
    debounce_s: float | None = Field(default=None, ge=0.0, le=86400.0)
    delay_s: float | None = Field(default=None, ge=0.0, le=86400.0)
    severity: Literal["info", "warning", "derate", "stop", "open", "latched"] | None = None
    enabled: bool = True


def override_rows(
    rows: tuple[Row, ...], overrides: Mapping[str, RowOverride | dict[str, Any]]
) -> tuple[Row, ...]:
    """Apply a scenario's changes to the table.

    Parameters
    ----------
    rows : tuple of Row
    overrides : mapping of code to RowOverride

    Returns
    -------
    tuple of Row

    Raises
    ------
    ValueError
        On a code that is not in the table (all codes are named), or a `clear` beyond its threshold.
    """
    codes = [row.code for row in rows]
    unknown = sorted(set(overrides) - set(codes))
    if unknown:
        raise ValueError(f"protection: no row {unknown[0]!r}; the rows are {', '.join(codes)}")
    out: list[Row] = []
    for row in rows:
        change = RowOverride.model_validate(overrides.get(row.code, {}))
        if not change.enabled:
            continue
        values = change.model_dump(exclude_none=True, exclude={"enabled", "severity"})
        if "threshold" in values and "clear" not in values:
            values["clear"] = row.clear + values["threshold"] - row.threshold
        if change.severity is not None:
            values["severity"] = Severity[change.severity.upper()]
        row = replace(row, **values)
        if (row.clear > row.threshold) if row.above else (row.clear < row.threshold):
            side = "above" if row.above else "below"
            raise ValueError(
                f"protection.{row.code}: it trips {side} {row.threshold}, so it cannot clear at "
                f"{row.clear}"
            )
        out.append(row)
    return tuple(out)


def allocate_quantities(pack: PackMap) -> tuple[Floats, dict[str, Floats]]:
    """Allocate one flat buffer for all quantities, and a named slice of it for each.

    Parameters
    ----------
    pack : PackMap

    Returns
    -------
    buffer : float64 (n,)
    named : dict of str to float64 array
        Views of `buffer`, in the order of `QUANTITIES`.
    """
    counts = {
        GROUP: pack.n_groups,
        SENSOR: pack.n_temperatures,
        RACK: pack.n_racks,
        SITE: 1,
    }
    total = sum(counts[scope] for scope in QUANTITIES.values())
    buffer, named, start = np.full(total, np.nan), {}, 0
    for name, scope in QUANTITIES.items():
        named[name] = buffer[start : start + counts[scope]]
        start += counts[scope]
    return buffer, named


def quantity_starts(named: dict[str, Floats]) -> Ints:
    """Return where every quantity begins in the buffer, and its end, int64 (n + 1,).

    Parameters
    ----------
    named : dict of str to float64 array
        From `allocate_quantities`.
    """
    return np.cumsum([0, *(len(values) for values in named.values())]).astype(np.int64)
