"""What several replicas share: the deployment, who follows the feed, revoked tokens, sealed signing keys."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """From one replica with its keys in a file."""
    _create_deployment()
    _create_replicas()
    _create_revoked_tokens()
    _create_signing_keys()


def _create_deployment() -> None:
    deployment = op.create_table(
        "deployment",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("epoch", _TEXT, nullable=False),
        sa.Column("max_staleness_s", sa.Double, nullable=False),
        sa.Column("key_fingerprint", _TEXT, nullable=False),
        sa.Column("issuer", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployment"),
        sa.CheckConstraint("id = 1", name=op.f("ck_deployment_one_row")),
        sa.CheckConstraint("max_staleness_s > 0", name=op.f("ck_deployment_max_staleness")),
    )
    row = {"id": 1, "epoch": secrets.token_hex(8), "max_staleness_s": 10.0, "key_fingerprint": "", "issuer": ""}
    op.bulk_insert(deployment, [row])


def _create_replicas() -> None:
    op.create_table(
        "replicas",
        sa.Column("replica_id", _TEXT, nullable=False),
        sa.Column("incarnation", _TEXT, nullable=False),
        sa.Column("acknowledged_seq", sa.BigInteger, nullable=False),
        sa.Column("heartbeat", sa.BigInteger, nullable=False),
        sa.Column("heartbeat_time", sa.Double, nullable=False),
        sa.Column("registered_time", sa.Double, nullable=False),
        sa.Column("max_staleness_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("replica_id", "incarnation", name="pk_replicas"),
    )


def _create_revoked_tokens() -> None:
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", _TEXT, nullable=False),
        sa.Column("client_id", _TEXT, nullable=False),
        sa.Column("expire_time", sa.Double, nullable=False),
        sa.Column("changed_seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("jti", name="pk_revoked_tokens"),
    )
    op.create_index("ix_revoked_tokens_changed_seq", "revoked_tokens", ["changed_seq"], unique=True)
    op.create_index("ix_revoked_tokens_expire_time", "revoked_tokens", ["expire_time"])


def _create_signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", _TEXT, nullable=False),
        sa.Column("sealed_private", sa.LargeBinary, nullable=False),
        sa.Column("public", sa.LargeBinary, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("publish_time", sa.Double, nullable=False),
        sa.Column("sign_time", sa.Double),
        sa.Column("retire_time", sa.Double),
        sa.Column("changed_seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_keys"),
        sa.CheckConstraint(
            "state IN ('published', 'signing', 'retired', 'removed')", name=op.f("ck_signing_keys_state")
        ),
    )
    op.create_index("ix_signing_keys_changed_seq", "signing_keys", ["changed_seq"], unique=True)
