"""Runs the server in one process: start, serve until told to stop, drain, stop. (In several: `workers`.)

Order at the start: the replica registers and reads the auth state, then follows it, and only then the server listens.

Order at the end: health says NOT_SERVING, no new connection or call is accepted, calls in progress may finish within
`drain_seconds`, the rest is cut. Now nothing is admitted any more: the replica follows no longer and deregisters. Last
uses of secrets and the log are written, the database closed. A second signal ends the process at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from typeplate.v1 import auth_service_pb2, data_service_pb2
from typeplate_server.app import chores, seen
from typeplate_server.app.admin_env import outdated
from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import forget_earlier_runs, not_readable
from typeplate_server.app.failure import BusyError, StartupError
from typeplate_server.app.hooks import NO_HOOKS, Hooks
from typeplate_server.app.parts import Parts, assemble
from typeplate_server.app.setup import initialise
from typeplate_server.config import Settings
from typeplate_server.errors import ServiceError
from typeplate_server.rpc import health, reflection, server
from typeplate_server.rpc.auth_servicer import AuthServicer
from typeplate_server.rpc.call_log import CallLog
from typeplate_server.rpc.data_servicer import DataServicer
from typeplate_server.rpc.interceptor import Interceptor, Service
from typeplate_server.rpc.open_streams import OpenStreams, share
from typeplate_server.rpc.tally import Tally

logger = logging.getLogger(__name__)

AUTH_SERVICE: Final = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"]
DATA_SERVICE: Final = data_service_pb2.DESCRIPTOR.services_by_name["DataService"]
RETRY_S: Final = 1.0
CLOSING_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that serves: where, and, when this start made one, where the administrator's credentials lie."""

    address: str
    new_admin: Path | None
    parts: Parts


