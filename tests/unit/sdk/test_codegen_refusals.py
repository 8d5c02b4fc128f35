"""Protos whose code would be broken, or would hide a part of itself, fail the generation with one sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.codegen import CODEGEN, PYTHON, generate, need_tools
from typeplate import AsyncClient, Client
from typeplate._surface import AsyncSurface, Surface

HORN = """// Horns.

syntax = "proto3";

package typeplate.v1;

import "typeplate/v1/access.proto";
import "typeplate/v1/waits.proto";

// Horns of vehicles.
service HornService {
  // Gets one horn.
  rpc GetHorn(GetHornRequest) returns (Horn) {
    option (typeplate.v1.access) = {scope: "vehicles:read"};
  }

  // Finds a horn.
  rpc FindHorn(GetHornRequest) returns (Horn) {
    option (typeplate.v1.access) = {scope: "vehicles:read"};
  }
}

// See HornService.GetHorn.
message GetHornRequest {
  // Which horn.
  string name = 1;
  // How loud it is.
  Horn horn = 2;
}

// One horn.
message Horn {
  // Where it is.
  string place = 1;
}
"""
PATH = "typeplate/v1/horn.proto"
SERVICE = f"{PATH}: typeplate.v1."
DATA = "typeplate/v1/data_service.proto: typeplate.v1.DataService: "
METHOD = f"{PATH}: /typeplate.v1.HornService/"

REFUSALS = [
    ("an attribute of the client", "HornService {", "StubService {",
     f"{SERVICE}StubService: the service would be client.stub, which every client has already"),
    ("a constructor of the client", "HornService {", "FromEnv {",
     f"{SERVICE}FromEnv: the service would be client.from_env, which every client has already"),
    ("a module of the surface", "HornService {", "MethodsService {",
     f"{SERVICE}MethodsService: the service would be the module methods.py, which holds the tables of methods"),
    ("two services of one name", "HornService {", "Data {",
     f"{DATA}it would be client.data, as would {SERVICE}Data"),
    ("two classes of one name", "HornService {", "AsyncDataService {",
     f"{DATA}it would be the class AsyncDataMethods, as would {SERVICE}AsyncDataService"),
    ("a service without a name", "HornService {", "Service {",
     f"{SERVICE}Service: the service Service would be called '', which is no public name"),
    ("a service that is the package", "HornService {", "__init__ {",
     f"{SERVICE}__init__: the service __init__ would be called '__init__', which is no public name"),
    ("what the clients' attributes are made with", "HornService {", "LazyService {",
     f"{SERVICE}LazyService: called lazy, it would hide what Surface needs by that name"),
    ("a service's comment", "Horns of vehicles.", 'Horns of """vehicles""".',
     f'{SERVICE}HornService: a comment cannot hold """ or a backslash'),
    ("two methods of one name", "rpc FindHorn", "rpc getHorn",
     f"{METHOD}getHorn: it would be horn.get_horn, as would {METHOD}GetHorn"),
    ("a method that would be private", "rpc FindHorn", "rpc _Stub",
     f"{METHOD}_Stub: the method _Stub would be called '_stub', which is no public name"),
    ("a method that no stub can have", "rpc FindHorn", "rpc import",
     f"{METHOD}import: Python keeps import for itself, and the stub would be called so"),
    ("a method called as a type", "rpc FindHorn", "rpc Str",
     f"{METHOD}Str: called str, it would hide what HornMethods needs by that name"),
    ("a field called as the surface", "string name", "string self",
     f"{METHOD}GetHorn: two arguments would be called self"),
    ("a private field", "string name", "string _arguments",
     f"{METHOD}GetHorn: the field _arguments begins with an underscore, as do the surface's own names"),
    ("a field called as a module", "string name", "string horn_pb2",
     f"{METHOD}GetHorn: the field horn_pb2 would hide what the method needs by that name"),
    ("a stream that waits", 'returns (Horn) {', 'returns (stream Horn) {\n    option (typeplate.v1.waits) = true;',
     f"{METHOD}GetHorn: only a method with one answer can wait for the replicas"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("right", "wrong", "said"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS]
)
def test_names_that_clash_fail_the_generation(scratch: Path, right: str, wrong: str, said: str) -> None:
    """The sentence names the proto, the service, and the method or field."""
    (scratch / "protos" / PATH).write_text(HORN.replace(right, wrong, 1))
    done = generate(scratch)
    assert (done.returncode, done.stderr) == (1, f"generate.py: {said}\n")


def test_two_modules_of_one_name_fail_the_generation(scratch: Path) -> None:
    """A file of ours called as one of Google's: the code imports both by their last name."""
    (scratch / "protos/typeplate/v1/duration.proto").write_text(
        '// Times.\n\nsyntax = "proto3";\n\npackage typeplate.v1;\n\n// Some.\nmessage Some {}\n'
    )
    imports = (
        'import "google/protobuf/duration.proto";\nimport "typeplate/v1/duration.proto";\nimport "typeplate/v1/acc'
    )
    fields = "google.protobuf.Duration name = 1;\n  // Some.\n  Some some = 3;"
    proto = HORN.replace('import "typeplate/v1/acc', imports).replace("string name = 1;", fields)
    (scratch / "protos" / PATH).write_text(proto)
    done = generate(scratch)
    said = f"generate.py: {SERVICE}HornService: horn.py would import two things called duration_pb2\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_code_that_python_does_not_take_replaces_nothing(scratch: Path) -> None:
    """Whatever the reason: here a message that no Python module can name."""
    before = files(scratch)
    (scratch / "protos" / PATH).write_text(HORN.replace("(GetHornRequest)", "(None)") + "// None.\nmessage None {}\n")
    done = generate(scratch)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"generate.py: {SERVICE}HornService: horn.py, line " in done.stderr
    assert "would be broken: invalid syntax" in done.stderr
    assert files(scratch) == before


def files(scratch: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (scratch / "sdk").rglob("*") if path.is_file()}


def test_the_names_of_the_clients_are_known(tmp_path: Path) -> None:
    """Read from their source, they are all that a client has beside its services."""
    need_tools()
    code = "import clashes, pathlib; print(*sorted(clashes.client_names(pathlib.Path('../typeplate'))))"
    done = subprocess.run([PYTHON, "-c", code], cwd=CODEGEN, capture_output=True, text=True, check=True)
    ours = {*dir(Client), *dir(AsyncClient), *vars(Client("h:1"))} - {*dir(Surface), *dir(AsyncSurface)}
    assert {name for name in done.stdout.split() if name[0] != "_"} == {name for name in ours if name[0] != "_"}
