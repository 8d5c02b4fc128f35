"""Single tokens and signing keys between `typeplate.v1` messages and the values of `auth`."""

from __future__ import annotations

from typing import Final

from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import client_pb2
from typeplate_server.auth.changes import Changed
from typeplate_server.auth.key_administration import KeyChange
from typeplate_server.auth.store import RevokedToken, SigningKeyState
from typeplate_server.auth.tokens import AccessToken
from typeplate_server.rpc.auth_mapping import EFFECTIVE, PROOF, timestamp

KEY_STATES: Final[dict[SigningKeyState, pb.SigningKeyState.ValueType]] = {
    "published": pb.SIGNING_KEY_STATE_PUBLISHED,
    "signing": pb.SIGNING_KEY_STATE_SIGNING,
    "retired": pb.SIGNING_KEY_STATE_RETIRED,
    "removed": pb.SIGNING_KEY_STATE_REMOVED,
}


def revoked_message(changed: Changed[RevokedToken] | None) -> pb.RevokeTokenResponse:
    """Where the token is dead; None: it was so before, everywhere."""
    if changed is None:
        return pb.RevokeTokenResponse(effective=client_pb2.EFFECTIVE_EVERYWHERE)
    effective = changed.effective
    return pb.RevokeTokenResponse(
        effective=EFFECTIVE[effective.scope],
        proof=PROOF[effective.proof],
        everywhere_time=timestamp(effective.everywhere_time),
    )


def introspection_message(token: AccessToken | None) -> pb.IntrospectTokenResponse:
    """What RFC 7662 §2.2 lets be told; of a token that is not good nothing but that."""
    if token is None:
        return pb.IntrospectTokenResponse(active=False)
    return pb.IntrospectTokenResponse(
        active=True,
        client_id=token.client_id,
        scopes=sorted(token.scopes),
        jti=token.jti,
        issue_time=timestamp(token.iat),
        expire_time=timestamp(token.exp),
    )


def key_message(change: KeyChange) -> pb.RotateSigningKeyResponse:
    """How the key stands, and where that is in force."""
    effective = change.effective
    return pb.RotateSigningKeyResponse(
        kid=change.key.kid,
        state=KEY_STATES[change.key.state],
        effective=EFFECTIVE[effective.scope],
        proof=PROOF[effective.proof],
        everywhere_time=timestamp(effective.everywhere_time),
    )
