"""Checks between the sections of a scenario: clocks, places, names and sizes.

Each check reads what it needs from the parts that are valid by themselves, so that all problems of
a file are reported at once, whatever else is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from twin.scenarios.fault_windows import (
    SENSOR_CHANNELS,
    TRIGGER_CHANNELS,
    FaultSection,
    Place,
    place_levels,
)
from twin.scenarios.lumping import lumping
from twin.scenarios.plant_fault_sections import RailResistance
from twin.scenarios.sections import Sensors, Site
from twin.scenarios.sensor_fault_sections import (
    MessageLoss,
    SensorDelay,
    SensorFault,
    SensorsSwapped,
    section_of,
)
from twin.scenarios.units import ticks

KeyPath = tuple[str | int, ...]
Inconsistency = tuple[KeyPath, str]

# A lithium-ion group never exceeds this at its terminals (assumed; the highest of the common
# chemistries), so a PCS that needs more than all groups together give can never run.
GROUP_VOLTAGE_MAX_V = 4.5
GROUP_VOLTAGE_NOMINAL_V = 3.6  # of common lithium-ion cells (assumed)
BMS_PERIOD_MAX_S = 1.5  # two periods fit into the 3 s after which limits count as zero
SPREAD_REACH = 4.0  # standard deviations that the initial SOC of a population is checked for


class Parts:
    """The valid parts of a scenario by key; `missing` raises nothing but skips the check.

    `faults` holds None in place of an invalid entry.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def get(self, *names: str) -> list[Any]:
        """Return the named parts; None for one that is absent or invalid."""
        return [self._values.get(name) for name in names]


def inconsistencies(parts: Parts) -> list[Inconsistency]:
    """Return every contradiction between valid parts, as key path and text.

    Parameters
    ----------
    parts : Parts
        The valid sections and values of a scenario.

    Returns
    -------
    list of (key path, text)
    """
    checks: tuple[Callable[[Parts], Iterator[Inconsistency]], ...] = (
        _clock, _periods, _delays, _sensor_delays, _scan, _thermistors, _bms_period, _spread,
        _unequal_racks, _fuses, _cid, _layout, _pcs_voltage, _demand, _fault_names, _fault_times,
        _fault_places, _rails, _lumping,
    )  # fmt: skip
    return [found for check in checks for found in check(parts)]


def _is_multiple(time_s: float, unit_s: float) -> bool:
    """Return whether a time is a whole number of ticks and of units."""
    try:
        return ticks(time_s) % ticks(unit_s) == 0
    except (ValueError, ZeroDivisionError):
        return False


def _is_whole(time_s: float) -> bool:
    try:
        ticks(time_s)
    except ValueError:
        return False
    return True


def _show(time_s: float) -> str:
    """Return a time as people write it."""
    if time_s < 1.0:
        return f"{time_s * 1e3:g} ms"
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if time_s >= size and time_s % size == 0.0:
            return f"{time_s / size:g} {unit}"
    return f"{time_s:g} s"


def _clock(parts: Parts) -> Iterator[Inconsistency]:
    step, alert, duration = parts.get("step", "alert_step", "duration")
    for key, value in (("step", step), ("alert_step", alert)):
        if value is not None and not _is_whole(value):
            yield (key,), f"{_show(value)} is not a multiple of 1 ms, the simulator's clock"
    if step is None or not _is_whole(step):
        return
    if alert is not None and alert > step:
        yield ("alert_step",), f"{_show(alert)} is longer than the step {_show(step)}"
    if duration is not None and not _is_multiple(duration, step):
        yield ("duration",), f"{_show(duration)} is not a multiple of the step {_show(step)}"


def _all_periods(parts: Parts) -> Iterator[tuple[KeyPath, float]]:
    cell, sensors, bms, ems, record = parts.get("cell", "sensors", "bms", "ems", "record")
    if cell is not None:
        yield ("cell", "table_refresh"), cell.table_refresh
    if sensors is not None:
        for name in Sensors.model_fields:
            sensor = getattr(sensors, name)
            if sensor is not None:
                yield ("sensors", name, "period"), sensor.period
    for name, controller in (("bms", bms), ("ems", ems)):
        if controller is not None:
            yield (name, "period"), controller.period
    if record is not None:
        for name in ("period", "block", "checkpoint"):
            yield ("record", name), getattr(record, name)


def _periods(parts: Parts) -> Iterator[Inconsistency]:
    step, record = parts.get("step", "record")
    if step is not None and _is_whole(step):
        for path, period in _all_periods(parts):
            if period < step:
                yield path, f"{_show(period)} is shorter than the step {_show(step)}"
            elif not _is_multiple(period, step):
                yield path, f"{_show(period)} is not a multiple of the step {_show(step)}"
    if record is not None and record.block < record.period:
        text = f"{_show(record.block)} is shorter than record.period {_show(record.period)}"
        yield ("record", "block"), text


