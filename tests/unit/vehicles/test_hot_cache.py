"""The hot cache: bounded, and never older than the last change it was told of."""

import gc
import tracemalloc

import pytest

from typeplate_server.vehicles.hot_cache import ENTRY_OVERHEAD, HotCache

NAME = "vehicles/own-1"


def kept(cache: HotCache, name: str, message: bytes) -> None:
    cache.finish(cache.begin(name), message)


def test_what_was_read_is_held() -> None:
    """A finished reading can be had again, until it is forgotten."""
    cache = HotCache()
    kept(cache, NAME, b"one")
    assert cache.get(NAME) == b"one"
    cache.forget([NAME])
    assert (cache.get(NAME), len(cache), cache.size) == (None, 0, 0)


@pytest.mark.parametrize("how", ["forget", "clear"])
def test_a_reading_overtaken_by_a_change_is_not_held(how: str) -> None:
    """A SELECT that began before the change and ended after it must not put the old value back."""
    cache = HotCache()
    overtaken = cache.begin(NAME)
    if how == "forget":
        cache.forget([NAME])
    else:
        cache.clear()
    cache.finish(overtaken, b"old")
    assert cache.get(NAME) is None


def test_a_reading_begun_after_the_change_is_held_whatever_the_older_one_does() -> None:
    """The older reading neither replaces the newer value nor takes it away, in either order of ending."""
    cache = HotCache()
    old = cache.begin(NAME)
    cache.forget([NAME])
    new = cache.begin(NAME)
    cache.finish(new, b"new")
    cache.finish(old, b"old")
    assert cache.get(NAME) == b"new"
    old = cache.begin(NAME)
    cache.forget([NAME])
    new = cache.begin(NAME)
    cache.finish(old, b"old")
    cache.finish(new, b"new")
    assert cache.get(NAME) == b"new"


def test_a_change_of_another_vehicle_disturbs_nothing() -> None:
    """Readings are told apart by name."""
    cache = HotCache()
    reading = cache.begin(NAME)
    cache.forget(["vehicles/own-2"])
    cache.finish(reading, b"one")
    assert cache.get(NAME) == b"one"


def test_the_least_recently_read_leaves_first() -> None:
    """A read keeps a vehicle hot."""
    cache = HotCache(max_bytes=3 * (ENTRY_OVERHEAD + 10))
    for number in range(3):
        kept(cache, f"vehicles/own-{number}", bytes(10))
    cache.get("vehicles/own-0")
    kept(cache, "vehicles/own-3", bytes(10))
    held = [number for number in range(4) if cache.get(f"vehicles/own-{number}") is not None]
    assert held == [0, 2, 3]


def test_a_message_larger_than_the_cache_is_not_held() -> None:
    """And the count of bytes stays right."""
    cache = HotCache(max_bytes=1000)
    kept(cache, NAME, bytes(2000))
    assert (cache.get(NAME), cache.size) == (None, 0)


def test_readings_that_failed_leave_nothing_behind() -> None:
    """A name that does not exist takes no memory."""
    cache = HotCache()
    for number in range(100):
        cache.finish(cache.begin(f"vehicles/own-{number}"), None)
    assert (len(cache), cache.size, cache._readings) == (0, 0, {})


def test_the_bound_is_one_of_memory() -> None:
    """What Python really takes for a full cache is at most a tenth over the bound."""
    gc.collect()
    tracemalloc.start()
    try:
        cache = HotCache(max_bytes=2_000_000)
        for number in range(10_000):
            kept(cache, f"vehicles/epa-{number}", bytes(500))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 1_000_000 < taken < 2_200_000
    assert cache.size <= 2_000_000
