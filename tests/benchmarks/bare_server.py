"""The yardstick: a `grpc.aio` server on uvloop that answers every call with one constant.

Usage: `python -m tests.benchmarks.bare_server SIZE`; prints `listening on HOST:PORT` and serves until it is stopped.
"""

from __future__ import annotations

import sys

import grpc
import uvloop


class _Constant(grpc.GenericRpcHandler):
    def __init__(self, reply: bytes) -> None:
        async def answer(request: bytes, context: object) -> bytes:
            return reply

        self._handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(answer)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        return self._handler


async def serve(size: int) -> None:
    """Serve a constant of `size` bytes on a free port of the loopback."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Constant(b"\x00" * size),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
