"""Replies joined from ready bytes are what protobuf itself would have written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from typeplate.v1 import data_service_pb2 as pb
from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.vehicles.wire import RepeatedField, varint

VEHICLES = RepeatedField(pb.ListVehiclesResponse.DESCRIPTOR, "vehicles")


@given(st.lists(st.text(max_size=300)), st.text(max_size=20))
def test_a_joined_reply_is_the_reply(makes: list[str], token: str) -> None:
    """For any number and size of messages."""
    reply = pb.ListVehiclesResponse(vehicles=[Vehicle(make=make) for make in makes], next_page_token=token)
    rest = pb.ListVehiclesResponse(next_page_token=token).SerializeToString()
    joined = VEHICLES.joined([vehicle.SerializeToString() for vehicle in reply.vehicles], rest)
    assert joined == reply.SerializeToString()


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**32, "8080808010")]
)
def test_varint(number: int, expected: str) -> None:
    """The encoding's own examples."""
    assert varint(number).hex() == expected


@pytest.mark.parametrize("name", ["next_page_token"])
def test_other_fields_are_no_repeated_messages(name: str) -> None:
    """A mistake shows when the module is imported."""
    with pytest.raises(ValueError, match="no repeated message field"):
        RepeatedField(pb.ListVehiclesResponse.DESCRIPTOR, name)
