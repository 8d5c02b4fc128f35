"""Owns what of the generated code is refused: what Python does not take, and names in it that hide one another.

Of names the surface knows its own only once it is rendered, so they are looked for in the code.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping

from catalog import ModelError
from model import Service

Function = ast.FunctionDef | ast.AsyncFunctionDef


def check_compiles(files: Mapping[str, bytes]) -> None:
    """Raises ModelError for a file that Python does not take, or takes with a warning. It is not written then."""
    for name, content in files.items():
        if name.endswith((".py", ".pyi")):
            parsed(name, content)


def parsed(name: str, content: bytes | str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(content, name, "exec")
        return ast.parse(content)
    except SyntaxError as error:
        raise ModelError(
            f"{name}, line {error.lineno}, would be broken: {error.msg} ({(error.text or '').strip()})"
        ) from None
    except ValueError as error:  # a null byte
        raise ModelError(f"{name} would be broken: {error}") from None


def check_surface(module: str, text: str, services: list[Service]) -> None:
    """Raises ModelError where a name of these services hides one that a module of the surface needs."""
    tree = parsed(module, text)
    for hidden in imported_twice(tree):
        raise ModelError(f"{module} would import two things called {hidden}")
    places = {service.attribute: service.where for service in services}
    places |= {method.python_name: method.where for service in services for method in service.methods}
    for kind in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        check_class(kind, places)


def check_class(kind: ast.ClassDef, places: Mapping[str, str]) -> None:
    methods = [node for node in kind.body if isinstance(node, Function)]
    for hidden in sorted({method.name for method in methods} & needed_by(methods)):
        raise ModelError(f"{places[hidden]}: called {hidden}, it would hide what {kind.name} needs by that name")
    for method in methods:
        for hidden in hidden_by(method):
            raise ModelError(f"{places[method.name]}: the field {hidden} would hide what the method needs by that name")


def imported_twice(tree: ast.Module) -> Iterator[str]:
    seen: dict[str, str | None] = {}
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)):
        for alias in node.names:
            if seen.setdefault(alias.name, node.module) != node.module:
                yield alias.name


def needed_by(methods: list[Function]) -> set[str]:
    """The names in decorators and annotations, which Python looks for among the methods first."""
    parts = [part for method in methods for part in (*method.decorator_list, method.args, method.returns) if part]
    return {node.id for part in parts for node in ast.walk(part) if isinstance(node, ast.Name)}


def hidden_by(method: Function) -> list[str]:
    """Parameters that the body calls or looks into. It never means a parameter then, but something of the module."""
    own = {argument.arg for node in ast.walk(method) if isinstance(node, ast.Lambda) for argument in node.args.args}
    given = {argument.arg for argument in (*method.args.args, *method.args.kwonlyargs)} - own - {"self"}
    used = (node for statement in method.body for node in ast.walk(statement))
    meant = (
        node.func if isinstance(node, ast.Call) else node.value
        for node in used
        if isinstance(node, ast.Call | ast.Attribute)
    )
    return sorted(given & {node.id for node in meant if isinstance(node, ast.Name)})
