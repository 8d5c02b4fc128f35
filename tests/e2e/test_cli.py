"""The `typeplate` command against a real server: what it does, prints, and exits with."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from google.protobuf.json_format import Parse
from google.protobuf.timestamp_pb2 import Timestamp

from tests.support.commands import Typeplate, calling, clean_environment
from tests.support.secret_watch import WATCH
from tests.support.server import ServerProcess, running_server
from typeplate import Client
from typeplate.cli.effect import where
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import client_pb2, vehicle_pb2

_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server with three vehicles."""
    with running_server(tmp_path_factory.mktemp("cli") / "data") as running:
        with Client(running.address, client_id="admin", client_secret=running.client_secret) as client:
            for number, power in enumerate((90.0, 150.0, 210.0), 1):
                vehicle = vehicle_pb2.Vehicle(make="Ärger", model=f"M{number}", model_year=2020 + number)
                vehicle.power_kw = power
                vehicle.powertrain = (
                    vehicle_pb2.POWERTRAIN_COMBUSTION if number < 3 else vehicle_pb2.POWERTRAIN_BATTERY_ELECTRIC
                )
                client.data.create_vehicle(vehicle=vehicle, vehicle_id=f"own-{number}")
        yield running


@pytest.fixture
def admin(server: ServerProcess) -> Typeplate:
    """The command as the administrator."""
    return calling(server.address, server.data_dir / "admin.env")


@pytest.fixture
def name() -> str:
    """A client id that no other test uses."""
    return f"app-{next(_numbers)}"


@pytest.fixture
def app(server: ServerProcess, admin: Typeplate, name: str, tmp_path: Path) -> Typeplate:
    """The command as a new application that may read vehicles."""
    path = tmp_path / "app.env"
    assert admin("clients", "create", name, "--scope", "vehicles:read", "--write-env-file", str(path)).code == 0
    return calling(server.address, path)


def test_a_new_key_goes_into_a_private_file_and_nowhere_else(
    admin: Typeplate, server: ServerProcess, name: str, tmp_path: Path
) -> None:
    """Mode 0600, complete enough to call with, and the secret on no stream."""
    path = tmp_path / "app.env"
    done = admin("clients", "create", name, "--scope", "vehicles:read", "--write-env-file", str(path))
    assert done.code == 0, done.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "tps_" in path.read_text()
    assert "tps_" not in done.out + done.err
    assert server.address in path.read_text()
    assert Typeplate(("--env-file", str(path)))("whoami").code == 0


def test_without_a_file_the_secret_is_printed_once(admin: Typeplate, name: str) -> None:
    """By the call that makes it, and by no other."""
    created = json.loads(admin("clients", "create", name, "--json").out)
    assert created["secrets"][0]["value"].startswith("tps_")
    assert "tps_" not in admin("clients", "show", name, "--json").out


def test_a_secret_has_a_file_of_its_own_where_one_is_asked_for(admin: Typeplate, name: str, tmp_path: Path) -> None:
    """Private, and on no stream; the environment file beside it names it."""
    env, secret = tmp_path / "app.env", tmp_path / "app.secret"
    done = admin("clients", "create", name, "--write-secret-file", str(secret), "--write-env-file", str(env))
    assert done.code == 0, done.err
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert secret.read_text().startswith("tps_")
    assert "tps_" not in done.out + done.err + env.read_text()
    assert Typeplate(("--env-file", str(env)))("whoami").code == 0
    second = tmp_path / "second.secret"
    assert admin("clients", "secrets", "create", name, "--write-secret-file", str(second)).code == 0
    assert second.read_text() not in ("", secret.read_text())


