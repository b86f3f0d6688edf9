"""How many wrong tokens are looked at: enough for people, too few to find one by guessing."""

from dataclasses import dataclass, replace

PER_SECOND = 2.0
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Guesses:
    """How many more may be wrong, as of a moment on any clock of seconds.

    Counted for all who ask together: behind a proxy they have one address, and a token of 16
    characters is not found at this pace.
    """

    left: float = AT_ONCE
    at: float = 0.0

    def later(self, now: float) -> "Guesses":
        """The same, now: time gives new tries."""
        gained = max(now - self.at, 0.0) * PER_SECOND
        return Guesses(min(self.left + gained, AT_ONCE), now)

    @property
    def exhausted(self) -> bool:
        """No token is looked at now, not even the right one: else guessing would go on."""
        return self.left < 1

    def wrong(self) -> "Guesses":
        """One more was wrong."""
        return replace(self, left=self.left - 1)
