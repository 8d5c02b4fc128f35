"""One module for each schema version, named by its number. A published one is never changed."""
