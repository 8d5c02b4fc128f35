"""Access tokens (RFC 9068): made here, and read here once their shape is known. The only user of PyJWT.

Rules kept here:
* The header is one of a handful of known strings, compared as such before any cryptography; it is never parsed.
* Claims are exactly those we issue, each once, each of its strict JSON type. PyJWT is used for nothing but the
  signature, because it accepts duplicate names, string times and padding.
* `iat` never goes backwards (the clock passed in does not), and `gen` is that of the `ClientState` passed in:
  whoever read it once reads it no second time.

Not here: whether a token is good *now* (expiry, state, generation, scope). That is `admission`.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from jwt.algorithms import OKPAlgorithm

from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.keyring import ALGORITHM, KeyRing, SigningKey
from typeplate_server.errors import TokenInvalid, TokenMalformed

AUDIENCE: Final = "typeplate"
MAX_TOKEN_LIFETIME_S: Final = 900
MIN_TOKEN_LIFETIME_S: Final = 60
MAX_TOKEN_LENGTH: Final = 4096
LEEWAY_S: Final = 30
REFRESH_AFTER: Final = (0.70, 0.85)

_SEGMENTS: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_EDDSA: Final = OKPAlgorithm()
_UNIFORM: Final = secrets.SystemRandom().uniform
_STRING_CLAIMS: Final = frozenset({"iss", "aud", "sub", "client_id", "jti", "scope", "gen"})
_CLAIMS: Final = _STRING_CLAIMS | {"iat", "exp"}


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and what a cache needs to know of it (RFC 6749 §5.1).

    `expires_in_s` and `refresh_after_s` are seconds from now, `expire_time` is epoch seconds.
    """

    access_token: str = field(repr=False)
    jti: str
    kid: str
    expires_in_s: float
    expire_time: float
    refresh_after_s: float
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The claims of a token whose signature is good. `key` is the key that made it so; times are epoch seconds."""

    client_id: str
    jti: str
    key: SigningKey
    scopes: frozenset[str]
    generation: str
    iat: int
    exp: int

    @property
    def kid(self) -> str:
        """Key id (RFC 7515 §4.1.4)."""
        return self.key.kid


@dataclass(frozen=True, slots=True)
class Jws:
    """A JWS taken apart: the header segment as it stands, payload and signature decoded, and what was signed."""

    header: str
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    signed: bytes = field(repr=False)


class TokenIssuer:
    """Signs tokens. `max_lifetime_s` can only shorten `MAX_TOKEN_LIFETIME_S`; `uniform` draws the refresh point."""

    def __init__(
        self,
        keys: KeyRing,
        issuer: str,
        clock: Callable[[], float],
        *,
        max_lifetime_s: int = MAX_TOKEN_LIFETIME_S,
        uniform: Callable[[float, float], float] = _UNIFORM,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._max_lifetime_s = min(max_lifetime_s, MAX_TOKEN_LIFETIME_S)
        self._uniform = uniform

    def issue(self, client: ClientState, scopes: Collection[str], lifetime_s: float | None = None) -> IssuedToken:
        """A token of `client` in the generation that `client` has. A longer life than allowed is shortened.

        `scopes` must be granted already; checking that is the caller's part.
        """
        life = self._lifetime(client, lifetime_s)
        now = self._clock()
        iat = math.floor(now)
        exp = iat + max(1, math.floor(life))  # exp − iat never exceeds the life, less what whole seconds cannot say
        jti = secrets.token_urlsafe(16)
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": client.client_id,
            "client_id": client.client_id,
            "iat": iat,
            "exp": exp,
            "jti": jti,
            "scope": " ".join(sorted(scopes)),
            "gen": client.generation_claim,
        }
        key = self._keys.signing
        text = jwt.encode(claims, key.private, algorithm=ALGORITHM, headers=key.jose_header)
        left = exp - now  # not the life: a token is never refused before `expires_in` is over
        return IssuedToken(
            text, jti, key.kid, left, float(exp), left * self._uniform(*REFRESH_AFTER), frozenset(scopes)
        )

    def _lifetime(self, client: ClientState, wanted_s: float | None) -> float:
        limits = (self._max_lifetime_s, client.max_token_lifetime_s, wanted_s)
        return float(min(limit for limit in limits if limit is not None))


class AccessTokenVerifier:
    """Reads tokens: shape, header, signature, claims, in this order."""

    def __init__(self, keys: KeyRing, issuer: str, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._issuer = issuer
        self._clock = clock

    def verify(self, token: str) -> AccessToken:
        """The claims of a token of ours. Raises `TokenMalformed` for its shape, `TokenInvalid` for all else.

        An expired token is still ours: `exp` is checked against `iat` only.
        """
        ours = self.read(token)
        if ours.iat > self._clock() + LEEWAY_S:
            raise TokenInvalid
        return ours

    def read(self, token: str) -> AccessToken:
        """The same without asking this replica's clock: what another one issued, whose clock is ahead, is ours too."""
        jws = split(token)
        key = self._keys.by_header.get(jws.header)
        if key is None or not signature_is_good(key, jws.signed, jws.signature):
            raise TokenInvalid
        return self._access_token(_parse_claims(jws.payload), key)

    def _access_token(self, claims: dict[str, Any], key: SigningKey) -> AccessToken:
        iat, exp = claims["iat"], claims["exp"]
        if claims["iss"] != self._issuer or claims["aud"] != AUDIENCE or claims["sub"] != claims["client_id"]:
            raise TokenInvalid
        if not iat < exp <= iat + MAX_TOKEN_LIFETIME_S:
            raise TokenInvalid
        scopes = frozenset(claims["scope"].split(" ") if claims["scope"] else ())
        if "" in scopes:
            raise TokenInvalid
        return AccessToken(claims["client_id"], claims["jti"], key, scopes, claims["gen"], iat, exp)


def split(token: str) -> Jws:
    """The parts of a JWS in compact form (RFC 7515 §3.1), each strictly base64url, or `TokenMalformed`."""
    form = _SEGMENTS.fullmatch(token) if len(token) <= MAX_TOKEN_LENGTH else None
    if form is None:
        raise TokenMalformed
    _decode(form[1])
    return Jws(form[1], _decode(form[2]), _decode(form[3]), token[: form.end(2)].encode("ascii"))


def signature_is_good(key: SigningKey, message: bytes, signature: bytes) -> bool:
    """Ed25519 (RFC 8032 §5.1.7), as PyJWT does it."""
    return _EDDSA.verify(message, key.public, signature)


def _decode(segment: str) -> bytes:
    """Strict base64url: no padding, and the unused bits of the last character are zero (RFC 4648 §3.5)."""
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        raise TokenMalformed from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != segment.encode("ascii"):
        raise TokenMalformed
    return data


def _parse_claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = json.loads(payload.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise TokenInvalid from None
    if not isinstance(claims, dict) or claims.keys() != _CLAIMS:
        raise TokenInvalid
    if not all(_is_sound(name, value) for name, value in claims.items()):
        raise TokenInvalid
    return claims


def _is_sound(name: str, value: object) -> bool:
    """Times are integers, and no booleans; strings are printable ASCII, and only `scope` may be empty."""
    if name not in _STRING_CLAIMS:
        return type(value) is int
    return isinstance(value, str) and value.isascii() and value.isprintable() and (value != "" or name == "scope")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    claims = dict(pairs)
    if len(claims) != len(pairs):
        raise ValueError("a name stands twice")
    return claims


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON (RFC 8259 §6)")
