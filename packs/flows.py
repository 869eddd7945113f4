"""Energy and charge flows of a step, added to compensated sums for the ledger."""

from __future__ import annotations

from cell_models.jit import kernel

FLOWS = (
    "short_J", "joint_J", "bleed_J", "busbar_J", "path_J", "capacitor_J", "link_bleed_J",
    "pcs_dc_J", "pcs_ac_J", "pcs_loss_J", "coolant_J", "air_J",
)  # fmt: skip
"""Energy flows booked every step, in the order of `flows.total`."""


@kernel
def add_to(total, low, k, amount):
    """Add an amount to the compensated sum number k."""
    high = total[k] + amount
    back = high - total[k]
    low[k] += (total[k] - (high - back)) + (amount - back)
    total[k] = high


@kernel
def book(
    total, low, throughput_J, h, loss_W, heat_J, bus, link_before_V, capacitance_F, bleed_ohm,
    ac_power_W, pcs_loss_W, n_cells, current_A, voltage_V,
):  # fmt: skip
    """Add one step's energy flows, in the order of `FLOWS`, and the cells' ``|i v| h``.

    The capacitor's term is what implicit Euler loses on it: ``C (v+ - v)^2 / 2``, its resistance.
    """
    v_bus, i_bus = bus[0], bus[1]
    for k in range(5):
        add_to(total, low, k, loss_W[k] * h)
    rise = v_bus - link_before_V
    add_to(total, low, 5, 0.5 * capacitance_F * rise * rise)
    add_to(total, low, 6, v_bus * v_bus / bleed_ohm * h)
    add_to(total, low, 7, v_bus * i_bus * h)
    add_to(total, low, 8, ac_power_W * h)
    add_to(total, low, 9, pcs_loss_W * h)
    add_to(total, low, 10, heat_J[0])
    add_to(total, low, 11, heat_J[1])
    through = 0.0
    for c in range(n_cells):
        through += abs(current_A[c] * voltage_V[c])
    throughput_J[0] += through * h


@kernel
def book_charge(
    h, cells_per_group, group_rack, rack_current_A, bleed_S, group_voltage_V, short_S, voltage_V,
    current_A, emf_V, resistance_ohm, network_A, charge_As, low_As, throughput_As, worst,
):  # fmt: skip
    """Add the charge that left every group: by its rack, its bleed resistor, its shorts.

    It comes from the network's currents, not the cells': held against the cells' states it audits
    both. `worst` keeps the largest residual of Kirchhoff's current law [A], and of the cells' own
    lines: by how much parallel cells miss ``v = emf - r i`` [V].
    """
    for group in range(len(group_rack)):
        out = rack_current_A[group_rack[group]] + bleed_S[group] * group_voltage_V[group]
        for c in range(group * cells_per_group, (group + 1) * cells_per_group):
            out += short_S[c] * voltage_V[c]
            throughput_As[0] += abs(current_A[c]) * h
            miss = abs(emf_V[c] - resistance_ohm[c] * current_A[c] - voltage_V[c])
            worst[1] = max(worst[1], miss)
        add_to(charge_As, low_As, group, out * h)
    worst[0] = max(worst[0], network_A)
