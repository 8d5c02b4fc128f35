"""`python -m typeplate_server` is `typeplate-server`."""

import sys

from typeplate_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
