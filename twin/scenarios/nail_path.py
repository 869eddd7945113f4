"""Which cells a nail goes through, counted in the scenario as in the pack."""

from __future__ import annotations

from packs.spec import LayoutSpec, SizeSpec
from packs.topology import build_topology, cells_in_line
from twin.scenarios.fault_windows import Place
from twin.scenarios.plant_fault_sections import Nail
from twin.scenarios.sections import Layout, Site


def nailed_cells(nail: Nail, site: Site, layout: Layout) -> list[Place]:
    """Return the cells that a nail goes through; fewer than asked where its module ends before.

    Parameters
    ----------
    nail : Nail
        With a place that exists.
    site : Site
    layout : Layout

    Returns
    -------
    list of Place
        All in one module, from the cell on that it enters.
    """
    module = SizeSpec(
        modules=(1,),
        groups_per_module=site.groups_per_module,
        cells_per_group=site.cells_per_group,
    )
    topology = build_topology(module, LayoutSpec(columns=layout.columns, pitch_m=layout.pitch))
    at, p = nail.at, site.cells_per_group
    first = ((at.group or 1) - 1) * p + (at.cell or 1) - 1
    line = cells_in_line(topology, first, nail.through, is_beside=nail.towards == "beside")
    return [
        Place(rack=at.rack, module=at.module, group=1 + cell // p, cell=1 + cell % p)
        for cell in line.tolist()
    ]
