"""Owns what the generated methods do: make the request, or check the one that was given, and call.

What a body needs of the SDK it names through `_arguments`, which no field can be called.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator

from arguments import FLATTENED, Argument
from model import Method
from resuming import Resume

WIDTH = 120 - 8
"""What a line has left: a body is indented by eight."""


def body(method: Method, *, aio: bool) -> Iterator[str]:
    if method.client_streaming:
        yield from streamed(method, aio=aio)
        return
    yield "if request is None:"
    yield from indented(construction(method))
    yield "else:"
    beside = [f"{argument.name}={argument.name}" for argument in method.arguments]
    yield from indented(call("_arguments.check_ready", [method.request.text, "request", *beside], one_line=not beside))
    yield from requested(method, aio=aio)


def indented(code: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in code)


def call(function: str, arguments: Iterable[str], *, one_line: bool) -> Iterator[str]:
    """A call, on one line if it is wanted and fits, else with one argument a line, which is how ruff leaves it."""
    line = f"{function}({', '.join(arguments)})"
    yield from [line] if one_line and len(line) <= WIDTH else broken(function, (f"{each}," for each in arguments))


def broken(function: str, code: Iterable[str]) -> Iterator[str]:
    yield f"{function}("
    yield from indented(code)
    yield ")"


# The request


def construction(method: Method) -> Iterator[str]:
    if not method.arguments:
        yield f"request = {method.request.text}()"
        return
    yield from broken("request = _arguments.build", fields(method))


def fields(method: Method) -> Iterator[str]:
    yield f"{method.request.text},"
    if method.filter_type:
        conditions = [value(argument) for argument in method.arguments if argument.in_filter]
        *head, last = call(f"{FLATTENED}=_arguments.part", [method.filter_type.text, *conditions], one_line=False)
        yield from [*head, f"{last},"]
    yield from (f"{value(argument)}," for argument in method.arguments if not argument.in_filter)


def value(argument: Argument) -> str:
    """The field as a keyword argument; a name that Python keeps for itself (`from`) can only be passed in a dict."""
    if argument.name == argument.field:
        return f"{argument.field}={converted(argument)}"
    return f'**{{"{argument.field}": {converted(argument)}}}'


def converted(argument: Argument) -> str:
    functions = [f"_arguments.{function}" for function in argument.type.convert]
    return f"{functions[0]}({', '.join([*functions[1:], argument.name])})" if functions else argument.name


# The call


def requested(method: Method, *, aio: bool) -> Iterator[str]:
    """The call of a method that takes one request."""
    if method.items:
        yield from paged(method, method.items.field, aio=aio)
    elif method.server_streaming:
        yield from streamed(method, aio=aio)
    else:
        awaited = "await " if aio else ""
        yield from call(f"return {awaited}self._calls.unary", unary(method, "request"), one_line=True)


def unary(method: Method, request: str) -> list[str]:
    return [f"self._stub.{method.name}", request, *options(method)]


def paged(method: Method, field: str, *, aio: bool) -> Iterator[str]:
    fetch = f"lambda page: self._calls.unary({', '.join(unary(method, 'page'))})"
    items = f'getattr(page, "{field}")' if keyword.iskeyword(field) else f"page.{field}"
    yield from call(f"return {prefix(aio)}Pager", [fetch, "request", f"lambda page: {items}"], one_line=False)


def streamed(method: Method, *, aio: bool) -> Iterator[str]:
    """The call of a method that streams requests, answers, or both."""
    stub, request = f"self._stub.{method.name}", "request"
    if method.client_streaming:
        request = f"_arguments.checked{'_aio' if aio else ''}({method.request.text}, requests)"
    if not method.server_streaming:
        awaited = "await " if aio else ""
        yield from call(f"return {awaited}self._calls.stream_unary", [stub, request, *options(method)], one_line=True)
        return
    arguments = ["self._calls", f"lambda: {stub}", request, *options(method)]
    yield from call(f"return {prefix(aio)}ResponseStream", arguments, one_line=not method.resume)


def prefix(aio: bool) -> str:
    return "Async" if aio else ""


def options(method: Method) -> Iterator[str]:
    yield "timeout"
    if method.public:  # carries no token
        yield "public=True"
    if method.waits:
        yield "waits=True"
    if method.resume:
        yield f"resume={resume(method.resume)}"
    elif method.server_streaming and not method.client_streaming:
        yield f"idempotent={method.idempotent}"


def resume(rule: Resume) -> str:
    parts = {"position": rule.position, "into": rule.into, "keep": rule.keep}
    given = ", ".join(f'{name}="{field}"' for name, field in parts.items() if field)
    return f"Resume({given})"
