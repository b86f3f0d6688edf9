"""Configurations that come up twice: the second trial is not trained but copied.

A trial's numbers are a function of its configuration, so the same one gives the same result. One
that is on its way already is awaited.
"""

from dataclasses import dataclass, field

from workers.configuration import Configuration
from workers.segment import TrialWork


@dataclass(slots=True)
class Duplicates:
    """Knows which configurations are complete, which are being trained, and who waits for them.

    Only results from the environment in which this launch trains are copied: elsewhere the bits
    differ. earlier holds those of earlier launches by the fingerprint of their environment.
    """

    earlier: dict[str, dict[Configuration, int]] = field(default_factory=dict)
    _complete: dict[Configuration, int] = field(default_factory=dict)
    _training: dict[Configuration, int] = field(default_factory=dict)
    _waiting: dict[Configuration, list[TrialWork]] = field(default_factory=dict)

    def set_environment(self, fingerprint: str) -> None:
        """Say in which environment this launch trains: its earlier results may be copied."""
        for configuration, trial in self.earlier.pop(fingerprint, {}).items():
            self._complete.setdefault(configuration, trial)

    def original(self, work: TrialWork) -> int | None:
        """The complete trial whose result is this one's; None: it has to be trained."""
        return self._complete.get(work.configuration)

    def start_training(self, work: TrialWork) -> bool:
        """Whether to train the trial now; otherwise it waits for the one that is trained."""
        if work.configuration in self._training:
            self._waiting.setdefault(work.configuration, []).append(work)
            return False
        self._training[work.configuration] = work.trial
        return True

    def record_complete(self, configuration: Configuration, trial: int) -> list[TrialWork]:
        """Record a complete trial; those that waited for it can be copied now."""
        self._training.pop(configuration, None)
        self._complete.setdefault(configuration, trial)
        return self._waiting.pop(configuration, [])

    def abandon(self, configuration: Configuration) -> list[TrialWork]:
        """Record that the trial ended without a result; those that waited have to be trained."""
        self._training.pop(configuration, None)
        return self._waiting.pop(configuration, [])

    def waiting_trials(self) -> set[int]:
        """The trials that wait for another one."""
        return {work.trial for works in self._waiting.values() for work in works}
