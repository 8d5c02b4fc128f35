"""The composition root: builds, starts, drains and stops the server, and sets up what it needs. Owns the wall clock."""
