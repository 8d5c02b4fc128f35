"""What surrounds every method, of each of the four kinds: admission, errors, log."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc import aio

from tests.support.auth_world import AuthWorld
from tests.support.probe_service import KINDS, ProbeServicer, service
from tests.support.raw_calls import BROKEN, Answer, failed
from typeplate._streams_aio import keeping_status
from typeplate.v1 import access_pb2
from typeplate_server.auth.access import AccessOptionError
from typeplate_server.errors import NotFound
from typeplate_server.rpc import server
from typeplate_server.rpc.call import Call
from typeplate_server.rpc.call_log import CallLog
from typeplate_server.rpc.interceptor import Interceptor, MissingMethodError, Service

SECRET = "tps_abcdefghijkl_sentinel"
READ = access_pb2.Access(scope="vehicles:read")
STREAMED = [name for name, (_, server_streaming) in KINDS.items() if server_streaming]
by_kind = pytest.mark.parametrize("kind", KINDS)


@dataclass
class Probe:
    """A server with the probe services in this event loop, and all that a test may turn."""

    world: AuthWorld
    servicer: ProbeServicer
    channel: aio.Channel
    log: CallLog
    log_stream: io.StringIO

    async def call(
        self, kind: str, *bodies: bytes, name: str = "Guarded", token: str | None = None, timeout: float = 10
    ) -> Answer:
        """Call a method of `probe.<name>` and collect what comes back."""
        token = token if token is not None else self.world.token()
        metadata = (("authorization", f"Bearer {token}"),)
        stream: Any = self.channel.stream_stream(f"/probe.{name}/{kind}")
        # grpc.aio tells INTERNAL instead of the server's status where that overtakes a request on its way.
        rpc = keeping_status(stream(iter(bodies or (text("a"),)), metadata=metadata, timeout=timeout))
        messages: list[bytes] = []
        try:
            async for message in rpc:
                messages.append(message)  # noqa: PERF401 - what came before an error counts too
        except aio.AioRpcError as error:
            return failed(error, tuple(messages))
        return Answer(tuple(messages), grpc.StatusCode.OK)

    def lines(self) -> list[dict[str, Any]]:
        """The call log, all of it."""
        self.log.close()
        return [json.loads(line) for line in self.log_stream.getvalue().splitlines()]


def text(value: str) -> bytes:
    return StringValue(value=value).SerializeToString()


@pytest.fixture
async def probe() -> AsyncIterator[Probe]:
    world, servicer, stream = AuthWorld(), ProbeServicer(), io.StringIO()
    log = CallLog(stream, world.clock)
    log.start()
    services = [
        Service(service("Guarded", READ), servicer),
        Service(service("Reading", READ, reads=True), servicer),
        Service(service("Public", access_pb2.Access(public=True)), servicer),
    ]
    grpc_server = server.build(Interceptor(services, world.admission, log), max_concurrent_rpcs=50)
    address = server.bind(grpc_server, "127.0.0.1:0", None)
    await grpc_server.start()
    async with aio.insecure_channel(address) as channel:
        yield Probe(world, servicer, channel, log, stream)
    await grpc_server.stop(0)
    log.close()


@by_kind
async def test_an_admitted_call_is_served(probe: Probe, kind: str) -> None:
    answer = await probe.call(kind)
    assert answer.code is grpc.StatusCode.OK
    assert answer.messages[0] == (text("a0") if kind == "Download" else text("a"))
    assert len(answer.messages) == (1000 if kind == "Download" else 1)


@by_kind
async def test_a_refused_call_never_reaches_the_servicer_and_brings_no_message(probe: Probe, kind: str) -> None:
    async def fail(number: int, call: Call) -> None:
        raise AssertionError("served")

    probe.servicer.before = fail
    answer = await probe.call(kind, token="garbage")
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MALFORMED")
    assert answer.messages == ()


@by_kind
async def test_an_uncaught_exception_becomes_internal_and_nothing_of_it_leaves(
    probe: Probe, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller gets a request id; the log has the traceback under that id, without the secret in it."""

    async def fail(number: int, call: Call) -> None:
        raise ValueError(f"postgresql://u:p@db with {SECRET}")

    probe.servicer.before = fail
    with caplog.at_level(logging.ERROR):
        answer = await probe.call(kind)
    assert (answer.code, answer.reason, answer.message) == (grpc.StatusCode.INTERNAL, "INTERNAL", "internal error")
    assert answer.messages == ()
    sent = repr(answer.trailers) + answer.message
    assert "postgresql" not in sent
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.request_id)
    assert answer.request_id in caplog.text
    assert "probe_service.py" in caplog.text
    assert SECRET not in caplog.text


