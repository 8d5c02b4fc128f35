"""Tokens with a header or a signature that a server must refuse, and what it takes to sign such tokens."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from typeplate_server.auth.keyring import SigningKey, base64url

ODD_VALUES: Final[tuple[Any, ...]] = (None, True, 1.5, [], {})
_L: Final = 2**252 + 27742317777372353535851937790883648493  # order of the Ed25519 group (RFC 8032 §5.1)


def signed(key: SigningKey, claims: dict[str, Any]) -> str:
    """These claims under our header and key."""
    return signed_text(key, json.dumps(claims, separators=(",", ":")).encode())


def signed_text(key: SigningKey, payload: bytes, header: str | None = None) -> str:
    """This payload under our key; `header` replaces the header segment."""
    head = f"{header if header is not None else key.header_segment}.{base64url(payload)}"
    return f"{head}.{base64url(key.private.sign(head.encode()))}"


def headers(key: SigningKey, claims: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Tokens whose header is not ours, or is ours above a signature that is not, by name."""
    payload = json.dumps(claims, separators=(",", ":")).encode()
    good = key.jose_header
    attacker = SigningKey.generate()
    for name, text in (*_header_texts(good, attacker), *_header_bytes(good)):
        yield name, signed_text(key, payload, base64url(text))
    for name, header in _attacker_headers(good, attacker):
        yield name, signed_text(attacker, payload, base64url(dump(header)))
    yield "our header, attacker's key", signed_text(attacker, payload, key.header_segment)
    yield "another server's token", signed_text(attacker, payload)
    for name, secret in _public_key_as_bytes(key):
        for algorithm in ("HS256", "HS384", "HS512"):
            head = f"{base64url(dump(good | {'alg': algorithm}))}.{base64url(payload)}"
            mac = hmac.digest(secret, head.encode(), getattr(hashlib, f"sha{algorithm[2:]}"))
            yield f"{algorithm} with {name} as the key", f"{head}.{base64url(mac)}"
    head = f"{key.header_segment}.{base64url(payload)}"
    mac = hmac.digest(key.public.public_bytes_raw(), head.encode(), "sha512")
    yield "our header, HMAC with the public key as signature", f"{head}.{base64url(mac)}"


def _header_texts(good: dict[str, str], attacker: SigningKey) -> Iterator[tuple[str, bytes]]:
    for algorithm in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "eddsa",
        "EDDSA",
        "Ed25519",
        "Ed448",
        "ES256",
        "RS256",
        "PS256",
    ):
        yield f"alg {algorithm!r}", dump(good | {"alg": algorithm})
    for odd in (*ODD_VALUES, 1, ["EdDSA"]):
        yield f"alg {odd!r}", dump(good | {"alg": odd})
    for kid in ("", "../../../../dev/null", "' OR 1=1 --", "0", None, 7):
        yield f"kid {kid!r}", dump(good | {"kid": kid})
    yield "kid in a list", dump(good | {"kid": [good["kid"]]})
    yield "kid of an unknown key", dump(good | {"kid": attacker.kid})
    yield "kid with a NUL behind", dump(good | {"kid": good["kid"] + "\0"})
    yield "kid in the other case", dump(good | {"kid": good["kid"].swapcase()})
    for kind in ("JWT", "at+JWT", "application/at+jwt", "jwt", "", "logout+jwt", None, 1):
        yield f"typ {kind!r}", dump(good | {"typ": kind})
    for name in ("alg", "kid", "typ"):
        yield f"without {name}", dump({other: value for other, value in good.items() if other != name})
    yield "empty object", b"{}"
    for crit in (["b64"], ["exp"], [], ["typeplate"], "b64", None):
        yield f"crit {crit!r}", dump(good | {"crit": crit})
    yield "b64 false", dump(good | {"b64": False, "crit": ["b64"]})
    yield "zip", dump(good | {"zip": "DEF"})
    yield "cty", dump(good | {"cty": "JWT"})
    yield "unknown member", dump(good | {"x": 1})


def _header_bytes(good: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    text = dump(good)
    yield "alg twice, none first", text.replace(b"{", b'{"alg":"none",', 1)
    yield "alg twice, none last", text.replace(b"}", b',"alg":"none"}')
    yield "kid twice", text.replace(b"}", b',"kid":"x"}')
    yield "other order", dump(dict(reversed(good.items())))
    yield "spaces", json.dumps(good).encode()
    yield "newline behind", text + b"\n"
    yield "NUL behind", text + b"\0"
    yield "byte order mark", b"\xef\xbb\xbf" + text
    yield "UTF-16", text.decode().encode("utf-16")
    yield "escaped letters", text.replace(b"alg", b"\\u0061lg")
    yield "invalid UTF-8", text.replace(b"EdDSA", b"EdDS\xff")
    yield "array", b"[" + text + b"]"
    yield "string", b'"EdDSA"'
    yield "no JSON", b"EdDSA"


def _attacker_headers(good: dict[str, str], attacker: SigningKey) -> Iterator[tuple[str, dict[str, Any]]]:
    jwk = attacker.jwk()
    yield "attacker's jwk", good | {"jwk": jwk}
    yield "attacker's jwk under our kid", good | {"jwk": jwk | {"kid": good["kid"]}}
    yield "attacker's jwk, none of ours", {"alg": "EdDSA", "typ": "at+jwt", "jwk": jwk}
    for name in ("jku", "x5u"):
        yield name, good | {name: "http://127.0.0.1:1/keys"}
    yield "x5c", good | {"x5c": [jwk["x"]]}
    yield "x5t#S256", good | {"x5t#S256": attacker.kid}


def _public_key_as_bytes(key: SigningKey) -> Iterator[tuple[str, bytes]]:
    yield "the raw public key", key.public.public_bytes_raw()
    yield "the PEM public key", key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield "the DER public key", key.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    yield "the JWK's x", key.jwk()["x"].encode()
    yield "nothing", b""


def signatures(key: SigningKey, claims: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Tokens with our header and a signature that is not of what stands before it, by name."""
    token = signed(key, claims)
    head, _, text = token.rpartition(".")
    raw = key.private.sign(head.encode())
    other = signed(key, claims | {"jti": "another"}).rpartition(".")[2]
    larger = int.from_bytes(raw[32:], "little") + _L
    yield "of another token", f"{head}.{other}"
    yield "halves swapped", f"{head}.{base64url(raw[32:] + raw[:32])}"
    yield "S plus the group order", f"{head}.{base64url(raw[:32] + larger.to_bytes(32, 'little'))}"
    yield "one byte short", f"{head}.{base64url(raw[:-1])}"
    yield "one byte long", f"{head}.{base64url(raw + bytes(1))}"
    yield "one byte", f"{head}.AA"
    yield "zeros", f"{head}.{base64url(bytes(64))}"
    yield "identity point, zero S", f"{head}.{base64url(bytes([1]) + bytes(63))}"
    yield "random", f"{head}.{base64url(bytes(range(64)))}"
    yield "twice", f"{head}.{base64url(raw + raw)}"
    for position in (0, 31, 32, 62):
        yield f"bit flipped at byte {position}", f"{head}.{base64url(_flip(raw, position))}"
    header, payload, _ = token.split(".")
    yield (
        "payload of another token",
        f"{header}.{base64url(dump(claims | {'sub': 'root', 'client_id': 'root'}))}.{text}",
    )
    yield "over the payload alone", f"{head}.{base64url(key.private.sign(payload.encode()))}"
    yield "over the decoded payload", f"{head}.{base64url(key.private.sign(dump(claims)))}"


def _flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def dump(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()
