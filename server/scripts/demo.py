"""Tells Typeplate's story with its real commands: a key, a token, a vehicle, a revocation, a refusal.

Everything happens in a temporary directory, on a free port. Each step is checked; the first that misbehaves ends the
demo with exit code 1. `make demo` runs it.
"""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BIN = Path(sys.executable).parent
START_SECONDS = 30.0
COMMAND_SECONDS = 60.0


class StepFailed(Exception):
    """A command did not do what the story says."""


def environment() -> dict[str, str]:
    """Ours less all settings of Typeplate, so that the demo meets no server but its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TYPEPLATE_")}


def say(text: str) -> None:
    """Prints one sentence of the story."""
    print(f"\n# {text}", flush=True)


def run(scratch: Path, command: str, *arguments: str, expect: int = 0, quiet: bool = False) -> str:
    """Runs one of the installed commands, shows it, and returns what it printed."""
    if not quiet:
        print(f"$ {shlex.join([command, *arguments])}", flush=True)
    done = subprocess.run(
        [BIN / command, *arguments],
        cwd=scratch,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if not quiet or done.returncode != expect:
        print(done.stdout, end="", flush=True)
    if done.returncode != expect:
        raise StepFailed(f"{command} {arguments[0]} ended with {done.returncode}, not {expect}")
    return done.stdout


def require(wanted: str, said: str) -> None:
    """The story goes on only if this was said."""
    if wanted not in said:
        raise StepFailed(f"{wanted!r} was not said")


@contextmanager
def serving(scratch: Path) -> Iterator[str]:
    """A server on a free port; gives its address, and has it stop cleanly at the end."""
    environ = environment() | {"TYPEPLATE_LISTEN": "127.0.0.1:0"}
    with (scratch / "server.log").open("w") as log:
        server = subprocess.Popen(
            [BIN / "typeplate-server", "serve"], cwd=scratch, env=environ, stdout=subprocess.PIPE, stderr=log
        )
    try:
        yield address_of(server)
        server.terminate()
        if server.wait(timeout=15) != 0:
            raise StepFailed(f"the server ended with {server.returncode}")
    except Exception:
        print((scratch / "server.log").read_text(), file=sys.stderr)
        raise
    finally:
        server.kill()
        server.wait()


def address_of(server: subprocess.Popen[bytes]) -> str:
    """Reads `listening on ADDRESS` from the server's standard output, within a bound."""
    assert server.stdout is not None
    said = b""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if select.select([server.stdout], [], [], 1.0)[0]:
            chunk = os.read(server.stdout.fileno(), 4096)
            said += chunk
            if b"listening on " in said and said.endswith(b"\n"):
                return said.split(b"listening on ")[1].split()[0].decode()
            if not chunk:
                break
    raise StepFailed(f"the server did not start: {said.decode(errors='replace')}")


def story(scratch: Path, target: str) -> None:
    """The story itself."""
    admin = ("--env-file", "data/admin.env", "--target", target)
    app = ("--env-file", "sales.env", "--target", target)

    say("An administrator registers an application. Its key goes into a file that only its owner can read.")
    run(
        scratch,
        "typeplate",
        "clients",
        "create",
        "sales",
        "--scope",
        "vehicles:read",
        "--write-env-file",
        "sales.env",
        *admin,
    )

    say("The application exchanges its key for a token that lives for minutes. The token says:")
    said = run(scratch, "typeplate", "whoami", *app)
    require("vehicles:read", said)

    say("With it, the application reads vehicles.")
    said = run(scratch, "typeplate", "vehicles", "list", "--order-by", "power_kw desc", "--limit", "3", *app)
    name = next((word for word in said.split() if word.startswith("vehicles/")), "")
    require("make", run(scratch, "typeplate", "vehicles", "get", name, *app))

    say("It may not do what it was not granted.")
    require("SCOPE_MISSING", run(scratch, "typeplate", "clients", "list", *app, expect=4))

    say("The administrator revokes it, for good.")
    token = run(scratch, "typeplate", "token", "issue", *app, quiet=True).strip()
    run(scratch, "typeplate", "clients", "revoke", "sales", "--reason", "demo is over", "--yes", *admin)

    say("Its key is refused, and the reason is told to whoever holds the right key:")
    require("CLIENT_REVOKED", run(scratch, "typeplate", "vehicles", "get", name, *app, expect=3))

    say("So is the token it got before, though it has not expired (a call by a foreign client, with that token):")
    require("CLIENT_REVOKED", refusal(target, token, name))


def refusal(target: str, token: str, name: str) -> str:
    """Calls GetVehicle with a given token and no SDK, and returns what the server refused it with."""
    import grpc
    from google.rpc import error_details_pb2, status_pb2

    from typeplate.v1 import data_service_pb2, data_service_pb2_grpc

    with grpc.insecure_channel(target) as channel:
        stub = data_service_pb2_grpc.DataServiceStub(channel)
        try:
            stub.GetVehicle(
                data_service_pb2.GetVehicleRequest(name=name),
                metadata=(("authorization", f"Bearer {token}"),),
                timeout=10,
            )
        except grpc.RpcError as error:
            trailers = {entry.key: entry.value for entry in error.trailing_metadata()}
            status = status_pb2.Status.FromString(bytes(trailers["grpc-status-details-bin"]))
            info = error_details_pb2.ErrorInfo()
            status.details[0].Unpack(info)
            said = f"{error.code().name} {info.reason}: {error.details()}"
            print(said, flush=True)
            return said
    raise StepFailed("a token of a revoked application was admitted")


def main() -> int:
    """Runs the demo; 0 when every step did what the story says."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="typeplate-demo-") as directory:
        scratch = Path(directory)
        try:
            say("A new server: database, keys, an administrator, and the sample of real vehicles.")
            run(scratch, "typeplate-server", "init")
            run(scratch, "typeplate-server", "import", "sample")
            with serving(scratch) as target:
                say(f"It serves on {target}.")
                story(scratch, target)
        except (StepFailed, subprocess.TimeoutExpired) as error:
            print(f"\nThe demo failed: {error}", file=sys.stderr)
            return 1
    print(f"\nAll steps did what they should, in {time.monotonic() - began:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
