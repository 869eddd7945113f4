"""What each fault of a sensor writes on the overlay; `twin.faults` says when.

A write is a function of the scenario's section, of the places it concerns and of the time since the
fault came, and of nothing else: written again at any later time, or by another process, it gives
the same numbers. Faults at one place add up where the quantity adds up (offset, gain, drift, delay;
the variances of noise; the chances of a lost sample), the strongest wins for quantiser and lag, and
the last one of the file for spikes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packs.overlay import (
    AIR,
    DELAY,
    GAIN,
    KEEP,
    LOST,
    NOISE,
    OFFSET,
    RESOLUTION,
    SILENT,
    SPIKE,
    SPIKE_CHANCE,
    STUCK,
    SWAP,
)
from packs.sensors import Sensors
from twin.scenarios.fault_windows import (
    FaultSection,
    Place,
)
from twin.scenarios.sections import Sensors as SensorsSection
from twin.scenarios.sections import Site, Thermistors
from twin.scenarios.sensor_fault_sections import (
    AfeDrift,
    MessageLoss,
    SensorDelay,
    SensorDrift,
    SensorFault,
    SensorGain,
    SensorLost,
    SensorNoise,
    SensorOffset,
    SensorResolution,
    SensorSpike,
    SensorsSwapped,
    SensorStuck,
    ThermistorDetached,
    section_of,
)

SENSOR_KINDS = {
    "group_voltage": "group_voltage_V",
    "temperature": "temperature_K",
    "rack_current": "rack_current_A",
    "rack_current_b": "rack_current_b_A",
    "rack_voltage": "rack_voltage_V",
    "bus_voltage": "bus_voltage_V",
    "coolant_inlet": "coolant_inlet_K",
    "coolant_outlet": "coolant_outlet_K",
    "ambient": "ambient_K",
    "insulation": "insulation_ohm",
    "coolant_flow": "coolant_flow_kg_per_s",
    "module_pressure": "module_pressure_Pa",
    "module_gas": "module_gas_ppm",
}
"""Channel names of a scenario's sensor faults, and the kind of sensor they mean."""

SensorWrite = Callable[[Any, float], None]
"""Writes on the overlay, given the time since the fault came [s]."""


def is_sensor_fault(fault: FaultSection) -> bool:
    """Return whether a fault is one of sensors."""
    return isinstance(fault, SensorFault | ThermistorDetached | AfeDrift | MessageLoss)


def grows(fault: FaultSection) -> bool:
    """Return whether what a fault writes changes while it is active."""
    return isinstance(fault, SensorDrift | AfeDrift)


def sensor_writer(
    fault: Any, site: Site, thermistors: Thermistors, sensors: Sensors
) -> SensorWrite:
    """Return what one fault of sensors writes on the overlay.

    Parameters
    ----------
    fault : FaultSection
        For which `is_sensor_fault` holds.
    site, thermistors : Site, Thermistors
        To turn places into indices.
    sensors : Sensors
    """
    places = _places(fault, site, thermistors, sensors)
    if isinstance(fault, SensorDelay):
        samples = round(fault.delay / sensors.period_s(SENSOR_KINDS[fault.channel]))
        return lambda overlay, _: _delay(overlay, places, samples)
    if isinstance(fault, ThermistorDetached):
        keep = math.exp(-sensors.period_s("temperature_K") / fault.lag)
        return lambda overlay, _: _detach(overlay, places, keep, 1.0 - fault.contact)
    write = WRITES[type(fault)]
    return lambda overlay, elapsed_s: write(overlay, places, fault, elapsed_s)


def extra_delay(faults: Sequence[FaultSection], sections: SensorsSection) -> dict[str, int]:
    """Return, by kind, the samples of delay that the faults of a scenario add at most."""
    found: dict[str, int] = {}
    for fault in faults:
        if isinstance(fault, SensorDelay):
            period_s = getattr(sections, section_of(fault.channel)).period
            kind = SENSOR_KINDS[fault.channel]
            found[kind] = found.get(kind, 0) + round(fault.delay / period_s)
    return found


def place_of_sensor(at: Place, kind: str, site: Site, thermistors: Thermistors) -> int:
    """Return which one of its kind the sensor at a place is, from 0."""
    if kind.startswith("group_"):
        return at.group_index(site)
    if kind.startswith("module_"):
        return at.module_index(site)
    if kind.startswith("temperature"):
        return at.thermistor_index(site, thermistors)
    return at.rack_index()


