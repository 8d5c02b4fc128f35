"""Values of `authorization` that a server must refuse, each with its name and the reason it must be refused with.

Most are signed with the server's own key, so that the signature does not hide that another check is missing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.support.forged_signatures import ODD_VALUES, dump, headers, signatures, signed, signed_text
from typeplate_server.auth.keyring import SigningKey, base64url

MISSING: Final = "TOKEN_MISSING"
MALFORMED: Final = "TOKEN_MALFORMED"
INVALID: Final = "TOKEN_INVALID"
EXPIRED: Final = "TOKEN_EXPIRED"
REVOKED: Final = "TOKEN_REVOKED"

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True, slots=True)
class Forgery:
    """All values of the metadata key `authorization` for one call."""

    name: str
    values: tuple[str | bytes, ...]
    reason: str


def forgeries(key: SigningKey, good_claims: dict[str, Any]) -> Iterator[Forgery]:
    """Every forgery, made for a server that signs with `key` and would admit `good_claims` right now."""
    for name, token in headers(key, good_claims):
        yield Forgery(f"header: {name}", (f"Bearer {token}",), INVALID)
    for name, token in signatures(key, good_claims):
        yield Forgery(f"signature: {name}", (f"Bearer {token}",), INVALID)
    for name, claims in _claims(good_claims):
        yield Forgery(f"claims: {name}", (f"Bearer {signed(key, claims)}",), INVALID)
    for name, text in _payloads(good_claims):
        yield Forgery(f"payload: {name}", (f"Bearer {signed_text(key, text)}",), INVALID)
    for name, token in _encodings(key, good_claims):
        yield Forgery(f"encoding: {name}", (f"Bearer {token}",), MALFORMED)
    yield from _entries(signed(key, good_claims))
    yield from _dead(key, good_claims)


def _claims(good: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in good:
        yield f"without {name}", {other: value for other, value in good.items() if other != name}
        yield f"{name} in a list", good | {name: [good[name]]}
        for odd in ODD_VALUES:
            yield f"{name} = {odd!r}", good | {name: odd}
    for name in ("iss", "aud", "sub", "client_id", "jti", "gen"):
        yield f"{name} empty", good | {name: ""}
        yield f"{name} a number", good | {name: 7}
    for name in ("iat", "exp"):
        for number in (str(good[name]), float(good[name]), good[name] + 0.5, 10**18, 10**40, -(10**18), "", False):
            yield f"{name} = {number!r}", good | {name: number}
    yield "wrong iss", good | {"iss": "urn:typeplate:other"}
    yield "iss in capitals", good | {"iss": good["iss"].upper()}
    for odd in ("reader\0", "reader\n", "ｒeader", "readеr", "reader\u202e"):
        yield f"client {odd!r}", good | {"sub": odd, "client_id": odd}
    for audience in ("other", "Typeplate", "typeplate ", "typeplate\0", ["typeplate", "other"], "*"):
        yield f"aud {audience!r}", good | {"aud": audience}
    yield "sub is another", good | {"sub": "root"}
    yield "client_id is another", good | {"client_id": "root"}
    yield "iat far ahead", good | {"iat": good["iat"] + 31, "exp": good["exp"] + 31}
    yield "exp before iat", good | {"exp": good["iat"] - 1}
    yield "exp is iat", good | {"exp": good["iat"]}
    yield "life too long", good | {"exp": good["iat"] + 902}
    yield "ten years", good | {"exp": good["iat"] + 315_360_000}
    for scope in (" vehicles:read", "vehicles:read ", "vehicles:read  clients:admin", " "):
        yield f"scope {scope!r}", good | {"scope": scope}
    for extra in ("nbf", "scp", "roles", "amr", "cnf", "admin", "Exp", "exp ", "EXP"):
        yield f"unknown claim {extra!r}", good | {extra: 1}


def _payloads(good: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    text = dump(good)
    yield "exp twice", text.replace(b"{", b'{"exp":1,', 1)
    yield "exp twice, later last", text[:-1] + b',"exp":%d}' % (good["exp"] + 1)
    yield "sub twice, escaped", text[:-1] + b',"\\u0073ub":"root"}'
    yield "scope twice", text[:-1] + b',"scope":"clients:admin"}'
    yield "byte order mark", b"\xef\xbb\xbf" + text
    yield "UTF-16", text.decode().encode("utf-16-le")
    yield "UTF-32", text.decode().encode("utf-32")
    yield "invalid UTF-8", text.replace(b"reader", b"reade\xff")
    yield "lone surrogate", text.replace(b"reader", b"reade\\ud800")
    yield "two objects", text + text
    yield "something behind", text + b"x"
    yield "array", b"[" + text + b"]"
    yield "null", b"null"
    yield "string", b'"x"'
    yield "number", b"1"
    yield "no JSON", b"exp=1"
    yield "cut off", text[:-1]
    yield "comma behind", text[:-1] + b",}"
    yield "comment", text + b"/**/"
    yield "deep", b"[" * 900 + b"]" * 900
    for number in (b"NaN", b"Infinity", b"-Infinity", b"1e18", b"1e400", b"1.8e9", b"0x7fffffff", b"01"):
        yield f"exp = {number.decode()}", text.replace(b'"exp":%d' % good["exp"], b'"exp":' + number)


def _encodings(key: SigningKey, claims: dict[str, Any]) -> Iterator[tuple[str, str]]:
    token = _unaligned(key, claims)
    header, payload, signature = token.split(".")
    for padding in ("=", "==", "==="):
        yield f"signature{padding}", token + padding
        yield f"header{padding}", f"{header}{padding}.{payload}.{signature}"
        yield f"payload{padding}", f"{header}.{payload}{padding}.{signature}"
    yield "unused bits of the signature", f"{header}.{payload}.{_unused_bit(signature)}"
    yield "unused bits of the payload", f"{header}.{_unused_bit(payload)}.{signature}"
    yield (
        "unused bits of the header",
        f"{_unused_bit(header[:-1] if len(header) % 4 == 0 else header)}.{payload}.{signature}",
    )
    yield "a length no encoding has", f"{header}.{payload}.{signature[:-1]}"
    yield "no signature", f"{header}.{payload}."
    yield "no signature, no dot", f"{header}.{payload}"
    yield "alg none as in RFC 7519", f"{base64url(dump({'alg': 'none'}))}.{payload}."
    yield "no payload", f"{header}..{signature}"
    yield "no header", f".{payload}.{signature}"
    yield "dots only", ".."
    yield "four segments", f"{token}.{signature}"
    yield "five segments", f"{header}.{header}.{header}.{payload}.{signature}"
    yield "dot before", f".{token}"
    yield "dot behind", f"{token}."
    for name, odd in (("space", " "), ("tab", "\t"), ("newline", "\n"), ("carriage return", "\r"), ("NUL", "\0"),
                      ("plus", "+"), ("slash", "/"), ("percent", "%2E"), ("comma", ","), ("full-width A", "Ａ"),
                      ("Cyrillic а", "а"), ("zero-width space", "\u200b"), ("Arabic digit", "٣"),
                      ("tilde", "~")):  # fmt: skip
        yield f"{name} within", f"{header}.{payload[:8]}{odd}{payload[8:]}.{signature}"
        yield f"{name} behind", f"{token}{odd}"
    yield "too long", f"{header}.{payload}{'A' * 4096}.{signature}"
    yield "JSON serialization", json.dumps({"protected": header, "payload": payload, "signature": signature})
    yield "quoted", f'"{token}"'
    yield "the bare header", header


def _entries(token: str) -> Iterator[Forgery]:
    yield Forgery("entry: none", (), MISSING)
    yield Forgery("entry: empty", ("",), MISSING)
    yield Forgery("entry: empty bytes", (b"",), MISSING)
    yield Forgery("entry: two", (f"Bearer {token}", f"Bearer {token}"), MALFORMED)
    yield Forgery("entry: an empty one beside it", ("", f"Bearer {token}"), MALFORMED)
    yield Forgery("entry: bytes that are no text", (b"Bearer \xff\xfe",), MALFORMED)
    for value in (
        "Bearer", "Bearer ", "bearer", token, f"Bearer{token}", f"Bearer  {token}", f"Bearer\t{token}",
        f" Bearer {token}",
        f"Bearer {token} ", f"Bearer Bearer {token}", f"Basic {token}", f"DPoP {token}", f"Token {token}",
        f"Bearer {token}, Bearer {token}", f"Bearer {token},{token}", f"Bearer: {token}", f"Ｂearer {token}",
        f"Bearer={token}", "Basic cm9vdDpyb290", "null", "undefined", "Bearer null", " ", "\0", "Bearer a.b",
    ):  # fmt: skip
        yield Forgery(f"entry: {value.replace(token, '…')!r}", (value,), MALFORMED)


def _dead(key: SigningKey, good: dict[str, Any]) -> Iterator[Forgery]:
    old = good | {"iat": good["iat"] - 901, "exp": good["iat"] - 1}
    yield Forgery("dead: expired", (f"Bearer {signed(key, old)}",), EXPIRED)
    yield Forgery("dead: at the epoch", (f"Bearer {signed(key, good | {'iat': 0, 'exp': 1})}",), EXPIRED)
    count, _, nonce = good["gen"].partition(".")
    generations = ("0", count, f"2.{nonce}", f"{good['gen']} ", f".{good['gen']}", "-1.0", "1.0000000000000000")
    for number, generation in enumerate(generations):
        yield Forgery(f"dead: gen {number}", (f"Bearer {signed(key, good | {'gen': generation})}",), REVOKED)
    for client_id in ("nobody", "Reader", "reader ", " reader", "reader/"):
        claims = good | {"sub": client_id, "client_id": client_id}
        yield Forgery(f"dead: client {client_id!r}", (f"Bearer {signed(key, claims)}",), REVOKED)


def _unaligned(key: SigningKey, claims: dict[str, Any]) -> str:
    """A good token whose payload segment has unused bits."""
    for filler in ("", "x", "xx"):
        token = signed(key, claims | {"jti": claims["jti"] + filler})
        if len(token.split(".")[1]) % 4:
            return token
    raise AssertionError("three lengths in a row cannot all be multiples of three")


def _unused_bit(segment: str) -> str:
    return segment[:-1] + _ALPHABET[_ALPHABET.index(segment[-1]) ^ 1]
