"""Secrets and signing keys rotate under load, and no caller notices; a revocation amid a rotation leaves nothing over.

On one server with SQLite and on two replicas with PostgreSQL, through both clients of the SDK.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from sqlalchemy import create_engine, text

from tests.support.application import VEHICLE, Application
from tests.support.fleet import addresses, running_fleet
from tests.support.postgres import shared_postgres
from tests.support.raw_calls import call
from tests.support.scale import LONG, scaled
from tests.support.server import Credentials, running_server
from typeplate import Client
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import client_pb2, data_service_pb2, vehicle_pb2
from typeplate_server.auth.tokens import MAX_TOKEN_LIFETIME_S

ROTATIONS = scaled(2, 20)
PER_SECOND = scaled(60, 200)
BETWEEN_S = scaled(5, 60) / 10
TOKEN_LIFE_S = 60
GET_VEHICLE = "/typeplate.v1.DataService/GetVehicle"
ISSUE_TOKEN = "/typeplate.v1.AuthService/IssueToken"
AGE = "UPDATE signing_keys SET retire_time = retire_time - :past WHERE state = 'retired' AND retire_time > :young"

pytestmark = pytest.mark.timeout(scaled(60, 900))


@dataclass(frozen=True)
class Deployment:
    """What serves, and what its servers have logged."""

    addresses: list[str]
    admin: Credentials
    database: str
    logs: Callable[[], str]

    def client(self, number: int = 0) -> Client:
        """The administrator's, on one of the replicas."""
        address = self.addresses[number % len(self.addresses)]
        return Client(address, client_id=self.admin.client_id, client_secret=self.admin.client_secret)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    directory, life = tmp_path_factory.mktemp("rotation"), str(TOKEN_LIFE_S)
    if request.param == "sqlite":
        with running_server(directory / "data", MAX_TOKEN_LIFETIME=life) as server:
            admin = Credentials(server.client_id, server.client_secret)
            url = f"sqlite:///{directory / 'data' / 'typeplate.db'}"
            yield _filled(Deployment([server.address], admin, url, lambda: server.log))
    else:
        postgres = shared_postgres()
        with running_fleet(directory, 2, wires=False, postgres=postgres, MAX_TOKEN_LIFETIME=life) as fleet:
            url = postgres.url(fleet.database)
            yield _filled(Deployment(addresses(fleet.replicas), fleet.admin, url, lambda: fleet.logs))


def _filled(deployment: Deployment) -> Deployment:
    with deployment.client() as admin:
        vehicle = vehicle_pb2.Vehicle(make="Opel", model="Astra", model_year=2020)
        admin.data.create_vehicle(vehicle=vehicle, vehicle_id=VEHICLE.removeprefix("vehicles/"))
    return deployment


def test_rotations_under_load_refuse_no_call(deployment: Deployment, tmp_path: Path) -> None:
    """An application takes up its new secret, the old one goes at once, and so the keys, one after the other."""
    file = tmp_path / "secret"
    with deployment.client(0) as first, deployment.client(1) as second:
        secret = _create(first, "app")
        _write(file, secret.value)
        kids = {first.auth.get_jwks().keys[0].kid}
        with Application(deployment.addresses, "app", file, PER_SECOND) as app:
            for _ in range(ROTATIONS):
                time.sleep(BETWEEN_S)
                rotated = second.auth.rotate_signing_key()
                assert (rotated.state, rotated.effective) == (
                    pb.SIGNING_KEY_STATE_SIGNING,
                    client_pb2.EFFECTIVE_EVERYWHERE,
                )
                kids.add(rotated.kid)
                _age_retired_keys(deployment.database)
                time.sleep(BETWEEN_S)
                secret = _rotate_secret(first, second, file, secret)
            time.sleep(BETWEEN_S)
        live = {key.kid for key in first.auth.get_jwks().keys}
    refused = _refused(deployment.logs())
    print(f"{app.calls} calls and {app.carried} carried elsewhere by {app.instances} instances, {ROTATIONS} rotations")
    print(f"failures seen: {len(app.failures)}; refusals the SDK saw to: {dict(refused)}; live keys: {len(live)}")
    assert app.failures == []
    assert refused.keys() <= {"CREDENTIALS_INVALID"}, "a token was refused that was good"
    assert len(kids) == ROTATIONS + 1
    assert live <= kids
    assert (len(live) < len(kids)) is LONG, "keys go when their last token has expired, and not before"
    assert app.calls > PER_SECOND * BETWEEN_S * ROTATIONS
    assert app.carried > 5
    assert app.instances > 10


