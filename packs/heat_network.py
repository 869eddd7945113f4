"""Heat where neighbours are unlike: barriers, busbars, radiation, housings; any step, any contact.

Nodes are the cells, the plate under each group and the housing of each module. Every step exchanges
heat at one set of temperatures T*, booked once with both signs, so heat is conserved exactly:

    C (T+ - T) / h = q(T*),    q = sources + L T* - S (T* - T_sink)

L links the nodes; S are the losses to air and coolant, whose temperature along the plates is that
of the step's start. Where nothing is stiff (Gershgorin's bound times the step is at most
`STABILITY`) T* = T, explicit Euler. Else T* = T+, implicit Euler: ``(C/h + S - L) d = q(T)`` by
conjugate gradients with the diagonal as preconditioner (Hestenes and Stiefel, J. Res. NBS 49 (1952)
409, https://doi.org/10.6028/jres.049.044), until no temperature can be wrong by more than
`EXACT_K`. Both obey the maximum principle, and have steady states that do not depend on the step.

Radiation is linear in the step: ``q = s (Ta^2 + Tb^2)(Ta + Tb) (Ta - Tb)``, with the first factors
of the step's start, the same from both ends.
"""

from __future__ import annotations

import numpy as np

from cell_models.jit import inlined, kernel
from packs.cooling import coolant_effect
from packs.currents import lane_max, lane_sum
from packs.groups import WIDTH

_U = np.uint64
STABILITY = 0.25
"""Largest step times conductance over heat capacity: explicit Euler oscillates beyond 1/2. At a
quarter one step errs by at most 2.9 % of the temperature difference (Gershgorin bound)."""
EXACT_K = 1e-9
"""Largest error of a temperature that an implicit step is solved to."""
SMALL = 1e-28
"""Or this, of the square of the first residual: what rounding leaves."""


@inlined
def see(near, node_K, links):
    """Write the links in force, what radiates at these temperatures included, and their sums."""
    link, base, sight, slots = links.link, links.base, links.sight, _U(len(links.link)) // _U(4)
    for c in range(_U(len(links.total))):
        links.total[c] = links.fixed[c]
    for row in range(_U(4)):
        for c in range(slots):
            k = row * slots + c
            a, b = node_K[c], node_K[near[k]]
            seen = sight[k] * ((a * a + b * b) * (a + b))
            link[k] = base[k] + seen
            links.total[c] += seen


@inlined
def conduct_nodes(wire, paths, near, used, links, node_K, into_plate_W, into_house_W, flow_W):
    """Write the heat that flows into every node from those that it is linked to [W].

    Parameters
    ----------
    near : uint32 (4 n_cell_slots,)
    used : float64 (n_group_slots,)
    node_K, flow_W : float64 (n_nodes,)
        `flow_W` is written.
    into_plate_W, into_house_W : float64 (n_group_slots,)
        Scratch.
    """
    slots, groups = wire.n_blocks * wire.p * WIDTH, wire.n_blocks * WIDTH
    for block in range(wire.n_blocks):
        g = block * WIDTH
        for place in range(wire.p):
            first, inner = (block * wire.p + place) * WIDTH, place > _U(0)
            for lane in range(WIDTH):
                c, t = first + lane, node_K[first + lane]
                beside = links.link[c] * (node_K[near[c]] - t)
                beside += links.link[slots + c] * (node_K[near[slots + c]] - t)
                c += slots + slots
                behind = links.link[c] * (node_K[near[c]] - t)
                behind += links.link[slots + c] * (node_K[near[slots + c]] - t)
                to_plate = paths.plate * used[g + lane] * (t - node_K[slots + g + lane])
                flow_W[first + lane] = beside + behind - to_plate
                into_plate_W[g + lane] = to_plate + (into_plate_W[g + lane] if inner else 0.0)
            if paths.busbar > 0.0:
                for lane in range(WIDTH):
                    c, t = first + lane, node_K[first + lane]
                    ahead = node_K[_U(links.in_series[c])] - t
                    back = node_K[_U(links.in_series[slots + c])] - t
                    flow_W[c] += paths.busbar * (ahead + back)
            if paths.shell > 0.0:
                for lane in range(WIDTH):
                    c, k = first + lane, g + lane
                    out = paths.shell * used[k] * (node_K[c] - node_K[_U(links.home[k])])
                    flow_W[c] -= out
                    into_house_W[k] = out + (into_house_W[k] if inner else 0.0)
    for k in range(groups):
        flow_W[slots + k] = into_plate_W[k]
    for k in range(slots + groups, _U(len(flow_W))):
        flow_W[k] = 0.0
    if paths.shell > 0.0:
        for k in range(groups):
            flow_W[_U(links.home[k])] += into_house_W[k]


