"""What the plant is told of a scenario's heat paths and cooling devices."""

from __future__ import annotations

from collections.abc import Iterable

from packs.barriers import MATERIALS, barrier_W_per_K
from packs.heat_spec import (
    BarrierSpec,
    ChillerSpec,
    CoolingSpec,
    DeviceSpec,
    FanSpec,
    HeaterSpec,
    HousingSpec,
    LayersSpec,
    RadiationSpec,
)
from packs.spec import ThermalSpec
from twin.scenarios.sections import Thermal
from twin.scenarios.thermal_sections import Barrier, Cooling, Layers


def thermal_spec(
    thermal: Thermal, barriers: Iterable[Barrier], layers: Layers | None
) -> ThermalSpec:
    """Return the heat paths in the plant's own words; `layers` are those of every cell."""
    inlet, seen, housing = thermal.coolant.inlet_temperature, thermal.radiation, thermal.housing
    return ThermalSpec(
        neighbour_W_per_K=thermal.neighbour_conductance,
        ambient_W_per_K=thermal.ambient_conductance,
        plate_W_per_K=thermal.plate.cell_conductance,
        plate_J_per_K=thermal.plate.heat_capacity,
        coolant_W_per_K=thermal.plate.coolant_conductance,
        coolant_flow_kg_per_s=thermal.coolant.flow,
        coolant_J_per_kg_K=thermal.coolant.specific_heat,
        coolant_inlet_K=None if inlet == "ambient" else float(inlet),
        barriers=tuple(barrier_spec(barrier) for barrier in barriers),
        busbar_W_per_K=thermal.busbar_conductance,
        radiation=None
        if seen is None
        else RadiationSpec(
            emissivity=seen.emissivity, diameter_m=seen.diameter, height_m=seen.height
        ),
        housing=None
        if housing is None
        else HousingSpec(
            J_per_K=housing.heat_capacity,
            cell_W_per_K=housing.cell_conductance,
            ambient_W_per_K=housing.ambient_conductance,
            melting_K=housing.melting_temperature,
        ),
        cooling=None if thermal.cooling is None else cooling_spec(thermal.cooling),
        layers=None
        if layers is None
        else LayersSpec(
            count=layers.count,
            through_W_per_K=layers.conductance,
            along_columns=layers.along == "columns",
        ),
    )


def barrier_spec(barrier: Barrier) -> BarrierSpec:
    """Return a barrier, its conductance worked out."""
    conductance, name = barrier.conductance, barrier.material or "sheet"
    if conductance is None:
        conductivity = barrier.conductivity or MATERIALS[name]
        area, contact, thickness = barrier.area, barrier.contact_conductance, barrier.thickness
        conductance = barrier_W_per_K(area or 0.0, contact or 0.0, thickness or 0.0, conductivity)
        name = f"{1e3 * (thickness or 0.0):g} mm {name}"
    return BarrierSpec(between=barrier.between, W_per_K=conductance, name=name)


def cooling_spec(cooling: Cooling) -> CoolingSpec:
    """Return the cooling devices."""
    pump, fan, valve, chiller, heater = (
        cooling.pump, cooling.fan, cooling.valve, cooling.chiller, cooling.heater,
    )  # fmt: skip
    return CoolingSpec(
        pump=None if pump is None else DeviceSpec(response_s=pump.response, power_W=pump.power),
        fan=None
        if fan is None
        else FanSpec(
            response_s=fan.response, power_W=fan.power, full_W_per_K=fan.cell_conductance
        ),
        valve=None if valve is None else DeviceSpec(response_s=valve.response, power_W=valve.power),
        chiller=None
        if chiller is None
        else ChillerSpec(
            response_s=chiller.response, power_W=chiller.heat_power,
            performance=chiller.performance, outlet_K=chiller.outlet_min,
        ),
        heater=None
        if heater is None
        else HeaterSpec(
            response_s=heater.response, power_W=heater.heat_power,
            efficiency=heater.efficiency, outlet_K=heater.outlet_max,
        ),
    )  # fmt: skip
