"""The standard health service (grpc.health.v1): `` for the server as a whole, and each service by its name.

Public by its own short list of methods, as its protos cannot carry the access option. While draining everything is
NOT_SERVING and watchers are sent home, for their streams would hold up the stop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Final

from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2

from typeplate_server.auth.access import Access, AccessOptionError
from typeplate_server.errors import NotFound, RateLimited
from typeplate_server.rpc.call import Call

SERVICE: Final = health_pb2.DESCRIPTOR.services_by_name["Health"]
PUBLIC_METHODS: Final = frozenset({"Check", "List", "Watch"})
MAX_WATCHERS: Final = 200
MAX_WATCHERS_OF_A_PEER: Final = 20

SERVING: Final = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN: Final = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def access(method: MethodDescriptor) -> Access:
    """Who may ask: anyone."""
    if method.name not in PUBLIC_METHODS:
        raise AccessOptionError(f"{method.full_name}: not in the list of health methods")
    return Access(public=True)


class HealthServicer:
    """Answers for `services` (full names) and for the server as a whole."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset(services) | {""}
        self._draining = False
        self._changed = asyncio.Event()
        self._watchers: Counter[str] = Counter()

    def drain(self) -> None:
        """From now on NOT_SERVING, for good."""
        self._draining = True
        self._changed.set()

    async def Check(self, request: health_pb2.HealthCheckRequest, call: Call) -> health_pb2.HealthCheckResponse:
        """Whether the named service is served."""
        if request.service not in self._services:
            raise NotFound(request.service)
        return self._response(request.service)

    async def List(self, request: health_pb2.HealthListRequest, call: Call) -> health_pb2.HealthListResponse:
        """All services and whether they are served."""
        return health_pb2.HealthListResponse(statuses={name: self._response(name) for name in self._services})

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, call: Call
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The status now, and once more when the server begins to drain. At most 200 watchers, as anyone may be one,
        and 20 from one address, so that no single one can keep the others out.
        """
        peer = call.peer
        if self._watchers.total() >= MAX_WATCHERS or self._watchers[peer] >= MAX_WATCHERS_OF_A_PEER:
            raise RateLimited("too many health watchers", retry_after=10.0)
        self._watchers[peer] += 1
        try:
            yield self._response(request.service)
            if not self._draining:
                await self._changed.wait()
                yield self._response(request.service)
        finally:
            self._watchers -= Counter((peer,))  # drops a peer that has none left

    def _response(self, service: str) -> health_pb2.HealthCheckResponse:
        if service not in self._services:
            return health_pb2.HealthCheckResponse(status=SERVICE_UNKNOWN)
        return health_pb2.HealthCheckResponse(status=NOT_SERVING if self._draining else SERVING)
