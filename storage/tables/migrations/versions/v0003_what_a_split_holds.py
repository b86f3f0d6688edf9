"""What a replicate is for, and what is in its sides: classes, groups, and copies of other rows."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; of the splits there are, nothing but their purpose is known."""
    with op.batch_alter_table("splits") as table:
        table.add_column(
            sa.Column("purpose", sa.String(16), nullable=False, server_default="search")
        )
        for name in ("train_classes", "validation_classes", "test_classes"):
            table.add_column(sa.Column(name, sa.LargeBinary()))
        table.add_column(sa.Column("groups", sa.Integer()))
        for name in ("validation_groups", "test_groups", "test_copies"):
            table.add_column(sa.Column(name, sa.LargeBinary()))
