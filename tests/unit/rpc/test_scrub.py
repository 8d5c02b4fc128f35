"""What must not get into the log."""

from __future__ import annotations

import pytest

from typeplate_server.auth.secrets import new_secret
from typeplate_server.rpc.scrub import scrubbed, scrubbed_traceback

JWS = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
SECRET = new_secret().value
VIN = "1HGCM82633A004352"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----"
SENTINELS = [JWS, SECRET, VIN, PEM, f"Bearer {JWS}", "bearer opaque-token-value"]
NAMES = ["token", "secret", "VIN", "key", "Bearer", "bearer"]  # the secret differs in each process of a parallel run


@pytest.mark.parametrize("sentinel", SENTINELS, ids=NAMES)
def test_credentials_and_vins_are_taken_out_of_text(sentinel: str) -> None:
    assert scrubbed(f"before {sentinel} after") == "before [removed] after"


def test_other_text_stays() -> None:
    text = "GetVehicle failed for vehicles/epa-49772 in typeplate_server.store.vehicles, 12345678901234567890"
    assert scrubbed(text) == text


@pytest.mark.parametrize("sentinel", SENTINELS[:4], ids=NAMES[:4])
def test_a_traceback_keeps_where_and_loses_what(sentinel: str) -> None:
    try:
        try:
            raise KeyError(sentinel)
        except KeyError as cause:
            raise RuntimeError(f"while serving {sentinel}") from cause
    except RuntimeError as error:
        text = scrubbed_traceback(error)
    assert "test_scrub.py" in text
    assert "builtins.KeyError" in text
    assert "while serving [removed]" in text
    assert sentinel not in text
