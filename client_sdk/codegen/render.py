"""Owns how the methods of one service look as Python code.

The text is what `ruff format` would leave alone, and passes `mypy --strict`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from docstrings import docstring, documented
from model import Argument, Method, Service
from resuming import Resume

HEADER = "Generated from the protos by `make proto`; do not edit."
MODULES = {
    "timedelta": "from datetime import timedelta",
    "Iterable[": "from collections.abc import Iterable",
    "Mapping[": "from collections.abc import Mapping",
}


def lines(*parts: str | Iterable[str]) -> str:
    flat: list[str] = []
    for part in parts:
        flat.extend([part] if isinstance(part, str) else part)
    return "\n".join(flat) + "\n"


# The module of one service


def render_service(service: Service) -> str:
    return lines(
        f'"""{service.name} on both clients. {HEADER}"""',
        "",
        "from __future__ import annotations",
        "",
        imports(service),
        ["", ""],
        render_class(service, aio=False),
        ["", ""],
        render_class(service, aio=True),
    )


def imports(service: Service) -> Iterator[str]:
    methods = service.methods
    package, _, _ = service.module.rpartition(".")
    stub_module = service.module.rpartition(".")[2] + "_grpc"
    standard, ours = {"from typing import TYPE_CHECKING"}, {f"from {package} import {stub_module}"}
    third: set[str] = set()
    for method in methods:
        for modules in (method.request.modules, method.response.modules, *types_of(method)):
            third |= {line for line in modules if line.startswith("from google")}
            ours |= {line for line in modules if not line.startswith("from google")}
        texts = " ".join(argument.type.text for argument in method.arguments)
        standard |= {line for mark, line in MODULES.items() if mark in texts}
        standard |= {"from typing import overload"} if is_overloaded(method) else set()
        standard |= {f"from collections.abc import {name}" for name in iterables(method)}
    yield from merged(standard)
    yield ""
    yield from (merged(third) if third else ())
    yield from ([""] if third else ())
    yield f"from typeplate._arguments import {', '.join(sorted(helpers(methods)))}"
    yield from runtime_imports(methods)
    yield from merged(ours)
    yield from ("", "if TYPE_CHECKING:", f"    from {package}.{stub_module} import {service.name}AsyncStub")


def types_of(method: Method) -> Iterator[frozenset[str]]:
    yield from (argument.type.modules for argument in method.arguments)
    yield from ([method.item[1].modules] if method.item else ())
    yield from ([method.filter_type.modules] if method.filter_type else ())


def iterables(method: Method) -> set[str]:
    return {"Iterable"} if method.client_streaming else set()


def helpers(methods: Iterable[Method]) -> set[str]:
    found = {"Methods", "build", "refuse_beside"}
    for method in methods:
        found |= {argument.converter for argument in method.arguments if argument.converter}
        found |= {"part"} if method.filter_type else set()
        found |= {"AnyIterable"} if method.client_streaming else set()
    return found


def runtime_imports(methods: tuple[Method, ...]) -> Iterator[str]:
    yield "from typeplate._calls import Calls"
    yield "from typeplate._calls_aio import AsyncCalls"
    yield "from typeplate._options import Timeout"
    if any(method.item for method in methods):
        yield "from typeplate._paging import AsyncPager, Pager"
    if any(method.resume for method in methods):
        yield "from typeplate._resume import Resume"
    if any(method.server_streaming for method in methods):
        yield "from typeplate._streams import ResponseStream"
        yield "from typeplate._streams_aio import AsyncResponseStream"


def merged(statements: set[str]) -> Iterator[str]:
    """`from m import a` and `from m import b` as one line, sorted as ruff sorts them."""
    by_module: dict[str, set[str]] = {}
    for statement in statements:
        _, module, _, name = statement.split()
        by_module.setdefault(module, set()).add(name)
    for module in sorted(by_module):
        names = sorted(by_module[module], key=lambda name: (not name.isupper(), name[0].islower(), name))
        line = f"from {module} import {', '.join(names)}"
        yield from [line] if len(line) <= 120 else [f"from {module} import (", *(f"    {n}," for n in names), ")"]


def render_class(service: Service, *, aio: bool) -> Iterator[str]:
    stub = f"{service.module.rpartition('.')[2]}_grpc.{service.name}Stub"
    yield f"class {class_name(service, aio=aio)}(Methods):"
    yield from docstring(service.comment, [], "    ")
    yield from ("", f"    def __init__(self, calls: {'AsyncCalls' if aio else 'Calls'}) -> None:")
    yield "        self._calls = calls"
    yield from ("", "    @property", f"    def _stub(self) -> {service.name + 'AsyncStub' if aio else stub}:")
    yield f"        return self._calls.stub({stub})"
    for method in service.methods:
        yield ""
        yield from render_method(method, aio=aio)


def class_name(service: Service, *, aio: bool) -> str:
    return f"{'Async' if aio else ''}{service.name.removesuffix('Service')}Methods"


# One method


def is_overloaded(method: Method) -> bool:
    return not method.client_streaming and any(argument.required for argument in method.arguments)


def render_method(method: Method, *, aio: bool) -> Iterator[str]:
    if is_overloaded(method):
        yield from overload(method, fields(method, required=True), aio=aio)
        yield ""
        yield from overload(method, [f"request: {method.request.text}"], aio=aio)
        yield ""
    parameters = request_parameters(method) if not method.client_streaming else stream_parameters(method, aio=aio)
    yield from signature(method, parameters, aio=aio)
    yield from docstring(method.comment, documented(method), "        ")
    yield from (f"        {line}" for line in body(method, aio=aio))


def overload(method: Method, parameters: list[str], *, aio: bool) -> Iterator[str]:
    yield "    @overload"
    *head, last = signature(method, ["*", *parameters], aio=aio)
    yield from head
    yield f"{last} ..."


def fields(method: Method, *, required: bool) -> list[str]:
    must = [a for a in method.arguments if a.required and required]
    may = [a for a in method.arguments if a not in must]
    return [f"{a.name}: {a.type.text}" for a in must] + [f"{a.name}: {a.type.text} | None = None" for a in may]


def request_parameters(method: Method) -> list[str]:
    return ["*", *fields(method, required=False), f"request: {method.request.text} | None = None"]


def stream_parameters(method: Method, *, aio: bool) -> list[str]:
    return [f"requests: {'AnyIterable' if aio else 'Iterable'}[{method.request.text}]", "*"]


def signature(method: Method, parameters: list[str], *, aio: bool) -> Iterator[str]:
    awaited = aio and not method.server_streaming and not method.item
    yield f"    {'async ' if awaited else ''}def {method.python_name}("
    yield "        self,"
    yield from (f"        {parameter}," for parameter in parameters)
    yield "        timeout: Timeout | None = None,"
    yield f"    ) -> {result_type(method, aio=aio)}:"


def result_type(method: Method, *, aio: bool) -> str:
    prefix = "Async" if aio else ""
    if method.item:
        return f"{prefix}Pager[{method.item[1].text}, {method.response.text}]"
    return f"{prefix}ResponseStream[{method.response.text}]" if method.server_streaming else method.response.text


def body(method: Method, *, aio: bool) -> Iterator[str]:
    if method.client_streaming:
        yield streamed(method, aio=aio)
        return
    yield "if request is None:"
    yield from (f"    {line}" for line in construction(method))
    if method.arguments:
        yield "else:"
        yield "    refuse_beside("
        yield "        request,"
        yield from (f"        {argument.name}={argument.name}," for argument in method.arguments)
        yield "    )"
    yield from unary_request_call(method, aio=aio)


def construction(method: Method) -> Iterator[str]:
    plain = [argument for argument in method.arguments if not argument.in_filter]
    filtering = [argument for argument in method.arguments if argument.in_filter]
    if not method.arguments:
        yield f"request = {method.request.text}()"
        return
    yield "request = build("
    yield f"    {method.request.text},"
    if method.filter_type:
        yield "    filter=part("
        yield f"        {method.filter_type.text},"
        yield from (f"        {value(argument)}," for argument in filtering)
        yield "    ),"
    yield from (f"    {value(argument)}," for argument in plain)
    yield ")"


def value(argument: Argument) -> str:
    converted = f"{argument.converter}({argument.name})" if argument.converter else argument.name
    return given(argument, converted)


def given(argument: Argument, converted: str) -> str:
    """The field as a keyword argument; a name that Python keeps for itself (`from`) can only be passed in a dict."""
    if argument.name == argument.field:
        return f"{argument.field}={converted}"
    return f'**{{"{argument.field}": {converted}}}'


def unary_request_call(method: Method, *, aio: bool) -> Iterator[str]:
    prefix, options = "Async" if aio else "", f"timeout{public(method)}"
    if method.item:
        yield f"return {prefix}Pager("
        yield f"    lambda page: self._calls.unary(self._stub.{method.name}, page, {options}),"
        yield "    request,"
        yield f"    lambda page: page.{method.item[0]},"
        yield ")"
    elif method.resume:
        yield f"return {prefix}ResponseStream("
        yield from (f"    {each}," for each in ("self._calls", f"lambda: self._stub.{method.name}", "request", options))
        yield f"    resume={resume(method.resume)},"
        yield ")"
    elif method.server_streaming:
        yield from call(
            f"return {prefix}ResponseStream",
            f"self._calls, lambda: self._stub.{method.name}, request, {options}, idempotent={method.idempotent}",
        )
    else:
        yield f"return {'await ' if aio else ''}self._calls.unary(self._stub.{method.name}, request, {options})"


def resume(rule: Resume) -> str:
    parts = {"position": rule.position, "into": rule.into, "keep": rule.keep}
    given = ", ".join(f'{name}="{field}"' for name, field in parts.items() if field)
    return f"Resume({given})"


def call(function: str, arguments: str) -> Iterator[str]:
    """A call on one line where it fits (the body is indented by eight), else broken as ruff breaks it."""
    line = f"{function}({arguments})"
    yield from [line] if len(line) + 8 <= 120 else [f"{function}(", f"    {arguments}", ")"]


def streamed(method: Method, *, aio: bool) -> str:
    if method.server_streaming:
        kind = f"{'Async' if aio else ''}ResponseStream"
        return f"return {kind}(self._calls, lambda: self._stub.{method.name}, requests, timeout{public(method)})"
    arguments = f"self._stub.{method.name}, requests, timeout{public(method)}"
    return f"return {'await ' if aio else ''}self._calls.stream_unary({arguments})"


def public(method: Method) -> str:
    """Calls of public methods carry no token."""
    return ", public=True" if method.public else ""
