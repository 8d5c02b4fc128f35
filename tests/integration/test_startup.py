"""What `serve` and `check-config` refuse to work on, and how several replicas begin at once; on both back ends."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic.command import upgrade
from alembic.config import Config
from sqlalchemy import create_engine, text

from tests.support.postgres import Postgres, programs, running_postgres, shared_postgres
from tests.support.server import ServerProcess, command, command_here, read_credentials, running_server
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import auth_service_pb2_grpc
from typeplate_server.app.setup import credentials
from typeplate_server.auth.keyfile import create_key_file, load_key_file
from typeplate_server.auth.secrets import SecretHasher, new_secret
from typeplate_server.store.migration import schema_state

STARTERS = 4
UNUSABLE = 3
WORKS_ON = ("serve", "check-config")


@dataclass(frozen=True)
class Place:
    """An initialised data directory and its database."""

    data_dir: Path
    url: str

    def run(self, name: str) -> tuple[int, str]:
        """Exit code of a command of this name, and what it said."""
        done = command_here(self.data_dir, name, DATABASE_URL=self.url)
        return done.returncode, done.stderr

    def execute(self, statement: str, **values: Any) -> int:
        """One statement on the database; the number of rows, or of the first row."""
        engine = create_engine(self.url)
        try:
            with engine.begin() as connection:
                done = connection.execute(text(statement), values)
                return int(done.scalar_one()) if done.returns_rows else done.rowcount
        finally:
            engine.dispose()


def in_empty_database(data_dir: Path) -> Place:
    server = shared_postgres()
    return Place(data_dir, server.url(server.create_database()))


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    data_dir = tmp_path / "data"
    sqlite = Place(data_dir, f"sqlite:///{data_dir / 'typeplate.db'}")
    place = sqlite if request.param == "sqlite" else in_empty_database(data_dir)
    assert place.run("init")[0] == 0
    return place


def test_another_key_file_is_refused(place: Place) -> None:
    """By name and fingerprint, and with what to do; the right one back, all is well."""
    key_file = place.data_dir / "keys.json"
    own = key_file.rename(key_file.with_name("own.json"))
    other = create_key_file(key_file)
    for name in WORKS_ON:
        code, said = place.run(name)
        assert code == UNUSABLE
        assert f"{key_file} is not the key file of this database" in said
        assert other.fingerprint[:12] in said
        assert load_key_file(own).fingerprint[:12] in said
        assert "put a copy of another replica's" in said
        assert "Traceback" not in said
    own.replace(key_file)
    assert place.run("check-config")[0] == 0


def test_signing_keys_that_cannot_be_unsealed_are_refused(place: Place) -> None:
    """Somebody has changed them in the database; the key is named."""
    assert place.execute("UPDATE signing_keys SET sealed_private = :junk", junk=b"\x00" * 60) == 1
    for name in WORKS_ON:
        code, said = place.run(name)
        assert code == UNUSABLE
        assert "cannot be unsealed with this key file" in said
        assert "Traceback" not in said


def test_a_key_that_was_removed_need_not_be_unsealed(place: Place) -> None:
    """Nothing is left in it."""
    columns = "kid, sealed_private, public, state, publish_time, changed_seq"
    place.execute(f"INSERT INTO signing_keys ({columns}) VALUES ('gone', :no, :no, 'removed', 1, 0)", no=b"")
    assert place.run("check-config")[0] == 0


@pytest.mark.parametrize("who", ["database", "role"])
def test_a_database_that_may_lose_commits_is_refused(who: str, tmp_path: Path) -> None:
    """By the name of the setting, wherever it was made."""
    server = shared_postgres()
    place = in_empty_database(tmp_path / "data")
    assert place.run("init")[0] == 0
    database = place.url.rpartition("/")[2]
    role = f"lax_{database}"
    server.execute(f"CREATE ROLE {role} SUPERUSER LOGIN")
    server.execute(f"ALTER {who} {database if who == 'database' else role} SET synchronous_commit = off")
    lax = Place(place.data_dir, place.url.replace("postgres@", f"{role}@"))
    for name in WORKS_ON:
        code, said = lax.run(name)
        assert (code, "not durable (fsync=on, synchronous_commit=off)" in said) == (UNUSABLE, True), said
        assert "set both to on" in said
        assert "Traceback" not in said


def test_a_server_without_fsync_is_refused_before_anything_is_made(without_fsync: Postgres, tmp_path: Path) -> None:
    """On an empty database too: no table and no key file is left behind."""
    place = Place(tmp_path / "data", without_fsync.url(without_fsync.create_database()))
    for name in WORKS_ON:
        code, said = place.run(name)
        assert (code, "not durable (fsync=off, synchronous_commit=on)" in said) == (UNUSABLE, True), said
    assert schema_state(place.url).kind == "empty"
    assert not (place.data_dir / "keys.json").exists()


@pytest.fixture
def without_fsync() -> Iterator[Postgres]:
    shared_postgres()
    binaries = programs()
    assert binaries is not None
    with running_postgres(binaries, fsync="off") as server:
        yield server


def test_replicas_that_begin_at_once_make_one_deployment(tmp_path: Path) -> None:
    """On an empty database, each with the same key file: one schema, one administrator, known to all of them."""
    places = [in_empty_database(tmp_path / "replica-0")]
    places += [Place(tmp_path / f"replica-{number}", places[0].url) for number in range(1, STARTERS)]
    create_key_file(tmp_path / "keys.json")
    for place in places:
        place.data_dir.mkdir(mode=0o700)
        shutil.copy(tmp_path / "keys.json", place.data_dir)
    assert places[0].run("check-config")[0] == 0
    with ExitStack() as ending:
        servers = start_at_once(places, ending)
        assert [server for server in servers if isinstance(server, str)] == []
        [admin] = [place.data_dir / "admin.env" for place in places if (place.data_dir / "admin.env").exists()]
        assert {token_type(server, admin) for server in servers if isinstance(server, ServerProcess)} == {"Bearer"}
    assert places[0].execute("SELECT count(*) FROM clients") == 1
    assert places[0].execute("SELECT count(*) FROM signing_keys") == 1


def test_of_replicas_that_begin_without_a_key_file_one_serves_and_the_others_say_what_they_lack(tmp_path: Path) -> None:
    """Each machine would make a key file of its own; the first one's counts, and has to be copied."""
    places = [in_empty_database(tmp_path / "replica-0")]
    places += [Place(tmp_path / f"replica-{number}", places[0].url) for number in range(1, 2)]
    with ExitStack() as ending:
        servers = start_at_once(places, ending)
        refused = [said for said in servers if isinstance(said, str)]
        assert len(refused) == len(places) - 1
        for said in refused:
            assert "put a copy of another replica's" in said or "copy it from another replica" in said
            assert "Traceback" not in said
    assert places[0].execute("SELECT count(*) FROM clients") == 1
    assert sum((place.data_dir / "admin.env").exists() for place in places) == 1


