"""The scenario as JSON Schema, for editors and `twin schema`."""

from __future__ import annotations

from typing import Any

from twin.scenarios.scenario import Scenario


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file.

    Values with a unit are strings with an example. An editor that knows YAML schemas checks a file
    that begins with ``# yaml-language-server: $schema=scenario.schema.json``.

    Returns
    -------
    dict
        JSON Schema, draft 2020-12.
    """
    schema = Scenario.model_json_schema()
    _drop_si_defaults(schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "packtwin scenario",
        "description": "Keys, units and ranges of a packtwin scenario file.",
    }


def _drop_si_defaults(node: Any) -> None:
    """Remove defaults in SI from values that are written as text with a unit."""
    if isinstance(node, dict):
        if node.get("type") == "string" and isinstance(node.get("default"), float):
            del node["default"]
        if isinstance(node.get("default"), dict):  # the defaults of its keys say the same
            del node["default"]
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _drop_si_defaults(item)
