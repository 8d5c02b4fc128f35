"""No forged token is admitted, and each is refused for the reason that names its fault."""

import jwt
import pytest

from tests.support.auth_world import ANY_TOKEN, AuthWorld
from tests.support.forged_signatures import signed
from tests.support.forged_tokens import Forgery, forgeries
from typeplate_server.auth.admission import Admission
from typeplate_server.auth.tokens import AccessTokenVerifier
from typeplate_server.errors import ServiceError, Unauthenticated

WORLD = AuthWorld()
FORGERIES = list(forgeries(WORLD.key, WORLD.claims()))


def test_the_token_the_forgeries_are_made_from_is_admitted() -> None:
    """Else they would be refused for nothing."""
    caller = WORLD.admit(signed(WORLD.key, WORLD.claims()))
    assert caller is not None
    assert caller.client_id == "reader"


def test_the_suite_is_large_and_each_name_stands_once() -> None:
    """At least 120 forgeries (security.md §7)."""
    assert len({forgery.name for forgery in FORGERIES}) == len(FORGERIES) >= 120
    assert len({forgery.values for forgery in FORGERIES}) == len(FORGERIES)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name.encode("unicode_escape").decode())
def test_a_forged_token_is_refused(forgery: Forgery) -> None:
    """Never admitted, always UNAUTHENTICATED, for the right reason; asked twice, because of the cache."""
    for _ in range(2):
        with pytest.raises(Unauthenticated) as refused:
            WORLD.admission.admit(forgery.values, ANY_TOKEN)
        assert refused.value.reason == forgery.reason
        assert refused.value.__cause__ is None


def test_a_foreign_header_is_refused_before_any_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header segment is compared first: `alg`, `kid`, `jwk` are never acted upon."""
    asked: list[str] = []

    def never(*_: object) -> bool:
        asked.append("signature")
        return True

    monkeypatch.setattr("typeplate_server.auth.tokens.signature_is_good", never)
    for forgery in FORGERIES:
        if forgery.name.startswith("header: ") and "our header" not in forgery.name:
            with pytest.raises(Unauthenticated):
                WORLD.admission.admit(forgery.values, ANY_TOKEN)
    assert asked == []


def test_pyjwt_alone_would_accept_some_of_them() -> None:
    """Why shape and claims are checked here: what we refuse is not all refused by the library."""
    accepted = []
    for forgery in FORGERIES:
        try:
            token = str(forgery.values[0]).removeprefix("Bearer ")
            jwt.decode(
                token,
                WORLD.key.public,
                ["EdDSA"],
                audience="typeplate",
                options={"verify_iat": False, "verify_exp": False},
            )
            accepted.append(forgery.name)
        except (jwt.PyJWTError, ValueError, TypeError, IndexError):
            continue
    assert "encoding: signature==" in accepted
    assert "payload: scope twice" in accepted


def test_an_unexpected_error_in_admission_is_token_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks in there lets nobody in and does not say INTERNAL."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("inner")

    world = AuthWorld()
    monkeypatch.setattr(AccessTokenVerifier, "verify", broken)
    with pytest.raises(ServiceError) as refused:
        world.admit(world.token())
    assert refused.value.reason == "TOKEN_INVALID"
    monkeypatch.setattr(Admission, "recheck", broken)
    with pytest.raises(ServiceError) as refused:
        world.admit(WORLD.token())
    assert refused.value.reason == "TOKEN_INVALID"
    assert refused.value.__suppress_context__
