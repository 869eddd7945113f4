"""The scenario: one validated, frozen description of a run, in SI.

`twin.scenarios.load.load_scenario` makes one from a YAML file. Its models are in
`scenario_sections` and `scenario_faults`, the checks between sections in `consistency`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PrivateAttr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from twin.scenarios import units
from twin.scenarios.consistency import inconsistencies
from twin.scenarios.enclosure_sections import Module
from twin.scenarios.fault_sections import Fault
from twin.scenarios.lumping import Resolution
from twin.scenarios.parts import Parts
from twin.scenarios.sections import (
    Cell,
    Controller,
    Layout,
    Pcs,
    Record,
    Section,
    Sensors,
    Site,
    Surroundings,
    Thermal,
    Wiring,
)

DEFAULT_ALERT_STEP_S = 0.1  # DESIGN.md, section 4, Clock


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a scenario was read from, so that problems found later name file and line."""

    source: str
    text: str
    overrides: tuple[str, ...]


def _start(value: Any) -> datetime:
    """Return a calendar time with its UTC offset."""
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            text = f"expected a date and time such as '2026-06-15T08:00:00+02:00', got {value!r}"
            raise PydanticCustomError("start", "{text}", {"text": text}) from None
    if moment.tzinfo is None:
        text = f"'{value}' has no time zone; expected one as in '{moment.isoformat()}+02:00'"
        raise PydanticCustomError("start", "{text}", {"text": text})
    return moment


def _default_alert_step(fields: dict[str, Any]) -> float:
    return min(fields.get("step", DEFAULT_ALERT_STEP_S), DEFAULT_ALERT_STEP_S)


class Scenario(Section):
    """A whole scenario. Attributes carry the key names of the file; values are SI.

    Attributes
    ----------
    resolution : str
        What is simulated one by one: every cell, or each group or each rack lumped into one.
    text : str
        The scenario as YAML, after overrides; "" when it was not loaded from YAML.
    sha256 : str
        Digest of `text`.
    directory : Path
        Where relative paths of the scenario start.
    origin : Origin or None
        The file and the overrides that it was read from.
    """

    name: Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    description: Annotated[str, StringConstraints(strict=True)] = ""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)]
    start: Annotated[datetime, BeforeValidator(_start, json_schema_input_type=str)]
    duration: units.Seconds
    step: units.Seconds
    alert_step: units.Seconds = Field(default_factory=_default_alert_step)
    resolution: Resolution = "cell"
    site: Site
    cell: Cell
    wiring: Wiring
    layout: Layout
    thermal: Thermal
    module: Module | None = None
    environment: Surroundings
    pcs: Pcs
    sensors: Sensors
    bms: Controller
    ems: Controller
    faults: tuple[Fault, ...] = ()
    record: Record = Record()

    _text: str = PrivateAttr(default="")
    _directory: Path = PrivateAttr(default_factory=Path.cwd)
    _origin: Origin | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _is_consistent(self) -> Scenario:
        found = inconsistencies(
            Parts({name: getattr(self, name) for name in type(self).model_fields})
        )
        if found:
            text = "; ".join(f"{'.'.join(map(str, path))}: {text}" for path, text in found)
            raise PydanticCustomError("inconsistent", "{text}", {"text": text, "found": found})
        return self

    @property
    def text(self) -> str:
        """The scenario as YAML, after overrides."""
        return self._text

    @property
    def sha256(self) -> str:
        """Digest of `text`."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    @property
    def directory(self) -> Path:
        """Where relative paths of the scenario start."""
        return self._directory

    @property
    def utc_offset_s(self) -> float:
        """Local clock minus UTC [s]."""
        offset = self.start.utcoffset()
        return 0.0 if offset is None else offset.total_seconds()

    @property
    def origin(self) -> Origin | None:
        """The file and the overrides that it was read from."""
        return self._origin

    def located(self, text: str, directory: Path, origin: Origin | None = None) -> Scenario:
        """Return this scenario with the text it came from and the directory of its paths."""
        copy = self.model_copy()
        copy._text, copy._directory, copy._origin = text, directory, origin
        return copy
