"""How a launch ended."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from storage.trials.storage import TrialStorage
    from study.coordinator.coordinator import Ending


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """How a launch ended. ending is None where the budget had been reached before it began.

    storage_url leads back to the results; storage is the same without a password, to be shown.
    """

    study: str
    storage: str
    storage_url: str = field(repr=False)
    ending: "Ending | None"
    complete: int
    failed: int

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
    states = [t.state.name for t in trials.get_all_trials(study_id, deepcopy=False)]
    return StudyOutcome(
        study=name,
        storage=storage,
        storage_url=storage_url,
        ending=ending,
        complete=states.count("COMPLETE"),
        failed=states.count("FAIL"),
    )
