"""Why admission compares generations: every interleaving of issue, suspend and resume, tried for five schemes."""

from __future__ import annotations

import pytest

from tests.support.generation_model import (
    GENERATION,
    GENERATION_READ_AGAIN,
    IAT_BEFORE,
    IAT_NOT_AFTER,
    STATUS_ONLY,
    Scheme,
    explore,
)

SKEWS = (-1, 0, 1)


@pytest.mark.parametrize("skew", SKEWS)
def test_generation_equal_and_active_is_safe_and_refuses_no_good_token(skew: int) -> None:
    """Our rule has no unsafe state and no unfair one, whatever the clocks say."""
    states, unsafe, unfair = explore(GENERATION, skew)
    assert states > 1000
    assert (unsafe, unfair) == (0, 0)


@pytest.mark.parametrize("scheme", [IAT_BEFORE, IAT_NOT_AFTER], ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("skew", SKEWS)
def test_comparing_times_admits_dead_tokens_or_refuses_good_ones(scheme: Scheme, skew: int) -> None:
    """The model finds the known bad schemes: each fails at every skew, one way or the other."""
    _, unsafe, unfair = explore(scheme, skew)
    assert unsafe > 0 or unfair > 0


@pytest.mark.parametrize("scheme", [STATUS_ONLY, GENERATION_READ_AGAIN, IAT_BEFORE], ids=lambda scheme: scheme.name)
def test_the_model_finds_admitted_dead_tokens(scheme: Scheme) -> None:
    """State alone, and a generation read a second time when signing, let old tokens live after a resumption."""
    assert explore(scheme, 0)[1] > 0