def test_a_second_machine_without_the_key_file_is_told_to_copy_it(tmp_path: Path) -> None:
    """And makes none of its own."""
    first = in_empty_database(tmp_path / "first")
    assert first.run("init")[0] == 0
    second = Place(tmp_path / "second", first.url)
    for name in WORKS_ON:
        code, said = second.run(name)
        assert code == UNUSABLE
        assert f"{second.data_dir / 'keys.json'} is missing" in said
        assert "copy it from another replica" in said
    assert not (second.data_dir / "keys.json").exists()


def test_an_old_schema_is_migrated_once_however_many_try(tmp_path: Path) -> None:
    """`serve` says which command does it; run on several machines at once, each finds it done."""
    places = [in_empty_database(tmp_path / "replica-0")]
    places += [Place(tmp_path / f"replica-{number}", places[0].url) for number in range(1, 2)]
    create_first_schema(places[0].url)
    for place in places:
        place.data_dir.mkdir(mode=0o700)
    code, said = places[0].run("serve")
    assert (code, "schema 0001, older" in said, "run `typeplate-server migrate`" in said) == (UNUSABLE, True, True)
    with ThreadPoolExecutor(len(places)) as threads:
        done = list(threads.map(lambda each: command(each.data_dir, "migrate", DATABASE_URL=each.url), places))
    assert [each.returncode for each in done] == [0] * len(places), [each.stderr for each in done]
    assert schema_state(places[0].url).kind == "current"
    assert places[0].run("init")[0] == 0


