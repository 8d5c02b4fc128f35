"""A programmable peer for the SDK: a real gRPC server on a port of its own that speaks typeplate.v1.

    with FakeServer() as server:
        server.refuse_issue("CLIENT_REVOKED")            # IssueToken answers this from now on; None: it issues again
        server.refuse_token("token-1", "TOKEN_REVOKED")  # calls with this token are refused from now on
        server.refuse_calls("TOKEN_INVALID", times=1)    # the next authenticated call is refused, whatever its token

It issues `token-1`, `token-2`, …; `issued` and `calls` record what arrived. Errors carry the details that the real
server sends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from typeplate.v1 import auth_service_pb2, client_pb2, data_service_pb2, vehicle_pb2
from typeplate.v1.auth_service_pb2_grpc import AuthServiceServicer, add_AuthServiceServicer_to_server
from typeplate.v1.data_service_pb2_grpc import DataServiceServicer, add_DataServiceServicer_to_server

Context = grpc.ServicerContext
REQUEST_ID = "req-fake"
COLLECT = "/typeplate.test.Kinds/Collect"
"""A method that streams requests: answers how many vehicles were sent, as the text of a Vehicle's name."""

CODES = {
    "SCOPE_MISSING": grpc.StatusCode.PERMISSION_DENIED,
    "AUTH_STATE_STALE": grpc.StatusCode.UNAVAILABLE,
    "DATABASE_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "RATE_LIMITED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "INVALID_ARGUMENT": grpc.StatusCode.INVALID_ARGUMENT,
    "NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "INTERNAL": grpc.StatusCode.INTERNAL,
}


@dataclass
class Call:
    """One call that arrived: method name, the `authorization` entries, all metadata, and the seconds it had left."""

    method: str
    authorization: list[str]
    metadata: dict[str, Any]
    left: float | None


@dataclass
class Program:
    """What the server has been told to do."""

    life: float = 900.0
    refresh_after: float = 0.0
    issue_reason: str | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    calls_reason: str = ""
    calls_left: int = 0
    retry_after: float | None = None
    breaks_with: str = "DATABASE_UNAVAILABLE"


class FakeServer:
    """See the module. `hold` keeps IssueToken, and GetVehicle of a `…slow` one, from answering while it is cleared."""

    def __init__(
        self, *, address: str = "127.0.0.1:0", credentials: grpc.ServerCredentials | None = None, first_token: int = 1
    ) -> None:
        self.program = Program()
        self.issued: list[auth_service_pb2.IssueTokenRequest] = []
        self.calls: list[Call] = []
        self.hold = threading.Event()
        self.hold.set()
        self._first = first_token
        self._lock = threading.Lock()
        self._server = grpc.server(futures.ThreadPoolExecutor(64), options=(("grpc.so_reuseport", 0),))
        # The generated types ask for every method; those not programmed answer UNIMPLEMENTED.
        add_AuthServiceServicer_to_server(_Auth(self), self._server)  # type: ignore[abstract]
        add_DataServiceServicer_to_server(_Data(self), self._server)  # type: ignore[abstract]
        self._server.add_generic_rpc_handlers((_kinds(self),))
        port = (
            self._server.add_secure_port(address, credentials)
            if credentials
            else self._server.add_insecure_port(address)
        )
        self.target = address if address.startswith("unix:") else f"127.0.0.1:{port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.stop(None).wait()

    # Programming it

    def refuse_issue(self, reason: str | None, retry_after: float | None = None) -> None:
        self.program.issue_reason, self.program.retry_after = reason, retry_after

    def refuse_token(self, token: str, reason: str) -> None:
        self.program.tokens[token] = reason

    def refuse_calls(self, reason: str, times: int) -> None:
        self.program.calls_reason, self.program.calls_left = reason, times

    # What its services do

    def issue(self, request: auth_service_pb2.IssueTokenRequest, context: Context) -> Any:
        with self._lock:
            self.issued.append(request)
            number = self._first + len(self.issued) - 1
        self.hold.wait(30)
        if self.program.issue_reason is not None:
            refuse(context, self.program.issue_reason, retry_after=self.program.retry_after)
        return auth_service_pb2.IssueTokenResponse(
            access_token=f"token-{number}",
            token_type="Bearer",
            expires_in=seconds(self.program.life),
            refresh_after=seconds(self.program.refresh_after),
            scopes=request.scopes,
        )

    def admit(self, method: str, context: Context) -> None:
        """Records the call, and refuses it if it has been told to."""
        metadata: dict[str, Any] = dict(context.invocation_metadata())
        entries = [str(value) for key, value in context.invocation_metadata() if key == "authorization"]
        with self._lock:
            self.calls.append(Call(method, entries, metadata, context.time_remaining()))
            left = self.program.calls_left
            self.program.calls_left = max(left - 1, 0)
        if left:
            refuse(context, self.program.calls_reason, retry_after=self.program.retry_after)
        if len(entries) != 1:
            refuse(context, "TOKEN_MALFORMED" if entries else "TOKEN_MISSING")
        if reason := self.program.tokens.get(entries[0].removeprefix("Bearer ")):
            refuse(context, reason)

    @property
    def tokens_seen(self) -> list[str]:
        return [entry.removeprefix("Bearer ") for call in self.calls for entry in call.authorization]


