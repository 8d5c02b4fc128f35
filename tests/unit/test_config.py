"""Settings."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from typeplate_server import config
from typeplate_server.auth.tokens import MAX_TOKEN_LIFETIME_S, MIN_TOKEN_LIFETIME_S
from typeplate_server.config import SETTINGS, ConfigError, Settings


def problems(**settings: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        Settings.from_env({f"TYPEPLATE_{name}": value for name, value in settings.items()})
    return error.value.problems


def read(**settings: str) -> Settings:
    return Settings.from_env({f"TYPEPLATE_{name}": value for name, value in settings.items()})


def test_with_nothing_set_the_defaults_hold() -> None:
    settings = read()
    assert (settings.listen, settings.data_dir, settings.max_token_lifetime) == ("127.0.0.1:50051", Path("data"), 900)
    assert not any([settings.tls, settings.allow_plaintext, settings.reflection, settings.warnings])
    assert settings.database == f"sqlite:///{Path('data').absolute()}/typeplate.db"


def test_an_empty_variable_is_an_unset_one() -> None:
    assert read(LISTEN="", DRAIN_SECONDS="") == read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "50051"), ("LISTEN", "127.0.0.1"), ("LISTEN", "127.0.0.1:99999"), ("LISTEN", "::1:5"),
        ("LISTEN", "unix:"), ("LISTEN", "a b:1"), ("REFLECTION", "maybe"), ("ALLOW_PLAINTEXT", "2"),
        ("MAX_TOKEN_LIFETIME", "901"),
        ("MAX_TOKEN_LIFETIME", "59"), ("MAX_TOKEN_LIFETIME", "15m"), ("MAX_TOKEN_LIFETIME", "-900"),
        ("MAX_CONCURRENT_RPCS", "0"), ("LOG_LEVEL", "loud"), ("DRAIN_SECONDS", "nan"), ("DRAIN_SECONDS", "1e3"),
        ("DRAIN_SECONDS", "-1"), ("DRAIN_SECONDS", "inf"), ("DATABASE_URL", "mysql://db/x"),
        ("DATABASE_URL", "data.db"), ("DATABASE_URL", "postgresql://u:a@b@h/d"),
        ("WORKERS", "0"), ("WORKERS", "65"), ("WORKERS", "many"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_and_its_variable_named(name: str, value: str) -> None:
    [problem] = problems(**{name: value})
    assert problem.startswith(f"TYPEPLATE_{name} ")


def test_all_problems_are_told_at_once() -> None:
    assert len(problems(LISTEN="x", LOG_LEVEL="x", REFLECTION="x")) == 3


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "vehicles.internal:1"])
def test_plaintext_beyond_loopback_needs_an_explicit_setting(listen: str) -> None:
    [problem] = problems(LISTEN=listen)
    assert "TYPEPLATE_LISTEN" in problem
    assert "TYPEPLATE_ALLOW_PLAINTEXT" in problem
    assert read(LISTEN=listen, ALLOW_PLAINTEXT="1").listen == listen
    assert read(LISTEN=listen, TLS_CERT_FILE="c", TLS_KEY_FILE="k").tls


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/tmp/x"])
def test_loopback_may_be_plaintext(listen: str) -> None:
    assert read(LISTEN=listen).listen == listen


def test_half_of_tls_is_refused_and_the_other_half_named() -> None:
    assert problems(TLS_CERT_FILE="c")[0].startswith("TYPEPLATE_TLS_KEY_FILE ")
    assert problems(TLS_KEY_FILE="k")[0].startswith("TYPEPLATE_TLS_CERT_FILE ")


@pytest.mark.parametrize(
    "name", ["LISTN", "TLS_CERTFILE", "ALLOW_PLAINTEX", "MAX_TOKEN_LIFETIM", "TSL_CERT_FILE", "DATADIR"]
)
def test_a_misspelt_setting_is_refused_with_the_one_that_was_meant(name: str) -> None:
    [problem] = problems(**{name: "1"})
    assert f"TYPEPLATE_{name} is no setting; did you mean TYPEPLATE_" in problem


def test_a_variable_nobody_reads_is_reported() -> None:
    assert read(COLOUR="1").warnings == ("TYPEPLATE_COLOUR is no setting and is ignored",)


def test_the_clients_variables_and_those_kubernetes_injects_are_none_of_ours() -> None:
    names = ["TARGET", "CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE", "SERVICE_HOST", "SERVICE_PORT", "PORT"]
    names += ["SERVICE_PORT_GRPC", "PORT_50051_TCP", "PORT_50051_TCP_ADDR"]
    assert read(**dict.fromkeys(names, "x")) == read()


def test_the_secret_of_a_client_is_never_quoted() -> None:
    with pytest.raises(ConfigError) as error:
        read(CLIENT_SECRET="tps_secret", LISTEN="x")
    assert "tps_secret" not in str(error.value)


def test_what_is_shown_hides_the_password_in_a_url() -> None:
    settings = replace(read(), database_url="postgresql://typeplate:hunter2@db/vehicles")
    shown = dict(config.shown(settings))
    assert set(shown) == {setting.variable for setting in SETTINGS}
    assert shown["TYPEPLATE_DATABASE_URL"] == "postgresql://typeplate:***@db/vehicles"


def test_the_table_has_every_setting() -> None:
    rows = config.markdown_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [setting.variable for setting in SETTINGS]


def test_the_longest_token_lifetime_is_the_constant_of_the_code() -> None:
    assert config.LONGEST_TOKEN_LIFETIME_S == MAX_TOKEN_LIFETIME_S
    assert read(MAX_TOKEN_LIFETIME=str(MIN_TOKEN_LIFETIME_S)).max_token_lifetime == MIN_TOKEN_LIFETIME_S


def test_what_the_operator_set_for_grpc_is_kept() -> None:
    environ = {"GRPC_EXPERIMENTS": "mine"}
    config.tune_grpc(environ)
    assert environ["GRPC_EXPERIMENTS"] == "mine"


@pytest.mark.parametrize(
    ("listen", "target"), [("0.0.0.0:7", "localhost:7"), ("[::]:7", "localhost:7"), ("unix:/a", "unix:/a")]
)
def test_the_target_is_where_a_client_on_this_machine_gets_to(listen: str, target: str) -> None:
    assert read(LISTEN=listen, ALLOW_PLAINTEXT="1").target == target


def test_an_argument_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve --workers 1` where the environment says 3."""
    monkeypatch.setattr(os, "environ", {"TYPEPLATE_WORKERS": "3", "TYPEPLATE_LISTEN": "127.0.0.1:1"})
    assert config.load({}).workers == 3
    settings = config.load({"TYPEPLATE_WORKERS": "1"})
    assert (settings.workers, settings.listen) == (1, "127.0.0.1:1")


def test_several_workers_need_a_port() -> None:
    [problem] = problems(WORKERS="2", LISTEN="unix:/run/typeplate")
    assert "TYPEPLATE_WORKERS must be 1" in problem
    assert read(WORKERS="1", LISTEN="unix:/run/typeplate").workers == 1
