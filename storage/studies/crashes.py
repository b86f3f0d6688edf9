"""When a study whose coordinator died is tried again, and when no more: a pure decision."""

from dataclasses import dataclass

MOST_CRASHES = 5
"""So many coordinators in a row that died without a finished trial are the study's own fault."""

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Crashes:
    """How many coordinators died in a row, and how many trials had ended at the last time."""

    count: int
    trials: int


def after_crash(before: Crashes, trials: int) -> tuple[Crashes, float | None]:
    """What is known after one more crash, at which so many trials have ended, and for how many
    seconds the study is left alone; None: for good.

    A trial that ended since the last crash makes this the first one.
    """
    count = 1 if trials > before.trials else before.count + 1
    now = Crashes(count, trials)
    if count >= MOST_CRASHES:
        return now, None
    return now, min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** (count - 1))
