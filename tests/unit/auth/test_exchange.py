"""The token exchange: who gets a token, with which scopes, and how refusals look."""

import contextlib
import random
import statistics
import time
from bisect import bisect_left, bisect_right
from dataclasses import replace
from itertools import combinations

import pytest

from tests.support.auth_world import ANY_TOKEN, NOW, PEER, AuthWorld
from typeplate_server.auth.clients import KNOWN_SCOPES, SecretState
from typeplate_server.auth.secrets import ClientSecret, new_secret
from typeplate_server.auth.tokens import IssuedToken
from typeplate_server.errors import ServiceError


def issue(world: AuthWorld, client_id: str = "reader", secret: str | None = None, *scopes: str) -> IssuedToken:
    """An exchange with the client's own secret, unless another is given."""
    text = world.secrets[client_id].value if secret is None else secret
    return world.exchanging.exchange(client_id, text, scopes, None, PEER)


def refusal(world: AuthWorld, client_id: str = "reader", secret: str | None = None, *scopes: str) -> ServiceError:
    """The refusal of an exchange that must not succeed."""
    with pytest.raises(ServiceError) as refused:
        issue(world, client_id, secret, *scopes)
    return refused.value


def test_a_right_secret_gets_a_token_that_is_admitted() -> None:
    """With all granted scopes when none is named."""
    world = AuthWorld()
    token = issue(world)
    assert token.scopes == {"vehicles:read"}
    assert token.expires_in_s == 899.75, "from a quarter past the second to the whole one"
    assert world.admit(token.access_token) is not None


def test_scopes_are_never_more_than_granted() -> None:
    """5,000 draws: all of what is wanted when all of it is granted, else a refusal that names the field."""
    world, draw = AuthWorld(), random.Random(5)
    universe = [*sorted(KNOWN_SCOPES), "tokens:introspect", "*", "", "vehicles:read clients:admin", "Vehicles:read"]
    issued = 0
    for _ in range(5000):
        granted = frozenset(scope for scope in sorted(KNOWN_SCOPES) if draw.random() < 0.5)
        wanted = [scope for scope in universe if draw.random() < 0.2] * draw.choice([1, 1, 2])
        world.set(scopes=granted)
        if set(wanted) <= granted:
            token = issue(world, "reader", None, *wanted)
            assert token.scopes == (set(wanted) or granted)
            assert world.verifier.verify(token.access_token).scopes == token.scopes <= granted
            issued += 1
        else:
            refused = refusal(world, "reader", None, *wanted)
            assert (refused.reason, refused.violations[0].field) == ("INVALID_ARGUMENT", "scopes")
    assert 500 < issued < 4500


def test_every_wrong_credential_gets_the_same_answer() -> None:
    """Unknown id, wrong secret, another's secret, malformed, oversized, empty (security.md §4)."""
    world = AuthWorld()
    right, others = world.secrets["reader"], world.secrets["root"].value
    grafted = _with_key_id(new_secret(), right.secret_id)
    cases = [
        ("nobody", right.value), ("", right.value), ("reader", new_secret().value), ("reader", others),
        ("root", right.value), ("reader", grafted), ("reader", ""), ("", ""), ("reader", right.value[:-1] + "!"),
        ("reader", "x" * 1_000_000), ("x" * 1_000_000, right.value), ("READER", right.value),
        ("reader ", right.value), ("reader", right.value + "\n"), ("clients/reader", right.value), ("-", right.value),
    ]  # fmt: skip
    refusals = [refusal(world, client_id, secret, "clients:admin") for client_id, secret in cases]
    assert {(type(each), each.message, str(each.metadata), each.violations, each.retry_after) for each in refusals} == {
        (type(refusals[0]), "client id or client secret wrong", "{}", (), None)
    }
    assert refusals[0].reason == "CREDENTIALS_INVALID"


def _with_key_id(secret: ClientSecret, secret_id: str) -> str:
    """A well-formed secret with this key id and another random part."""
    import zlib

    from typeplate_server.auth import secrets

    body = f"tps_{secret_id}_{secret.value.split('_')[2]}"
    return f"{body}_{secrets._base62(zlib.crc32(body.encode()), 6)}"


@pytest.mark.parametrize(("state", "reason"), [("revoked", "CLIENT_REVOKED"), ("suspended", "CLIENT_SUSPENDED")])
def test_the_state_is_told_only_to_who_knows_the_secret(state: str, reason: str) -> None:
    """A wrong secret learns nothing."""
    world = AuthWorld()
    world.set(state=state)
    assert refusal(world).reason == reason
    assert refusal(world, "reader", new_secret().value).reason == "CREDENTIALS_INVALID"


@pytest.mark.parametrize("state", ["active", "revoked", "suspended"])
def test_a_client_is_named_to_the_log_once_its_secret_proved_right(state: str) -> None:
    """Also when it gets no token; an id that is only claimed is not named."""
    world = AuthWorld()
    world.set(state=state)
    named: list[str] = []
    for secret in (new_secret().value, "malformed", world.secrets["root"].value, world.secrets["reader"].value):
        with contextlib.suppress(ServiceError):
            world.exchanging.exchange("reader", secret, (), None, PEER, named.append)
    assert named == ["reader"]


