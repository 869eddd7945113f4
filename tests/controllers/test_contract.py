"""The checker passes what is right and names what is wrong; restored controllers repeat exactly."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twin
from controllers.contract import check_bms, check_ems
from controllers.contract_rig import fingerprint, make_measurements, make_pack, make_view
from controllers.ems import SimpleEms
from controllers.null import NullBms, NullEms
from controllers.ports import Bms, BmsCommand, Ems, EmsCommand, FieldSpec
from controllers.reference_bms import ReferenceBms

ROOT = Path(__file__).resolve().parents[2]


def load(path: Path, name: str) -> Any:
    """Run a file, or the first Python block of a Markdown file, and return one of its names."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        (text, *_) = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    module = types.ModuleType("plug_in")
    exec(compile(text, str(path), "exec"), module.__dict__)  # noqa: S102
    return getattr(module, name)


TUTORIAL = load(ROOT / "docs/tutorial_bms.md", "ThermostatBms")


@pytest.mark.parametrize(
    "factory",
    [ReferenceBms, NullBms, TUTORIAL, load(ROOT / "twin/templates/bms.py", "MyBms")],
    ids=["reference", "null", "tutorial", "template"],
)
def test_shipped_bms_pass_the_checker(factory: Callable[..., Any]) -> None:
    assert check_bms(factory) == []
    assert isinstance(factory(make_pack(), {}), Bms)


@pytest.mark.parametrize(
    ("factory", "options"),
    [
        (NullEms, {}),
        (SimpleEms, {"strategy": "follow"}),
        (SimpleEms, {"strategy": "self_consumption"}),
        (SimpleEms, {"strategy": "peak_shaving", "threshold_W": 120.0}),
        (SimpleEms, {"strategy": "self_consumption+peak_shaving", "threshold_W": 120.0}),
        (load(ROOT / "twin/templates/ems.py", "MyEms"), {}),
    ],
)
def test_shipped_ems_pass_the_checker(factory: Callable[..., Any], options: dict) -> None:
    assert check_ems(factory, options) == []
    assert isinstance(factory(make_pack(), options), Ems)


def test_bms_of_the_tutorial_has_forty_lines_and_really_trips() -> None:
    text = (ROOT / "docs/tutorial_bms.md").read_text(encoding="utf-8")
    (code, *_) = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    body = [line for line in code.split("class ThermostatBms")[1].splitlines() if line.strip()]
    assert len(body) <= 44
    pack = make_pack()
    bms = TUTORIAL(pack, {"hot_K": 320.0})
    view = make_view(bms.fields)
    for k in range(60):
        command = bms.step(0.1 * k, make_measurements(pack), view)
    assert command.plus.all() and command.site_discharge_limit_A.max() == 0.0  # has not closed yet
    command = bms.step(6.0, make_measurements(pack, command=command), view)
    assert command.plus.all() and command.site_discharge_limit_A.min() > 0.0
    command = bms.step(6.1, make_measurements(pack, temperature_K=[298.15, 325.0]), view)
    assert not command.minus.any() and command.alarms[0].code == "trip"
    with pytest.raises(ValueError, match="hot_K"):
        TUTORIAL(pack, {"hot_K": 60.0})


class Right:
    """A correct, idle BMS for the wrong ones to spoil."""

    forkable = True
    fields = (FieldSpec(name="commands", integer=True),)

    def __init__(self, pack: Any, options: dict[str, Any]) -> None:
        self.pack, self.calls = pack, 0

    def step(self, time_s: float, inputs: Any, view: Any) -> BmsCommand:
        command = BmsCommand.all_open(self.pack)
        view.commands[0] += 1
        command.sequence = int(view.commands[0])
        return self.spoil(command, inputs)

    def spoil(self, command: Any, inputs: Any) -> Any:
        return command

    def describe(self) -> dict[str, Any]:
        return {}


class NotANumber(Right):
    def spoil(self, command: Any, inputs: Any) -> Any:
        command.site_charge_limit_A[2] = np.nan
        return command


class WrongShape(Right):
    def spoil(self, command: Any, inputs: Any) -> Any:
        command.bleed = np.zeros(self.pack.n_groups + 1, dtype=np.bool_)
        return command


class HiddenMemory(Right):
    def spoil(self, command: Any, inputs: Any) -> Any:
        self.calls += 1
        command.pump = min(self.calls / 1000.0, 1.0)
        return command


class WritesInputs(Right):
    def spoil(self, command: Any, inputs: Any) -> Any:
        inputs.group_voltage_V.value[:] = 0.0
        return command


class RaisesWhenBlind(Right):
    def spoil(self, command: Any, inputs: Any) -> Any:
        command.group_soc[:] = inputs.group_voltage_V.value[
            np.isfinite(inputs.group_voltage_V.value)
        ]
        return command


class NegativeLimit(Right):
    def spoil(self, command: Any, inputs: Any) -> Any:
        command.rack_charge_limit_A[:] = -5.0
        return command


class NoCount(Right):
    def spoil(self, command: Any, inputs: Any) -> Any:
        command.sequence = 7
        return command


