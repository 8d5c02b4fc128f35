"""The latest time that a replica has told, below which no clock goes after a restart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """From clocks that a restart may turn back."""
    op.create_table(
        "latest_time",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_latest_time"),
        sa.CheckConstraint("id = 1", name=op.f("ck_latest_time_one_row")),
    )
