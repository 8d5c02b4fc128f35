"""Owns how the methods of one service look as Python code.

The text is what `ruff format` would leave alone, and passes `mypy --strict`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bodies import body
from docstrings import docstring, documented, text_of
from model import Method, Service

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
    yield "from typeplate import _arguments"
    yield f"from typeplate._arguments import {', '.join(sorted(bases(methods)))}"
    yield from runtime_imports(methods)
    yield from merged(ours)
    yield from ("", "if TYPE_CHECKING:", f"    from {package}.{stub_module} import {service.name}AsyncStub")


def types_of(method: Method) -> Iterator[frozenset[str]]:
    yield from (argument.type.modules for argument in method.arguments)
    yield from ([method.items.type.modules] if method.items else ())
    yield from ([method.filter_type.modules] if method.filter_type else ())


def iterables(method: Method) -> set[str]:
    return {"Iterable"} if method.client_streaming else set()


def bases(methods: Iterable[Method]) -> set[str]:
    return {"Methods"} | {"AnyIterable" for method in methods if method.client_streaming}


def runtime_imports(methods: tuple[Method, ...]) -> Iterator[str]:
    yield "from typeplate._calls import Calls"
    yield "from typeplate._calls_aio import AsyncCalls"
    yield "from typeplate._options import Timeout"
    if any(method.items for method in methods):
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
    yield f"class {service.class_name(aio=aio)}(Methods):"
    yield from docstring(service.comment, [], "    ")
    yield from ("", f"    def __init__(self, calls: {'AsyncCalls' if aio else 'Calls'}) -> None:")
    yield "        self._calls = calls"
    yield from ("", "    @property", f"    def _stub(self) -> {service.name + 'AsyncStub' if aio else stub}:")
    yield f"        return self._calls.stub({stub})"
    for method in service.methods:
        yield ""
        yield from render_method(method, aio=aio)


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
    yield from docstring(text_of(method), documented(method), "        ")
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
    awaited = aio and not method.server_streaming and not method.items
    yield f"    {'async ' if awaited else ''}def {method.python_name}("
    yield "        self,"
    yield from (f"        {parameter}," for parameter in parameters)
    yield "        timeout: Timeout | None = None,"
    yield f"    ) -> {result_type(method, aio=aio)}:"


def result_type(method: Method, *, aio: bool) -> str:
    prefix = "Async" if aio else ""
    if method.items:
        return f"{prefix}Pager[{method.items.type.text}, {method.response.text}]"
    return f"{prefix}ResponseStream[{method.response.text}]" if method.server_streaming else method.response.text
