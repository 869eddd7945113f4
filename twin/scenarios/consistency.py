"""Checks between the sections of a scenario: clocks, places, names and sizes.

Each check reads what it needs from the parts that are valid by themselves, so that all problems of
a file are reported at once, whatever else is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twin.scenarios.fault_consistency import fault_inconsistencies
from twin.scenarios.lumping import lumping
from twin.scenarios.parts import Inconsistency, KeyPath, Parts, is_multiple, is_whole, show
from twin.scenarios.sections import Sensors
from twin.scenarios.thermal_consistency import thermal_inconsistencies

# A lithium-ion group never exceeds this at its terminals (assumed; the highest of the common
# chemistries), so a PCS that needs more than all groups together give can never run.
GROUP_VOLTAGE_MAX_V = 4.5
GROUP_VOLTAGE_NOMINAL_V = 3.6  # of common lithium-ion cells (assumed)
BMS_PERIOD_MAX_S = 1.5  # two periods fit into the 3 s after which limits count as zero
SPREAD_REACH = 4.0  # standard deviations that the initial SOC of a population is checked for


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
        _unequal_racks, _fuses, _cid, _reactions, _layout, _pcs_voltage, _demand,
        fault_inconsistencies, _lumping, thermal_inconsistencies,
    )  # fmt: skip
    return [found for check in checks for found in check(parts)]


def _clock(parts: Parts) -> Iterator[Inconsistency]:
    step, alert, duration = parts.get("step", "alert_step", "duration")
    for key, value in (("step", step), ("alert_step", alert)):
        if value is not None and not is_whole(value):
            yield (key,), f"{show(value)} is not a multiple of 1 ms, the simulator's clock"
    if step is None or not is_whole(step):
        return
    if alert is not None and alert > step:
        yield ("alert_step",), f"{show(alert)} is longer than the step {show(step)}"
    if duration is not None and not is_multiple(duration, step):
        yield ("duration",), f"{show(duration)} is not a multiple of the step {show(step)}"


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
    if step is not None and is_whole(step):
        for path, period in _all_periods(parts):
            if period < step:
                yield path, f"{show(period)} is shorter than the step {show(step)}"
            elif not is_multiple(period, step):
                yield path, f"{show(period)} is not a multiple of the step {show(step)}"
    if record is not None and record.block < record.period:
        text = f"{show(record.block)} is shorter than record.period {show(record.period)}"
        yield ("record", "block"), text


def _delays(parts: Parts) -> Iterator[Inconsistency]:
    wiring, pcs = parts.get("wiring", "pcs")
    delays = []
    if wiring is not None:
        delays.append((("wiring", "contactor", "delay"), wiring.contactor.delay))
    if pcs is not None:
        delays.append((("pcs", "delay"), pcs.delay))
    for path, delay in delays:
        if not is_whole(delay):
            yield path, f"{show(delay)} is not a multiple of 1 ms, the simulator's clock"


def _sensor_delays(parts: Parts) -> Iterator[Inconsistency]:
    (sensors,) = parts.get("sensors")
    for name, sensor in () if sensors is None else sensors:
        if sensor is None or not sensor.delay:
            continue
        periods = sensor.delay / sensor.period
        if abs(periods - round(periods)) > 1e-9:
            yield (
                ("sensors", name, "delay"),
                f"{show(sensor.delay)} is not a multiple of the sensor's period "
                f"({show(sensor.period)})",
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
            f"{show(bms.period)} is too long: limits older than 3 s count as zero; expected at "
            f"most {show(BMS_PERIOD_MAX_S)}",
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


def _reactions(parts: Parts) -> Iterator[Inconsistency]:
    """Reactions are those of one set or of one curve, and a curve has one heat."""
    (cell,) = parts.get("cell")
    reacting = None if cell is None else cell.runaway
    if reacting is None:
        return
    path: KeyPath = ("cell", "runaway")
    if reacting.curve is None:
        if reacting.set is None:
            yield (*path, "set"), "is missing; name a parameter set, or give a 'curve' of your own"
        return
    if reacting.set is not None:
        yield (*path, "curve"), "stands beside 'set'; give one of the two"
    heats = ("energy", "energy_per_Wh", "energy_per_kg")
    given = [name for name in heats if getattr(reacting.curve, name) is not None]
    if len(given) != 1:
        found = ", ".join(given) or "none"
        yield (*path, "curve"), f"give exactly one of {', '.join(heats)}; found {found}"


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
            text = f"last {show(total)}, the run {show(duration)}; add steps or 'repeat: true'"
            yield ("environment", "demand", "steps"), text


def _lumping(parts: Parts) -> Iterator[Inconsistency]:
    resolution, site, cell, wiring = parts.get("resolution", "site", "cell", "wiring")
    (faults,) = parts.get("faults")
    yield from lumping(resolution, site, cell, wiring, faults or ())


def _scan(parts: Parts) -> Iterator[Inconsistency]:
    sensors, site, step = parts.get("sensors", "site", "step")
    if sensors is None or site is None or step is None:
        return
    scan = (site.groups_per_module - 1) * sensors.group_voltage.skew
    if scan > step * (1.0 + 1e-9):
        yield (
            ("sensors", "group_voltage", "skew"),
            f"a scan of {site.groups_per_module} groups takes {show(scan)}, longer than the step "
            f"{show(step)}",
        )
