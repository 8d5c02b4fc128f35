"""Admission: who is let in, the order of the reasons, and what is remembered."""

import re
from dataclasses import replace

import pytest

from tests.support.auth_world import ANY_TOKEN, NOW, READ, AuthWorld, Clock
from typeplate_server.auth.access import Access
from typeplate_server.auth.admission import Admission
from typeplate_server.auth.clients import CLIENTS_ADMIN
from typeplate_server.auth.keyring import KeyRing, SigningKey
from typeplate_server.auth.timekeeping import NeverBackwards
from typeplate_server.auth.tokens import AccessTokenVerifier, TokenIssuer
from typeplate_server.errors import ServiceError


def reason(world: AuthWorld, token: str, access: Access = READ) -> str:
    """Why the call is refused, or "admitted"."""
    try:
        world.admit(token, access)
    except ServiceError as refused:
        return refused.reason
    return "admitted"


def test_a_good_token_is_admitted_and_says_who_calls() -> None:
    """For a scope it has, and where any valid token will do."""
    world = AuthWorld()
    issued = world.issuer.issue(world.client(), world.client().scopes)
    for access in (READ, ANY_TOKEN):
        caller = world.admit(issued.access_token, access)
        assert caller is not None
        assert (caller.client_id, caller.jti, caller.kid) == ("reader", issued.jti, world.key.kid)
        assert (caller.scopes, caller.expire_time) == (frozenset({"vehicles:read"}), issued.expire_time)
        assert caller.generation == world.client().generation_claim


@pytest.mark.parametrize("values", [(), ("",), ("Bearer x",), (b"\xff", "two")])
def test_a_public_method_asks_nobody(values: tuple[str | bytes, ...]) -> None:
    """An authorization entry is ignored, even while the state is stale."""
    world = AuthWorld()
    world.fresh.on = False
    assert world.admission.admit(values, Access(public=True)) is None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_compared_without_regard_to_case(scheme: str) -> None:
    """RFC 9110 §11.1."""
    world = AuthWorld()
    assert world.admission.admit([f"{scheme} {world.token()}"], READ) is not None
    assert world.admission.admit([f"{scheme} {world.token()}".encode()], READ) is not None


def test_an_entry_of_4096_bytes_is_read_and_one_more_is_not() -> None:
    """The limit is on the whole entry."""
    world = AuthWorld()
    for length, expected in ((4096, "TOKEN_INVALID"), (4097, "TOKEN_MALFORMED")):
        value = "Bearer e30.e30." + "A" * (length - 15)
        if len(value[15:]) % 4 == 1:
            value = "Bearer e30.e31B." + "A" * (length - 16)
        with pytest.raises(ServiceError) as refused:
            world.admission.admit([value], READ)
        assert (len(value), refused.value.reason) == (length, expected)


def test_the_reasons_come_in_the_order_of_the_specification() -> None:
    """Everything wrong at once, then put right one by one (security.md §5)."""
    world = AuthWorld()
    token = world.token()
    world.clock.now += 3600
    world.fresh.on = False
    world.set(state="revoked", generation=2)
    needs_more = Access(scope=CLIENTS_ADMIN)
    assert reason(world, token, needs_more) == "TOKEN_EXPIRED"
    world.clock.now = NOW
    assert reason(world, token, needs_more) == "CLIENT_REVOKED"
    world.set(state="suspended")
    assert reason(world, token, needs_more) == "AUTH_STATE_STALE"
    world.fresh.on = True
    assert reason(world, token, needs_more) == "CLIENT_SUSPENDED"
    world.set(state="active")
    assert reason(world, token, needs_more) == "TOKEN_REVOKED"
    world.set(generation=1)
    assert reason(world, token, needs_more) == "SCOPE_MISSING"
    assert reason(world, token) == "admitted"


def test_a_missing_scope_is_named() -> None:
    """PERMISSION_DENIED with the scope in its metadata."""
    world = AuthWorld()
    with pytest.raises(ServiceError) as refused:
        world.admit(world.token(), Access(scope=CLIENTS_ADMIN))
    assert refused.value.metadata == {"scope": "clients:admin"}


