"""Owns the files of `typeplate/_surface/`: a module per service, the clients' attributes, and the tables of methods."""

from __future__ import annotations

from collections.abc import Iterator

from docstrings import docstring
from model import Method, Service
from render import HEADER, lines, render_service
from soundness import check_surface


def render_surface(services: list[Service]) -> dict[str, str]:
    """The files of `typeplate/_surface/`, by name. Raises ModelError where one of them would not do."""
    files = {"__init__.py": render_clients(services), "methods.py": render_tables(services)}
    check_surface("__init__.py", files["__init__.py"], services)
    for service in services:
        name = f"{service.attribute}.py"
        files[name] = render_service(service)
        check_surface(f"{service.where}: {name}", files[name], [service])
    return files


def render_clients(services: list[Service]) -> str:
    return lines(
        f'"""The attributes of both clients, one per service. {HEADER}"""',
        ["", "from __future__ import annotations", "", "from typing import TYPE_CHECKING", ""],
        ["from typeplate._lazy import lazy", "", "if TYPE_CHECKING:"],
        ["    from typeplate._calls import Calls", "    from typeplate._calls_aio import AsyncCalls"],
        (
            f"    from typeplate._surface.{service.attribute} import {service.class_name(aio=True)}, "
            f"{service.class_name(aio=False)}"
            for service in services
        ),
        ["", ""],
        render_attributes("Surface", "Calls", services, aio=False),
        ["", ""],
        render_attributes("AsyncSurface", "AsyncCalls", services, aio=True),
    )


def render_attributes(name: str, calls: str, services: list[Service], *, aio: bool) -> Iterator[str]:
    yield f"class {name}:"
    yield '    """A client\'s methods by service, each imported when it is first used."""'
    yield from ("", f"    _calls: {calls}")
    for service in services:
        kind = service.class_name(aio=aio)
        yield from ("", "    @lazy", f"    def {service.attribute}(self) -> {kind}:")
        yield from docstring(service.comment, [], "        ")
        yield from (f"        from typeplate._surface.{service.attribute} import {kind}", "")
        yield f"        return {kind}(self._calls)"


def render_tables(services: list[Service]) -> str:
    methods = [method for service in services for method in service.methods]
    repeatable = [m for m in methods if m.idempotent and m.unary]
    tables = {
        "IDEMPOTENT_UNARY": ("Unary methods that may be sent again", repeatable),
        "PUBLIC": ("Methods that take no token", [m for m in methods if m.public]),
    }
    return lines(
        f'"""What the channel needs to know of the methods, as paths. {HEADER}"""',
        (line for name, (about, chosen) in tables.items() for line in table(name, about, chosen)),
    )


def table(name: str, about: str, methods: list[Method]) -> Iterator[str]:
    yield from ("", f"{name}: tuple[str, ...] = (")
    yield from (f'    "{method.path}",' for method in methods)
    yield ")"
    yield f'"""{about}."""'
