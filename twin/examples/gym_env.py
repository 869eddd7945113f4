"""A pack as a Gymnasium environment; works without gymnasium too. Copy it and make it yours.

    env = PackEnv("ev_us06")                      # an example, or a scenario file of yours
    observation, info = env.reset(seed=7)         # seed 7 draws another pack and other sensors
    observation, reward, terminated, truncated, info = env.step([500.0])  # discharge with 500 W

The agent takes the place of the EMS; the BMS goes on protecting. It sees what the BMS measures, not
the truth: group voltages [V], thermistors [K], rack currents [A], bus voltage [V], and the demand
[W] that it is to serve. A lost sensor reads NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import twin
from controllers.ports import EmsCommand, EmsMode

try:
    import gymnasium  # type: ignore  # optional
except ImportError:
    gymnasium = None
Env: Any = gymnasium.Env if gymnasium else object


class PackEnv(Env):
    def __init__(self, scenario: str = "ev_us06", period_s: float = 1.0, power_max_W: float = 5e3):
        self.scenario, self.period, self.seed = scenario, round(1000 * period_s), -1
        if gymnasium:
            n, box = self.reset(seed=0)[0].size, gymnasium.spaces.Box
            self.observation_space = box(-np.inf, np.inf, (n,), np.float64)
            self.action_space = box(-power_max_W, power_max_W, (1,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Begin anew; options are scenario keys, as {"cell.initial_soc": 0.5}."""
        if gymnasium:
            super().reset(seed=seed)
        self.seed = self.seed + 1 if seed is None else seed  # without a seed: the next pack
        changes = [
            f"{key}={value}" for key, value in {**(options or {}), "seed": self.seed}.items()
        ]
        self.engine = twin.build(twin.load_scenario(self.scenario, changes))
        self.message = self.engine.bms_port.measurements  # filled at each step of the BMS
        while not self._is_closed() and self.engine.tick < 60_000:  # no load on the precharge
            self.engine.step(ems=EmsCommand(mode=EmsMode.HOLD, reason="closing"))
        return self._observe(), {}

    def step(self, action: Any):
        end = self.engine.clock.end
        until = min(self.engine.tick + self.period, end)
        while self.engine.tick < until:
            self.engine.step(ems=EmsCommand(power_W=float(np.ravel(action)[0]), reason="agent"))
        m = self.message
        served_W = float(m.bus_voltage_V.value[0] * m.rack_current_A.value.sum())
        reward = -abs(m.host.power_W - served_W) / 1000.0  # kW that are missing or too many
        return self._observe(), reward, not self._is_closed(), self.engine.tick >= end, {}

    def _is_closed(self) -> bool:
        return bool(self.message.contactor_feedback[:, [0, 2]].all(axis=1).any())  # minus and plus

    def _observe(self) -> np.ndarray:
        m = self.message
        channels = (m.group_voltage_V, m.temperature_K, m.rack_current_A, m.bus_voltage_V)
        return np.concatenate([*(channel.value for channel in channels), [m.host.power_W]])
