"""Split and merge: two stacks of hidden layers side by side, which only the output reads together.

Each has half of the units; the first has one more where they are odd.
"""

from workers.networks.topologies.feedforward import Feedforward


class SplitMerge(Feedforward):
    """A feedforward network of two parallel branches."""

    @classmethod
    def branch_widths(cls, width: int) -> tuple[int, ...]:
        return (width + 1) // 2, width // 2