def test_the_scopes_are_those_of_the_token() -> None:
    """A token asked for with less has less, whatever its client is granted."""
    world = AuthWorld()
    narrow = world.issuer.issue(world.client("root"), {"vehicles:read"}).access_token
    assert reason(world, narrow) == "admitted"
    assert reason(world, narrow, Access(scope=CLIENTS_ADMIN)) == "SCOPE_MISSING"


def test_generation_equal_and_state_active_is_the_whole_rule() -> None:
    """Both number and nonce count; a higher generation is no better than a lower one."""
    world = AuthWorld()
    token = world.token()
    for generation, nonce in ((2, "00c0ffee00c0ffee"), (0, "00c0ffee00c0ffee"), (1, "feedfeedfeedfeed")):
        world.set(generation=generation, generation_nonce=nonce)
        assert reason(world, token) == "TOKEN_REVOKED"
    world.set(generation=1, generation_nonce="00c0ffee00c0ffee")
    assert reason(world, token) == "admitted"


def test_stale_state_refuses_with_a_time_to_come_again() -> None:
    """UNAVAILABLE with RetryInfo, so that applications keep their tokens; an unknown client is no exception."""
    world = AuthWorld()
    token, unknown = world.token(), AuthWorld()
    world.fresh.on = False
    with pytest.raises(ServiceError) as refused:
        world.admit(token)
    assert refused.value.reason == "AUTH_STATE_STALE"
    assert refused.value.retry_after
    unknown.fresh.on = False
    ghost = unknown.issuer.issue(replace(unknown.client(), client_id="ghost"), ()).access_token
    assert reason(unknown, ghost) == "AUTH_STATE_STALE"


def test_a_signature_is_verified_once_and_everything_else_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache saves the 100 µs and none of the questions."""
    world = AuthWorld()
    verified: list[str] = []
    verify = AccessTokenVerifier.verify

    def counting(self: AccessTokenVerifier, token: str) -> object:
        verified.append(token)
        return verify(self, token)

    monkeypatch.setattr(AccessTokenVerifier, "verify", counting)
    token = world.token()
    assert [reason(world, token) for _ in range(5)] == ["admitted"] * 5
    world.set(state="suspended", generation=2)
    assert reason(world, token) == "CLIENT_SUSPENDED"
    world.clock.now += 901
    assert reason(world, token) == "TOKEN_EXPIRED"
    assert len(verified) == 1


def test_a_known_token_dies_with_its_key() -> None:
    """The cache entry carries its key, which must be live still; a key of the same name is another key."""
    world = AuthWorld()
    token = world.token()
    assert reason(world, token) == "admitted"
    successor = SigningKey.of(world.key.private)
    world.keys.live = frozenset({SigningKey.generate()})
    world.keys.by_header = {}
    assert reason(world, token) == "TOKEN_INVALID"
    world.keys.live = frozenset({successor})
    world.keys.by_header = {successor.header_segment: successor}
    assert reason(world, token) == "admitted"


def test_known_tokens_are_bounded_and_none_is_lost_by_it() -> None:
    """Forgetting a token costs a signature, not an admission; refused tokens are not remembered at all."""
    world = AuthWorld()
    admission = Admission(world.keys, world.verifier, world.registry, world.clock, world.fresh, max_known_tokens=3)
    values = [f"Bearer {world.token()}" for _ in range(10)]
    for _ in range(2):
        for value in values:
            assert admission.admit([value], READ) is not None
            assert len(admission._known) <= 3
    for number in range(50):
        with pytest.raises(ServiceError):
            admission.admit([f"Bearer {number}.e30.AA"], READ)
    assert len(admission._known) == 3


def test_recheck_asks_the_same_questions_of_a_caller() -> None:
    """For what happens between admission and answer."""
    world = AuthWorld()
    caller = world.caller()
    world.admission.recheck(caller)
    for change, expected in (
        ({"state": "revoked"}, "CLIENT_REVOKED"), ({"state": "suspended"}, "CLIENT_SUSPENDED"),
        ({"state": "active", "generation": 2}, "TOKEN_REVOKED"),
    ):  # fmt: skip
        world.set(**change)
        with pytest.raises(ServiceError) as refused:
            world.admission.recheck(caller)
        assert refused.value.reason == expected
    world.clock.now += 901
    with pytest.raises(ServiceError, match="expired"):
        world.admission.recheck(caller)


def test_the_commit_guard_believes_the_row_and_not_the_memory() -> None:
    """A caller revoked in the database commits nothing, though this process has not heard of it yet (P3a)."""
    world = AuthWorld()
    caller = world.caller()
    guard = world.admission.commit_guard(caller)
    guard(world.store)
    world.fresh.on = False
    guard(world.store)
    world.store.rows["reader"] = replace(world.client(), state="revoked")
    with pytest.raises(ServiceError) as refused:
        guard(world.store)
    assert refused.value.reason == "CLIENT_REVOKED"
    del world.store.rows["reader"]
    with pytest.raises(ServiceError) as refused:
        guard(world.store)
    assert refused.value.reason == "TOKEN_REVOKED"


class SteppedWorld(AuthWorld):
    """A world on a wall clock that can be set, beside a steady one that cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.wall, self.steady = Clock(), Clock(5.0)
        clock = NeverBackwards(self.wall, self.steady)
        self.issuer = TokenIssuer(self.keys, "urn:typeplate:test", clock)
        self.verifier = AccessTokenVerifier(self.keys, "urn:typeplate:test", clock)
        self.admission = Admission(self.keys, self.verifier, self.registry, clock, self.fresh)

    def pass_time(self, seconds: float) -> None:
        """Time goes by on both clocks."""
        self.wall.now += seconds
        self.steady.now += seconds


