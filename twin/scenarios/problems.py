"""Problems of an input file: one sentence each, with key path, line and remedy, all at once.

`ScenarioError` carries them; `explain` turns what pydantic found into them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from twin.scenarios.scenario import Scenario
from twin.scenarios.units import Quantity, describe

KeyPath = tuple[str | int, ...]
Finding = tuple[KeyPath, Any, str]  # key path, value, message


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with an input.

    Attributes
    ----------
    source : str
        The file, as the user named it.
    key_path : str
        As in "cell.initial_soc" or "faults.0.at"; "" when the whole file is meant.
    line : int or None
        From 1; None for an override.
    value : Any
        The offending value; None when a key is absent.
    message : str
        What is wrong, what was expected, and the remedy.
    """

    source: str
    key_path: str
    line: int | None
    value: Any
    message: str

    def __str__(self) -> str:
        """Return one line, as in "file.yaml:12: cell.initial_soc: 1.7 is out of range; …"."""
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return ": ".join(part for part in (place, self.key_path, self.message) if part)


class ScenarioError(ValueError):
    """An input that cannot be used, with every problem found.

    Attributes
    ----------
    problems : tuple of Problem
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the problems when the error crosses to another process."""
        return type(self), (self.problems,)


def strip_tags(location: Sequence[str | int], document: Any) -> KeyPath:
    """Return pydantic's location without the tags of unions, which are no keys of the file."""
    path: list[str | int] = []
    node = document
    for item in location:
        kind = node.get("kind") if isinstance(node, Mapping) else None
        if isinstance(item, str) and (item.startswith("<") or item == kind):
            continue
        path.append(item)
        node = value_at(node, (item,))
    return tuple(path)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models named in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    """Return a model's field by its name in the file."""
    for name, info in model.model_fields.items():
        if (info.alias or name) == key:
            return info
    return None


def _candidates(path: KeyPath, document: Any) -> list[type[BaseModel]]:
    """Return the models that may describe the section at `path`, before its `kind` is looked at."""
    models: list[type[BaseModel]] = [Scenario]
    node = document
    for item in path:
        if isinstance(item, str):  # an index keeps the models of its list
            fields = [_field(model, item) for model in _of_kind(models, node)]
            models = [m for info in fields[:1] if info for m in _models(info.annotation)]
        node = value_at(node, (item,))
    return models


def _of_kind(models: list[type[BaseModel]], node: Any) -> list[type[BaseModel]]:
    """Return the models that fit the `kind` that a section gives, all when it gives none."""
    if not isinstance(node, Mapping) or "kind" not in node:
        return models
    return [model for model in models if node["kind"] in _kinds(model)]


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    info = model.model_fields.get("kind")
    return () if info is None else get_args(info.annotation)


def _model_at(path: KeyPath, document: Any) -> type[BaseModel] | None:
    """Return the model that describes the section at `path`."""
    return next(iter(_of_kind(_candidates(path, document), value_at(document, path))), None)


def _expectation(path: KeyPath, document: Any) -> str:
    """Return what the value at `path` must be, in words; "" when there is nothing to say."""
    model = _model_at(path[:-1], document)
    info = _field(model, str(path[-1])) if model is not None else None
    if info is None:
        return ""
    for item in info.metadata:
        if isinstance(item, Quantity):
            return item.expectation()
    inner = next(_models(info.annotation), None)
    if inner is not None:
        keys = [f.alias or n for n, f in inner.model_fields.items() if f.is_required()]
        return f"a section with {', '.join(keys)}" if keys else "a section"
    if info.examples:
        return f"a name such as '{info.examples[0]}'"
    names = [a for a in get_args(info.annotation) if isinstance(a, str)]
    return _choices(names)


def _choices(names: Sequence[str]) -> str:
    return f"one of {', '.join(names)}" if len(names) > 1 else "".join(repr(n) for n in names)


def _suggestion(word: Any, known: Sequence[str]) -> str:
    """Return a "did you mean" for a misspelt word, or the words that exist."""
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else f"; expected {_choices(list(known))}"


