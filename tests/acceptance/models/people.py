"""A study of every topology, on people of whom some things are not known."""

import numpy as np
import pandas as pd

TRIALS = 4
PEOPLE = """\
name: people
data: {source: people.csv, target: outcome, group: family}
search:
  topology: [feedforward, residual, split_merge, recurrent]
  depth: 2
  width: 9
  activation: [maxout]
  ensemble_size: 3
  learning_rate: 0.02
  early_stopping_patience: 2
training: {epochs: 12, replicates: 2, recurrent_cell: gated}
sampler: grid
"""


def people(rows=210):
    rng = np.random.default_rng(0)
    outcome = np.arange(rows) % 3
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows) + 8 * outcome,
            "town": rng.choice(["Oslo", "Rome", "Bern"], rows),
            "family": np.arange(rows) // 3,
            "code": rng.choice(["1", "2", "x"], rows),
            "income": rng.lognormal(3, 1, rows) * (1 + outcome),
            "outcome": np.array(["bad", "good", "so so"])[outcome],
        }
    )
    frame.loc[::7, "income"] = np.nan
    frame.loc[::11, "town"] = None
    return frame


def storage_of(study):
    return f"sqlite:///{study.folder / 'study.db'}"