class _Auth(AuthServiceServicer):
    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def IssueToken(self, request: auth_service_pb2.IssueTokenRequest, context: Context) -> Any:
        if any(key == "authorization" for key, _ in context.invocation_metadata()):
            context.abort(grpc.StatusCode.INTERNAL, "IssueToken was called with a token")
        return self._server.issue(request, context)

    def GetJwks(self, request: auth_service_pb2.GetJwksRequest, context: Context) -> auth_service_pb2.Jwks:
        if any(key == "authorization" for key, _ in context.invocation_metadata()):
            context.abort(grpc.StatusCode.INTERNAL, "GetJwks was called with a token")
        return auth_service_pb2.Jwks(keys=[auth_service_pb2.JsonWebKey(kid="key-1")])

    def CreateClient(self, request: auth_service_pb2.CreateClientRequest, context: Context) -> client_pb2.Client:
        self._server.admit("CreateClient", context)
        return client_pb2.Client(name=f"clients/{request.client_id}", scopes=request.client.scopes)

    def UpdateClient(self, request: auth_service_pb2.UpdateClientRequest, context: Context) -> client_pb2.Client:
        self._server.admit("UpdateClient", context)
        return client_pb2.Client(name=request.client.name, display_name=",".join(request.update_mask.paths))


class _Data(DataServiceServicer):
    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def GetVehicle(self, request: data_service_pb2.GetVehicleRequest, context: Context) -> vehicle_pb2.Vehicle:
        self._server.admit("GetVehicle", context)
        if request.name.endswith("slow"):
            self._server.hold.wait(30)
        if request.name.endswith("missing"):
            refuse(context, "NOT_FOUND", metadata={"name": request.name})
        if not request.name:
            refuse(context, "INVALID_ARGUMENT", violations={"name": "is empty"})
        return vehicle_pb2.Vehicle(name=request.name, make="Make")

    def ListVehicles(self, request: data_service_pb2.ListVehiclesRequest, context: Context) -> Any:
        """Seven vehicles in pages of at most three; their model says what was asked for."""
        self._server.admit("ListVehicles", context)
        start = int(request.page_token or 0)
        stop = min(start + 3, 7)
        made = [vehicle_pb2.Vehicle(name=f"vehicles/epa-{n}", model=str(request.filter)) for n in range(start, stop)]
        return data_service_pb2.ListVehiclesResponse(vehicles=made, next_page_token=str(stop) if stop < 7 else "")

    def CreateVehicle(self, request: data_service_pb2.CreateVehicleRequest, context: Context) -> vehicle_pb2.Vehicle:
        self._server.admit("CreateVehicle", context)
        return vehicle_pb2.Vehicle(name=f"vehicles/{request.vehicle_id}")

    def ExportVehicles(
        self, request: data_service_pb2.ExportVehiclesRequest, context: Context
    ) -> Iterator[data_service_pb2.ExportVehiclesResponse]:
        """Three messages of a vehicle each, the next after `after`; none for the source `none`.

        For the source `broken` an error after each of them; for `stuck` after one that brings nothing.
        """
        self._server.admit("ExportVehicles", context)
        first = int(request.after.rpartition("-")[2] or 0)
        for number in range(3 if request.source == "none" else first, 3):
            made = data_service_pb2.ExportVehiclesResponse(revision=number + 1)
            if request.source != "stuck":
                made.vehicles.add(name=f"vehicles/epa-{number + 1}")
            yield made
            if request.source in {"broken", "stuck"}:
                refuse(context, self._server.program.breaks_with, retry_after=self._server.program.retry_after)

    def ImportVehicles(
        self, request_iterator: Iterator[data_service_pb2.ImportVehiclesRequest], context: Context
    ) -> Iterator[data_service_pb2.ImportVehiclesResponse]:
        """One answer to each request, with the row numbers counted on."""
        self._server.admit("ImportVehicles", context)
        for number, _ in enumerate(request_iterator):
            yield data_service_pb2.ImportVehiclesResponse(last_row_number=number)


def _kinds(server: FakeServer) -> grpc.GenericRpcHandler:
    def collect(requests: Iterator[vehicle_pb2.Vehicle], context: Context) -> vehicle_pb2.Vehicle:
        server.admit("Collect", context)
        return vehicle_pb2.Vehicle(name=str(sum(1 for _ in requests)))

    handler = grpc.stream_unary_rpc_method_handler(
        collect, vehicle_pb2.Vehicle.FromString, vehicle_pb2.Vehicle.SerializeToString
    )
    service, method = COLLECT[1:].split("/")
    return grpc.method_handlers_generic_handler(service, {method: handler})


def seconds(value: float) -> Duration:
    return Duration(seconds=int(value), nanos=round(value % 1 * 1e9))


def refuse(
    context: Context,
    reason: str,
    *,
    metadata: dict[str, str] | None = None,
    violations: dict[str, str] | None = None,
    retry_after: float | None = None,
) -> NoReturn:
    """Ends the call with this reason, as the real server does."""
    details: list[Message] = [error_details_pb2.ErrorInfo(domain="typeplate", reason=reason, metadata=metadata or {})]
    for name, description in (violations or {}).items():
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field=name, description=description)
        details.append(bad)
    if retry_after is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=seconds(retry_after)))
    details.append(error_details_pb2.RequestInfo(request_id=REQUEST_ID))
    status = status_pb2.Status()
    for detail in details:
        status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(CODES.get(reason, grpc.StatusCode.UNAUTHENTICATED), f"refused: {reason}")
