"""What a mutant is: edits of the product's source, and the tests that must notice them.

An edit says what stands in a file now. Where that is not found exactly once the edit is rotten, which is an error: a
mutant that no longer takes its rule out would be caught by nobody, or by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SERVER: Final = "server/typeplate_server"


class RottenEdit(Exception):
    """The source has changed since the edit was written."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement in a file of the server; `file` is relative to its package."""

    file: str
    old: str
    new: str

    def applied_to(self, text: str) -> str:
        """The text with the replacement. Raises `RottenEdit`."""
        found = text.count(self.old)
        if found != 1 or self.old == self.new:
            raise RottenEdit(f"{self.file}: found {found} times, not once:\n{self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One rule taken out, by `edits` in this order.

    Every test of `caught_by` must fail, in its own assertions. Every test of `spares` must pass: what is out is the
    rule and not the product. A test is named as pytest does, without parameters for all of its cases: then one case
    that fails is enough.
    """

    name: str
    rule: str
    edits: tuple[Edit, ...]
    caught_by: tuple[str, ...]
    spares: tuple[str, ...]

    @property
    def tests(self) -> tuple[str, ...]:
        """All that are run, in this order: what a failure leaves behind shall not disturb the others."""
        return self.spares + self.caught_by

    def apply(self, tree: Path) -> None:
        """Changes the tree, and forgets what was compiled from the files before. Raises `RottenEdit`."""
        for edit in self.edits:
            file = tree / SERVER / edit.file
            file.write_text(edit.applied_to(file.read_text(encoding="utf-8")), encoding="utf-8")
            for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
                compiled.unlink()
