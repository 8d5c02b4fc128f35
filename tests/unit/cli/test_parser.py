"""The arguments of the `typeplate` command, and how quickly it shows its help."""

import subprocess
import sys
import time

import pytest

from typeplate.cli.commands import COMMANDS
from typeplate.cli.exits import UsageError
from typeplate.cli.parser import bound, build_parser, label, positive, seconds
from typeplate.cli.vehicles import filter_of
from typeplate.v1 import vehicle_pb2

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
    "token issue": [],
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
        *[(seconds, text) for text in ("-1", "x", "5d", "")],
        *[(positive, text) for text in ("0", "inf", "nan")],
        *[(label, "a"), (bound, "a=b")],
    ],
)
def test_a_bad_value_is_refused(parse: object, text: str) -> None:
    """argparse turns the ValueError into a usage error."""
    assert callable(parse)
    with pytest.raises(ValueError):  # noqa: PT011 - argparse only asks for the type
        parse(text)


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
