"""Signing keys: their names, their one header, and what of them is published."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.auth_world import ISSUER, Clock, client_state
from typeplate_server.auth.keyring import KeyRing, SigningKey
from typeplate_server.auth.tokens import AccessTokenVerifier, TokenIssuer
from typeplate_server.errors import TokenInvalid


def test_kid_is_the_thumbprint_of_rfc_8037() -> None:
    """The example of RFC 8037, appendices A.1 to A.3."""
    d = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey.of(Ed25519PrivateKey.from_private_bytes(d))
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert key.jwk()["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


def test_the_header_segment_is_what_tokens_begin_with() -> None:
    """To the byte, and it says alg, kid and typ and nothing else (RFC 9068 §2.1)."""
    key = SigningKey.generate()
    token = TokenIssuer(KeyRing([key]), ISSUER, Clock()).issue(client_state(), ()).access_token
    assert token.split(".")[0] == key.header_segment
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": key.kid, "typ": "at+jwt"}


def test_published_keys_verify_and_hold_no_private_part() -> None:
    """RFC 7517: PyJWT reads them as any consumer would, the signing one first."""
    one, two, three = (SigningKey.generate() for _ in range(3))
    jwks = KeyRing([one, two, three]).jwks()
    assert [jwk["kid"] for jwk in jwks] == [one.kid, *sorted([two.kid, three.kid])]
    assert all(jwk.keys() == {"kty", "crv", "x", "kid", "use", "alg"} for jwk in jwks)
    token = TokenIssuer(KeyRing([one]), ISSUER, Clock()).issue(client_state(), ()).access_token
    claims = jwt.decode(token, jwt.PyJWK(jwks[0]), audience="typeplate", options={"verify_iat": False})
    assert claims["iss"] == ISSUER
    assert one.private.private_bytes_raw().hex() not in json.dumps(jwks)


def test_every_live_key_verifies_and_only_the_first_signs() -> None:
    """Rotation will need it."""
    old, new = SigningKey.generate(), SigningKey.generate()
    token = TokenIssuer(KeyRing([old]), ISSUER, Clock()).issue(client_state(), ()).access_token
    both = KeyRing([new, old])
    assert AccessTokenVerifier(both, ISSUER, Clock()).verify(token).kid == old.kid
    assert TokenIssuer(both, ISSUER, Clock()).issue(client_state(), ()).access_token.startswith(new.header_segment)
    with pytest.raises(TokenInvalid):
        AccessTokenVerifier(KeyRing([new]), ISSUER, Clock()).verify(token)


def test_a_ring_without_a_key_or_with_one_twice_is_refused() -> None:
    """Neither could be meant."""
    key = SigningKey.generate()
    for keys in ([], [key, key]):
        with pytest.raises(ValueError, match="key ring"):
            KeyRing(keys)


def test_repr_shows_the_kid_only() -> None:
    """Keys are compared by identity and shown by name."""
    key = SigningKey.generate()
    assert repr(key) == f"SigningKey(kid={key.kid!r})"
    assert key != SigningKey.of(key.private)
