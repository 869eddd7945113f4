"""Balancing with the plant in the loop: it levels charge, and leaves equal cells alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import twin
from twin.engine import Engine

HOURS = 3
OVERRIDES = (
    f"duration={HOURS} h",
    "step=1 s",
    "alert_step=100 ms",
    "site.modules_per_rack=1",
    "site.groups_per_module=6",
    "site.cells_per_group=1",
    "cell.initial_soc=0.6",
    "cell.spread.capacity=0",
    "cell.spread.resistance=0",
    "cell.table_refresh=60 s",
    "sensors.group_voltage.offset=1.5 mV",
    "environment.demand={kind: constant, power: 0 W}",
    "bms={use: reference, period: 1 s, options: {}}",
    "faults=[]",
    "record={period: 60 s, block: 1 h, checkpoint: 3 h}",
)


def rested(scenario_file: Path, *overrides: str) -> tuple[Engine, float, float]:
    """Run some hours at rest; return the engine and the spread of soc before and after."""
    engine = twin.build(twin.load_scenario(scenario_file, (*OVERRIDES, *overrides)))
    spread = []
    for until in (1000, None):
        engine.run(until) if until else engine.run()
        engine.ledger.observe()
        spread.append(float(np.std(engine.ledger.soc)))
    return engine, spread[0], spread[1]


def test_the_true_spread_of_charge_falls(scenario_file: Path) -> None:
    engine, before, after = rested(
        scenario_file, "cell.spread.initial_soc=0.02", "wiring.bleed_resistance=10 ohm"
    )
    print(before, after, engine.ledger.as_dict()["bleed_J"], [e.code for e in engine.events])


def test_equal_cells_with_unequal_sensors_burn_nothing(scenario_file: Path) -> None:
    engine, before, after = rested(scenario_file, "cell.spread.initial_soc=0.002")
    assert engine.ledger.as_dict()["bleed_J"] == 0.0
    assert after == pytest.approx(before, rel=0.02)
