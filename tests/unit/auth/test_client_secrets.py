"""The rotation of a client's secrets, and when each was last used."""

import asyncio

import pytest

from tests.support.auth_world import NOW, PEER, AuthWorld, Clock
from typeplate_server.auth.clients import CLIENTS_ADMIN, VEHICLES_READ
from typeplate_server.auth.propagation import Effective, SoleReplica
from typeplate_server.auth.secret_uses import SecretUse
from typeplate_server.auth.service import ClientDraft, ClientPatch
from typeplate_server.auth.store import History
from typeplate_server.errors import (
    ClientRevoked,
    CredentialsInvalid,
    DatabaseUnavailable,
    FailedPrecondition,
    InvalidArgument,
    LastAdmin,
    NotFound,
    SecretInUse,
    SecretLimit,
    TokenRevoked,
)


def exchange(world: AuthWorld, secret: str) -> str:
    return world.exchanging.exchange("reader", secret, (), None, PEER).access_token


async def test_a_rotation_refuses_no_token_and_no_secret_until_the_old_one_is_dropped() -> None:
    """Both secrets work in between; tokens of the old one outlive it, as an ordinary rotation kills none."""
    world = AuthWorld()
    old = world.secrets["reader"]
    token = exchange(world, old.value)
    made = await world.administration.create_secret("reader")
    assert [secret.secret_id for secret in made.client.secrets] == [old.secret_id, made.secret.secret_id]
    for value in (old.value, made.secret.value):
        assert world.admit(exchange(world, value)) is not None
    await world.administration.delete_secret("reader", old.secret_id, force=True)
    with pytest.raises(CredentialsInvalid):
        exchange(world, old.value)
    assert world.admit(exchange(world, made.secret.value)) is not None
    assert world.admit(token) is not None


async def test_two_live_secrets_are_the_limit_and_expired_ones_make_room() -> None:
    """A third is refused until one has expired, which then is gone."""
    world = AuthWorld()
    short = await world.administration.create_secret("reader", lifetime_s=60)
    with pytest.raises(SecretLimit):
        await world.administration.create_secret("reader")
    world.clock.now += 60
    with pytest.raises(CredentialsInvalid):
        exchange(world, short.secret.value)
    made = await world.administration.create_secret("reader")
    assert short.secret.secret_id not in {secret.secret_id for secret in made.client.secrets}
    assert len(made.client.secrets) == 2


@pytest.mark.parametrize("lifetime_s", [0, 59.9, -1, 1e12, float("nan")])
async def test_a_secret_lives_a_minute_at_least(lifetime_s: float) -> None:
    """The error names the field."""
    with pytest.raises(InvalidArgument) as refused:
        await AuthWorld().administration.create_secret("reader", lifetime_s=lifetime_s)
    assert refused.value.violations[0].field == "lifetime"


async def test_a_compromised_secret_takes_every_token_with_it() -> None:
    """Though it was used just now; the other secret goes on with new tokens."""
    world = AuthWorld()
    old = world.secrets["reader"]
    made = await world.administration.create_secret("reader")
    tokens = [exchange(world, value) for value in (old.value, made.secret.value)]
    before = world.client()
    after = (await world.administration.delete_secret("reader", old.secret_id, compromised=True)).value
    assert after.generation == before.generation + 1
    assert after.generation_nonce != before.generation_nonce
    for token in tokens:
        with pytest.raises(TokenRevoked):
            world.admit(token)
    assert world.admit(exchange(world, made.secret.value)) is not None


@pytest.mark.parametrize("compromised", [False, True])
async def test_the_last_administrators_last_live_secret_is_deleted_by_force_only(compromised: bool) -> None:
    """Or else nobody gets in any more; one that has expired is none."""
    world = AuthWorld()
    only = world.secrets["root"].secret_id
    expired = await world.administration.create_secret("root", lifetime_s=60)
    world.clock.now += 60
    before = world.client("root")
    with pytest.raises(LastAdmin, match="force"):
        await world.administration.delete_secret("root", only, compromised=compromised)
    assert world.client("root") == before
    await world.administration.delete_secret("root", expired.secret.secret_id)
    made = await world.administration.create_secret("root")
    await world.administration.delete_secret("root", only, compromised=compromised)
    with pytest.raises(LastAdmin):
        await world.administration.delete_secret("root", made.secret.secret_id, compromised=compromised)
    forced = world.administration.delete_secret("root", made.secret.secret_id, compromised=compromised, force=True)
    assert (await forced).value.secrets == ()


async def test_who_has_no_live_secret_is_no_other_administrator() -> None:
    """Neither without any secret nor once the last one has expired."""
    world = AuthWorld()
    second = await world.administration.create(ClientDraft("second", scopes=[CLIENTS_ADMIN]))
    await world.administration.delete_secret("second", second.secret.secret_id)

    async def root_is_kept() -> None:
        for work in (
            world.administration.suspend("root"),
            world.administration.revoke("root"),
            world.administration.update("root", ClientPatch(scopes=[VEHICLES_READ])),
            world.administration.delete_secret("root", world.secrets["root"].secret_id),
        ):
            with pytest.raises(LastAdmin):
                await work

    await root_is_kept()
    await world.administration.create_secret("second", lifetime_s=60)
    world.clock.now += 60
    await root_is_kept()
    await world.administration.create_secret("second", lifetime_s=60)
    world.clock.now += 59
    assert (await world.administration.suspend("root")).value.state == "suspended"


