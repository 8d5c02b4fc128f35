"""What applications may rely on is pinned: a name that goes, or comes by accident, is seen here first."""

import inspect

import typeplate
import typeplate.errors
import typeplate.testing
from typeplate import AsyncClient, Client

ERRORS = [
    "Aborted",
    "AlreadyExists",
    "AuthStateStale",
    "Cancelled",
    "ClientClosed",
    "ClientRevoked",
    "ClientSuspended",
    "ConfigurationError",
    "CredentialsRejected",
    "DatabaseUnavailable",
    "DeadlineExceeded",
    "EtagMismatch",
    "FailedPrecondition",
    "FieldViolation",
    "InternalError",
    "InvalidArgument",
    "LastAdmin",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "RateLimited",
    "ResourceExhausted",
    "ScopeMissing",
    "SecretInUse",
    "SecretLimit",
    "SecretUnavailable",
    "TokenRejected",
    "TypeplateError",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
]
AUTH = [
    "create_client",
    "create_client_secret",
    "delete_client_secret",
    "get_client",
    "get_client_usage",
    "get_jwks",
    "introspect_token",
    "issue_token",
    "list_audit_events",
    "list_clients",
    "resume_client",
    "revoke_client",
    "revoke_token",
    "rotate_signing_key",
    "suspend_client",
    "update_client",
]
DATA = [
    "batch_get_vehicles",
    "create_vehicle",
    "delete_vehicle",
    "export_vehicles",
    "get_vehicle",
    "import_vehicles",
    "list_vehicles",
    "update_vehicle",
]
CLIENT = {"auth", "data", "access_token", "close", "from_env", "stub"}

TESTING = {
    "add_vehicle",
    "admin",
    "async_client",
    "away",
    "calls",
    "client",
    "create_client",
    "expire_tokens",
    "go_away",
    "load_sample",
    "load_vehicles",
    "log",
    "mend",
    "refuse",
    "resume",
    "revoke",
    "rotate_secret",
    "rotate_signing_key",
    "slow",
    "step_clock",
    "suspend",
    "target",
}


def public(thing: object) -> set[str]:
    """The names of an object that begin with no underscore."""
    return {name for name in dir(thing) if not name.startswith("_")}


def test_the_package_offers_two_clients_and_the_errors() -> None:
    """And nothing else by accident."""
    assert sorted(typeplate.__all__) == ["AsyncClient", "Client", "TypeplateError", "__version__"]
    for name in typeplate.__all__:
        assert getattr(typeplate, name)


def test_the_errors_are_these() -> None:
    """All under one root, but for the value that names a field."""
    defined = {
        n for n, c in inspect.getmembers(typeplate.errors, inspect.isclass) if c.__module__ == "typeplate.errors"
    }
    assert sorted(defined) == ERRORS
    roots = {name for name in defined if issubclass(getattr(typeplate.errors, name), typeplate.errors.TypeplateError)}
    assert defined - roots == {"FieldViolation"}


def test_both_clients_have_the_same_methods() -> None:
    """One for each RPC, with the same arguments, sync and asyncio."""
    one = Client("127.0.0.1:1")
    other = AsyncClient("127.0.0.1:1")
    for service, names in (("auth", AUTH), ("data", DATA)):
        assert sorted(public(getattr(one, service))) == names
        assert sorted(public(getattr(other, service))) == names
        for name in names:
            sync, asynchronous = getattr(getattr(one, service), name), getattr(getattr(other, service), name)
            assert list(inspect.signature(sync).parameters) == list(inspect.signature(asynchronous).parameters)
            assert inspect.getdoc(sync)


def test_the_clients_own_names_are_pinned() -> None:
    """What stands beside the two services."""
    assert public(Client) | {"auth", "data"} == CLIENT
    assert public(AsyncClient) | {"auth", "data"} == CLIENT


def test_what_tests_of_applications_rely_on_is_pinned_too() -> None:
    """The test server's switches; none of it needs the server package to be looked at."""
    assert sorted(typeplate.testing.__all__) == ["Credentials", "Server"]
    assert public(typeplate.testing.Server) == TESTING
