"""Checks of the faults of a scenario: names, times, places, and what they are of."""

from __future__ import annotations

from collections.abc import Iterator

from twin.scenarios.fault_windows import (
    SENSOR_CHANNELS,
    TRIGGER_CHANNELS,
    FaultSection,
    Place,
    place_levels,
)
from twin.scenarios.nail_path import nailed_cells
from twin.scenarios.parts import (
    Inconsistency,
    KeyPath,
    Parts,
    faults_of,
    is_multiple,
    is_whole,
    show,
)
from twin.scenarios.plant_fault_sections import Nail, Overcharge, RailResistance
from twin.scenarios.sections import Sensors, Site
from twin.scenarios.sensor_fault_sections import (
    MessageLoss,
    SensorDelay,
    SensorFault,
    SensorsSwapped,
    section_of,
)


def fault_inconsistencies(parts: Parts) -> Iterator[Inconsistency]:
    """Yield every contradiction of a fault with another part, as key path and text."""
    for check in (_fault_names, _fault_times, _fault_places, _rails, _nails, _chargers):
        yield from check(parts)


def _fault_names(parts: Parts) -> Iterator[Inconsistency]:
    seen: dict[str, int] = {}
    for index, fault in faults_of(parts):
        first = seen.setdefault(fault.name, index)
        if first != index:
            text = f"'{fault.name}' is also the name of fault number {first + 1}; names must differ"
            yield ("faults", index, "name"), text


def _fault_times(parts: Parts) -> Iterator[Inconsistency]:
    (duration,) = parts.get("duration")
    for index, fault in faults_of(parts):
        for key, value in (("from", fault.from_), ("until", fault.until)):
            if value is not None and not is_whole(value):
                text = f"{show(value)} is not a multiple of 1 ms, the simulator's clock"
                yield ("faults", index, key), text
        if fault.from_ is not None and duration is not None and fault.from_ >= duration:
            text = f"{show(fault.from_)} is not before the end of the run at {show(duration)}"
            yield ("faults", index, "from"), text


def _fault_places(parts: Parts) -> Iterator[Inconsistency]:
    site, sensors = parts.get("site", "sensors")
    if site is None or sensors is None:
        return
    for index, fault in faults_of(parts):
        path: KeyPath = ("faults", index, "at")
        at: Place = getattr(fault, "at", Place())
        yield from _place(path, at, fault.levels(), site, sensors)
        yield from _sensor_fault(index, fault, site, sensors)
        if fault.when is not None:
            levels = TRIGGER_CHANNELS[fault.when.channel].levels
            path = ("faults", index, "when", "at")
            yield from _place(path, fault.when.at, levels, site, sensors)


def _rails(parts: Parts) -> Iterator[Inconsistency]:
    wiring, site = parts.get("wiring", "site")
    for index, fault in faults_of(parts):
        if isinstance(fault, RailResistance) and wiring is not None and wiring.rail is None:
            yield ("faults", index, "rail"), "the groups have no rails; add wiring.rail"
        elif isinstance(fault, RailResistance) and site and fault.at.cell == site.cells_per_group:
            text = f"{fault.at.cell} is the last of its group; no segment leads on from there"
            yield ("faults", index, "at", "cell"), text


def _nails(parts: Parts) -> Iterator[Inconsistency]:
    """A nail ends in its module; that its place exists is checked by itself."""
    site, layout, sensors = parts.get("site", "layout", "sensors")
    if site is None or layout is None or sensors is None:
        return
    for index, fault in faults_of(parts):
        if not isinstance(fault, Nail):
            continue
        if any(_place((), fault.at, fault.levels(), site, sensors)):
            continue
        found = len(nailed_cells(fault, site, layout))
        if found < fault.through:
            yield (
                ("faults", index, "through"),
                f"{fault.through} cells do not lie {fault.towards} each other from there on: the "
                f"module ends after {found}; expected 1 to {found}, or another 'at' or 'towards'",
            )


def _chargers(parts: Parts) -> Iterator[Inconsistency]:
    (pcs,) = parts.get("pcs")
    for index, fault in faults_of(parts):
        if not isinstance(fault, Overcharge) or pcs is None or fault.power is None:
            continue
        if fault.power > pcs.rated_power:
            text = f"{fault.power:g} W is more than the PCS can take: expected at most "
            yield ("faults", index, "power"), f"{text}{pcs.rated_power:g} W (pcs.rated_power)"


def _place(
    path: KeyPath, at: Place, levels: tuple[str, ...], site: Site, sensors: Sensors
) -> Iterator[Inconsistency]:
    needed = place_levels(levels, sensors.temperature)
    sizes = {
        "rack": (site.racks, "the site", "rack"),
        "module": (site.modules_per_rack, "a rack", "module"),
        "group": (site.groups_per_module, "a module", "group"),
        "cell": (site.cells_per_group, "a group", "cell"),
        "sensor": (sensors.temperature.count, f"a {sensors.temperature.per}", "thermistor"),
    }
    missing = [level for level in needed if getattr(at, level) is None]
    if missing:
        yield path, f"lacks {', '.join(missing)}; this place needs {', '.join(needed)}"
    for level, (size, home, noun) in sizes.items():
        number = getattr(at, level)
        if number is None:
            continue
        if level not in (*needed, *levels):
            wanted = ", ".join(needed) or "no place at all"
            yield (*path, level), f"means nothing here; this place needs {wanted}"
        elif number > size:
            plural = "" if size == 1 else "s"
            text = f"{number} does not exist; {home} has {size} {noun}{plural}, counted from 1"
            yield (*path, level), text


def _sensor_fault(
    index: int, fault: FaultSection, site: Site, sensors: Sensors
) -> Iterator[Inconsistency]:
    if isinstance(fault, SensorFault):
        yield from _is_fitted((index, "channel"), fault.channel, sensors)
    if isinstance(fault, SensorDelay) and fault.channel in SENSOR_CHANNELS:
        sensor = getattr(sensors, section_of(fault.channel))
        if sensor is not None and not is_multiple(fault.delay, sensor.period):
            text = f"{show(fault.delay)} is not a multiple of the sensor's period "
            yield ("faults", index, "delay"), f"{text}({show(sensor.period)})"
    if isinstance(fault, SensorsSwapped):
        path: KeyPath = ("faults", index, "with")
        yield from _place(path, fault.with_, fault.levels(), site, sensors)
        if fault.with_ == fault.at:
            yield path, "is the place of 'at'; expected another one"
    if isinstance(fault, MessageLoss):
        for k, channel in enumerate(fault.channels):
            yield from _is_fitted((index, "channels", k), channel, sensors)
            if fault.levels() and not SENSOR_CHANNELS[channel].levels:
                text = f"'{channel}' belongs to no rack; leave out 'at', or this channel"
                yield ("faults", index, "channels", k), text


def _is_fitted(path: KeyPath, channel: str, sensors: Sensors) -> Iterator[Inconsistency]:
    section = section_of(channel)
    if channel in SENSOR_CHANNELS and getattr(sensors, section) is None:
        yield ("faults", *path), f"'{channel}' is not fitted; add sensors.{section}"
