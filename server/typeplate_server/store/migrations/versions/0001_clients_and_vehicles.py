"""Clients with their secrets, vehicles, and the two clocks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """From an empty database."""
    _create_clock("auth_clock")
    _create_clock("vehicle_clock")
    _create_clients()
    _create_client_secrets()
    _create_vehicles()
    _create_vehicle_filters()


def _create_clock(name: str) -> None:
    clock = op.create_table(
        name,
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.CheckConstraint("id = 1", name=op.f(f"ck_{name}_one_row")),
    )
    op.bulk_insert(clock, [{"id": 1, "seq": 0}])


def _create_clients() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", _TEXT, nullable=False),
        sa.Column("display_name", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("generation_nonce", _TEXT, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("max_token_lifetime_s", sa.Integer),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("create_time", sa.Double, nullable=False),
        sa.Column("update_time", sa.Double, nullable=False),
        sa.Column("revoke_time", sa.Double),
        sa.Column("revoke_reason", _TEXT, nullable=False),
        sa.Column("changed_seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("client_id", name="pk_clients"),
        sa.CheckConstraint("state IN ('active', 'suspended', 'revoked')", name=op.f("ck_clients_state")),
    )
    op.create_index("ix_clients_changed_seq", "clients", ["changed_seq"], unique=True)


def _create_client_secrets() -> None:
    op.create_table(
        "client_secrets",
        sa.Column("secret_id", _TEXT, nullable=False),
        sa.Column("client_id", _TEXT, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.Double, nullable=False),
        sa.Column("expire_time", sa.Double),
        sa.PrimaryKeyConstraint("secret_id", name="pk_client_secrets"),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], name="fk_client_secrets_client_id"),
    )
    op.create_index("ix_client_secrets_client_id", "client_secrets", ["client_id"])


def _create_vehicles() -> None:
    op.create_table(
        "vehicles",
        sa.Column("vehicle_id", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("content_hash", sa.LargeBinary, nullable=False),
        sa.Column("message_digest", sa.LargeBinary, nullable=False),
        sa.Column("etag", _TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("write_seq", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.Double, nullable=False),
        sa.Column("update_time", sa.Double, nullable=False),
        sa.Column("delete_time", sa.Double),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("vehicle_id", name="pk_vehicles"),
    )
    op.create_index("ix_vehicles_write_seq", "vehicles", ["write_seq"], unique=True)
    op.create_index("ix_vehicles_source", "vehicles", ["source", "vehicle_id"])


def _create_vehicle_filters() -> None:
    op.create_table(
        "vehicle_filters",
        sa.Column("vehicle_id", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("make_key", _TEXT, nullable=False),
        sa.Column("model_key", _TEXT, nullable=False),
        sa.Column("trim_key", _TEXT),
        sa.Column("model_year", sa.Integer, nullable=False),
        sa.Column("powertrain", sa.Integer),
        sa.Column("drive", sa.Integer),
        sa.Column("fuels", sa.BigInteger, nullable=False),
        sa.Column("body_style", sa.Integer),
        sa.Column("transmission_type", sa.Integer),
        sa.Column("displacement_l", sa.Double),
        sa.Column("cylinders", sa.Integer),
        sa.Column("power_kw", sa.Double),
        sa.Column("torque_nm", sa.Double),
        sa.Column("fuel_consumption_l_per_100km", sa.Double),
        sa.Column("energy_consumption_kwh_per_100km", sa.Double),
        sa.Column("co2_g_per_km", sa.Double),
        sa.Column("range_km", sa.Double),
        sa.Column("electric_range_km", sa.Double),
        sa.Column("battery_capacity_kwh", sa.Double),
        sa.Column("curb_mass_kg", sa.Double),
        sa.Column("search", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("vehicle_id", name="pk_vehicle_filters"),
        sa.ForeignKeyConstraint(["vehicle_id"], ["vehicles.vehicle_id"], name="fk_vehicle_filters_vehicle_id"),
        # In the order of the primary key, without a second tree: lists scan it whole.
        sqlite_with_rowid=False,
    )
    op.create_index("ix_vehicle_filters_make_model", "vehicle_filters", ["make_key", "model_key", "vehicle_id"])
