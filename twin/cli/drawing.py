"""What `twin show` says about a pack: sizes, numbers, heat paths, sensors, a module in letters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from packs.cooling import DEVICES
from twin.answer_key import answer_key, size_in_words
from twin.cli.screen import duration
from twin.pages.barrier_drawing import barrier_lines
from twin.runfiles.layout import FaultRow, counted
from twin.scenarios.enclosure_sections import Ejecta, Enclosure
from twin.scenarios.lumping import in_words, lump_of

if TYPE_CHECKING:
    from twin.engine import Engine
    from twin.scenarios.scenario import Scenario

MARK = "*"
"""Stands beside a cell that carries a thermistor."""
WIDTH = 100
"""Columns of text that a drawing may take."""


def pack_facts(engine: Engine, scenario: Scenario) -> dict[str, Any]:
    """Return the numbers of a pack as it was built, JSON-ready.

    Returns
    -------
    dict
        Sizes; ``resolution``, and how many cells are ``simulated``; ``voltage_V`` (nominal, min,
        max), ``charge_Ah``, ``energy_Wh`` of the site at the reference temperature; neighbours per
        cell; sensors by kind; faults.
    """
    top = engine.plant.topology.full
    model: Any = engine.plant.model
    params = model.params
    in_series = int(np.diff(top.rack_first_group).max())
    nominal_V = float(np.trapezoid(params.ocv_V, params.ocv_soc))  # mean over the rated window
    charge_Ah = params.capacity_As / 3600.0 * top.cells_per_group * top.n_racks
    neighbours = np.bincount(np.concatenate([top.edge_a, top.edge_b]), minlength=top.n_cells)
    count, cells = np.unique(neighbours, return_counts=True)
    return {
        "name": scenario.name,
        "cells": top.n_cells,
        "racks": top.n_racks,
        "modules_per_rack": top.n_modules // top.n_racks,
        "groups_per_module": top.groups_per_module,
        "cells_per_group": top.cells_per_group,
        "groups_in_series": in_series,
        "cell": params.name,
        "resolution": scenario.resolution,
        "simulated": engine.plant.topology.n_cells,
        "voltage_V": {
            "nominal": nominal_V * in_series,
            "min": params.voltage_min_V * in_series,
            "max": params.voltage_max_V * in_series,
        },
        "charge_Ah": charge_Ah,
        "energy_Wh": charge_Ah * nominal_V * in_series,
        "barriers": barrier_lines(engine),
        "neighbours": {int(n): int(k) for n, k in zip(count, cells, strict=True)},
        "sensors": {kind: at.stop - at.start for kind, at in engine.sensors.slices.items()},
        "thermistor_cells": engine.sensors.temperature_cell.tolist(),
        "faults": [fault.name for fault in scenario.faults],
        "layout": module_drawing(engine),
    }


def pack_rows(found: dict[str, Any], scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Yield the lines of the table: sizes, numbers, wiring, heat, periods."""
    sizes = [
        _count(found["racks"], "rack", "in parallel"),
        _count(found["modules_per_rack"], "module", "in series"),
        _count(found["groups_per_module"], "group", "in series"),
        _count(found["cells_per_group"], "cell", "in parallel"),
    ]
    yield "pack", " × ".join(sizes) + f" = {counted(found['cells'], 'cell')}"
    yield "resolution", _resolution(found, scenario)
    volts = found["voltage_V"]
    yield (
        "voltage",
        (
            f"{volts['nominal']:.1f} V nominal, {volts['min']:.1f} to {volts['max']:.1f} V "
            f"({counted(found['groups_in_series'], 'group')} in series)"
        ),
    )
    yield "charge, energy", f"{found['charge_Ah']:.3g} Ah, {_energy(found['energy_Wh'])}"
    cell = scenario.cell
    spread = cell.spread
    yield (
        "cells",
        (
            f"{scenario.cell.model} {found['cell']}, from SOC {100 * cell.initial_soc:g} % "
            f"at {cell.initial_temperature - 273.15:.4g} °C; spread of capacity "
            f"{100 * spread.capacity:g} %, resistance {100 * spread.resistance:g} %, SOC "
            f"{100 * spread.initial_soc:g} points"
        ),
    )
    yield from _heat_rows(found, scenario)
    yield "wiring", _wiring(scenario.wiring)
    if scenario.wiring.cell_fuse or scenario.cell.cid or scenario.cell.runaway:
        yield "in each cell", _devices(scenario)
    if scenario.module is not None and scenario.module.enclosure is not None:
        yield "gas", _gas(scenario.module.enclosure, scenario.module.ejecta)
    yield "PCS", f"{scenario.pcs.use}, {scenario.pcs.rated_power / 1000.0:g} kW"
    yield (
        "controllers",
        (
            f"BMS {scenario.bms.use} every {duration(scenario.bms.period)}, "
            f"EMS {scenario.ems.use} every {duration(scenario.ems.period)}"
        ),
    )
    record = scenario.record
    yield (
        "periods",
        (
            f"plant step {duration(scenario.step)} (alert {duration(scenario.alert_step)}), rows "
            f"every {duration(record.period)}, states every {duration(record.checkpoint)}, "
            f"{duration(scenario.duration)} in all"
        ),
    )
    yield "faults", "; ".join(map(_fault, answer_key(scenario))) or "none"


