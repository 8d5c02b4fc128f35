"""Clients and tokens between `typeplate.v1` messages and the values of `auth`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypedDict, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import client_pb2
from typeplate_server.auth.changes import Changed
from typeplate_server.auth.client_fields import MAX_SCOPES
from typeplate_server.auth.clients import ClientState, SecretState, State
from typeplate_server.auth.propagation import Effective, Proof, Scope
from typeplate_server.auth.secrets import ClientSecret
from typeplate_server.auth.service import UNSET, ClientDraft, ClientPatch, CreatedClient
from typeplate_server.auth.tokens import IssuedToken
from typeplate_server.auth.usage import UNKNOWN, LastUses
from typeplate_server.errors import InvalidArgument

STATES: Final[dict[State, client_pb2.ClientState.ValueType]] = {
    "active": client_pb2.CLIENT_STATE_ACTIVE,
    "suspended": client_pb2.CLIENT_STATE_SUSPENDED,
    "revoked": client_pb2.CLIENT_STATE_REVOKED,
}
STATE_OF: Final[dict[int, State]] = {number: state for state, number in STATES.items()}
COLLECTION: Final = "clients/"
MAX_MASK_PATHS: Final = 20
SECRET_NAME: Final = re.compile(r"clients/([^/]+)/secrets/([^/]+)")
EFFECTIVE: Final[dict[Scope, client_pb2.Effective.ValueType]] = {
    "THIS_REPLICA": client_pb2.EFFECTIVE_THIS_REPLICA,
    "EVERYWHERE": client_pb2.EFFECTIVE_EVERYWHERE,
}
PROOF: Final[dict[Proof | None, client_pb2.EffectiveProof.ValueType]] = {
    None: client_pb2.EFFECTIVE_PROOF_UNSPECIFIED,
    "ACKNOWLEDGED": client_pb2.EFFECTIVE_PROOF_ACKNOWLEDGED,
    "STALENESS_BOUND": client_pb2.EFFECTIVE_PROOF_STALENESS_BOUND,
}


M = TypeVar("M", client_pb2.Client, client_pb2.ClientSecret)


class _Effect(TypedDict):
    client: client_pb2.Client
    effective: client_pb2.Effective.ValueType
    proof: client_pb2.EffectiveProof.ValueType
    everywhere_time: Timestamp


IS_SET: Final[dict[str, Callable[[client_pb2.Client], bool]]] = {
    "display_name": lambda client: bool(client.display_name),
    "scopes": lambda client: bool(client.scopes),
    "max_token_lifetime": lambda client: client.HasField("max_token_lifetime"),
    "labels": lambda client: bool(client.labels),
}
"""The fields that UpdateClient can change, and whether a message sets them."""


def client_id_of(name: str, field: str) -> str:
    """`clients/{client_id}` → client id (AIP-122). Raises InvalidArgument naming `field`."""
    client_id = name.removeprefix(COLLECTION)
    if not name.startswith(COLLECTION) or not client_id or "/" in client_id:
        raise InvalidArgument.of(field, "must be of the form clients/{client_id}")
    return client_id


def scopes_of(scopes: Sequence[str], field: str) -> tuple[str, ...]:
    """The scopes, if they are at most 20. Raises InvalidArgument naming `field`, before one of them is copied."""
    if len(scopes) > MAX_SCOPES:
        raise InvalidArgument.of(field, f"must be at most {MAX_SCOPES}")
    return tuple(scopes)


def secret_of(name: str, field: str) -> tuple[str, str]:
    """`clients/{client_id}/secrets/{secret_id}` → both ids. Raises InvalidArgument naming `field`."""
    form = SECRET_NAME.fullmatch(name)
    if form is None:
        raise InvalidArgument.of(field, "must be of the form clients/{client_id}/secrets/{secret_id}")
    return form[1], form[2]


def draft_of(request: pb.CreateClientRequest) -> ClientDraft:
    """What the caller says of the client to be made."""
    if not request.HasField("client"):
        raise InvalidArgument.of("client", "is required")
    client = request.client
    return ClientDraft(
        client_id=request.client_id,
        display_name=client.display_name,
        scopes=scopes_of(client.scopes, "client.scopes"),
        max_token_lifetime_s=optional_seconds(client, "max_token_lifetime", "client.max_token_lifetime"),
        labels=dict(client.labels),
    )


def patch_of(request: pb.UpdateClientRequest) -> ClientPatch:
    """The fields to change (AIP-134): those of the mask; without one, those that are set."""
    client = request.client
    fields = _masked_fields(request.update_mask) if request.HasField("update_mask") else _set_fields(client)
    lifetime = optional_seconds(client, "max_token_lifetime", "client.max_token_lifetime")
    return ClientPatch(
        display_name=client.display_name if "display_name" in fields else UNSET,
        scopes=scopes_of(client.scopes, "client.scopes") if "scopes" in fields else UNSET,
        max_token_lifetime_s=lifetime if "max_token_lifetime" in fields else UNSET,
        labels=dict(client.labels) if "labels" in fields else UNSET,
    )


def _set_fields(client: client_pb2.Client) -> set[str]:
    return {field for field, is_set in IS_SET.items() if is_set(client)}


def _masked_fields(mask: FieldMask) -> set[str]:
    if len(mask.paths) > MAX_MASK_PATHS:
        what = f"has {len(mask.paths)} paths, at most {MAX_MASK_PATHS} are allowed"
        raise InvalidArgument.of("update_mask", what)
    paths = set(mask.paths)
    if paths == {"*"}:
        return set(IS_SET)
    if unknown := sorted(paths - IS_SET.keys()):
        raise InvalidArgument.of("update_mask", f"{unknown[0]!r} cannot be changed; {', '.join(IS_SET)} can, or *")
    return paths


def states_of(numbers: Sequence[int]) -> tuple[State, ...]:
    """The states of a filter. Raises InvalidArgument for too many, for UNSPECIFIED and for numbers nobody knows."""
    if len(numbers) > len(STATES) + 1:
        raise InvalidArgument.of("filter.states", f"has {len(numbers)} elements, at most {len(STATES) + 1} are allowed")
    for number in numbers:
        if number == client_pb2.CLIENT_STATE_UNSPECIFIED:
            what = "CLIENT_STATE_UNSPECIFIED cannot be asked for; for any, leave the field empty"
            raise InvalidArgument.of("filter.states", what)
        if number not in STATE_OF:
            raise InvalidArgument.of("filter.states", f"{number} is not a state")
    return tuple(STATE_OF[number] for number in numbers)


def optional_seconds(
    message: pb.IssueTokenRequest | pb.CreateClientSecretRequest | client_pb2.Client, name: str, field: str
) -> float | None:
    """A Duration field in seconds, None when absent. Raises InvalidArgument naming `field` when it is malformed."""
    if not message.HasField(name):  # type: ignore[arg-type]
        return None
    duration: Duration = getattr(message, name)
    same_sign = duration.seconds == 0 or duration.nanos == 0 or (duration.seconds < 0) == (duration.nanos < 0)
    if abs(duration.seconds) > 315_576_000_000 or abs(duration.nanos) > 999_999_999 or not same_sign:
        raise InvalidArgument.of(field, "is not a valid google.protobuf.Duration")
    return duration.seconds + duration.nanos / 1e9


def client_message(
    client: ClientState, created: ClientSecret | None = None, used: LastUses = UNKNOWN
) -> client_pb2.Client:
    """The client as its administrators see it; with the value of the secret just created, in no other case."""
    message = client_pb2.Client(
        name=client.name,
        client_id=client.client_id,
        display_name=client.display_name,
        scopes=sorted(client.scopes),
        labels=client.labels,
        state=STATES[client.state],
        secrets=[_secret_message(secret, created, used) for secret in client.secrets],
        create_time=timestamp(client.create_time),
        update_time=timestamp(client.update_time),
        revoke_reason=client.revoke_reason,
        etag=client.etag,
    )
    if client.max_token_lifetime_s is not None:
        message.max_token_lifetime.FromSeconds(client.max_token_lifetime_s)
    if client.revoke_time is not None:
        message.revoke_time.CopyFrom(timestamp(client.revoke_time))
    last_use_time = used.of(client)
    if last_use_time is not None:
        message.last_use_time.CopyFrom(timestamp(last_use_time))
    return message


def _secret_message(
    secret: SecretState, created: ClientSecret | None, used: LastUses = UNKNOWN
) -> client_pb2.ClientSecret:
    message = client_pb2.ClientSecret(secret_id=secret.secret_id, create_time=timestamp(secret.create_time))
    if secret.expire_time is not None:
        message.expire_time.CopyFrom(timestamp(secret.expire_time))
    if created is not None and created.secret_id == secret.secret_id:
        message.value = created.value
    last = used.secrets.get(secret.secret_id)
    if last is not None:
        message.last_use_time.CopyFrom(timestamp(last.last_use_time))
        message.last_use_peer = last.peer
    return message


def created_secret_message(created: CreatedClient) -> client_pb2.ClientSecret:
    """The secret just made, with its value."""
    state = next(each for each in created.client.secrets if each.secret_id == created.secret.secret_id)
    return in_force(_secret_message(state, created.secret), created.effective)


def in_force(message: M, effective: Effective) -> M:
    """The message, which is the answer to a change, with where that is in force."""
    message.change_effect.effective = EFFECTIVE[effective.scope]
    message.change_effect.proof = PROOF[effective.proof]
    message.change_effect.everywhere_time.CopyFrom(timestamp(effective.everywhere_time))
    return message


def effect(changed: Changed[ClientState]) -> _Effect:
    """What every answer to a change of a client says: the client, and where the change is in force."""
    effective = changed.effective
    return {
        "client": client_message(changed.value),
        "effective": EFFECTIVE[effective.scope],
        "proof": PROOF[effective.proof],
        "everywhere_time": timestamp(effective.everywhere_time),
    }


def token_message(token: IssuedToken) -> pb.IssueTokenResponse:
    """The answer of IssueToken (RFC 6749 §5.1)."""
    return pb.IssueTokenResponse(
        access_token=token.access_token,
        token_type="Bearer",  # noqa: S106 - a word of RFC 6750
        expires_in=duration(token.expires_in_s),
        expire_time=timestamp(token.expire_time),
        refresh_after=duration(token.refresh_after_s),
        scopes=sorted(token.scopes),
    )


def duration(seconds: float) -> Duration:
    """Seconds as a Duration, to the microsecond."""
    message = Duration()
    message.FromMicroseconds(round(seconds * 1e6))
    return message


def timestamp(seconds: float) -> Timestamp:
    """Epoch seconds as a Timestamp, to the microsecond."""
    message = Timestamp()
    message.FromMicroseconds(round(seconds * 1e6))
    return message
