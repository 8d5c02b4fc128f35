"""What the `typeplate` command prints, and the exit code that goes with each error."""

import base64
import json
from argparse import Namespace
from typing import Self

import grpc
import pytest

from typeplate import errors
from typeplate.cli import exits
from typeplate.cli.output import hint, print_fields, print_json, print_table
from typeplate.cli.tokens import claims_of, whoami
from typeplate.v1 import client_pb2, vehicle_pb2


def test_columns_are_as_wide_as_their_widest_cell(capsys: pytest.CaptureFixture[str]) -> None:
    """And no line ends in blanks."""
    print_table(("A", "B"), [("long", 1), ("x", None)])
    assert capsys.readouterr().out == "A     B\nlong  1\nx\n"


def test_a_table_without_rows_is_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing found is no error."""
    print_table(("A", "B"), [])
    assert capsys.readouterr().out == "A  B\n"


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A display name must not move the cursor."""
    print_table(("NAME",), [("a\x1b[2Jb",)])
    assert "\x1b" not in capsys.readouterr().out


CONTROLS = "a\x1b[2J\x9b31m\r\n\u202eb"


def test_no_text_of_a_server_moves_the_cursor_or_turns_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither values nor map keys of a record, neither hints nor errors with their violations."""
    print_fields(client_pb2.Client(display_name=CONTROLS, scopes=[CONTROLS], labels={CONTROLS: "x"}))
    hint(CONTROLS)
    violation = errors.FieldViolation(CONTROLS, CONTROLS)
    for message in (CONTROLS, "bad"):
        error = errors.InvalidArgument(message, reason=CONTROLS, request_id=CONTROLS, violations=[violation])
        print(exits.describe(error))
    shown = capsys.readouterr()
    assert all(character.isprintable() or character == "\n" for character in shown.out + shown.err)
    assert "\\x1b[2J\\x9b31m\\x0d\\x0a\\u202eb" in shown.out


def test_json_is_safe_to_look_at_and_still_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Escaped as JSON escapes, so scripts read what the server sent."""
    print_json(client_pb2.Client(display_name=CONTROLS))
    shown = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert json.loads(shown) == {"displayName": CONTROLS}


@pytest.mark.parametrize(("no_color", "bold"), [("", True), ("1", False)])
def test_headings_are_bold_on_a_terminal_only_where_colour_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_color: str, bold: bool
) -> None:
    """NO_COLOR as no-color.org has it."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    print_table(("A",), [])
    assert ("\x1b[1m" in capsys.readouterr().out) is bold


def test_fields_are_paths_with_the_names_of_the_proto(capsys: pytest.CaptureFixture[str]) -> None:
    """What is unknown is not shown; a 0 that is known is."""
    vehicle = vehicle_pb2.Vehicle(name="vehicles/own-1", co2_g_per_km=0, markets=["DE", "FR"])
    vehicle.engines.add().cylinders = 4
    print_fields(vehicle)
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines == {"name": "vehicles/own-1", "co2_g_per_km": "0.0", "markets": "DE, FR", "engines[0].cylinders": "4"}


def test_json_is_proto3_json(capsys: pytest.CaptureFixture[str]) -> None:
    """An array for several, an object for one; names in lowerCamelCase."""
    print_json([client_pb2.Client(client_id="a")])
    assert json.loads(capsys.readouterr().out) == [{"clientId": "a"}]
    print_json(client_pb2.Client(display_name="Ä"))
    assert json.loads(capsys.readouterr().out) == {"displayName": "Ä"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ClientRevoked("x"), exits.UNAUTHENTICATED),
        (errors.ScopeMissing("x"), exits.PERMISSION_DENIED),
        (errors.NotFound("x"), exits.NOT_FOUND),
        (errors.InvalidArgument("x"), exits.USAGE),
        (errors.Unavailable("x"), exits.UNAVAILABLE),
        (errors.DeadlineExceeded("x"), exits.UNAVAILABLE),
        (errors.EtagMismatch("x"), exits.CONFLICT),
        (errors.AlreadyExists("x"), exits.CONFLICT),
        (errors.LastAdmin("x"), exits.CONFLICT),
        (errors.TypeplateError("x", code=grpc.StatusCode.INTERNAL), exits.ERROR),
        (errors.SecretUnavailable("x"), exits.USAGE),
        (PermissionError(13, "no"), exits.ERROR),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: Exception, code: int) -> None:
    """Scripts tell by it what to do next."""
    assert exits.code_of(error) == code


def test_an_error_is_told_with_reason_request_and_fields() -> None:
    """Everything that helps to mend it."""
    violation = errors.FieldViolation("client.scopes[0]", "no such scope")
    error = errors.InvalidArgument("bad", reason="INVALID_ARGUMENT", request_id="r1", violations=[violation])
    told = exits.describe(error)
    assert told == "bad (INVALID_ARGUMENT, request r1)\n  client.scopes[0]: no such scope"


def token(*parts: bytes) -> str:
    """A token of these parts, encoded, and a signature."""
    encoded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2ln"])


def test_the_claims_of_a_token_are_decoded_without_padding() -> None:
    """Header's key id first, then the claims as they are."""
    assert claims_of(token(b'{"kid": "k1"}', b'{"sub": "a", "exp": 1}')) == {"kid": "k1", "sub": "a", "exp": 1}


@pytest.mark.parametrize(
    "odd",
    [
        "hush",
        "hush.hush",
        "hush.hush.hush.hush",
        "h$sh.h$sh.h$sh",
        "h\u00fcsh.e30.hush",
        "e.e30.hush",
        token(b"hush", b"{}"),
        token(b"{}", b"\xff\xfe"),
        token(b"{}", b"[1]"),
        token(b"1", b"{}"),
        token(b"{}", b"[" * 100_000),
    ],
    ids=range(11),
)
def test_a_token_that_is_no_jwt_is_said_to_be_none(odd: str) -> None:
    """In a sentence that does not quote it."""
    with pytest.raises(exits.CommandError, match="is no JWT") as caught:
        claims_of(odd)
    assert "hush" not in str(caught.value)


def test_odd_claims_are_shown_as_they_are(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Moments beyond the calendar, other types, half a character; as a table and as JSON."""
    odd = {"exp": 1e300, "iat": -(10**20), "nbf": None, "kid": [1, {"a": 2}], "\x1b": "\ud800"}
    monkeypatch.setattr("typeplate.cli.tokens.connect", lambda _options: Owner(token(b"{}", json.dumps(odd).encode())))
    whoami(Namespace())
    assert "1e+300" in (table := capsys.readouterr().out)
    assert "\\ud800" in table
    whoami(Namespace(json=True))
    shown = capsys.readouterr().out
    assert json.loads(shown) == odd
    shown.encode()


class Owner:
    """A connected client that owns this token."""

    def __init__(self, value: str) -> None:
        self._value = value

    def access_token(self) -> str:
        """The token."""
        return self._value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
