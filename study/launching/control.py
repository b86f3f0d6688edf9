"""A trial trained again on shuffled training labels: what it learns by heart, and nothing else.

The features say nothing of a permuted label, so whatever the networks are right on in training was
learned by heart, and on test they can only guess. Their balanced accuracy on test is 1 / classes in
the mean over permutations.

Where it is higher, the true labels of test rows have reached the networks on another way than by
the training labels: a defect of the training or the measurement. This is all that the control can
see. It cannot see what works through the true training labels, because it takes those away: copies
of test rows in training, a feature that was made from the label, groups on both sides. A report
counts copies, and `data.group` keeps groups apart.

A single permutation proves little. Where features fall into a few clusters, networks guess the same
class for a whole cluster, and thousands of test rows are right or wrong together: so the test is
Student's over permutations, and not binomial over rows. Early stopping is off, because it would
choose the epoch by true validation labels. With very unequal classes the mean over permutations may
differ a little from 1 / classes: rare classes are guessed more often where examples lie far apart.
"""

from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from storage.database.opening import open_database
from storage.reading.frames import load_results
from storage.reading.recorded_trial import RecordedTrial, read_recorded_trial
from storage.studies.runs import StudyRun, read_run
from study.analysis.trials import best_trials, with_defaults
from study.errors import InvalidInput
from study.launching.launch import check_data
from study.launching.replay import TrainingToRepeat, training_of
from study.specification.stored import stored_specification

SHUFFLES = 20  # at least so many permutations, over all replicates
SIGNIFICANCE = 0.01


@dataclass(frozen=True, slots=True)
class Control:
    """What a trial did on shuffled labels, as means over the shuffles, of all replicates together.

    majority is the share of the training examples in the most frequent class: what is learned of
    labels without a look at features. chance is the balanced accuracy of guessing, p_value that of
    Student's one-sided t test that balanced test accuracy is no higher. recorded_gap is the trial's
    gap with the true labels.
    """

    study: str
    trial: int
    shuffles: int
    train_accuracy: float
    majority: float
    train_examples: int
    test_accuracy: float
    balanced_test_accuracy: float
    chance: float
    p_value: float
    recorded_gap: float

    @property
    def gap(self) -> float:
        """Of the shuffled labels: train − test accuracy."""
        return self.train_accuracy - self.test_accuracy

    @property
    def by_heart(self) -> bool:
        """Whether more was learned than which class is the most frequent one."""
        error = float(np.sqrt(self.majority * (1.0 - self.majority) / self.train_examples))
        return bool(self.train_accuracy > self.majority + 2.0 * error)

    @property
    def beats_chance(self) -> bool:
        """Whether test rows were guessed better than chance allows."""
        return self.p_value < SIGNIFICANCE


def control(
    name: str, storage: str, *, trial: int | None = None, data: tuple[Any, Any] | None = None
) -> Control:
    """Train a trial on shuffled labels in this process; nothing is written. None: the best one.

    data stands in for a source that was in memory.

    Raises:
        TypeError: data are no pair of features and labels.
        InvalidInput: no trial is complete, or this one is not, the data are a truth table, or not
            those of the study.
        StorageError: there is no such study or trial.
    """
    check_data(data)
    with open_database(storage, create=False) as database:
        run = read_run(database, name)
        results = with_defaults(load_results(name, database))
        if trial is None:
            best = best_trials(results, stored_specification(run.specification, name))
            if best.empty:
                raise InvalidInput(f"study {name!r} has no complete trial yet; launch it first")
            trial = int(best["trial"].iloc[0])
        recorded = read_recorded_trial(database, name, trial)
    if recorded.state != "COMPLETE":
        raise InvalidInput(
            f"trial {trial} of study {name!r} is {recorded.state}; only a COMPLETE one can be "
            "trained on shuffled labels"
        )
    return _control(run, trial, recorded, training_of(run, trial, recorded, data))


def _control(
    run: StudyRun, trial: int, recorded: RecordedTrial, training: TrainingToRepeat
) -> Control:
    from workers.data.splitting import cached_split, noisy_labels
    from workers.training.train import train_segment

    dataset, settings = training.dataset, training.segment.settings
    if dataset.is_truth_table:
        raise InvalidInput(
            f"the data of study {run.study!r} are a complete truth table, whose test rows are its "
            "training rows; a control needs rows that were not trained on"
        )
    (work,) = training.segment.trials
    plain = replace(work, configuration=replace(work.configuration, early_stopping_patience=None))
    segment = replace(training.segment, trials=(plain,), last_epoch=settings.epochs)
    measured = [
        replicate
        for shuffle in range(ceil(SHUFFLES / settings.replicates))
        for replicate in train_segment(replace(segment, shuffle=shuffle), dataset)[0]
        .trials[0]
        .replicates
    ]
    split = cached_split(dataset, segment.seed, 0)
    labels = noisy_labels(dataset, split.train, segment.seed, 0, segment.label_noise)[split.train]
    chance = 1.0 / len(np.unique(dataset.target[split.test]))
    balanced = np.array([own.balanced_test_accuracy for own in measured])
    return Control(
        study=run.study,
        trial=trial,
        shuffles=len(measured),
        train_accuracy=float(np.mean([own.train_accuracy for own in measured])),
        majority=float(np.bincount(labels).max() / len(labels)),
        train_examples=measured[0].train_examples,
        test_accuracy=float(np.mean([own.test_accuracy for own in measured])),
        balanced_test_accuracy=float(balanced.mean()),
        chance=chance,
        p_value=above_chance(balanced, chance),
        recorded_gap=float(recorded.result["generalization_gap"]),
    )


def above_chance(balanced: npt.NDArray[np.float64], chance: float) -> float:
    """Student's one-sided p-value that permutations' balanced accuracies [n] have no higher mean
    than chance; where none differs from another, 0 above it and else 1."""
    if np.ptp(balanced) < 1e-12:
        return 0.0 if balanced[0] > chance + 1e-12 else 1.0
    return float(stats.ttest_1samp(balanced, chance, alternative="greater").pvalue)


def sentences(found: Control) -> tuple[str, str]:
    """What it learned by heart, and whether test rows were guessed better than by chance."""
    what = "learned by heart," if found.by_heart else "which is no more than"
    where = "where the most frequent class is" if found.by_heart else "the most frequent class:"
    learned = (
        f"trial {found.trial} of study {found.study!r} on shuffled labels ({found.shuffles} "
        f"shuffles): right on {100 * found.train_accuracy:.1f} % of its training examples, {what} "
        f"{where} {100 * found.majority:.1f} %; a gap of {100 * found.gap:.1f} points, with the "
        f"true labels {100 * found.recorded_gap:.1f}"
    )
    measured = (
        f"balanced test accuracy {100 * found.balanced_test_accuracy:.1f} %, chance "
        f"{100 * found.chance:.1f} % (p = {found.p_value:.2g}, Student's t over shuffles)"
    )
    if found.beats_chance:
        return learned, (
            f"warning: {measured}: better than chance. Labels of test rows may reach the networks "
            "otherwise than by the training labels: look for it before you believe a test figure. "
            "A few points can come without it, where a rare class lies apart from the others"
        )
    return learned, (
        f"{measured}: no better than chance. This says nothing of copies of test rows in training, "
        "nor of features that were made from the label"
    )
