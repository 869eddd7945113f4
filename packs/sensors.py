"""Virtual sensors: truth in, flat arrays of value, validity and age out.

Each kind of sensor has a data sheet (`SensorSpec`): lag, gain and offset drawn once from the seed,
noise of each sample, quantiser, sampling period, delay. The AFE of a module scans its channels one
after the other, and may bleed through the wires that it measures with. Faults act through the
overlay. All kinds sit in one flat array, sampled by one compiled call (`packs.sensing`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models.jit import kernel
from packs.rng import channel_keys, normals
from packs.sensing import LEAST, PERIOD, SHEET_ROWS, SKEW, drop_along_wires, sample
from packs.spec import SensorSpec, SensorsSpec
from packs.state import Schema, State
from packs.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = (
    "group_voltage_V", "temperature_K", "rack_current_A", "rack_current_b_A", "rack_voltage_V",
    "bus_voltage_V", "coolant_inlet_K", "coolant_outlet_K", "ambient_K", "insulation_ohm",
    "coolant_flow_kg_per_s", "module_pressure_Pa", "module_gas_ppm",
)  # fmt: skip
"""Kinds of sensor in the order of the flat array; the names of the measured channels."""

LEAST_READING = {"insulation_ohm": 0.0}
"""An insulation monitor shows no negative resistance, whatever its noise; others have no end."""

NOT_FITTED = SensorSpec(
    noise=0.0, offset=0.0, gain=0.0, resolution=0.0, period_s=1.0, delay_s=0.0, lag_s=0.0
)
"""Stands in for a kind without sensors: its slice is empty."""

AIR_PRESSURE_PA = 101325.0
"""Standard atmosphere (ISO 2533:1975)."""


@kernel
def gather(floats, places, out):
    """Copy the numbers at `places`, int64 (n,) and inside `floats`, to `out`, float64 (n,)."""
    for k in range(len(out)):
        out[k] = floats[np.uint64(places[k])]


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

    Parameters
    ----------
    spec : SensorsSpec
    topology : Topology
        Of what is simulated; the sensors are those of the full pack.
    seed : int
    step_ticks : int
        Plant step [ms], for the skew of a scan.
    extra_delay : mapping of kind to int, optional
        Samples of delay beyond the data sheet that the delay lines must have room for.

    Attributes
    ----------
    n : int
        Number of sensors.
    slices : dict of str to slice
        Where each kind sits in the flat arrays.
    temperature_cell : int64 (T,)
        The cell of the full pack that each thermistor sits at.
    gathered : float64 (n + 1,)
        `truth` and `ambient_K`, written by `look`.
    truth : float64 (n,)
        What the sensors measure; `look` gathers it before `sense`.
    ambient_K : float64 (1,), [K]
        True air temperature, which a detached thermistor feels.
    period_ticks : int
        Sampling is due at multiples of this at most [ms]; every plant step where a scan is skewed.
    """

    def __init__(
        self,
        spec: SensorsSpec,
        topology: Topology,
        seed: int,
        *,
        step_ticks: int = 1,
        extra_delay: Mapping[str, int] | None = None,
    ) -> None:
        self._series = topology.lump.series
        self._group_slot = topology.group_home
        topology = topology.full
        self.temperature_cell = thermistor_cells(spec, topology)
        self._sizes = (topology.n_racks, topology.n_modules)
        self._groups_per_module = topology.groups_per_module
        specs = _fitted(spec, topology, len(self.temperature_cell))
        counts = [specs[kind][1] for kind in KINDS]
        first = [0, *np.cumsum(counts).tolist()]
        self.n = first[-1]
        self.slices = {kind: slice(*first[k : k + 2]) for k, kind in enumerate(KINDS)}
        period = [_ticks(specs[kind][0].period_s) for kind in KINDS]
        wait = [round(specs[kind][0].delay_s / specs[kind][0].period_s) for kind in KINDS]
        self._plan = np.array([first, [*period, 1], [*wait, 0]], dtype=np.int64)
        self.period_ticks = math.gcd(*(p for p, n in zip(period, counts, strict=True) if n))
        extra = extra_delay or {}
        self._depth = 1 + max(w + extra.get(kind, 0) for w, kind in zip(wait, KINDS, strict=True))
        self._sheet = np.zeros((SHEET_ROWS, self.n))
        self._keys = np.zeros(self.n, dtype=np.uint64)
        self._draw(specs, seed)
        if spec.scan_skew_s > 0.0:
            self._skew(spec.scan_skew_s, step_ticks)
        self._wire_ohm = spec.sense_wire_ohm
        self._scratch = np.zeros((5, self.n))
        self.gathered = np.zeros(self.n + 1)
        self.truth, self.ambient_K = self.gathered[: self.n], self.gathered[self.n :]

    def period_s(self, kind: str) -> float:
        """Return the time between two samples of a kind [s]."""
        return float(self._plan[PERIOD, KINDS.index(kind)]) / 1000.0

    def _draw(self, specs: dict[str, tuple[SensorSpec, int]], seed: int) -> None:
        """Fill in lag factor, gain, offset, noise, resolution and random key of every sensor."""
        for kind in KINDS:
            (spec, n), at = specs[kind], self.slices[kind]
            keep = math.exp(-spec.period_s / spec.lag_s) if spec.lag_s > 0.0 else 0.0
            self._sheet[:SKEW, at] = (
                np.full(n, keep),
                spec.gain * normals(seed, f"sensor.{kind}.gain", n),
                spec.offset * normals(seed, f"sensor.{kind}.offset", n),
                np.full(n, spec.noise),
                np.full(n, spec.resolution),
            )
            self._sheet[LEAST, at] = LEAST_READING.get(kind, -np.inf)
            self._keys[at] = channel_keys(seed, f"sensor.{kind}.noise", n)

    def _skew(self, skew_s: float, step_ticks: int) -> None:
        """Let each module's AFE scan its groups `skew_s` apart; the last one ends at the tick."""
        m = self._groups_per_module
        scan_s = (m - 1) * skew_s
        if scan_s * 1000.0 > step_ticks * (1.0 + 1e-9):
            raise ValueError(
                f"scan_skew_s {skew_s:g} s: a scan of {m} channels takes {scan_s:g} s; expected at "
                f"most one plant step, {step_ticks / 1000.0:g} s"
            )
        at = self.slices["group_voltage_V"]
        place = np.arange(at.stop - at.start) % m
        self._sheet[SKEW, at] = (m - 1 - place) * skew_s * 1000.0 / step_ticks
        self.period_ticks = math.gcd(self.period_ticks, step_ticks)

    def declare(self, schema: Schema) -> None:
        """Declare everything that the sensors remember, and the truth that nobody else keeps."""
        add = schema.add
        add("sensors", "before", (self.n,))
        add("sensors", "lagged", (self.n,))
        add("sensors", "line", (self._depth, self.n))
        add("sensors", "count", (len(KINDS),), integer=True)
        add("sensors", "value", (self.n,), initial=math.nan)
        add("sensors", "valid", (self.n,), integer=True)
        add("sensors", "sampled_at", (self.n,), integer=True)
        racks, modules = self._sizes
        add("sensed", "coolant_flow_kg_per_s", (racks,), unit="kg/s")
        add("sensed", "module_pressure_Pa", (modules,), unit="Pa", initial=AIR_PRESSURE_PA)
        add("sensed", "module_gas_ppm", (modules,), unit="ppm")

    def bind(self, state: State, flow_kg_per_s: float, bleed_ohm: float) -> None:
        """Take the views on a built state.

        Parameters
        ----------
        state : State
        flow_kg_per_s : float
            Nominal coolant flow of one rack.
        bleed_ohm : float
            Balancing resistor across one group; where racks are lumped, `packs.lumping.lumped_spec`
            says which.
        """
        self._flow = state.view("sensed").coolant_flow_kg_per_s
        self._flow_fraction = state.view("overlay").coolant_fraction
        self._nominal_flow = flow_kg_per_s
        self._flow_share = getattr(state.view("cooling"), "flow_share", None)
        flow = self.slices["coolant_flow_kg_per_s"]
        self._has_flow = flow.stop > flow.start
        self._bleed = state.view("network").bleed  # by slot
        self._bleed_S = self._series / bleed_ohm  # in a lumped rack, the mean over its groups

    def look(self, floats: Floats, places: Ints) -> None:
        """Gather the truth of every sensor and of the air from the state's buffer.

        Parameters
        ----------
        floats : float64
            Buffer of the state.
        places : int64 (n + 1,)
        """
        if self._has_flow:
            np.multiply(self._flow_fraction, self._nominal_flow, out=self._flow)
            if self._flow_share is not None:  # of the pump
                self._flow *= self._flow_share
        gather(floats, places, self.gathered)
        if self._series > 1:
            self.truth[self.slices["group_voltage_V"]] /= self._series
        if self._wire_ohm > 0.0:
            self.bleed_along_wires(self._bleed[self._group_slot], self._bleed_S)

    def bleed_along_wires(self, bleed: Ints, bleed_S: float) -> None:
        """Shift the group voltages in `truth` by the drop of bleed currents in the sense wires."""
        first = self.slices["group_voltage_V"].start
        drop_along_wires(first, bleed, bleed_S, self._wire_ohm, self._groups_per_module, self.truth)

    def settle(self, view: Any) -> None:
        """Start every lag at the present truth."""
        view.lagged[...] = self.truth
        view.before[...] = self.truth

    def sense(self, tick: int, view: Any, overlay: Any) -> None:
        """Sample all kinds that are due, from the truth gathered before."""
        sample(
            tick, self._plan, self.gathered, self._sheet, self._keys, self._scratch, overlay.sensor,
            overlay.sensor_switch, view.before, view.lagged, view.line, view.count, view.value,
            view.valid, view.sampled_at,
        )  # fmt: skip


def _fitted(
    spec: SensorsSpec, topology: Topology, thermistors: int
) -> dict[str, tuple[SensorSpec, int]]:
    """Return the data sheet and the number of every kind."""
    racks, modules = topology.n_racks, topology.n_modules
    wanted: dict[str, tuple[SensorSpec | None, int]] = {
        "group_voltage_V": (spec.group_voltage, topology.n_groups),
        "temperature_K": (spec.temperature, thermistors),
        "rack_current_A": (spec.rack_current, racks),
        "rack_current_b_A": (spec.rack_current, racks),
        "rack_voltage_V": (spec.rack_voltage, racks),
        "bus_voltage_V": (spec.bus_voltage, 1),
        "coolant_inlet_K": (spec.coolant, racks),
        "coolant_outlet_K": (spec.coolant, racks),
        "ambient_K": (spec.ambient, 1),
        "insulation_ohm": (spec.insulation, racks),
        "coolant_flow_kg_per_s": (spec.coolant_flow, racks),
        "module_pressure_Pa": (spec.module_pressure, modules),
        "module_gas_ppm": (spec.module_gas, modules),
    }
    return {kind: (s or NOT_FITTED, n if s else 0) for kind, (s, n) in wanted.items()}


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
