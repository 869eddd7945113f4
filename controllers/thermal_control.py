"""Pump, fan, chiller and heater: proportional to how warm or cold the site is.

Deliberately plain: a duty rises linearly over a few kelvin of the hottest thermistor. Without any
valid temperature everything that cools runs and nothing heats.
"""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, model_validator

from controllers.ports import BmsCommand

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


def _duty(temperature_K: float, band: Band) -> float:
    return min(max((temperature_K - band[0]) / (band[1] - band[0]), 0.0), 1.0)


def control_temperature(
    command: BmsCommand, coldest_K: float, hottest_K: float, options: ThermalOptions
) -> None:
    """Set the thermal duties of the command from the extremes of all thermistors.

    Parameters
    ----------
    command : BmsCommand
        Written.
    coldest_K, hottest_K : float
        [K]; NaN when no thermistor is valid.
    options : ThermalOptions
    """
    if math.isnan(hottest_K):
        command.pump = command.fan = command.valve = command.chiller = 1.0
        command.heater = 0.0
        return
    command.pump = max(_duty(hottest_K, options.pump_K), options.pump_min)
    command.fan = _duty(hottest_K, options.fan_K)
    command.chiller = _duty(hottest_K, options.chiller_K)
    command.heater = 1.0 - _duty(coldest_K, options.heater_K)
    command.valve = 1.0 if command.chiller > 0.0 else 0.0
