"""Numbers as labels: in the shortest form that tells all of them apart."""

from collections.abc import Sequence


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
