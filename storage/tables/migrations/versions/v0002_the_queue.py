"""Studies that services run: the queue, what went wrong, and who shares a cluster with whom."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

STATUSES = "status IN ('queued', 'running', 'stopping', 'stopped', 'finished', 'failed')"


def upgrade() -> None:
    """Add the columns; the data of a study that nobody has begun are not known yet."""
    if op.get_bind().dialect.name == "sqlite":
        # SQLite changes a column by copying its table, and checks every trigger that names the
        # table while it is away. Opening the database puts the triggers back.
        op.execute("DROP TRIGGER IF EXISTS study_follow_studies")
    # Checks are not among what is read of the table that is copied.
    check = sa.CheckConstraint(STATUSES, name="ck_study_runs_status")
    with op.batch_alter_table("study_runs", table_args=(check,)) as table:
        table.alter_column("data_sha256", existing_type=sa.String(64), nullable=True)
        table.add_column(sa.Column("error", sa.Text()))
        table.add_column(
            sa.Column("detached", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("queued_at", sa.DateTime(timezone=True)))
        table.add_column(sa.Column("claim_after", sa.DateTime(timezone=True)))
        for name in ("crashes", "trials_at_crash"):
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("cluster", sa.Text()))
        table.add_column(sa.Column("slots_wanted", sa.Integer()))
