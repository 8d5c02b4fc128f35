"""The limits on a client's fields, each fault with the field's path."""

import pytest

from typeplate_server.auth import client_fields as fields
from typeplate_server.auth.service import ClientDraft, ClientPatch
from typeplate_server.errors import InvalidArgument


@pytest.mark.parametrize("client_id", ["abc", "a-b", "a1b", "a--b", "abc-9", "a" * 63])
def test_good_ids(client_id: str) -> None:
    """3–63 characters of `a-z 0-9 -`, from a letter on, no hyphen at the end."""
    assert list(fields.client_id_faults("client_id", client_id)) == []


@pytest.mark.parametrize(
    "client_id",
    [
        "",
        "a",
        "ab",
        "a" * 64,
        "Abc",
        "1bc",
        "-bc",
        "ab-",
        "a_b",
        "a.b",
        "a b",
        "abc\n",
        "a/b",
        "äbc",
        "аbc",
        "abc٣",
        "a\0c",
    ],
)
def test_bad_ids(client_id: str) -> None:
    """Everything else."""
    assert [fault.field for fault in fields.client_id_faults("client_id", client_id)] == ["client_id"]


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (ClientDraft(client_id="X"), "client_id"),
        (ClientDraft(display_name="x" * 101), "client.display_name"),
        (ClientDraft(display_name="a\x1b[31m"), "client.display_name"),
        (ClientDraft(display_name="a\nb"), "client.display_name"),
        (ClientDraft(scopes=["vehicles:raed"]), "client.scopes"),
        (ClientDraft(scopes=["tokens:introspekt"]), "client.scopes"),
        (ClientDraft(scopes=["vehicles:read"] * 21), "client.scopes"),
        (ClientDraft(max_token_lifetime_s=59.9), "client.max_token_lifetime"),
        (ClientDraft(max_token_lifetime_s=0), "client.max_token_lifetime"),
        (ClientDraft(max_token_lifetime_s=-60), "client.max_token_lifetime"),
        (ClientDraft(max_token_lifetime_s=60.5), "client.max_token_lifetime"),
        (ClientDraft(labels={str(n): "" for n in range(65)}), "client.labels"),
        (ClientDraft(labels={"": "x"}), "client.labels"),
        (ClientDraft(labels={"K": "x"}), "client.labels"),
        (ClientDraft(labels={"k" * 64: "x"}), "client.labels"),
        (ClientDraft(labels={"k": "x" * 64}), "client.labels['k']"),
        (ClientDraft(labels={"k": "\0"}), "client.labels['k']"),
    ],
)
def test_each_fault_names_its_field(draft: ClientDraft, field: str) -> None:
    """On creating and on updating alike."""
    with pytest.raises(InvalidArgument) as refused:
        draft.require_valid()
    assert [fault.field for fault in refused.value.violations] == [field]
    if field != "client_id":
        patch = ClientPatch(
            display_name=draft.display_name,
            scopes=draft.scopes,
            max_token_lifetime_s=draft.max_token_lifetime_s,
            labels=draft.labels,
        )
        with pytest.raises(InvalidArgument) as refused:
            patch.require_valid()
        assert [fault.field for fault in refused.value.violations] == [field]


def test_the_limits_themselves_are_allowed() -> None:
    """To the last character, also beyond ASCII."""
    ClientDraft(
        client_id="a" * 63,
        display_name="ü" * 100,
        scopes=["vehicles:read", "vehicles:write", "clients:admin"],
        max_token_lifetime_s=60,
        labels={f"k{'-_' * 30}{n}"[-63:].lstrip("-_") or "k": "ü" * 63 for n in range(64)},
    ).require_valid()
    ClientDraft().require_valid()
    ClientPatch().require_valid()


def test_all_faults_are_told_at_once() -> None:
    """So that a caller need not find them one by one."""
    with pytest.raises(InvalidArgument) as refused:
        ClientDraft(
            client_id="X", display_name="\0", scopes=["?"], max_token_lifetime_s=1, labels={"?": ""}
        ).require_valid()
    assert len(refused.value.violations) == 5
