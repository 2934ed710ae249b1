"""Sources, sinks and segmenters that other packages register by entry point.

A package registers a class or a function under a name, in its ``pyproject.toml``::

    [project.entry-points."livebg.sources"]
    microscope = "my_package:Microscope"

``NAME:ARGUMENT`` then stands for it: ``--camera microscope:2`` calls ``Microscope("2")``.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from livebg.errors import UsageError

__all__ = ["Group", "is_registered", "make_registered"]

Group = Literal["sources", "sinks", "segmenters"]


def is_registered(group: Group, text: str) -> bool:
    """Return whether ``text`` is ``NAME:ARGUMENT`` with a registered name; imports nothing."""
    return _find(group, text) is not None


def make_registered(group: Group, text: str, kind: type[Any], *arguments: Any) -> Any:
    """Call what is registered with the argument in ``text`` and further ``arguments``.

    ``is_registered`` is true of ``text``; its argument may be empty. The result is a ``kind``.

    Raises:
        UsageError: the registered object cannot be imported, or makes something else.
    """
    point = _find(group, text)
    assert point is not None
    try:
        factory = point.load()
    except Exception as error:
        raise UsageError(
            f"{point.name} is registered as {point.value}, which cannot be imported ({error}); "
            "install its package again"
        ) from error
    made = factory(text.partition(":")[2], *arguments)
    if not isinstance(made, kind):
        raise UsageError(f"{point.value} made {made!r}, which is no livebg.{kind.__name__}")
    return made


def _find(group: Group, text: str) -> EntryPoint | None:
    name, colon, argument = text.partition(":")
    # A URL, or a path on a drive of Windows.
    if not colon or argument.startswith("//") or len(name) < 2:
        return None
    return next(iter(entry_points(group=f"livebg.{group}", name=name)), None)
