"""The scenarios that are shipped keep the promises of the design: energy, charge, heat."""

from __future__ import annotations

import pytest

import twin
from twin.scenarios.load import example_names


@pytest.mark.slow
@pytest.mark.parametrize("name", example_names())
def test_a_shipped_scenario_closes_its_audit_from_end_to_end(name) -> None:
    built = twin.build(name)
    built.run()
    terms = built.ledger.as_dict()
    assert terms["residual"] <= 1e-9
    assert terms["charge_residual"] <= 1e-12
    assert terms["heat_mismatch"] <= 1e-3
    assert terms["network_residual_A"] <= 1e-9
