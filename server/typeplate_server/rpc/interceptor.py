"""The server's interceptor: log → errors → auth around every function that serves.

Rules:
* What is not in this table is UNIMPLEMENTED, and nothing gets into it without an Access: default deny.
* Requests stay bytes until the caller is admitted; replies are serialised here.
* One interceptor, three functions: the guarded handler of each method is made once, with its Access, at the start.
* Streams are served through OpenStreams, which ends them when their caller is refused, and waits for requests.
* It never asks gRPC's own table of handlers: whatever else were registered with the server could not be called.
* A caller is asked for its token when the headers come, so that whoever has none sends no body and holds no place, and
  checked again when its request is there, because that may come much later.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc import aio

from typeplate_server.auth.access import Access, access_of
from typeplate_server.errors import ServiceError, TokenMissing
from typeplate_server.rpc import kinds
from typeplate_server.rpc.call import Call
from typeplate_server.rpc.errors import CANCELLED, INTERNAL, OK, Outcome, abort, abort_stream, outcome_of
from typeplate_server.rpc.first_message import FirstMessages
from typeplate_server.rpc.open_streams import OpenStreams
from typeplate_server.rpc.scrub import scrubbed_traceback

if TYPE_CHECKING:
    from typeplate_server.auth.admission import Admission, Caller
    from typeplate_server.rpc.call_log import CallLog
    from typeplate_server.rpc.tally import Tally

logger = logging.getLogger(__name__)

AccessRule = Callable[[MethodDescriptor], Access]
Abort = Callable[[Any, Outcome, str], Awaitable[NoReturn]]

_ADMITTED: Final[ContextVar[Caller | ServiceError | None]] = ContextVar("admitted", default=None)
"""Who was admitted at the headers, or why nobody was. gRPC runs a call's interceptor and handler in one task, and each
call in its own.
"""


class MissingMethodError(Exception):
    """A servicer lacks the function of one of its service's methods. The server must not start with it."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service to register: its descriptor, the object that serves it, and where its methods' Access is found."""

    descriptor: ServiceDescriptor
    servicer: object
    access_rule: AccessRule = access_of


@dataclass(frozen=True, slots=True)
class Method:
    """One method, ready to serve: `serve(request bytes or their iterator, call, context)`; `abort` ends it."""

    name: str
    access: Access
    serve: kinds.Serve
    abort: Abort


@dataclass(frozen=True, slots=True)
class Entry:
    """A method and its guarded handler, as gRPC wants it."""

    method: Method
    handler: Any


class Interceptor(aio.ServerInterceptor):
    """Answers every call from its table of guarded handlers.

    Raises AccessOptionError or MissingMethodError rather than leave a method unguarded.
    """

    def __init__(
        self,
        services: Sequence[Service],
        admission: Admission,
        log: CallLog,
        streams: OpenStreams | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._tally = tally
        self._streams = OpenStreams() if streams is None else streams
        self._admission = admission
        self._log = log
        self._numbers = count(1).__next__
        self._request_ids = f"{secrets.token_hex(6)}-"
        self._first_messages = FirstMessages()
        self._entries = {
            f"/{service.descriptor.full_name}/{method.name}": self._entry(service, method)
            for service in services
            for method in service.descriptor.methods
        }

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """The handler for a method's full name, None for an unknown one, which gRPC answers with UNIMPLEMENTED."""
        entry = self._entries.get(handler_call_details.method)
        if entry is None:
            return None
        if not entry.method.access.public:
            try:
                _ADMITTED.set(self._admitted(handler_call_details.invocation_metadata, entry.method.access))
            except ServiceError as error:
                _ADMITTED.set(error)
        return entry.handler

    def _entry(self, service: Service, descriptor: MethodDescriptor) -> Entry:
        function = getattr(service.servicer, descriptor.name, None)
        if function is None:
            raise MissingMethodError(f"{type(service.servicer).__name__} does not serve {descriptor.full_name}")
        access, serve = service.access_rule(descriptor), kinds.serve_function(descriptor, function)
        name = f"/{service.descriptor.full_name}/{descriptor.name}"
        streams = descriptor.client_streaming or descriptor.server_streaming
        served = self._as_stream(serve) if streams else serve
        if not descriptor.client_streaming:
            served = self._first_messages.served(served) if access.public else self._after_request(served)
        method = Method(name, access, served, abort_stream if streams else abort)
        return Entry(method, kinds.handler(descriptor, self._guarded(method)))

    def _admitted(self, metadata: Any, access: Access) -> Caller | None:
        return self._admission.admit([value for key, value in metadata if key == "authorization"], access)

    def _as_stream(self, serve: kinds.Serve) -> kinds.Serve:
        def serve_stream(request: Any, call: Call, context: Any) -> Awaitable[bytes | None]:
            return self._streams.serve(call, lambda: serve(request, call, context))

        return serve_stream

    def _after_request(self, serve: kinds.Serve) -> kinds.Serve:
        async def read_and_serve(_: Any, call: Call, context: Any) -> bytes | None:
            assert call.caller is not None
            request = await self._streams.request(call, call.caller.client_id, context)
            call.recheck()
            return await serve(request, call, context)

        return read_and_serve

    def _guarded(self, method: Method) -> Callable[[Any, Any], Awaitable[bytes | None]]:
        async def handle(request: Any, context: Any) -> bytes | None:
            call = Call(context, self._numbers(), self._request_ids, self._admission)
            started = perf_counter()
            outcome = OK
            try:
                self._authorize(call, method.access)
                return await method.serve(request, call, context)
            except asyncio.CancelledError:
                outcome = CANCELLED
                raise
            except Exception as error:  # noqa: BLE001 - the one place where any error is turned into an answer
                outcome = self._failure(error, call, method)
                if self._tally is not None:
                    self._tally.refused(call, method.name, outcome, context)
            finally:
                self._note(call, method, outcome, started)
            return await method.abort(context, outcome, call.request_id)

        return handle

    def _authorize(self, call: Call, access: Access) -> None:
        if access.public:
            return
        admitted = _ADMITTED.get()
        if isinstance(admitted, ServiceError):
            raise admitted
        if admitted is None:
            raise TokenMissing
        call.caller = admitted

    def _failure(self, error: Exception, call: Call, method: Method) -> Outcome:
        outcome = outcome_of(error)
        if outcome.code is grpc.StatusCode.INTERNAL or outcome is INTERNAL:
            logger.error("%s failed, request id %s\n%s", method.name, call.request_id, scrubbed_traceback(error))
        return outcome

    def _note(self, call: Call, method: Method, outcome: Outcome, started: float) -> None:
        ended = perf_counter()
        if self._tally is not None and call.caller is not None:
            self._tally.count(call.caller.client_id, method.name, call.peer_uri, ended)
        self._log.add(
            method.name,
            outcome,
            call.caller or call.subject,
            call.peer_uri,
            ended - started,
            self._request_ids,
            call.number,
        )
