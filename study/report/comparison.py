"""The command `study compare`: trials of a study, or the best trials of several."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.table import Table

from study.analysis import Difference, Measurements, holm, load_measurements, outcomes_on_test
from study.analysis.comparison import (
    corrected_resampled_t,
    independent_difference,
    paired_difference,
)
from study.errors import InvalidInput
from study.report.sentences.data_notes import few_replicates
from study.report.style import shown_p
from study.report.trials import best_trial, described, is_truth_table

QUANTITIES = ("test_accuracy", "generalization_gap")
HEADINGS = (
    "against", "quantity", "difference in points", "95 % interval", "p (Holm)", "method",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ComparedTrial:
    """One trial of one study."""

    measurements: Measurements
    trial: int

    @property
    def name(self) -> str:
        """Short, for a column."""
        return f"{self.measurements.run.study} {self.trial}"

    @property
    def description(self) -> str:
        """With the hyperparameters in which its study's trials differ."""
        return f"{self.measurements.run.study} {described(self.measurements, self.trial)}"


def compare_trials(study: str, trials: Sequence[int], storage: str) -> Table:
    """The first trial of the study against each of the others.

    Raises:
        InvalidInput: fewer than two of them, or one that is not complete.
    """
    measurements = load_measurements(study, storage)
    return _compared([ComparedTrial(measurements, trial) for trial in trials])


def compare_studies(studies: Sequence[str], storage: str) -> Table:
    """The best trial of the first study against that of each of the others.

    Raises:
        InvalidInput: fewer than two of them, or they ran on other data.
    """
    loaded = [load_measurements(study, storage) for study in studies]
    for one in loaded:
        if one.run.data_sha256 != loaded[0].run.data_sha256:
            raise InvalidInput(
                f"studies {studies[0]!r} and {one.run.study!r} ran on other data: "
                "their accuracies cannot be compared"
            )
    return _compared([ComparedTrial(one, best_trial(one)) for one in loaded])


def _compared(sides: Sequence[ComparedTrial]) -> Table:
    if len(sides) < 2:
        raise InvalidInput("give at least two trials, or another study's name, to compare")
    first, *rest = sides
    rows = pd.DataFrame(
        [
            {"second": side.name, "quantity": quantity, "found": found}
            for side in rest
            for quantity, found in _differences(first, side)
        ]
    )
    rows["p_holm"] = np.nan
    for _, own in rows.groupby("quantity"):
        rows.loc[own.index, "p_holm"] = holm([found.p_value for found in own["found"]])
    table = Table(
        title=first.description,
        title_justify="left",
        caption="\n".join(
            [*(f"against {side.description}" for side in rest), *_notes([first, *rest])]
        ),
        caption_justify="left",
    )
    for heading in HEADINGS:
        table.add_column(heading)
    for row in rows.to_dict("records"):
        found = row["found"]
        table.add_row(
            row["second"],
            row["quantity"].replace("_", " "),
            f"{100 * found.estimate:+.2f}",
            _interval(found),
            shown_p(row["p_holm"]),
            found.method,
        )
    return table


def _interval(found: Difference) -> str:
    if not np.isfinite([found.low, found.high]).all():
        return "cannot be told"
    return f"{100 * found.low:+.2f} to {100 * found.high:+.2f}"


def _differences(first: ComparedTrial, second: ComparedTrial) -> list[tuple[str, Difference]]:
    # A truth table has no gap.
    names = QUANTITIES[:1] if is_truth_table(first.measurements) else QUANTITIES
    if not _share_splits(first.measurements, second.measurements):
        sides = [outcomes_on_test(s.measurements.replicates, s.measurements.splits)
                 for s in (first, second)]  # fmt: skip
        return [
            (name, independent_difference(sides[0], first.trial, sides[1], second.trial, name))
            for name in names
        ]
    replicates = pd.concat(
        [
            side.measurements.replicates[
                side.measurements.replicates["trial"] == side.trial
            ].assign(trial=place)
            for place, side in enumerate((first, second))
        ]
    )
    for place, side in enumerate((first, second)):
        if not (replicates["trial"] == place).any():
            name = side.measurements.run.study
            raise InvalidInput(f"trial {side.trial} is not a complete trial of study {name!r}")
    outcomes = outcomes_on_test(replicates, first.measurements.splits)
    found = [(name, paired_difference(outcomes, 0, 1, name)) for name in names]
    wide = replicates.pivot_table(index="replicate", columns="trial", values="validation_accuracy")
    if len(wide) > 1 and not outcomes.fixed_examples:
        scores = (wide[0] - wide[1]).to_numpy(dtype=np.float64)
        validating = int(replicates["validation_examples"].iloc[0])
        training = int(replicates["train_examples"].min())
        found.append(("validation_accuracy", corrected_resampled_t(scores, validating, training)))
    return found


def _notes(sides: Sequence[ComparedTrial]) -> list[str]:
    """What the smaller number of replicates allows to say."""
    fewest = min((side.measurements for side in sides), key=lambda one: len(one.splits))
    note = few_replicates(len(fewest.splits), truth_table=is_truth_table(fewest))
    return [] if note is None else [note]


def _share_splits(first: Measurements, second: Measurements) -> bool:
    if first is second:
        return True
    if len(first.splits) != len(second.splits):
        return False
    return all(
        np.array_equal(one, other)
        for name in ("validation_index", "test_index")
        for one, other in zip(first.splits[name], second.splits[name], strict=True)
    )
