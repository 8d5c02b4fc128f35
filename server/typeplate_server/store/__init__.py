"""Owns SQL: the database and its lock, schema and migrations, and the stores that `auth` and `vehicles` declare."""
