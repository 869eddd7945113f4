"""Units at the file boundary: exact conversion, refusal of bare numbers and of wrong dimensions."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Any

import pint
import pytest
from pydantic import TypeAdapter, ValidationError

from twin.scenarios import units
from twin.scenarios.units import Bounds, Quantity, UnitError, parse_quantity, ticks


def message(annotation: Any, value: object) -> str:
    """Return what a user reads when `value` is refused."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(annotation).validate_python(value)
    return refused.value.errors()[0]["msg"]


def test_the_table_of_common_units_agrees_with_pint() -> None:
    registry = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    for unit, (dimension, multiply, divide) in units._COMMON.items():
        theirs = registry.Quantity(7.0, registry.parse_units(unit)).to_base_units()
        si = registry.Quantity(1.0, registry.parse_units(dimension.si)).to_base_units()
        assert theirs.dimensionality == si.dimensionality, unit
        # 1e-12: rounding of a few products in double precision
        assert 7.0 * multiply / divide == pytest.approx((theirs / si).magnitude, rel=1e-12), unit
    assert parse_quantity("25 degC", units.TEMPERATURE) == pytest.approx(
        registry.Quantity(25.0, "degC").to("K").magnitude, rel=1e-15
    )


@pytest.mark.parametrize(
    ("text", "dimension", "si"),
    [
        ("10 min", units.DURATION, 600.0),
        ("35ms", units.DURATION, 0.035),
        ("25 degC", units.TEMPERATURE, 298.15),
        ("-5 °C", units.TEMPERATURE, 268.15),
        ("0.1 K", units.TEMPERATURE_DIFFERENCE, 0.1),
        ("5 Ah", units.CAPACITY, 18000.0),
        ("50 mohm", units.RESISTANCE, 0.05),
        ("1000 percent/s", units.RATE, 10.0),
        ("20000 A^2*s", units.MELTING_INTEGRAL, 20000.0),
        ("1e-3 kW", units.POWER, 1.0),
        ("3.4 kJ/kg/K", units.SPECIFIC_HEAT, 3400.0),
        ("3400 J/kg/degC", units.SPECIFIC_HEAT, 3400.0),
        ("2 mΩ", units.RESISTANCE, 0.002),
        ("36 km/h*kg/m", units.MASS_FLOW, 10.0),
    ],
)
def test_a_quantity_is_converted_to_si(text: str, dimension: units.Dimension, si: float) -> None:
    assert parse_quantity(text, dimension) == pytest.approx(si, rel=1e-14)  # double rounding


@pytest.mark.parametrize(
    ("text", "dimension", "says"),
    [
        ("5 A", units.CAPACITY, "'5 A' is a current; expected a capacity such as '5 Ah'"),
        ("25 C", units.TEMPERATURE, "is a capacity; expected a temperature such as '25 degC'"),
        ("0.1 degC", units.TEMPERATURE_DIFFERENCE, "is a temperature; expected"),
        ("1 degF", units.TEMPERATURE_DIFFERENCE, "is a temperature; expected"),
        ("5", units.DURATION, "a number without a unit"),
        ("five min", units.DURATION, "not a number with a unit"),
        ("5 parsnips", units.DURATION, "unknown unit 'parsnips'"),
        ("5 mH", units.RESISTANCE, "is in millihenry"),
        ("3 dB", units.FRACTION, "scale of its own"),
    ],
)
def test_a_wrong_unit_is_refused_with_what_was_expected(
    text: str, dimension: units.Dimension, says: str
) -> None:
    with pytest.raises(UnitError) as refused:
        parse_quantity(text, dimension)
    assert says in str(refused.value)
    assert str(dimension) in str(refused.value)


@pytest.mark.parametrize(
    "text", ["5 (", "5 **", "5 'a'", "5 #", "5 V^1000000000", "1 V/0", "5 __import__('os')", "5 \\"]
)
def test_malformed_text_is_an_unknown_unit_whatever_pint_raises(text: str) -> None:
    with pytest.raises(UnitError):
        parse_quantity(text, units.VOLTAGE)


def test_a_bare_number_is_refused_where_a_unit_is_needed() -> None:
    expected = "expected a duration such as '10 min', got 5 (a number without a unit)"
    assert message(units.Seconds, 5) == expected


@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}])
def test_what_is_no_text_is_refused(value: object) -> None:
    assert message(units.Volts, value).startswith("expected a voltage such as '5 mV', got ")
    assert message(units.Fraction, value).startswith("expected a number, 0 to 1, got ")


def test_a_range_is_told_in_the_unit_of_the_user() -> None:
    bounded = Annotated[float, Quantity(units.POWER, Bounds(gt=0.0, le=5e3))]
    told = "'7 kW' is out of range; expected more than 0 kW and at most 5 kW"
    assert message(bounded, "7 kW") == told
    assert "expected -50 degC to 200 degC" in message(units.Kelvin, "400 degC")
    assert "-58 degF" in message(units.Kelvin, "4000 degF")
    assert message(units.Seconds, "-1 min") == "'-1 min' is out of range; expected more than 0 min"
    assert message(units.Fraction, 1.7) == "1.7 is out of range; expected 0 to 1"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1e999 percent"])
def test_a_number_that_is_not_finite_is_refused(value: object) -> None:
    assert "out of range" in message(units.Fraction, value)


def test_a_fraction_may_be_written_in_percent() -> None:
    assert TypeAdapter(units.Fraction).validate_python("85 percent") == 0.85


def test_ticks_are_whole_milliseconds() -> None:
    assert ticks(0.1 * 3) == 300  # 0.30000000000000004
    assert ticks(86400.0 * 365) == 31_536_000_000
    with pytest.raises(ValueError, match="multiple of 1 ms"):
        ticks(0.0003)


def test_the_common_units_do_not_load_pint() -> None:
    code = (
        "import sys; from twin.scenarios.load import load_scenario, example_names; "
        "[load_scenario(n) for n in example_names()]; sys.exit('pint' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