async def test_of_two_last_administrators_whose_secrets_go_at_once_one_keeps_its_own() -> None:
    """Decided under the lock and not before it."""
    world = AuthWorld()
    second = await world.administration.create(ClientDraft("second", scopes=[CLIENTS_ADMIN]))
    results = await asyncio.gather(
        world.administration.delete_secret("root", world.secrets["root"].secret_id),
        world.administration.delete_secret("second", second.secret.secret_id, compromised=True),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Changed", "LastAdmin"]


async def test_the_deletion_of_a_compromised_secret_may_be_said_again() -> None:
    """Nothing changes, and it is waited for again: the first answer may have been lost, or have come too early."""
    waited: list[int] = []

    class Waiting(SoleReplica):
        async def reach(
            self, seq: int, since: float, deadline: float | None, history: History | None = None
        ) -> Effective:
            waited.append(seq)
            return await super().reach(seq, since, deadline, history)

    clock = Clock(1000.0)
    world = AuthWorld(propagation=Waiting(clock, clock))
    secret_id = world.secrets["reader"].secret_id
    first = (await world.administration.delete_secret("reader", secret_id, compromised=True)).value
    again = (await world.administration.delete_secret("reader", secret_id, compromised=True)).value
    assert (again, waited) == (first, [first.changed_seq] * 2)
    with pytest.raises(NotFound):
        await world.administration.delete_secret("reader", secret_id, force=True)
    with pytest.raises(NotFound):
        await world.administration.delete_secret("root", secret_id, compromised=True)


async def test_a_secret_that_was_deleted_and_then_found_compromised_takes_its_tokens_with_it() -> None:
    """They were let live on by the ordinary deletion."""
    world = AuthWorld()
    token = exchange(world, world.secrets["reader"].value)
    secret_id = world.secrets["reader"].secret_id
    await world.administration.delete_secret("reader", secret_id, force=True)
    assert world.admit(token) is not None
    await world.administration.delete_secret("reader", secret_id, compromised=True)
    with pytest.raises(TokenRevoked):
        world.admit(token)


async def test_a_secret_in_use_is_deleted_by_force_only() -> None:
    """For an hour after its last use, and the refusal says when and from where."""
    world = AuthWorld()
    secret = world.secrets["reader"]
    exchange(world, secret.value)
    world.clock.now += 3599
    with pytest.raises(SecretInUse, match=f"3599 s ago from {PEER}") as refused:
        await world.administration.delete_secret("reader", secret.secret_id)
    assert refused.value.metadata == {
        "secret_id": secret.secret_id, "last_use_time": f"{NOW:.0f}", "last_use_peer": PEER,
    }  # fmt: skip
    world.clock.now += 1
    assert (await world.administration.delete_secret("reader", secret.secret_id)).value.secrets == ()


async def test_uses_on_other_replicas_count() -> None:
    """As far as they have been written."""
    world = AuthWorld()
    secret = world.secrets["reader"]
    world.used.rows[secret.secret_id] = SecretUse(secret.secret_id, "reader", NOW - 10, "198.51.100.7")
    with pytest.raises(SecretInUse, match=r"198\.51\.100\.7"):
        await world.administration.delete_secret("reader", secret.secret_id)
    await world.administration.delete_secret("reader", secret.secret_id, force=True)


async def test_what_is_not_there_is_not_found_and_a_revoked_client_stays_as_it_is() -> None:
    """Also with the secret of another client."""
    world = AuthWorld()
    for client_id, secret_id in (("reader", "nothing"), ("reader", world.secrets["root"].secret_id), ("nobody", "x")):
        with pytest.raises(NotFound):
            await world.administration.delete_secret(client_id, secret_id)
    made = await world.administration.create_secret("reader")
    await world.administration.revoke("reader")
    for value in (world.secrets["reader"].value, made.secret.value):
        with pytest.raises(ClientRevoked):
            exchange(world, value)
    for work in (
        world.administration.create_secret("reader"),
        world.administration.delete_secret("reader", made.secret.secret_id, force=True),
    ):
        with pytest.raises(FailedPrecondition, match="revoked"):
            await work


async def test_uses_are_written_once_a_flush_and_only_when_there_are_any() -> None:
    """A thousand exchanges, one write of one row; wrong secrets are no use."""
    world = AuthWorld()
    secret = world.secrets["reader"]
    for _ in range(1000):
        exchange(world, secret.value)
    with pytest.raises(CredentialsInvalid):
        exchange(world, secret.value[:-1] + "~")
    assert world.used.writes == 0
    await world.uses.flush()
    await world.uses.flush()
    assert (world.used.writes, world.used.rows) == (
        1, {secret.secret_id: SecretUse(secret.secret_id, "reader", NOW, PEER)}
    )  # fmt: skip


async def test_a_flush_that_fails_loses_nothing_and_overwrites_nothing_newer() -> None:
    """The next one writes it."""
    world = AuthWorld()
    secret = world.secrets["reader"]
    exchange(world, secret.value)
    world.used.fail_with = DatabaseUnavailable()
    with pytest.raises(DatabaseUnavailable):
        await world.uses.flush()
    world.clock.now += 5
    exchange(world, secret.value)
    world.used.fail_with = None
    await world.uses.flush()
    assert world.used.rows[secret.secret_id].last_use_time == NOW + 5
