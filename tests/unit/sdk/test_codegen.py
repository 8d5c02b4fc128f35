"""A new RPC in a proto becomes a typed, documented method of both clients, with no line written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.codegen import generate, python, run

RPCS = """
  // Sounds the horn of one vehicle.
  //
  // Errors: NOT_FOUND.
  rpc HonkVehicle(HonkVehicleRequest) returns (Vehicle) {
    option (typeplate.v1.access) = {scope: "vehicles:read"};
    option idempotency_level = IDEMPOTENT;
  }

  // Lists horns.
  rpc ListHorns(ListHornsRequest) returns (ListHornsResponse) {
    option (typeplate.v1.access) = {public: true};
  }

  // Counts what is honked.
  rpc CountHonks(stream HonkVehicleRequest) returns (Vehicle) {
    option (typeplate.v1.access) = {scope: "vehicles:read"};
  }
}

// See DataService.HonkVehicle.
message HonkVehicleRequest {
  // The vehicle to honk.
  string name = 1 [(google.api.field_behavior) = REQUIRED];
  // How loud.
  map<string, int32> from = 2;
}

// See DataService.ListHorns.
message ListHornsRequest {
  // Which horns.
  message Filter {
    // At least so loud.
    optional double loudness_min = 1;
  }
  // Which horns.
  Filter filter = 1;
  // Where to go on.
  string page_token = 2;
}

// See DataService.ListHorns.
message ListHornsResponse {
  // The horns.
  repeated Vehicle horns = 1;
  // Where to go on.
  string next_page_token = 2;
}
"""

INSPECT = """
import inspect, json, typing
from typeplate._surface import methods
from typeplate._surface.data import AsyncDataMethods, DataMethods
found = {}
for kind in (DataMethods, AsyncDataMethods):
    for name in ("honk_vehicle", "list_horns", "count_honks"):
        method = getattr(kind, name)
        parameters = inspect.signature(method).parameters.values()
        found[f"{kind.__name__}.{name}"] = {
            "returns": inspect.signature(method).return_annotation,
            "parameters": {p.name: p.annotation for p in parameters if p.name != "self"},
            "keyword": [p.name for p in parameters if p.kind is p.KEYWORD_ONLY],
            "doc": method.__doc__,
            "awaited": inspect.iscoroutinefunction(method),
            "required": [
                p.name for each in typing.get_overloads(method) for p in inspect.signature(each).parameters.values()
                if p.kind is p.KEYWORD_ONLY and p.default is p.empty
            ],
        }
