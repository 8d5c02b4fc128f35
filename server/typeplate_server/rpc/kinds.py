"""The four kinds of RPC: how bytes become a servicer's arguments and its answers become bytes.

Rules: broken bytes are INVALID_ARGUMENT. The caller is checked again before each message of a stream, in either
direction, and before the reply of a method that only reads; a reply about a committed write is always sent, for the
commit guard has decided and the caller must learn of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import DecodeError, Message

from typeplate_server.errors import InvalidArgument
from typeplate_server.rpc.call import Call

Parse = Callable[[bytes], Message]
Serve = Callable[[Any, Call, Any], Awaitable[bytes | None]]
"""Serves a request (bytes, or an iterator of them) and returns the reply; None when the replies were written."""


def handler(method: MethodDescriptor, behaviour: Callable[[Any, Any], Awaitable[bytes | None]]) -> Any:
    """gRPC's handler object for a method, dealing in bytes; `behaviour` starts at the headers and reads for itself.

    Whatever the method's kind, gRPC is told that requests are streamed: else it waits for the one request by itself,
    for ever, and gives us no way to end that.
    """
    if method.server_streaming:
        return stream_handler(behaviour)
    return grpc.stream_unary_rpc_method_handler(behaviour)


def stream_handler(behaviour: Callable[[Any, Any], Awaitable[bytes | None]]) -> Any:
    """gRPC's handler object for a behaviour that reads and writes for itself: it suits every method."""
    return grpc.stream_stream_rpc_method_handler(behaviour)


def serve_function(method: MethodDescriptor, function: Callable[[Any, Call], Any]) -> Serve:
    """`function` of a servicer (see `call`) as one from bytes to bytes."""
    argument = _argument(method)
    if method.server_streaming:
        return _streamed(function, argument)
    return _single(function, argument, only_reads=_only_reads(method))


def _single(function: Callable[[Any, Call], Any], argument: Callable[[Any, Call], Any], *, only_reads: bool) -> Serve:
    async def serve(request: Any, call: Call, context: Any) -> bytes:
        reply = await function(argument(request, call), call)
        if only_reads:
            call.recheck()
        return encoded(reply)

    return serve


def _streamed(function: Callable[[Any, Call], Any], argument: Callable[[Any, Call], Any]) -> Serve:
    async def serve(request: Any, call: Call, context: Any) -> None:
        async with aclosing(function(argument(request, call), call)) as replies:
            async for reply in replies:
                call.recheck()
                await context.write(encoded(reply))

    return serve


def _argument(method: MethodDescriptor) -> Callable[[Any, Call], Any]:
    parse = parser(method.input_type)
    if method.client_streaming:
        return lambda requests, call: _parsed(requests, parse, call)
    return lambda request, call: parse(request)


async def _parsed(requests: AsyncIterator[bytes], parse: Parse, call: Call) -> AsyncIterator[Message]:
    async for request in requests:
        call.recheck()
        yield parse(request)


def parser(message_type: Descriptor) -> Parse:
    """From bytes to a message of this type; InvalidArgument when they are none."""
    from_string = message_factory.GetMessageClass(message_type).FromString

    def parse(data: bytes) -> Message:
        try:
            return from_string(data)
        except DecodeError:
            raise InvalidArgument.of("request", f"these bytes are not a {message_type.full_name}") from None

    return parse


def encoded(reply: Message | bytes) -> bytes:
    """The reply's bytes; a reply that is bytes already passes through."""
    return reply if isinstance(reply, bytes) else reply.SerializeToString()


def _only_reads(method: MethodDescriptor) -> bool:
    return bool(method.GetOptions().idempotency_level == descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS)
