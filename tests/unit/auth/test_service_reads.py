"""Reading clients: one by its id, many by pages."""

import asyncio

import pytest

from tests.support.auth_world import AuthWorld, client_state
from typeplate_server.auth.clients import VEHICLES_READ, VEHICLES_WRITE, ClientState, State
from typeplate_server.auth.paging import LOOK
from typeplate_server.errors import InvalidArgument, NotFound


def test_get_says_when_there_is_none() -> None:
    """By its resource name."""
    world = AuthWorld()
    assert world.administration.get("reader") == world.client()
    with pytest.raises(NotFound) as refused:
        world.administration.get("nobody")
    assert refused.value.metadata == {"name": "clients/nobody"}


def many(world: AuthWorld, count: int) -> None:
    """Fills the registry with clients, every third revoked, every second a writer."""
    for n in range(count):
        state, scopes = ("active", "revoked")[n % 3 == 0], frozenset({(VEHICLES_READ, VEHICLES_WRITE)[n % 2]})
        world.registry.apply(client_state(f"many-{n:04}", scopes, state))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
async def test_pages_give_every_client_once_in_order(size: int) -> None:
    """Under each filter, whatever the page size, and the last page says that it is."""
    world = AuthWorld()
    many(world, 250)
    for states, scope in (((), ""), (("revoked",), ""), (("active",), VEHICLES_WRITE), ((), VEHICLES_READ)):
        expected = [
            client for client in world.registry.after("")
            if (not states or client.state in states) and (not scope or scope in client.scopes)
        ]  # fmt: skip
        found: list[ClientState] = []
        token = ""
        while True:
            page = await world.administration.list(states=states, scope=scope, page_size=size, page_token=token)  # type: ignore[arg-type]
            found += page.clients
            assert len(page.clients) == size or not page.next_page_token
            token = page.next_page_token
            if not token:
                break
        assert found == expected


async def test_page_sizes_default_and_limit() -> None:
    """0 is 100, above 1000 is 1000 (AIP-158)."""
    world = AuthWorld()
    many(world, 1500)
    assert [len((await world.administration.list(page_size=size)).clients) for size in (0, 5000)] == [100, 1000]


async def test_paging_goes_on_while_clients_come_and_go() -> None:
    """A client made meanwhile is on its page or passed already; none is told twice."""
    world = AuthWorld()
    many(world, 10)
    first = await world.administration.list(page_size=5)
    world.registry.apply(client_state("aaa"))
    world.registry.apply(client_state("many-0007x"))
    second = await world.administration.list(page_size=100, page_token=first.next_page_token)
    ids = [client.client_id for client in (*first.clients, *second.clients)]
    assert ids == sorted(set(ids))
    assert "many-0007x" in ids


async def test_a_list_that_nobody_is_on_holds_nobody_up() -> None:
    """Between two looks at some of the clients others run, and what comes and goes meanwhile is told once or not."""
    world = AuthWorld()
    world.registry.load(client_state(f"many-{n:05}") for n in range(5 * LOOK))
    gone: tuple[State, ...] = ("revoked",)
    listing = asyncio.create_task(world.administration.list(states=gone))
    turns = 0
    while not listing.done():
        await asyncio.sleep(0)
        turns += 1
        world.registry.apply(client_state(f"many-{turns:05}x", state="revoked"))
        world.registry.apply(client_state(f"zeta-{turns}", state="revoked"))
    assert turns >= 5
    ids = [client.client_id for client in (await listing).clients]
    assert "zeta-1" in ids
    assert ids == sorted(set(ids))


async def test_bad_list_arguments_name_their_field() -> None:
    """Negative size, unknown scope, a token that is none or of another filter."""
    world = AuthWorld()
    many(world, 10)
    token = (await world.administration.list(page_size=2)).next_page_token
    for arguments, field in (
        ({"page_size": -1}, "page_size"), ({"scope": "x"}, "filter.scope"), ({"page_token": "x"}, "page_token"),
        ({"page_token": "ÿ"}, "page_token"), ({"page_token": "bnVsbA"}, "page_token"),
        ({"page_token": "WzFd"}, "page_token"), ({"page_token": "WzEsMl0"}, "page_token"),
        ({"page_token": token[:-2]}, "page_token"), ({"page_token": token, "states": ("active",)}, "page_token"),
    ):  # fmt: skip
        with pytest.raises(InvalidArgument) as refused:
            await world.administration.list(**arguments)
        assert [fault.field for fault in refused.value.violations] == [field]
