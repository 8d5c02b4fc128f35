"""What a token says, how long it lives, and when to get the next one."""

import random

import jwt
import pytest

from tests.support.auth_world import ISSUER, NOW, AuthWorld, client_state
from tests.support.forged_signatures import signed
from typeplate_server.auth.tokens import MAX_TOKEN_LIFETIME_S, TokenIssuer
from typeplate_server.errors import TokenInvalid


def test_the_claims_are_those_of_rfc_9068_and_the_generation() -> None:
    """Nothing more, nothing less, and of the right types."""
    world = AuthWorld()
    issued = world.issuer.issue(world.client("root"), {"vehicles:write", "vehicles:read"}, 60)
    claims = jwt.decode(issued.access_token, options={"verify_signature": False})
    assert claims == {
        "iss": ISSUER, "aud": "typeplate", "sub": "root", "client_id": "root", "iat": 1_800_000_000,
        "exp": 1_800_000_060, "jti": issued.jti, "scope": "vehicles:read vehicles:write", "gen": "1.00c0ffee00c0ffee",
    }  # fmt: skip


def test_what_was_issued_is_what_is_read() -> None:
    """Issue and verify agree, a token without scopes included."""
    world = AuthWorld()
    for scopes in (frozenset[str](), frozenset({"vehicles:read"}), world.client("root").scopes):
        issued = world.issuer.issue(world.client("root"), scopes)
        token = world.verifier.verify(issued.access_token)
        assert (token.client_id, token.jti, token.scopes, token.exp) == (
            "root", issued.jti, issued.scopes, issued.expire_time,
        )  # fmt: skip
        assert (token.generation, token.kid) == ("1.00c0ffee00c0ffee", world.key.kid)
        assert token.scopes == scopes


@pytest.mark.parametrize(
    ("configured", "of_client", "wanted", "life"),
    [
        (900, None, None, 900), (86_400, None, None, MAX_TOKEN_LIFETIME_S), (300, None, None, 300),
        (900, 120, None, 120), (900, 5000, None, 900), (900, None, 30, 30), (900, None, 1e12, 900),
        (900, 120, 600, 120), (60, 120, 600, 60), (900, None, 30.9, 30), (900, None, 0.5, 1),
    ],
)  # fmt: skip
def test_the_shortest_of_all_limits_counts(
    configured: int, of_client: int | None, wanted: float | None, life: float
) -> None:
    """Configuration, client and caller can each only shorten the constant in code."""
    world = AuthWorld()
    issuer = TokenIssuer(world.keys, ISSUER, world.clock, max_lifetime_s=configured)
    issued = issuer.issue(client_state(max_token_lifetime_s=of_client), (), wanted)
    token = world.verifier.verify(issued.access_token)
    assert token.exp - token.iat == life
    assert issued.expire_time == token.exp


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.999])
def test_a_token_lives_for_its_lifetime_at_most_and_for_expires_in_exactly(fraction: float) -> None:
    """Whenever in a second it is made: 15 minutes are never 15 minutes and a second."""
    world = AuthWorld()
    world.clock.now = 1_800_000_000 + fraction
    issued = world.issuer.issue(world.client(), (), 900)
    token = world.verifier.verify(issued.access_token)
    assert (token.iat, token.exp) == (1_800_000_000, 1_800_000_900)
    assert world.clock.now + issued.expires_in_s == issued.expire_time == token.exp


def test_a_token_that_would_live_longer_than_any_may_is_none_of_ours() -> None:
    """However well it is signed: by one second."""
    world = AuthWorld()
    iat = int(NOW)
    world.verifier.verify(signed(world.key, world.claims(iat=iat, exp=iat + MAX_TOKEN_LIFETIME_S)))
    with pytest.raises(TokenInvalid):
        world.verifier.verify(signed(world.key, world.claims(iat=iat, exp=iat + MAX_TOKEN_LIFETIME_S + 1)))


def test_refresh_is_due_between_70_and_85_per_cent_of_the_life() -> None:
    """Drawn anew for each token, so that a fleet does not come all at once."""
    world = AuthWorld()
    issuer = TokenIssuer(world.keys, ISSUER, world.clock, uniform=random.Random(7).uniform)
    drawn = [issuer.issue(world.client(), (), 100).refresh_after_s for _ in range(300)]
    left = issuer.issue(world.client(), (), 100).expires_in_s
    assert 0.70 * left <= min(drawn) < 0.71 * left
    assert 0.84 * left < max(drawn) <= 0.85 * left
    assert len(set(drawn)) == len(drawn)


def test_no_two_tokens_are_alike() -> None:
    """Each has its own jti."""
    world = AuthWorld()
    assert len({world.token() for _ in range(200)}) == 200


def test_a_token_shows_in_no_repr() -> None:
    """Log client id, jti, kid; never the token."""
    world = AuthWorld()
    issued = world.issuer.issue(world.client(), ())
    read = world.verifier.verify(issued.access_token)
    signature = issued.access_token.rpartition(".")[2]
    assert all(signature not in repr(shown) and "eyJ" not in repr(shown) for shown in (issued, read, world.caller()))


def test_the_longest_token_fits_its_limit() -> None:
    """Longest id, every scope, a generation no client will reach: far from 4096 bytes."""
    world = AuthWorld()
    client = client_state("a" * 63, world.client("root").scopes, generation=10**18)
    assert len(world.issuer.issue(client, client.scopes).access_token) < 1024
