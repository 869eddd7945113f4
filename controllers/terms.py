"""The words of the controller ports: modes, states, requests, severities."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class HostMode(IntEnum):
    """What the host (vehicle, plant controller, operator) asks of the battery."""

    STANDBY = 0
    NORMAL = 1
    CHARGE = 2


class BmsState(IntEnum):
    """State of the contactor sequence of one rack (after foxBMS 2 v1.11, `bms.c`)."""

    INITIALIZATION = 0
    IDLE = 1
    STANDBY = 2
    PRECHARGE = 3
    NORMAL = 4
    CHARGE = 5
    OPENING = 6
    ERROR = 7
    LATCHED = 8


class BmsRequest(IntEnum):
    """What the BMS asks of the EMS."""

    NONE = 0
    STOP = 1
    CHARGE = 2
    COOL = 3
    BALANCE = 4


class EmsMode(IntEnum):
    """What the EMS asks of the PCS."""

    RUN = 0
    HOLD = 1
    STOP = 2
    ISLAND = 3


class Severity(IntEnum):
    """Severity of an alarm or event; the reaction grows with it."""

    INFO = 0
    WARNING = 1
    DERATE = 2
    STOP = 3
    OPEN = 4
    LATCHED = 5


class AlarmScope(StrEnum):
    """What an alarm's `component` index counts."""

    GROUP = "group"
    SENSOR = "temperature"
    RACK = "rack"
    SITE = "site"