@inlined
def lose(inlet_K, ambient_K, air_W_per_K, wire, paths, cells, groups, racks, nodes, site):
    """Add sources, and losses to air and coolant at the nodes' temperatures; write the outlets.

    Returns
    -------
    float, float
        Heat to the coolant and to the air [W].
    """
    slots, plates = wire.n_blocks * wire.p * WIDTH, wire.n_blocks * WIDTH
    node_K, flow_W = nodes.node_K, nodes.flow_W
    site.air_W[:] = 0.0
    for block in range(wire.n_blocks):
        g = block * WIDTH
        for place in range(wire.p):
            first = (block * wire.p + place) * WIDTH
            for lane in range(WIDTH):
                c = first + lane
                to_air = air_W_per_K * groups.used[g + lane] * (node_K[c] - ambient_K)
                flow_W[c] += cells.heat_W[c] + cells.extra_W[c] - to_air
                site.air_W[lane] += to_air
    air = lane_sum(site.air_W, _U(0))
    for module in range(len(nodes.house_K)):
        k = slots + plates + _U(module)
        out = paths.house_air * (node_K[k] - ambient_K)
        flow_W[k] -= out
        air += out
    coolant = 0.0
    for rack in range(len(racks.flow_W_per_K)):
        taken = 0.0
        for group in range(racks.first_group[rack], racks.first_group[rack + 1]):
            k = _U(site.group_slot[group])
            q = nodes.grip_W_per_K[k] * (node_K[slots + k] - nodes.cool_K[k])
            flow_W[slots + k] += groups.link_W[k] - q
            taken += q
        flow = racks.flow_W_per_K[rack]
        racks.outlet_K[rack] = inlet_K + (taken / flow if flow > 0.0 else 0.0)
        coolant += taken
    return coolant, air


@inlined
def pass_coolant(inlet_K, paths, groups, racks, nodes, site):
    """Write the coolant's temperature where it meets each plate, and what it takes per kelvin."""
    for rack in range(len(racks.flow_W_per_K)):
        flow = racks.flow_W_per_K[rack]
        effect = coolant_effect(flow, paths.coolant)
        rise = effect / flow if flow > 0.0 else 0.0
        t_coolant = inlet_K
        for group in range(racks.first_group[rack], racks.first_group[rack + 1]):
            k = site.group_slot[group]
            nodes.cool_K[k], nodes.grip_W_per_K[k] = t_coolant, effect
            t_coolant += rise * (groups.plate_K[k] - t_coolant)


@inlined
def fill_mass(h, air_W_per_K, wire, paths, kelvin_per_J, used, links, nodes):
    """Write ``C/h + S`` of every node; return the largest ``h (S - L_ii) / C``."""
    slots, plates = wire.n_blocks * wire.p * WIDTH, wire.n_blocks * WIDTH
    mass, total, lanes = nodes.mass_W_per_K, links.total, nodes.lanes
    lanes[:] = 0.0
    for block in range(wire.n_blocks):
        g = block * WIDTH
        for place in range(wire.p):
            first = (block * wire.p + place) * WIDTH
            for lane in range(WIDTH):
                c = first + lane
                sink = air_W_per_K * used[g + lane]
                mass[c] = 1.0 / (h * kelvin_per_J[c]) + sink
                lanes[lane] = max(lanes[lane], (total[c] + sink) * kelvin_per_J[c])
        for lane in range(WIDTH):
            sink, c = nodes.grip_W_per_K[g + lane], slots + g + lane
            mass[c] = paths.plate_J_per_K / h + sink
            lanes[lane] = max(lanes[lane], (total[c] + sink) / paths.plate_J_per_K)
    rate = lane_max(lanes, _U(0))
    for k in range(slots + plates, _U(len(mass))):
        module = k - slots - plates
        capacity = nodes.house_J_per_K[module] if module < _U(len(nodes.house_K)) else 1.0
        mass[k] = capacity / h + paths.house_air
        rate = max(rate, (total[k] + paths.house_air) / capacity)
    return rate * h


