"""`python -m typeplate`, the same as the installed command."""

import sys

from typeplate.cli import main

sys.exit(main())