def test_a_revocation_amid_a_rotation_kills_both_secrets(deployment: Deployment) -> None:
    """For token exchanges, and with them the tokens that either of them had got; on each replica."""
    with deployment.client() as admin:
        secrets = [_create(admin, "leaked"), admin.auth.create_client_secret(parent="clients/leaked")]
        tokens = [_token(each, secret.value) for each in deployment.addresses for secret in secrets]
        assert {_read(each, token) for each in deployment.addresses for token in tokens} == {"OK"}
        answer = admin.auth.revoke_client(name="clients/leaked")
        assert answer.effective == client_pb2.EFFECTIVE_EVERYWHERE
    for address in deployment.addresses:
        assert {_read(address, token) for token in tokens} == {"CLIENT_REVOKED"}
        assert {_token(address, secret.value) for secret in secrets} == {"CLIENT_REVOKED"}


def _create(admin: Client, client_id: str) -> client_pb2.ClientSecret:
    created = admin.auth.create_client(client=client_pb2.Client(scopes=["vehicles:read"]), client_id=client_id)
    return created.secrets[0]


def _rotate_secret(first: Client, second: Client, file: Path, old: client_pb2.ClientSecret) -> client_pb2.ClientSecret:
    """The new one works on every replica once it is there, so the old one can go as soon as the file has changed."""
    new = first.auth.create_client_secret(parent="clients/app")
    _write(file, new.value)
    second.auth.delete_client_secret(name=f"clients/app/secrets/{old.secret_id}", force=True)
    return new


def _write(file: Path, secret: str) -> None:
    """As an orchestrator does it: whole, or not at all."""
    aside = file.with_suffix(".new")
    aside.write_text(f"{secret}\n")
    os.replace(aside, file)


def _age_retired_keys(url: str) -> None:
    """Tokens here live for a minute, not the longest time there is: what is left of that has passed already."""
    past = MAX_TOKEN_LIFETIME_S - TOKEN_LIFE_S
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(AGE), {"past": past, "young": time.time() - past / 2})
    engine.dispose()


def _refused(logs: str) -> Counter[str]:
    """How often the servers refused a caller, by reason."""
    lines = [json.loads(line) for line in logs.splitlines() if line.startswith('{"time"') and '"code"' in line]
    print(f"token exchanges: {sum(line['method'] == ISSUE_TOKEN for line in lines)}")
    return Counter(line["reason"] for line in lines if line["code"] == "UNAUTHENTICATED")


def _token(address: str, secret: str) -> str:
    """A token, or the reason why not."""
    request = pb.IssueTokenRequest(client_id="leaked", client_secret=secret)
    with grpc.insecure_channel(address) as channel:
        answer = call(channel, ISSUE_TOKEN, request.SerializeToString())
        return answer.reason or pb.IssueTokenResponse.FromString(answer.messages[0]).access_token


def _read(address: str, token: str) -> str:
    """OK, or the reason why not."""
    with grpc.insecure_channel(address) as channel:
        request = data_service_pb2.GetVehicleRequest(name=VEHICLE)
        answer = call(channel, GET_VEHICLE, request.SerializeToString(), [f"Bearer {token}"])
        return answer.reason or answer.code.name