def _delays(parts: Parts) -> Iterator[Inconsistency]:
    wiring, pcs = parts.get("wiring", "pcs")
    delays = []
    if wiring is not None:
        delays.append((("wiring", "contactor", "delay"), wiring.contactor.delay))
    if pcs is not None:
        delays.append((("pcs", "delay"), pcs.delay))
    for path, delay in delays:
        if not _is_whole(delay):
            yield path, f"{_show(delay)} is not a multiple of 1 ms, the simulator's clock"


def _sensor_delays(parts: Parts) -> Iterator[Inconsistency]:
    (sensors,) = parts.get("sensors")
    for name, sensor in () if sensors is None else sensors:
        if sensor is None or not sensor.delay:
            continue
        periods = sensor.delay / sensor.period
        if abs(periods - round(periods)) > 1e-9:
            yield (
                ("sensors", name, "delay"),
                f"{_show(sensor.delay)} is not a multiple of the sensor's period "
                f"({_show(sensor.period)})",
            )


def _thermistors(parts: Parts) -> Iterator[Inconsistency]:
    sensors, site = parts.get("sensors", "site")
    if sensors is None or site is None:
        return
    per_group = sensors.temperature.per == "group"
    room = site.cells_per_group if per_group else site.groups_per_module
    if sensors.temperature.count > room:
        yield (
            ("sensors", "temperature", "count"),
            f"{sensors.temperature.count} thermistors do not fit: at most {room}, one for each "
            f"{'cell of a group' if per_group else 'group of a module'}",
        )


def _bms_period(parts: Parts) -> Iterator[Inconsistency]:
    (bms,) = parts.get("bms")
    if bms is not None and bms.period > BMS_PERIOD_MAX_S:
        yield (
            ("bms", "period"),
            f"{_show(bms.period)} is too long: limits older than 3 s count as zero; expected at "
            f"most {_show(BMS_PERIOD_MAX_S)}",
        )


def _spread(parts: Parts) -> Iterator[Inconsistency]:
    (cell,) = parts.get("cell")
    if cell is None or cell.spread.initial_soc == 0.0:
        return
    reach = SPREAD_REACH * cell.spread.initial_soc
    starts = [cell.initial_soc, *(o.initial_soc for o in cell.racks if o.initial_soc is not None)]
    for start in starts:
        if start - reach < 0.0 or start + reach > 1.0:
            yield (
                ("cell", "spread", "initial_soc"),
                f"{cell.spread.initial_soc:g} puts cells outside 0 to 1 around initial_soc "
                f"{start:g}; {SPREAD_REACH:g} standard deviations must fit",
            )


def _unequal_racks(parts: Parts) -> Iterator[Inconsistency]:
    cell, site = parts.get("cell", "site")
    if cell is None or site is None:
        return
    seen: set[int] = set()
    for index, other in enumerate(cell.racks):
        path: KeyPath = ("cell", "racks", index, "rack")
        if other.rack > site.racks:
            yield path, f"{other.rack} does not exist; the site has {site.racks}, counted from 1"
        if other.rack in seen:
            yield path, f"{other.rack} is there twice; give all that differs in one entry"
        seen.add(other.rack)


def _fuses(parts: Parts) -> Iterator[Inconsistency]:
    """A fuse must carry its part of the PCS's rated power at the nominal voltage of the cells."""
    wiring, pcs, site = parts.get("wiring", "pcs", "site")
    kinds = () if wiring is None else (("fuse", "rack"), ("cell_fuse", "cell"))
    for key, owner in kinds:
        fuse, path = getattr(wiring, key), ("wiring", key)
        if fuse is not None and fuse.least_melting_current < fuse.rating:
            yield (
                (*path, "least_melting_current"),
                f"{fuse.least_melting_current:g} A is below the rating of {fuse.rating:g} A, which "
                "the fuse must carry for ever",
            )
        if fuse is None or pcs is None or site is None:
            continue
        parallel = site.racks * (site.cells_per_group if key == "cell_fuse" else 1)
        nominal_A = pcs.rated_power / (parallel * site.groups_per_rack * GROUP_VOLTAGE_NOMINAL_V)
        if fuse.rating < nominal_A:
            yield (
                (*path, "rating"),
                f"{fuse.rating:g} A is below the nominal current: {pcs.rated_power:g} W of the PCS "
                f"is {nominal_A:.3g} A a {owner} at {GROUP_VOLTAGE_NOMINAL_V:g} V a group",
            )


