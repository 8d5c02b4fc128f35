"""The commands that take access away for a while and give it back, and those that rotate secrets and signing keys."""

from __future__ import annotations

from argparse import Namespace

from google.protobuf.duration_pb2 import Duration

from typeplate.cli.connection import connect
from typeplate.cli.effect import show_change
from typeplate.cli.exits import UsageError
from typeplate.cli.key_files import KeyFiles
from typeplate.cli.output import print_json, print_table
from typeplate.v1 import auth_service_pb2 as pb


def suspend(options: Namespace) -> None:
    """Suspends an application until it is resumed."""
    with connect(options) as server:
        answer = server.auth.suspend_client(name=_name(options.id), force=options.force)
    done = f"{answer.client.client_id} is suspended: its secrets and tokens are refused until it is resumed."
    show_change(answer, options, answer.client, done)


def resume(options: Namespace) -> None:
    """Resumes a suspended application."""
    with connect(options) as server:
        answer = server.auth.resume_client(name=_name(options.id))
    done = f"{answer.client.client_id} may get tokens again; those from before stay dead."
    show_change(answer, options, answer.client, done)


def create_secret(options: Namespace) -> None:
    """Makes a second secret. It is printed, or written to files, and shown never again."""
    lifetime = Duration(seconds=options.lifetime) if options.lifetime else None
    with connect(options) as server, KeyFiles(options) as files:
        made = server.auth.create_client_secret(parent=_name(options.id), lifetime=lifetime)
        files.keep(options.id.removeprefix("clients/"), made)
    files.show(made)


def delete_secret(options: Namespace) -> None:
    """Deletes a secret that is out of use, or was stolen."""
    name = f"{_name(options.id)}/secrets/{options.secret_id}"
    with connect(options) as server:
        answer = server.auth.delete_client_secret(name=name, compromised=options.compromised, force=options.force)
    show_change(answer, options, answer.client, f"The secret {options.secret_id} is refused from now on.")


def list_keys(options: Namespace) -> None:
    """Lists the public keys that tokens are verified with."""
    with connect(options) as server:
        keys = server.auth.get_jwks().keys
    if getattr(options, "json", False):
        print_json(keys)
    else:
        print_table(("KID", "ALGORITHM", "CURVE"), [(key.kid, key.alg, key.crv) for key in keys])


def rotate_key(options: Namespace) -> None:
    """Makes a new signing key, or kills one that somebody else may have."""
    if options.compromised and not options.yes:
        raise UsageError("every token that this key signed dies at once: give --yes")
    with connect(options) as server:
        answer = server.auth.rotate_signing_key(compromised_kid=options.compromised)
    state = pb.SigningKeyState.Name(answer.state).removeprefix("SIGNING_KEY_STATE_").lower()
    show_change(answer, options, answer, _SAID[state].format(answer.kid))


_SAID = {
    "published": "{} is published and will sign once every replica knows it: repeat the command.",
    "signing": "{} signs from now on; tokens of the key before it stay good until they expire.",
    "removed": "{} is removed, and with it every token it signed.",
}


def _name(client_id: str) -> str:
    return f"clients/{client_id.removeprefix('clients/')}"
