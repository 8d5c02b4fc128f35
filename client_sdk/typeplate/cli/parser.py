"""The arguments of the `typeplate` command, and nothing else: no gRPC, so that `--help` is quick."""

from __future__ import annotations

import argparse
from typing import Any, Final

from typeplate._version import __version__
from typeplate.cli.kinds import AUDIT_TYPES, LIMITS, VEHICLE_KINDS
from typeplate.cli.values import bound, label, lifetime, natural, one_of, positive, seconds

EPILOG: Final = """\
environment:
  TYPEPLATE_TARGET              the server, host:port (default 127.0.0.1:50051)
  TYPEPLATE_CLIENT_ID           who calls
  TYPEPLATE_CLIENT_SECRET       its secret; or instead
  TYPEPLATE_CLIENT_SECRET_FILE  a file that holds the secret and nothing else
  TYPEPLATE_CA_FILE             trust these authorities (PEM) instead of the system's
  TYPEPLATE_PLAINTEXT           true: no TLS, even beyond this machine
  NO_COLOR                      no bold headings

exit codes:
  0 done   1 any other error   2 wrong usage or input   3 not authenticated   4 scope missing
  5 not found   6 server unavailable or too slow   7 conflict with the present state   130 interrupted
"""
DEFAULT_LIMIT: Final = 50
JSON_HELP: Final = "print JSON (proto3 JSON names), for scripts"
NO_JSON_HELP: Final = "changes nothing here: an export is JSON in any case"
LIFETIME_HELP: Final = "how long its tokens may live, such as 300, 90s or 5m; the server's maximum is 15m"
SCOPE_HELP: Final = "vehicles:read, vehicles:write, clients:admin or tokens:introspect (may be repeated)"


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. Every leaf sets `command`, a key of `typeplate.cli.commands.COMMANDS`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="typeplate", description="Technical vehicle data, and the applications that may read it.", epilog=EPILOG,
        formatter_class=raw, parents=[_common()], allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"typeplate {__version__}")
    groups = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _clients(groups.add_parser("clients", help="administer applications (scope clients:admin)"))
    _audit(groups.add_parser("audit", help="read the audit trail (scope clients:admin)"))
    _keys(groups.add_parser("keys", help="list the keys that sign tokens, rotate them, kill one (scope clients:admin)"))
    _tokens(groups.add_parser("token", help="get an access token, kill one, ask what one is worth"))
    _vehicles(groups.add_parser("vehicles", help="read vehicles (scope vehicles:read)"))
    _leaf(groups, "whoami", "whoami", "show the claims of a token of your own")
    return parser


