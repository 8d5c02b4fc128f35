"""Ports that several processes share: for the workers alone."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from typeplate_server.rpc.ports import reserved
from typeplate_server.rpc.server import CannotListenError


def listening(address: str, *, shared: bool) -> socket.socket:
    """As gRPC listens, with SO_REUSEPORT or without."""
    host, _, port = address.rpartition(":")
    one = socket.socket()
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        one.bind((host, int(port)))
        one.listen()
    except OSError:
        one.close()
        raise
    return one


def test_a_reserved_port_is_open_to_those_who_share_it_and_to_nobody_else() -> None:
    with reserved("127.0.0.1:0") as address:
        with pytest.raises(OSError, match="Address already in use"):
            listening(address, shared=False)
        with listening(address, shared=True) as one, listening(address, shared=True) as other:
            for worker in (one, other):
                worker.setblocking(False)
            host, _, port = address.rpartition(":")
            callers = [socket.create_connection((host, int(port))) for _ in range(64)]
            found = [accepted(one), accepted(other)]
            for caller in callers:
                caller.close()
            assert sum(found) == 64
            assert min(found) > 0


def accepted(listener: socket.socket) -> int:
    """How many connections wait."""
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_while_no_worker_listens_a_caller_is_refused_at_once() -> None:
    """The reservation itself takes no connection, which nobody would serve."""
    with reserved("127.0.0.1:0") as address, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=5)


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "alone"])
def test_a_port_on_which_somebody_listens_cannot_be_reserved(shared: bool) -> None:
    """A forgotten server with workers least of all, which would share."""
    with listening("127.0.0.1:0", shared=shared) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotListenError, match=f"cannot listen on {address}: Address already in use"):
            reserved(address).__enter__()


def test_a_port_is_reserved_once() -> None:
    """Also in the moment before the first worker listens."""
    with reserved("127.0.0.1:0") as address, pytest.raises(CannotListenError):
        reserved(address).__enter__()


def test_a_port_is_free_again_afterwards() -> None:
    with reserved("127.0.0.1:0") as address:
        pass
    with reserved(address) as again:
        assert again == address


def test_a_host_with_several_addresses_has_one_port_at_all_of_them() -> None:
    with reserved("localhost:0") as address:
        assert address.startswith("localhost:")
        with pytest.raises(CannotListenError):
            reserved(f"127.0.0.1:{address.rpartition(':')[2]}").__enter__()


def test_an_address_of_another_machine_is_refused_with_a_sentence() -> None:
    with pytest.raises(CannotListenError, match=r"cannot listen on 192\.0\.2\.1:0: Cannot assign requested address"):
        reserved("192.0.2.1:0").__enter__()


def test_of_two_that_reserve_a_port_at_the_same_moment_at_most_one_gets_it() -> None:
    """Both may have bound it before either is heard of."""
    with reserved("127.0.0.1:0") as address:
        pass
    barrier = threading.Barrier(2)
    both = 0
    with ThreadPoolExecutor(2) as threads:
        for _ in range(300):
            got = list(threads.map(lambda _: _reserved_at_once(address, barrier), range(2)))
            both += all(got)
    assert both == 0


def _reserved_at_once(address: str, barrier: threading.Barrier) -> bool:
    """Whether it was reserved, and held until the other has tried."""
    barrier.wait(10)
    try:
        with reserved(address):
            barrier.wait(10)
            return True
    except CannotListenError:
        barrier.wait(10)
        return False
