"""Makes the committed sample anew: decodes `sample_descriptors.txt` with ultravin into `vehicles.jsonl.gz`.

The same descriptors and the same release of ultravin give the same bytes. `choose_sample.py` chooses descriptors.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import ultravin
from vpic import VpicVehicle, vin_from

from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.vehicles import sample
from typeplate_server.vehicles.jsonl import json_line
from typeplate_server.vehicles.validation import validate

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DESCRIPTORS = Path(__file__).with_name("sample_descriptors.txt")
TARGET = Path(sample.__file__).with_name(sample.FILE_NAME)


def main() -> None:
    """Write the sample."""
    lines = sample_lines()
    text = "".join(f"{line}\n" for line in lines)
    TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(lines)} vehicles, {TARGET.stat().st_size:,} bytes: {TARGET.name}")


def sample_lines() -> list[str]:
    """One line for each vehicle, by name; of vehicles that are alike, the first."""
    descriptors = DESCRIPTORS.read_text(encoding="utf-8").split()
    dataset_version = ultravin.provenance()["data_month"].replace("_", "-")
    decoded = ultravin.decode_batch([vin_from(one) for one in descriptors], full=True, now=NOW)
    vehicles = [
        VpicVehicle(descriptor, one, dataset_version).message()
        for descriptor, one in zip(descriptors, decoded, strict=True)
    ]
    kept: dict[bytes, Vehicle] = {}
    for vehicle in sorted(vehicles, key=lambda vehicle: vehicle.name):
        validate(vehicle, vehicle.name)
        kept.setdefault(all_but_its_origin(vehicle), vehicle)
    return [json_line(vehicle) for vehicle in kept.values()]


def all_but_its_origin(vehicle: Vehicle) -> bytes:
    """What tells two vehicles apart for a reader; some combinations differ only in how vPIC writes a number."""
    content = Vehicle()
    content.CopyFrom(vehicle)
    content.ClearField("name")
    content.ClearField("provenance")
    return content.SerializeToString(deterministic=True)


if __name__ == "__main__":
    main()
