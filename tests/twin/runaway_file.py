"""A run file in which cells run away, written by hand: every number in it is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from cell_models.gases import Species
from twin.runfiles.hdf5 import RunFile
from twin.runfiles.layout import Axis, ChannelSpec, Event, FaultRow
from twin.runfiles.recorder import RecordedChannel, Recorder

N = 8
ROW_S, ROWS = 5.0, 61
TRIGGERED_S = {0: 100.0, 1: 120.0, 2: 140.0}
PEAK_K = {0: 1100.0, 1: 900.0, 2: 880.0, 3: 440.0}
SHORT_OHM = 2e-3
HOT_K = 298.15
CAPACITY_AH = 5.0
MODULE = np.repeat([0, 1], 4)
GROUP = np.tile(np.repeat([0, 1], 2), 2)
SCENARIO = "name: made\ncell:\n  parameters: lg_m50\n  runaway: {set: nmc_21700_arc}\n"
SPECIES = 9
LEDGER = {
    "heat_J": 5e4, "short_J": 2e4, "reaction_J": 1e5, "ejected_J": 1.1e5, "heater_J": 1e4,
    "stored_thermal_J": 3e4, "coolant_J": 2.5e4, "air_J": 1.5e4, "residual_J": 1e-9,
    "residual": 1e-14, "charge_residual_As": 0.0,
}  # fmt: skip
MELTS = "the housing of rack 1, module 1 passed 582 °C"
BMS = {"protection": [{"code": "early_heat", "quantity": "unexplained_K_per_s"}]}


def axes(gas: bool) -> dict[str, Axis]:
    """Return cells in a line, two modules of two groups of two."""
    zero = np.zeros(N, dtype=np.int64)
    found = {
        "cell": Axis(
            name="cell", size=N,
            coordinates={
                "rack": zero, "module": MODULE, "group": GROUP, "place": np.tile([0, 1], 4),
            },
        ),
        "group": Axis(
            name="group", size=4,
            coordinates={"rack": zero[:4], "module": MODULE[::2], "place": GROUP[::2]},
        ),
    }  # fmt: skip
    if gas:
        found["module"] = Axis(
            name="module", size=2, coordinates={"rack": zero[:2], "place": np.arange(2)}
        )
        found["species"] = Axis(
            name="species", size=2 * SPECIES,
            coordinates={
                "module": np.repeat([0, 1], SPECIES), "which": np.tile(np.arange(SPECIES), 2),
            },
        )  # fmt: skip
    return found


def specs(runaway: bool, gas: bool) -> list[ChannelSpec]:
    """Return the channels of the file."""
    cell = [("cell_temperature_K", "K"), ("cell_current_A", "A"), ("cell_voltage_V", "V"),
            ("cell_heat_W", "W"), ("cell_short_S", "S")]  # fmt: skip
    found = [ChannelSpec(group="truth", name=n, axis="cell", unit=u) for n, u in cell]
    found.append(ChannelSpec(group="truth", name="group_voltage_V", axis="group", unit="V"))
    found += [ChannelSpec(group="ledger", name=n, unit="J", dtype="f8") for n in LEDGER]
    if runaway:
        found.append(ChannelSpec(group="truth", name="cell_runaway", axis="cell", dtype="u1"))
        more = [("cell_runaway_s", "s"), ("cell_reaction_J", "J"), ("cell_ejected_J", "J"),
                ("cell_ejected_kg", "kg")]  # fmt: skip
        found += [
            ChannelSpec(group="truth", name=n, axis="cell", unit=u, dtype="f8") for n, u in more
        ]
    if gas:
        modules = [("module_pressure_Pa", "Pa"), ("module_gas_K", "K"), ("module_surge_Pa", "Pa"),
                   ("module_lfl_percent", "1"), ("module_gas_ppm", "1")]  # fmt: skip
        found += [ChannelSpec(group="truth", name=n, axis="module", unit=u) for n, u in modules]
        found += [
            ChannelSpec(group="truth", name=n, axis="species", unit="mol", dtype="f8")
            for n in ("module_vented_mol", "module_left_mol")
        ]
        found += [
            ChannelSpec(group="truth", name=n, axis="cell", unit=u)
            for n, u in (("cell_vented", "1"), ("cell_caught_J", "J"))
        ]
    return found


def state_at(t: float, only_first: bool, fed_A: float) -> dict[str, Any]:
    """Return every channel at a time, by name."""
    T, phase = np.full(N, HOT_K), np.zeros(N)
    since, released = np.full(N, np.nan), np.zeros(N)
    current, voltage = np.full(N, 1.0), np.full(N, 4.0)
    for cell, at in TRIGGERED_S.items():
        if only_first and cell:
            continue
        warm = min(max(t - 30.0, 0.0) / (at - 30.0), 1.0)
        T[cell] = HOT_K + warm * 155.0
        if t >= at - 5.0:
            phase[cell], T[cell] = 3, 455.0
            voltage[cell], current[cell] = 2.0, 100.0
        if t >= at:
            phase[cell], since[cell], T[cell] = 15, at, PEAK_K[cell]
            released[cell] = 4e4
        if t >= at + 10.0:
            phase[cell], T[cell], voltage[cell] = 31, PEAK_K[cell] - t, 0.0
            current[cell] = 0.0
    if phase[0] >= 3 and phase[1] == 0:
        current[1] = fed_A if t < TRIGGERED_S[0] + 5.0 else 1.0
    T[3] = HOT_K + (PEAK_K[3] - HOT_K) * np.interp(t, [100.0, 200.0, 300.0], [0.0, 1.0, 0.5])
    mol = np.zeros((2, SPECIES))
    mol[0, Species.H2], mol[0, Species.CO2] = 1e-3 * t, 2e-3 * t
    mol[1, Species.H2] = 1e-3 * t
    return {
        "cell_temperature_K": T, "cell_runaway": phase, "cell_runaway_s": since,
        "cell_reaction_J": released, "cell_ejected_J": 0.7 * released,
        "cell_ejected_kg": 1e-6 * released, "cell_current_A": current, "cell_voltage_V": voltage,
        "cell_short_S": np.where(phase >= 3, 1.0 / SHORT_OHM, 0.0),
        "group_voltage_V": voltage[::2], "cell_heat_W": np.full(N, 2.0),
        "cell_vented": (phase >= 3) * 1.0, "cell_caught_J": np.full(N, 3.0 * max(t - 100.0, 0.0)),
        "module_pressure_Pa": np.array([101325.0 + 500.0 * (t == 150.0), 101325.0]),
        "module_gas_K": np.full(2, HOT_K), "module_surge_Pa": np.full(2, 100.0),
        "module_lfl_percent": np.array([0.5 * t, 0.0]), "module_gas_ppm": np.full(2, t),
        "module_vented_mol": mol.ravel(), "module_left_mol": 0.5 * mol.ravel(),
    }  # fmt: skip


def events() -> list[Event]:
    """Return what the BMS and the plant said."""
    group, elsewhere = "rack 1, module 1, group 1", "rack 1, module 2, group 1"
    return [
        Event(time_s=5.0, source="bms", code="sum", severity="open", component="rack 1"),
        Event(time_s=60.0, source="bms", code="far", severity="stop", component=elsewhere),
        Event(time_s=80.0, source="bms", code="early_heat", severity="warning", component=group),
        Event(time_s=90.0, source="bms", code="early_heat", severity="warning", component=group),
        Event(time_s=95.0, source="plant", code="separator_collapsed", severity="open",
              component=f"{group}, cell 1", value=455.0, limit=453.15),
        Event(time_s=111.0, source="plant", code="cell_fuse_blown", severity="warning",
              component=f"{group}, cell 2"),
        Event(time_s=130.0, source="plant", code="module_relief", severity="warning",
              component="rack 1, module 1"),
        Event(time_s=140.0, source="plant", code="housing_melts", severity="open",
              component="rack 1, module 1", text=MELTS),
    ]  # fmt: skip


def write_run(
    path: Path, *, runaway: bool = True, gas: bool = False, only_first: bool = False,
    from_s: float = 0.0, fed_A: float = 1.0, **attributes: Any,
) -> Path:  # fmt: skip
    """Write the file; `only_first` keeps the second and third cell from running away.

    The second cell feeds the first with `fed_A` from the collapse of its separator on, for 10 s.
    """
    channels = specs(runaway, gas)
    about = {
        "scenario": SCENARIO, "scenario_name": "made </script><b>", "scenario_sha256": "made",
        "bms": json.dumps(BMS), "scenario_directory": str(path.parent),
        "parameters": json.dumps(
            {
                "cell_x_m": [0.0, 0.02, 0.04, 0.06] * 2, "cell_y_m": [0.0] * N,
                "capacity_Ah": CAPACITY_AH,
            }
        ),
    }  # fmt: skip
    file = RunFile.create(
        path, attributes=about | attributes, axes=axes(gas), channels=channels, block_rows=8
    )
    file.append_faults(
        [FaultRow(name="heat", kind="heater", component="rack 1, module 1, group 1, cell 1",
                  rack=0, module=0, group=0, cell=0, from_s=30.0, magnitude=100.0, unit="W")]
    )  # fmt: skip
    live = {s.name: np.zeros(1 if s.axis is None else axes(gas)[s.axis].size) for s in channels}
    recorder = Recorder(file, [RecordedChannel(s, live[s.name]) for s in channels], 8)
    recorder.fault_transition(max(30.0, from_s), 0, True)
    for k in range(ROWS):
        t = ROW_S * k
        if t < from_s:
            continue
        values = state_at(t, only_first, fed_A) | LEDGER
        for name, array in live.items():
            array[:] = values[name]
        recorder.row(t)
    for event in events():
        if event.time_s >= from_s:
            recorder.event(event)
    recorder.close("done", 0, {"end": "2026-06-15T09:00:00+02:00"})
    return path