def _places(
    fault: Any, site: Site, thermistors: Thermistors, sensors: Sensors
) -> NDArray[np.int64]:
    """Return the sensors that a fault concerns, as indices into the flat array."""
    if isinstance(fault, AfeDrift):
        n, first = site.groups_per_module, sensors.slices["group_voltage_V"].start
        return first + fault.at.module_index(site) * n + np.arange(n)
    if isinstance(fault, MessageLoss):
        return np.concatenate([_of_rack(fault, name, site, sensors) for name in fault.channels])
    kind = SENSOR_KINDS["temperature" if isinstance(fault, ThermistorDetached) else fault.channel]
    ats = [fault.at, fault.with_] if isinstance(fault, SensorsSwapped) else [fault.at]
    first = sensors.slices[kind].start
    return np.array([first + place_of_sensor(at, kind, site, thermistors) for at in ats])


def _of_rack(fault: MessageLoss, channel: str, site: Site, sensors: Sensors) -> NDArray[np.int64]:
    """Return the sensors of one channel in the fault's rack, or all of them."""
    at = sensors.slices[SENSOR_KINDS[channel]]
    found = np.arange(at.start, at.stop)
    if fault.at.rack is None:
        return found
    return found.reshape(site.racks, -1)[fault.at.rack_index()]


# --- what each kind writes -----------------------------------------------------------------------


def _offset(overlay: Any, k: Any, fault: SensorOffset, _: float) -> None:
    overlay.sensor[OFFSET, k] += fault.offset


def _gain(overlay: Any, k: Any, fault: SensorGain, _: float) -> None:
    overlay.sensor[GAIN, k] += fault.gain


def _drift(overlay: Any, k: Any, fault: SensorDrift | AfeDrift, elapsed_s: float) -> None:
    limit = math.inf if fault.limit is None else fault.limit
    grown = fault.drift * (elapsed_s / fault.per)
    overlay.sensor[OFFSET, k] += min(max(grown, -limit), limit)


def _stuck(overlay: Any, k: Any, fault: SensorStuck, _: float) -> None:
    overlay.sensor_switch[STUCK, k] = 1


def _spike(overlay: Any, k: Any, fault: SensorSpike, _: float) -> None:
    overlay.sensor[SPIKE, k] = fault.size
    overlay.sensor[SPIKE_CHANCE, k] = fault.probability


def _noise(overlay: Any, k: Any, fault: SensorNoise, _: float) -> None:
    overlay.sensor[NOISE, k] = np.hypot(overlay.sensor[NOISE, k], fault.noise)


def _lost(overlay: Any, k: Any, fault: SensorLost, _: float) -> None:
    overlay.sensor[LOST, k] = 1.0 - (1.0 - overlay.sensor[LOST, k]) * (1.0 - fault.probability)


def _resolution(overlay: Any, k: Any, fault: SensorResolution, _: float) -> None:
    overlay.sensor[RESOLUTION, k] = np.maximum(overlay.sensor[RESOLUTION, k], fault.resolution)


def _swap(overlay: Any, k: Any, fault: SensorsSwapped, _: float) -> None:
    """Exchange what two channels are wired to, whatever that is by now."""
    here, there = (int(place) for place in k)
    swap = overlay.sensor_switch[SWAP]
    mine, other = here + swap[here], there + swap[there]
    swap[here], swap[there] = other - here, mine - there


def _silence(overlay: Any, k: Any, fault: MessageLoss, _: float) -> None:
    overlay.sensor_switch[SILENT, k] = 1


def _delay(overlay: Any, k: Any, samples: int) -> None:
    overlay.sensor_switch[DELAY, k] += samples


def _detach(overlay: Any, k: Any, keep: float, air: float) -> None:
    overlay.sensor[KEEP, k] = np.maximum(overlay.sensor[KEEP, k], keep)
    overlay.sensor[AIR, k] = np.maximum(overlay.sensor[AIR, k], air)


WRITES: dict[type, Callable[[Any, Any, Any, float], None]] = {
    SensorOffset: _offset,
    SensorGain: _gain,
    SensorDrift: _drift,
    AfeDrift: _drift,
    SensorStuck: _stuck,
    SensorSpike: _spike,
    SensorNoise: _noise,
    SensorLost: _lost,
    SensorResolution: _resolution,
    SensorsSwapped: _swap,
    MessageLoss: _silence,
}
