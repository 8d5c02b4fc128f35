"""Owns what of the protos is refused: names that would hide one another in Python, and what cannot be documented.

What only the rendered code can tell is the business of `soundness`.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Iterator
from pathlib import Path

from arguments import Argument
from catalog import ModelError
from model import Method, Service

CLIENTS = {"client.py": "Client", "aio.py": "AsyncClient", "_options.py": "Configured"}
MODULES = {"methods": "the tables of methods"}
"""Modules of `typeplate/_surface/` that are no service's."""
PARAMETERS = ("self", "request", "timeout")
"""What every method of the surface takes beside the request's fields."""


def check(services: list[Service], package: Path) -> None:
    """Raises ModelError for the first thing that cannot be. `package` is the SDK's, whose clients get the services."""
    taken = client_names(package)
    refuse_same((s.where, f"client.{s.attribute}") for s in services)
    refuse_same((s.where, f"the class {s.class_name(aio=aio)}") for s in services for aio in (False, True))
    for service in services:
        check_service(service, taken)
        refuse_same((method.where, f"{service.attribute}.{method.python_name}") for method in service.methods)
        for method in service.methods:
            check_method(method)


def client_names(package: Path) -> set[str]:
    """What the clients call their own, read from their source: importing them would need the surface that is made."""
    trees = {kind: ast.parse((package / file).read_text(encoding="utf-8")) for file, kind in CLIENTS.items()}
    found = (node for kind, tree in trees.items() for node in ast.walk(tree) if is_class(node, kind))
    return {each.name for node in found for each in ast.walk(node) if isinstance(each, FUNCTIONS)}


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_class(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.ClassDef) and node.name == name


def refuse_same(names: Iterable[tuple[str, str]]) -> None:
    """Of things that would have one name in Python, names both."""
    seen: dict[str, str] = {}
    for where, name in names:
        if name in seen:
            raise ModelError(f"{where}: it would be {name}, as would {seen[name]}")
        seen[name] = where


def check_service(service: Service, taken: set[str]) -> None:
    where, name = service.where, service.attribute
    refuse_private(where, "the service", service.name, name)
    if name in taken:
        raise ModelError(f"{where}: the service would be client.{name}, which every client has already")
    if name in MODULES:
        raise ModelError(f"{where}: the service would be the module {name}.py, which holds {MODULES[name]}")
    refuse_unfit(where, service.comment)


def check_method(method: Method) -> None:
    where = method.where
    refuse_private(where, "the method", method.name, method.python_name)
    if keyword.iskeyword(method.name):
        raise ModelError(f"{where}: Python keeps {method.name} for itself, and the stub would be called so")
    if not method.comment:
        raise ModelError(f"{where} has no comment")
    refuse_unfit(where, method.comment)
    if method.waits and (not method.unary or method.items):
        raise ModelError(f"{where}: only a method with one answer can wait for the replicas")
    for problem in problems_of(method.arguments):
        raise ModelError(f"{where}: {problem}")


def problems_of(arguments: Iterable[Argument]) -> Iterator[str]:
    seen = set(PARAMETERS)
    for argument in arguments:
        if argument.name.startswith("_"):
            yield f"the field {argument.field} begins with an underscore, as do the surface's own names"
        if argument.name in seen:
            yield f"two arguments would be called {argument.name}"
        if not argument.comment:
            yield f"the field {argument.field} has no comment"
        seen.add(argument.name)


def refuse_private(where: str, what: str, name: str, python: str) -> None:
    if not python or python.startswith("_"):
        raise ModelError(f"{where}: {what} {name} would be called {python!r}, which is no public name")


def refuse_unfit(where: str, comment: str) -> None:
    """grpcio-tools writes the comments of services and methods into docstrings as they are."""
    if '"""' in comment or "\\" in comment:
        raise ModelError(f'{where}: a comment cannot hold """ or a backslash')
