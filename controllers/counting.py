"""Coulomb counting beside the filter: the charge that left each group, added without rounding loss.

The count starts at the filter's first state of charge and never looks at a voltage again, so it
keeps every error of its start and of the current sensor: that is why it is shown beside the filter.
"""

from __future__ import annotations

from cell_models.jit import kernel


@kernel
def add_charge(total_As, rest_As, current_A, step_s):
    """Add one step of charge with Neumaier's compensation.

    Parameters
    ----------
    total_As, rest_As : float
        Running sum and its compensation [A s]; the charge is their sum.
    current_A : float
        Current of the step that just ended, discharge positive [A].
    step_s : float
        Its length [s].

    Returns
    -------
    total_As, rest_As : float

    References
    ----------
    A. Neumaier, Z. Angew. Math. Mech. 54 (1974) 39-51, doi:10.1002/zamm.19740540106.
    """
    charge_As = current_A * step_s
    total = total_As + charge_As
    if abs(total_As) >= abs(charge_As):
        rest_As += (total_As - total) + charge_As
    else:
        rest_As += (charge_As - total) + total_As
    return total, rest_As


@kernel
def counted_soc(start_soc, total_As, rest_As, capacity_As):
    """Return the counted state of charge, 0-1 in the rated window.

    Parameters
    ----------
    start_soc : float
    total_As, rest_As : float
        Charge taken out since the start [A s].
    capacity_As : float
        Capacity of the whole group [A s].
    """
    return start_soc - (total_As + rest_As) / capacity_As
