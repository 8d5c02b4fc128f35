"""Writes the table of settings into README.md from the one definition the server reads; `--check` only compares."""

import argparse
import re
import sys
from pathlib import Path

from typeplate_server.config import markdown_table

README = Path(__file__).resolve().parents[2] / "README.md"
PLACE = re.compile(r"(<!-- settings: made by `make proto` -->\n).*?(<!-- end of settings -->)", re.DOTALL)


def main() -> int:
    """Returns 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when README.md differs")
    check = parser.parse_args().check
    old = README.read_text(encoding="utf-8")
    new, places = PLACE.subn(lambda m: f"{m[1]}{markdown_table()}{m[2]}", old)
    if places != 1:
        raise SystemExit("README.md has no place for the table of settings")
    if check and new != old:
        print("README.md: the table of settings is not what config.py says; run `make proto`", file=sys.stderr)
        return 1
    if new != old:
        README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