@pytest.fixture
def first_of_all(tmp_path: Path) -> Place:
    """A data directory as the first version left it: schema 0001, and signing keys in the key file."""
    data_dir, secret = tmp_path / "data", new_secret()
    data_dir.mkdir(mode=0o700)
    place = Place(data_dir, f"sqlite:///{data_dir / 'typeplate.db'}")
    create_first_schema(place.url)
    keys = create_key_file(data_dir / "keys.json")
    content = json.loads((data_dir / "keys.json").read_text()) | {"version": 1}
    del content["sealing_key"]
    jwk = {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "k", "x": "eA", "d": "ZA"}
    (data_dir / "keys.json").write_text(json.dumps(content | {"signing_keys": [jwk]}))
    (data_dir / "admin.env").write_text(credentials("localhost:1", "admin", secret.value))
    place.execute(
        "INSERT INTO clients VALUES ('admin', '', 'active', 1, 'n', :scopes, NULL, '{}', 1, 1, NULL, '', 1)",
        scopes=json.dumps(["clients:admin"]),
    )
    hash_ = SecretHasher(keys.pepper).hash(secret)
    place.execute("INSERT INTO client_secrets VALUES (:id, 'admin', :hash, 1, NULL)", id=secret.secret_id, hash=hash_)
    place.execute("UPDATE auth_clock SET seq = 1")
    return place


def test_a_data_directory_of_the_first_version_is_migrated(first_of_all: Place) -> None:
    """Until then it is said what to run; afterwards its secrets work."""
    for name in WORKS_ON:
        code, said = first_of_all.run(name)
        assert (code, "run `typeplate-server migrate`" in said) == (UNUSABLE, True), said
    code, said = first_of_all.run("migrate")
    assert (code, "keys.json has been brought to" in said) == (0, True), said
    assert first_of_all.run("check-config")[0] == 0
    with running_server(first_of_all.data_dir) as server:
        assert token_type(server, first_of_all.data_dir / "admin.env") == "Bearer"


def test_a_key_file_that_cannot_be_used_is_told_before_the_schema_is_changed(first_of_all: Place) -> None:
    """An older program must still work on what is left."""
    (first_of_all.data_dir / "keys.json").write_text("{}")
    code, said = first_of_all.run("migrate")
    assert (code, "not a whole key file" in said) == (UNUSABLE, True), said
    assert schema_state(first_of_all.url).found == "0001"


def create_first_schema(url: str) -> None:
    config = Config()
    config.set_main_option("script_location", "typeplate_server.store:migrations")
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        upgrade(config, "0001")
    engine.dispose()


def start_at_once(places: list[Place], ending: ExitStack) -> list[ServerProcess | str]:
    """The servers, stopped with `ending`; of one that did not start, what it said."""

    def start(place: Place) -> ServerProcess | str:
        settings = {"DATABASE_URL": place.url, "DRAIN_SECONDS": "0"}
        try:
            server = ServerProcess(place.data_dir, settings, ("-W", "error"))
        except AssertionError as error:
            return str(error)
        ending.callback(server.stop)
        return server

    with ThreadPoolExecutor(len(places)) as threads:
        return list(threads.map(start, places))


def token_type(server: ServerProcess, admin: Path) -> str:
    credentials = read_credentials(admin)
    request = pb.IssueTokenRequest(client_id=credentials.client_id, client_secret=credentials.client_secret)
    with server.channel() as channel:
        return auth_service_pb2_grpc.AuthServiceStub(channel).IssueToken(request, timeout=10).token_type
