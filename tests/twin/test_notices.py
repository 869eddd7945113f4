"""What the plant did by itself, in words."""

from __future__ import annotations

import pytest

from packs.notice import Notice
from packs.spec import LayoutSpec, SizeSpec
from packs.topology import build_topology
from twin.notices import event_of

SITE = build_topology(
    SizeSpec(modules=(2,), groups_per_module=3, cells_per_group=2),
    LayoutSpec(columns=3, pitch_m=0.02),
)
NAMES = [SITE.group_name(group) for group in range(6)]


@pytest.mark.parametrize(
    ("groups", "named"),
    [
        ((1,), NAMES[1]),
        ((0, 2), f"{NAMES[0]} and {NAMES[2]}"),
        ((0, 1, 2, 3), f"{NAMES[0]}; {NAMES[1]}; {NAMES[2]} and {NAMES[3]}"),
        ((0, 1, 2, 3, 4), f"{NAMES[0]}; {NAMES[1]}; {NAMES[2]}; {NAMES[3]} and 1 other"),
        (tuple(range(6)), f"{NAMES[0]}; {NAMES[1]}; {NAMES[2]}; {NAMES[3]} and 2 others"),
    ],
)
def test_a_string_that_is_cut_names_up_to_four_groups(groups, named) -> None:
    notice = Notice(
        tick=1000, code="string_cut", scope="group", component=groups[0], value=len(groups),
        limit=0.0, more=groups[1:],
    )  # fmt: skip
    event = event_of(SITE, notice)
    assert event.component == NAMES[groups[0]]
    assert event.text == f"no cell of {named} is connected: its string carries no current"
    whole = event_of(SITE, Notice(
        tick=1, code="string_cut", scope="rack", component=0, value=0.0, limit=0.0
    ))  # fmt: skip
    assert whole.text == "the string of rack 1 is whole again"


def test_a_cell_that_reacts_at_a_charge_nobody_measured_is_told_in_percent() -> None:
    event = event_of(SITE, Notice(
        tick=1, code="beyond_reactions", scope="cell", component=2, value=0.2, limit=1.0
    ))  # fmt: skip
    assert event.text.startswith(f"{SITE.cell_name(2)} reacts at 20 % of its charge; its ")
    assert "at 100 %" in event.text
