"""Signing keys: sealed in the database, rotated without refusing anybody, removed at once when it must be."""

import asyncio
from dataclasses import replace

import pytest

from tests.support.auth_world import ANY_TOKEN, NOW
from tests.support.replica_world import SEALER, Fleet, Node
from typeplate_server.auth import key_changes
from typeplate_server.auth.keyring import SigningKey
from typeplate_server.auth.sealing import SealBroken, Sealer
from typeplate_server.auth.signing_keys import sealed
from typeplate_server.auth.store import CommitUnknown, SigningKeyState, StoredSigningKey
from typeplate_server.errors import DatabaseUnavailable, NotFound, ServiceError, TokenInvalid


def admitted(node: Node, token: str) -> bool:
    try:
        node.admission.admit([f"Bearer {token}"], ANY_TOKEN)
    except ServiceError:
        return False
    return True


async def two() -> tuple[Fleet, Node, Node]:
    """Two replicas of a deployment that has its first key."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    await a.rotation.ensure_first()
    await b.rotation.ensure_first()
    await b.replica.turn()
    assert a.keys.signing.kid == b.keys.signing.kid
    return fleet, a, b


def stored(state: SigningKeyState = "published") -> StoredSigningKey:
    return replace(sealed(SigningKey.generate(), SEALER, NOW), state=state)


async def test_a_new_deployment_gets_one_key_however_many_replicas_start() -> None:
    """The lock decides whose."""
    fleet = Fleet.make()
    nodes = [await fleet.node(name) for name in "abc"]
    await asyncio.gather(*(node.rotation.ensure_first() for node in nodes))
    assert len(fleet.database.keys) == 1
    assert len({node.keys.signing.kid for node in nodes}) == 1


async def test_a_rotation_refuses_no_token_on_any_replica_at_any_step() -> None:
    """Published everywhere before it signs; what the old one signed stays good; nobody restarts."""
    _, a, b = await two()
    old = a.keys.signing.kid
    tokens = [a.token(), b.token()]
    rotating = asyncio.create_task(a.rotation.rotate())
    while not rotating.done():
        tokens += [a.token(), b.token()]
        assert all(admitted(node, token) for node in (a, b) for token in tokens)
        await asyncio.sleep(0.005)
        await b.replica.turn()
    change = await rotating
    assert (change.key.state, change.effective.scope) == ("signing", "EVERYWHERE")
    assert a.keys.signing.kid == b.keys.signing.kid == change.key.kid != old
    assert all(admitted(node, token) for node in (a, b) for token in [*tokens, a.token(), b.token()])
    assert [jwk["kid"] for jwk in b.keys.jwks()] == [change.key.kid, old]


async def test_a_key_does_not_sign_before_every_replica_knows_it() -> None:
    """When the deadline comes first it stays published; a repeated call goes on with the same key."""
    _, a, b = await two()
    old = a.keys.signing.kid
    change = await a.rotation.rotate(within=0)
    assert (change.key.state, change.effective.scope) == ("published", "THIS_REPLICA")
    assert a.keys.signing.kid == old
    await b.replica.turn()
    again = asyncio.create_task(b.rotation.rotate())
    await asyncio.sleep(0.05)
    assert not again.done()
    await a.replica.turn()
    while not again.done():
        await asyncio.sleep(0.005)
        await a.replica.turn()
    assert (await again).key.kid == change.key.kid
    assert a.keys.signing.kid == b.keys.signing.kid == change.key.kid


async def test_a_retired_key_verifies_until_its_last_token_has_expired() -> None:
    """Not a second less, and is dropped soon after; its tombstone holds no private part."""
    fleet, a, _ = await two()
    old = a.keys.signing.kid
    await a.rotation.rotate(within=0)
    await a.rotation._run(key_changes.promotion(next(iter(set(a.keys.kids) - {old})), fleet.clock.now), None, 0)
    for later, live in ((0, True), (900 + 10 + 60, True), (900 + 10 + 61, False)):
        fleet.clock.now = NOW + later
        await a.rotation.drop_expired(10.0)
        assert (old in a.keys.kids) is live
    assert fleet.database.keys[old].sealed_private == b""
    assert fleet.database.keys[old].state == "removed"


async def test_a_key_removed_at_once_takes_its_tokens_with_it_everywhere() -> None:
    """Also those that were known already; another key signs from then on. Removing it again changes nothing."""
    fleet, a, b = await two()
    tokens = [a.token(), b.token()]
    callers = [node.admission.admit([f"Bearer {token}"], ANY_TOKEN) for node, token in ((a, tokens[0]), (b, tokens[1]))]
    kid = a.keys.signing.kid
    removing = asyncio.create_task(a.rotation.remove(kid))
    await asyncio.sleep(0.03)
    assert not removing.done()
    await b.replica.turn()
    assert (await removing).effective.proof == "ACKNOWLEDGED"
    for node, caller in zip((a, b), callers, strict=True):
        assert not any(admitted(node, token) for token in tokens)
        assert admitted(node, a.token())
        assert admitted(node, b.token())
        assert caller is not None
        with pytest.raises(TokenInvalid):
            node.admission.recheck(caller)
    seq = fleet.clients.seq
    assert (await a.rotation.remove(kid)).key.state == "removed"
    assert fleet.clients.seq == seq
    with pytest.raises(NotFound):
        await a.rotation.remove("nobody")


@pytest.mark.parametrize("committed", [True, False])
async def test_a_key_whose_removal_is_in_doubt_verifies_nothing_until_it_is_known(committed: bool) -> None:
    """It may be compromised and removed. Another one signs, and what comes next under the lock tells how it stands."""
    fleet, a, _ = await two()
    kid, token, before = a.keys.signing.kid, a.token(), dict(fleet.database.keys)

    async def lost() -> None:
        if not committed:
            fleet.database.keys.clear()
            fleet.database.keys.update(before)
        raise CommitUnknown

    a.link.at_keys_changed = lost
    seen = a.changes_seen
    with pytest.raises(CommitUnknown):
        await a.rotation.remove(kid, within=0)
    a.link.at_keys_changed = None
    assert a.changes_seen > seen
    assert not admitted(a, token)
    assert kid not in [key["kid"] for key in a.keys.jwks()]
    assert a.token()
    await a.rotation.drop_expired(10.0)
    assert admitted(a, token) is not committed
    assert a.keys.signing.kid == next(key.kid for key in fleet.database.keys.values() if key.state == "signing")


async def test_a_removal_asks_nothing_after_its_commit() -> None:
    """What could fail then would leave the key alive here, although it is dead."""
    _, a, _ = await two()
    kid, token = a.keys.signing.kid, a.token()

    async def cut() -> None:
        a.link.cut = DatabaseUnavailable()

    a.link.at_keys_changed = cut
    removed = await a.rotation.remove(kid, within=0)
    assert (removed.key.state, removed.effective.scope) == ("removed", "THIS_REPLICA")
    assert not admitted(a, token)


def test_of_the_keys_one_signs_at_most() -> None:
    """Whatever order the changes come in, by whomever."""
    first, new, other = stored("signing"), stored(), stored()
    keys: dict[str, StoredSigningKey] = {first.kid: first}
    for change in (
        key_changes.first(other), key_changes.publication(new), key_changes.publication(other),
        key_changes.promotion(new.kid, NOW), key_changes.promotion(new.kid, NOW),
        key_changes.removal(new.kid, other, NOW),
        key_changes.removal(first.kid, stored(), NOW), key_changes.removal(first.kid, stored(), NOW),
    ):  # fmt: skip
        keys |= {key.kid: key for key in change(tuple(keys.values()))}
        assert [key.state for key in keys.values()].count("signing") == 1
    assert {kid: key.state for kid, key in keys.items()} == {
        first.kid: "removed", new.kid: "removed", other.kid: "signing",
    }  # fmt: skip
    with pytest.raises(NotFound):
        key_changes.promotion("nobody", NOW)(tuple(keys.values()))


def test_a_sealed_key_comes_back_under_its_own_name_and_sealing_key_only() -> None:
    """Any other key file, any other kid, any changed byte is refused, and quoted nowhere."""
    key = SigningKey.generate()
    text = SEALER.seal(key)
    assert SEALER.unseal(key.kid, text).private.private_bytes_raw() == key.private.private_bytes_raw()
    assert key.private.private_bytes_raw() not in text
    assert SEALER.seal(key) != text
    changed = [text[:n] + bytes([text[n] ^ 1]) + text[n + 1 :] for n in range(len(text))]
    wrong = [(Sealer(b"x" * 32), key.kid, text), (SEALER, SigningKey.generate().kid, text), (SEALER, key.kid, b"")]
    for sealer, kid, broken in [*wrong, *((SEALER, key.kid, each) for each in changed)]:
        with pytest.raises(SealBroken):
            sealer.unseal(kid, broken)
    assert "Sealer(...)" in repr(SEALER)
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(b"short")


async def test_keys_of_another_key_file_leave_the_ring_as_it_is() -> None:
    """And are told."""
    fleet = Fleet.make()
    node = await fleet.node("a")
    before = node.keys.signing
    with pytest.raises(SealBroken):
        node.state.keys.apply([replace(sealed(SigningKey.generate(), Sealer(b"x" * 32), NOW), state="signing")])
    assert node.keys.signing is before


async def test_a_key_never_goes_back() -> None:
    """A page that comes late does not revive a removed one."""
    _, a, _ = await two()
    key = sealed(SigningKey.generate(), SEALER, NOW)
    a.state.keys.apply([replace(key, changed_seq=8, state="removed", sealed_private=b"")])
    a.state.keys.apply([replace(key, changed_seq=7)])
    assert key.kid not in a.keys.kids
