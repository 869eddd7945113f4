"""What a run records: every channel with its live source, its axis (`twin.axes`), its unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from controllers.ports import BmsState, EmsMode
from packs.cooling import CHILLER, DEVICES, TAKEN_J, USED_J
from packs.layer_links import node_of
from twin.control import CHARGE, DISCHARGE, SITE
from twin.ledger import DIMENSIONLESS, TERMS
from twin.runfiles.layout import ChannelSpec
from twin.runfiles.recorder import RecordedChannel

if TYPE_CHECKING:
    from twin.engine import Engine


def channels(engine: Engine) -> list[RecordedChannel]:
    """Return every recorded channel of an engine."""
    return [
        *_truth(engine),
        *_cooling(engine),
        *_measured(engine),
        *_controllers(engine),
        *_surroundings(engine),
        *_ledger(engine),
    ]


def _channel(
    path: str,
    source: Any,
    axis: str | None = None,
    unit: str = "1",
    text: str = "",
    index: Any = None,
    factor: float = 1.0,
    **more: Any,
) -> RecordedChannel:
    group, _, name = path.partition("/")
    spec = ChannelSpec(group=group, name=name, axis=axis, unit=unit, long_name=text, **more)
    return RecordedChannel(spec, source.reshape(-1), index, factor)


def _truth(engine: Engine) -> list[RecordedChannel]:
    plant = engine.plant
    series = plant.topology.lump.series
    cell, group = np.repeat(plant.topology.cell_slot, series), plant.topology.group_home
    share = 1.0 / series  # of a lumped rack, for each of its groups
    cells, net, heat = plant.cells, plant.network, plant.heat
    return [
        _channel(
            "truth/cell_voltage_V", cells.voltage_V, "cell", "V", "terminal voltage", cell, share
        ),
        _channel(
            "truth/cell_current_A", cells.current_A, "cell", "A",
            "current through the cell, discharge positive", cell,
        ),
        _channel("truth/cell_soc", engine.ledger.soc, "cell", "1", "state of charge", cell),
        _channel(
            "truth/cell_temperature_K", cells.temperature_K, "cell", "K", "temperature", cell
        ),
        _channel(
            "truth/cell_heat_W", cells.heat_W, "cell", "W",
            "heat released by the cell itself, its short and joint apart", cell, share,
        ),
        _channel(
            "truth/cell_validity", engine.ledger.validity, "cell", "1",
            "edge held: 1 soc beyond OCV, 2 temperature, 4 soc beyond resistances", cell,
            dtype="u1",
        ),
        _channel(
            "truth/group_voltage_V", net.group_voltage_V, "group", "V", "voltage of the group",
            group, share,
        ),
        _channel(
            "truth/rack_voltage_V", net.rack_voltage_V, "rack", "V",
            "groups in series, before fuse and cables of the rack",
        ),
        _channel("truth/rack_current_A", net.rack_current_A, "rack", "A", "discharge positive"),
        _channel(
            "truth/insulation_ohm", plant.control.insulation_ohm, "rack", "ohm",
            "both poles to ground in parallel",
        ),
        _channel("truth/bus_voltage_V", net.bus[:1], None, "V", "DC bus, PCS side"),
        _channel("truth/coolant_outlet_K", heat.outlet_K, "rack", "K", "coolant leaving the rack"),
        _channel(
            "truth/contactors", plant.switch_view.position, "contactor",
            text="position of the contactors", dtype="u1", meanings=("open", "closed"),
        ),
        *_layers(engine, cell),
        *_runaway(engine, cell),
        *_gas(engine, cell),
    ]  # fmt: skip


def _layers(engine: Engine, cell: Any) -> list[RecordedChannel]:
    """Return temperatures within cells, where they have layers."""
    layers = engine.plant.spec.thermal.layers
    if layers is None:
        return []
    view, count = engine.state.view("layers"), layers.count
    nodes = np.stack([node_of(cell, k, count) for k in range(count)], axis=1).ravel()
    return [
        _channel("truth/layer_temperature_K", view.temperature_K, "layer", "K", "layer", nodes),
        _channel(
            "truth/cell_hottest_K", view.hottest_K, "cell", "K", "hottest layer of the cell", cell
        ),
    ]  # fmt: skip


def _runaway(engine: Engine, cell: Any) -> list[RecordedChannel]:
    """Return what reacting cells do, where they can."""
    if not engine.plant.runaway.where.fitted:
        return []
    view = engine.plant.runaway.view
    return [
        _channel(
            "truth/cell_runaway", view.phase, "cell",
            text="sum of 1 reacting, 2 separator collapsed, 4 ran away, 8 erupted, 16 spent, "
            "64 gives no more charge, 128 its can has opened",
            index=cell, dtype="u1",
        ),
        _channel(
            "truth/cell_runaway_s", view.since_s, "cell", "s", "when it ran away, NaN before", cell,
            dtype="f8",
        ),
        _channel(
            "truth/cell_short_S", engine.plant.cell_arrays.short_S, "cell", "S",
            "conductance of the short inside it, from terminal to terminal", cell,
        ),
        _channel(
            "truth/cell_reaction_J", view.reaction_J, "cell", "J",
            "heat released by its reactions so far", cell,
        ),
        _channel(
            "truth/cell_ejected_J", view.ejected_J, "cell", "J", "heat that has left with matter",
            cell,
        ),
        _channel("truth/cell_ejected_kg", view.ejected_kg, "cell", "kg", "matter that left", cell),
    ]  # fmt: skip


def _gas(engine: Engine, cell: Any) -> list[RecordedChannel]:
    """Return what cells vent, and the gas of modules, where it is followed."""
    plant = engine.plant
    if not plant.runaway.gas.where.fitted:
        return []
    own, gas, cans = plant.runaway.gas.ejecta, plant.runaway.gas.view, plant.runaway.gas.vents
    sensed = engine.state.view("sensed")
    of_modules = (
        ("pressure_Pa", sensed.module_pressure_Pa, "Pa", "absolute pressure of the gas"),
        ("surge_Pa", gas.surge_Pa, "Pa", "highest so far, within steps too"),
        ("gas_K", gas.temperature_K, "K", "temperature of the gas"),
        ("gas_ppm", sensed.module_gas_ppm, "ppm", "what can burn, by volume"),
        ("lfl_percent", gas.lfl_percent, "%", "the same over its lower flammability limit"),
    )
    return [
        _channel("truth/cell_vented", cans.is_open, "cell", "1", "can open", cell, dtype="u1"),
        _channel(
            "truth/cell_vented_kg", own.vented_kg, "cell", "kg", "gas and vapour that left", cell
        ),
        _channel(
            "truth/cell_caught_J", own.caught_J, "cell", "J", "heat of others' ejecta caught", cell
        ),
        *(
            _channel(f"truth/module_{name}", source, "module", unit, text)
            for name, source, unit, text in of_modules
        ),
        _channel("truth/module_vented_mol", gas.vented_mol, "species", "mol", "vented by cells"),
        _channel("truth/module_left_mol", gas.left_mol, "species", "mol", "let out of the module"),
        _channel(
            "truth/module_condensed_mol", gas.condensed_mol, "species", "mol",
            "solvent that lies condensed on the walls now",
        ),
    ]  # fmt: skip


def _cooling(engine: Engine) -> list[RecordedChannel]:
    """Return what cooling devices do, and the temperatures of housings, where there are any."""
    plant, found = engine.plant, []
    thermal, view = plant.spec.thermal, plant.cooling
    for k, name in enumerate(DEVICES if thermal.cooling is not None else ()):
        if getattr(thermal.cooling, name) is None:
            continue
        text = "position, 0-1, after its response"
        found.append(_channel(f"truth/{name}_level", view.level[k : k + 1], text=text))
        used_J, text = view.energy_J[USED_J + k :][:1], "electric energy that it took"
        found.append(_channel(f"truth/{name}_used_J", used_J, None, "J", text, dtype="f8"))
        if k >= CHILLER:
            heat_J = view.energy_J[TAKEN_J + k - CHILLER :][:1]
            text = "heat taken from the coolant" if k == CHILLER else "heat given to the coolant"
            found.append(_channel(f"truth/{name}_heat_J", heat_J, None, "J", text, dtype="f8"))
    if thermal.cooling is not None:
        text = "coolant entering the racks"
        found.append(_channel("truth/coolant_inlet_K", view.inlet_K, None, "K", text))
    if thermal.housing is not None:
        text = "housing of the module"
        found.append(_channel("truth/housing_K", plant.heat.house_K, "module", "K", text))
    return found


MEASURED = {
    "group_voltage_V": ("group", "V"),
    "temperature_K": ("temperature", "K"),
    "rack_current_A": ("rack", "A"),
    "rack_current_b_A": ("rack", "A"),
    "rack_voltage_V": ("rack", "V"),
    "bus_voltage_V": (None, "V"),
    "coolant_inlet_K": ("rack", "K"),
    "coolant_outlet_K": ("rack", "K"),
    "ambient_K": (None, "K"),
    "insulation_ohm": ("rack", "ohm"),
    "coolant_flow_kg_per_s": ("rack", "kg/s"),
    "module_pressure_Pa": ("module", "Pa"),
    "module_gas_ppm": ("module", "ppm"),
}


def _measured(engine: Engine) -> list[RecordedChannel]:
    view = engine.state.view("sensors")
    found = []
    for kind, (axis, unit) in MEASURED.items():
        at = engine.sensors.slices[kind]
        if at.stop > at.start:
            valid = kind.replace("_kg_per_s", "_flow").rpartition("_")[0] + "_valid"
            found.append(_channel(f"measured/{kind}", view.value[at], axis, unit, "as measured"))
            found.append(
                _channel(f"measured/{valid}", view.valid[at], axis, text="1 if valid", dtype="u1")
            )
    return found


def _controllers(engine: Engine) -> list[RecordedChannel]:
    bms, ems = engine.bms_port.out, engine.ems_port.out
    sites = (
        ("charge_limit_A", bms.limit_A[SITE, CHARGE, :1], "charge limit of the site, now"),
        ("discharge_limit_A", bms.limit_A[SITE, DISCHARGE, :1], "discharge limit of the site, now"),
    )
    return [
        _channel(
            "bms/state", bms.state, "rack", text="state of the contactor sequence", dtype="u1",
            meanings=tuple(s.name.lower() for s in BmsState),
        ),
        _channel("bms/group_soc", bms.soc, "group", text="estimated state of charge"),
        _channel("bms/group_soc_std", bms.soc_std, "group", text="its standard deviation"),
        _channel("bms/group_soc_counted", bms.soc_counted, "group", text="Coulomb count"),
        _channel("bms/group_bleed", bms.bleed, "group", text="balancing switch", dtype="u1"),
        _channel(
            "bms/contactors", bms.coil, "contactor", text="commanded coils", dtype="u1",
            meanings=("open", "closed"),
        ),
        *(_channel(f"bms/{name}", source, None, "A", text) for name, source, text in sites),
        *_rack_limits(bms.limit_A),
        _channel("bms/group_soh", bms.soh, "group", text="estimated state of health"),
        _channel("bms/usable_discharge_J", bms.usable_discharge_J, None, "J", "can be taken out"),
        _channel("bms/usable_charge_J", bms.usable_charge_J, None, "J", "can be put in"),
        *(
            _channel(f"bms/{name}", bms.duty[k : k + 1], text="duty commanded, 0-1")
            for k, name in enumerate(("pump", "fan", "valve", "chiller", "heater"))
        ),
        _channel("bms/request", bms.request, text="what the BMS asks of the EMS", dtype="u1"),
        _channel("bms/lost", bms.lost, text="1 when the BMS has failed", dtype="u1"),
        _channel("ems/power_W", ems.power_W, None, "W", "AC set-point, discharge positive"),
        _channel(
            "ems/mode", ems.mode, text="what the EMS asks of the PCS", dtype="u1",
            meanings=tuple(m.name.lower() for m in EmsMode),
        ),
        _channel(
            "ems/reason", ems.reason, text="rule that bound the set-point; see ems_reasons",
            dtype="i4",
        ),
    ]  # fmt: skip


def _rack_limits(limit_A: Any) -> list[RecordedChannel]:
    """Return the limits of every rack, now and for 30 s."""
    places = np.arange(limit_A.size).reshape(limit_A.shape)
    found = []
    for way, text in ((CHARGE, "charge"), (DISCHARGE, "discharge")):
        for horizon, suffix, when in ((0, "", "now"), (3, "_30s", "for 30 s")):
            found.append(
                _channel(
                    f"bms/rack_{text}_limit{suffix}_A", limit_A, "rack", "A", f"{text}, {when}",
                    index=places[:SITE, way, horizon],
                )
            )  # fmt: skip
    return found


def _surroundings(engine: Engine) -> list[RecordedChannel]:
    pcs, row = engine.plant.pcs_view, engine.site_row
    names = (
        ("ambient_K", "K", "air temperature"),
        ("demand_W", "W", "power asked by the profile, discharge positive"),
        ("load_W", "W", "site load"),
        ("pv_W", "W", "PV generation"),
        ("price_per_J", "1/J", "price of energy"),
    )
    return [
        _channel("pcs/ac_power_W", pcs.ac_power_W, None, "W", "AC power, export positive"),
        _channel("pcs/dc_power_W", pcs.dc_power_W, None, "W", "power taken from the bus"),
        _channel(
            "pcs/state", pcs.state, text="state of the PCS", dtype="u1",
            meanings=("off", "run", "fault"),
        ),
        *(
            _channel(f"environment/{name}", row[k : k + 1], None, unit, text)
            for k, (name, unit, text) in enumerate(names)
        ),
    ]  # fmt: skip


LEDGER_UNITS = {"J": "J", "As": "A s", "A": "A", "V": "V"}
"""Units by the last part of a term's name."""


def _ledger(engine: Engine) -> list[RecordedChannel]:
    values = engine.ledger.values
    found = []
    for k, name in enumerate(TERMS):
        unit = "1" if name in DIMENSIONLESS else LEDGER_UNITS[name.rpartition("_")[2]]
        found.append(_channel(f"ledger/{name}", values[k : k + 1], None, unit, dtype="f8"))
    return found
