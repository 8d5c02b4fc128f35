"""The commands that take access away for a while and give it back, and those that rotate secrets."""

from __future__ import annotations

from argparse import Namespace

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from typeplate.cli.connection import connect
from typeplate.cli.output import hint, print_fields, print_json


def suspend(options: Namespace) -> None:
    """Suspends an application until it is resumed."""
    with connect(options) as server:
        answer = server.auth.suspend_client(name=_name(options.id), force=options.force)
    _show(answer.client, options)
    hint(f"{answer.client.client_id} is suspended: its secrets and tokens are refused until it is resumed.")


def resume(options: Namespace) -> None:
    """Resumes a suspended application."""
    with connect(options) as server:
        answer = server.auth.resume_client(name=_name(options.id))
    _show(answer.client, options)
    hint(f"{answer.client.client_id} may get tokens again; those from before stay dead.")


def create_secret(options: Namespace) -> None:
    """Makes a second secret. It is printed, and shown never again."""
    lifetime = Duration(seconds=options.lifetime) if options.lifetime else None
    with connect(options) as server:
        made = server.auth.create_client_secret(parent=_name(options.id), lifetime=lifetime)
    _show(made, options)
    hint("Keep the secret now: it is shown this once and kept nowhere.")


def delete_secret(options: Namespace) -> None:
    """Deletes a secret that is out of use, or was stolen."""
    name = f"{_name(options.id)}/secrets/{options.secret_id}"
    with connect(options) as server:
        answer = server.auth.delete_client_secret(name=name, compromised=options.compromised, force=options.force)
    _show(answer.client, options)
    hint(f"The secret {options.secret_id} is refused from now on.")


def _name(client_id: str) -> str:
    return f"clients/{client_id.removeprefix('clients/')}"


def _show(message: Message, options: Namespace) -> None:
    if getattr(options, "json", False):
        print_json(message)
    else:
        print_fields(message)