def _common(json_help: str = JSON_HELP) -> argparse.ArgumentParser:
    """Options that may stand before or after any command; SUPPRESS lets the later place not undo the earlier."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    options = common.add_argument_group("connection and output")
    options.add_argument("--target", metavar="HOST:PORT", help="the server")
    options.add_argument("--client-id", metavar="ID", help="who calls")
    options.add_argument("--secret-file", metavar="PATH", help="a file that holds the secret and nothing else")
    options.add_argument(
        "--env-file", metavar="PATH", help="read TYPEPLATE_… from this file, for example data/admin.env"
    )
    options.add_argument("--ca-file", metavar="PATH", help="trust these authorities (PEM) instead of the system's")
    options.add_argument("--client-cert-file", metavar="PATH", help="show this certificate (PEM) to who asks for one")
    options.add_argument("--client-key-file", metavar="PATH", help="the certificate's private key (PEM)")
    options.add_argument("--server-name", metavar="NAME", help="the name in the server's certificate, if not the host")
    options.add_argument("--no-proxy", dest="proxy", action="store_false", help="ignore https_proxy and its kind")
    options.add_argument("--plaintext", action="store_true", help="no TLS, even beyond this machine")
    options.add_argument("--timeout", type=positive, metavar="SECONDS", help="how long a call may take")
    options.add_argument("--json", action="store_true", help=json_help)
    return common


def _leaf(groups: Any, name: str, command: str, text: str, json_help: str = JSON_HELP) -> argparse.ArgumentParser:
    description = text[0].upper() + text[1:] + "."
    leaf: argparse.ArgumentParser = groups.add_parser(
        name, help=text, description=description, parents=[_common(json_help)], allow_abbrev=False
    )
    leaf.set_defaults(command=command)
    return leaf


def _clients(parser: argparse.ArgumentParser) -> None:
    leaves = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    create = _leaf(leaves, "create", "clients create", "register an application and print its secret, once")
    create.add_argument("id", nargs="?", default="", help="the id it shall have; the server chooses one when absent")
    create.add_argument("--display-name", default="", metavar="TEXT", help="a name for people")
    create.add_argument("--scope", action="append", default=[], metavar="SCOPE", help=f"grant {SCOPE_HELP}")
    create.add_argument("--max-token-lifetime", type=lifetime, metavar="TIME", help=LIFETIME_HELP)
    create.add_argument(
        "--label", action="append", default=[], type=label, metavar="KEY=VALUE", help="(may be repeated)"
    )
    _key_files(create)
    listing = _leaf(leaves, "list", "clients list", "list applications, revoked ones too")
    listing.add_argument("--state", action="append", default=[], choices=["active", "suspended", "revoked"])
    listing.add_argument("--scope", default="", help="only those granted this scope")
    _limit(listing)
    _id(_leaf(leaves, "show", "clients show", "show one application"))
    _update(_id(_leaf(leaves, "update", "clients update", "change an application")))
    revoke = _id(
        _leaf(leaves, "revoke", "clients revoke", "revoke an application for good: its secrets and its tokens")
    )
    revoke.add_argument("--reason", default="", metavar="TEXT", help="why, for those who come after")
    revoke.add_argument("--force", action="store_true", help="even the last active administrator")
    revoke.add_argument("--yes", action="store_true", help="do not ask")
    suspend = _id(_leaf(leaves, "suspend", "clients suspend", "refuse an application until it is resumed"))
    suspend.add_argument("--force", action="store_true", help="even the last active administrator")
    _id(_leaf(leaves, "resume", "clients resume", "let a suspended application get tokens again"))
    _id(_leaf(leaves, "usage", "clients usage", "show what an application calls, and when it was last used"))
    _secrets(leaves.add_parser("secrets", help="rotate an application's secrets"))


def _secrets(parser: argparse.ArgumentParser) -> None:
    leaves = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    create = _id(_leaf(leaves, "create", "clients secrets create", "make a second secret and print it, once"))
    create.add_argument("--lifetime", type=seconds, metavar="TIME", help="such as 90s, 5m or 1h; for good when absent")
    _key_files(create)
    delete = _id(_leaf(leaves, "delete", "clients secrets delete", "delete a secret that is no longer in use"))
    delete.add_argument("secret_id", help="the secret's id, not the secret")
    delete.add_argument(
        "--force", action="store_true", help="though it was used within the last hour, or is the last administrator's"
    )
    delete.add_argument(
        "--compromised", action="store_true", help="somebody else may have it: kill every token issued so far too"
    )


def _audit(parser: argparse.ArgumentParser) -> None:
    leaves = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = _leaf(leaves, "list", "audit list", "list who changed what and who was refused, newest first")
    listing.add_argument("--client", default="", metavar="ID", help="only what concerns this application")
    listing.add_argument(
        "--type", action="append", default=[], metavar="TYPE", help=f"{one_of(AUDIT_TYPES)} (may be repeated)"
    )
    _limit(listing)


def _keys(parser: argparse.ArgumentParser) -> None:
    leaves = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _leaf(leaves, "list", "keys list", "list the public keys that verify tokens")
    rotate = _leaf(
        leaves,
        "rotate",
        "keys rotate",
        "let a new key sign tokens; those of the one before stay good, but for --compromised",
    )
    rotate.add_argument(
        "--compromised", default="", metavar="KID", help="kill this key instead, and every token that it signed"
    )
    rotate.add_argument("--yes", action="store_true", help="really kill it")


def _update(parser: argparse.ArgumentParser) -> None:
    several: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("--display-name", metavar="TEXT", help="a name for people; empty takes it away")
    parser.add_argument("--add-scope", metavar="SCOPE", help=f"grant as well {SCOPE_HELP}", **several)
    parser.add_argument(
        "--remove-scope", metavar="SCOPE", help="take this scope away, which kills the tokens issued before", **several
    )
    parser.add_argument(
        "--max-token-lifetime", type=lifetime, metavar="TIME", help=f"{LIFETIME_HELP}, which 0 sets again"
    )
    parser.add_argument("--label", type=label, metavar="KEY=VALUE", help="set this label (may be repeated)", **several)
    parser.add_argument("--remove-label", metavar="KEY", help="take this label away (may be repeated)", **several)


def _tokens(parser: argparse.ArgumentParser) -> None:
    leaves = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    issue = _leaf(leaves, "issue", "token issue", "print an access token, for tools that do not get their own")
    issue.add_argument("--scope", action="append", default=[], help="carry this scope only (may be repeated)")
    issue.add_argument(
        "--lifetime",
        type=seconds,
        metavar="TIME",
        help="such as 300, 90s or 5m; absent or too long: the longest",
    )
    _leaf(leaves, "revoke", "token revoke", "kill the token on standard input: one's own, or any with clients:admin")
    _leaf(leaves, "introspect", "token introspect", "say what the token on standard input is worth (tokens:introspect)")


def _vehicles(parser: argparse.ArgumentParser) -> None:
    leaves = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    get = _leaf(leaves, "get", "vehicles get", "show one vehicle with all that is known of it")
    get.add_argument("name", help="for example vehicles/vpic-jtmbdafbta, or vpic-jtmbdafbta")
    _filters(_leaf(leaves, "list", "vehicles list", "list the vehicles that meet all conditions"))
    export = _leaf(leaves, "export", "vehicles export", "write the whole catalogue as JSON lines", NO_JSON_HELP)
    export.add_argument("--source", default="", help="only this source, for example epa or vpic")
    export.add_argument("--after", default="", metavar="NAME", help="go on after this vehicle; a file is appended to")
    export.add_argument("--output", metavar="PATH", help="write to this file, which is replaced once all is there")


def _filters(parser: argparse.ArgumentParser) -> None:
    for name in ("source", "make", "model", "trim"):
        parser.add_argument(f"--{name}", help=f"of this {name}")
    parser.add_argument("--query", metavar="WORDS", help="each word begins a word of make, model or trim")
    parser.add_argument(
        "--year-min", dest="model_year_min", type=natural, metavar="YEAR", help="of this model year or later"
    )
    parser.add_argument(
        "--year-max", dest="model_year_max", type=natural, metavar="YEAR", help="of this model year or earlier"
    )
    several: dict[str, Any] = {"action": "append", "default": []}
    for name, kinds in VEHICLE_KINDS.items():
        parser.add_argument(f"--{name}", metavar="KIND", help=f"{one_of(kinds)} (may be repeated)", **several)
    for end, limits in (("min", f"at least so much {one_of(LIMITS)}, such as power_kw=150"), ("max", "at most")):
        parser.add_argument(f"--{end}", type=bound, metavar="FIELD=NUMBER", help=limits, **several)
    parser.add_argument("--order-by", metavar="FIELDS", help="such as 'model_year desc, make'")
    parser.add_argument("--show-deleted", action="store_true", help="deleted ones as well")
    _limit(parser)


def _key_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--write-env-file",
        metavar="PATH",
        help="write target, id and secret to this new file (mode 0600) instead of printing the secret",
    )
    parser.add_argument(
        "--write-secret-file",
        metavar="PATH",
        help="write the secret alone to this new file (mode 0600); with --write-env-file too, that one names this one",
    )


def _id(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("id", help="the application's id")
    return parser


def _limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit", type=natural, default=DEFAULT_LIMIT, metavar="N", help="at most so many; 0: all (default 50)"
    )
