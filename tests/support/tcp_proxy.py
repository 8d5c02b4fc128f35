"""A wire to a local port that can begin to swallow everything, as a partition does, and carry again."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from types import TracebackType


class TcpProxy:
    """Listens on `port`. While `swallow`, bytes on connections there were vanish, and new ones get no answer."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.swallow = False
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> TcpProxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing = True
        self._thread.join()
        for each in (self._listener, *self._pairs):
            each.close()

    def cut(self) -> None:
        """Break every connection there is, as a reset does; from any thread."""
        for each in list(self._pairs):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _carry(self) -> None:
        while not self._closing:
            ready, _, _ = select.select([self._listener, *self._pairs], [], [], 0.02)
            for each in ready:
                if each is self._listener:
                    self._connect()
                elif each in self._pairs:
                    self._forward(each)

    def _connect(self) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(self._target)
        except OSError:
            near.close()
            return
        self._pairs[near], self._pairs[far] = far, near

    def _forward(self, source: socket.socket) -> None:
        try:
            data = source.recv(65536)
            if data and not self.swallow:
                self._pairs[source].sendall(data)
        except OSError:
            data = b""
        if not data:
            other = self._pairs.pop(source)
            self._pairs.pop(other, None)
            source.close()
            other.close()
