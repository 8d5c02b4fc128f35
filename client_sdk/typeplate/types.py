"""The names that an application's own annotations need: of what methods return, and of what a client is made from."""

from __future__ import annotations

from typeplate._options import Timeout
from typeplate._paging import AsyncPager, Pager
from typeplate._secret import SecretCallable
from typeplate._streams import ResponseStream
from typeplate._streams_aio import AsyncResponseStream

__all__ = ["AsyncPager", "AsyncResponseStream", "Pager", "ResponseStream", "SecretCallable", "Timeout"]
