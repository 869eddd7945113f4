"""Pump, fan, chiller and heater: proportional to how warm or cold the site is.

Deliberately plain: a duty rises linearly over a few kelvin of the hottest thermistor. Without any
valid temperature everything that cools runs and nothing heats.
"""

from __future__ import annotations

import math

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from cell_models.jit import kernel
from controllers.ports import Floats

Band = tuple[float, float]


class ThermalOptions(BaseModel):
    """Bands over which the duties go from 0 to 1 [K]; all assumed.

    Attributes
    ----------
    pump_K, fan_K, chiller_K : tuple of two floats
        Over the hottest thermistor.
    heater_K : tuple of two floats
        Over the coldest: full at the lower, off at the upper.
    pump_min : float
        Duty that the pump never falls below.
    request_K : float
        Above this the BMS asks the EMS to cool.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pump_K: Band = (293.15, 303.15)
    fan_K: Band = (298.15, 308.15)
    chiller_K: Band = (301.15, 308.15)
    heater_K: Band = (275.15, 281.15)
    pump_min: float = 0.2
    request_K: float = 316.15

    @model_validator(mode="after")
    def _increasing(self) -> ThermalOptions:
        for name in ("pump_K", "fan_K", "chiller_K", "heater_K"):
            low, high = getattr(self, name)
            if not low < high:
                raise ValueError(f"thermal.{name}: {(low, high)} must increase")
        return self


@kernel
def duty(temperature_K, low_K, high_K):
    """Return how far a temperature lies within a band, 0 to 1."""
    return min(max((temperature_K - low_K) / (high_K - low_K), 0.0), 1.0)


@kernel
def control_temperature(coldest_K, hottest_K, bands, duties):
    """Set the duties of pump, fan, valve, chiller, heater from the extremes of all thermistors.

    `duties` (5,) is written. `bands`, as from `band_array`: low and high of pump, fan, chiller and
    heater [K], and the least duty of the pump. NaN when no thermistor is valid.
    """
    if math.isnan(hottest_K):
        duties[:] = 1.0
        duties[4] = 0.0
        return
    duties[0] = max(duty(hottest_K, bands[0], bands[1]), bands[8])
    duties[1] = duty(hottest_K, bands[2], bands[3])
    duties[3] = duty(hottest_K, bands[4], bands[5])
    duties[2] = 1.0 if duties[3] > 0.0 else 0.0
    duties[4] = 1.0 - duty(coldest_K, bands[6], bands[7])


def band_array(options: ThermalOptions) -> Floats:
    """Return the options as `control_temperature` takes them, float64 (9,).

    Parameters
    ----------
    options : ThermalOptions
    """
    o = options
    return np.array([*o.pump_K, *o.fan_K, *o.chiller_K, *o.heater_K, o.pump_min])
