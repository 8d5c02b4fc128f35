"""The house rules of the source tree, as functions from source text to findings.

Everything here is pure: a `Source` is a path and its text, so that a test can show that each rule fails on a
violation made for it. The rules themselves are tables at the top of the file.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SERVER: Final = "server/typeplate_server/"
SDK: Final = "client_sdk/typeplate/"

# What each part of the server may import of the others: imports point down, siblings do not see each other.
MAY_IMPORT: Final[dict[str, frozenset[str]]] = {
    "__init__": frozenset(),
    "__main__": frozenset({"cli"}),
    "cli": frozenset({"app", "config", "errors"}),
    "app": frozenset({"auth", "config", "database_url", "errors", "rpc", "store", "vehicles"}),
    "config": frozenset({"database_url", "errors"}),
    "database_url": frozenset(),
    "rpc": frozenset({"auth", "errors", "vehicles"}),
    "store": frozenset({"auth", "errors", "vehicles"}),
    "auth": frozenset({"errors"}),
    "vehicles": frozenset({"errors"}),
    "errors": frozenset(),
}

# The one home of each library in the server: a path below `typeplate_server/`, or several.
HOME: Final[dict[str, tuple[str, ...]]] = {
    "alembic": ("store/",),
    "cryptography": ("auth/",),
    "grpc": ("rpc/",),
    "grpc_health": ("rpc/",),
    "grpc_reflection": ("rpc/",),
    "jwt": ("auth/tokens.py",),
    "psycopg": ("store/",),
    "sqlalchemy": ("store/",),
    "sqlite3": ("store/",),
    "tqdm": ("cli.py", "cli/"),
    "uvloop": ("app.py", "app/", "cli.py", "cli/"),
}
CLOCK_HOME: Final = ("app.py", "app/")
ENVIRONMENT_HOME: Final = ("config.py",)

# What the SDK may bring with it (its three dependencies; googleapis-common-protos is `google` too).
SDK_LIBRARIES: Final = frozenset({"google", "grpc", "typeplate"})
# What the extra `typeplate[testing]` brings, and the one place in the SDK for it. The server is imported there only
# when a function runs, so that importing any module of the SDK never needs it.
SDK_EXTRA: Final = {"pytest": SDK + "testing/pytest_plugin.py", "typeplate_server": SDK + "testing/"}
SDK_LAZY: Final = frozenset({"typeplate_server"})

CLOCKS: Final = frozenset(
    {
        "time.time", "time.time_ns", "time.clock_gettime", "time.ctime", "time.localtime", "time.gmtime",
        "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
    }
)  # fmt: skip
ONLY_WITHOUT_ARGUMENTS: Final = frozenset({"time.ctime", "time.localtime", "time.gmtime"})
ENVIRONMENT: Final = frozenset({"os.environ", "os.environb", "os.getenv", "os.putenv", "os.unsetenv"})


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file: its path from the repository's root with forward slashes, and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def generated(self) -> bool:
        return f"{SDK}v1/" in self.path or "do not edit" in self.text.partition("\n")[0].lower()


def sources(*folders: str) -> Iterator[Source]:
    """The Python files below these folders of the repository."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


def import_violations(files: Iterable[Source]) -> list[str]:
    """Where a file imports what it may not, or uses a library, a clock or the environment away from its home."""
    return [f"{file.path}:{line}: {what}" for file in files for line, what in _violations(file)]


def _violations(file: Source) -> Iterator[tuple[int, str]]:
    tree = file.tree
    late = {id(inner) for node in ast.walk(tree) if _runs_later(node) for inner in ast.walk(node)}
    for node, module in _imports(file, tree):
        what = _forbidden_import(file.path, module, lazy=id(node) in late)
        if what:
            yield node.lineno, what
    if file.path.startswith(SERVER):
        yield from _forbidden_uses(file.path.removeprefix(SERVER), tree)


def _runs_later(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _forbidden_import(path: str, module: str, *, lazy: bool) -> str | None:
    library = module.partition(".")[0]
    if path.startswith(SDK):
        return _forbidden_in_sdk(path, module, library, lazy=lazy)
    inside = path.removeprefix(SERVER)
    if library == "typeplate_server":
        return _forbidden_room(inside, module)
    if library == "typeplate" and module != "typeplate" and not f"{module}.".startswith("typeplate.v1."):
        return f"the server imports {module}; of the SDK only typeplate.v1 is its business"
    if not inside.startswith(HOME.get(library, ("",))):
        return f"{library} is imported outside its home, {' or '.join(HOME[library])}"
    return None


def _forbidden_in_sdk(path: str, module: str, library: str, *, lazy: bool) -> str | None:
    if f"{module}.".startswith("typeplate.testing.") and not path.startswith(SDK + "testing/"):
        return "the SDK imports typeplate.testing, which is for the tests of applications"
    if library in SDK_EXTRA and path.startswith(SDK_EXTRA[library]):
        return None if lazy or library not in SDK_LAZY else f"{library} is imported before a function needs it"
    known = library in SDK_LIBRARIES or library in sys.stdlib_module_names
    return None if known else f"the SDK imports {library}"


def _forbidden_room(inside: str, module: str) -> str | None:
    here = inside.partition("/")[0].removesuffix(".py")
    there = module.split(".")[1] if "." in module else "__init__"
    if here not in MAY_IMPORT:
        return f"{here} has no place in the import rule"
    if there in (here, "__init__") or there in MAY_IMPORT[here]:
        return None
    return f"{here} imports {there}; it may import {', '.join(sorted(MAY_IMPORT[here])) or 'nothing'}"


def _imports(file: Source, tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """Every import as a full dotted name; `from a import b` counts as `a.b`, which may be a module."""
    package = file.path.removeprefix("server/").removeprefix("client_sdk/").removesuffix(".py").split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = [*above, *(node.module or "").split(".")] if node.module else above
            yield from ((node, ".".join([*base, alias.name])) for alias in node.names)


def _forbidden_uses(inside: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    names = _imported_names(tree)
    with_arguments = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call) and (n.args or n.keywords)}
    for node in ast.walk(tree):
        name = _dotted(node, names)
        reads_clock = name in CLOCKS and not (name in ONLY_WITHOUT_ARGUMENTS and id(node) in with_arguments)
        if reads_clock and not inside.startswith(CLOCK_HOME):
            yield getattr(node, "lineno", 0), f"{name} reads the wall clock, which is app's; receive a clock"
        if name in ENVIRONMENT and not inside.startswith(ENVIRONMENT_HOME):
            yield getattr(node, "lineno", 0), f"{name} is read outside config.py"


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """What each name that an import binds stands for, as a dotted name."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({a.asname or a.name.partition(".")[0]: a.name if a.asname else a.name.partition(".")[0]
                          for a in node.names})  # fmt: skip
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
    return names


def _dotted(node: ast.AST, names: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, names)
        return f"{base}.{node.attr}" if base else None
    return None


def length_violations(files: Iterable[Source], module_limit: int, function_limit: int) -> list[str]:
    """Which modules and functions have more lines than the limits; a function's docstring does not count."""
    found: list[str] = []
    for file in files:
        lines = len(file.text.splitlines())
        if lines > module_limit:
            found.append(f"{file.path}: {lines} lines, more than {module_limit}")
        for node in ast.walk(file.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1 - _docstring_lines(node)
                if size > function_limit:
                    found.append(f"{file.path}:{node.lineno}: {node.name} has {size} lines, more than {function_limit}")
    return found


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(node, clean=False) is None:
        return 0
    return (node.body[0].end_lineno or node.body[0].lineno) - node.body[0].lineno + 1
