"""Last uses of secrets in memory, held to `auth.secret_uses.SecretUseStore`; `fail_with` is raised."""

from collections.abc import Collection

from typeplate_server.auth.secret_uses import SecretUse


class FakeSecretUseStore:
    """Uses in a dict, and how often they were written."""

    def __init__(self) -> None:
        self.rows: dict[str, SecretUse] = {}
        self.writes = 0
        self.fail_with: Exception | None = None

    async def record(self, uses: Collection[SecretUse]) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        self.writes += 1
        for use in uses:
            known = self.rows.get(use.secret_id)
            if known is None or known.last_use_time < use.last_use_time:
                self.rows[use.secret_id] = use

    async def last_uses(self, secret_ids: Collection[str]) -> tuple[SecretUse, ...]:
        if self.fail_with is not None:
            raise self.fail_with
        return tuple(self.rows[secret_id] for secret_id in secret_ids if secret_id in self.rows)
