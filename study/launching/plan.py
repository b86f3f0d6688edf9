"""Everything about a launch that can be wrong is found here, before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from study.coordinator.tally import TrialLimits
from study.errors import InvalidInput
from study.monitoring.events import CopiesInTest
from study.sampling.designs import Parameters
from study.sampling.proposers import proposer_for
from study.specification.space import baseline_parameters
from study.specification.spec import BudgetSpec, StudySpec
from workers.data import (
    DataError,
    Dataset,
    DataSource,
    SplitDescription,
    check_groups,
    describe_split,
)

DEFAULT_TRIALS = 100
IN_MEMORY = "memory"  # the source of a study whose data are no file
# Of the test rows: fewer hardly move an accuracy. A report counts all.
FEWEST_COPIES = 0.01


@dataclass(frozen=True)
class Plan:
    """A specification whose data are there and whose parts fit together.

    spec says how every column of a table was read."""

    spec: StudySpec
    dataset: Dataset
    baseline: Sequence[Parameters]
    splits: Sequence[SplitDescription]
    bounds: TrialLimits


def make_plan(spec: StudySpec, data: tuple[Any, Any] | None = None) -> Plan:
    """Read and split the data and check what the specification alone cannot know.

    data, (features [N, F], labels [N]), stands in for data.source.

    Raises:
        InvalidInput: in one line, the field that is wrong.
    """
    baseline = check_parts(spec)
    try:
        if data is not None:
            _check_data_in_memory(spec)
        dataset = read_data(spec, data)
        check_groups(dataset.divided_groups, _source(spec))
        splits = [
            describe_split(dataset, spec.seed, replicate, spec.data.label_noise)
            for replicate in range(spec.training.replicates)
        ]
    except (DataError, ValueError) as error:
        raise InvalidInput(str(error)) from None
    if dataset.columns:
        data_spec = spec.data.model_copy(update={"columns": dataset.columns})
        spec = spec.model_copy(update={"data": data_spec})
    return Plan(spec, dataset, baseline, splits, bounds_of(spec))


def _check_data_in_memory(spec: StudySpec) -> None:
    """DataError where the specification asks of features and labels what only a file can tell."""
    for field in ("target", "test", "split", "group"):
        if getattr(spec.data, field) is not None:
            raise DataError(
                field,
                f"found {getattr(spec.data, field)!r}, but data in memory are features and labels "
                "alone; leave it out, or put them in a file that has it",
            )


def copies_in_test(plan: Plan) -> CopiesInTest | None:
    """What is to be said of test rows whose features were trained on; None: too few to matter, or
    a truth table, whose test rows are its training rows."""
    if plan.dataset.is_truth_table:
        return None
    rows = len(plan.splits[0].test_index)
    copies = sum(int(split.test_copies.sum()) for split in plan.splits) / len(plan.splits)
    return None if copies < max(1.0, FEWEST_COPIES * rows) else CopiesInTest(copies, rows)


def check_parts(spec: StudySpec) -> Sequence[Parameters]:
    """Check that the parts of a specification fit together, as far as that does not depend on
    its data; the parameters of its baseline.

    Raises:
        InvalidInput: in one line, the field that is wrong.
    """
    baseline = baseline_parameters(spec)
    try:
        proposer_for(spec)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    return baseline


def read_data(spec: StudySpec, data: tuple[Any, Any] | None = None) -> Dataset:
    """The specification's data set; DataError where it cannot be used."""
    from workers.data import dataset_from_memory, load_dataset

    source = _source(spec)
    if data is None and source.source == IN_MEMORY:
        raise DataError(
            "source",
            "the data were given in memory; from Python, give them again: launch(spec, data=(X, "
            "y)), and so replay() and export_model()",
        )
    if data is None:
        return load_dataset(source)
    features, labels = data
    return dataset_from_memory(features, labels, source, name=spec.data.source)


def _source(spec: StudySpec) -> DataSource:
    given = {
        own.name: getattr(spec.data, own.name) for own in fields(DataSource) if own.name != "seed"
    }
    return DataSource(**given, seed=spec.seed)


def bounds_of(spec: StudySpec) -> TrialLimits:
    """The budget with its defaults: 100 trials unless only time is given. A grid needs no bound: it
    is over when every point has been tried."""
    budget: BudgetSpec = spec.budget
    trials = budget.trials
    if trials is None and budget.hours is None and not spec.sampler.needs_levels:
        trials = DEFAULT_TRIALS
    return TrialLimits(trials=trials, seconds=None if budget.hours is None else budget.hours * 3600)
