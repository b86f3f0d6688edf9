"""Our tables, beside Optuna's: what a study is, who works on it, and what was measured.

`results` holds the study's name and the trial's number in every row, so that it can be read by
itself. The tables below it are keyed by Optuna's trial_id alone and joined on reading: a trial has
dozens of their rows. Every row goes when its trial or study goes: see storage.tables.triggers. The
tables below `results` have no foreign keys, which would cost more than all else on writing them;
their rows are written with their trial's result, and a trigger deletes them with it.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)

from storage.tables import optuna_schema

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite, which has no such type, keeps it without the offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuses a naive value: nobody could say which clock it is from."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The moment in UTC, with its zone."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _study_id() -> Column[int]:
    key = ForeignKey(optuna_schema.studies.c.study_id, ondelete="CASCADE")
    return Column("study_id", Integer, key, primary_key=True, autoincrement=False)


def _trial_id() -> Column[int]:
    key = ForeignKey(optuna_schema.trials.c.trial_id, ondelete="CASCADE")
    return Column("trial_id", Integer, key, primary_key=True, autoincrement=False)


def _key(name: str) -> Column[int]:
    return Column(name, Integer, primary_key=True, autoincrement=False)


def _doubles(*names: str) -> list[Column[float]]:
    return [Column(name, Double) for name in names]


def _integers(*names: str) -> list[Column[int]]:
    return [Column(name, Integer) for name in names]


def _binaries(*names: str) -> list[Column[bytes]]:
    return [Column(name, LargeBinary) for name in names]


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text) for name in names]


ACCURACIES = ("train_accuracy", "validation_accuracy", "test_accuracy")
LOSSES = ("train_loss", "validation_loss", "test_loss")

study_runs = Table(
    "study_runs",
    metadata,
    _study_id(),
    Column("study", String(512), nullable=False, unique=True),
    Column("specification", JSON, nullable=False),
    Column("specification_sha256", String(64), nullable=False),
    Column("data_sha256", String(64)),
    Column("status", String(16), nullable=False),
    Column("owner", Text),
    Column("lease_epoch", BigInteger, nullable=False),
    Column("lease_expires_at", UtcDateTime),
    Column("seed", BigInteger, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("error", Text),
    Column("detached", Boolean, nullable=False, server_default=false()),
    Column("queued_at", UtcDateTime),
    Column("claim_after", UtcDateTime),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("trials_at_crash", Integer, nullable=False, server_default="0"),
    Column("cluster", Text),
    Column("slots_wanted", Integer),
    CheckConstraint(
        "status IN ('queued', 'running', 'stopping', 'stopped', 'finished', 'failed')",
        name="status",
    ),
    Index("ix_study_runs_status", "status", "created_at"),
)

splits = Table(
    "splits",
    metadata,
    _study_id(),
    _key("replicate"),
    Column("train_examples", Integer, nullable=False),
    Column("validation_index", LargeBinary, nullable=False),
    Column("test_index", LargeBinary, nullable=False),
    *_doubles("majority_validation_accuracy", "majority_test_accuracy"),
    Column("purpose", String(16), nullable=False, server_default="search"),
    *_binaries("train_classes", "validation_classes", "test_classes"),
    *_integers("groups"),
    *_binaries("validation_groups", "test_groups", "test_copies"),
)

results = Table(
    "results",
    metadata,
    _trial_id(),
    Column("study", String(512), nullable=False),
    Column("trial", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    *_texts("topology"),
    *_integers("depth", "width"),
    *_texts("activation", "initialization"),
    *_doubles("dropout"),
    *_integers("ensemble_size"),
    *_doubles("learning_rate", "weight_decay"),
    *_integers("batch_size"),
    *_texts("optimizer"),
    *_doubles("train_fraction"),
    *_integers("early_stopping_patience"),
    *_doubles(*ACCURACIES, "generalization_gap", "validation_gap"),
    *_doubles("balanced_test_accuracy", "train_accuracy_clean", *LOSSES, "loss_gap"),
    *_doubles("generalization_gap_std", "test_accuracy_std"),
    Column("parameters", BigInteger),
    *_integers("epochs", "diverged"),
    *_doubles("seconds"),
    *_texts("worker", "device", "fingerprint", "cohort"),
    *_integers("duplicate_of"),
    *_texts("error"),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Index("ix_results_study", "study", "trial"),
)

replicates = Table(
    "replicates",
    metadata,
    _key("trial_id"),
    _key("replicate"),
    *_doubles("train_accuracy", "train_accuracy_clean", "validation_accuracy", "test_accuracy"),
    *_doubles("balanced_test_accuracy", *LOSSES, "generalization_gap"),
    *_integers("train_examples", "validation_examples", "test_examples"),
    *_binaries("validation_correct", "test_correct"),
)

members = Table(
    "members",
    metadata,
    _key("trial_id"),
    _key("replicate"),
    _key("member"),
    *_doubles(*ACCURACIES, *LOSSES),
    *_doubles(*(f"first_{name}" for name in ACCURACIES)),
    *_doubles(*(f"subset_{name}" for name in ACCURACIES)),
    *_integers("epochs"),
    Column("diverged", Boolean),
    sqlite_with_rowid=False,
)

learning_curves = Table(
    "learning_curves",
    metadata,
    _key("trial_id"),
    _key("replicate"),
    _key("epoch"),
    *_doubles(*ACCURACIES, *LOSSES),
    sqlite_with_rowid=False,
)

layer_statistics = Table(
    "layer_statistics",
    metadata,
    _key("trial_id"),
    _key("replicate"),
    _key("layer"),
    _key("epoch"),
    *_doubles("gradient_norm", "activation_mean", "activation_std", "saturated"),
    sqlite_with_rowid=False,
)

MEASUREMENT_TABLES = (replicates, members, learning_curves, layer_statistics)
"""What hangs on a result, by trial_id."""

TRIAL_TABLES = (results, *MEASUREMENT_TABLES)
"""Keyed by trial_id; results is the one with a row for every finished trial."""

STUDY_TABLES = (study_runs, splits)
"""Keyed by study_id."""
