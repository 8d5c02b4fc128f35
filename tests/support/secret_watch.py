"""Looks for every secret and token that the SDK has handled in all it has shown: output, logs, reprs, errors, pickles.

A conftest that imports the hooks below has each of its tests watched, with all logs at debug level:

    from tests.support.secret_watch import all_logs, pytest_runtest_makereport
"""

from __future__ import annotations

import logging
import pickle
import re
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from typeplate._credentials import Credentials
from typeplate._options import Configured
from typeplate._secret import StringSecret
from typeplate._token import Token
from typeplate.errors import TypeplateError

SHORTEST = 7
"""Shorter ones, as tests of the rules use, are words that may stand anywhere."""
OURS = (str(Path(__file__).resolve().parents[2] / "client_sdk"), str(Path(grpc.__file__).parent))


class SecretWatch:
    """The secrets and tokens known so far, the newest clients and errors. `blind`: in tests that leak on purpose."""

    def __init__(self) -> None:
        self.blind = False
        self.known: set[str] = set()
        self.clients: deque[Configured] = deque(maxlen=50)
        self.errors: deque[TypeplateError] = deque(maxlen=100)

    def install(self, patched: pytest.MonkeyPatch) -> None:
        """From now on knows of every secret that a client is given or reads, every token, client and error."""
        after(patched, StringSecret, "__init__", lambda source, *_, **__: self.known.add(source.value))
        after(patched, Credentials, "request", lambda _, secret: self.known.add(secret))
        after(patched, Token, "__post_init__", lambda token: self.known.add(token.value))
        after(patched, Configured, "_start", lambda client, _: self.clients.append(client))
        after(patched, TypeplateError, "__init__", lambda error, *_, **__: self.errors.append(error))

    def leaks(self, output: str = "") -> list[str]:
        """Where secrets are shown: in this output, by the clients, by the errors. Forgets the clients and errors."""
        shown = [("output", output)]
        shown += [
            (f"client {type(each).__name__}", text) for each in list(self.clients) for text in shown_by_client(each)
        ]
        shown += [(f"error {type(each).__name__}", text) for each in list(self.errors) for text in shown_by_error(each)]
        self.clients.clear()
        self.errors.clear()
        return sorted({f"{where} shows {secret[:3]}…" for where, text in shown for secret in self.found_in(text)})

    def found_in(self, text: str) -> Iterator[str]:
        """The secrets in a text, each as a whole: `token-1` is not in `token-12`."""
        for secret in self.known:
            if len(secret) < SHORTEST or secret not in text:
                continue
            if re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", text):
                yield secret


def after(patched: pytest.MonkeyPatch, kind: type, name: str, do: Callable[..., object]) -> None:
    """Has a method of a class do something more once it has returned."""
    method = getattr(kind, name)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        result = method(*arguments, **options)
        do(*arguments, **options)
        return result

    patched.setattr(kind, name, wrapped)


def shown_by_client(client: Any) -> Iterator[str]:
    """What a client, its settings and its sessions show of themselves, and what is in their pickles."""
    parts = [client, client._options, client._options.credentials, client._calls]
    for session in list(client._calls._sessions.values()):
        parts += [session, session.authenticator, session.cache, session.cache.token, session.cache._refusal]
    for part in parts:
        yield f"{part!r} {part!s} {getattr(part, '__dict__', '')!r}"
    yield from pickled(client)
    yield from pickled(client._options)


def shown_by_error(error: TypeplateError) -> Iterator[str]:
    """An error's text, facts and pickle, and its traceback with all local variables, as error trackers record them.

    Less the lines of tests, which know their secrets.
    """
    yield f"{error!r} {error!s} {vars(error)!r}"
    yield from pickled(error)
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    while told is not None:
        told.stack = traceback.StackSummary.from_list(
            [frame for frame in told.stack if frame.filename.startswith(OURS)]
        )
        yield "".join(told.format(chain=False))
        told = told.__cause__ or told.__context__  # type: ignore[assignment]


def pickled(value: object) -> Iterator[str]:
    """Its pickle as text; nothing where it refuses to be pickled."""
    try:
        yield pickle.dumps(value).decode("latin-1")
    except (TypeError, AttributeError, pickle.PicklingError):
        return


WATCH = SecretWatch()


@pytest.fixture(autouse=True, scope="session")
def _watched() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        WATCH.install(patched)
        factory = logging.getLogRecordFactory()
        logging.setLogRecordFactory(rendered(factory))
        yield
        logging.setLogRecordFactory(factory)


def rendered(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """A factory of records that are text at once: kept until a test's end, they must keep no call or channel alive,
    which gRPC may not bear to lose after its event loop has been closed.
    """

    def rendering(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = make(*arguments, **options)
        record.msg, record.args = record.getMessage(), ()
        return record

    return rendering


@pytest.fixture(autouse=True)
def all_logs(_watched: None, caplog: pytest.LogCaptureFixture) -> None:
    """Everything is logged, so that everything can be searched."""
    caplog.set_level(logging.DEBUG)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test at its end for every secret it has shown."""
    report = yield
    if call.when != "setup" and not WATCH.blind:  # after the call already, while its loops and channels are there
        judge(report, WATCH)
    return report


def judge(report: pytest.TestReport, watch: SecretWatch) -> None:
    """Fails a test whose output so far, logs included, or whose clients or errors show a secret."""
    if leaks := watch.leaks("\n".join(content for _, content in report.sections)):
        report.outcome = "failed"
        report.longrepr = "secrets were shown:\n" + "\n".join(leaks)
        report.sections = [("secret watch", "the output is withheld, as it may hold a secret")]
