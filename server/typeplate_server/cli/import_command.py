"""`typeplate-server import`: files into the catalogue, with a progress bar on a terminal and a summary at the end.

It works beside a running server, which shows the result within a second. The summary goes to standard output, rejected
rows to standard error. Exit codes beside the common ones: 5 the file cannot be read, 6 rows were rejected.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tqdm import tqdm

from typeplate_server.cli.commands import DONE, say, sentences
from typeplate_server.config import Settings

if TYPE_CHECKING:
    from typeplate_server.app.importing import FileImport, ImportReport
    from typeplate_server.cli.commands import Subcommands

UNREADABLE: Final = 5
ROWS_REJECTED: Final = 6
COUNTS: Final = ("created", "updated", "unchanged", "rejected", "vanished", "deleted")
_SHOWN: Final = 20

_KINDS: Final = {
    "epa": "EPA/DOE vehicles.csv from fueleconomy.gov, plain or zipped",
    "jsonl": "one Vehicle in JSON a line, plain or gzipped, as `typeplate vehicles export` writes it",
    "sample": "the vehicles that come with Typeplate",
}


def add_import(subcommands: Subcommands) -> None:
    """`import`."""
    text = (
        "Import vehicles: new ones are created, changed ones updated, all others left as they are. A bad row loses "
        "only itself. Run it again after an interruption."
    )
    command = subcommands.add_parser("import", help="import vehicles from a file", description=text)
    sources = command.add_subparsers(title="sources", metavar="SOURCE", dest="kind", required=True)
    for kind, description in _KINDS.items():
        _add_source(sources.add_parser(kind, help=description, description=f"Import {description}."), kind)


def _add_source(source: argparse.ArgumentParser, kind: str) -> None:
    if kind != "sample":
        source.add_argument("file", type=Path, metavar="FILE", help="the file")
    if kind == "epa":
        source.add_argument("--dataset-version", metavar="DATE", help="the snapshot's date; else taken from the file")
    source.add_argument(
        "--replace", action="store_true", help="delete vehicles of the source that the file lacks (if no row is bad)"
    )
    source.add_argument("--dry-run", action="store_true", help="check and count, write nothing")
    source.add_argument("--json", action="store_true", help="print the summary as JSON, rejected rows included")
    source.set_defaults(run=run, file=None, dataset_version=None)


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Import one file."""
    from typeplate_server.app.importing import FileImport, ImportFailed

    with sentences():
        try:
            opened = FileImport.open(arguments.kind, arguments.file, arguments.dataset_version)
            report = _import(opened, settings, arguments)
        except ImportFailed as error:
            say(str(error))
            return UNREADABLE
    if arguments.json:
        print(json.dumps(as_json(report, dry_run=arguments.dry_run), ensure_ascii=False))
    else:
        _tell(report, arguments)
    return ROWS_REJECTED if report.summary.rejected else DONE


def _import(opened: FileImport, settings: Settings, arguments: argparse.Namespace) -> ImportReport:
    hidden = not sys.stderr.isatty()
    tqdm.monitor_interval = 0  # it would start a thread that only matters to bars that stand still
    with tqdm(total=opened.file.total_rows, unit=" rows", file=sys.stderr, disable=hidden, leave=False) as bar:
        return asyncio.run(opened.run(settings, bar.update, replace=arguments.replace, dry_run=arguments.dry_run))


def _tell(report: ImportReport, arguments: argparse.Namespace) -> None:
    summary = report.summary
    for error in report.errors[:_SHOWN]:
        say(str(error))
    if summary.rejected > _SHOWN:
        say(f"and {summary.rejected - _SHOWN} more rows were rejected; --json names them")
    if arguments.replace and summary.rejected and summary.vanished:
        say("nothing was deleted, because rows were rejected")
    for name in summary.vanished_names[:_SHOWN]:
        say(f"{name} is no longer in the source")
    if summary.vanished > _SHOWN:
        say(f"and {summary.vanished - _SHOWN} more are no longer in the source; --json names them")
    would = "would be: " if arguments.dry_run else ""
    print(would + ", ".join(f"{getattr(summary, count)} {count}" for count in COUNTS))


def as_json(report: ImportReport, *, dry_run: bool) -> dict[str, Any]:
    """The report as scripts get it."""
    errors = [{"row_number": one.row_number, "column": one.column, "reason": one.reason} for one in report.errors]
    return {
        "dry_run": dry_run,
        **{count: getattr(report.summary, count) for count in COUNTS},
        "errors": errors,
        "vanished_names": report.summary.vanished_names,
    }
