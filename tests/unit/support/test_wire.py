"""A wire carries, stalls, and is cut, as a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.wire import Wire, Wires


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire to a server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_echo_all, args=(listener,), daemon=True).start()
    with listener, Wires() as wires:
        yield wires.add(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def _echo_all(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(1000):
                connection.sendall(data)
        except OSError:
            return


def connect(wire: Wire) -> socket.socket:
    return socket.create_connection(("127.0.0.1", wire.port), timeout=5)


def said(connection: socket.socket, text: bytes) -> bytes:
    """What comes back."""
    connection.sendall(text)
    return connection.recv(1000)


def is_silent(connection: socket.socket) -> bool:
    connection.settimeout(0.1)
    try:
        connection.recv(1000)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(5)
    return False


def is_refused(wire: Wire) -> bool:
    try:
        with connect(wire) as connection:
            return said(connection, b"anyone?") == b""
    except ConnectionError:
        return True


def test_what_is_said_comes_through_and_an_end_is_an_end(wire: Wire) -> None:
    with connect(wire) as one, connect(wire) as other:
        assert (said(one, b"one"), said(other, b"other")) == (b"one", b"other")
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1000) == b""
        assert said(other, b"still") == b"still"


def test_a_stalled_wire_holds_back_everything_and_lets_it_through_when_mended(wire: Wire) -> None:
    with connect(wire) as before:
        assert said(before, b"before") == b"before"
        wire.stall()
        with connect(wire) as during:
            before.sendall(b"held back")
            during.sendall(b"also")
            assert is_silent(before)
            assert is_silent(during)
            wire.mend()
            assert (before.recv(1000), during.recv(1000)) == (b"held back", b"also")


def test_a_cut_wire_resets_what_there_is_and_what_comes(wire: Wire) -> None:
    with connect(wire) as before:
        assert said(before, b"before") == b"before"
        wire.cut()
        with pytest.raises(ConnectionError):
            said(before, b"after")
    assert is_refused(wire)
    wire.mend()
    with connect(wire) as after:
        assert said(after, b"after") == b"after"


def test_cutting_a_stalled_wire_cuts_it(wire: Wire) -> None:
    with connect(wire) as connection:
        assert said(connection, b"before") == b"before"
        wire.stall()
        wire.cut()
        with pytest.raises(ConnectionError):
            said(connection, b"after")


def test_a_wire_to_nowhere_resets(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Wires() as wires:
        assert is_refused(wires.add(port))
