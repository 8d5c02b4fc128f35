"""The process that `serve` starts several of: `python -m typeplate_server.cli.worker`. Nobody types it.

It reads the same environment as its parent, but for the address, on which parent and workers have agreed.
"""

from __future__ import annotations

import argparse
import sys

from typeplate_server import config
from typeplate_server.cli.commands import DONE, announce, sentences


def command(address: str, incarnation: str) -> list[str]:
    """How to start one that serves on `address` as the replica `incarnation`."""
    # -P: no module of the directory that the operator happens to stand in takes the place of ours.
    warnings = [f"-W{option}" for option in sys.warnoptions]
    return [sys.executable, *warnings, "-P", "-m", __name__, address, incarnation]


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("incarnation")
    parsed = parser.parse_args()
    settings = config.load({f"{config.PREFIX}LISTEN": parsed.address})

    import uvloop

    from typeplate_server.app import logs, working

    logs.set_up(settings.log_level, sys.stderr)
    with sentences():
        uvloop.run(working.work(settings, sys.stderr, parsed.incarnation, lambda address: announce(address, None)))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