def test_a_disk_that_is_full_loses_no_secret(admin: Typeplate, name: str, tmp_path: Path) -> None:
    """The file that could not be written whole is gone, the secret printed, and the exit code says so."""
    path = tmp_path / "app.env"
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40)); import typeplate.cli as c; "
    words = ["clients", "create", name, "--write-env-file", str(path), "--json", *admin.shared]
    with WATCH.learning():
        done = subprocess.run(
            [sys.executable, "-c", f"{code} sys.exit(c.main())", *words],
            env=clean_environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert f"could not write {path} (File too large): removed, and the secret is printed instead\n" in done.stderr
    assert not path.exists()
    secret = tmp_path / "secret"
    secret.write_text(json.loads(done.stdout)["secrets"][0]["value"])
    assert Typeplate((*admin.shared[:2], "--client-id", name, "--secret-file", str(secret)))("whoami").code == 0


@pytest.mark.parametrize(
    ("closed", "code", "told"),
    [
        ("vehicles list >&-", 2, "typeplate: standard output is closed; "),
        ("clients create not-made >&-", 2, "typeplate: standard output is closed; "),
        ("vehicles list --limit 1 2>&-", 0, ""),
        ("token introspect <&-", 2, "typeplate: standard input holds no token"),
        ("token issue >/dev/full", 1, "typeplate: No space left on device"),
        ("vehicles get own-9 2>&- >&-", 2, ""),
    ],
)
def test_a_stream_that_is_closed_or_full_is_told_in_one_line(
    admin: Typeplate, closed: str, code: int, told: str
) -> None:
    """What is said to people never goes among the results; and no secret is made that nobody could read."""
    words = [sys.executable, "-W", "error", "-m", "typeplate", *admin.shared]
    done = subprocess.run(
        ["bash", "-c", f'"$@" {closed}', "bash", *words],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    assert done.stderr.startswith(told)
    assert len(done.stderr.splitlines()) == bool(told)
    assert "The first" not in done.stdout
    assert admin("clients", "show", "not-made").code == 5


def test_a_timeout_may_be_as_long_as_one_likes(app: Typeplate) -> None:
    """Beyond what clocks can tell it is none."""
    assert app("whoami", "--timeout", "1e12").code == 0


def test_a_client_certificate_that_is_not_there_is_named(app: Typeplate, tmp_path: Path) -> None:
    """The options reach the connection."""
    missing = str(tmp_path / "missing.pem")
    done = app("whoami", "--server-name", "localhost", "--client-cert-file", missing, "--client-key-file", missing)
    assert done.code == 2
    assert missing in done.err


def test_a_file_that_exists_is_left_alone_and_no_client_is_made(admin: Typeplate, name: str, tmp_path: Path) -> None:
    """A secret that cannot be stored must not be made."""
    path = tmp_path / "app.env"
    path.write_text("precious")
    assert admin("clients", "create", name, "--write-env-file", str(path)).code == 2
    assert path.read_text() == "precious"
    assert admin("clients", "show", name).code == 5


def test_a_refused_creation_leaves_no_file(admin: Typeplate, name: str, tmp_path: Path) -> None:
    """Bad input is the server's to refuse: exit code 2, the field named."""
    path = tmp_path / "app.env"
    done = admin("clients", "create", name, "--scope", "no:such", "--write-env-file", str(path))
    assert done.code == 2
    assert "client.scopes" in done.err
    assert not path.exists()


def test_whoami_shows_the_claims_and_neither_token_nor_secret(app: Typeplate, name: str) -> None:
    """As a table and as JSON."""
    claims = json.loads(app("whoami", "--json").out)
    assert claims["client_id"] == name
    assert claims["scope"] == "vehicles:read"
    assert claims["kid"]
    done = app("whoami")
    assert name in done.out
    assert "eyJ" not in done.out + done.err
    assert "tps_" not in done.out + done.err


def test_token_issue_prints_a_token_and_nothing_else(app: Typeplate) -> None:
    """So that `$(typeplate token issue)` works; the lifetime asked for is kept."""
    done = app("token", "issue", "--lifetime", "1m")
    assert done.code == 0, done.err
    assert done.out.count(".") == 2
    assert done.out.endswith("\n")
    assert len(done.out.split()) == 1
    answer = json.loads(app("token", "issue", "--lifetime", "1m", "--json").out)
    assert 59 < float(answer["expiresIn"].removesuffix("s")) <= 60, "to a whole second of the clock"


def test_clients_are_listed_and_filtered(admin: Typeplate, app: Typeplate, name: str) -> None:
    """As JSON for scripts and as a table for people."""
    assert app("whoami").code == 0
    listed = json.loads(admin("clients", "list", "--limit", "0", "--json").out)
    assert {"admin", name} <= {client["clientId"] for client in listed}
    admins = json.loads(admin("clients", "list", "--scope", "clients:admin", "--json").out)
    assert [client["clientId"] for client in admins] == ["admin"]
    table = admin("clients", "list", "--limit", "1")
    assert table.out.splitlines()[0].split()[:3] == ["ID", "NAME", "STATE"]
    assert "--limit 0" in table.err


def test_an_update_changes_what_it_names_and_nothing_else(admin: Typeplate, app: Typeplate, name: str) -> None:
    """Scopes and labels are added and taken away one by one."""
    assert app("whoami").code == 0
    assert (
        admin(
            "clients", "update", name, "--label", "team=web", "--label", "tier=1", "--add-scope", "vehicles:write"
        ).code
        == 0
    )
    assert admin("clients", "update", name, "--remove-label", "tier", "--max-token-lifetime", "5m").code == 0
    client = json.loads(admin("clients", "show", name, "--json").out)
    assert client["labels"] == {"team": "web"}
    assert client["maxTokenLifetime"] == "300s"
    assert sorted(client["scopes"]) == ["vehicles:read", "vehicles:write"]
    assert admin("clients", "update", name).code == 2


@pytest.mark.parametrize("answer", [None, "n\n", "\n"])
def test_a_revocation_that_is_not_confirmed_does_not_happen(
    admin: Typeplate, app: Typeplate, name: str, answer: str | None
) -> None:
    """Neither without a terminal to ask on, nor after a no."""
    assert admin("clients", "revoke", name, answer=answer).code == 2
    assert app("whoami").code == 0


@pytest.mark.parametrize(("answer", "arguments"), [("y\n", ()), (None, ("--yes",))])
def test_a_confirmed_revocation_holds(
    admin: Typeplate, app: Typeplate, name: str, answer: str | None, arguments: tuple[str, ...]
) -> None:
    """Who revokes is shown the application's usage; the reason is kept, and the application is told of its refusal."""
    assert app("vehicles", "list").code == 0
    done = admin("clients", "revoke", name, "--reason", "left us", "--json", *arguments, answer=answer)
    assert done.code == 0, done.err
    answer_ = json.loads(done.out)
    assert (answer_["client"]["revokeReason"], answer_["effective"]) == ("left us", "EFFECTIVE_EVERYWHERE")
    assert "In force on every replica" in done.err
    assert ("1 call from 127.0.0.1" in done.err) == (answer is not None)
    assert "''" not in done.err, "it has no name to show"
    refused = app("vehicles", "list")
    assert refused.code == 3
    assert "CLIENT_REVOKED" in refused.err


def test_each_kind_of_failure_has_its_exit_code(
    admin: Typeplate, app: Typeplate, server: ServerProcess, name: str, tmp_path: Path
) -> None:
    """As `--help` says."""
    assert admin("clients", "show", "nobody").code == 5
    assert app("clients", "list").code == 4
    assert admin("clients", "create", name).code == 7
    wrong = tmp_path / "wrong.env"
    wrong.write_text((tmp_path / "app.env").read_text().replace(name, "some-one"))
    assert calling(server.address, wrong)("vehicles", "list").code == 3
    away = Typeplate(("--target", "127.0.0.1:1", "--timeout", "0.5", "--env-file", str(tmp_path / "app.env")))
    assert away("vehicles", "list").code == 6
    assert Typeplate()("vehicles", "list").code == 2
    assert Typeplate()("no-such-command").code == 2


def test_vehicles_are_found_and_shown(app: Typeplate) -> None:
    """By conditions, in the order asked for, with the names of the proto in a record."""
    found = json.loads(app("vehicles", "list", "--min", "power_kw=100", "--order-by", "power_kw desc", "--json").out)
    assert [vehicle["name"] for vehicle in found] == ["vehicles/own-3", "vehicles/own-2"]
    found = json.loads(app("vehicles", "list", "--powertrain", "battery-electric", "--json").out)
    assert [vehicle["name"] for vehicle in found] == ["vehicles/own-3"]
    shown = dict(line.split(maxsplit=1) for line in app("vehicles", "get", "own-1").out.splitlines())
    assert shown["make"] == "Ärger"
    assert shown["power_kw"] == "90.0"
    table = app("vehicles", "list", "--limit", "2")
    assert len(table.out.splitlines()) == 3
    assert "150.0" in table.out


def test_an_export_is_one_vehicle_a_line(app: Typeplate, tmp_path: Path) -> None:
    """In proto3 JSON, whole, to a file or to standard output, from where one likes."""
    path = tmp_path / "all.jsonl"
    assert app("vehicles", "export", "--output", str(path)).code == 0
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [Parse(line, vehicle_pb2.Vehicle()).model for line in lines] == ["M1", "M2", "M3"]
    rest = app("vehicles", "export", "--after", "own-2")
    assert [json.loads(line)["name"] for line in rest.out.splitlines()] == ["vehicles/own-3"]
    assert rest.err == "1 vehicles.\n"


def test_an_export_replaces_its_file_only_when_it_is_complete(app: Typeplate, tmp_path: Path) -> None:
    """A server that is away costs nobody the export of yesterday."""
    path, part = tmp_path / "all.jsonl", tmp_path / "all.jsonl.part"
    path.write_text("yesterday\n")
    assert away(app)("vehicles", "export", "--output", str(path)).code == 6
    assert path.read_text() == "yesterday\n"
    assert not part.exists()
    assert app("vehicles", "export", "--output", str(path)).code == 0
    assert len(path.read_text().splitlines()) == 3
    assert not part.exists()


def test_an_export_that_never_began_has_nothing_to_go_on_with(app: Typeplate, tmp_path: Path) -> None:
    """A name that the server refuses is told, and not recommended."""
    path = tmp_path / "all.jsonl"
    path.write_text("yesterday\n")
    done = app("vehicles", "export", "--after", "bad", "--output", str(path))
    assert done.code == 2
    assert "--after" not in done.err
    assert path.read_text() == "yesterday\n"


def test_an_export_goes_on_in_its_file(app: Typeplate, tmp_path: Path) -> None:
    """After the vehicle named; in the part of one that broke off, which then takes the file's name."""
    path, part = tmp_path / "all.jsonl", tmp_path / "all.jsonl.part"
    path.write_text("first\n")
    assert app("vehicles", "export", "--after", "own-2", "--output", str(path)).code == 0
    assert [line[:8] for line in path.read_text().splitlines()] == ["first", '{"name":']
    part.write_text("part\n")
    assert app("vehicles", "export", "--after", "own-2", "--output", str(path)).code == 0
    assert [line[:8] for line in path.read_text().splitlines()] == ["part", '{"name":']
    assert not part.exists()


def away(app: Typeplate) -> Typeplate:
    """The same credentials, and a server that does not run."""
    return Typeplate(("--target", "127.0.0.1:1", "--timeout", "0.5", *app.shared[2:]))


def test_a_server_that_is_away_is_told_in_one_line(app: Typeplate) -> None:
    """Its address and the cause, and nothing of gRPC's own log."""
    done = away(app)("vehicles", "list")
    assert done.err.startswith("typeplate: 127.0.0.1:1 did not answer within 0.5 s: connection refused")
    assert len(done.err.splitlines()) == 1


def test_the_last_administrator_is_kept_and_the_option_named(admin: Typeplate) -> None:
    """By its name here, not by the API's field."""
    done = admin("clients", "revoke", "admin", "--yes")
    assert done.code == 7
    assert "clients revoke --force" in done.err


def test_a_client_without_scopes_is_remarked(admin: Typeplate, name: str) -> None:
    """It can be made, and can do nothing."""
    done = admin("clients", "create", name)
    assert done.code == 0
    assert f"clients update {name} --add-scope" in done.err


def test_more_is_said_to_be_there_only_when_it_is(app: Typeplate) -> None:
    """There are three vehicles."""
    assert app("vehicles", "list", "--limit", "3").err == ""
    assert app("vehicles", "list", "--limit", "2").err == "The first 2; --limit 0 lists all.\n"


def test_a_file_that_is_not_there_is_told_without_errno(app: Typeplate, tmp_path: Path) -> None:
    """The file and why; what was typed wrong is wrong usage."""
    done = Typeplate(("--env-file", str(tmp_path / "nope")))("whoami")
    assert (done.code, done.err) == (2, f"typeplate: --env-file {tmp_path}/nope: No such file or directory\n")
    done = app("whoami", "--secret-file", str(tmp_path / "nope"))
    assert (done.code, done.err) == (2, f"typeplate: client secret file {tmp_path}/nope: No such file or directory\n")
    done = app("vehicles", "export", "--output", str(tmp_path / "no" / "f"))
    assert (done.code, done.err) == (1, f"typeplate: {tmp_path}/no/f.part: No such file or directory\n")


def test_a_reader_that_has_had_enough_is_no_error(server: ServerProcess, app: Typeplate) -> None:
    """As with `| head`: exit code 0 and no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "typeplate.cli", "vehicles", "export", *app.shared]
        done = subprocess.run(
            command, env=clean_environment(), stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_suspension_and_rotation_leave_their_trace(admin: Typeplate, app: Typeplate, name: str) -> None:
    """An application is refused until it is resumed, gets a second secret, loses its first: the trail tells it all."""
    assert app("vehicles", "list").code == 0
    usage = json.loads(admin("clients", "usage", name, "--json").out)
    assert [method["method"] for method in usage["methods"]] == ["/typeplate.v1.DataService/ListVehicles"]
    first = usage["secrets"][0]["secretId"]
    assert admin("clients", "suspend", name).code == 0
    assert "CLIENT_SUSPENDED" in app("vehicles", "list").err
    assert admin("clients", "resume", name).code == 0
    made = json.loads(admin("clients", "secrets", "create", name, "--json").out)
    assert made["value"].startswith("tps_")
    assert admin("clients", "secrets", "delete", name, first).code == 7
    assert admin("clients", "secrets", "delete", name, first, "--force").code == 0
    trail = json.loads(admin("audit", "list", "--client", name, "--json").out)
    kinds = [
        event["type"].removeprefix("AUDIT_EVENT_TYPE_") for event in trail if not event["type"].endswith("REFUSED")
    ]
    assert kinds[:4] == ["SECRET_DELETED", "SECRET_CREATED", "CLIENT_RESUMED", "CLIENT_SUSPENDED"]
    listed = admin("audit", "list", "--type", "secret_deleted", "--client", name)
    assert f"secret_id={first}" in listed.out
    assert made["value"] not in admin("audit", "list", "--limit", "0").out
    assert admin("audit", "list", "--type", "nonsense").code == 2


def test_a_second_secret_goes_into_a_private_file_too(
    admin: Typeplate, app: Typeplate, name: str, tmp_path: Path
) -> None:
    """Complete enough to call with, and the secret on no stream."""
    path = tmp_path / "second.env"
    done = admin("clients", "secrets", "create", name, "--write-env-file", str(path))
    assert done.code == 0, done.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "tps_" not in done.out + done.err
    assert Typeplate(("--env-file", str(path)))("whoami").code == app("whoami").code == 0


def test_one_token_is_killed_and_asked_about(admin: Typeplate, name: str, app: Typeplate) -> None:
    """The token comes on standard input; who may not ask is told so."""
    token = app("token", "issue").out
    asked = admin("token", "introspect", stdin=token)
    assert asked.code == 0, asked.err
    assert f"client_id    {name}" in asked.out
    assert app("token", "introspect", stdin=token).code == 4
    assert app("token", "revoke", stdin=token).code == 0
    assert admin("token", "introspect", stdin=token).out == "active  no\n"
    assert token.strip() not in asked.out + asked.err
    assert admin("token", "revoke", stdin="").code == 2


def test_signing_keys_rotate_and_a_stolen_one_is_killed(tmp_path: Path) -> None:
    """A rotation refuses no token; a killed key takes its tokens along."""
    with running_server(tmp_path / "data") as server:
        admin = calling(server.address, server.data_dir / "admin.env")
        before = admin("token", "issue").out
        (old,) = json.loads(admin("keys", "list", "--json").out)
        done = admin("keys", "rotate")
        assert done.code == 0, done.err
        assert "signs from now on" in done.err
        assert len(admin("keys", "list").out.splitlines()) == 3
        assert admin("token", "introspect", stdin=before).out != "active  no\n"
        assert admin("keys", "rotate", "--compromised", old["kid"]).code == 2
        killed = admin("keys", "rotate", "--compromised", old["kid"], "--yes", "--json")
        assert json.loads(killed.out)["state"] == "SIGNING_KEY_STATE_REMOVED"
        assert admin("token", "introspect", stdin=before).out == "active  no\n"


@pytest.mark.parametrize(
    ("effective", "proof", "words"),
    [
        (client_pb2.EFFECTIVE_EVERYWHERE, client_pb2.EFFECTIVE_PROOF_ACKNOWLEDGED, "on every replica."),
        (client_pb2.EFFECTIVE_EVERYWHERE, client_pb2.EFFECTIVE_PROOF_STALENESS_BOUND, "one was silent"),
        (client_pb2.EFFECTIVE_THIS_REPLICA, client_pb2.EFFECTIVE_PROOF_UNSPECIFIED, "by 1970-01-01T00:01:00Z at"),
    ],
    ids=["acknowledged", "bound", "this replica"],
)
def test_none_is_said_to_hold_before_it_does(
    effective: client_pb2.Effective.ValueType, proof: client_pb2.EffectiveProof.ValueType, words: str
) -> None:
    """In the words of what the server could tell."""
    by = Timestamp(seconds=60)
    assert words in where(pb.RevokeClientResponse(effective=effective, proof=proof, everywhere_time=by))
