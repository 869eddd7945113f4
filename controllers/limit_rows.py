"""The default rows of the protection table, for NMC and LFP.

Values are those of foxBMS 2 v1.11 (`battery_system_cfg.h`, `diag_cfg.c`) where the row says "fx";
the rest are proposed defaults, assumed, in the range that NMC and LFP data sheets give.
"""

from __future__ import annotations

from controllers.limits import Direction, Gate, Row
from controllers.ports import Severity

WARNING, DERATE, STOP = Severity.WARNING, Severity.DERATE, Severity.STOP
OPEN, LATCHED = Severity.OPEN, Severity.LATCHED


def _ladder(
    name: str,
    quantity: str,
    *,
    above: bool,
    tiers: list[tuple[Severity, float, float]],
    debounce_s: float,
    delay_s: float,
    text: str,
    direction: Direction = "both",
    gate: Gate = "always",
) -> list[Row]:
    """Return one row per tier (severity, threshold, clear); codes end in the tier's name."""
    side = "above" if above else "below"
    return [
        Row(
            code=f"{name}_{severity.name.lower()}",
            quantity=quantity,
            above=above,
            threshold=threshold,
            clear=clear,
            debounce_s=debounce_s,
            delay_s=delay_s,
            severity=severity,
            direction=direction,
            gate=gate,
            text=f"{text}, {side} {{limit}}",
        )
        for severity, threshold, clear in tiers
    ]


def _rule(
    code: str,
    quantity: str,
    threshold: float,
    severity: Severity,
    debounce_s: float,
    delay_s: float,
    text: str,
    clear: float | None = None,
    above: bool = True,
) -> Row:
    return Row(
        code=code,
        quantity=quantity,
        above=above,
        threshold=threshold,
        clear=threshold if clear is None else clear,
        debounce_s=debounce_s,
        delay_s=delay_s,
        severity=severity,
        text=text,
    )


# Cell voltages [V]: high tiers W/D/O, their clearing, low tiers W/D/S, theirs, deep discharge.
_VOLTAGES = {
    "nmc": ((4.18, 4.22, 4.25), (4.15, 4.17, 4.05), (3.0, 2.8, 2.5), (3.1, 3.2, 3.5), 2.0),
    "lfp": ((3.55, 3.60, 3.65), (3.50, 3.52, 3.40), (2.8, 2.6, 2.5), (2.9, 3.0, 3.1), 2.0),
}


def _voltage_rows(chemistry: str) -> list[Row]:
    high, high_clear, low, low_clear, deep = _VOLTAGES[chemistry]
    rows = _ladder(  # fx: 50 x 10 ms and 200 ms
        "cell_overvoltage",
        "voltage_V",
        above=True,
        tiers=list(zip((WARNING, DERATE, OPEN), high, high_clear, strict=True)),
        debounce_s=0.5,
        delay_s=0.2,
        direction="charge",
        text="is at {value}",
    )
    rows += _ladder(
        "cell_undervoltage",
        "voltage_V",
        above=False,
        tiers=list(zip((WARNING, DERATE, STOP), low, low_clear, strict=True)),
        debounce_s=0.5,
        delay_s=0.2,
        direction="discharge",
        text="is at {value}",
    )
    text = "is deeply discharged: {value}, below {limit}; it must not be charged again"
    rows.append(
        _rule("cell_deep_discharge", "voltage_V", deep, LATCHED, 0.0, 0.1, text, above=False)
    )
    # Early sign of an internal short; assumed, far above a healthy spread (see watching.py).
    text = "is {value} below the median of its rack"
    rows.append(_rule("cell_low_warning", "below_median_V", 0.060, WARNING, 30.0, 0.0, text, 0.045))
    rows.append(_rule("cell_low_derate", "below_median_V", 0.150, DERATE, 60.0, 0.0, text, 0.120))
    # A voltage sensor that is off, or a weak majority of the rack.
    text = "is {value} above the median of its rack"
    rows.append(
        _rule("cell_high_warning", "above_median_V", 0.060, WARNING, 30.0, 0.0, text, 0.045)
    )
    text = "has given no valid voltage for {value}"
    rows.append(_rule("voltage_lost", "voltage_lost_s", 2.5, WARNING, 0.0, 0.0, text, 0.0))
    rows.append(_rule("voltage_lost_stop", "voltage_lost_s", 30.0, STOP, 0.0, 0.0, text, 0.0))
    text = "has groups {value} apart, more than {limit}"
    rows.append(
        _rule("cell_voltage_spread", "voltage_spread_V", 0.3, WARNING, 60.0, 0.0, text, 0.25)
    )
    text = "measures a voltage {value} away from the sum of its groups"
    rows.append(_rule("voltage_sum_mismatch", "sum_mismatch", 0.01, OPEN, 1.0, 0.1, text, 0.008))
    return rows