@by_kind
async def test_an_error_for_the_caller_arrives_with_its_details(probe: Probe, kind: str) -> None:
    async def fail(number: int, call: Call) -> None:
        raise NotFound("vehicles/epa-1")

    probe.servicer.before = fail
    answer = await probe.call(kind)
    assert (answer.code, answer.reason, answer.messages) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND", ())
    assert answer.info.metadata["name"] == "vehicles/epa-1"


@by_kind
async def test_broken_bytes_are_an_invalid_argument(probe: Probe, kind: str) -> None:
    answer = await probe.call(kind, BROKEN)
    assert (answer.code, answer.reason, answer.messages) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
        (),
    )


async def test_broken_bytes_later_in_a_stream_end_it(probe: Probe) -> None:
    answer = await probe.call("Exchange", text("a"), BROKEN, text("b"))
    assert (answer.code, answer.messages) == (grpc.StatusCode.INVALID_ARGUMENT, (text("a"),))


@pytest.mark.parametrize("kind", STREAMED)
async def test_a_stream_ends_when_its_token_expires(probe: Probe, kind: str) -> None:
    async def expire_at_the_third(number: int, call: Call) -> None:
        if number == 2:
            probe.world.clock.now += 901

    probe.servicer.before = expire_at_the_third
    answer = await probe.call(kind, *[text("a")] * (5 if kind == "Exchange" else 1))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
    assert len(answer.messages) == 2


@pytest.mark.parametrize("kind", STREAMED)
async def test_a_stream_of_a_revoked_client_brings_no_further_message(probe: Probe, kind: str) -> None:
    async def revoke_at_the_third(number: int, call: Call) -> None:
        if number == 2:
            probe.world.set(state="revoked")

    probe.servicer.before = revoke_at_the_third
    answer = await probe.call(kind, *[text("a")] * (5 if kind == "Exchange" else 1))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CLIENT_REVOKED")
    assert len(answer.messages) == 2


async def test_an_upload_of_a_revoked_client_is_not_read_to_its_end(probe: Probe) -> None:
    rpc: Any = probe.channel.stream_stream("/probe.Guarded/Exchange")(
        metadata=(("authorization", f"Bearer {probe.world.token()}"),)
    )
    await rpc.write(text("a"))
    assert await rpc.read() == text("a")
    probe.world.set(state="revoked")
    await rpc.write(text("b"))
    with pytest.raises(aio.AioRpcError) as error:
        await rpc.read()
    assert failed(error.value, ()).reason == "CLIENT_REVOKED"


async def test_the_rest_of_an_upload_of_a_revoked_client_does_not_reach_the_servicer(probe: Probe) -> None:
    """A servicer that answers nothing until the end would else go on reading."""
    read: list[int] = []
    upload: Any = probe.channel.stream_unary("/probe.Guarded/Upload")
    rpc = upload(metadata=(("authorization", f"Bearer {probe.world.token()}"),))
    probe.servicer.received = read.append
    await rpc.write(text("a"))
    async with asyncio.timeout(10):
        while not read:  # noqa: ASYNC110 - the servicer is on the other side of a socket
            await asyncio.sleep(0.01)
    probe.world.set(state="revoked")
    await rpc.write(text("b"))
    with pytest.raises(aio.AioRpcError) as error:
        await rpc
    assert failed(error.value, ()).reason == "CLIENT_REVOKED"
    assert len(read) == 1


@pytest.mark.parametrize("kind", ["Single", "Upload"])
async def test_what_was_read_does_not_leave_after_a_revocation(probe: Probe, kind: str) -> None:
    async def revoke(number: int, call: Call) -> None:
        probe.world.set(state="revoked")

    probe.servicer.before = revoke
    answer = await probe.call(kind, name="Reading")
    assert (answer.reason, answer.messages) == ("CLIENT_REVOKED", ())


async def test_the_answer_about_a_committed_write_leaves_all_the_same(probe: Probe) -> None:
    """An administrator who revokes itself is told that it worked."""

    async def revoke(number: int, call: Call) -> None:
        probe.world.set(state="revoked")

    probe.servicer.before = revoke
    assert (await probe.call("Single", name="Guarded")).code is grpc.StatusCode.OK


