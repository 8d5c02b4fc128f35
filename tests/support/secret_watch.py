"""Looks for every secret and token that the SDK has handled in all it has shown: output, logs, reprs, errors, pickles.

A conftest that imports the hooks below has each of its tests watched, with all logs at debug level, and with it what
the processes say that the test has started:

    from tests.support.secret_watch import _watched, all_logs, pytest_runtest_makereport, pytest_runtest_setup
"""

from __future__ import annotations

import logging
import pickle
import re
import subprocess
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.secret_shapes import SHAPES
from tests.support.server import ServerProcess
from typeplate._credentials import Credentials
from typeplate._options import Configured
from typeplate._secret import StringSecret
from typeplate._token import Token
from typeplate.errors import TypeplateError

T = TypeVar("T")
SHORTEST = 7
"""Shorter ones, as tests of the rules use, are words that may stand anywhere."""
WORD = re.compile(rf"[\w-]{{{SHORTEST},}}")
OURS = (str(Path(__file__).resolve().parents[2] / "client_sdk"), str(Path(grpc.__file__).parent))


class SecretWatch:
    """The secrets and tokens known so far; the clients, errors and processes' output of the test that runs.

    `on`: while a watched test runs. `blind`: in tests that leak on purpose.
    """

    def __init__(self) -> None:
        self.installed = self.on = self.blind = False
        self.known: set[str] = set()
        self.clients: list[Configured] = []
        self.errors: list[TypeplateError] = []
        self.told: list[tuple[str, str]] = []
        self._learning = False

    def install(self, patched: pytest.MonkeyPatch) -> None:
        """From now on knows of every secret that a client is given or reads, every token, client, error and process."""
        self.installed = True
        after(patched, StringSecret, "__init__", lambda _, source, *__, **___: self.known.add(source.value))
        after(patched, Credentials, "request", lambda _, __, secret: self.known.add(secret))
        after(patched, Token, "__post_init__", lambda _, token: self.known.add(token.value))
        after(
            patched, FakeServer, "issue", lambda made, _, asked, __: self.learn(asked.client_secret, made.access_token)
        )
        after(patched, Configured, "_start", lambda _, client, __: self._keep(self.clients, client))
        after(patched, TypeplateError, "__init__", lambda _, error, *__, **___: self._keep(self.errors, error))
        after(patched, subprocess.Popen, "communicate", lambda said, *_, **__: self.hear(*said))
        after(patched, ServerProcess, "stop", lambda _, server: self._keep(self.told, ("server", server.log)))

    def learn(self, *secrets: str) -> None:
        """They are shown nowhere."""
        self.known.update(secrets)

    def _keep(self, kept: list[T], thing: T) -> None:
        if self.on:
            kept.append(thing)

    def hear(self, out: str | bytes | None, err: str | bytes | None = None) -> None:
        """A process has said this: it is searched at the test's end, like all of the test's own output."""
        if self._learning:
            self.learn(*SHAPES.findall(text_of(out)))
            out = None
        for said in (out, err):
            if said:
                self._keep(self.told, ("process", text_of(said)))

    @contextmanager
    def learning(self) -> Iterator[None]:
        """It is the task of a process within to print a secret or a token, which nothing else may show from then on."""
        self._learning = True
        try:
            yield
        finally:
            self._learning = False

    def begin(self) -> None:
        """A watched test begins: what others left is none of its business."""
        self.forget()
        self.on = True

    def leaks(self, output: str = "") -> list[str]:
        """Where secrets are shown: in this output, by processes, clients, errors. Forgets what was looked at."""
        odd = [secret for secret in tuple(self.known) if len(secret) >= SHORTEST and not WORD.fullmatch(secret)]
        shown = ((where, secret) for where, text in self._shown(output) for secret in self._found_in(text, odd))
        found = sorted({f"{where} shows {secret[:3]}…" for where, secret in shown})
        self.forget()
        return found

    def _shown(self, output: str) -> Iterator[tuple[str, str]]:
        yield "output", output
        yield from list(self.told)
        for client in list(self.clients):
            yield from ((f"client {type(client).__name__}", text) for text in shown_by_client(client))
        for error in list(self.errors):
            yield from ((f"error {type(error).__name__}", text) for text in shown_by_error(error))

    def forget(self) -> None:
        """What has been made and said so far; the secrets stay known."""
        self.told.clear()
        self.clients.clear()
        self.errors.clear()

    def _found_in(self, text: str, odd: list[str]) -> Iterator[str]:
        """The secrets in a text, each as a whole: `token-1` is not in `token-12`. `odd`: those that are no words."""
        yield from SHAPES.findall(text)
        yield from self.known.intersection(WORD.findall(text))
        for secret in odd:
            if secret in text and re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", text):
                yield secret


def text_of(said: str | bytes | None) -> str:
    """What a process has said, whether it was read as text or not, or not at all."""
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def after(patched: pytest.MonkeyPatch, kind: type, name: str, do: Callable[..., object]) -> None:
    """Has a method of a class do something more once it has returned: with what it returned, and what it was given."""
    method = getattr(kind, name)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        result = method(*arguments, **options)
        do(result, *arguments, **options)
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
    """Once, however many a conftest has asked for it."""
    if WATCH.installed:
        yield
        return
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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """A test's fixtures are watched like itself."""
    WATCH.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test at its end for every secret it has shown."""
    report = yield
    if call.when != "setup" and not WATCH.blind:  # after the call already, while its loops and channels are there
        judge(report, WATCH)
    WATCH.on = WATCH.on and call.when != "teardown"
    return report


def judge(report: pytest.TestReport, watch: SecretWatch) -> None:
    """Fails a test whose output so far, logs included, or whose clients or errors show a secret."""
    if leaks := watch.leaks("\n".join(content for _, content in report.sections)):
        report.outcome = "failed"
        report.longrepr = "secrets were shown:\n" + "\n".join(leaks)
        report.sections = [("secret watch", "the output is withheld, as it may hold a secret")]
