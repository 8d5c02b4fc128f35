"""The import rule of the server and the SDK holds, and the test that says so can fail."""

import subprocess
import sys

import pytest

from tests.support.architecture import (
    HOME,
    ROOT,
    SDK,
    SERVER,
    Source,
    import_violations,
    length_violations,
    sources,
)

MODULE_LINES = 300
FUNCTION_LINES = 40


def test_every_import_points_down_and_every_library_stays_at_home() -> None:
    """The whole tree, server and SDK, keeps the rule."""
    files = list(sources(SERVER, SDK))
    assert len(files) > 20, "the sources were not found"
    assert import_violations(files) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("errors.py", "from typeplate_server.auth import tokens", id="errors sees auth"),
        pytest.param("auth/service.py", "from typeplate_server.store import clients", id="auth sees store"),
        pytest.param("auth/service.py", "from ..vehicles import model", id="auth sees its sibling, relatively"),
        pytest.param("vehicles/catalog.py", "import typeplate_server.auth.clients", id="vehicles sees its sibling"),
        pytest.param("store/clients.py", "from typeplate_server import rpc", id="store sees its sibling"),
        pytest.param("rpc/server.py", "from typeplate_server.store.clients import SqlClientStore", id="rpc sees store"),
        pytest.param("rpc/server.py", "def f():\n    from typeplate_server import app", id="an import in a function"),
        pytest.param("app.py", "from .cli import main", id="app sees cli"),
        pytest.param("cli.py", "from typeplate_server.store import database", id="cli passes app by"),
        pytest.param("auth/service.py", "from typeplate_server.config import Settings", id="auth sees config"),
        pytest.param("gadgets.py", "from typeplate_server import errors", id="a module without a place"),
        pytest.param("auth/service.py", "import grpc", id="grpc outside rpc"),
        pytest.param("app.py", "from grpc import aio", id="grpc in app"),
        pytest.param("app.py", "import grpc_health.v1.health", id="health outside rpc"),
        pytest.param("vehicles/store.py", "import sqlalchemy as sa", id="SQLAlchemy outside store"),
        pytest.param("app.py", "from alembic import command", id="alembic outside store"),
        pytest.param("auth/service.py", "import jwt", id="PyJWT outside tokens.py"),
        pytest.param("rpc/server.py", "from cryptography import x509", id="cryptography outside auth"),
        pytest.param("auth/service.py", "import time\ntime.time()", id="the wall clock"),
        pytest.param("auth/service.py", "from time import time as now\nnow()", id="the wall clock under another name"),
        pytest.param("auth/service.py", "import time\nf(clock=time.time)", id="the wall clock as a default"),
        pytest.param("store/clients.py", "import time\ntime.gmtime()", id="the wall clock, broken down"),
        pytest.param("store/clients.py", "from datetime import datetime\ndatetime.now()", id="datetime.now"),
        pytest.param("store/clients.py", "import datetime as d\nd.datetime.now(d.UTC)", id="datetime.now in UTC"),
        pytest.param("app.py", "import os\nos.environ['HOME']", id="the environment"),
        pytest.param("cli.py", "from os import environ\nenviron.get('HOME')", id="the environment by its name"),
        pytest.param("rpc/server.py", "import os\nos.getenv('HOME')", id="getenv"),
        pytest.param("app.py", "from typeplate import Client", id="the server uses the SDK"),
        pytest.param("app.py", "import typeplate.errors", id="the server uses the SDK's errors"),
    ],
)
def test_a_violation_in_the_server_is_found(path: str, text: str) -> None:
    """Each clause of the rule fails on a file made to break it."""
    assert len(import_violations([Source(SERVER + path, text)])) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("import typeplate_server", id="the server"),
        pytest.param("def f():\n    from typeplate_server.auth import tokens", id="the server, lazily"),
        pytest.param("import rich", id="a fourth dependency"),
        pytest.param("import jwt", id="the server's dependency"),
    ],
)
def test_a_violation_in_the_sdk_is_found(text: str) -> None:
    """The SDK knows neither the server nor libraries beyond its three."""
    assert len(import_violations([Source(SDK + "client.py", text)])) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("testing/_host.py", "from typeplate_server.app import serving", id="the server at import"),
        pytest.param("testing/_host.py", "if True:\n    import typeplate_server", id="the server in a block"),
        pytest.param("testing/_host.py", "class A:\n    import typeplate_server", id="the server in a class"),
        pytest.param("testing/_host.py", "def f():\n    import sqlalchemy", id="a library of the server's"),
        pytest.param("testing/_host.py", "def f():\n    import pytest", id="pytest outside of its plugin"),
        pytest.param("client.py", "def f():\n    from typeplate.testing import Server", id="testing from without"),
        pytest.param("client.py", "def f():\n    from .testing import _host", id="testing from without, relatively"),
        pytest.param("client.py", "from typeplate import testing", id="testing from without, as a name"),
    ],
)
def test_a_violation_around_typeplate_testing_is_found(path: str, text: str) -> None:
    """It alone knows the server, and only when a function of it runs; nothing else of the SDK knows it."""
    assert len(import_violations([Source(SDK + path, text)])) == 1