def test_an_expired_secret_works_no_more_and_looks_like_a_wrong_one() -> None:
    """At its very second; the other secret of the client goes on."""
    world = AuthWorld()
    second = new_secret()
    old = replace(world.client().secrets[0], expire_time=NOW + 60)
    world.set(secrets=(old, SecretState(second.secret_id, world.hasher.hash(second), NOW)))
    world.clock.now = NOW + 59.9
    issue(world)
    world.clock.now = NOW + 60
    assert refusal(world).reason == "CREDENTIALS_INVALID"
    issue(world, "reader", second.value)


@pytest.mark.parametrize("lifetime", [0.0, -1.0, 0.999, float("nan")])
def test_a_life_below_a_second_is_refused(lifetime: float) -> None:
    """It names the field, and only after the secret proved right."""
    world = AuthWorld()
    with pytest.raises(ServiceError) as refused:
        world.exchanging.exchange("reader", world.secrets["reader"].value, (), lifetime, PEER)
    assert refused.value.violations[0].field == "lifetime"
    with pytest.raises(ServiceError, match="client id or client secret"):
        world.exchanging.exchange("reader", new_secret().value, (), lifetime, PEER)


def test_more_than_twenty_scopes_are_refused() -> None:
    """Even when all are the same granted one."""
    world = AuthWorld()
    issue(world, "reader", None, *["vehicles:read"] * 20)
    assert refusal(world, "reader", None, *["vehicles:read"] * 21).violations[0].field == "scopes"


def test_a_stale_replica_issues_nothing() -> None:
    """To nobody, with a time to come again: the secret may have been dropped meanwhile."""
    world = AuthWorld()
    world.fresh.on = False
    for secret in (None, new_secret().value, "malformed"):
        refused = refusal(world, "reader", secret)
        assert refused.reason == "AUTH_STATE_STALE"
        assert refused.retry_after


def test_failures_are_limited_per_peer_and_a_right_secret_always_passes() -> None:
    """50 at once; then RATE_LIMITED for wrong ones only, with the time to wait; other peers are not touched."""
    world = AuthWorld()
    for number in range(50):
        wrong = "malformed" if number % 2 else new_secret().value
        assert refusal(world, "reader", wrong).reason == "CREDENTIALS_INVALID"
    limited = refusal(world, "reader", new_secret().value)
    assert limited.reason == "RATE_LIMITED"
    assert limited.retry_after == pytest.approx(0.1)
    assert refusal(world, "nobody", "malformed").reason == "RATE_LIMITED"
    issue(world)
    with pytest.raises(ServiceError, match="wrong"):
        world.exchanging.exchange("reader", new_secret().value, (), None, "198.51.100.7")
    world.clock.now += 0.2
    assert refusal(world, "reader", new_secret().value).reason == "CREDENTIALS_INVALID"


def test_a_right_secret_of_a_revoked_client_does_not_count_as_a_failure() -> None:
    """A revoked fleet must not push its neighbours behind the same address over the limit."""
    world = AuthWorld()
    world.set(state="revoked")
    assert {refusal(world).reason for _ in range(100)} == {"CLIENT_REVOKED"}


def test_the_generation_is_that_of_the_one_read() -> None:
    """A revocation that comes while the secret is compared leaves a token that is born dead (security.md §4)."""
    world = AuthWorld()
    matches = world.hasher.matches

    class RevokedMeanwhile:
        def dummy(self) -> bytes:
            return world.hasher.dummy()

        def matches(self, secret: ClientSecret, stored: bytes) -> bool:
            world.set(generation=2, generation_nonce="f" * 16)
            return matches(secret, stored)

    world.exchanging._hasher = RevokedMeanwhile()  # type: ignore[assignment]
    token = issue(world).access_token
    with pytest.raises(ServiceError, match="token revoked"):
        world.admit(token, ANY_TOKEN)


def test_an_unknown_id_takes_as_long_as_a_wrong_secret() -> None:
    """The chance that one takes longer than the other is even: AUC 0.45 to 0.55, the median of nine rounds."""
    world = AuthWorld()
    world.exchanging._failures._burst = 1e9
    secrets = [new_secret().value for _ in range(1000)]
    rounds = [_auc(*_times(world, "reader", "nobody", secrets)) for _ in range(9)]
    assert 0.45 <= statistics.median(rounds) <= 0.55, rounds


def _times(world: AuthWorld, one: str, two: str, secrets: list[str]) -> tuple[list[int], list[int]]:
    """How long refusals take (ns), for two ids in turn."""
    times: dict[str, list[int]] = {one: [], two: []}
    for number, secret in enumerate(secrets):
        for client_id in (one, two) if number % 2 else (two, one):
            begin = time.perf_counter_ns()
            with contextlib.suppress(ServiceError):
                world.exchanging.exchange(client_id, secret, (), None, PEER)
            times[client_id].append(time.perf_counter_ns() - begin)
    return times[one], times[two]


def _auc(one: list[int], two: list[int]) -> float:
    """The probability that a value of `one` is greater than one of `two`, ties by half (Mann–Whitney)."""
    one, two = sorted(one), sorted(two)
    return sum(bisect_left(two, value) + bisect_right(two, value) for value in one) / (2 * len(one) * len(two))


def test_peers_and_ids_cannot_grow_memory() -> None:
    """Failures are kept for a bounded number of peers."""
    world = AuthWorld()
    for one, two in combinations(range(150), 2):
        with pytest.raises(ServiceError):
            world.exchanging.exchange("nobody", "x", (), None, f"10.0.{one}.{two}")
    assert len(world.failures) == 10_000
