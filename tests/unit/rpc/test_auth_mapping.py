"""Between auth's messages and its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.auth_world import client_state
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import client_pb2
from typeplate_server.auth.clients import SecretState
from typeplate_server.auth.propagation import Effective
from typeplate_server.auth.secret_uses import SecretUse
from typeplate_server.auth.secrets import new_secret
from typeplate_server.auth.service import UNSET
from typeplate_server.auth.usage import LastUses
from typeplate_server.errors import InvalidArgument
from typeplate_server.rpc import auth_mapping as mapping


def fields_of(error: pytest.ExceptionInfo[InvalidArgument]) -> list[str]:
    return [violation.field for violation in error.value.violations]


def update(*paths: str, masked: bool = True, **fields: object) -> pb.UpdateClientRequest:
    request = pb.UpdateClientRequest(client=client_pb2.Client(name="clients/a", **fields))  # type: ignore[arg-type]
    if masked:
        request.update_mask.paths.extend(paths)
    return request


@pytest.mark.parametrize("name", ["", "clients/", "client/a", "a", "clients/a/b", "/clients/a"])
def test_a_name_of_another_form_is_refused_and_named(name: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        mapping.client_id_of(name, "client.name")
    assert fields_of(error) == ["client.name"]


def test_without_a_mask_the_fields_that_are_set_are_changed() -> None:
    patch = mapping.patch_of(update(masked=False, display_name="New", labels={"a": "b"}))
    assert (patch.display_name, patch.scopes, patch.max_token_lifetime_s) == ("New", UNSET, UNSET)
    assert patch.labels == {"a": "b"}


def test_a_masked_field_that_is_absent_is_cleared() -> None:
    patch = mapping.patch_of(update("scopes", "max_token_lifetime"))
    assert (patch.display_name, patch.scopes, patch.max_token_lifetime_s, patch.labels) == (UNSET, (), None, UNSET)


def test_a_star_means_every_field_that_can_be_changed() -> None:
    patch = mapping.patch_of(update("*", display_name="New"))
    assert (patch.display_name, patch.scopes, patch.max_token_lifetime_s, patch.labels) == ("New", (), None, {})


@pytest.mark.parametrize("path", ["state", "name", "secrets", "nonsense", "labels.a", ""])
def test_a_mask_that_names_anything_else_is_refused(path: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        mapping.patch_of(update("display_name", path))
    assert fields_of(error) == ["update_mask"]


@pytest.mark.parametrize(("seconds", "nanos"), [(0, 1_000_000_000), (1, -1), (-1, 1), (2**62, 0), (0, -(2**31))])
def test_a_malformed_duration_is_refused_and_named(seconds: int, nanos: int) -> None:
    request = pb.IssueTokenRequest()
    request.lifetime.seconds, request.lifetime.nanos = seconds, nanos
    with pytest.raises(InvalidArgument) as error:
        mapping.optional_seconds(request, "lifetime", "lifetime")
    assert fields_of(error) == ["lifetime"]


def test_a_duration_is_read_in_seconds_and_none_when_absent() -> None:
    request = pb.IssueTokenRequest()
    assert mapping.optional_seconds(request, "lifetime", "lifetime") is None
    request.lifetime.FromMilliseconds(90_500)
    assert mapping.optional_seconds(request, "lifetime", "lifetime") == 90.5
    request.lifetime.FromSeconds(-1)
    assert mapping.optional_seconds(request, "lifetime", "lifetime") == -1


def test_a_state_that_is_none_is_refused() -> None:
    assert mapping.states_of([1, 3]) == ("active", "revoked")
    for number, reason in ((7, "7 is not a state"), (0, "CLIENT_STATE_UNSPECIFIED cannot be asked for")):
        with pytest.raises(InvalidArgument, match=reason) as error:
            mapping.states_of([1, number])
        assert fields_of(error) == ["filter.states"]


def test_the_value_of_a_secret_is_shown_for_the_one_just_created_and_no_other() -> None:
    created, older = new_secret(), new_secret()
    secrets = tuple(SecretState(secret.secret_id, b"h", 1.0) for secret in (older, created))
    client = client_state(secrets=secrets)
    assert [secret.value for secret in mapping.client_message(client, created).secrets] == ["", created.value]
    assert [secret.value for secret in mapping.client_message(client).secrets] == ["", ""]


def test_every_field_of_a_client_is_shown() -> None:
    """Of a client that has everything, no field of the message stays empty: none was forgotten."""
    secret = new_secret()
    client = client_state(
        state="revoked", display_name="x", labels={"a": "b"}, max_token_lifetime_s=60, revoke_time=5.0,
        revoke_reason="x", secrets=(SecretState(secret.secret_id, b"h", 1.0, 2.0),),
    )  # fmt: skip
    used = LastUses({"reader": 6.0}, {secret.secret_id: SecretUse(secret.secret_id, "reader", 7.0, "192.0.2.1")})
    effective = Effective("EVERYWHERE", "ACKNOWLEDGED", 8.0)
    message = mapping.in_force(mapping.client_message(client, secret, used), effective)
    assert [
        field.name for field in client_pb2.Client.DESCRIPTOR.fields if field not in dict(message.ListFields())
    ] == []
    [shown] = message.secrets
    assert len(mapping.in_force(shown, effective).ListFields()) == len(client_pb2.ClientSecret.DESCRIPTOR.fields)
    assert (shown.change_effect.effective, shown.change_effect.proof) == (
        client_pb2.EFFECTIVE_EVERYWHERE,
        client_pb2.EFFECTIVE_PROOF_ACKNOWLEDGED,
    )
    assert shown.change_effect.everywhere_time.ToMicroseconds() == 8_000_000
    assert message.revoke_time.ToMicroseconds() == 5_000_000
    assert message.last_use_time.ToMicroseconds() == shown.last_use_time.ToMicroseconds() == 7_000_000


@pytest.mark.parametrize("masked", [True, False])
def test_too_many_scopes_are_refused_and_named(masked: bool) -> None:
    with pytest.raises(InvalidArgument) as error:
        mapping.patch_of(update("scopes", masked=masked, scopes=["x"] * 21))
    assert fields_of(error) == ["client.scopes"]
    with pytest.raises(InvalidArgument) as error:
        mapping.draft_of(pb.CreateClientRequest(client=client_pb2.Client(scopes=["x"] * 21)))
    assert fields_of(error) == ["client.scopes"]


def test_a_list_that_is_too_long_is_refused_before_it_is_looked_at() -> None:
    """A message may carry millions of elements; these cannot be read at all."""
    with pytest.raises(InvalidArgument) as error:
        mapping.scopes_of(Unreadable([""] * 21), "scopes")
    assert fields_of(error) == ["scopes"]
    with pytest.raises(InvalidArgument) as error:
        mapping.states_of(Unreadable([1] * 5))
    assert fields_of(error) == ["filter.states"]
    with pytest.raises(InvalidArgument, match="21 paths"):
        mapping.patch_of(update(*["display_name"] * 21))


class Unreadable(list[Any]):
    """A list that only tells its length."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("looked at")