def _heat_rows(found: dict[str, Any], scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Yield the lines on neighbours, barriers, heat paths and cooling devices."""
    several = (
        f"{counted(k, 'cell')} {'has' if k == 1 else 'have'} {n}"
        for n, k in found["neighbours"].items()
    )
    conductance = f"{scenario.thermal.neighbour_conductance:g} W/K each"
    if scenario.module is not None and scenario.module.barrier:
        conductance += " but across barriers"
    yield "neighbours", ", ".join(several) + f"; {conductance}"
    yield from found["barriers"].items()
    layers = scenario.cell.layers
    if layers is not None:
        yield (
            "layers",
            f"{layers.count} in each cell, {layers.conductance:g} W/K through all of them; faces "
            f"meet along the {layers.along}",
        )
    yield "heat paths", _heat_paths(scenario)
    if scenario.thermal.cooling is not None:
        yield "cooling", _cooling(scenario.thermal.cooling)


def _resolution(found: dict[str, Any], scenario: Scenario) -> str:
    """Return what is simulated of the pack, and what that leaves untouched."""
    if scenario.resolution == "cell":
        return "cell: every cell is simulated"
    lump = lump_of(scenario.site, scenario.resolution)
    text = (
        f"{scenario.resolution}: {in_words(lump)} are simulated as one, "
        f"{found['simulated']:,} in place of {counted(found['cells'], 'cell')}; sensors and "
        f"controllers are those of the full pack"
    )
    if lump.series > 1:
        text += ", groups of a rack are all alike, and what balancing takes, the whole rack loses"
    return text


def _count(n: int, word: str, how: str) -> str:
    return f"{n} {word}s {how}" if n > 1 else f"1 {word}"


def _energy(energy_Wh: float) -> str:
    return f"{energy_Wh / 1000.0:.3g} kWh" if energy_Wh >= 1000.0 else f"{energy_Wh:.3g} Wh"


def _wiring(wiring: Any) -> str:
    rail = wiring.rail
    rails = "" if rail is None else (
        f"rails {1e3 * rail.resistance:g} mΩ from cell to cell, taken off at "
        f"{'the same end' if rail.take_off == 'same_end' else 'opposite ends'}, "
    )  # fmt: skip
    return (
        f"joint {1e3 * wiring.joint_resistance:g} mΩ per cell, {rails}busbar "
        f"{1e3 * wiring.link_resistance:g} mΩ, rack {1e3 * wiring.rack_resistance:g} mΩ, fuse "
        f"{wiring.fuse.rating:g} A, balancing {wiring.bleed_resistance:g} Ω"
    )


def _devices(scenario: Scenario) -> str:
    fuse, cid = scenario.wiring.cell_fuse, scenario.cell.cid
    found = [] if fuse is None else [f"fuse {fuse.rating:g} A"]
    if cid is not None:
        limits = f"{cid.overcharge:.0%} charge or {cid.temperature - 273.15:.4g} °C"
        found.append(f"interrupt device, opens at {limits}")
    reacting = scenario.cell.runaway
    if reacting is not None:
        name = reacting.set if reacting.curve is None else reacting.curve.file
        found.append(f"reactions {name} above {reacting.gate - 273.15:.4g} °C")
    return ", ".join(found)


def _gas(box: Enclosure, ejecta: Ejecta | None) -> str:
    """Return what becomes of what cells vent."""
    relief = box.relief
    text = (
        f"{1e3 * box.free_volume:.4g} L free in each module; {relief.kind.replace('_', ' ')} at "
        f"{1e-5 * relief.pressure:.4g} bar, {1e6 * relief.area:.4g} mm²; "
    )
    if box.combustion is None:
        text += "nothing burns"
    else:
        text += f"burns above {box.combustion.ignition_temperature - 273.15:.4g} °C or at sparks"
    if ejecta is None:
        return text + "; ejecta all to the gas"
    how = "shares as given" if ejecta.shares else f"{ejecta.absorbed:.0%} stays on cells it hits"
    return f"{text}; ejecta {ejecta.direction}, {how}"


def _heat_paths(scenario: Scenario) -> str:
    thermal = scenario.thermal
    inlet = thermal.coolant.inlet_temperature
    entry = "ambient temperature" if inlet == "ambient" else f"{float(inlet) - 273.15:.4g} °C"
    more = ""
    if thermal.busbar_conductance:
        more += f"; busbar {thermal.busbar_conductance:g} W/K from group to group"
    if thermal.radiation is not None:
        more += f"; radiation between cells, emissivity {thermal.radiation.emissivity:g}"
    if thermal.housing is not None:
        housing = thermal.housing
        more += (
            f"; housing of a module {housing.heat_capacity:g} J/K, {housing.cell_conductance:g} "
            f"W/K to a cell, {housing.ambient_conductance:g} W/K to air"
        )
    return (
        f"cell to plate {thermal.plate.cell_conductance:g} W/K, plate to coolant "
        f"{thermal.plate.coolant_conductance:g} W/K per group, cell to air "
        f"{thermal.ambient_conductance:g} W/K; coolant {thermal.coolant.flow:g} kg/s per rack, "
        f"from module to module, entering at {entry}{more}"
    )


def _cooling(cooling: Any) -> str:
    """Return which devices follow the BMS's duties."""
    fitted = []
    for name in DEVICES:
        device = getattr(cooling, name)
        if device is not None:
            heat_W = getattr(device, "heat_power", None)
            what = f"{device.power:g} W electric" if heat_W is None else f"{heat_W:g} W of heat"
            fitted.append(f"{name} {what}, responds in {duration(device.response)}")
    return "; ".join(fitted) or "none"


def _fault(fault: FaultRow) -> str:
    """Return one line of the answer key before the run: kind, size, what, where and when."""
    when = f"when {fault.trigger}" if fault.trigger else f"from {duration(fault.from_s)}"
    if math.isfinite(fault.until_s):
        when += f" until {duration(fault.until_s)}"
    what = " ".join(filter(None, (fault.kind, size_in_words(fault), fault.target)))
    return f"{fault.name} ({what} at {fault.component}, {when})"


def sensor_rows(engine: Engine, scenario: Scenario) -> Iterator[tuple[str, str, str]]:
    """Yield what is measured: kind, how many, and where with the data sheet in short."""
    top = engine.plant.topology.full
    thermistors = scenario.sensors.temperature
    homes = {
        "group_voltage_V": "one per group",
        "temperature_K": f"{thermistors.count} per {thermistors.per}, marked {MARK} below",
        "bus_voltage_V": "on the DC bus",
        "ambient_K": "in the air",
        "module_pressure_Pa": "one per module",
        "module_gas_ppm": "one per module",
    }
    for kind, at in engine.sensors.slices.items():
        n = at.stop - at.start
        if n:
            yield kind, str(n), homes.get(kind, "one per rack")
    yield "cells without thermistor", str(top.n_cells - len(engine.sensors.temperature_cell)), ""


def module_drawing(engine: Engine) -> list[str]:
    """Return one module seen from above in letters: the group's number, a mark at a thermistor."""
    top = engine.plant.topology.full
    cells = np.flatnonzero(top.cell_module == 0)
    x, y = (_grid(values[cells]) for values in (top.cell_x_m, top.cell_y_m))
    groups = top.cell_group[cells] + 1
    marked = np.isin(cells, engine.sensors.temperature_cell)
    width = len(str(groups.max())) + 2
    drawing = [[" " * width] * (int(x.max()) + 1) for _ in range(int(y.max()) + 1)]
    for i, j, group, mark in zip(x, y, groups, marked, strict=True):
        drawing[j][i] = f"{group:>{width - 1}}{MARK if mark else ' '}"
    room = WIDTH // width
    lines = ["".join(row[:room]).rstrip() + (" …" if len(row) > room else "") for row in drawing]
    return lines


def _grid(position_m: Any) -> Any:
    """Return positions as whole steps of the grid."""
    steps = np.diff(np.unique(position_m))
    pitch = float(steps.min()) if steps.size else 1.0
    return np.rint((position_m - position_m.min()) / pitch).astype(int)
