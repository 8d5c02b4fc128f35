"""`python -m tests.mutants`: tries every mutant, or those named, and says who noticed. Exit code 1: one did not count.

First the tests run on the product as it is, where all must pass; with `--clean N` they do so N times and that is all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from tests.mutants.administration import ADMINISTRATION
from tests.mutants.calls import CALLS
from tests.mutants.mutant import Mutant
from tests.mutants.rules import RULES
from tests.mutants.schedules import SCHEDULES
from tests.mutants.trial import Verdict, attempt, copied, run

ALL = (*RULES, *SCHEDULES, *CALLS, *ADMINISTRATION)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    by_name = {mutant.name: mutant for mutant in ALL}
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to try; all when none is named")
    parser.add_argument("--list", action="store_true", help="say which there are")
    parser.add_argument("--clean", type=int, metavar="N", help="run the tests of the mutants N times without any")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - by_name.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; see --list")
    mutants = [by_name[name] for name in given.names] or list(ALL)
    if given.list:
        print("\n".join(f"{mutant.name:33} {mutant.rule}" for mutant in mutants))
        return 0
    if not _clean(mutants, given.clean or 1):
        return 1
    return 0 if given.clean else _tried(mutants)


def _clean(mutants: Sequence[Mutant], times: int) -> bool:
    """Whether all tests pass each time without a mutant."""
    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    failures = 0
    print(f"trying the unpatched tests ({len(tests)}) first", flush=True)
    with copied() as tree:
        for number in range(1, times + 1):
            done = run(tree, tests)
            failures += bool(done.faults)
            print(f"unpatched {number}/{times}: {len(done.tests)} tests, {done.seconds:.1f} s", flush=True)
            _show(done.faults)
    print(f"unpatched: {times - failures} of {times} runs clean\n", flush=True)
    return failures == 0


def _tried(mutants: Sequence[Mutant]) -> int:
    verdicts = []
    for mutant in mutants:
        verdicts.append(verdict := attempt(mutant))
        _report(verdict)
    caught = sum(not verdict.faults for verdict in verdicts)
    print(f"\n{caught} of {len(verdicts)} caught, {sum(verdict.seconds for verdict in verdicts):.0f} s")
    return 0 if caught == len(verdicts) else 1


def _report(verdict: Verdict) -> None:
    word = "SURVIVED" if verdict.faults else "caught"
    print(f"{word:8} {verdict.mutant.name:33} {verdict.seconds:5.1f} s  {verdict.mutant.rule}", flush=True)
    _show(f"by {name}" for name in verdict.noticed_by)
    _show(verdict.faults)


def _show(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"         {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