def _cid(parts: Parts) -> Iterator[Inconsistency]:
    (cell,) = parts.get("cell")
    if cell is not None and cell.cid and cell.cid.temperature <= cell.initial_temperature:
        text = f"{cell.cid.temperature - 273.15:g} degC is not above cell.initial_temperature"
        yield ("cell", "cid", "temperature"), f"{text}: every cell would open at once"


def _layout(parts: Parts) -> Iterator[Inconsistency]:
    site, layout = parts.get("site", "layout")
    if site is not None and layout is not None and layout.columns > site.groups_per_module:
        text = f"{layout.columns} columns, but a module has {site.groups_per_module} groups"
        yield ("layout", "columns"), text


def _pcs_voltage(parts: Parts) -> Iterator[Inconsistency]:
    site, pcs = parts.get("site", "pcs")
    if site is None or pcs is None:
        return
    highest = GROUP_VOLTAGE_MAX_V * site.groups_per_rack
    if pcs.voltage_min >= highest:
        yield (
            ("pcs", "voltage_min"),
            f"{pcs.voltage_min:g} V is never reached: {site.groups_per_rack} groups in series give "
            f"at most {highest:g} V",
        )


def _demand(parts: Parts) -> Iterator[Inconsistency]:
    surroundings, duration = parts.get("environment", "duration")
    if surroundings is None:
        return
    demand = surroundings.demand
    if demand is None and surroundings.load is None and surroundings.pv is None:
        text = "nothing loads the pack; give 'demand', or 'load' and 'pv'"
        yield ("environment",), text
    if demand is not None and demand.kind == "steps" and not demand.repeat:
        total = sum(step.duration for step in demand.steps)
        if duration is not None and total < duration:
            text = f"last {_show(total)}, the run {_show(duration)}; add steps or 'repeat: true'"
            yield ("environment", "demand", "steps"), text


def _faults(parts: Parts) -> Iterator[tuple[int, FaultSection]]:
    (faults,) = parts.get("faults")
    for index, fault in enumerate(faults or ()):
        if fault is not None:
            yield index, fault


def _fault_names(parts: Parts) -> Iterator[Inconsistency]:
    seen: dict[str, int] = {}
    for index, fault in _faults(parts):
        first = seen.setdefault(fault.name, index)
        if first != index:
            text = f"'{fault.name}' is also the name of fault number {first + 1}; names must differ"
            yield ("faults", index, "name"), text


def _fault_times(parts: Parts) -> Iterator[Inconsistency]:
    (duration,) = parts.get("duration")
    for index, fault in _faults(parts):
        for key, value in (("from", fault.from_), ("until", fault.until)):
            if value is not None and not _is_whole(value):
                text = f"{_show(value)} is not a multiple of 1 ms, the simulator's clock"
                yield ("faults", index, key), text
        if fault.from_ is not None and duration is not None and fault.from_ >= duration:
            text = f"{_show(fault.from_)} is not before the end of the run at {_show(duration)}"
            yield ("faults", index, "from"), text


def _lumping(parts: Parts) -> Iterator[Inconsistency]:
    resolution, site, cell, faults = parts.get("resolution", "site", "cell", "faults")
    yield from lumping(resolution, site, cell, faults or ())


def _fault_places(parts: Parts) -> Iterator[Inconsistency]:
    site, sensors = parts.get("site", "sensors")
    if site is None or sensors is None:
        return
    for index, fault in _faults(parts):
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
    for index, fault in _faults(parts):
        if isinstance(fault, RailResistance) and wiring is not None and wiring.rail is None:
            yield ("faults", index, "rail"), "the groups have no rails; add wiring.rail"
        elif isinstance(fault, RailResistance) and site and fault.at.cell == site.cells_per_group:
            text = f"{fault.at.cell} is the last of its group; no segment leads on from there"
            yield ("faults", index, "at", "cell"), text


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
        if sensor is not None and not _is_multiple(fault.delay, sensor.period):
            text = f"{_show(fault.delay)} is not a multiple of the sensor's period "
            yield ("faults", index, "delay"), f"{text}({_show(sensor.period)})"
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


def _scan(parts: Parts) -> Iterator[Inconsistency]:
    sensors, site, step = parts.get("sensors", "site", "step")
    if sensors is None or site is None or step is None:
        return
    scan = (site.groups_per_module - 1) * sensors.group_voltage.skew
    if scan > step * (1.0 + 1e-9):
        yield (
            ("sensors", "group_voltage", "skew"),
            f"a scan of {site.groups_per_module} groups takes {_show(scan)}, longer than the step "
            f"{_show(step)}",
        )
