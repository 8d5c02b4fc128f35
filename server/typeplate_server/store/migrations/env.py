"""Alembic's entry: runs the migrations on the connection and in the transaction that `store.migration` gives."""

from __future__ import annotations

from alembic import context

from typeplate_server.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
