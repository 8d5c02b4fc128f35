"""An HTTP proxy that knows CONNECT (RFC 9110 §9.3.6) and leads every name to one local port."""

from __future__ import annotations

import socket
import socketserver
import threading
from types import TracebackType

END_OF_HEADERS = b"\r\n\r\n"


class ConnectProxy:
    """`url` is what goes into `https_proxy`; `asked` are the names that were to be reached."""

    def __init__(self, target_port: int) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Tunnel(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                request = b""
                while not request.endswith(END_OF_HEADERS) and (line := self.rfile.readline()):
                    request += line
                asked.append(request.split()[1].decode())
                with socket.create_connection(("127.0.0.1", target_port)) as far:
                    self.wfile.write(b"HTTP/1.1 200 Connection established" + END_OF_HEADERS)
                    back = threading.Thread(target=_carry, args=(far, self.connection), daemon=True)
                    back.start()
                    _carry(self.connection, far)
                    back.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> ConnectProxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
