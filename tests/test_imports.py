"""The architecture: who may import whom, read from the source of every module."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import livebg

PACKAGE = Path(livebg.__file__).parent

LAYERS = (
    {"atomic", "frame", "errors", "clock", "closable", "cache", "download", "plugins", "threads"},
    {"config"},
    {"platform"},
    {"pixels"},
    {"sources", "models", "compositing", "sinks"},
    {"segmenters"},
    {"matting"},
    {"build", "backgrounds"},
    {"pipeline"},
    {"conversion", "still"},
    {"live"},
    {"doctor", "bench", "demo"},
    {"cli"},
    {"__main__"},
)
"""The rooms and the modules beside them, lowest first. Those of one layer do not import each other,
but the lowest; ``__init__``, which only names what is public, stands outside."""

ENGINES = {"torch", "torchvision", "openvino", "onnx", "av", "numba", "pyvirtualcam"}
"""Packages that take long to import, or that may be broken on a machine that does not need them."""


@dataclass(frozen=True)
class Module:
    """A module of livebg, and the modules that it names in import statements.

    ``at_import`` are those that are imported along with it; ``anywhere`` also those that a function
    imports when it runs, or that only a type checker sees.
    """

    name: str
    at_import: frozenset[str]
    anywhere: frozenset[str]

    @property
    def room(self) -> str:
        return room_of(self.name)


def room_of(name: str) -> str:
    """Return the first part of a module's name below the package."""
    return name.split(".")[1] if "." in name else ""


def rank_of(name: str) -> int:
    """Return how high a module lies, 0 for the lowest."""
    room = room_of(name)
    return next(rank for rank, layer in enumerate(LAYERS) if room in layer)


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in FILES else node.module


def walk_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when a module is imported: no bodies of functions, nothing for types only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from walk_at_import(child)


def read(name: str) -> Module:
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    return Module(
        name,
        frozenset(found for node in walk_at_import(tree) for found in imported_by(node)),
        frozenset(found for node in ast.walk(tree) for found in imported_by(node)),
    )


MODULES = {name: read(name) for name in FILES}
INNER = [module for module in MODULES.values() if module.name != "livebg"]


def loaded_with(name: str) -> set[str]:
    """Return every module, ours and others', that importing the module ``name`` imports."""
    loaded: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in loaded:
            continue
        loaded.add(current)
        if current in MODULES:
            waiting.extend(MODULES[current].at_import)
        if "." in current:
            waiting.append(current.rpartition(".")[0])
    return loaded


def test_every_room_has_its_layer() -> None:
    assert {module.room for module in INNER} == set().union(*LAYERS)


@pytest.mark.parametrize("module", INNER, ids=lambda module: module.name)
def test_imports_point_downward(module: Module) -> None:
    for target in module.anywhere & FILES.keys():
        if target == "livebg" or room_of(target) == module.room:
            continue
        allowed = rank_of(target) < rank_of(module.name) or rank_of(target) == 0
        assert allowed, f"{module.name} must not import {target}"


def test_no_module_needs_itself() -> None:
    """Also between files of one room, and by imports inside functions or for types only."""
    modules = {name for name in FILES if name != "livebg"}
    graph = {name: MODULES[name].anywhere & modules for name in modules}
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("name", [name for name in FILES if name != "livebg" and rank_of(name) < 3])
def test_what_lies_lowest_loads_neither_an_engine_nor_opencv(name: str) -> None:
    assert not loaded_with(name) & (ENGINES | {"cv2"})


@pytest.mark.parametrize("name", [name for name in FILES if room_of(name) == "cli"])
def test_no_command_loads_an_engine_before_it_runs(name: str) -> None:
    assert not loaded_with(name) & ENGINES


@pytest.mark.parametrize("name", [name for name in FILES if room_of(name) == "live"])
def test_a_live_session_loads_neither_torch_nor_a_network_engine(name: str) -> None:
    assert not loaded_with(name) & {"torch", "torchvision", "onnx"}


@pytest.mark.parametrize("module", INNER, ids=lambda module: module.name)
def test_torch_is_loaded_where_its_networks_and_its_engine_are(module: Module) -> None:
    if module.at_import & {"torch", "torchvision"}:
        assert module.name.startswith(
            ("livebg.models.rvm", "livebg.models.torchvision", "livebg.segmenters.torch")
        )


@pytest.mark.parametrize("module", INNER, ids=lambda module: module.name)
def test_imports_are_absolute(module: Module) -> None:
    tree = ast.parse(FILES[module.name].read_text(encoding="utf-8"))
    relative = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
    assert not relative


@pytest.mark.parametrize("name", [name for name in FILES if ".linux" not in name])
def test_every_other_system_can_import_what_is_not_for_linux(name: str) -> None:
    assert "fcntl" not in loaded_with(name)