@inlined
def dot(a, b, lanes):
    """Add up products of two vectors, always in the same order."""
    lanes[:] = 0.0
    for block in range(_U(len(a)) // WIDTH):
        for lane in range(WIDTH):
            k = block * WIDTH + lane
            lanes[lane] += a[k] * b[k]
    return lane_sum(lanes, _U(0))


@inlined
def precondition(rest_W, total, mass, out_K, lanes):
    """Write the residual over the diagonal; return the product of both."""
    lanes[:] = 0.0
    for block in range(_U(len(rest_W)) // WIDTH):
        for lane in range(WIDTH):
            k = block * WIDTH + lane
            out_K[k] = rest_W[k] / (mass[k] + total[k])
            lanes[lane] += rest_W[k] * out_K[k]
    return lane_sum(lanes, _U(0))


@kernel
def solve_change(stiffness, wire, paths, near, used, links, nodes):
    """Solve ``(C/h + S - L) d = q`` and add d to the nodes' temperatures; q is overwritten.

    With a residual r no temperature that follows is wrong by more than ``(h/C) |r|``, of which the
    square is at most ``r.z (h/C)(1 + stiffness)`` with ``z = r / diagonal``.

    Returns
    -------
    int
        Iterations.
    """
    rest, search, product = nodes.flow_W, nodes.search_K, nodes.product_W
    mass, change, lanes = nodes.mass_W_per_K, nodes.change_K, nodes.lanes
    least = mass[0]
    for k in range(_U(len(mass))):
        change[k] = 0.0
        least = min(least, mass[k])
    left = precondition(rest, links.total, mass, search, lanes)
    # C/h is at least mass / (1 + stiffness)
    enough = max(EXACT_K * EXACT_K * least / (1.0 + stiffness) ** 2, SMALL * left)
    count = 0
    while left > enough:
        count += 1
        conduct_nodes(
            wire, paths, near, used, links, search, nodes.into_plate_W, nodes.into_house_W, product
        )
        for k in range(_U(len(mass))):
            product[k] = mass[k] * search[k] - product[k]
        along = left / dot(search, product, lanes)
        for k in range(_U(len(mass))):
            change[k] += along * search[k]
            rest[k] -= along * product[k]
        before = left
        left = precondition(rest, links.total, mass, product, lanes)
        turn = left / before
        for k in range(_U(len(mass))):
            search[k] = product[k] + turn * search[k]
    for k in range(_U(len(mass))):
        nodes.node_K[k] += change[k]
    return count


@inlined
def take_up(h, wire, paths, cells, groups, nodes):
    """Move every temperature by the heat that flowed into its node."""
    slots, plates = wire.n_blocks * wire.p * WIDTH, wire.n_blocks * WIDTH
    for c in range(slots):
        cells.net_W[c] = nodes.flow_W[c]
        cells.temperature_K[c] += h * nodes.flow_W[c] * cells.kelvin_per_J[c]
    for k in range(plates):
        groups.plate_K[k] += h * nodes.flow_W[slots + k] / paths.plate_J_per_K
    for module in range(len(nodes.house_K)):
        into = nodes.flow_W[slots + plates + _U(module)]
        nodes.house_K[module] += h * into / nodes.house_J_per_K[module]


@kernel
def advance_network(
    h, inlet_K, ambient_K, air_W_per_K, wire, paths, cells, groups, racks, site, links, nodes
):
    """Move all temperatures by one step of `h` seconds.

    Written: temperatures of cells, plates, housings and outlets; `site.heat_J`, the energy to the
    coolant and to the air during the step.
    """
    slots, plates = wire.n_blocks * wire.p * WIDTH, wire.n_blocks * WIDTH
    nodes.node_K[:slots] = cells.temperature_K
    nodes.node_K[slots : slots + plates] = groups.plate_K
    nodes.node_K[slots + plates : slots + plates + _U(len(nodes.house_K))] = nodes.house_K
    if len(links.sight) > 0:
        see(site.near, nodes.node_K, links)
    pass_coolant(inlet_K, paths, groups, racks, nodes, site)
    stiffness = fill_mass(
        h, air_W_per_K, wire, paths, cells.kelvin_per_J, groups.used, links, nodes
    )
    for turn in range(2):
        conduct_nodes(
            wire, paths, site.near, groups.used, links, nodes.node_K, nodes.into_plate_W,
            nodes.into_house_W, nodes.flow_W,
        )  # fmt: skip
        coolant, air = lose(
            inlet_K, ambient_K, air_W_per_K, wire, paths, cells, groups, racks, nodes, site
        )
        if turn == 1 or stiffness <= STABILITY:
            break
        solve_change(stiffness, wire, paths, site.near, groups.used, links, nodes)
    take_up(h, wire, paths, cells, groups, nodes)
    site.heat_J[0], site.heat_J[1] = h * coolant, h * air
