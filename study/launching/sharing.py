"""How the slots of one cluster are shared by the studies that are trained on it: pure."""

from collections.abc import Iterable
from math import ceil


def fair_share(slots: int, wanted_by_others: Iterable[int]) -> int:
    """How many of the slots a study may fill, at least one where there are any.

    Max-min fairness: an equal share, plus its part of what others do not want of theirs. Each
    study reckons this for itself, so the shares are rounded up: a slot too many waits its turn in
    the cluster, one too few would idle.
    """
    left, studies = float(slots), 1 + len(others := sorted(wanted_by_others))
    for wanted in others:
        if wanted > left / studies:
            break
        left -= wanted
        studies -= 1
    return ceil(left / studies)
