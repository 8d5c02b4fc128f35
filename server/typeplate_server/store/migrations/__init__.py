"""The Alembic environment, packaged: `store.migration` runs it, without any alembic.ini."""
