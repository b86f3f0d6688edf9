"""What is shown of results."""

import pandas as pd

from study.analysis.trials import best_trials
from study.cli.tables import as_table
from study.specification.files import read_specification
from workers.segment import HEADLINES


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


def test_near_levels_are_told_apart_and_a_continuum_has_three_digits():
    results = pd.DataFrame(
        {
            "trial": [0, 1],
            "state": ["COMPLETE"] * 2,
            **{name: [0.5, 0.5] for name in HEADLINES},
            "dropout": [0.1001, 0.1002],
            "learning_rate": [0.0100123, 0.02],
        }
    )
    names = ["dropout", "learning_rate"]
    search = {
        "dropout": [0.1001, 0.1002],
        "learning_rate": {"low": 0.01, "high": 0.1, "log": True, "step": None},
    }
    for width in (30, 200):  # all in one column, and a column each
        table = as_table(results, "", objectives=[], varying=names, search=search, width=width)
        cells = " ".join(str(cell) for column in table.columns for cell in column.cells)
        assert all(level in cells for level in ("0.1001", "0.1002", "0.02"))
        assert "0.0100" not in cells
