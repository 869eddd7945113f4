"""The same plain Python, interpreted and compiled: kernels mean what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from twin.ledger import TERMS

ROOT = Path(__file__).resolve().parents[2]
OVERRIDES = (
    "site.modules_per_rack=1", "site.groups_per_module=2", "duration=4 s", "pcs.voltage_min=4 V",
    "pcs.rated_power=80 W", "environment.demand.steps.0.power=60 W", "faults.0.from=2 s",
    "faults.0.until=3 s",
)  # fmt: skip
SCRIPT = """
import sys, numpy, twin
engine = twin.build(twin.load_scenario(sys.argv[1], sys.argv[3:]))
engine.run()
numpy.savez(sys.argv[2], floats=engine.state.floats, ints=engine.state.ints,
            ledger=engine.ledger.values)
"""


# The 64-bit hash overflows on purpose, which numpy's scalars remark upon; no other may warn.
WARNINGS = (
    "-W", "error::RuntimeWarning",
    "-W", "ignore:overflow encountered in scalar:RuntimeWarning",
)  # fmt: skip


def run(scenario_file, out, **environment):
    """Run the 4-cell scenario in a process of its own; return its buffers."""
    subprocess.run(
        [sys.executable, *WARNINGS, "-c", SCRIPT, str(scenario_file), str(out), *OVERRIDES],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        check=True,
        timeout=300,
    )
    with np.load(out) as saved:
        return dict(saved)


def assert_same(one, other):
    """Equal to the bit on Linux; elsewhere exp, log and cos of two libraries may differ in one."""
    if sys.platform == "linux":
        np.testing.assert_array_equal(one, other)  # NaN, of a reading not yet taken, equals NaN
    else:
        # 40 steps; sums of energies of 100 kJ.
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-9)


def test_interpreted_and_compiled_steps_agree_to_the_last_bit(scenario_file, tmp_path) -> None:
    """No fused multiply-add, no reassociation, one libm."""
    compiled = run(scenario_file, tmp_path / "compiled.npz")
    interpreted = run(scenario_file, tmp_path / "interpreted.npz", NUMBA_DISABLE_JIT="1")
    assert compiled["ledger"][TERMS.index("short_J")] > 10.0  # it was a run with current and fault
    assert compiled["ledger"][TERMS.index("pcs_ac_J")] > 100.0
    for name, value in compiled.items():
        assert_same(value, interpreted[name])