@pytest.mark.parametrize("step", [-30, -1, 1, 30])
def test_a_clock_step_of_30_s_refuses_no_good_token(step: float) -> None:
    """Tokens from before and after it, until 30 s before their end, which is beyond where the SDK has a new one."""
    world = SteppedWorld()
    before = world.token()
    world.wall.now += step
    after = world.token()
    for _ in range(86):
        world.pass_time(10)
        assert [reason(world, token) for token in (before, after)] == ["admitted"] * 2
    world.pass_time(900 - 860 + 31)
    assert [reason(world, token) for token in (before, after)] == ["TOKEN_EXPIRED"] * 2


@pytest.mark.parametrize("step", [-30, 30])
def test_replicas_30_s_apart_accept_each_others_tokens(step: float) -> None:
    """The leeway for iat."""
    world = AuthWorld()
    world.clock.now += step
    other = AccessTokenVerifier(world.keys, "urn:typeplate:test", Clock())
    assert other.verify(world.token()).client_id == "reader"


def test_a_clock_set_back_an_hour_revives_no_expired_token() -> None:
    """Nor does any token live longer for it."""
    world = SteppedWorld()
    expired, alive = world.token(), ""
    world.pass_time(600)
    alive = world.token()
    world.pass_time(302)
    assert reason(world, expired) == "TOKEN_EXPIRED"
    assert reason(world, alive) == "admitted"
    world.wall.now -= 3600
    assert reason(world, expired) == "TOKEN_EXPIRED"
    assert reason(world, alive) == "admitted"
    world.pass_time(600)
    assert [reason(world, token) for token in (expired, alive, world.token())] == [
        "TOKEN_EXPIRED", "TOKEN_EXPIRED", "admitted",
    ]  # fmt: skip


def test_an_admitted_caller_shows_no_token() -> None:
    """It goes into logs."""
    world = AuthWorld()
    assert re.search("eyJ|Bearer", repr(world.caller())) is None


def test_a_token_of_another_ring_is_invalid() -> None:
    """Another server's key under another header."""
    world, other = AuthWorld(), AuthWorld()
    assert reason(world, other.token()) == "TOKEN_INVALID"
    assert KeyRing([other.key]).signing is other.key
