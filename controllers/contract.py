"""The checker for BMS and EMS plug-ins: an empty list means that the engine can run it.

``check_bms(Factory)`` builds two small packs, drives the plug-in through normal operation, lost
sensors, a message without any sensor and back, and holds every answer against the contract in
`ports`. Each complaint is one sentence that says what is wrong and what to do about it. The
reference controllers pass the same check in our own tests.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np

from controllers.ports import (
    Alarm,
    AlarmScope,
    BmsCommand,
    BmsRequest,
    BmsState,
    CellRating,
    Channel,
    EmsCommand,
    EmsInputs,
    EmsMode,
    FieldSpec,
    HostRequest,
    Measurements,
    PackMap,
)

STEP_S = 0.1
N_STEPS = 40
_MAX_COMPLAINTS = 12
# Expected arrays of a command: shape in racks R and groups G, and dtype.
_ARRAYS: dict[str, tuple[str, type]] = {
    "minus": ("R", np.bool_),
    "precharge": ("R", np.bool_),
    "plus": ("R", np.bool_),
    "bleed": ("G", np.bool_),
    "transfer_A": ("G", np.float64),
    "rack_charge_limit_A": ("R,4", np.float64),
    "rack_discharge_limit_A": ("R,4", np.float64),
    "site_charge_limit_A": ("4", np.float64),
    "site_discharge_limit_A": ("4", np.float64),
    "state": ("R", np.int64),
    "group_soc": ("G", np.float64),
    "group_soc_std": ("G", np.float64),
    "group_soc_counted": ("G", np.float64),
    "group_soh": ("G", np.float64),
}
_DUTIES = ("pump", "fan", "valve", "chiller", "heater")


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


def _messages(pack: PackMap) -> Iterator[tuple[str, Callable[[float, Any], Measurements]]]:
    """Yield what the plug-in is told, step by step, with a name for complaints."""
    rng = np.random.default_rng(7)
    for n in range(N_STEPS):
        volts = 3.7 + 0.01 * rng.standard_normal(pack.n_groups)
        warm = 298.15 + 0.1 * rng.standard_normal(pack.n_temperatures)
        amps = 2.0 * rng.standard_normal() if n > 25 else 0.0
        name = "with every sensor valid"
        if n % 7 == 3:
            volts[n % pack.n_groups] = np.nan
            warm[n % pack.n_temperatures] = np.nan
            name = "with single values invalid"

        def build(
            time_s: float, command: Any, v: Any = volts, t: Any = warm, i: float = amps
        ) -> Measurements:
            return make_measurements(
                pack, time_s, voltage_V=v, temperature_K=t, current_A=i, command=command
            )

        yield name, build
    for _ in range(3):
        nan = np.nan
        yield (
            "with every value invalid",
            lambda time_s, command: make_measurements(
                pack, time_s, voltage_V=nan, temperature_K=nan, current_A=nan, bus_V=nan
            ),
        )
    yield "with no sensor fitted at all", lambda time_s, command: Measurements(time_s=time_s)
    for _ in range(3):
        yield (
            "after the sensors came back",
            lambda time_s, command: make_measurements(pack, time_s, command=command),
        )


def check_bms(factory: Callable[..., Any], options: dict[str, Any] | None = None) -> list[str]:
    """Hold a BMS plug-in against its contract.

    Parameters
    ----------
    factory : callable
        Called as ``factory(pack, options)``.
    options : dict, optional
        Passed on, with ``step_s``.

    Returns
    -------
    list of str
        Complaints; empty when the plug-in passes.
    """
    complaints: list[str] = []
    for groups in ((4,), (4, 3, 5)):
        pack = make_pack(groups)
        plugin = _build(factory, pack, options, complaints)
        if plugin is None:
            return complaints
        messages = list(_messages(pack))

        def answer(n: int, time_s: float, last: Any, m: Any = messages) -> tuple[str, Any]:
            name, build = m[n]
            return name, build(time_s, last)

        _drive(plugin, answer, len(messages), BmsCommand, _command_faults, pack, complaints)
        if not complaints and plugin.forkable:
            _replay(factory, pack, options, plugin, answer, complaints)
        if complaints:
            break
    return _unique(complaints)


def check_ems(factory: Callable[..., Any], options: dict[str, Any] | None = None) -> list[str]:
    """Hold an EMS plug-in against its contract.

    Parameters
    ----------
    factory : callable
        Called as ``factory(pack, options)``.
    options : dict, optional
        Passed on, with ``step_s``.

    Returns
    -------
    list of str
        Complaints; empty when the plug-in passes.
    """
    complaints: list[str] = []
    pack = make_pack()
    plugin = _build(factory, pack, options, complaints)
    if plugin is None:
        return complaints

    def answer(n: int, time_s: float, last: Any) -> tuple[str, Any]:
        return ("with unknown values" if n % 6 == 5 else "with all values"), _ems_inputs(n, time_s)

    _drive(plugin, answer, N_STEPS, EmsCommand, _ems_command_faults, pack, complaints)
    if not complaints and plugin.forkable:
        _replay(factory, pack, options, plugin, answer, complaints)
    return _unique(complaints)


def _ems_inputs(n: int, time_s: float) -> EmsInputs:
    if n == 0:
        return EmsInputs()  # before the first BMS command: nothing is known
    unknown = n % 6 == 5
    return EmsInputs(
        time_s=time_s,
        unix_time_s=1.7e9 + time_s,
        bms_sequence=n,
        bms_age_s=10.0 if n % 10 == 9 else 0.1,
        charge_limit_A=np.full(4, 7.0),
        discharge_limit_A=np.full(4, 14.0),
        voltage_min_V=10.0,
        voltage_max_V=16.8,
        bus_voltage_V=np.nan if unknown else 14.8,
        is_connected=n > 5,
        soc=np.nan if unknown else 0.9 - 0.02 * n,
        soc_std=0.01,
        request=BmsRequest.STOP if n == 20 else BmsRequest.NONE,
        profile_W=np.nan if unknown else 200.0 * np.sin(n),
        load_W=np.nan if unknown else 100.0 + 50.0 * np.sin(n),
        pv_W=30.0,
        pcs_rated_W=150.0,
    )


def _build(
    factory: Callable[..., Any],
    pack: PackMap,
    options: dict[str, Any] | None,
    complaints: list[str],
) -> Any:
    """Build the plug-in and check what it declares; None when it cannot be driven."""
    try:
        plugin = factory(pack, {"step_s": STEP_S, **(options or {})})
    except Exception as error:
        complaints.append(
            f"the factory raised {type(error).__name__}: {error}; it must accept "
            "(pack, options) with step_s among the options"
        )
        return None
    for name in ("fields", "forkable", "step", "describe"):
        if not hasattr(plugin, name):
            complaints.append(f"the plug-in has no `{name}`; see the protocols in controllers/ports")
    if complaints:
        return None
    if not isinstance(plugin.fields, tuple) or not all(
        isinstance(f, FieldSpec) for f in plugin.fields
    ):
        complaints.append("`fields` must be a tuple of FieldSpec; use () when there is no memory")
        return None
    names = [f.name for f in plugin.fields]
    for name in sorted({n for n in names if names.count(n) > 1 or not n.isidentifier()}):
        complaints.append(f"field name {name!r} must be a unique Python identifier; rename it")
    for f in plugin.fields:
        if not all(isinstance(n, int) and n > 0 for n in f.shape):
            complaints.append(f"field {f.name!r} has shape {f.shape}; use positive integers")
    try:
        if not isinstance(plugin.describe(), dict):
            complaints.append("describe() must return a dict; the report prints it")
    except Exception as error:
        complaints.append(f"describe() raised {type(error).__name__}: {error}")
    return None if complaints else plugin


def _drive(
    plugin: Any,
    answer: Callable[[int, float, Any], tuple[str, Any]],
    n_steps: int,
    wanted: type,
    faults: Callable[[Any, PackMap], Iterator[str]],
    pack: PackMap,
    complaints: list[str],
) -> None:
    """Step through all messages and collect complaints about the answers."""
    view, command, last_count = make_view(plugin.fields), None, None
    for n in range(n_steps):
        name, inputs = answer(n, n * STEP_S, command)
        before = copy.deepcopy(inputs)
        try:
            command = plugin.step(n * STEP_S, inputs, view)
        except Exception as error:
            complaints.append(
                f"step raised {type(error).__name__}: {error} ({name}); a plug-in must answer "
                "whatever it is told, with zero limits or zero power when in doubt"
            )
            return
        if not isinstance(command, wanted):
            complaints.append(
                f"step returned {type(command).__name__}; it must return a {wanted.__name__}"
            )
            return
        if fingerprint(before) != fingerprint(inputs):
            complaints.append("step writes into its inputs; copy an array before changing it")
        complaints.extend(f"{fault} ({name})" for fault in faults(command, pack))
        count = command.sequence if isinstance(command, BmsCommand) else command.heartbeat
        word = "sequence" if isinstance(command, BmsCommand) else "heartbeat"
        if last_count is not None and count != last_count + 1:
            complaints.append(
                f"{word} went from {last_count} to {count}; it must count up by one every step, "
                "from a counter in the view"
            )
        last_count = count
        if len(complaints) >= _MAX_COMPLAINTS:
            return


def _command_faults(command: BmsCommand, pack: PackMap) -> Iterator[str]:
    """Yield what is malformed in a BMS command."""
    sizes = {"R": pack.n_racks, "G": pack.n_groups, "4": 4}
    for name, (letters, dtype) in _ARRAYS.items():
        array = getattr(command, name)
        shape = tuple(sizes[letter] for letter in letters.split(","))
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
            found = f"{getattr(array, 'dtype', type(array).__name__)}{np.shape(array)}"
            yield (
                f"{name} is {found}, must be {np.dtype(dtype)}{shape}; start from "
                "BmsCommand.all_open(pack) and write into its arrays"
            )
        elif "limit_A" in name and not np.all(np.isfinite(array)):
            yield f"{name} has NaN or infinite entries; send 0.0 where the limit is unknown"
        elif "limit_A" in name and np.any(array < 0.0):
            yield f"{name} is negative; limits are positive in both directions"
        elif name == "state" and not set(array.tolist()) <= {int(s) for s in BmsState}:
            yield f"state {array.tolist()} has values that are no BmsState; use the enum"
        elif name == "group_soc_std" and np.any(array < 0.0):
            yield "group_soc_std is negative; it is a standard deviation"
    for name in _DUTIES:
        if not 0.0 <= getattr(command, name) <= 1.0:
            yield f"{name} is {getattr(command, name)}; a duty is within 0 and 1"
    if not isinstance(command.request, BmsRequest):
        yield f"request is {command.request!r}; use BmsRequest"
    counts = {
        AlarmScope.GROUP: pack.n_groups,
        AlarmScope.SENSOR: pack.n_temperatures,
        AlarmScope.RACK: pack.n_racks,
        AlarmScope.SITE: 0,
    }
    for alarm in command.alarms:
        if not isinstance(alarm, Alarm):
            yield f"alarms holds a {type(alarm).__name__}; use Alarm"
        elif not -1 <= alarm.component < counts[alarm.scope]:
            yield f"alarm {alarm.code} names {alarm.scope} {alarm.component}; count from 0"


def _ems_command_faults(command: EmsCommand, pack: PackMap) -> Iterator[str]:
    """Yield what is malformed in an EMS command."""
    for name in ("power_W", "reactive_var"):
        if not np.isfinite(getattr(command, name)):
            yield f"{name} is {getattr(command, name)}; send 0.0 when in doubt"
    for name in ("reserve_soc", "pre_cool"):
        if not 0.0 <= getattr(command, name) <= 1.0:
            yield f"{name} is {getattr(command, name)}; it is within 0 and 1"
    if not isinstance(command.mode, EmsMode):
        yield f"mode is {command.mode!r}; use EmsMode"
    if not isinstance(command.reason, str):
        yield f"reason is {command.reason!r}; write the rule that bound the set-point"


def _replay(
    factory: Callable[..., Any],
    pack: PackMap,
    options: dict[str, Any] | None,
    plugin: Any,
    answer: Callable[[int, float, Any], tuple[str, Any]],
    complaints: list[str],
) -> None:
    """Restore the view half-way and compare the answers bit for bit, on the same and a new plug-in."""
    half, end = N_STEPS // 2, N_STEPS
    view = make_view(plugin.fields)
    last = None
    for n in range(half):
        last = copy.deepcopy(plugin.step(n * STEP_S, answer(n, n * STEP_S, last)[1], view))
    snapshot = view.copy()

    def second_half(who: Any, memory: MemoryView) -> list[Any]:
        out, command = [], last
        for n in range(half, end):
            command = who.step(n * STEP_S, answer(n, n * STEP_S, command)[1], memory)
            out.append(fingerprint(command))
            command = copy.deepcopy(command)
        return out

    first = second_half(plugin, view)
    fresh = factory(pack, {"step_s": STEP_S, **(options or {})})
    for who, whose in ((plugin, "the same plug-in"), (fresh, "a newly built plug-in")):
        again = second_half(who, snapshot.copy())
        for n, (a, b) in enumerate(zip(first, again, strict=True)):
            if a != b:
                where = next(x[0] for x, y in zip(a, b, strict=True) if x != y)
                complaints.append(
                    f"after restoring the view, {whose} answers differently ({where}, {n} steps "
                    "later): keep all memory in the view, declared in `fields`, or set "
                    "forkable = False"
                )
                return


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


def _unique(complaints: list[str]) -> list[str]:
    return list(dict.fromkeys(complaints))[:_MAX_COMPLAINTS]