def test_the_sdk_imports_nothing_that_an_extra_brings() -> None:
    """Every module of it, in a process where the server and its libraries cannot be imported; nor is any loaded."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(ROOT / "client_sdk"), *HOME, "typeplate_server"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40, "the modules were not found"


IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
absent = set(sys.argv[2:]) - {"grpc", "sqlite3"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import typeplate
names = [found.name for found in pkgutil.walk_packages(typeplate.__path__, "typeplate.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
from typeplate.testing import Server
try:
    Server()
except ImportError as error:
    assert "pip install 'typeplate[testing]'" in str(error), error
else:
    raise AssertionError("a server without a server")
print(len(names))
"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (SDK + "testing/_host.py", "def f():\n    from typeplate_server.app import serving"),
        (SDK + "testing/_host.py", "from typeplate.testing import _faults"),
        (SDK + "testing/pytest_plugin.py", "import pytest"),
        (SERVER + "app.py", "import time, uvloop\nfrom typeplate_server import rpc, store, auth, config\ntime.time()"),
        (SERVER + "rpc/server.py", "import grpc.aio, time\nfrom typeplate.v1 import client_pb2\ntime.monotonic()"),
        (SERVER + "store/clients.py", "import sqlalchemy\nfrom typeplate_server.auth.clients import ClientState"),
        (SERVER + "auth/tokens.py", "import jwt\nfrom . import keyring\nfrom .. import errors"),
        (SERVER + "config.py", "import os\nos.environ.get('TYPEPLATE_LISTEN')"),
        (SERVER + "store/clients.py", "import time\ntime.gmtime(0)"),
        (SDK + "client.py", "import os, grpc\nfrom google.rpc import error_details_pb2\nfrom ._token import Token"),
    ],
)  # fmt: skip
def test_what_the_rule_allows_is_not_found(path: str, text: str) -> None:
    """The rule does not forbid what the design allows."""
    assert import_violations([Source(path, text)]) == []


def test_modules_and_functions_stay_short() -> None:
    """No module beyond 300 lines and no function beyond 40, but for generated code."""
    files = [s for s in sources("server", "client_sdk") if not s.generated]
    assert length_violations(files, MODULE_LINES, FUNCTION_LINES) == []


def test_a_long_module_and_a_long_function_are_found() -> None:
    """One line too many is found, one less is not."""
    body = "    x = 1\n"
    long = Source("server/a.py", "def f():\n" + body * FUNCTION_LINES)
    assert len(length_violations([long], MODULE_LINES, FUNCTION_LINES)) == 1
    assert len(length_violations([Source("server/b.py", "x = 1\n" * (MODULE_LINES + 1))], MODULE_LINES, 40)) == 1
    fits = Source("server/a.py", "def f():\n" + body * (FUNCTION_LINES - 1))
    assert length_violations([fits], MODULE_LINES, FUNCTION_LINES) == []
