"""The table of all faults: read off the sections, shown by the CLI, and the same in the README."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twin.scenarios.fault_kinds import FaultKind, fault_kinds
from twin.scenarios.schema import json_schema

README = Path(__file__).parents[2] / "README.md"


def test_the_table_of_the_readme_is_that_of_the_sections() -> None:
    rows = [f"| `{k.kind}` | {k.where} | {k.does} | {k.keys} |" for k in fault_kinds()]
    begin = "| kind | where | what it does | keys |\n|---|---|---|---|\n"
    assert begin + "\n".join(rows) + "\n\n" in README.read_text(encoding="utf-8")


def test_every_kind_that_the_schema_takes_is_told_with_its_place_and_keys() -> None:
    found = {kind.kind: kind for kind in fault_kinds()}
    assert set(found) == set(
        json_schema()["properties"]["faults"]["items"]["discriminator"]["mapping"]
    )
    assert found["external_short"].where == "site, rack, group"
    assert found["fire"].where == "site, rack, module, group, cell"
    assert found["nail"] == FaultKind(
        kind="nail",
        where="cell",
        does="A nail goes through one cell or several in a line: each is shorted, its can open for "
        "good",
        keys="resistance, [through], [towards]",
    )
    assert found["overcharge"].where == "site, group"
    assert found["overcharge"].keys == "[power], [current]"
    assert found["sensors_swapped"].keys == "channel, with"


def test_the_command_lists_them(twin: Callable[..., Any]) -> None:
    assert "internal_short" in twin("faults").stdout
    kinds = json.loads(twin("faults", "--json").stdout)
    assert {"kind", "where", "does", "keys"} == set(kinds[0])