def _temperature_rows() -> list[Row]:
    zero = 273.15
    rows: list[Row] = []
    ladders: list[tuple[str, bool, tuple[float, ...], float, Direction, Gate]] = [
        ("overtemperature_discharge", True, (50.0, 55.0, 60.0), -5.0, "discharge", "discharging"),
        ("overtemperature_charge", True, (40.0, 43.0, 45.0), -5.0, "charge", "charging"),
        ("undertemperature_charge", False, (5.0, 2.0, 0.0), 5.0, "charge", "charging"),
        (
            "undertemperature_discharge",
            False,
            (-10.0, -15.0, -20.0),
            5.0,
            "discharge",
            "discharging",
        ),
    ]
    for name, above, degC, back, direction, gate in ladders:
        rows += _ladder(  # fx: 500 x 10 ms and 1 s
            name,
            "temperature_K",
            above=above,
            tiers=[
                (severity, zero + at, zero + at + back)
                for severity, at in zip((WARNING, DERATE, STOP), degC, strict=True)
            ],
            debounce_s=5.0,
            delay_s=1.0,
            direction=direction,
            gate=gate,
            text=f"reads {{value}} while {gate}",
        )
    text = "reads {value}, above {limit}, whatever the current"
    rows.append(
        _rule("overtemperature", "temperature_K", zero + 65.0, OPEN, 5.0, 1.0, text, 328.15)
    )
    text = "reads {value}, below {limit}, whatever the current"
    cold = _rule(
        "undertemperature", "temperature_K", zero - 20.0, WARNING, 5.0, 0.0, text, 258.15, False
    )
    rows.append(cold)
    text = "has cells {value} apart in temperature, more than {limit}"
    rows.append(
        _rule("temperature_spread", "temperature_spread_K", 10.0, WARNING, 60.0, 0.0, text, 8.0)
    )
    rows.append(
        _rule(
            "temperature_spread_derate", "temperature_spread_K", 15.0, DERATE, 60.0, 0.0, text, 12
        )
    )
    text = "warms by {value} more than its current explains"
    rows.append(_rule("early_heat", "unexplained_K_per_s", 0.2, WARNING, 10.0, 0.0, text, 0.1))
    rows.append(_rule("early_heat_stop", "unexplained_K_per_s", 0.5, STOP, 10.0, 0.0, text, 0.1))
    # GB 38031-2025: (voltage down by 25 % or T at its maximum) and dT/dt >= 1 K/s for 3 s.
    text = "warms by {value} while hot or its voltage has collapsed: thermal runaway"
    rows.append(_rule("thermal_runaway", "runaway_K_per_s", 1.0, LATCHED, 3.0, 0.0, text, 0.0))
    text = "has given no valid temperature for {value}"
    rows.append(_rule("temperature_lost", "temperature_lost_s", 11.0, WARNING, 0.0, 0.0, text, 0.0))
    text = "has no thermistor left"
    rows.append(_rule("temperatures_lost", "thermistors_lost", 0.5, STOP, 1.0, 0.0, text))
    return rows


