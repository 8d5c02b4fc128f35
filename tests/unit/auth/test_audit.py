"""The audit chain: no entry can be edited, removed, put in or moved unseen, and no tail cut once its head is known."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.auth_world import NOW, client_state
from typeplate_server.auth.audit import (
    AuditEntry,
    Chain,
    Head,
    TrailBroken,
    Verification,
    client_events,
    detail_text,
)
from typeplate_server.auth.clients import SecretState

CHAIN = Chain(b"s" * 32)
TEXTS = ("event", "client_id", "actor", "peer", "detail")


def trail(length: int, chain: Chain = CHAIN) -> list[AuditEntry]:
    head, entries = Head(), []
    for seq in range(1, length + 1):
        detail = detail_text({"generation": str(seq)})
        entry = AuditEntry(seq, NOW + seq / 3, "client_updated", f"app-{seq % 7}", "root", "192.0.2.1", detail)
        head = Head(seq, chain.next(head, entry))
        entries.append(replace(entry, chain=head.chain))
    return entries


def verified(entries: Iterable[AuditEntry], expected: Head | None = None, chain: Chain = CHAIN) -> Head:
    verification = Verification(chain, expected)
    for entry in entries:
        verification.add(entry)
    return verification.finish()


def edited(entry: AuditEntry, dice: random.Random) -> AuditEntry:
    """One field of it, a little other than it was."""
    field = dice.choice(("seq", "time", "chain", *TEXTS))
    value: Any = getattr(entry, field)
    if field == "seq":
        return replace(entry, seq=value + dice.choice((-1, 1, 100)))
    if field == "time":
        return replace(entry, time=value + dice.choice((-1e-6, 1e-6, 60.0)))
    if field == "chain":
        at = dice.randrange(32)
        return replace(entry, chain=value[:at] + bytes([value[at] ^ 1 << dice.randrange(8)]) + value[at + 1 :])
    at = dice.randrange(len(value) + 1)
    changed = dice.choice((value[:at] + "x" + value[at:], value[:-1], ""))
    text: dict[str, Any] = {field: changed}
    return replace(entry, **text)


def test_a_whole_trail_gives_its_head() -> None:
    """The head is that of the last entry; an empty trail has one too."""
    entries = trail(5)
    assert verified(entries) == Head(5, entries[-1].chain)
    assert verified([]) == Head()


def test_every_one_of_1000_random_edits_is_found() -> None:
    """Any field of any entry, the last one and the chain value included."""
    dice, entries = random.Random(7), trail(40)
    for _ in range(1000):
        at = dice.randrange(len(entries))
        forged = edited(entries[at], dice)
        assert forged != entries[at]
        with pytest.raises(TrailBroken):
            verified([*entries[:at], forged, *entries[at + 1 :]])


def test_every_removal_and_every_exchange_is_found() -> None:
    """With and without closing the gap by new numbers, which takes no key."""
    entries = trail(12)
    for at in range(len(entries) - 1):
        gone = entries[:at] + entries[at + 1 :]
        renumbered = [replace(entry, seq=seq) for seq, entry in enumerate(gone, 1)]
        moved = [*entries[:at], entries[at + 1], entries[at], *entries[at + 2 :]]
        swapped = [replace(entry, seq=seq) for seq, entry in enumerate(moved, 1)]
        for forged in (gone, renumbered, moved, swapped):
            with pytest.raises(TrailBroken):
                verified(forged)


@pytest.mark.parametrize("seq", [0, -7])
def test_an_entry_before_the_first_is_found(seq: int) -> None:
    """With a chain value of zeros, as the first entry goes on from."""
    entries = trail(3)
    with pytest.raises(TrailBroken, match=f"stands entry {seq}"):
        verified([replace(entries[1], seq=seq, chain=bytes(32)), *entries])


def test_no_trail_of_a_deployment_that_has_begun_is_a_broken_one() -> None:
    """It has the entry that it has begun, at least."""
    with pytest.raises(TrailBroken, match="all were removed"):
        Verification(CHAIN, begun=True).finish()


def test_a_value_of_another_type_is_found() -> None:
    """SQLite lets anybody put bytes where text belongs."""
    entries = trail(2)
    wrong: Any = b"root"
    with pytest.raises(TrailBroken, match="entry 2 is not of the form"):
        verified([entries[0], replace(entries[1], actor=wrong)])


def test_an_entry_made_without_the_key_is_found() -> None:
    """Who has the database and not the key file can append nothing, nor write the whole trail anew."""
    entries, theirs = trail(3), Chain(b"t" * 32)
    extra = replace(entries[-1], seq=4)
    extra = replace(extra, chain=theirs.next(Head(3, entries[-1].chain), extra))
    for forged in ([*entries, extra], trail(3, theirs)):
        with pytest.raises(TrailBroken):
            verified(forged)


def test_a_cut_tail_is_found_by_the_head_that_was_kept() -> None:
    """Without it a cut tail leaves a whole trail; with it, a trail that has grown since is still good."""
    entries = trail(9)
    kept = Head.parse(str(Head(6, entries[5].chain)))
    assert verified(entries, kept).seq == 9
    assert verified(entries[:5]).seq == 5
    with pytest.raises(TrailBroken, match="cut off"):
        verified(entries[:5], kept)
    with pytest.raises(TrailBroken, match="cut off"):
        verified([], kept)


def test_a_trail_written_anew_with_the_key_is_found_by_the_head_that_was_kept() -> None:
    """As by a restored backup that went on another way."""
    first = trail(6)
    other = replace(first[-1], client_id="another", chain=b"")
    other = replace(other, chain=CHAIN.next(Head(5, first[4].chain), other))
    assert verified([*first[:5], other]).seq == 6
    with pytest.raises(TrailBroken, match="written anew"):
        verified([*first[:5], other], Head(6, first[5].chain))


def test_an_entry_of_another_past_is_found() -> None:
    """A tail was cut off, the server wrote on, and an entry from before the cut is put back: each was ours once."""
    before, after = trail(7), trail(4)
    for seq in (5, 6, 7):
        entry = replace(before[seq - 1], client_id="later", chain=b"")
        after.append(replace(entry, chain=CHAIN.next(Head(seq - 1, after[-1].chain), entry)))
    assert verified(after).seq == 7
    for at in (4, 5):
        with pytest.raises(TrailBroken):
            verified([*after[:at], before[at], *after[at + 1 :]])


@pytest.mark.parametrize("text", ["", "5", "5:", "x:" + "0" * 64, "-1:" + "0" * 64, "5:" + "0" * 62, "5:" + "g" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    """Before anything is read."""
    with pytest.raises(ValueError, match=r"."):
        Head.parse(text)


def test_each_change_of_a_client_has_its_event() -> None:
    """Told from the rows before and after; several at once have one event each."""
    one, two = SecretState("one", b"hash-1", NOW), SecretState("two", b"hash-2", NOW)
    client = client_state(secrets=(one,))
    rotated = replace(client, secrets=(two,), generation=2)
    cases = [
        ((None, client), ["client_created", "secret_created"]),
        ((client, replace(client, state="suspended")), ["client_suspended"]),
        ((replace(client, state="suspended"), client), ["client_resumed"]),
        ((client, replace(client, state="revoked")), ["client_revoked"]),
        ((client, replace(client, display_name="n", scopes=frozenset())), ["client_updated"]),
        ((client, rotated), ["secret_created", "secret_deleted"]),
    ]
    for (before, after), expected in cases:
        assert [event.event for event in client_events(before, after)] == expected


def test_nothing_secret_and_no_free_text_gets_in() -> None:
    """Neither a secret's hash nor what an administrator typed, which may hold one."""
    secret = SecretState("one", b"tps_hash", NOW)
    before = client_state(secrets=(secret,))
    typed: dict[str, Any] = {"display_name": "tps_typed", "labels": {"key": "tps_typed"}, "revoke_reason": "tps_typed"}
    after = replace(before, state="revoked", generation_nonce="5ec4e7", **typed)
    for event in (*client_events(None, before), *client_events(before, after)):
        text = detail_text(event.detail)
        assert not [word for word in ("tps_", "5ec4e7", "hash") if word in text]
