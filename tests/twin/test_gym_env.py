"""The Gymnasium-style example: seeded, and blind to the truth."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "twin" / "examples" / "gym_env.py"


@pytest.fixture
def env(folder: Path) -> Any:
    """The example as a user has it: a copied file, on a scenario of two groups."""
    spec = importlib.util.spec_from_file_location("copied_gym_env", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PackEnv("tiny.yaml")


def episode(env: Any, seed: int | None) -> list[np.ndarray]:
    return [env.reset(seed=seed)[0], *(env.step([30.0])[0] for _ in range(3))]


def test_the_same_seed_gives_the_same_observations_and_another_seed_others(env: Any) -> None:
    first, again, other = episode(env, 7), episode(env, 7), episode(env, 8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(other, episode(env, None))  # without a seed: the next pack
    assert env.seed == 9
    assert np.isfinite(first).all()


def test_an_observation_is_what_the_bms_measures_and_shares_nothing_with_truth(env: Any) -> None:
    env.reset(seed=1)
    seen, reward, terminated, truncated, info = env.step(np.array([50.0]))
    measured = env.engine.bms_port.measurements
    assert np.array_equal(seen[:2], measured.group_voltage_V.value)
    truth = [
        array for state in env.engine.states().values() for array in (state.floats, state.ints)
    ]
    for array in (seen, *vars_of(measured)):
        assert not any(np.shares_memory(array, one) for one in truth)
    assert not np.array_equal(seen[:2], env.engine.plant.network.group_voltage_V)
    assert (type(reward), terminated, truncated, info) == (float, False, False, {})
    kept = seen.copy()
    env.step([0.0])
    assert np.array_equal(seen, kept)  # an old observation does not change


def vars_of(measured: Any) -> list[np.ndarray]:
    """Return every array of a message."""
    values = [getattr(measured, name) for name in measured.__slots__]
    inside = [getattr(v, name) for v in values for name in getattr(v, "__slots__", ())]
    return [a for a in (*values, *inside) if isinstance(a, np.ndarray)]


def test_the_action_is_the_power_and_the_episode_ends_with_the_scenario(env: Any) -> None:
    env.reset(seed=1, options={"duration": "8 s", "cell.initial_soc": 0.5})
    power_W, truncated = {}, False
    while not truncated:
        asked = 40.0 if env.engine.tick < 5000 else -20.0
        *_, terminated, truncated, _ = env.step([asked])
        assert not terminated
        power_W[asked] = env.engine.plant.pcs_view.ac_power_W[0]
    assert power_W[40.0] == pytest.approx(40.0, rel=0.01)
    assert power_W[-20.0] == pytest.approx(-20.0, rel=0.01)
    assert env.engine.tick == 8000
    assert env.engine.cell_soc().mean() == pytest.approx(0.5, abs=0.02)


def test_an_open_contactor_ends_the_episode(env: Any) -> None:
    fault = '[{name: a, kind: contactor_stuck, at: {rack: 1}, from: "6 s", contactor: plus, '
    env.reset(seed=1, options={"faults": fault + "position: open}]"})
    assert not env.step([10.0])[2]
    while env.engine.tick < 8000:
        terminated = env.step([10.0])[2]
    assert terminated
