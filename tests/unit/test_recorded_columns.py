"""What is measured and what is searched have a column each; a failure names the file to edit."""

from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from optuna.trial import TrialState, create_trial
from sqlalchemy import Boolean, Double, Integer, LargeBinary, Table, Text, inspect

from storage.database.opening import open_database
from storage.reading.recorded_trial import RecordedTrial
from storage.tables import schema, versions
from storage.trials.records import FinishedTrial
from study.coordinator import rows
from study.coordinator.dispatcher import TrainedTrial
from study.coordinator.retries import UntrainableTrial
from study.specification.spec import SearchSpec, StudySpec, TrainingSpec
from workers.configuration import HYPERPARAMETERS, Configuration, TrainingSettings
from workers.data import DataSource, load_dataset
from workers.pools.simulated import simulated_measurements
from workers.segment import (
    HEADLINES,
    METRICS,
    CurvePoint,
    LayerStatistics,
    MemberMeasurements,
    ReplicateMeasurements,
    Segment,
    SegmentReport,
    TrialMeasurements,
    TrialWork,
)
from workers.training.train import train_segment

SCHEMA = "storage/tables/schema.py, and a migration beside it,"
STEPS = "storage/tables/migrations/versions"
SPEC = StudySpec.model_validate({"name": "a study", "data": {"source": "wine"}})
# What storage itself writes of a trial; see storage.trials.results.
IDENTITY = {"trial_id", "study", "trial", "state", "started_at", "finished_at"}
COLUMN_TYPES = {str: Text, int: Integer, float: Double, bool: Boolean, bytes: LargeBinary}


@pytest.fixture(scope="module")
def finished() -> list[FinishedTrial]:
    """A trial that was trained, one that was copied, and one that failed."""
    work = TrialWork(3, Configuration(ensemble_size=2))
    segment = Segment((work,), TrainingSettings(replicates=2), 0, 0, 30)
    measured = simulated_measurements(work, segment)
    report = SegmentReport((measured,), "a worker", "cpu", "a fingerprint", 1.0, 1.0)
    trained = TrainedTrial(work, measured, report, state=None, cohort=1)
    ended = rows.ended(SPEC, TrialState.COMPLETE, trained, "a cohort", {})
    recorded = RecordedTrial("COMPLETE", ended.result, (), (), (), ())
    copied = rows.copied(work, create_trial(value=0.9), recorded)
    return [ended, copied, rows.failed(UntrainableTrial(work, "the reason", 1), "a cohort")]


def check_columns(table: Table, written: set[str], source: str) -> None:
    columns = set(table.columns.keys())
    lacking, idle = sorted(written - columns), sorted(columns - written)
    assert not lacking, f"{SCHEMA} must give {table.name} the columns {lacking}"
    assert not idle, f"{source} has no fields for the columns {idle} of {table.name}"


def test_every_hyperparameter_and_every_summary_is_a_column_of_results(finished):
    written = {column for trial in finished for column in trial.result}
    check_columns(schema.results, IDENTITY | written, "workers/segment.py or configuration.py")


@pytest.mark.parametrize("table", schema.MEASUREMENT_TABLES, ids=lambda table: table.name)
def test_every_number_that_is_measured_is_a_column_of_its_table(finished, table):
    first, *_ = getattr(finished[0], table.name)
    check_columns(table, {"trial_id", *first}, "workers/segment.py")


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (Configuration, schema.results),
        (TrialMeasurements, schema.results),
        (ReplicateMeasurements, schema.replicates),
        (MemberMeasurements, schema.members),
        (CurvePoint, schema.learning_curves),
        (LayerStatistics, schema.layer_statistics),
    ],
)
def test_a_column_has_the_type_of_its_field(kind, table):
    for name, annotation in get_type_hints(kind).items():
        if name in table.columns:
            wanted = COLUMN_TYPES[plain_type(annotation)]
            found = table.columns[name].type
            assert isinstance(found, wanted), (
                f"{SCHEMA} must make {table.name}.{name} a {wanted.__name__}, found {found!r}"
            )


def plain_type(annotation: Any) -> type:
    """int of int | None, str of a class of levels."""
    if get_origin(annotation) is UnionType:
        (annotation,) = (kind for kind in get_args(annotation) if kind is not type(None))
    return str if issubclass(annotation, Enum) else annotation