def _current_rows() -> list[Row]:
    tiers = [(WARNING, 1.02, 1.0), (DERATE, 1.05, 1.0), (OPEN, 1.10, 1.0)]  # assumed
    rows: list[Row] = []
    ways: tuple[Direction, ...] = ("charge", "discharge")
    for name in ways:
        rows += _ladder(  # fx: 10 x 10 ms and 100 ms
            f"overcurrent_{name}",
            f"{name}_ratio",
            above=True,
            tiers=tiers,
            debounce_s=0.1,
            delay_s=0.1,
            direction=name,
            text=f"carries {{value}} of its {name} rating",
        )
        text = f"exceeds the {name} limit it was sent by {{value}} of its rating"
        excess = f"{name}_excess"
        rows.append(_rule(f"limit_ignored_{name}", excess, 0.05, WARNING, 1.0, 0.0, text, 0.03))
        rows.append(_rule(f"limit_ignored_{name}_stop", excess, 0.1, STOP, 30.0, 0.0, text, 0.03))
    text = "has two current sensors that differ by {value} of full scale"
    rows.append(_rule("current_mismatch", "current_mismatch", 0.01, WARNING, 1.0, 0.0, text, 0.008))
    rows.append(
        _rule("current_mismatch_stop", "current_mismatch", 0.03, STOP, 10.0, 0.0, text, 0.02)
    )
    text = "has had no valid current for {value}"
    rows.append(_rule("current_lost", "current_lost_s", 2.5, OPEN, 0.0, 0.2, text, 0.0))
    text = "has one current sensor left: the other has been silent for {value}"
    rows.append(
        _rule("current_redundancy_lost", "current_alone_s", 2.5, WARNING, 0.0, 0.0, text, 0.0)
    )
    text = "carries {value} of its rating with open contactors: a contact is welded"
    rows.append(_rule("current_while_open", "open_current", 0.01, LATCHED, 0.5, 0.1, text))
    return rows


def _switch_rows() -> list[Row]:
    return [
        _rule(  # fx: 20 x 10 ms and 100 ms, and the coil
            "contactor_feedback",
            "contactor_mismatch",
            0.5,
            LATCHED,
            0.3,
            0.1,
            "has a contactor that does not follow its command",
        ),
        _rule(
            "precharge_failed", "precharge_failed", 0.5, OPEN, 0.0, 0.0, "could not be precharged"
        ),
        _rule("fuse_blown", "fuse_blown", 0.5, LATCHED, 0.0, 0.0, "has blown its fuse"),
        _rule(  # fx: 750 and 500 kohm
            "insulation_low",
            "insulation_ohm",
            750e3,
            WARNING,
            5.0,
            0.0,
            "has an insulation resistance of {value}, below {limit}",
            clear=800e3,
            above=False,
        ),
        _rule(
            "insulation_low_stop",
            "insulation_ohm",
            500e3,
            STOP,
            5.0,
            0.0,
            "has an insulation resistance of {value}, below {limit}",
            clear=600e3,
            above=False,
        ),
        _rule("gas", "gas_ppm", 1000.0, WARNING, 1.0, 0.0, "has {value} of gas", clear=500.0),
        _rule("gas_open", "gas_ppm", 4000.0, OPEN, 1.0, 0.0, "has {value} of gas", clear=500.0),
        _rule("interlock", "interlock_open", 0.5, OPEN, 0.1, 0.1, "the interlock loop is open"),
        _rule("emergency_stop", "emergency_stop", 0.5, OPEN, 0.0, 0.0, "emergency stop"),
        _rule(
            "supply_low",
            "supply_V",
            9.0,
            STOP,
            1.0,
            0.0,
            "the auxiliary supply is at {value}, below {limit}",
            clear=10.0,
            above=False,
        ),
    ]


def rows_for(chemistry: str) -> tuple[Row, ...]:
    """Return the default table.

    Parameters
    ----------
    chemistry : {'nmc', 'lfp'}
        Only the voltages differ.
    """
    rows = _voltage_rows(chemistry) + _temperature_rows() + _current_rows() + _switch_rows()
    return tuple(rows)
