"""Shows a change and where it is in force, in the words of the server's answer: none is said to hold before it does."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from google.protobuf.message import Message

from typeplate.cli.output import hint, print_fields, print_json
from typeplate.v1 import client_pb2


def show_change(answer: Any, options: Namespace, shown: Message, done: str) -> None:
    """The whole answer as JSON, or what it was about; and as a hint what was `done`, and where it holds."""
    if getattr(options, "json", False):
        print_json(answer)
    else:
        print_fields(shown)
    hint(f"{done} {where(answer)}")


def show_made(made: client_pb2.Client | client_pb2.ClientSecret, options: Namespace) -> None:
    """What was made or changed, all of it as JSON; and as a hint where that holds."""
    shown = type(made).FromString(made.SerializeToString())
    shown.ClearField("change_effect")
    if getattr(options, "json", False):
        print_json(made)
    else:
        print_fields(shown)
    hint(where(made.change_effect))


def where(answer: Any) -> str:
    """A sentence on `effective`, `proof` and `everywhere_time`."""
    if answer.effective == client_pb2.EFFECTIVE_EVERYWHERE:
        if answer.proof == client_pb2.EFFECTIVE_PROOF_STALENESS_BOUND:
            return "In force on every replica: one was silent, and by now refuses everything."
        return "In force on every replica."
    by = answer.everywhere_time.ToJsonString()
    return f"In force on the replica that answered, on every other by {by} at the latest."
