"""Runs the real server for tests, on a port of its own choosing and a data directory of its own.

    with running_server(tmp_path / "data") as server:            # a subprocess, as in production
        with server.channel() as channel: ...                    # grpc.Channel to it
        token = server.token(channel)                            # an admin's access token
    async with server_in_process(tmp_path / "data") as server:   # the same server in this event loop, faster

`server.address`, `server.data_dir`, `server.client_id`, `server.client_secret` (the administrator's, from
`admin.env`) are alike in both. Settings are passed as environment names less the prefix:
`running_server(path, REFLECTION="1")`. ServerProcess also has `terminate()`, `kill()` (SIGKILL), `wait()`,
`restart()` and `log`.
"""

from __future__ import annotations

import io
import logging
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import grpc

from typeplate.v1 import auth_service_pb2, auth_service_pb2_grpc
from typeplate_server.app.serving import Running, running
from typeplate_server.cli import main
from typeplate_server.config import Settings

STARTUP_S = 30.0
READY = "listening on "
ROOT = Path(__file__).resolve().parents[2]


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """An environment with these settings and no other of ours; port 0 unless LISTEN says otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TYPEPLATE_")}
    ours = {"LISTEN": "127.0.0.1:0", "DATA_DIR": str(data_dir), **settings}
    path = os.pathsep.join([str(ROOT / "server"), str(ROOT / "client_sdk")])
    return {**kept, "PYTHONPATH": path, **{f"TYPEPLATE_{name}": value for name, value in ours.items()}}


def command(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`typeplate-server ARGUMENTS`, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "typeplate_server", *arguments],
        env=environment(data_dir, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def command_here(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, which is ten times as fast. Not from inside an event loop."""
    environ, root = os.environ.copy(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out, err = io.StringIO(), io.StringIO()
    os.environ.update(environment(data_dir, **settings))
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = _code_of(arguments)
    finally:
        os.environ.clear()
        os.environ.update(environ)
        root.handlers[:] = handlers
        root.setLevel(level)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def _code_of(arguments: tuple[str, ...]) -> int:
    try:
        return main(arguments)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client id and its secret."""

    client_id: str
    client_secret: str


def read_credentials(path: Path) -> Credentials:
    """What an `….env` file holds."""
    words = (word for line in path.read_text().splitlines() for word in shlex.split(line, comments=True))
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    return Credentials(pairs["TYPEPLATE_CLIENT_ID"], pairs["TYPEPLATE_CLIENT_SECRET"])


class _Reachable:
    """What both kinds of server have in common."""

    address: str
    data_dir: Path

    @property
    def client_id(self) -> str:
        """The administrator's."""
        return read_credentials(self.data_dir / "admin.env").client_id

    @property
    def client_secret(self) -> str:
        """The administrator's."""
        return read_credentials(self.data_dir / "admin.env").client_secret

    def channel(self) -> grpc.Channel:
        """A new plaintext channel to it, for the caller to close."""
        return grpc.insecure_channel(self.address)

    def token(self, channel: grpc.Channel, scopes: tuple[str, ...] = ()) -> str:
        """A fresh access token of the administrator. Not from inside the event loop that serves."""
        request = auth_service_pb2.IssueTokenRequest(
            client_id=self.client_id, client_secret=self.client_secret, scopes=scopes
        )
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        return stub.IssueToken(request, timeout=10).access_token


class ServerProcess(_Reachable):
    """`typeplate-server serve` in a process of its own."""

    def __init__(self, data_dir: Path, settings: dict[str, str], arguments: tuple[str, ...] = ()) -> None:
        self.data_dir = data_dir
        self._settings = settings
        self._arguments = arguments
        self._log = data_dir.with_name(f"{data_dir.name}.log")
        self.start()

    def start(self) -> None:
        """Start, and wait until it says where it listens."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self._arguments, "-m", "typeplate_server", "serve"],
                env=environment(self.data_dir, **self._settings),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(READY):
                self.address = line.removeprefix(READY).strip()
                return
        raise AssertionError(f"the server ended with code {self.wait(10)} before it listened:\n{self.log}")

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def log(self) -> str:
        """All it has written to standard error so far, over all its starts."""
        return self._log.read_text()

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM)."""
        self.process.terminate()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL), and wait for that."""
        self.process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self, timeout_s: float = 20.0) -> int:
        """Its exit code, once it has ended."""
        code = self.process.wait(timeout_s)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same data; the address may change."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop it if it runs, cleanly if it will."""
        if self.process.poll() is None:
            self.terminate()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def running_server(data_dir: Path, **settings: str) -> Iterator[ServerProcess]:
    """A server process, stopped on leaving. Warnings in it are errors, un-awaited coroutines among them."""
    server = ServerProcess(data_dir, settings, arguments=("-W", "error"))
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True, slots=True)
class InProcessServer(_Reachable):
    """A server in this event loop. Talk to it with `grpc.aio`, or from another thread."""

    address: str
    data_dir: Path
    running: Running
    log_stream: io.StringIO

    @property
    def log(self) -> str:
        """The call log so far."""
        return self.log_stream.getvalue()


@asynccontextmanager
async def server_in_process(data_dir: Path, **settings: str) -> AsyncIterator[InProcessServer]:
    """The server in this event loop, stopped on leaving without waiting for calls in progress."""
    names = {"LISTEN": "127.0.0.1:0", "DATA_DIR": str(data_dir), "DRAIN_SECONDS": "0", **settings}
    log = io.StringIO()
    environ = {f"TYPEPLATE_{name}": value for name, value in names.items()}
    async with running(Settings.from_env(environ), log) as server:
        yield InProcessServer(server.address, data_dir, server, log)


def eventually(holds: Callable[[], bool], what: str, within_s: float = 10.0) -> None:
    """Wait until `holds`, at most `within_s`; fails saying `what` did not come about."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.01)
