"""The clients in memory: newest wins, whatever the order of arrival."""

import itertools

from tests.support.auth_world import client_state
from typeplate_server.auth.registry import ClientRegistry


def test_a_client_never_goes_back() -> None:
    """In every order in which three changes may arrive, the last one by sequence stands."""
    changes = [client_state(changed_seq=seq, generation=seq) for seq in (1, 2, 3)]
    for order in itertools.permutations(changes):
        registry = ClientRegistry()
        for change in order:
            registry.apply(change)
        assert registry.get("reader") == changes[2]


def test_load_keeps_what_is_newer_already() -> None:
    """A full read that began before a change was applied does not undo it."""
    registry = ClientRegistry([client_state(changed_seq=5, state="revoked")])
    registry.load([client_state(changed_seq=4), client_state("other", changed_seq=3)])
    assert [client.state for client in registry.after("")] == ["active", "revoked"]


def test_clients_come_in_order_of_id() -> None:
    """However they were added."""
    registry = ClientRegistry([client_state("b"), client_state("d")])
    registry.apply(client_state("c"))
    registry.apply(client_state("a"))
    assert [client.client_id for client in registry.after("")] == ["a", "b", "c", "d"]
    assert [client.client_id for client in registry.after("b")] == ["c", "d"]
    assert [client.client_id for client in registry.after("bb")] == ["c", "d"]
    assert len(registry) == 4


def test_a_client_in_doubt_stays_refused_until_its_revocation_is_known() -> None:
    """A change committed before the doubtful revocation and told after it does not bring the client back."""
    registry = ClientRegistry([client_state(changed_seq=1)])
    registry.refuse("reader")
    registry.apply(client_state(changed_seq=2))
    client = registry.get("reader")
    assert client is not None
    assert (client.state, client.changed_seq) == ("revoked", 2)
    revoked = client_state(changed_seq=3, state="revoked", revoke_reason="leaked")
    registry.apply(revoked)
    assert registry.get("reader") == revoked


def test_an_unknown_client_can_be_refused_beforehand() -> None:
    """Its row may arrive after the doubt."""
    registry = ClientRegistry()
    registry.refuse("reader")
    assert registry.get("reader") is None
    registry.apply(client_state())
    client = registry.get("reader")
    assert client is not None
    assert client.state == "revoked"
