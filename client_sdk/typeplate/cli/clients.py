"""`typeplate clients …`: registers, shows, changes and revokes applications."""

from __future__ import annotations

import sys
from argparse import Namespace

from google.protobuf.duration_pb2 import Duration

from typeplate.cli.connection import connect
from typeplate.cli.effect import show_change, show_made
from typeplate.cli.exits import UsageError
from typeplate.cli.key_files import KeyFiles
from typeplate.cli.limits import first, page_size
from typeplate.cli.output import hint, print_fields, print_json, print_table
from typeplate.cli.traces import summary
from typeplate.v1 import audit_pb2, client_pb2


def create(options: Namespace) -> None:
    """Registers an application. Its secret is printed, or written to files, and shown never again."""
    wanted = client_pb2.Client(
        display_name=options.display_name,
        scopes=options.scope,
        labels=dict(options.label),
        max_token_lifetime=_duration(options.max_token_lifetime),
    )
    with connect(options) as server, KeyFiles(options) as files:
        made = server.auth.create_client(client=wanted, client_id=options.id)
        files.keep(made.client_id, made.secrets[0])
    files.show(made)
    if not made.scopes:
        hint(f"It may read nothing yet: typeplate clients update {made.client_id} --add-scope vehicles:read")


def list_(options: Namespace) -> None:
    """Lists applications."""
    states = [client_pb2.ClientState.Value(f"CLIENT_STATE_{state.upper()}") for state in options.state]
    with connect(options) as server:
        page = page_size(options.limit)
        found, more = first(server.auth.list_clients(states=states, scope=options.scope, page_size=page), options.limit)
    if _json(options):
        print_json(found)
        return
    print_table(("ID", "NAME", "STATE", "SCOPES", "CREATED"), [_row(client) for client in found])
    if more:
        hint(f"The first {len(found)}; --limit 0 lists all.")


def show(options: Namespace) -> None:
    """Shows one application."""
    with connect(options) as server:
        _show(server.auth.get_client(name=_name(options.id)), options)


def update(options: Namespace) -> None:
    """Changes an application as it was read: somebody else's change in between is an error, not lost."""
    with connect(options) as server:
        client = server.auth.get_client(name=_name(options.id))
        mask = _apply(options, client)
        if not mask:
            raise UsageError("nothing to change: give --display-name, --add-scope, --remove-scope, --label or another")
        show_made(server.auth.update_client(client=client, update_mask=mask), options)


def revoke(options: Namespace) -> None:
    """Revokes an application for good; asks first."""
    with connect(options) as server:
        if not options.yes:
            name = _name(options.id)
            _confirm(server.auth.get_client(name=name), server.auth.get_client_usage(name=name))
        answer = server.auth.revoke_client(name=_name(options.id), reason=options.reason, force=options.force)
    done = f"{answer.client.client_id} is revoked: its secrets and tokens are refused from now on."
    show_change(answer, options, answer.client, done)


def _confirm(client: client_pb2.Client, usage: audit_pb2.ClientUsage) -> None:
    if not sys.stdin.isatty():
        raise UsageError("revoking is for good and standard input is no terminal to ask on: give --yes")
    scopes = ", ".join(client.scopes) or "no scopes"
    name = f" {client.display_name!r}" if client.display_name else ""
    hint(f"{client.client_id}{name}, {scopes}, created {client.create_time.ToJsonString()}")
    hint(summary(usage))
    hint("Revoke it for good? Its id cannot be used again. [y/N] ")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("not revoked")


def _apply(options: Namespace, client: client_pb2.Client) -> list[str]:
    """Makes the changes on the message; returns the update mask."""
    mask = []
    if options.display_name is not None:
        client.display_name = options.display_name
        mask.append("display_name")
    if options.add_scope or options.remove_scope:
        kept = (set(client.scopes) | set(options.add_scope)) - set(options.remove_scope)
        client.scopes[:] = sorted(kept)
        mask.append("scopes")
    if options.max_token_lifetime is not None:
        client.ClearField("max_token_lifetime")
        if options.max_token_lifetime:
            client.max_token_lifetime.seconds = options.max_token_lifetime
        mask.append("max_token_lifetime")
    if options.label or options.remove_label:
        client.labels.update(dict(options.label))
        for key in options.remove_label:
            client.labels.pop(key, None)
        mask.append("labels")
    return mask


def _show(client: client_pb2.Client, options: Namespace) -> None:
    if _json(options):
        print_json(client)
    else:
        print_fields(client)


def _row(client: client_pb2.Client) -> tuple[str, ...]:
    state = client_pb2.ClientState.Name(client.state).removeprefix("CLIENT_STATE_").lower()
    created = client.create_time.ToJsonString()[:19] + "Z"
    return client.client_id, client.display_name, state, ", ".join(client.scopes), created


def _name(client_id: str) -> str:
    return f"clients/{client_id.removeprefix('clients/')}"


def _duration(seconds: int | None) -> Duration | None:
    return Duration(seconds=seconds) if seconds else None


def _json(options: Namespace) -> bool:
    return getattr(options, "json", False)
