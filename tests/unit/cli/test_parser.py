"""The arguments of the `typeplate` command, and how quickly it shows its help."""

import argparse
import re
import subprocess
import sys
import time

import pytest

from typeplate._version import __version__
from typeplate.cli.commands import COMMANDS
from typeplate.cli.exits import UsageError
from typeplate.cli.kinds import AUDIT_TYPES, LIMITS, VEHICLE_KINDS
from typeplate.cli.parser import build_parser
from typeplate.cli.values import bound, label, lifetime, natural, one_of, positive, seconds
from typeplate.cli.vehicles import KINDS, filter_of, kind_of
from typeplate.v1 import audit_pb2, data_service_pb2, vehicle_pb2

LINES = {
    "clients create": ["x"],
    "clients list": [],
    "clients show": ["x"],
    "clients update": ["x"],
    "clients revoke": ["x"],
    "clients suspend": ["x"],
    "clients resume": ["x"],
    "clients usage": ["x"],
    "clients secrets create": ["x"],
    "clients secrets delete": ["x", "key"],
    "audit list": [],
    "keys list": [],
    "keys rotate": [],
    "token issue": [],
    "token revoke": [],
    "token introspect": [],
    "vehicles get": ["epa-1"],
    "vehicles list": [],
    "vehicles export": [],
    "whoami": [],
}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_parses_and_takes_the_common_options_on_either_side(command: str) -> None:
    """`--json` and the connection may stand first or last, and neither place undoes the other."""
    words = [*command.split(), *LINES[command]]
    before = build_parser().parse_args(["--json", "--target", "h:1", *words])
    after = build_parser().parse_args([*words, "--json", "--target", "h:1"])
    assert before.command == after.command == command
    assert before.json is after.json is True
    assert before.target == after.target == "h:1"


@pytest.mark.parametrize(("text", "value"), [("300", 300), ("90s", 90), ("5m", 300), ("1h", 3600), ("0", 0)])
def test_a_time_has_a_unit_or_is_in_seconds(text: str, value: int) -> None:
    """As people write it."""
    assert seconds(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *[(seconds, text) for text in ("-1", "x", "5d", "", "²")],
        *[(positive, text) for text in ("0", "inf", "nan")],
        *[(label, "a"), (label, "=a"), (bound, "a=b"), (bound, "a=nan"), (natural, "1.5")],
    ],
)
def test_a_bad_value_is_refused(parse: object, text: str) -> None:
    """In words that argparse shows as they are, rather than the name of a function."""
    assert callable(parse)
    with pytest.raises(argparse.ArgumentTypeError, match=r"^must be "):
        parse(text)


def test_a_lifetime_that_no_server_grants_is_refused() -> None:
    """15 min is the most."""
    assert lifetime("15m") == 900
    with pytest.raises(argparse.ArgumentTypeError, match="at most 15m"):
        lifetime("1h")


def test_a_whole_number_is_not_cut() -> None:
    """A limit of 7.5 cylinders is a mistake, not one of 7."""
    with pytest.raises(UsageError, match=r"cylinders is a whole number, not 7\.5"):
        filter_of(build_parser().parse_args(["vehicles", "list", "--min", "cylinders=7.5"]))


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """As other commands do."""
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--version"])
    assert capsys.readouterr().out == f"typeplate {__version__}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--help"], ["TYPEPLATE_CA_FILE", "TYPEPLATE_PLAINTEXT", "--version"]),
        (["clients", "create", "--help"], ["vehicles:read", "vehicles:write", "clients:admin", "maximum is 15m"]),
        (["vehicles", "export", "--help"], ["changes nothing here"]),
        (["keys", "--help"], ["--compromised"]),
        (["whoami", "--help"], ["--client-cert-file", "--client-key-file", "--server-name", "--no-proxy"]),
        (["--help"], ["list the keys that sign tokens, rotate them, kill one"]),
    ],
)
def test_the_help_names_what_one_needs(capsys: pytest.CaptureFixture[str], words: list[str], told: list[str]) -> None:
    """Variables, scopes and limits."""
    with pytest.raises(SystemExit):
        build_parser().parse_args(words)
    text = " ".join(capsys.readouterr().out.split())
    assert [each for each in told if each not in text] == []


@pytest.mark.parametrize("option", sorted(VEHICLE_KINDS))
def test_the_help_names_the_kinds_that_the_protos_have(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """All of them, each as the option takes it."""
    _, kinds = KINDS[option.replace("-", "_")]
    assert [kind_of(option, kinds, name) for name in VEHICLE_KINDS[option]] == [v.number for v in kinds.values[1:]]
    assert one_of(VEHICLE_KINDS[option]) in help_of(capsys, "vehicles", "list")


def test_the_help_names_the_events_and_limits_that_the_protos_have(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, each as the option takes it."""
    types = audit_pb2.AuditEventType.keys()[1:]
    assert [f"AUDIT_EVENT_TYPE_{name.upper()}" for name in AUDIT_TYPES] == types
    fields = [field.name for field in data_service_pb2.VehicleFilter.DESCRIPTOR.fields]
    assert list(LIMITS) == [n.removesuffix("_min") for n in fields if n.endswith("_min") and n != "model_year_min"]
    assert one_of(AUDIT_TYPES) in help_of(capsys, "audit", "list")
    assert one_of(LIMITS) in help_of(capsys, "vehicles", "list")


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The command's help without its line breaks, which may be at a hyphen."""
    with pytest.raises(SystemExit):
        build_parser().parse_args([*words, "--help"])
    return re.sub(r"(?<=\w)- ", "-", " ".join(capsys.readouterr().out.split()))


def test_no_option_takes_a_secret() -> None:
    """Arguments are visible to every process of the machine."""
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args(["whoami", "--client-secret", "x"])
    assert caught.value.code == 2


def test_conditions_become_the_filter() -> None:
    """Kinds by their short names, limits by the field's name."""
    line = ["vehicles", "list", "--make", "Audi", "--year-min", "2020", "--fuel", "gasoline", "--min", "power_kw=99.5"]
    found = filter_of(build_parser().parse_args([*line, "--max", "cylinders=6"]))
    assert found.make == "Audi"
    assert found.model_year_min == 2020
    assert list(found.fuels) == [vehicle_pb2.FUEL_GASOLINE]
    assert found.power_kw_min == 99.5
    assert found.cylinders_max == 6
    assert not found.HasField("power_kw_max")


@pytest.mark.parametrize(
    ("option", "value", "known"),
    [("--fuel", "coal", "gasoline"), ("--min", "doors=3", "power_kw"), ("--max", "make=3", "range_km")],
)
def test_an_unknown_kind_or_field_is_answered_with_those_that_exist(option: str, value: str, known: str) -> None:
    """So that nobody has to look them up."""
    with pytest.raises(UsageError, match=known):
        filter_of(build_parser().parse_args(["vehicles", "list", option, value]))


def test_help_comes_at_once() -> None:
    """Within 250 ms of processor time (the aim of a shell user), since neither gRPC nor protobuf is imported for it."""
    code = "import sys, time; from typeplate.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "assert 'grpc' not in sys.modules, 'grpc'; assert 'google' not in sys.modules, 'protobuf'\n"
    code += "print('CPU', time.process_time())"
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "exit codes" in done.stdout
    assert float(done.stdout.rpartition("CPU")[2]) < 0.25, f"{time.perf_counter() - began:.3f} s"
