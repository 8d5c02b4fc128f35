"""What the server's secrets and tokens look like, for those who look for ones they have never seen."""

import re

SHAPES = re.compile(r"tps_[0-9A-Za-z]+_[0-9A-Za-z]{20,}(?:_[0-9A-Za-z]+)?|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")
