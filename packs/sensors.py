"""Virtual sensors: truth in, flat arrays of value, validity and age out.

Each kind of sensor has a data sheet (`SensorSpec`): lag, gain and offset drawn once from the seed,
noise of each sample, quantiser, sampling period, delay. Faults act through the overlay: an added
offset, a frozen value, a lost signal. All kinds sit in one flat array, sampled by one compiled
call.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models.jit import kernel
from packs.rng import channel_keys, normal, normals
from packs.spec import SensorSpec, SensorsSpec
from packs.state import Schema
from packs.topology import Topology

_U = np.uint64
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = (
    "group_voltage_V", "temperature_K", "rack_current_A", "rack_current_b_A", "rack_voltage_V",
    "bus_voltage_V", "coolant_inlet_K", "coolant_outlet_K", "ambient_K", "insulation_ohm",
)  # fmt: skip
"""Kinds of sensor in the order of the flat array; the names of the measured channels."""

NOT_FITTED = SensorSpec(
    noise=0.0, offset=0.0, gain=0.0, resolution=0.0, period_s=1.0, delay_s=0.0, lag_s=0.0
)
"""Stands in for a kind without sensors: its slice is empty."""


@kernel
def reading(truth, gain, offset, noise_sigma, resolution, key, counter):
    """Give one sample: gain and offset error, noise, then the quantiser."""
    value = truth * (1.0 + gain) + offset
    if noise_sigma > 0.0:
        value += noise_sigma * normal(key, counter)
    if resolution > 0.0:
        value = math.floor(value / resolution + 0.5) * resolution
    return value


@kernel
def sample(
    tick, first, period, slots, truth, lag_keep, gain, offset, noise, resolution, keys,
    fault_offset, fault_stuck, fault_lost, lagged, line, count, value, valid, sampled_at,
):  # fmt: skip
    """Sample every kind that is due at `tick`, and deliver what has waited out its delay.

    Parameters
    ----------
    tick : int
        [ms].
    first : int64 (K + 1,)
        Sensors of kind k are ``first[k] : first[k + 1]``.
    period, slots : int64 (K,)
        Sampling period [ms]; samples under way plus one.
    truth, lag_keep, gain, offset, noise, resolution, fault_offset : float64 (n,)
    keys : uint64 (n,)
    fault_stuck, fault_lost : int64 (n,)
    lagged : float64 (n,), written
    line : float64 (max slots, n), written
    count : int64 (K,), written
        Samples taken so far.
    value : float64 (n,), written
    valid, sampled_at : int64 (n,), written
        `sampled_at` is the tick at which the delivered value was taken.
    """
    for kind in range(len(period)):
        if tick % period[kind] != 0:
            continue
        taken = count[kind]
        count[kind] = taken + 1
        slot = taken % slots[kind]
        before = (taken + slots[kind] - 1) % slots[kind] if taken > 0 else slot
        wait = slots[kind] - 1
        delivered = (taken + 1) % slots[kind] if wait > 0 else slot
        for k in range(first[kind], first[kind + 1]):
            lagged[k] = truth[k] + (lagged[k] - truth[k]) * lag_keep[k]
            last = line[before, k]
            new = reading(
                lagged[k], gain[k], offset[k] + fault_offset[k], noise[k], resolution[k], keys[k],
                _U(tick),
            )  # fmt: skip
            line[slot, k] = last if fault_stuck[k] == 1 and taken > 0 else new
            if taken < wait:
                continue
            lost = fault_lost[k] == 1
            if not lost:
                sampled_at[k] = tick - wait * period[kind]
            valid[k] = 0 if lost else 1
            value[k] = math.nan if lost else line[delivered, k]


@kernel
def hand_over(
    tick, value, valid, sampled_at, position, fuse_blown, out, is_valid, age_s, fed, whole
):
    """Copy what is measured into a controller's own arrays, with ages [s].

    Parameters
    ----------
    tick : int
        Now [ms].
    value : float64 (n,)
    valid, sampled_at : int64 (n,)
    position : int64 (R, 3)
    fuse_blown : int64 (R,)
    out, age_s : float64 (n,), written
    is_valid : bool (n,), written
    fed : bool (R, 3), written
        Auxiliary contacts.
    whole : bool (R,), written
        Fuses.
    """
    for k in range(len(value)):
        out[k] = value[k]
        is_valid[k] = valid[k] != 0
        age_s[k] = (tick - sampled_at[k]) * 1e-3
    for rack in range(len(fuse_blown)):
        whole[rack] = fuse_blown[rack] == 0
        for k in range(3):
            fed[rack, k] = position[rack, k] != 0


class Sensors:
    """All sensors of a site.

    Attributes
    ----------
    n : int
        Number of sensors.
    slices : dict of str to slice
        Where each kind sits in the flat arrays.
    temperature_cell : int64 (T,)
        The cell that each thermistor sits at.
    truth : float64 (n,)
        What the sensors measure; the engine gathers it before it calls `sense`.
    period_ticks : int
        Sampling is due at multiples of this at most [ms].
    """

    def __init__(self, spec: SensorsSpec, topology: Topology, seed: int) -> None:
        self.temperature_cell = thermistor_cells(spec, topology)
        racks = topology.n_racks
        wanted: dict[str, tuple[SensorSpec | None, int]] = {
            "group_voltage_V": (spec.group_voltage, topology.n_groups),
            "temperature_K": (spec.temperature, len(self.temperature_cell)),
            "rack_current_A": (spec.rack_current, racks),
            "rack_current_b_A": (spec.rack_current, racks),
            "rack_voltage_V": (spec.rack_voltage, racks),
            "bus_voltage_V": (spec.bus_voltage, 1),
            "coolant_inlet_K": (spec.coolant, racks),
            "coolant_outlet_K": (spec.coolant, racks),
            "ambient_K": (spec.ambient, 1),
            "insulation_ohm": (spec.insulation, racks),
        }
        specs = {kind: (s or NOT_FITTED, n if s else 0) for kind, (s, n) in wanted.items()}
        counts = [specs[kind][1] for kind in KINDS]
        self._first = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        self.n = int(self._first[-1])
        self.slices = {
            kind: slice(int(self._first[k]), int(self._first[k + 1]))
            for k, kind in enumerate(KINDS)
        }
        self._period = np.array([_ticks(specs[k][0].period_s) for k in KINDS], dtype=np.int64)
        self.period_ticks = int(np.gcd.reduce(self._period))
        self._slots = np.array(
            [1 + round(specs[k][0].delay_s / specs[k][0].period_s) for k in KINDS], dtype=np.int64
        )
        self._constants: tuple[Any, ...] = self._draw(specs, seed)
        self.truth = np.zeros(self.n)

    def _draw(
        self, specs: dict[str, tuple[SensorSpec, int]], seed: int
    ) -> tuple[NDArray[Any], ...]:
        """Return lag factor, gain, offset, noise, resolution and random keys of every sensor."""
        columns: list[tuple[NDArray[Any], ...]] = []
        for kind in KINDS:
            spec, n = specs[kind]
            keep = math.exp(-spec.period_s / spec.lag_s) if spec.lag_s > 0.0 else 0.0
            columns.append(
                (
                    np.full(n, keep),
                    spec.gain * normals(seed, f"sensor.{kind}.gain", n),
                    spec.offset * normals(seed, f"sensor.{kind}.offset", n),
                    np.full(n, spec.noise),
                    np.full(n, spec.resolution),
                    channel_keys(seed, f"sensor.{kind}.noise", n),
                )
            )
        return tuple(np.concatenate(parts) for parts in zip(*columns, strict=True))

    def declare(self, schema: Schema) -> None:
        """Declare everything that the sensors remember."""
        add = schema.add
        add("sensors", "lagged", (self.n,))
        add("sensors", "line", (int(self._slots.max()), self.n))
        add("sensors", "count", (len(KINDS),), integer=True)
        add("sensors", "value", (self.n,), initial=math.nan)
        add("sensors", "valid", (self.n,), integer=True)
        add("sensors", "sampled_at", (self.n,), integer=True)

    def settle(self, view: Any) -> None:
        """Start every lag at the present truth."""
        view.lagged[...] = self.truth

    def sense(self, tick: int, view: Any, overlay: Any) -> None:
        """Sample all kinds that are due, from the truth written before."""
        keep, gain, offset, noise, resolution, keys = self._constants
        sample(
            tick, self._first, self._period, self._slots, self.truth, keep, gain, offset, noise,
            resolution, keys, overlay.sensor_offset, overlay.sensor_stuck, overlay.sensor_lost,
            view.lagged, view.line, view.count, view.value, view.valid, view.sampled_at,
        )  # fmt: skip


def thermistor_cells(spec: SensorsSpec, topology: Topology) -> Ints:
    """Return the cell of each thermistor: evenly spread, at the first cell of its group."""
    p = topology.cells_per_group
    count = spec.temperature_count
    if spec.temperature_per == "group":
        places = np.arange(count) * p // count
        cells = (np.arange(topology.n_groups)[:, None] * p + places).ravel()
    else:
        groups = topology.groups_per_module
        at = ((np.arange(count) + 0.5) * groups / count).astype(np.int64)
        cells = ((np.arange(topology.n_modules)[:, None] * groups + at) * p).ravel()
    return cells.astype(np.int64)


def _ticks(seconds: float) -> int:
    return round(seconds * 1000.0)
