"""Reading a scenario: YAML file, overrides, validation, and every problem at once.

The file is read by ruamel.yaml in its round-trip mode, which keeps line numbers and comments and
never makes anything but plain data.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from twin.scenarios.consistency import inconsistencies
from twin.scenarios.environment import environment_problems
from twin.scenarios.fault_sections import Fault
from twin.scenarios.parts import Parts
from twin.scenarios.problems import KeyPath, Problem, ScenarioError, explain, value_at
from twin.scenarios.profiles import ProfileProblem
from twin.scenarios.scenario import Origin, Scenario

_DEPTH_MAX = 20  # of nesting: the deepest scenario has five levels
_NODES_MAX = 100_000  # of values: keeps nested aliases from growing without end


def example_names() -> list[str]:
    """Return the names of the shipped scenarios."""
    folder = importlib.resources.files("twin") / "examples"
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml"))


def example_path(name: str) -> Path:
    """Return the file of a shipped scenario.

    Raises
    ------
    KeyError
        When there is none of that name.
    """
    if name not in example_names():
        raise KeyError(name)
    return Path(str(importlib.resources.files("twin") / "examples" / f"{name}.yaml"))


def example_files(name: str) -> list[str]:
    """Return the names of the files that a shipped scenario reads beside its own."""
    return sorted(file.name for file in example_path(name).parent.glob(f"{name}_*.csv"))


def load_scenario(source: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario of a file or of a shipped example.

    Parameters
    ----------
    source : str or Path
        A YAML file, or the name of a shipped example; a file wins.
    overrides : sequence of str
        As in ``["duration=5 min", "faults.0.resistance=1 ohm"]``; values are YAML.

    Returns
    -------
    Scenario

    Raises
    ------
    ScenarioError
        With every problem of the file and of the overrides.
    """
    path = Path(source)
    if not path.is_file() and str(source) in example_names():
        path = example_path(str(source))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        names = ", ".join(example_names())
        message = f"cannot be read ({reason}); shipped examples: {names}"
        raise ScenarioError([_whole_file(str(source), message)]) from error
    return parse_scenario(text, overrides, source=str(source), directory=path.resolve().parent)


def parse_scenario(
    text: str,
    overrides: Sequence[str] = (),
    *,
    source: str = "<text>",
    directory: Path | None = None,
) -> Scenario:
    """Return the scenario of a YAML text; as `load_scenario`.

    Parameters
    ----------
    text : str
        YAML.
    overrides : sequence of str
        As for `load_scenario`.
    source : str
        How problems name the text.
    directory : Path or None
        Where relative paths start; the working directory when None.
    """
    home = Path.cwd() if directory is None else directory
    document = _Document(source, text)
    document.override(overrides)
    try:
        scenario = Scenario.model_validate(document.plain)
    except ValidationError as error:
        raise ScenarioError(document.problems_of(error, home)) from error
    parts = {name: getattr(scenario, name) for name in Scenario.model_fields}
    found = environment_problems(parts, home)
    if found or document.problems:
        raise ScenarioError(document.sort([*document.problems, *document.of_profiles(found)]))
    origin = Origin(source, text, tuple(overrides))
    return scenario.located(document.resolved_text(), home, origin)


def problem_in(scenario: Scenario, key_path: str, message: str) -> Problem:
    """Return a problem that was found while building, at its line of the file or its override.

    Parameters
    ----------
    scenario : Scenario
        A valid one.
    key_path : str
        As in ``"bms.use"``.
    message : str
        What is wrong, what was expected, and the remedy.
    """
    path: KeyPath = tuple(int(key) if key.isdigit() else key for key in key_path.split("."))
    if scenario.origin is None:
        return Problem(source="", key_path=key_path, line=None, value=None, message=message)
    document = _Document(scenario.origin.source, scenario.origin.text)
    document.override(scenario.origin.overrides)
    return document.problem(path, value_at(document.plain, path), message)


def _whole_file(source: str, message: str, line: int | None = None) -> Problem:
    return Problem(source=source, key_path="", line=line, value=None, message=message)


def _yaml() -> YAML:
    yaml = YAML()  # round trip: constructs plain data only
    yaml.preserve_quotes = True
    yaml.width = 100
    return yaml


