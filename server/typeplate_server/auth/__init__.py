"""Owns clients, their secrets, tokens, and the decision who may call what. Knows no gRPC, no SQL, no wall clock."""
