"""How a launch ended."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from storage.reading.counts import all_diverged
from storage.studies.splits import ReplicatePurpose, constant_test_accuracy, read_splits

if TYPE_CHECKING:
    import pandas as pd

    from storage.trials.storage import TrialStorage
    from study.coordinator.coordinator import Ending


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """How a launch ended. ending is None where the budget had been reached before it began.

    storage_url leads back to the results; storage is the same without a password, to be shown.
    constant_accuracy is the test accuracy of always saying the most frequent training class, None
    where it is not known. all_diverged: no network of any complete trial stayed finite.
    """

    study: str
    storage: str
    storage_url: str = field(repr=False)
    ending: "Ending | None"
    complete: int
    failed: int
    constant_accuracy: float | None = None
    all_diverged: bool = False

    def results(self) -> "pd.DataFrame":
        """The study's results table, a row per trial."""
        from storage.reading.frames import load_results

        return load_results(self.study, self.storage_url)


def outcome_of(
    name: str,
    trials: "TrialStorage",
    study_id: int,
    storage: str,
    storage_url: str,
    ending: "Ending | None",
) -> StudyOutcome:
    """How a study stands that ended so, here or elsewhere."""
    splits = read_splits(trials.database, name)
    searched = [split for split in splits if split.purpose is ReplicatePurpose.SEARCH]
    states = [t.state.name for t in trials.get_all_trials(study_id, deepcopy=False)]
    return StudyOutcome(
        study=name,
        storage=storage,
        storage_url=storage_url,
        ending=ending,
        complete=states.count("COMPLETE"),
        failed=states.count("FAIL"),
        constant_accuracy=constant_test_accuracy(splits),
        all_diverged=all_diverged(trials.database, name, replicates=len(searched)),
    )
