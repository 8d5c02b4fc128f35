"""What authentication, admission and the log cost: our server against a bare one, round by round.

`make bench` runs this. Every round loads the bare server and ours in turn (the order changes from round to round) with
the same generator, so that a machine whose speed drifts shifts both. Ours runs with its defaults, logging included.
It prints rates, CPU per call of the server process, and the median and spread of the ratios; it judges nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from tests.benchmarks import loadgen
from typeplate.v1 import (
    auth_service_pb2,
    auth_service_pb2_grpc,
    data_service_pb2,
    data_service_pb2_grpc,
    vehicle_pb2,
)

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A server process under load."""

    pid: int
    target: str

    def cpu_seconds(self) -> float:
        """User and system time of the process so far, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(frozen=True, slots=True)
class Sample:
    """One server in one round."""

    rate: float
    cpu_us: float
    p99_ms: float


@contextmanager
def running(command: list[str], log: Path, environ: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server that says `listening on TARGET` on its standard output, stopped on leaving."""
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environ, text=True)
    try:
        yield Server(process.pid, _target_of(process, log))
    finally:
        process.terminate()
        process.wait(20)


def _target_of(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if "listening on " in line:
            return line.split("listening on ", 1)[1].split()[0]
    raise RuntimeError(f"the server ended before it listened:\n{log.read_text()[-2000:]}")


def bare(size: int) -> list[str]:
    """The command of a bare server that answers with `size` bytes."""
    return [sys.executable, "-m", "tests.benchmarks.bare_server", str(size)]


@contextmanager
def typeplate_server(scratch: Path) -> Iterator[Server]:
    """Our server with its defaults on a new data directory."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TYPEPLATE_")}
    environ |= {"TYPEPLATE_DATA_DIR": str(scratch / "data"), "TYPEPLATE_LISTEN": "127.0.0.1:0"}
    with running([sys.executable, "-m", "typeplate_server", "serve"], scratch / "ours.log", environ) as server:
        yield server


def admin_of(data_dir: Path) -> tuple[str, str]:
    """Client id and secret of the administrator that the first start made."""
    lines = (data_dir / "admin.env").read_text().splitlines()
    pairs = dict(line.removeprefix("export ").split("=", 1) for line in lines if "=" in line)
    return pairs["TYPEPLATE_CLIENT_ID"].strip("'\""), pairs["TYPEPLATE_CLIENT_SECRET"].strip("'\"")


@dataclass(frozen=True, slots=True)
class Workload:
    """A call to repeat, and the size of its answer."""

    name: str
    request: loadgen.Request
    body_bytes: int | None
    bare_bytes: int


def prepare(server: Server, data_dir: Path) -> list[Workload]:
    """Get a token, create one vehicle, and describe the two calls that are measured."""
    client_id, secret = admin_of(data_dir)
    exchange = auth_service_pb2.IssueTokenRequest(client_id=client_id, client_secret=secret)
    with grpc.insecure_channel(server.target) as channel:
        issued = auth_service_pb2_grpc.AuthServiceStub(channel).IssueToken(exchange, timeout=10)
        metadata = (("authorization", f"Bearer {issued.access_token}"),)
        data = data_service_pb2_grpc.DataServiceStub(channel)
        made = data.CreateVehicle(
            data_service_pb2.CreateVehicleRequest(vehicle=_vehicle(), vehicle_id="own-bench"),
            metadata=metadata,
            timeout=10,
        )
    get = data_service_pb2.GetVehicleRequest(name=made.name).SerializeToString()
    return [
        Workload(
            "GetVehicle",
            loadgen.Request("/typeplate.v1.DataService/GetVehicle", get, metadata),
            made.ByteSize(),
            made.ByteSize(),
        ),
        Workload(
            "IssueToken",
            loadgen.Request("/typeplate.v1.AuthService/IssueToken", exchange.SerializeToString()),
            None,  # an answer's size varies by a byte with the drawn refresh_after
            issued.ByteSize(),
        ),
    ]


def _vehicle() -> vehicle_pb2.Vehicle:
    return vehicle_pb2.Vehicle(make="Toyota", model="Corolla", trim="LE " + "x" * 60, model_year=2024, power_kw=126.0)


def measure(server: Server, work: Workload, seconds: float) -> Sample:
    """Load one server for a while."""
    before = server.cpu_seconds()
    outcome = loadgen.run(server.target, work.request, seconds=seconds, body_bytes=work.body_bytes)
    if outcome.bad:
        raise RuntimeError(f"{work.name}: {outcome.bad} calls were not answered as expected, {outcome.good} were")
    cpu = server.cpu_seconds() - before
    p99 = statistics.quantiles(outcome.latencies, n=100)[98]
    return Sample(outcome.rate, cpu / outcome.good * 1e6, p99 * 1e3)


def rounds(ours: Server, yardstick: Server, work: Workload, count: int, seconds: float) -> list[tuple[Sample, Sample]]:
    """`count` pairs of (ours, bare), the order changing from round to round."""
    pairs = []
    for number in range(count):
        order = (ours, yardstick) if number % 2 else (yardstick, ours)
        samples = {server.pid: measure(server, work, seconds) for server in order}
        pairs.append((samples[ours.pid], samples[yardstick.pid]))
    return pairs


def report(name: str, pairs: list[tuple[Sample, Sample]]) -> None:
    """Print medians and spreads."""
    print(f"\n{name}: {len(pairs)} rounds, ours against a bare grpc.aio+uvloop server")
    _row("rate, calls/s", pairs, lambda sample: sample.rate, lambda mine, theirs: mine / theirs)
    _row("CPU per call, us", pairs, lambda sample: sample.cpu_us, lambda mine, theirs: theirs / mine)
    _row("p99, ms", pairs, lambda sample: sample.p99_ms, lambda mine, theirs: theirs / mine)


def _row(
    title: str,
    pairs: list[tuple[Sample, Sample]],
    of: Callable[[Sample], float],
    ratio: Callable[[float, float], float],
) -> None:
    mine, theirs = [of(pair[0]) for pair in pairs], [of(pair[1]) for pair in pairs]
    ratios = [ratio(a, b) for a, b in zip(mine, theirs, strict=True)]
    print(
        f"  {title:<17} ours {statistics.median(mine):8.1f}   bare {statistics.median(theirs):8.1f}   "
        f"ratio {statistics.median(ratios):.3f} (min {min(ratios):.3f}, max {max(ratios):.3f}; 1.000 = as good as bare)"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=12, help="interleaved rounds per call (default 12)")
    parser.add_argument("--seconds", type=float, default=2.0, help="load per server and round (default 2)")
    arguments = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="typeplate-bench-"))
    try:
        with typeplate_server(scratch) as ours:
            for work in prepare(ours, scratch / "data"):
                with running(bare(work.bare_bytes), scratch / "bare.log") as yardstick:
                    for server in (ours, yardstick):
                        measure(server, work, 0.5)  # warm-up
                    report(work.name, rounds(ours, yardstick, work, arguments.rounds, arguments.seconds))
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
