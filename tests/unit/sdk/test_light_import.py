"""The SDK's import stays light: what an application does not use, it does not load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SDK = Path(__file__).resolve().parents[3] / "client_sdk"
HEAVY = ("typeplate.v1", "google.protobuf", "google.rpc", "typeplate.aio", "ssl", "importlib.metadata", "argparse")

CODE = """
import sys, grpc
before = set(sys.modules)
from typeplate import Client
client = Client("vehicles.internal:443", client_id="app", client_secret="tps_x")
loaded = set(sys.modules) - before
print([name for name in sys.argv[1:] if any(m == name or m.startswith(name + ".") for m in loaded)])
"""


def test_import_and_construction_load_nothing_heavy() -> None:
    """No messages, no protobuf, no asyncio client beyond what grpc itself imports."""
    environ = {**os.environ, "PYTHONPATH": str(SDK)}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *HEAVY], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_public_names_are_these() -> None:
    import typeplate

    assert sorted(typeplate.__all__) == ["AsyncClient", "Client", "TypeplateError", "__version__"]
    assert all(getattr(typeplate, name) for name in typeplate.__all__)


def test_the_names_that_annotations_need_have_a_home() -> None:
    import typeplate
    from typeplate import types

    assert sorted(types.__all__) == [
        "AsyncPager",
        "AsyncResponseStream",
        "Pager",
        "ResponseStream",
        "SecretCallable",
        "Timeout",
    ]
    assert all(getattr(types, name) for name in types.__all__)
    assert {"Client", "AsyncClient", "errors", "types", "v1"} <= set(dir(typeplate))


def test_errors_need_no_import_of_their_own() -> None:
    code = "import typeplate; print(typeplate.errors.NotFound.__name__)"
    environ = {**os.environ, "PYTHONPATH": str(SDK)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "NotFound\n"
