"""The housing of a module in a scenario: units, what is refused, and what the plant is told."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from packs.absorption import wrong_shares
from packs.spec import LayoutSpec, SizeSpec
from packs.topology import build_topology
from twin.enclosure_specs import absorption_of, enclosure_spec
from twin.scenarios.enclosure_sections import Module

GOOD: dict[str, Any] = {
    "enclosure": {
        "free_volume": "12 L",
        "wall_conductance": "2 W/K",
        "relief": {
            "kind": "burst_disc", "pressure": "1.3 bar", "area": "500 mm^2", "discharge": 0.7,
        },
        "combustion": {"ignition_temperature": "600 degC"},
    },
    "ejecta": {"direction": "up", "absorbed": 0.5, "lid_gap": "10 mm"},
}  # fmt: skip
TOP = build_topology(
    SizeSpec(modules=(1,), groups_per_module=2, cells_per_group=2),
    LayoutSpec(columns=2, pitch_m=0.02),
)


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the good section with one value set, or taken out where it is None."""
    document = copy.deepcopy(GOOD)
    *way, last = path.split(".")
    part = document
    for key in way:
        part = part[key]
    if value is None:
        part.pop(last, None)
    else:
        part[last] = value
    return document


def test_a_housing_is_told_in_si() -> None:
    spec = enclosure_spec(Module.model_validate(GOOD).enclosure)
    assert spec.free_volume_m3 == 0.012
    assert spec.relief_Pa == 1.3e5
    assert spec.relief_m2 == pytest.approx(5e-4, rel=1e-15)
    assert spec.ignition_K == pytest.approx(873.15)
    assert spec.burst_Pa == 2.3e5  # 1 bar more than the relief
    assert not spec.reseals
    quiet = Module.model_validate(changed("enclosure.combustion", None))
    assert enclosure_spec(quiet.enclosure).ignition_K is None


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("enclosure.free_volume", "-3 L", "out of range; expected more than 0 L"),
        ("enclosure.free_volume", 0.012, "a number without a unit"),
        ("enclosure.free_volume", "12 mm^2", "expected a volume such as '12 L'"),
        ("enclosure.relief.pressure", "0.9 bar", "expected more than 101325 and at most 1e+07"),
        ("enclosure.relief.pressure", "3 V", "expected a pressure"),
        ("enclosure.relief.area", "0 mm^2", "out of range"),
        ("enclosure.relief.discharge", 1.2, "out of range"),
        ("enclosure.relief.kind", "flap", "'valve' or 'burst_disc'"),
        ("enclosure.burst_pressure", "1.2 bar", "1.2 bar is not above 1.3 bar, where the relief"),
        ("enclosure.wall_conductance", "-1 W/K", "out of range"),
        ("enclosure.combustion.ignition_temperature", "20 degC", "out of range"),
        ("enclosure.volume", "3 L", "Extra inputs are not permitted"),
        ("ejecta.absorbed", 1.1, "out of range; expected 0 to 1"),
        ("ejecta.lid_gap", None, "missing; expected a length"),
    ],
)
def test_wrong_values_are_refused_by_key_path(path: str, value: Any, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Module.model_validate(changed(path, value))
    (problem,) = refused.value.errors()
    assert ".".join(map(str, problem["loc"])) == path
    assert said in problem["msg"]


def test_a_lid_gap_goes_with_venting_up_alone() -> None:
    with pytest.raises(ValidationError, match="goes with direction 'up'"):
        Module.model_validate(changed("ejecta.direction", "sideways"))


def test_shares_above_one_are_refused_by_key_path() -> None:
    rows = [{"from": 1, "to": 2, "share": 0.7}, {"from": 1, "to": 3, "share": "40 percent"}]
    with pytest.raises(ValidationError) as refused:
        Module.model_validate(changed("ejecta.shares", rows))
    (problem,) = refused.value.errors()
    assert problem["loc"] == ("ejecta", "shares")
    assert "from cell 1 add up to 1.1; expected at most 1" in problem["msg"]
    assert wrong_shares([(0, 9, 0.1)], cells=4)


def test_shares_given_stand_for_those_of_the_layout() -> None:
    rows = [{"from": 2, "to": 1, "share": 0.25}]
    given = Module.model_validate(changed("ejecta.shares", rows)).ejecta
    matrix = absorption_of(given, TOP, 0.018)
    assert matrix.share.tolist() == [0.25]
    assert matrix.target.tolist() == [TOP.cell_slot[0]]
    seen = absorption_of(Module.model_validate(GOOD).ejecta, TOP, 0.018)
    row = np.add.reduceat(seen.share, np.unique(seen.first[:-1][np.diff(seen.first) > 0]))
    assert (row <= 0.5).all()  # half of what hits is absorbed
    beyond = Module.model_validate(changed("ejecta.shares", [{"from": 1, "to": 9, "share": 0.1}]))
    with pytest.raises(ValueError, match="no cell 9 in a module of 4"):
        absorption_of(beyond.ejecta, TOP, 0.018)
