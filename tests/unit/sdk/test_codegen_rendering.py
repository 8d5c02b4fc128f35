"""Whatever the protos call their fields, methods and services, the code made of it does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.codegen import copy, generate, python

RPCS = {
    "Find": "(FindRequest) returns (Horn)", "FindAny": "(FindAnyRequest) returns (Horn)",
    "FindSome": "(FindSomeRequest) returns (Horn)", "Pick": "(PickRequest) returns (Horn)",
    "Set": "(SetRequest) returns (Horn)", "Import": "(Horn) returns (Horn)", "GetHTTPInfo": "(Horn) returns (Horn)",
    "Upload": "(stream Horn) returns (Horn)", "ListNames": "(ListRequest) returns (ListNamesResponse)",
    "ListByName": "(ListRequest) returns (ListByNameResponse)", "ListBoth": "(ListRequest) returns (ListBothResponse)",
}  # fmt: skip
HELPERS = (
    "build",
    "part",
    "duration",
    "field_mask",
    "check_ready",
    "Pager",
    "overload",
    "str",
    "int",
    "bytes",
    "getattr",
)
PRELUDE = """
from datetime import timedelta
import inspect, typing
from google.protobuf.duration_pb2 import Duration
from typeplate._paging import Pager
from typeplate._surface import Surface
from typeplate._surface.class_ import AsyncClassMethods, ClassMethods
from typeplate.v1 import horn_pb2 as pb

class Stub:
    def __getattr__(self, name):
        return name

class Calls:
    def stub(self, kind):
        return Stub()
    def unary(self, method, request, timeout, **options):
        if method == "ListNames":
            return pb.ListNamesResponse(**{"from": ["a", "b"]})
        return request

horns = ClassMethods(Calls())
"""


def proto() -> str:
    """A service that is as odd as protos allow."""
    option = 'option (typeplate.v1.access) = {scope: "vehicles:read"};'
    rpcs = "".join(f"  // Does {name}.\n  rpc {name}{types} {{ {option} }}\n" for name, types in RPCS.items())
    rpcs = rpcs.replace(
        "rpc Pick(PickRequest) returns (Horn) {", "rpc Pick(PickRequest) returns (Horn) { option deprecated = true;"
    )
    helpers = "".join(f"  // {name}\n  string {name} = {number};\n" for number, name in enumerate(HELPERS, 10))
    return f"""// Horns.

syntax = "proto3";

package typeplate.v1;

import "google/api/field_behavior.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "typeplate/v1/access.proto";

// All the "horns"
service ClassService {{
{rpcs}}}

// One.
message Horn {{
  // Where.
  string place = 1;
}}

// A filter as text.
message FindRequest {{
  // As of AIP-160: a \\d or ""\"quoted""\".
  string filter = 1;
}}

// Several filters.
message FindAnyRequest {{
  // Conditions.
  message Filter {{
    // Of this make.
    string make = 1 [(google.api.field_behavior) = REQUIRED];
    // Of this model.
    string model = 2;
  }}
  // One of these.
  repeated Filter filter = 1;
}}

// A filter that may be absent.
message FindSomeRequest {{
  // Which.
  FindAnyRequest.Filter filter = 1;
}}

// A filter that may not.
message PickRequest {{
  // Which.
  FindAnyRequest.Filter filter = 1 [(google.api.field_behavior) = REQUIRED];
}}

// Fields of all kinds.
message SetRequest {{
{helpers}  // How long.
  google.protobuf.Duration validity = 1;
  // How long each.
  repeated google.protobuf.Duration lives = 2;
  // How long by name.
  map<string, google.protobuf.Duration> by_name = 3;
  // What.
  google.protobuf.FieldMask mask = 4;
  // Those of others.
  repeated string requests = 5;
  // Some horns.
  repeated Horn list = 6;
  // A page.
  string page = 7;
}}

// Of all lists.
message ListRequest {{
  // Where to go on.
  string page_token = 1;
}}

// A list of text.
message ListNamesResponse {{
  // The names.
  repeated string from = 1;
  // Where to go on.
  string next_page_token = 2;
}}

// A map.
message ListByNameResponse {{
  // The horns.
  map<string, Horn> horns = 1;
  // Where to go on.
  string next_page_token = 2;
}}

// Two lists.
message ListBothResponse {{
  // The horns.
  repeated Horn horns = 1;
  // More horns.
  repeated Horn others = 2;
  // Where to go on.
  string next_page_token = 3;
}}
"""


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SDK with that service."""
    folder = copy(tmp_path_factory.mktemp("rendering"))
    (folder / "protos/typeplate/v1/horn.proto").write_text(proto())
    done = generate(folder)
    assert done.returncode == 0, done.stderr
    return folder


