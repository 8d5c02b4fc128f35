"""A real Typeplate server in the test process, for the tests of applications, with switches for what can go wrong.

It needs the server package, which `pip install 'typeplate[testing]'` brings; nothing else of the SDK does. In the
`conftest.py` at the root of the tests:

    pytest_plugins = ["typeplate.testing.pytest_plugin"]

and each test that asks for `typeplate_server` gets an empty server of its own, on a free port, in a tenth of a second:

    def test_prices_survive_an_outage(typeplate_server):
        vehicle = typeplate_server.add_vehicle(make="Make", model="Model", model_year=2024)
        client = typeplate_server.client(scopes=["vehicles:read"])
        typeplate_server.go_away(1.0)
        assert client.data.get_vehicle(name=vehicle.name).make == "Make"

Without pytest, or for one server that many tests share:

    with Server() as server:
        ...

The server is the one that runs in production, on SQLite in a directory of its own; what is granted, refused, revoked
or rotated there is so here. It runs in a thread with an event loop of its own, so that synchronous tests and those of
pytest-asyncio, anyio and the like can use it, and several processes of pytest-xdist have one each.
"""

from __future__ import annotations

from typeplate.testing._credentials import Credentials
from typeplate.testing._server import Server

__all__ = ["Credentials", "Server"]
