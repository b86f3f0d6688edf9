"""What is shown of results."""

import pandas as pd

from study.analysis.trials import best_trials
from study.specification.files import read_specification


def test_the_best_trials_are_complete_ranked_and_no_copies_of_others():
    results = pd.DataFrame(
        {
            "trial": [0, 1, 2, 3, 4],
            "state": ["COMPLETE", "COMPLETE", "COMPLETE", "FAIL", "COMPLETE"],
            "duplicate_of": pd.array([None, None, 1, None, None], dtype="Int64"),
            "validation_accuracy": [0.8, 0.9, 0.9, 0.99, 0.9],
        }
    )
    best = best_trials(results, read_specification("digits"))
    assert list(best["trial"]) == [1, 4, 0]