@dataclass
class _Document:
    """One YAML text with its lines, overrides and problems."""

    source: str
    text: str
    tree: Any = None
    plain: Any = None
    problems: list[Problem] = field(default_factory=list)
    overridden: dict[KeyPath, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the text; a text that is no mapping ends here."""
        try:
            self.tree = _yaml().load(self.text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = None if mark is None else mark.line + 1
            first = str(error.problem or error.context or error).strip().splitlines()[0]
            message = f"not YAML: {first}"
            if first.startswith("found duplicate key"):
                message = f"{first.split(' with value')[0].removeprefix('found ')}; keep one"
            raise ScenarioError([_whole_file(self.source, message, line)]) from error
        except (YAMLError, ValueError, RecursionError) as error:
            message = f"not YAML: {str(error).strip().splitlines()[0]}"
            raise ScenarioError([_whole_file(self.source, message)]) from error
        if not isinstance(self.tree, CommentedMap):
            got = "nothing" if self.tree is None else "something else"
            message = f"expected a scenario (keys and values), got {got}"
            raise ScenarioError([_whole_file(self.source, message)])
        self._make_plain()

    def _make_plain(self) -> None:
        try:
            self.plain = _plain(self.tree, [0])
        except ValueError as error:
            raise ScenarioError([_whole_file(self.source, str(error))]) from error

    def override(self, overrides: Iterable[str]) -> None:
        """Apply `a.b=c` overrides to the tree, in order."""
        for text in overrides:
            try:
                self._override(text)
            except (ValueError, YAMLError) as error:
                message = str(error).strip().splitlines()[0]
                self.problems.append(_whole_file(f"--set {text}", message))
        if self.overridden:
            self._make_plain()

    def _override(self, text: str) -> None:
        dotted, equals, value_text = text.partition("=")
        keys = [key.strip() for key in dotted.split(".")]
        if not equals or not all(keys):
            raise ValueError("expected KEY.PATH=VALUE, as in 'cell.initial_soc=0.5'")
        node, path = self.tree, []
        for key in keys[:-1]:
            item, exists = _step_into(node, key, path)
            if not exists:
                node[item] = CommentedMap()
            node = node[item]
            path.append(item)
        item, _ = _step_into(node, keys[-1], path)
        node[item] = _yaml().load(value_text)
        self.overridden[(*path, item)] = text

    def resolved_text(self) -> str:
        """Return the scenario after overrides, as YAML."""
        if not self.overridden:
            return self.text
        out = StringIO()
        _yaml().dump(self.tree, out)
        return out.getvalue()

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a key path, or of the nearest section around it; None for the file."""
        node, line = self.tree, None
        for item in path:
            place = getattr(getattr(node, "lc", None), "data", None) or {}
            if item in place:
                line = place[item][0] + 1
            try:
                node = node[item]
            except (KeyError, IndexError, TypeError):
                break
        return line

    def _as_written(self, path: KeyPath) -> KeyPath:
        """Return a key path without the place in a list where one mapping stands for a list."""
        node: Any = self.tree
        kept = []
        for item in path:
            if isinstance(item, int) and isinstance(node, CommentedMap):
                continue
            kept.append(item)
            try:
                node = node[item]
            except (KeyError, IndexError, TypeError):
                node = None
        return tuple(kept)

    def problem(self, path: KeyPath, value: Any, message: str) -> Problem:
        """Return a problem at a key path, from the file or from an override."""
        path = self._as_written(path)
        key_path = ".".join(map(str, path))
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.overridden:
                source = f"--set {self.overridden[path[:depth]]}"
                return Problem(
                    source=source, key_path=key_path, line=None, value=value, message=message
                )
        return Problem(
            source=self.source,
            key_path=key_path,
            line=self.line(path),
            value=value,
            message=message,
        )

    def of_profiles(self, found: Iterable[ProfileProblem]) -> list[Problem]:
        """Return the problems of profile files at the keys that name them."""
        return [self.problem(path, value_at(self.plain, path), text) for path, text in found]

    def problems_of(self, error: ValidationError, directory: Path) -> list[Problem]:
        """Return all problems: pydantic's, then those between the parts that are valid."""
        errors = error.errors(include_url=False)
        found = explain(errors, self.plain)
        parts = _valid_parts(self.plain)
        if not any(e["type"] == "inconsistent" for e in errors):
            between = inconsistencies(Parts(parts))
            found += [(path, value_at(self.plain, path), text) for path, text in between]
        problems = [self.problem(*one) for one in found]
        problems += self.of_profiles(environment_problems(parts, directory))
        return self.sort([*self.problems, *problems])

    @staticmethod
    def sort(problems: Iterable[Problem]) -> list[Problem]:
        """Return problems in the order of the file, overrides first, without repeats."""
        unique = dict.fromkeys((p.source, p.key_path, p.line, p.message) for p in problems)
        by_key = {(p.source, p.key_path, p.line, p.message): p for p in problems}
        return sorted((by_key[key] for key in unique), key=lambda p: p.line or 0)


def _step_into(node: Any, key: str, path: Sequence[str | int]) -> tuple[str | int, bool]:
    """Return the item of `node` that an override's key names, and whether it exists."""
    where = ".".join(map(str, path)) or "the scenario"
    if isinstance(node, CommentedSeq):
        if not key.isdigit() or int(key) >= len(node):
            raise ValueError(f"{where} has {len(node)} entries, counted from 0; got '{key}'")
        return int(key), True
    if not isinstance(node, CommentedMap):
        raise ValueError(f"{where} is a single value and has no '{key}'")
    return key, key in node


def _plain(node: Any, count: list[int], depth: int = 0) -> Any:
    """Return ruamel's data as plain dicts, lists and scalars."""
    count[0] += 1
    if depth > _DEPTH_MAX or count[0] > _NODES_MAX:
        raise ValueError("nested or repeated too deeply for a scenario")
    tag = getattr(getattr(node, "tag", None), "value", None)
    if tag:
        raise ValueError(f"the tag '{tag}' is not allowed; a scenario is plain data")
    if isinstance(node, Mapping):
        return {str(k): _plain(v, count, depth + 1) for k, v in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(v, count, depth + 1) for v in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _valid_parts(plain: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a scenario that are valid by themselves; faults one by one."""
    parts: dict[str, Any] = {}
    for name, info in Scenario.model_fields.items():
        if name == "faults":
            entries = plain.get("faults")
            faults = entries if isinstance(entries, list) else []
            parts[name] = [_validated(TypeAdapter(Fault), entry) for entry in faults]
        elif name in plain:
            annotation = _annotated(info)
            parts[name] = _validated(TypeAdapter(annotation), plain[name])
        elif not info.is_required() and info.default_factory is None:
            parts[name] = info.default
    return parts


def _annotated(info: Any) -> Any:
    """Return a field's type with its metadata."""
    return Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation


def _validated(adapter: TypeAdapter[Any], value: Any) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None