def _section_keys(path: KeyPath, document: Any) -> list[str]:
    model = _model_at(path, document)
    if model is None:
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def explain(errors: Sequence[ErrorDetails], document: Any) -> list[Finding]:
    """Return what pydantic found, as key path, value and message.

    A key that is missing because it is misspelt is one problem, not two.

    Parameters
    ----------
    errors : sequence of ErrorDetails
        `ValidationError.errors()`.
    document : dict
        The data that was validated.

    Returns
    -------
    list of (key path, value, message)
    """
    found = [finding for error in errors for finding in _explain(error, document)]
    meant = {
        (*path[:-1], message.rsplit("did you mean '", 1)[1].removesuffix("'?"))
        for path, _, message in found
        if message.startswith("unknown key") and "did you mean '" in message
    }
    return [f for f in found if not (f[2].startswith("missing") and f[0] in meant)]


def _explain(error: ErrorDetails, document: Any) -> list[Finding]:
    """Return one finding of pydantic; several for contradictions between sections."""
    context = error.get("ctx") or {}
    if error["type"] == "inconsistent":
        return [(path, value_at(document, path), text) for path, text in context["found"]]
    path = strip_tags(error["loc"], document)
    value = error["input"]
    if error["type"] == "missing":
        wanted = _expectation(path, document)
        return [(path, None, f"missing; expected {wanted}" if wanted else "missing")]
    if error["type"] == "extra_forbidden":
        known = _section_keys(path[:-1], document)
        used = document_keys(document, path[:-1])
        free = [key for key in known if key not in used]
        meant = difflib.get_close_matches(str(path[-1]), free or known, n=1, cutoff=0.6)
        return [(path, value, f"unknown key '{path[-1]}'{_suggestion(path[-1], meant or known)}")]
    if error["type"] == "union_tag_not_found" and not isinstance(value, Mapping):
        return [(path, value, _not_a(value))]
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        kinds = [kind for model in _candidates(path, document) for kind in _kinds(model)]
        kind = context.get("tag")
        text = f"missing; expected {_choices(kinds)}"
        if kind is not None:
            text = f"unknown kind '{kind}'{_suggestion(kind, kinds)}"
        return [((*path, "kind"), kind, text)]
    return [(path, value, plain_message(error))]


def _not_a(value: Any) -> str:
    return f"expected a section with keys, got {describe(value)}"


def plain_message(error: ErrorDetails) -> str:
    """Return the text of a finding that needs no look at the schema."""
    value, context = error["input"], error.get("ctx") or {}
    shown = describe(value)
    match error["type"]:
        case "model_type" | "dict_type" | "model_attributes_type":
            return _not_a(value)
        case "literal_error":
            names = [
                n.strip().strip("'") for n in context["expected"].replace(" or ", ", ").split(",")
            ]
            return f"unknown choice {shown}{_suggestion(value, names)}"
        case "tuple_type" | "list_type":
            return f"expected a list, got {shown}"
        case "int_type" | "int_from_float" | "int_parsing":
            return f"expected a whole number, got {shown}"
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            bound = {"ge": "at least", "le": "at most", "gt": "more than", "lt": "less than"}
            key = next(k for k in bound if k in context)
            return f"{shown} is out of range; expected {bound[key]} {context[key]}"
        case "string_type":
            return f"expected text, got {shown}; put it in quotes"
        case "bool_type":
            return f"expected true or false, got {shown}"
        case "string_pattern_mismatch":
            return f"{shown} has characters other than letters, digits, '_', '-' and '.'"
        case "string_too_short" | "too_short":
            return "is empty"
    return error["msg"]


def value_at(document: Any, path: KeyPath) -> Any:
    """Return the value at a key path; None when there is none."""
    for item in path:
        try:
            document = document[item]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def document_keys(document: Any, path: KeyPath) -> list[str]:
    """Return the keys that a section of the file has."""
    section = value_at(document, path)
    return [str(key) for key in section] if isinstance(section, Mapping) else []
