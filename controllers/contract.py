"""The checker for BMS and EMS plug-ins: an empty list means that the engine can run it.

``check_bms(Factory)`` builds two small packs, drives the plug-in through normal operation, lost
sensors, a message without any sensor and back, and holds every answer against the contract in
`ports`. Each complaint is one sentence that says what is wrong and what to do about it. The
reference controllers pass the same check in our own tests.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from controllers.contract_rig import (
    STEP_S,
    MemoryView,
    fingerprint,
    make_measurements,
    make_pack,
    make_view,
)
from controllers.ports import (
    Alarm,
    AlarmScope,
    BmsCommand,
    BmsRequest,
    BmsState,
    EmsCommand,
    EmsInputs,
    EmsMode,
    FieldSpec,
    Measurements,
    PackMap,
)

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
    nan = float("nan")

    def blind(time_s: float, command: Any) -> Measurements:
        return make_measurements(
            pack, time_s, voltage_V=nan, temperature_K=nan, current_A=nan, bus_V=nan
        )

    for _ in range(3):
        yield "with every value invalid", blind
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
            complaints.append(f"the plug-in has no `{name}`; see controllers/ports")
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
    """Restore the view half-way and compare bit for bit, on the same and on a new plug-in."""
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


def _unique(complaints: list[str]) -> list[str]:
    return list(dict.fromkeys(complaints))[:_MAX_COMPLAINTS]