class ReturnsNothing(Right):
    def spoil(self, command: Any, inputs: Any) -> Any:
        return None


class TwiceTheSameField(Right):
    fields = (FieldSpec(name="commands"), FieldSpec(name="commands"))


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        (NotANumber, "site_charge_limit_A has NaN"),
        (WrongShape, r"bleed is bool\(5,\), must be bool\(4,\)"),
        (HiddenMemory, "after restoring the view.*keep all memory in the view"),
        (WritesInputs, "writes into its inputs"),
        (RaisesWhenBlind, "step raised ValueError.*invalid"),
        (NegativeLimit, "rack_charge_limit_A is negative"),
        (NoCount, "sequence went from 7 to 7"),
        (ReturnsNothing, "returned NoneType; it must return a BmsCommand"),
        (TwiceTheSameField, "field name 'commands' must be a unique"),
        (lambda pack: None, "the factory raised TypeError"),
    ],
)
def test_wrong_bms_fails_with_the_reason(factory: Any, reason: str) -> None:
    assert check_bms(Right) == []
    complaints = check_bms(factory)
    assert complaints and re.search(reason, complaints[0]), complaints


def test_wrong_ems_fails_with_the_reason() -> None:
    class Wild(NullEms):
        def step(self, time_s: float, inputs: Any, view: Any) -> EmsCommand:
            command = super().step(time_s, inputs, view)
            command.power_W = inputs.soc * 100.0
            return command

    assert re.search("power_W is nan", check_ems(Wild)[0])


def test_bad_options_are_refused_with_field_and_reason() -> None:
    pack = make_pack()
    for options, words in (
        ({"step_s": -1.0}, "step_s"),
        ({"mismatch": {"capacity": 9.0}}, "capacity"),
        ({"cell": "unobtainium"}, "unobtainium"),
        ({"periode": 1.0}, "periode"),
    ):
        with pytest.raises(ValueError, match=words):
            ReferenceBms(pack, options)
    with pytest.raises(ValueError, match="limit_factor"):
        NullBms(pack, {"limit_factor": 0.0})


def test_reference_bms_repeats_bit_for_bit_from_any_snapshot() -> None:
    pack = make_pack((12, 12))
    rng = np.random.default_rng(2)
    messages = [
        make_measurements(
            pack,
            0.1 * k,
            voltage_V=3.7 + 0.02 * rng.standard_normal(24),
            current_A=4.0 * rng.standard_normal() if k > 100 else 0.0,
        )
        for k in range(200)
    ]

    def run(bms: ReferenceBms, view: Any, start: int) -> tuple[list[Any], dict[int, Any]]:
        out, snapshots, command = [], {}, None
        for k in range(start, 200):
            if k in (50, 120, 170):
                snapshots[k] = view.copy()
            messages[k].contactor_feedback = np.zeros((0, 3), dtype=np.bool_)
            command = bms.step(0.1 * k, messages[k], view)
            out.append(fingerprint(command))
        return out, snapshots

    first = ReferenceBms(pack, {})
    whole, snapshots = run(first, make_view(first.fields), 0)
    for k, snapshot in snapshots.items():
        assert run(ReferenceBms(pack, {}), snapshot, k)[0] == whole[k:]


def test_reference_bms_runs_without_the_compiler() -> None:
    code = (
        "from controllers.contract_rig import *\n"
        "from controllers.reference_bms import ReferenceBms\n"
        "pack = make_pack((3, 3)); bms = ReferenceBms(pack, {}); view = make_view(bms.fields)\n"
        "command = None\n"
        "for k in range(60):\n"
        "    message = make_measurements(pack, 0.1 * k, voltage_V=3.65, command=command)\n"
        "    command = bms.step(0.1 * k, message, view)\n"
        "print(command.state.tolist(), repr(float(command.group_soc.sum())))\n"
    )
    answers = []
    for disabled in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "NUMBA_DISABLE_JIT": disabled},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers.append(done.stdout.split("]"))
    assert answers[0][0] == answers[1][0] == "[4, 4"
    # Compiled exp and contraction may differ in the last digits.
    assert float(answers[0][1]) == pytest.approx(float(answers[1][1]), rel=1e-9)


@pytest.mark.parametrize("name", ["ThermostatBms", "MyBms"])
def test_what_we_ship_to_start_from_starts_without_tripping_the_converter(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ROOT / ("docs/tutorial_bms.md" if name == "ThermostatBms" else "twin/templates/bms.py")
    (tmp_path / "scenario.yaml").write_bytes((ROOT / "twin/templates/scenario.yaml").read_bytes())
    plug_in = types.ModuleType(f"shipped_{name}")
    setattr(plug_in, name, load(path, name))
    monkeypatch.setitem(sys.modules, plug_in.__name__, plug_in)
    engine = twin.build(
        twin.load_scenario(
            tmp_path / "scenario.yaml", ("duration=30 s", f"bms.use={plug_in.__name__}:{name}")
        )
    )
    engine.run()
    assert [event.code for event in engine.events] == []
    assert engine.plant.pcs_view.ac_power_W[0] == pytest.approx(100.0)  # as the profile asks
