"""Owns the tables, as SQLAlchemy Core sees them; `migrations/` makes them, and a test holds the two equal.

* Times are seconds since the epoch (UTC) as doubles: no time zone can come between. Text is compared by code point.
* `deployment` has one row, made by the migration, and `latest_time` one, made by the first start. `replicas` holds who
  follows the feed, `revoked_tokens` and `signing_keys` what follows `auth_clock` besides clients; `audit` tells of all
  their changes.
* `client_calls`, `client_peers` and `secret_uses` sum up who called what, about a minute late.
* A clock table has one row. Who writes locks it first, then reads, so that commit order is sequence order.
* `vehicles` keeps each vehicle's message; `vehicle_filters` repeats what lists filter and sort by, in rows narrow
  enough to be scanned whole (50,000 in some milliseconds), in the order of ids.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

SCHEMA_VERSION = "0004"
"""The newest migration; a test holds it equal to the head of `migrations/versions`."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


def text() -> Text:
    """Text that is compared and sorted by code point on every back end, as Python does."""
    return Text().with_variant(Text(collation="C"), "postgresql")


def _clock(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("seq", BigInteger, nullable=False),
        CheckConstraint("id = 1", name="one_row"),
    )


auth_clock = _clock("auth_clock")
vehicle_clock = _clock("vehicle_clock")

clients = Table(
    "clients",
    metadata,
    Column("client_id", text(), primary_key=True),
    Column("display_name", text(), nullable=False),
    Column("state", text(), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("generation_nonce", text(), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("max_token_lifetime_s", Integer),
    Column("labels", JSON, nullable=False),
    Column("create_time", Double, nullable=False),
    Column("update_time", Double, nullable=False),
    Column("revoke_time", Double),
    Column("revoke_reason", text(), nullable=False),
    Column("changed_seq", BigInteger, nullable=False),
    CheckConstraint("state IN ('active', 'suspended', 'revoked')", name="state"),
    Index("ix_clients_changed_seq", "changed_seq", unique=True),
)

client_secrets = Table(
    "client_secrets",
    metadata,
    Column("secret_id", text(), primary_key=True),
    Column("client_id", text(), ForeignKey("clients.client_id"), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("create_time", Double, nullable=False),
    Column("expire_time", Double),
    Index("ix_client_secrets_client_id", "client_id"),
)

vehicles = Table(
    "vehicles",
    metadata,
    Column("vehicle_id", text(), primary_key=True),
    Column("source", text(), nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("message_digest", LargeBinary, nullable=False),
    Column("etag", text(), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("write_seq", BigInteger, nullable=False),
    Column("create_time", Double, nullable=False),
    Column("update_time", Double, nullable=False),
    Column("delete_time", Double),
    Column("message", LargeBinary, nullable=False),
    Index("ix_vehicles_write_seq", "write_seq", unique=True),
    Index("ix_vehicles_source", "source", "vehicle_id"),
)

vehicle_filters = Table(
    "vehicle_filters",
    metadata,
    Column("vehicle_id", text(), ForeignKey("vehicles.vehicle_id"), primary_key=True),
    Column("source", text(), nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("make_key", text(), nullable=False),
    Column("model_key", text(), nullable=False),
    Column("trim_key", text()),
    Column("model_year", Integer, nullable=False),
    Column("powertrain", Integer),
    Column("drive", Integer),
    Column("fuels", BigInteger, nullable=False),
    Column("body_style", Integer),
    Column("transmission_type", Integer),
    Column("displacement_l", Double),
    Column("cylinders", Integer),
    Column("power_kw", Double),
    Column("torque_nm", Double),
    Column("fuel_consumption_l_per_100km", Double),
    Column("energy_consumption_kwh_per_100km", Double),
    Column("co2_g_per_km", Double),
    Column("range_km", Double),
    Column("electric_range_km", Double),
    Column("battery_capacity_kwh", Double),
    Column("curb_mass_kg", Double),
    Column("search", text(), nullable=False),
    Index("ix_vehicle_filters_make_model", "make_key", "model_key", "vehicle_id"),
    sqlite_with_rowid=False,
)

deployment = Table(
    "deployment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", text(), nullable=False),
    Column("max_staleness_s", Double, nullable=False),
    Column("key_fingerprint", text(), nullable=False),
    Column("issuer", text(), nullable=False),
    CheckConstraint("id = 1", name="one_row"),
    CheckConstraint("max_staleness_s > 0", name="max_staleness"),
)

latest_time = Table(
    "latest_time",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("time", Double, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

replicas = Table(
    "replicas",
    metadata,
    Column("replica_id", text(), primary_key=True),
    Column("incarnation", text(), primary_key=True),
    Column("acknowledged_seq", BigInteger, nullable=False),
    Column("heartbeat", BigInteger, nullable=False),
    Column("heartbeat_time", Double, nullable=False),
    Column("registered_time", Double, nullable=False),
    Column("max_staleness_s", Double, nullable=False),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", text(), primary_key=True),
    Column("client_id", text(), nullable=False),
    Column("expire_time", Double, nullable=False),
    Column("changed_seq", BigInteger, nullable=False),
    Index("ix_revoked_tokens_changed_seq", "changed_seq", unique=True),
    Index("ix_revoked_tokens_expire_time", "expire_time"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", text(), primary_key=True),
    Column("sealed_private", LargeBinary, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("state", text(), nullable=False),
    Column("publish_time", Double, nullable=False),
    Column("sign_time", Double),
    Column("retire_time", Double),
    Column("changed_seq", BigInteger, nullable=False),
    CheckConstraint("state IN ('published', 'signing', 'retired', 'removed')", name="state"),
    Index("ix_signing_keys_changed_seq", "changed_seq", unique=True),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("time", Double, nullable=False),
    Column("event", text(), nullable=False),
    Column("client_id", text(), nullable=False),
    Column("actor", text(), nullable=False),
    Column("peer", text(), nullable=False),
    Column("detail", text(), nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Index("ix_audit_client_id", "client_id", "seq"),
)


def _usage(name: str, by: str) -> Table:
    return Table(
        name,
        metadata,
        Column("client_id", text(), primary_key=True),
        Column(by, text(), primary_key=True),
        Column("calls", BigInteger, nullable=False),
        Column("last_time", Double, nullable=False),
    )


client_calls = _usage("client_calls", "method")
client_peers = _usage("client_peers", "peer")

secret_uses = Table(
    "secret_uses",
    metadata,
    Column("secret_id", text(), primary_key=True),
    Column("client_id", text(), nullable=False),
    Column("last_use_time", Double, nullable=False),
    Column("peer", text(), nullable=False),
)