names = ("IDEMPOTENT_UNARY", "PUBLIC")
tables = {name: [m for m in getattr(methods, name) if "Ho" in m] for name in names}
print(json.dumps({"methods": found, "tables": tables}))
"""


def extend(scratch: Path, rpcs: str) -> None:
    proto = scratch / "protos/typeplate/v1/data_service.proto"
    head, _, tail = proto.read_text().partition("\n}\n")
    proto.write_text(head + rpcs + tail)


def test_what_is_committed_is_what_the_protos_say() -> None:
    done = run("--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_new_rpc_is_a_typed_and_documented_method_of_both_clients(scratch: Path) -> None:
    extend(scratch, RPCS)
    done = generate(scratch)
    assert done.returncode == 0, done.stderr
    found = json.loads(python(scratch, INSPECT))
    for prefix, kind in (("", "DataMethods"), ("Async", "AsyncDataMethods")):
        honk = found["methods"][f"{kind}.honk_vehicle"]
        assert honk["parameters"]["name"] == "str | None"
        assert honk["parameters"]["from_"] == "Mapping[str, int] | None"
        assert honk["required"] == ["name", "request"]
        assert honk["keyword"] == ["name", "from_", "request", "timeout"]
        assert honk["doc"].startswith("Sounds the horn of one vehicle.\n")
        assert "from_: How loud." in honk["doc"]
        assert (honk["returns"], honk["awaited"]) == ("vehicle_pb2.Vehicle", bool(prefix))
        horns = found["methods"][f"{kind}.list_horns"]
        assert horns["returns"] == f"{prefix}Pager[vehicle_pb2.Vehicle, data_service_pb2.ListHornsResponse]"
        assert horns["parameters"]["loudness_min"] == "float | None"
        count = found["methods"][f"{kind}.count_honks"]
        iterable = "AnyIterable" if prefix else "Iterable"
        assert count["parameters"]["requests"] == f"{iterable}[data_service_pb2.HonkVehicleRequest]"
        assert count["awaited"] is bool(prefix)
    service = "/typeplate.v1.DataService/"
    assert found["tables"] == {
        "IDEMPOTENT_UNARY": [f"{service}HonkVehicle"],
        "PUBLIC": [f"{service}ListHorns"],
    }


def test_generating_twice_changes_nothing_and_what_is_gone_is_removed(scratch: Path) -> None:
    extend(scratch, RPCS)
    assert generate(scratch).returncode == 0
    assert run("--protos", scratch / "protos", "--out", scratch / "sdk", "--check").returncode == 0
    left_over = scratch / "sdk/typeplate/_surface/horns.py"
    left_over.write_text("")
    done = run("--protos", scratch / "protos", "--out", scratch / "sdk", "--check")
    assert (done.returncode, "horns.py" in done.stderr) == (1, True)
    assert generate(scratch).returncode == 0
    assert not left_over.exists()


def test_two_arguments_of_one_name_fail_the_generation(scratch: Path) -> None:
    """A field of the filter called as one of the request."""
    extend(scratch, RPCS.replace("optional double loudness_min = 1;", "string page_token = 1;"))
    done = generate(scratch)
    assert (done.returncode, "ListHorns: two arguments would be called page_token" in done.stderr) == (1, True)


def test_a_field_called_as_an_option_of_the_method_fails_the_generation(scratch: Path) -> None:
    extend(scratch, RPCS.replace("map<string, int32> from = 2", "int32 timeout = 2"))
    done = generate(scratch)
    assert (done.returncode, "HonkVehicle: two arguments would be called timeout" in done.stderr) == (1, True)


def test_an_undocumented_method_or_field_fails_the_generation(scratch: Path) -> None:
    extend(scratch, RPCS.replace("  // How loud.\n", ""))
    done = generate(scratch)
    assert (done.returncode, "the field from has no comment" in done.stderr) == (1, True)


@pytest.mark.parametrize("bad", ['"""', "\\d"])
def test_a_comment_that_would_break_the_code_fails_the_generation(scratch: Path, bad: str) -> None:
    extend(scratch, RPCS.replace("Sounds the horn", bad))
    done = generate(scratch)
    assert (done.returncode, "HonkVehicle: a comment cannot hold" in done.stderr) == (1, True)


def test_a_broken_proto_fails_with_protocs_words(scratch: Path) -> None:
    extend(scratch, RPCS.replace("returns (Vehicle)", "returns (Nonesuch)", 1))
    done = generate(scratch)
    assert (done.returncode, '"Nonesuch" is not defined' in done.stderr) == (1, True)


WATCH = """
  // Watches horns.
  rpc WatchHorns(WatchHornsRequest) returns (stream WatchHornsResponse) {
    option (typeplate.v1.access) = {scope: "vehicles:read"};
    option (typeplate.v1.resume) = {position: "horns.revision" into: "after_revision"};
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}

// See DataService.WatchHorns.
message WatchHornsRequest {
  // Only what came after this.
  int64 after_revision = 1;
}

// See DataService.WatchHorns.
message WatchHornsResponse {
  // One horn.
  message Horn {
    // When it came.
    int64 revision = 1;
    // Where.
    string place = 2;
  }
  // The horns that came.
  repeated Horn horns = 1;
}
"""


def test_a_stream_that_can_be_resumed_needs_its_option_only(scratch: Path) -> None:
    """Both clients go on by themselves then, and say so."""
    extend(scratch, WATCH)
    done = generate(scratch)
    assert done.returncode == 0, done.stderr
    surface = (scratch / "sdk/typeplate/_surface/data.py").read_text()
    assert surface.count('resume=Resume(position="horns.revision", into="after_revision")') == 2
    assert surface.count("Broken off, the stream goes on by itself") == 4  # ExportVehicles too


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('"horns.revision"', '"horns.year"', "WatchHorns: resume names a field year"),
        ('"after_revision"', '"before"', "WatchHorns: resume names a field before"),
        ('"horns.revision"', '"horns.place"', "WatchHorns: the field after_revision cannot take a horns.place"),
        ("NO_SIDE_EFFECTS", "IDEMPOTENCY_UNKNOWN", "WatchHorns: only an idempotent stream of responses"),
        ("returns (stream ", "returns (", "WatchHorns: only an idempotent stream of responses"),
    ],
    ids=["no position", "no request field", "other type", "not idempotent", "no stream"],
)
def test_a_resume_that_makes_no_sense_fails_the_generation(scratch: Path, right: str, wrong: str, said: str) -> None:
    extend(scratch, WATCH.replace(right, wrong))
    done = generate(scratch)
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
