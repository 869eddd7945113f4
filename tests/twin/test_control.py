"""What controllers can reach, and what happens when one hangs."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from controllers.ports import BmsCommand, Channel, EmsCommand, EmsInputs, Measurements
from twin.build import build
from twin.control import _arrays_of
from twin.engine import Engine
from twin.scenarios.load import example_path, parse_scenario
from twin.watchdog import HangError, Watchdog


def small() -> Engine:
    """One module of the car's pack."""
    return build(
        parse_scenario(
            example_path("ev_us06").read_text(encoding="utf-8"),
            [
                "step=100 ms",
                "alert_step=50 ms",
                "site.modules_per_rack=1",
                "pcs.voltage_min=20 V",
                "pcs.rated_power=2 kW",
            ],
        )
    )


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = small()
    for _ in range(20):
        made.step()
    return made


def arrays_of(message: Any) -> list[np.ndarray]:
    """Return every array that a message or a memory holds, and whatever those are views of."""
    found: list[np.ndarray] = []
    for value in (getattr(message, name) for name in dir(message) if not name.startswith("_")):
        if isinstance(value, Channel):
            found += arrays_of(value)
        while isinstance(value, np.ndarray):
            found.append(value)
            value = value.base
    return found


def test_no_array_of_a_controller_leads_to_the_truth(engine: Engine) -> None:
    reachable = (
        arrays_of(engine.bms_port.measurements)
        + arrays_of(engine.bms_port.pack)
        + arrays_of(engine.ems_port.inputs)
        + arrays_of(engine.bms_port.memory.view("bms"))
    )
    hidden = [engine.state.floats, engine.state.ints, *arrays_of(engine.plant.topology)]
    assert len(reachable) > 40
    for array in reachable:
        assert not any(np.shares_memory(array, truth) for truth in hidden)


def test_writing_into_a_message_changes_no_truth(engine: Engine) -> None:
    before = engine.state.floats.copy()
    for array in arrays_of(engine.bms_port.measurements):
        if array.dtype == np.float64:
            array[...] = 1e9
    np.testing.assert_array_equal(engine.state.floats, before)


def test_the_ems_is_told_zero_limits_when_the_bms_is_silent_for_3_s(engine: Engine) -> None:
    port = engine.ems_port
    port._bms_out.limit_A[...] = 5.0
    at = int(port._bms_out.commanded_at[0])
    fresh = port.fill(at + 3000, 0.0, engine.site, 0.0)
    assert isinstance(fresh, EmsInputs) and fresh.discharge_limit_A[0] == 5.0
    stale = port.fill(at + 3001, 0.0, engine.site, 0.0)
    assert stale.discharge_limit_A[0] == 0.0 and stale.charge_limit_A[0] == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_a_limit_that_is_no_limit_counts_as_zero_and_is_told(engine: Engine, bad: float) -> None:
    command = BmsCommand.all_open(engine.bms_port.pack)
    command.site_discharge_limit_A[:] = bad
    engine.bms_port.out.bad_limits[0] = 0
    engine.events.clear()
    engine.bms_port.accept(engine.tick, command)
    assert (engine.bms_port.out.limit_A == 0.0).all()
    assert [event.code for event in engine.events] == ["bms_limits_not_finite"]
    assert isinstance(engine.bms_port.measurements, Measurements)


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="needs POSIX timers")
def test_a_call_that_hangs_is_interrupted() -> None:
    # 50 ms limit against a sleep of 10 s: passes at once or not at all.
    with pytest.raises(HangError), Watchdog(limit_s=0.05):
        time.sleep(10.0)


class FailingPcs:
    """Works like ours until told to fail."""

    forkable = True
    answer: float | None = None

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def port(self, *arguments: Any) -> float:
        if self.answer is None:
            raise RuntimeError("no gate signal")
        return self.answer

    def trip(self, view: Any) -> None:
        self._inner.trip(view)


@pytest.mark.parametrize("answer", [None, np.nan, np.inf])
def test_a_pcs_that_fails_is_off_and_every_contactor_opens(answer: float | None) -> None:
    made = small()
    for _ in range(100):
        made.step()
    assert made.plant.switch_view.position[0].tolist() == [1, 0, 1]
    broken = FailingPcs(made.plant.converter.converter)
    broken.answer = answer
    made.plant.converter.converter, made.plant.compiled = broken, None
    for _ in range(20):
        made.step()
    assert [event.code for event in made.events].count("pcs_lost") == 1
    assert made.plant.switch_view.position[0].tolist() == [0, 0, 0]
    assert made.plant.pcs_view.dc_power_W[0] == 0.0
    made.ledger.close()
    assert made.ledger.as_dict()["residual"] < 1e-9


def test_an_ems_that_fails_opens_every_contactor() -> None:
    made = small()
    for _ in range(100):
        made.step()

    def fail(*_: Any) -> None:
        raise SystemExit(5)

    made.ems_port.ems.step = fail
    for _ in range(20):
        made.step()
    assert [event.code for event in made.events].count("ems_lost") == 1
    assert made.plant.switch_view.position[0].tolist() == [0, 0, 0]
    assert made.plant.control.setpoint_W[0] == 0.0


def test_a_power_that_is_no_number_counts_as_zero_and_is_told(engine: Engine) -> None:
    engine.events.clear()
    engine.ems_port.accept(EmsCommand(power_W=float("nan")), engine.tick)
    assert engine.ems_port.out.power_W[0] == 0.0
    assert [event.code for event in engine.events] == ["ems_power_not_finite"]


def test_a_command_is_put_in_force_alike_whatever_its_arrays_are(engine: Engine) -> None:
    port, rng = engine.bms_port, np.random.default_rng(3)
    agreed = BmsCommand.all_open(port.pack)
    for array in _arrays_of(agreed):
        array[...] = rng.random(array.shape) * 3.0
    port.accept(engine.tick, agreed)
    names = ("coil", "limit_A", "state", "bleed", "soc", "soc_std", "soc_counted", "soh")
    first = {name: getattr(port.out, name).copy() for name in names}
    assert first["limit_A"].any() and first["coil"].any() and first["soc_counted"].any()
    port.accept(engine.tick, BmsCommand.all_open(port.pack))
    assert not port.out.limit_A.any() and np.isnan(port.out.soc).all()
    odd = BmsCommand.all_open(port.pack)
    for field in BmsCommand.__slots__:
        value = getattr(agreed, field)
        if isinstance(value, np.ndarray):
            wide = np.repeat(value, 2, axis=-1)[..., ::2]  # strided, or a list, or of another type
            kind = {"group_soc": list(value), "bleed": value.astype(np.float64)}
            setattr(odd, field, kind.get(field, wide))
    port.accept(engine.tick, odd)
    for name, values in first.items():
        np.testing.assert_array_equal(getattr(port.out, name), values, err_msg=name)


def test_a_command_of_another_size_is_a_lost_bms(engine: Engine) -> None:
    port = engine.bms_port
    command = BmsCommand.all_open(port.pack)
    command.group_soc = np.zeros(port.pack.n_groups + 1)
    with pytest.raises(ValueError):
        port.accept(engine.tick, command)
    port.accept(engine.tick, BmsCommand.all_open(port.pack))
