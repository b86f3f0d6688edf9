"""The first tables: runs with their leases and splits, and what was measured of every trial."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STATUSES = "status IN ('queued', 'running', 'stopping', 'stopped', 'finished', 'failed')"
ACCURACIES = ("train_accuracy", "validation_accuracy", "test_accuracy")
LOSSES = ("train_loss", "validation_loss", "test_loss")


MEASUREMENTS = ("replicates", "members", "learning_curves", "layer_statistics")


def upgrade() -> None:
    """Make all tables, and on PostgreSQL the trigger (SQLite's are in storage.tables.triggers)."""
    op.create_table(
        "study_runs",
        _required("study_id", sa.Integer()),
        _required("study", sa.String(512)),
        _required("specification", sa.JSON()),
        _required("specification_sha256", sa.String(64)),
        _required("data_sha256", sa.String(64)),
        _required("status", sa.String(16)),
        sa.Column("owner", sa.Text()),
        _required("lease_epoch", sa.BigInteger()),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True)),
        _required("seed", sa.BigInteger()),
        _required("versions", sa.JSON()),
        _required("created_at", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        *_keys("study_runs", "study_id"),
        sa.UniqueConstraint("study", name="uq_study_runs_study"),
        sa.CheckConstraint(STATUSES, name="ck_study_runs_status"),
    )
    op.create_index("ix_study_runs_status", "study_runs", ["status", "created_at"])
    op.create_table(
        "splits",
        _required("study_id", sa.Integer()),
        _required("replicate", sa.Integer()),
        _required("train_examples", sa.Integer()),
        _required("validation_index", sa.LargeBinary()),
        _required("test_index", sa.LargeBinary()),
        *_doubles("majority_validation_accuracy", "majority_test_accuracy"),
        *_keys("splits", "study_id", "replicate"),
    )
    _results()
    op.create_table(
        "replicates",
        _required("trial_id", sa.Integer()),
        _required("replicate", sa.Integer()),
        *_doubles("train_accuracy", "train_accuracy_clean", "validation_accuracy"),
        *_doubles("test_accuracy", "balanced_test_accuracy", *LOSSES, "generalization_gap"),
        *_integers("train_examples", "validation_examples", "test_examples"),
        sa.Column("validation_correct", sa.LargeBinary()),
        sa.Column("test_correct", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("trial_id", "replicate", name="pk_replicates"),
    )
    op.create_table(
        "members",
        *(_required(name, sa.Integer()) for name in ("trial_id", "replicate", "member")),
        *_doubles(*ACCURACIES, *LOSSES),
        *_doubles(*(f"first_{name}" for name in ACCURACIES)),
        *_doubles(*(f"subset_{name}" for name in ACCURACIES)),
        *_integers("epochs"),
        sa.Column("diverged", sa.Boolean()),
        sa.PrimaryKeyConstraint("trial_id", "replicate", "member", name="pk_members"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "learning_curves",
        *(_required(name, sa.Integer()) for name in ("trial_id", "replicate", "epoch")),
        *_doubles(*ACCURACIES, *LOSSES),
        sa.PrimaryKeyConstraint("trial_id", "replicate", "epoch", name="pk_learning_curves"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "layer_statistics",
        *(_required(name, sa.Integer()) for name in ("trial_id", "replicate", "layer", "epoch")),
        *_doubles("gradient_norm", "activation_mean", "activation_std", "saturated"),
        sa.PrimaryKeyConstraint(
            "trial_id", "replicate", "layer", "epoch", name="pk_layer_statistics"
        ),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        deletes = " ".join(f"DELETE FROM {t} WHERE trial_id = OLD.trial_id;" for t in MEASUREMENTS)
        op.execute(
            "CREATE FUNCTION study_follow_results() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {deletes} RETURN NULL; END $$"
        )
        op.execute(
            "CREATE TRIGGER study_follow_results AFTER DELETE ON results "
            "FOR EACH ROW EXECUTE FUNCTION study_follow_results()"
        )


def _results() -> None:
    op.create_table(
        "results",
        _required("trial_id", sa.Integer()),
        _required("study", sa.String(512)),
        _required("trial", sa.Integer()),
        _required("state", sa.String(8)),
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
        sa.Column("parameters", sa.BigInteger()),
        *_integers("epochs", "diverged"),
        *_doubles("seconds"),
        *_texts("worker", "device", "fingerprint", "cohort"),
        *_integers("duplicate_of"),
        *_texts("error"),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        *_keys("results", "trial_id"),
    )
    op.create_index("ix_results_study", "results", ["study", "trial"])


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _doubles(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double()) for name in names]


def _integers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer()) for name in names]


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text()) for name in names]


def _keys(table: str, owner: str, *others: str) -> tuple[sa.Constraint, sa.Constraint]:
    parent = {"trial_id": "trials.trial_id", "study_id": "studies.study_id"}[owner]
    return (
        sa.PrimaryKeyConstraint(owner, *others, name=f"pk_{table}"),
        sa.ForeignKeyConstraint([owner], [parent], name=f"fk_{table}_{owner}", ondelete="CASCADE"),
    )
