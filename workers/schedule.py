"""When a training is looked at."""

import math


def evaluation_epochs(epochs: int, evaluations: int) -> tuple[int, ...]:
    """At most `evaluations` epochs from 1 to `epochs`, spaced logarithmically, the last included.

    Neighbours differ by at least a factor of 1.25, so that short trainings are not looked at after
    every epoch: a look costs about half of an epoch.
    """
    if epochs < 1 or evaluations < 1:
        raise ValueError("epochs and evaluations must be at least 1")
    steps = min(evaluations - 1, math.ceil(math.log(epochs) / math.log(1.25)))
    if steps < 1:
        return (epochs,)
    chosen: list[int] = []
    for step in range(steps):
        epoch = round(epochs ** (step / steps))
        if not chosen or epoch >= 1.25 * chosen[-1]:
            chosen.append(epoch)
    if chosen and epochs < 1.25 * chosen[-1]:
        chosen.pop()
    return (*chosen, epochs)
