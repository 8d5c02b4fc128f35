"""Answers that make no sense, the same for both clients: an error that says so, and never a wrong result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest

from tests.support.sdk_drivers import Connect, Driver
from typeplate.errors import InternalError
from typeplate.v1.auth_service_pb2 import IssueTokenResponse
from typeplate.v1.data_service_pb2 import ListVehiclesResponse
from typeplate.v1.vehicle_pb2 import Vehicle

TOKEN = IssueTokenResponse(access_token="a-token", expires_in={"seconds": 900}).SerializeToString()  # type: ignore[arg-type]
SAME_PAGE = ListVehiclesResponse(vehicles=[Vehicle(make="Make")], next_page_token="same").SerializeToString()
UNREADABLE = b"\xff\xff"


class Hostile(grpc.GenericRpcHandler):
    """Says OK to every call after these messages, whatever its method would answer. Tokens are real unless given."""

    def __init__(self, answers: dict[str, list[bytes]]) -> None:
        self._answers = {"IssueToken": [TOKEN], **answers}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        messages = self._answers[handler_call_details.method.rpartition("/")[2]]

        def answer(requests: Iterator[bytes], context: object) -> Iterator[bytes]:
            yield from messages

        return grpc.stream_stream_rpc_method_handler(answer)


Answering = Callable[[dict[str, list[bytes]]], Driver]


@pytest.fixture
def answered(connect: Connect) -> Iterator[Answering]:
    """A client of a server that answers so, by method."""
    servers: list[grpc.Server] = []

    def begin(answers: dict[str, list[bytes]]) -> Driver:
        server = grpc.server(futures.ThreadPoolExecutor(4))
        server.add_generic_rpc_handlers((Hostile(answers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return connect(f"127.0.0.1:{port}")

    yield begin
    for server in servers:
        server.stop(None)


CALLS: dict[str, Callable[[Driver], object]] = {
    "GetVehicle": lambda client: client.get(),
    "GetJwks": lambda client: client.call("auth", "get_jwks"),
    "IssueToken": lambda client: client.get(),
    "Collect": lambda client: client.collect(1),
    "ExportVehicles": lambda client: client.export(),
    "ImportVehicles": lambda client: client.import_(1),
}
STREAMS = {"ExportVehicles", "ImportVehicles"}


@pytest.mark.parametrize("method", sorted(CALLS))
def test_an_answer_that_cannot_be_read_is_an_error(answered: Answering, method: str) -> None:
    """Not None where a message is promised."""
    with pytest.raises(InternalError):
        CALLS[method](answered({method: [UNREADABLE]}))


@pytest.mark.parametrize("method", sorted(set(CALLS) - STREAMS))
def test_success_without_a_message_is_an_error(answered: Answering, method: str) -> None:
    with pytest.raises(InternalError):
        CALLS[method](answered({method: []}))


@pytest.mark.parametrize("token", ["", "a token", "t\nt", "t" * 5000], ids=["none", "spaced", "broken", "long"])
def test_a_token_that_cannot_be_sent_is_none(answered: Answering, token: str) -> None:
    response = IssueTokenResponse(access_token=token, expires_in={"seconds": 900})  # type: ignore[arg-type]
    with pytest.raises(InternalError, match="no usable token"):
        answered({"IssueToken": [response.SerializeToString()]}).get()


def test_a_page_that_follows_itself_ends_the_pager(answered: Answering) -> None:
    """An endless loop would be worse than an error."""
    client = answered({"ListVehicles": [SAME_PAGE]})
    with pytest.raises(InternalError, match="same page again"):
        client.vehicles()
    with pytest.raises(InternalError, match="same page again"):
        client.pages()
