"""Tells `auth` of each finished call: admitted ones for the client's usage, refused ones for the audit trail.

An admitted call costs `count`, one look into a dict. A refused one is looked at more closely, which is no hot path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc

from typeplate_server.rpc.call import Call

if TYPE_CHECKING:
    from typeplate_server.auth.admission import Admission
    from typeplate_server.auth.audit_log import RefusalCounts
    from typeplate_server.auth.usage import Usage
    from typeplate_server.rpc.errors import Outcome

ISSUE_TOKEN: Final = "/typeplate.v1.AuthService/IssueToken"  # noqa: S105 - a method's name
_REFUSALS: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_LIMITED: Final = "RATE_LIMITED"


class Tally:
    """Counts calls. `admission` knows whose token a refused one was, where its signature was good."""

    def __init__(self, usage: Usage, refusals: RefusalCounts, admission: Admission) -> None:
        self.count = usage.count
        self._refusals = refusals
        self._admission = admission

    def refused(self, call: Call, method: str, outcome: Outcome, context: Any) -> None:
        """A call has failed; it is counted if it failed because of who called."""
        if method == ISSUE_TOKEN:
            if outcome.code in _REFUSALS or outcome.reason == _LIMITED:
                self._refusals.count("issue_refused", call.claimed_client, call.peer, outcome.reason)
        elif outcome.code in _REFUSALS:
            self._refusals.count("token_refused", self._bearer(call, context), call.peer, outcome.reason)

    def _bearer(self, call: Call, context: Any) -> str:
        if call.caller is not None:
            return call.caller.client_id
        return self._admission.bearer([value for key, value in context.invocation_metadata() if key == "authorization"])
