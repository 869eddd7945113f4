"""A run file opened for its outcome: channels, places, its parents, what its scenario says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models.ecm_params import EcmParams, load_ecm_params, load_fit_record
from packs.spec import RunawaySpec
from twin.pages.verdicts import groups_of_cells
from twin.runaway_fit import runaway_spec
from twin.runfiles.compare import differing_keys
from twin.runfiles.layout import Event, NotARun
from twin.runfiles.results import Run, open_run
from twin.scenarios.enclosure_sections import Module
from twin.scenarios.load import example_names, example_path
from twin.scenarios.runaway_section import Runaway
from twin.scenarios.sections import Site, Thermal
from twin.scenarios.thermal_consistency import CONTACT_KEY, no_contact

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PHASE, TRIGGER = "truth/cell_runaway", "truth/cell_runaway_s"
HEAT = "truth/cell_temperature_K"
HOTTEST = "truth/cell_hottest_K"
"""Of the layers of a cell; where it has none there is only its temperature."""
COLLAPSED, RAN, ERUPTED, SPENT = 2, 4, 8, 16
"""Bits of `PHASE`."""
OPENED = ("cell_fuse_blown", "cid_opened_overcharge", "cid_opened_temperature", "cid_opened")
"""Codes of events of a cell that is cut off."""
GENERATIONS = 8
"""So many parents of a fork are asked for events."""
MOST_SET = 4
"""So many changes to a shipped scenario a command can repeat."""


@dataclass(frozen=True)
class Source:
    """A run, and what is asked of it more than once.

    Attributes
    ----------
    run : Run
        Open.
    """

    run: Run

    def has(self, *paths: str) -> bool:
        """Tell whether the file holds all these channels and at least one row."""
        return self.run.rows > 0 and all(path in self.run.channels for path in paths)

    @cached_property
    def study(self) -> str:
        """What a study of the run's scenario names: a shipped one with what was set, or a file.

        Empty for forks.
        """
        attributes = self.run.attributes
        text, name = str(attributes.get("scenario", "")), str(attributes.get("scenario_name", ""))
        if "parent" in attributes:
            return ""
        if name not in example_names():
            return "SCENARIO.yaml"
        changes = differing_keys(example_path(name).read_text("utf-8"), text)
        if len(changes) > MOST_SET or any(value is None for _, _, value in changes):
            return "SCENARIO.yaml"
        sets = (f' --set "{_as_key(key)}={value}"' for key, _, value in changes)
        return name + "".join(sets)

    @cached_property
    def is_reacting(self) -> bool:
        """Whether the file records reacting cells."""
        return self.has(PHASE, TRIGGER, HEAT)

    @cached_property
    def time_s(self) -> Floats:
        """Of the rows, (rows,) [s]."""
        return self.run.time_s()[: self.run.rows]

    @cached_property
    def phase(self) -> NDArray[np.uint8]:
        """Phase of every cell, (rows, n_cells)."""
        return self.run.channel(PHASE)

    @cached_property
    def trigger_s(self) -> Floats:
        """When every cell ran away, NaN if it did not, (n_cells,) [s]."""
        return np.ravel(self.run.channel(TRIGGER, self.run.rows - 1)).astype(np.float64)

    def last(self, path: str) -> Floats:
        """Return the last row of a channel, zeros of the cell axis where it is missing."""
        if not self.has(path):
            return np.zeros(self.run.axes["cell"].size)
        return np.ravel(self.run.channel(path, self.run.rows - 1)).astype(np.float64)

    def cell(self, path: str, cell: int) -> Floats:
        """Return one cell of a channel over the rows, float64 (rows,)."""
        parts = [values[:, cell] for _, values in self.run.blocks(path)]
        return np.concatenate(parts).astype(np.float64)

    def name(self, cell: int) -> str:
        """Return where a cell sits, for people."""
        return self.run.name_of("cell", cell)

    def short_name(self, cell: int) -> str:
        """Return where a cell sits as ``R1 M4 G6 C2``."""
        places = self.run.axes["cell"].coordinates
        letters = {"rack": "R", "module": "M", "group": "G", "place": "C"}
        return " ".join(f"{letters.get(k, k)}{int(v[cell]) + 1}" for k, v in places.items())

    @cached_property
    def group_of_cell(self) -> Ints | None:
        """Group of each cell over the site, (n_cells,)."""
        return groups_of_cells(self.run)

    @cached_property
    def module_of_cell(self) -> Ints:
        """Module of each cell over the site, (n_cells,); zeros where the file is silent."""
        places = self.run.axes["cell"].coordinates
        if not {"rack", "module"} <= places.keys():
            return np.zeros(self.run.axes["cell"].size, dtype=np.int64)
        pairs = np.stack([np.asarray(places["rack"]), np.asarray(places["module"])], axis=1)
        return np.ravel(np.unique(pairs, axis=0, return_inverse=True)[1]).astype(np.int64)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        """What the file says of its cells and where they stand, empty where it is silent."""
        found = self.run.attributes.get("parameters")
        return json.loads(found) if isinstance(found, str) else found or {}

    @property
    def capacity_Ah(self) -> float | None:
        """Of one cell, as its model has it; None where the file is silent."""
        return self._facts.get("capacity_Ah")

    @cached_property
    def positions_m(self) -> Floats | None:
        """Where cells stand in their module, (n_cells, 2) [m]; None where the file is silent."""
        x, y = (
            np.asarray(self._facts.get(key) or [], dtype=np.float64)
            for key in ("cell_x_m", "cell_y_m")
        )
        n = self.run.axes["cell"].size
        return np.stack([x, y], axis=1) if len(x) == len(y) == n else None

    @cached_property
    def opened_s(self) -> dict[str, float]:
        """When cells were cut off by their fuse or interrupt device, by component [s]."""
        found: dict[str, float] = {}
        for event in self.run.events:
            if event.code in OPENED and event.transition != "went":
                found.setdefault(event.component, event.time_s)
        return found

    @cached_property
    def earlier_events(self) -> tuple[list[Event], str]:
        """Events before this file begins, from its parents, and what is missing, in words."""
        events: list[Event] = []
        attributes, beside = self.run.attributes, Path(self.run.path).parent
        for _ in range(GENERATIONS):
            if "parent" not in attributes:
                return events, ""
            parent = _parent(attributes, beside)
            if parent is None:
                name = Path(str(attributes["parent"])).name
                return events, f"events before this fork are in {name}, which is not here"
            with parent:
                until_s = float(attributes["fork_s"])
                events = [e for e in parent.events if e.time_s <= until_s] + events
                attributes, beside = parent.attributes, Path(parent.path).parent
        return events, ""

    @cached_property
    def _scenario(self) -> dict[str, Any]:
        """The scenario, empty if it cannot be read."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            found = YAML(typ="safe", pure=True).load(self.run.scenario_text)
        except YAMLError:
            return {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def cell_section(self) -> dict[str, Any]:
        """The section ``cell`` of the scenario as it is written, empty if there is none."""
        section = self._scenario.get("cell")
        return section if isinstance(section, dict) else {}

    @property
    def runaway_section(self) -> dict[str, Any]:
        """The section ``cell.runaway`` as it is written, empty if there is none."""
        section = self.cell_section.get("runaway")
        return section if isinstance(section, dict) else {}

    @cached_property
    def module(self) -> Module | None:
        """What the scenario says of a module's inside; None where it says nothing."""
        try:
            return Module.model_validate(self._scenario.get("module"))
        except ValueError:
            return None

    @cached_property
    def thermal(self) -> Thermal | None:
        """What the scenario says of heat paths; None where it cannot be read."""
        try:
            return Thermal.model_validate(self._scenario.get("thermal"))
        except ValueError:
            return None

    @property
    def no_contact(self) -> str:
        """What is left to carry a runaway where no cell warms the next; empty where cells do."""
        try:
            site = Site.model_validate(self._scenario.get("site"))
        except ValueError:
            return ""
        if self.thermal is None:
            return ""
        text = no_contact(self.thermal, self.module, site)
        return f"{CONTACT_KEY} is {text}." if text else ""

    @property
    def touches(self) -> str:
        """What heat of a cell leaves it to, in words."""
        if self.thermal is None:
            return "what it touches"
        has_plate = self.thermal.plate.cell_conductance > 0.0
        return f"its {'plate and ' if has_plate else ''}neighbours"

    @cached_property
    def circuit(self) -> EcmParams | None:
        """Parameters of one cell; None where cells are lumped, or the set is not here."""
        if self.run.lumping:
            return None
        try:
            return load_ecm_params(self._circuit_name)
        except (ValueError, OSError):
            return None

    @cached_property
    def fitted_C(self) -> float | None:
        """Largest C-rate of the pulses that the circuit was fitted to; None if not known."""
        try:
            scales = load_fit_record(self._circuit_name).get("pulse_scale_C")
        except (ValueError, OSError):
            return None
        return max(map(float, scales)) if scales else None

    @property
    def _circuit_name(self) -> str | Path:
        name = str(self.cell_section.get("parameters", ""))
        return self._home / name if name.endswith(".json") else name

    @property
    def hottest(self) -> str:
        """Channel of the hottest place in each cell."""
        return HOTTEST if self.has(HOTTEST) else HEAT

    @property
    def _home(self) -> Path:
        return Path(str(self.run.attributes.get("scenario_directory", "")))

    @cached_property
    def reactions(self) -> RunawaySpec | None:
        """What the scenario says of reacting cells; None where it cannot be read."""
        if self.circuit is None:
            return None
        try:
            section = Runaway.model_validate(self.cell_section.get("runaway"))
            return runaway_spec(section, self.circuit, self._home)
        except (ValueError, OSError):
            return None

    @cached_property
    def separator_K(self) -> float | None:
        """At which separators collapse: from an event, else from the scenario and its set."""
        for event in self.run.events:
            if event.code == "separator_collapsed" and np.isfinite(event.limit):
                return float(event.limit)
        return None if self.reactions is None else self.reactions.separator_K


def _parent(attributes: dict[str, Any], beside: Path) -> Run | None:
    """Open the file that a fork came from, if it is here and still the same run."""
    for path in _places(Path(str(attributes["parent"])), beside):
        try:
            parent = open_run(path)
        except (NotARun, OSError):
            continue
        if parent.attributes.get("scenario_sha256") == attributes.get("parent_sha256"):
            return parent
        parent.close()
    return None


def _places(named: Path, beside: Path) -> Iterator[Path]:
    yield beside / named.name
    if named != beside / named.name:
        yield named


def _as_key(path: str) -> str:
    """Return a key as ``--set`` takes it, from ``faults[0].resistance``."""
    return re.sub(r"\[(\d+)\]", r".\1", path)