def shown(sdk: Path, expression: str) -> str:
    """What the expression is, where `horns` are the methods and a call returns its request."""
    return python(sdk, f"{PRELUDE}\nprint({expression})")


def test_a_filter_that_is_text_or_a_list_is_one_argument(sdk: Path) -> None:
    assert shown(sdk, "horns.find(filter='loud')") == 'filter: "loud"'
    assert shown(sdk, "horns.find_any(filter=[pb.FindAnyRequest.Filter(make='M')]).filter[0]") == 'make: "M"'
    assert shown(sdk, "horns.find_some(make='M').filter") == 'make: "M"'


def test_a_condition_is_required_where_its_filter_is(sdk: Path) -> None:
    """Where the filter may be absent, the documentation tells."""
    required = "[p.name for p in inspect.signature(typing.get_overloads(ClassMethods.pick)[0]).parameters.values()"
    assert shown(sdk, f"{required} if p.kind is p.KEYWORD_ONLY and p.default is p.empty]") == "['make']"
    assert shown(sdk, "typing.get_overloads(ClassMethods.find_some)") == "[]"
    assert "make: Of this make. Required where the filter has any condition.\n" in shown(sdk, "horns.find_some.__doc__")


def test_fields_may_be_called_as_what_the_code_uses(sdk: Path) -> None:
    given = ", ".join(f"{name}='{name}'" for name in HELPERS)
    made = shown(sdk, f"horns.set({given}, mask=['a'], validity=timedelta(seconds=1), requests=['r'], page='p')")
    assert [line for name in HELPERS if (line := f'{name}: "{name}"') not in made] == []
    assert "seconds: 1" in made
    assert 'requests: "r"' in made


def test_durations_in_lists_and_maps_may_be_given_as_python_has_them(sdk: Path) -> None:
    made = "horns.set(lives=[timedelta(seconds=1), Duration(seconds=2)]).lives"
    assert shown(sdk, f"[each.seconds for each in {made}]") == "[1, 2]"
    made = "horns.set(by_name={'a': timedelta(seconds=3), 'b': Duration(seconds=4)}).by_name"
    assert shown(sdk, f"sorted((key, each.seconds) for key, each in {made}.items())") == "[('a', 3), ('b', 4)]"
    assert shown(sdk, "horns.set(lives=iter([timedelta(seconds=5)]))") == "lives {\n  seconds: 5\n}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("lives='5m'", "lives is a list and cannot be str (SetRequest.lives)"),
        ("lives=5", "lives cannot be int (SetRequest.lives)"),
        ("lives=['5m']", "lives cannot be list (SetRequest.lives)"),
        ("by_name=['5m']", "by_name cannot be list (SetRequest.by_name)"),
        ("by_name={'a': 5}", "by_name cannot be dict (SetRequest.by_name)"),
        ("list={'a': 5}", "list is a list and cannot be dict (SetRequest.list)"),
    ],
)
def test_what_is_no_list_or_map_is_named(sdk: Path, given: str, said: str) -> None:
    code = f"{PRELUDE}\ntry:\n    horns.set({given})\nexcept TypeError as error:\n    print(error)"
    assert python(sdk, code) == said


def test_methods_and_services_may_be_called_as_python_calls_its_own(sdk: Path) -> None:
    """An acronym is one word."""
    assert shown(sdk, "horns.import_(place='p')") == 'place: "p"'
    assert shown(sdk, "horns.get_http_info(place='p')") == 'place: "p"'
    assert shown(sdk, "hasattr(Surface, 'class_')") == "True"


def test_comments_are_shown_as_they_were_written(sdk: Path) -> None:
    assert '            filter: As of AIP-160: a \\d or """quoted""".\n' in shown(sdk, "horns.find.__doc__")
    assert shown(sdk, "horns.__doc__") == 'All the "horns"'


def test_a_deprecated_method_says_so(sdk: Path) -> None:
    assert "Does Pick.\n\n        Deprecated: " in shown(sdk, "horns.pick.__doc__")
    assert "Deprecated" not in shown(sdk, "horns.find.__doc__")


def test_a_list_of_text_is_a_pager(sdk: Path) -> None:
    assert shown(sdk, "list(horns.list_names())") == "['a', 'b']"
    returns = "inspect.signature(AsyncClassMethods.list_names).return_annotation"
    assert shown(sdk, returns) == "AsyncPager[str, horn_pb2.ListNamesResponse]"


@pytest.mark.parametrize("method", ["list_by_name", "list_both"])
def test_a_map_or_two_lists_are_no_pager_and_say_so(sdk: Path, method: str) -> None:
    assert shown(sdk, f"horns.{method}(page_token='t')") == 'page_token: "t"'
    assert "Answers one page a call: " in shown(sdk, f"horns.{method}.__doc__")