def test_summaries_are_columns_of_numbers():
    spreads = [f"{name}_std" for name, summary in METRICS.items() if summary.spread]
    numbers = {c.name for c in schema.results.columns if isinstance(c.type, Double)}
    lacking = sorted({*METRICS, *spreads} - numbers)
    assert not lacking, f"{SCHEMA} must give results the columns {lacking}, of type Double"


def test_every_number_of_a_replicate_says_how_it_is_summed_up():
    numbers = {f.name for f in fields(ReplicateMeasurements) if f.type in (float, float | None)}
    silent = sorted(numbers - set(METRICS))
    assert not silent, f"workers/segment.py: {silent} need a Summary in their metadata"


def test_every_metric_is_measured():
    segment = Segment(
        (TrialWork(0, Configuration(depth=1, width=8)),),
        TrainingSettings(epochs=1, replicates=1),
        seed=0,
        first_epoch=0,
        last_epoch=1,
        label_noise=0.1,
    )
    try:
        report, _ = train_segment(segment, load_dataset(DataSource("wine")), device="cpu")
    except TypeError as error:  # what a dataclass says of a field that is not given
        pytest.fail(f"workers/tasks/ or workers/training/measurements.py: {error}")
    (replicate,) = report.trials[0].replicates
    lacking = [name for name in METRICS if getattr(replicate, name) is None]
    assert not lacking, f"workers/training/measurements.py measures no {lacking}"


def test_a_difference_is_that_of_two_metrics():
    for name, summary in METRICS.items():
        unknown = set(summary.difference or ()) - set(METRICS)
        assert not unknown, f"workers/segment.py: {name} is a difference of unknown {unknown}"


def test_a_headline_is_measured_of_every_trial():
    # The dashboard cannot sort by an attribute that is None.
    types = get_type_hints(ReplicateMeasurements)
    for name in HEADLINES:
        assert types[name] is float, f"workers/segment.py: {name} may be None, so no headline"


def test_every_hyperparameter_can_be_searched():
    searched = set(SearchSpec.model_fields)
    lacking = sorted(set(HYPERPARAMETERS) - searched)
    assert not lacking, f"study/specification/spec.py: SearchSpec lacks {lacking}"
    unknown = sorted(searched - set(HYPERPARAMETERS))
    assert not unknown, f"workers/configuration.py: Configuration lacks {unknown}"


def test_a_specification_that_says_nothing_has_the_defaults_of_the_workers():
    assert SPEC.dimensions() == {name: getattr(Configuration(), name) for name in HYPERPARAMETERS}
    lacking = {field.name for field in fields(TrainingSettings)} - set(TrainingSpec.model_fields)
    assert not lacking, f"study/specification/spec.py: TrainingSpec lacks {sorted(lacking)}"
    assert SPEC.training.settings() == TrainingSettings()


def test_a_hyperparameter_that_may_be_none_is_none_by_default():
    # NULL in a row means that a hyperparameter has its default: see rows.configuration_in.
    for name, annotation in get_type_hints(Configuration).items():
        if type(None) in get_args(annotation):
            assert getattr(Configuration(), name) is None, f"workers/configuration.py: {name}"


def test_a_configuration_comes_back_from_its_row(finished):
    ended, *_ = finished
    assert rows.configuration_in(ended.result) == Configuration(ensemble_size=2)
    unrecorded = {**ended.result, "optimizer": None, "dropout": None}
    assert rows.configuration_in(unrecorded) == Configuration(ensemble_size=2)


def test_the_steps_end_in_the_columns_of_the_schema(tmp_path):
    with (
        open_database(f"sqlite:///{tmp_path / 'new.db'}") as database,
        database.read() as connection,
    ):
        made = inspect(connection)
        for table in schema.metadata.tables.values():
            there = {column["name"] for column in made.get_columns(table.name)}
            lacking = sorted(set(table.columns.keys()) - there)
            assert not lacking, f"{STEPS} needs a step that gives {table.name} {lacking}"
            extra = sorted(there - set(table.columns.keys()))
            assert not extra, f"storage/tables/schema.py: {table.name} lacks the columns {extra}"


def test_the_known_versions_are_the_steps_of_the_folder():
    config = Config()
    config.set_main_option("script_location", str(versions.SCRIPTS))
    config.set_main_option("path_separator", "os")
    steps = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    revisions = tuple(step.revision for step in steps)
    for step in steps:
        name = Path(step.path).name
        assert name.startswith(f"v{step.revision}_"), (
            f"{STEPS}/{name}: name it after its revision, v{step.revision}_….py"
        )
    assert revisions == versions.KNOWN
    assert revisions[-1] == versions.HEAD