async def test_a_public_method_has_no_caller_and_cannot_write(probe: Probe) -> None:
    seen: list[Call] = []

    async def look(number: int, call: Call) -> None:
        seen.append(call)
        with pytest.raises(RuntimeError):
            _ = call.commit_guard

    probe.servicer.before = look
    assert (await probe.call("Single", name="Public", token="garbage")).code is grpc.StatusCode.OK
    assert [call.caller for call in seen] == [None]
    assert seen[0].peer == "127.0.0.1"


async def test_a_call_knows_its_caller_its_deadline_and_its_guard(probe: Probe) -> None:
    async def look(number: int, call: Call) -> None:
        assert call.caller is not None
        assert call.caller.client_id == "reader"
        assert call.time_remaining is not None
        assert 9 < call.time_remaining < 10.1
        call.commit_guard(probe.world.store)
        probe.world.store.rows["reader"] = probe.world.set(state="revoked")
        with pytest.raises(Exception, match="revoked"):
            call.commit_guard(probe.world.store)
        with pytest.raises(Exception, match="revoked"):
            call.recheck()

    probe.servicer.before = look
    assert (await probe.call("Single")).code is grpc.StatusCode.OK


async def test_a_stream_given_up_by_its_caller_ends_at_the_server_too(probe: Probe) -> None:
    async def slowly(number: int, call: Call) -> None:
        if number:
            await asyncio.sleep(3600)

    probe.servicer.before = slowly
    download: Any = probe.channel.unary_stream("/probe.Guarded/Download")
    rpc = download(text("a"), metadata=(("authorization", f"Bearer {probe.world.token()}"),))
    await rpc.read()
    rpc.cancel()
    await asyncio.wait_for(probe.servicer.ended.wait(), 10)
    await asyncio.sleep(0)
    assert [line["code"] for line in probe.lines()] == ["CANCELLED"]


@by_kind
async def test_each_call_is_one_line_in_the_log_without_token_or_content(probe: Probe, kind: str) -> None:
    token = probe.world.token()
    await probe.call(kind, text("content-of-the-request"), token=token)
    bad = await probe.call(kind, token=token[:-4])
    good_line, bad_line = probe.lines()
    assert (good_line["method"], good_line["code"], good_line["client_id"]) == (
        f"/probe.Guarded/{kind}",
        "OK",
        "reader",
    )
    assert good_line["jti"]
    assert good_line["peer"] == "127.0.0.1"
    assert (bad_line["code"], bad_line["reason"]) == (bad.code.name, bad.reason)
    assert bad_line["request_id"] == bad.request_id
    written = probe.log_stream.getvalue()
    assert token[-20:-4] not in written
    assert "content-of-the-request" not in written


async def test_calls_beyond_the_bound_are_refused(probe: Probe) -> None:
    go_on = asyncio.Event()

    async def wait(number: int, call: Call) -> None:
        await go_on.wait()

    probe.servicer.before = wait
    calls = [asyncio.create_task(probe.call("Single")) for _ in range(60)]
    refusals = asyncio.as_completed(calls, timeout=10)
    for _ in range(10):
        assert (await next(refusals)).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    go_on.set()
    answers = await asyncio.gather(*calls)
    refused = [answer for answer in answers if answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert len(refused) == 10
    assert len(answers) - len(refused) == 50


@pytest.mark.parametrize(
    "access",
    [
        None,
        access_pb2.Access(),
        access_pb2.Access(public=False),
        access_pb2.Access(authenticated=False),
        access_pb2.Access(scope=""),
        access_pb2.Access(scope="vehicles:reed"),
    ],
    ids=repr,
)
def test_a_service_whose_access_is_not_said_is_not_served(access: access_pb2.Access | None) -> None:
    log = CallLog(io.StringIO(), lambda: 0.0)
    with pytest.raises(AccessOptionError, match=r"probe\.Loose\.Single"):
        Interceptor([Service(service("Loose", access), ProbeServicer())], AuthWorld().admission, log)


def test_a_servicer_that_lacks_a_method_is_not_served() -> None:
    log = CallLog(io.StringIO(), lambda: 0.0)
    with pytest.raises(MissingMethodError, match=r"object does not serve probe\.Lacking\.Single"):
        Interceptor([Service(service("Lacking", READ), object())], AuthWorld().admission, log)
