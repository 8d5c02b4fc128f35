"""Project Wycheproof's vectors, on the signature primitive and on the reader of access tokens.

The JWS vectors that concern an EdDSA verifier are written for ES256. None of them is a token of ours, so all are
refused, the valid ones too; and since our reader refuses a foreign header before anything else, each is put to it a
second time with our own header in place of theirs, so that payload and signature are looked at as well.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support.auth_world import ANY_TOKEN, AuthWorld
from tests.support.shared import shared_path
from typeplate_server.auth.keyring import SigningKey
from typeplate_server.auth.tokens import signature_is_good
from typeplate_server.errors import Unauthenticated

JWS_CASES: Final = frozenset({*range(18, 33), 354, 356, *range(378, 402)})


def vectors(name: str) -> dict[str, Any]:
    """One file of vectors; skips visibly when it is away."""
    content: dict[str, Any] = json.loads(shared_path(f"vectors/wycheproof/{name}").read_text(encoding="utf-8"))
    return content


def jws_cases() -> Iterator[dict[str, Any]]:
    """The cases that concern an ES256 or EdDSA verifier (see the README beside the vectors)."""
    for group in vectors("json_web_signature_test.json")["testGroups"]:
        yield from (test for test in group["tests"] if test["tcId"] in JWS_CASES)


def test_ed25519_signatures_are_judged_as_wycheproof_says() -> None:
    """Every case of ed25519_test.json: malleable, truncated, padded and wrong ones are refused, valid ones accepted."""
    private = SigningKey.generate().private
    wrong, seen = [], 0
    for group in vectors("ed25519_test.json")["testGroups"]:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(group["publicKey"]["pk"]))
        key = SigningKey("wycheproof", private, public)
        for test in group["tests"]:
            good = signature_is_good(key, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            seen += 1
            if good != (test["result"] == "valid"):
                wrong.append((test["tcId"], test["comment"], good))
    assert seen >= 150
    assert wrong == []


def test_no_jws_vector_is_admitted() -> None:
    """Those that are valid under their own key included: it is not ours."""
    world, seen = AuthWorld(), 0
    for test in jws_cases():
        with pytest.raises(Unauthenticated):
            world.admit(test["jws"], ANY_TOKEN)
        seen += 1
    assert seen == len(JWS_CASES)


def test_no_jws_vector_is_admitted_under_our_header() -> None:
    """Their payloads and signatures behind a header of ours, and their signatures behind a whole token of ours."""
    world = AuthWorld()
    ours = world.token()
    header, payload, _ = ours.split(".")
    assert world.admit(ours, ANY_TOKEN) is not None
    for test in jws_cases():
        segments = test["jws"].split(".")
        for forged in (".".join([header, *segments[1:]]), ".".join([header, payload, *segments[2:]])):
            with pytest.raises(Unauthenticated):
                world.admit(forged, ANY_TOKEN)
