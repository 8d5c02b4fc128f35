"""The audit trail, what clients call and from where, and when their secrets were last used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """From clients whose changes and calls leave no trace."""
    _create_audit()
    _create_usage("client_calls", "method")
    _create_usage("client_peers", "peer")
    _create_secret_uses()


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("event", _TEXT, nullable=False),
        sa.Column("client_id", _TEXT, nullable=False),
        sa.Column("actor", _TEXT, nullable=False),
        sa.Column("peer", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("chain", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_index("ix_audit_client_id", "audit", ["client_id", "seq"])


def _create_usage(name: str, by: str) -> None:
    op.create_table(
        name,
        sa.Column("client_id", _TEXT, nullable=False),
        sa.Column(by, _TEXT, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("last_time", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("client_id", by, name=f"pk_{name}"),
    )


def _create_secret_uses() -> None:
    op.create_table(
        "secret_uses",
        sa.Column("secret_id", _TEXT, nullable=False),
        sa.Column("client_id", _TEXT, nullable=False),
        sa.Column("last_use_time", sa.Double, nullable=False),
        sa.Column("peer", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("secret_id", name="pk_secret_uses"),
    )
