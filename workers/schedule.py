"""When a training is looked at."""


def evaluation_epochs(epochs: int, evaluations: int) -> tuple[int, ...]:
    """At most `evaluations` epochs from 1 to `epochs`, spaced logarithmically, the last included.

    A look costs about a quarter of an epoch, so there are at most three in ten epochs.
    """
    if epochs < 1 or evaluations < 1:
        raise ValueError("epochs and evaluations must be at least 1")
    looks = min(evaluations, -(-3 * epochs // 10))
    spaced = {round(epochs ** (look / (looks - 1))) for look in range(looks - 1)}
    return (*sorted(spaced - {epochs}), epochs)
