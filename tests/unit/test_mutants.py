"""The mutants of `make test-mutants` are as they should be, and three of them are really tried."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutants.administration import ADMINISTRATION
from tests.mutants.calls import CALLS
from tests.mutants.mutant import SERVER, Edit, Mutant, RottenEdit
from tests.mutants.rules import RULES
from tests.mutants.schedules import SCHEDULES
from tests.mutants.trial import ROOT, Ended, Run, attempt, judged

ALL = (*RULES, *SCHEDULES, *CALLS, *ADMINISTRATION)
TRIED = ("as-of-after-the-reply", "answer-before-apply", "answer-before-acknowledgement")
OK = Ended("passed", "call", "", "")
MISSED = Ended("failed", "call", "AssertionError", "assert 1 == 2")
ONE = Mutant("one", "a rule", (), caught_by=("t.py::test_a",), spares=("t.py::test_b",))


def named(mutants: tuple[Mutant, ...]) -> Iterator[tuple[Path, str]]:
    """Files and functions of the tests that the mutants name."""
    for mutant in mutants:
        for test in mutant.tests:
            file, _, function = test.partition("::")
            yield ROOT / file, function.partition("[")[0]


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_every_edit_still_finds_what_it_changes(mutant: Mutant) -> None:
    """Once, and what comes of it is Python; else the source has moved on, and the mutant has to follow."""
    texts: dict[str, str] = {}
    for edit in mutant.edits:
        text = texts.get(edit.file) or (ROOT / SERVER / edit.file).read_text(encoding="utf-8")
        texts[edit.file] = edit.applied_to(text)
    assert texts
    for text in texts.values():
        ast.parse(text)


def test_every_test_that_is_named_exists() -> None:
    """Names are unique, and each mutant has tests that notice and tests that do not."""
    assert len({mutant.name for mutant in ALL}) == len(ALL)
    assert all(mutant.caught_by and mutant.spares for mutant in ALL)
    functions: dict[Path, set[str]] = {}
    for file, name in named(ALL):
        if file not in functions:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            functions[file] = {
                node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
        assert name in functions[file], f"{file.name}::{name}"


@pytest.mark.parametrize("name", TRIED)
def test_a_mutant_is_caught(name: str) -> None:
    """Tried like all of them in `make test-mutants`; these take a second."""
    verdict = attempt(next(mutant for mutant in ALL if mutant.name == name))
    assert verdict.faults == []
    assert len(verdict.noticed_by) >= len(verdict.mutant.caught_by)


def test_a_mutant_that_changes_nothing_survives() -> None:
    """Or else the trial would show nothing."""
    file, old = "auth/replica.py", "RETRY_S: Final = (0.1, 0.5)"
    test = "tests/unit/auth/test_replica.py::test_it_is_fresh_for_the_bound_from_before_the_question"
    spared = "tests/unit/auth/test_replica.py::test_a_poll_that_fails_makes_nobody_fresher"
    verdict = attempt(Mutant("harmless", "none", (Edit(file, old, f"{old}  # s"),), (test,), (spared,)))
    assert verdict.noticed_by == []
    assert verdict.faults == [f"{test} passed"]


def test_an_edit_is_rotten_unless_it_finds_its_place_once() -> None:
    """Neither none, nor two, nor one that changes nothing."""
    edit = Edit("x.py", "a = 1", "a = 2")
    assert edit.applied_to("a = 1\nb = 1") == "a = 2\nb = 1"
    for text in ("", "a = 1\na = 1"):
        with pytest.raises(RottenEdit, match=r"x\.py"):
            edit.applied_to(text)
    with pytest.raises(RottenEdit):
        Edit("x.py", "a", "a").applied_to("a")


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("a test that passes", {"t.py::test_a": OK}),
        ("a test that did not run", {}),
        ("an error of the product", {"t.py::test_a": Ended("failed", "call", "NameError", "name 'x'")}),
        ("a fixture that fails", {"t.py::test_a": Ended("failed", "setup", "AssertionError", "")}),
        ("a skip", {"t.py::test_a": Ended("skipped", "setup", "Skipped", "no PostgreSQL")}),
        ("a hang", {"t.py::test_a": Ended("failed", "call", "Failed", "Timeout (>120.0s) from pytest-timeout.")}),
        ("a product that is broken", {"t.py::test_a": MISSED, "t.py::test_b": MISSED}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_but_a_missed_expectation_counts(name: str, ends: dict[str, Ended]) -> None:
    """Whatever else goes wrong under a mutant shows nothing about the rule."""
    assert judged(ONE, Run({"t.py::test_b": OK} | ends, 1.0)).faults


def test_one_case_that_fails_is_enough() -> None:
    """Of a test with parameters; all of its cases are told."""
    ends = {"t.py::test_a[x]": OK, "t.py::test_a[y]": MISSED, "t.py::test_b[x]": OK}
    verdict = judged(ONE, Run(ends, 1.0))
    assert (verdict.noticed_by, verdict.faults) == (["t.py::test_a[y]"], [])
    assert judged(ONE, Run({}, 1.0, "pytest ended with 4")).faults == ["pytest ended with 4"]
    assert Run({}, 1.0).faults
    assert Run(ends, 1.0).faults == ["t.py::test_a[y] failed in call: AssertionError assert 1 == 2"]
