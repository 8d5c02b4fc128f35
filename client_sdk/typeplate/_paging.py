"""Owns pagers: a list method's result, which fetches the next page when it is needed (AIP-158)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from typeplate.errors import InternalError

Item = TypeVar("Item")
Page = TypeVar("Page")


class Pager(Generic[Item, Page]):
    """Iterates over all items, from the first page each time; `pages()` iterates over the responses."""

    def __init__(self, fetch: Callable[[Any], Page], request: Any, items: Callable[[Page], Iterable[Item]]) -> None:
        self._fetch = fetch
        self._request = request
        self._items = items

    def __repr__(self) -> str:
        return _shown(self, self._request)

    def __iter__(self) -> Iterator[Item]:
        for page in self.pages():
            yield from self._items(page)

    def pages(self) -> Iterator[Page]:
        """The responses; the next one is asked for when it is wanted."""
        request = _copy(self._request)
        while True:
            page = self._fetch(request)
            yield page
            if not _turn(request, page):
                return


class AsyncPager(Generic[Item, Page]):
    """The same for `async for`."""

    def __init__(
        self, fetch: Callable[[Any], Awaitable[Page]], request: Any, items: Callable[[Page], Iterable[Item]]
    ) -> None:
        self._fetch = fetch
        self._request = request
        self._items = items

    def __repr__(self) -> str:
        return _shown(self, self._request)

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.pages():
            for item in self._items(page):
                yield item

    async def pages(self) -> AsyncIterator[Page]:
        """The responses; the next one is asked for when it is wanted."""
        request = _copy(self._request)
        while True:
            page = await self._fetch(request)
            yield page
            if not _turn(request, page):
                return


def _shown(pager: object, request: Any) -> str:
    """The request as text; list requests hold conditions and no secrets."""
    from google.protobuf.text_format import MessageToString

    text = MessageToString(request, as_one_line=True, as_utf8=True)
    return f"<{type(pager).__name__} of {request.DESCRIPTOR.name}{': ' if text else ''}{text}>"


def _turn(request: Any, page: Any) -> bool:
    """Makes the request one for the next page; False when there is none. Raises InternalError for the same again."""
    if page.next_page_token and page.next_page_token == request.page_token:
        raise InternalError("the server's next page is the same page again")
    request.page_token = page.next_page_token
    return bool(page.next_page_token)


def _copy(request: Any) -> Any:
    """The pager moves the page token on, and the caller's request is his."""
    copied = type(request)()
    copied.CopyFrom(request)
    return copied
