"""Owns the generated half of the SDK: turns the protos into messages, stubs, type stubs and the typed surface.

Run it with the interpreter of the proto environment (grpcio-tools 1.76.0, mypy-protobuf 5.1), which `make proto` does:

    .venv-proto/bin/python client_sdk/codegen/generate.py            # writes client_sdk/typeplate/{v1,_surface}
    .venv-proto/bin/python client_sdk/codegen/generate.py --check    # fails when that would change anything

Its output depends on the protos and the tools' versions alone. It owns both directories whole and removes what it did
not make.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import catalog
import clashes
import model
import soundness
import surface
from google.protobuf import descriptor_pb2 as pb

SDK = Path(__file__).resolve().parents[1]
OWNED = ("typeplate/v1", "typeplate/_surface")
TOOLS = {"grpcio-tools": "1.76.0", "mypy-protobuf": "5.1.0"}
V1_INIT = '"""The messages and stubs of `typeplate.v1`, generated from the protos by `make proto`. Do not edit."""\n'


class GenerationError(Exception):
    """The protos or the tools do not allow the generation; the message says why."""


def check_tools() -> None:
    """Code of newer tools cannot be imported by applications on protobuf 6, so the versions are held."""
    for name, wanted in TOOLS.items():
        found = metadata.version(name)
        if found != wanted:
            raise GenerationError(f"{name} {wanted} is needed, {found} is installed")


def googleapis_dir() -> Path:
    """Where the installed googleapis-common-protos keeps google/api/*.proto."""
    spec = find_spec("google.api")
    locations = list(spec.submodule_search_locations or ()) if spec else []
    if not locations:
        raise GenerationError("googleapis-common-protos is not installed")
    return Path(locations[0]).parents[1]


def run_protoc(protos: Path, out: Path) -> bytes:
    """Writes the modules below `out` and returns the serialized FileDescriptorSet, comments included."""
    files = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    descriptors = out / "descriptors.bin"
    command = [
        *(sys.executable, "-m", "grpc_tools.protoc", f"-I{protos}", f"-I{googleapis_dir()}"),
        f"--plugin=protoc-gen-mypy={Path(sys.executable).parent / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}",
        *(f"--python_out={out}", f"--mypy_out=quiet:{out}"),
        *(f"--descriptor_set_out={descriptors}", "--include_source_info", "--include_imports"),
        *files,
    ]
    run(command)
    content = descriptors.read_bytes()
    descriptors.unlink()
    found = {file.name for file in pb.FileDescriptorSet.FromString(content).file if file.service}
    services = [name for name in files if name in found]
    run([*command[:7], f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}", *services])
    return content


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenerationError(f"protoc failed:\n{done.stderr}")


def generate(protos: Path, out: Path) -> None:
    """Generates everything below `out`, which is a package root (it will hold `typeplate/`)."""
    descriptors = run_protoc(protos, out)
    (out / "typeplate/v1/__init__.py").write_text(V1_INIT)
    services = model.read_services(*with_options(descriptors, out))
    clashes.check(services, SDK / "typeplate")
    target = out / "typeplate/_surface"
    target.mkdir()
    for name, text in surface.render_surface(services).items():
        (target / name).write_text(text)


def with_options(descriptors: bytes, out: Path) -> tuple[pb.FileDescriptorSet, model.Options]:
    """The descriptors, and our options in them: parsed after those were imported, or they would be dropped."""
    sys.path.insert(0, str(out))
    from typeplate.v1 import access_pb2, resume_pb2, waits_pb2

    options = model.Options(access_pb2.access, resume_pb2.resume, waits_pb2.waits)
    return pb.FileDescriptorSet.FromString(descriptors), options


def contents(root: Path) -> dict[str, bytes]:
    """Every generated file below a package root, by relative path."""
    paths = (path for owned in OWNED for path in (root / owned).rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths if "__pycache__" not in path.parts}


def write(new: dict[str, bytes], target: Path) -> None:
    """Makes the owned directories below `target` hold exactly `new`; leaves equal files alone."""
    old = contents(target)
    for name in old.keys() - new.keys():
        (target / name).unlink()
    for name, content in new.items():
        if old.get(name) != content:
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate the SDK's code from the protos.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the committed code differs")
    parser.add_argument("--protos", type=Path, default=SDK.parent / "protos", help="directory of typeplate/v1/*.proto")
    parser.add_argument("--out", type=Path, default=SDK, help="package root to write to")
    options = parser.parse_args()
    try:
        check_tools()
        with tempfile.TemporaryDirectory() as scratch:
            generate(options.protos.resolve(), Path(scratch))
            new = contents(Path(scratch))
        soundness.check_compiles(new)
    except (GenerationError, catalog.ModelError, metadata.PackageNotFoundError) as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 1
    if not options.check:
        write(new, options.out)
        return 0
    old = contents(options.out)
    changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    for name in changed:
        print(f"generate.py: {name} is not what the protos say; run `make proto`", file=sys.stderr)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
