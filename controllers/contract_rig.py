"""What the contract checker and tests run a plug-in with: memory, small packs, messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np

from controllers.ports import (
    BmsCommand,
    CellRating,
    Channel,
    FieldSpec,
    HostRequest,
    Measurements,
    PackMap,
)

STEP_S = 0.1


class MemoryView:
    """A plug-in's memory: the declared arrays as attributes that can be written into, not replaced.

    Parameters
    ----------
    arrays : dict of str to array
    """

    __slots__ = ("_arrays",)

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        object.__setattr__(self, "_arrays", arrays)

    def __getattr__(self, name: str) -> np.ndarray:
        try:
            return self._arrays[name]
        except KeyError:
            raise AttributeError(f"view.{name} is not declared in `fields`") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"view.{name} cannot be replaced; write view.{name}[:] = ... instead")

    def copy(self) -> MemoryView:
        """Return an independent copy: a snapshot."""
        return MemoryView({name: array.copy() for name, array in self._arrays.items()})


def make_view(fields: Iterable[FieldSpec]) -> MemoryView:
    """Allocate the memory that `fields` declares, filled with the initial values.

    Parameters
    ----------
    fields : iterable of FieldSpec

    Returns
    -------
    MemoryView
        float64 or int64 arrays; scalars have shape (1,).
    """
    return MemoryView(
        {
            f.name: np.full(
                f.shape or (1,),
                int(f.initial) if f.integer else f.initial,
                dtype=np.int64 if f.integer else np.float64,
            )
            for f in fields
        }
    )


def make_pack(groups_per_rack: tuple[int, ...] = (4,), cells_per_group: int = 2) -> PackMap:
    """Return a small pack map: modules of two groups, a thermistor on every other group.

    Parameters
    ----------
    groups_per_rack : tuple of int
    cells_per_group : int
    """
    first = np.concatenate([[0], np.cumsum(groups_per_rack)]).astype(np.int64)
    n_groups = int(first[-1])
    rack = np.repeat(np.arange(len(groups_per_rack)), groups_per_rack).astype(np.int64)
    within = np.arange(n_groups) - first[rack]
    module = np.cumsum(within % 2 == 0).astype(np.int64) - 1
    at = np.flatnonzero(within % 2 == 0).astype(np.int64)
    return PackMap(
        n_racks=len(groups_per_rack),
        n_modules=int(module[-1]) + 1,
        n_groups=n_groups,
        cells_per_group=cells_per_group,
        group_rack=rack,
        group_module=module,
        temperature_group=at,
        temperature_rack=rack[at],
        rack_first_group=first,
        rating=CellRating(
            capacity_As=18000.0,
            voltage_min_V=2.5,
            voltage_max_V=4.2,
            charge_current_max_A=3.5,
            discharge_current_max_A=7.3,
            temperature_min_K=253.15,
            temperature_max_K=333.15,
        ),
        bleed_resistance_ohm=33.0,
        contactor_delay_s=0.03,
    )


def channel(values: Any, n: int = 1) -> Channel:
    """Return a fresh channel of `n` values; NaN entries are invalid."""
    value = np.array(np.broadcast_to(np.asarray(values, dtype=np.float64), (n,)))
    return Channel(value=value, valid=np.isfinite(value), age_s=np.zeros(n))


def make_measurements(
    pack: PackMap,
    time_s: float = 0.0,
    *,
    voltage_V: Any = 3.7,
    temperature_K: Any = 298.15,
    current_A: Any = 0.0,
    bus_V: float | None = None,
    command: BmsCommand | None = None,
    host: HostRequest | None = None,
) -> Measurements:
    """Return a complete message of a healthy pack.

    Parameters
    ----------
    pack : PackMap
    time_s : float
        [s]
    voltage_V, temperature_K, current_A : array_like
        Of groups [V], thermistors [K], racks [A]; NaN is an invalid value.
    bus_V : float, optional
        DC link [V]; None: the mean of the racks once any is precharging, else 0.
    command : BmsCommand, optional
        The contactors' feedback follows it; None: all open.
    host : HostRequest, optional
    """
    racks = pack.n_racks
    volts = channel(voltage_V, pack.n_groups)
    rack_V = np.add.reduceat(volts.value, pack.rack_first_group[:-1])
    feedback = np.zeros((racks, 3), dtype=np.bool_)
    if command is not None:
        feedback = np.stack([command.minus, command.precharge, command.plus], axis=1).copy()
    if bus_V is None:
        live = feedback[:, 1] | feedback[:, 2]
        bus_V = float(rack_V[live].mean()) if live.any() else 0.0
    return Measurements(
        time_s=time_s,
        unix_time_s=1.7e9 + time_s,
        group_voltage_V=volts,
        temperature_K=channel(temperature_K, pack.n_temperatures),
        rack_current_A=channel(current_A, racks),
        rack_current_b_A=channel(current_A, racks),
        rack_voltage_V=channel(rack_V, racks),
        bus_voltage_V=channel(bus_V),
        insulation_ohm=channel(5e6, racks),
        contactor_feedback=feedback,
        fuse_ok=np.ones(racks, dtype=np.bool_),
        ambient_K=channel(298.15),
        host=host or HostRequest(),
        ems_heartbeat=round(time_s / STEP_S),
    )


def fingerprint(message: Any) -> tuple[Any, ...]:
    """Return all of a message as comparable bytes, NaN included.

    Parameters
    ----------
    message : Measurements, BmsCommand, EmsInputs, EmsCommand or Channel
    """
    out: list[Any] = []
    for f in dataclass_fields(message):
        value = getattr(message, f.name)
        if isinstance(value, np.ndarray):
            out.append((f.name, value.shape, value.tobytes()))
        elif hasattr(value, "__dataclass_fields__"):
            out.append((f.name, fingerprint(value)))
        else:
            out.append((f.name, repr(value)))
    return tuple(out)
