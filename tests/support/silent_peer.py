"""A peer that begins calls, sends no body, and closes nothing: plain HTTP/2, as no client library behaves."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event, ResponseReceived, StreamEnded, TrailersReceived


class SilentPeer:
    """One connection to `address` (`host:port`). `ended`: the gRPC status of each call that the server has ended."""

    def __init__(self, address: str, token: str) -> None:
        self.ended: dict[int, int] = {}
        self._address = address
        self._token = token
        self._http = H2Connection(H2Configuration(client_side=True))
        self._status: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        host, _, port = self._address.rpartition(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        self._http.initiate_connection()
        self._writer.write(self._http.data_to_send())
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.cancel()
        self._writer.close()

    def begin(self, path: str, count: int) -> None:
        """Send the headers of this many calls, and nothing else, ever."""
        headers = (
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", self._address),
            ("te", "trailers"), ("content-type", "application/grpc"), ("authorization", f"Bearer {self._token}"),
        )  # fmt: skip
        for _ in range(count):
            self._http.send_headers(self._http.get_next_available_stream_id(), headers)
        self._writer.write(self._http.data_to_send())

    async def _listen(self) -> None:
        while data := await self._reader.read(65536):
            for event in self._http.receive_data(data):
                self._note(event)
            self._writer.write(self._http.data_to_send())

    def _note(self, event: Event) -> None:
        if isinstance(event, ResponseReceived | TrailersReceived):
            for name, value in event.headers or ():
                if name == b"grpc-status":
                    self._status[event.stream_id] = int(value)
        if isinstance(event, StreamEnded):
            self.ended[event.stream_id] = self._status[event.stream_id]
