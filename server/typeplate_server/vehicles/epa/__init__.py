"""Owns the EPA/DOE source: the fueleconomy.gov `vehicles.csv`, plain or zipped, as vehicles `vehicles/epa-{id}`.

`open_epa` gives a file whose rows are mapped one by one; a bad row comes as an error between its neighbours.
"""

from typeplate_server.vehicles.epa.reader import EpaFile, open_epa

__all__ = ["EpaFile", "open_epa"]
