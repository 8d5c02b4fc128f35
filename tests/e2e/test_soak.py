"""An application calls on while secrets and keys rotate and the server restarts, and its callers see no error."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.support.scale import scaled
from tests.support.server import ServerProcess, running_server
from tests.support.soak import SPAWNED, Progress, Seen, Task, begin, run
from typeplate import Client
from typeplate.testing._host import held_port
from typeplate.v1 import client_pb2, vehicle_pb2

CALLS = scaled(2_000, 1_000_000)
ROTATIONS = scaled(4, 40)
TOKEN_LIFE_S = 60
NAME = "vehicles/own-1"

pytestmark = pytest.mark.timeout(scaled(120, 1800))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """At a port that stays its own while it is away."""
    with held_port() as held:
        listen = f"127.0.0.1:{held.getsockname()[1]}"
        with running_server(tmp_path / "data", LISTEN=listen, MAX_TOKEN_LIFETIME=str(TOKEN_LIFE_S)) as running:
            yield running


class Operations:
    """What administrators do meanwhile, as the runbook has it: a new secret is in use before the old one goes."""

    def __init__(self, server: ServerProcess, secret_file: Path) -> None:
        self._server = server
        self._file = secret_file
        self._admin = Client(server.address, client_id=server.client_id, client_secret=server.client_secret)
        vehicle = vehicle_pb2.Vehicle(make="Make", model="Model", model_year=2024)
        self._admin.data.create_vehicle(vehicle=vehicle, vehicle_id=NAME.removeprefix("vehicles/"))
        made = self._admin.auth.create_client(client=client_pb2.Client(scopes=["vehicles:read"]), client_id="soak")
        secret_file.write_text(made.secrets[0].value)
        self._secrets = [made.secrets[0].secret_id]
        self.done: list[str] = []

    def rotate_secret(self) -> None:
        """The one before the last goes, a new one comes."""
        while len(self._secrets) > 1:
            name = f"clients/soak/secrets/{self._secrets.pop(0)}"
            self._admin.auth.delete_client_secret(name=name, force=True)
        made = self._admin.auth.create_client_secret(parent="clients/soak")
        self._secrets.append(made.secret_id)
        beside = self._file.with_suffix(".new")
        beside.write_text(made.value)
        beside.replace(self._file)

    def rotate_key(self) -> None:
        """Tokens of the key before stay good."""
        self._admin.auth.rotate_signing_key()

    def drop_key(self) -> None:
        """Every token dies at once."""
        for key in self._admin.auth.get_jwks().keys:
            self._admin.auth.rotate_signing_key(compromised_kid=key.kid)

    def restart(self) -> None:
        """A clean stop, and a start."""
        self._server.restart()

    def crash(self) -> None:
        """A crash, and a start."""
        self._server.kill()
        self._server.start()

    def begin(self) -> list[Callable[[], None]]:
        """All of it in order: rotations, and amid them the two restarts."""
        rotations = itertools.cycle([self.rotate_secret, self.rotate_key, self.rotate_secret, self.drop_key])
        steps = list(itertools.islice(rotations, ROTATIONS))
        return [*steps[: ROTATIONS // 3], self.restart, *steps[ROTATIONS // 3 : -1], self.crash, steps[-1]]

    def close(self) -> None:
        self._admin.close()


def test_no_caller_sees_an_error_while_everything_rotates_and_restarts(server: ServerProcess, tmp_path: Path) -> None:
    """Threads in one process, tasks in another, each with one client; a million calls in the long run."""
    operations = Operations(server, tmp_path / "secret")
    shares = {False: CALLS * 3 // 10, True: CALLS * 7 // 10}
    progress, started = Progress(), time.monotonic()
    tasks = [Task(aio, n, server.address, "soak", tmp_path / "secret", NAME) for aio, n in shares.items()]
    with ProcessPoolExecutor(2, SPAWNED, initializer=begin, initargs=(progress,)) as pool:
        running = [pool.submit(run, task) for task in tasks]
        steps = operations.begin()
        for number, step in enumerate(steps, 1):
            while progress.count < CALLS * number // (len(steps) + 2) and not any(each.done() for each in running):
                time.sleep(0.01)
            step()
            operations.done.append(step.__name__)
        seen = sum((each.result() for each in running), Seen())
    operations.close()
    restarts = operations.done.count("restart") + operations.done.count("crash")
    print(
        f"{seen.calls} calls in {time.monotonic() - started:.0f} s, {seen.requests} token requests, "
        f"{seen.refused} refusals seen inside, {restarts} restarts, {ROTATIONS} rotations, "
        f"{seen.errors.total()} errors seen outside"
    )
    assert seen.errors == {}
    assert seen.leaks == 0
    assert (seen.calls, restarts) == (sum(shares.values()), 2)
    assert seen.refused > 0
    assert seen.refreshes >= 2 * operations.done.count("drop_key")
