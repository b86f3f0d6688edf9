"""Numbers as labels: in the shortest form that tells all of them apart."""

from collections.abc import Collection, Mapping, Sequence


def labels_of(numbers: Sequence[float], digits: int = 6) -> list[str]:
    """A label per number, of at least so many significant digits where it has them: different
    numbers have different labels, and whole numbers are written out."""
    if all(isinstance(number, int) for number in numbers):
        return [str(number) for number in numbers]
    different = len(set(numbers))
    for more in range(digits, 17):
        labels = [f"{number:.{more}g}" for number in numbers]
        if len(set(labels)) == different:
            return labels
    return [repr(number) for number in numbers]


def level_labels(levels: Collection[float], dimension: object) -> dict[float, str]:
    """What tells the levels apart of a hyperparameter that is searched so, as it stands in a
    specification's document; {} of a continuum, which has none."""
    if isinstance(dimension, Mapping) and dimension.get("step") is None:
        return {}
    ordered = sorted(levels)
    return dict(zip(ordered, labels_of(ordered, digits=3), strict=True))