async def serve(settings: Settings, log: TextIO, ready: Callable[[str, Path | None], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is told where, and of a new administrator's credentials, once calls are
    accepted. Raises StartupError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _asked_to_stop, stop, number)
    gc.disable()  # reading the auth state leaves much to look at, and nothing to find
    async with running(settings, log) as server_:
        settle()
        ready(server_.address, server_.new_admin)
        await stop.wait()


def settle() -> None:
    """To be called before serving: what is here now stays, so no collection need look at it again."""
    gc.collect()
    gc.freeze()
    gc.enable()


def _asked_to_stop(stop: asyncio.Event, number: int) -> None:
    if stop.is_set():
        os._exit(128 + number)
    stop.set()


@asynccontextmanager
async def running(settings: Settings, log: TextIO, hooks: Hooks = NO_HOOKS) -> AsyncIterator[Running]:
    """A server on the data directory of `settings`, made and filled if new; on leaving, drained and stopped."""
    data_dir = DataDir(settings.data_dir)
    data_dir.create()
    with data_dir.locked():
        new_admin = await prepare(settings)
        try:
            async with replica(settings, log, hooks=hooks) as (address, parts):
                tell_of_credentials(settings, address)
                yield Running(address, new_admin, parts)
        except BusyError as error:
            made = f"; the new administrator's credentials are in {new_admin}" if new_admin else ""
            raise BusyError(f"{error}{made}") from None


async def prepare(settings: Settings) -> Path | None:
    """All that comes before the first replica of this machine; returns as `initialise`. Needs the lock."""
    new_admin = await initialise(settings)
    await forget_earlier_runs(settings)
    return new_admin


def tell_of_credentials(settings: Settings, address: str) -> None:
    """Tell the operator where the first administrator's credentials are, and warn if they lead elsewhere."""
    path = DataDir(settings.data_dir).admin_env
    if path.exists():
        logger.info("the first administrator's credentials are in %s", path)
    if problem := outdated(path, settings, address):
        logger.warning(problem)


@asynccontextmanager
async def replica(
    settings: Settings,
    log: TextIO,
    *,
    incarnation: str | None = None,
    shared_port: bool = False,
    hooks: Hooks = NO_HOOKS,
) -> AsyncIterator[tuple[str, Parts]]:
    """A replica that serves, and where, on data that has been prepared; on leaving, drained and stopped."""
    streams = OpenStreams(per_client=share(settings.max_concurrent_rpcs))
    parts = await assemble(settings, streams.recheck, incarnation, hooks.clock)
    call_log = CallLog(log, hooks.clock, only_failed=settings.log_level in ("warning", "error"))
    try:
        call_log.start()
        listening = _listening(settings, parts, streams, call_log, shared_port, hooks)
        async with _following(parts, DataDir(settings.data_dir)), listening as address:
            yield address, parts
    finally:
        call_log.close()
        await _in_time(parts.database.close())


@asynccontextmanager
async def _following(parts: Parts, data_dir: DataDir) -> AsyncIterator[None]:
    """This process is a replica: fresh when entered, followed meanwhile, and gone from the others' lists afterwards."""
    try:
        await parts.time.resume()
        await parts.replica.start()
    except (ServiceError, TimeoutError) as error:
        raise not_readable(error) from None
    following = (
        parts.replica.run(),
        seen.keep(data_dir, parts.database, parts.replica),
        chores.run(parts),
        _follow(parts),
    )
    tasks = [asyncio.create_task(work) for work in following]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _in_time(_farewell(parts, data_dir))


@asynccontextmanager
async def _listening(
    settings: Settings, parts: Parts, streams: OpenStreams, call_log: CallLog, shared_port: bool, hooks: Hooks
) -> AsyncIterator[str]:
    tls = read_tls(settings)
    own = [
        Service(AUTH_SERVICE, _auth_servicer(parts)),
        Service(DATA_SERVICE, DataServicer(parts.catalog)),
    ]
    names = [service.descriptor.full_name for service in own]
    health_servicer = health.HealthServicer(names)
    services = [*own, Service(health.SERVICE, health_servicer, health.access)]
    if settings.reflection:
        servicer = reflection.servicer([*names, health.SERVICE.full_name])
        services.append(Service(reflection.SERVICE, servicer, reflection.access))
    interceptor = Interceptor(
        services, parts.admission, call_log, streams, tally=Tally(parts.usage, parts.refusals, parts.admission)
    )
    grpc_server = server.build(
        interceptor,
        max_concurrent_rpcs=settings.max_concurrent_rpcs,
        shared_port=shared_port,
        before=hooks.interceptors,
    )
    try:
        address = server.bind(grpc_server, settings.listen, tls)
    except server.CannotListenError as error:
        raise BusyError(str(error)) from None
    await grpc_server.start()
    logger.info("serving on %s, %s", address, "TLS" if tls else "plaintext")
    try:
        yield address
    finally:
        logger.info("stopping: calls in progress have %g s", settings.drain_seconds)
        health_servicer.drain()
        await grpc_server.stop(settings.drain_seconds)
        logger.info("stopped")


def _auth_servicer(parts: Parts) -> AuthServicer:
    return AuthServicer(
        parts.clients, parts.exchange, parts.keys, parts.audit, parts.usage, parts.tokens, parts.rotation
    )


async def _follow(parts: Parts) -> None:
    """Take in what other processes write, an import above all."""
    while True:
        try:
            await parts.catalog.follow()
        except Exception:
            logger.exception("following the catalogue's changes failed; trying again")
        await asyncio.sleep(RETRY_S)


async def _farewell(parts: Parts, data_dir: DataDir) -> None:
    """All at once: a database that hangs has a second for all of it, and what fails keeps nothing else from its end."""
    await asyncio.gather(
        parts.replica.leave(),
        seen.note(data_dir, parts.database),
        parts.time.keep(),
        parts.secret_uses.flush(),
        parts.usage.flush(),
        parts.refusals.flush(),
        return_exceptions=True,
    )


async def _in_time(work: Coroutine[Any, Any, object]) -> None:
    """Let what ends a server's work come to its end; a database that hangs or is gone must not hold up the stop."""
    with contextlib.suppress(TimeoutError, ServiceError):
        await asyncio.wait_for(work, CLOSING_S)


def read_tls(settings: Settings) -> server.TlsFiles | None:
    """Certificate and key, checked to belong together. Raises StartupError. None: TLS is off."""
    if not settings.tls:
        return None
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key, password=_no_password)
        return server.TlsFiles(Path(certificate).read_bytes(), Path(key).read_bytes())
    except ssl.SSLError as error:
        raise StartupError(
            f"TYPEPLATE_TLS_CERT_FILE {certificate} and TYPEPLATE_TLS_KEY_FILE {key} cannot be used: "
            f"{(error.reason or 'not valid PEM').replace('_', ' ').lower()}"
        ) from None
    except OSError as error:
        raise StartupError(f"{error.filename or certificate}: cannot be read: {error.strerror}") from None


def _no_password() -> str:
    raise StartupError("TYPEPLATE_TLS_KEY_FILE is encrypted; the server needs the key without a password")
