"""Sources, sinks and segmenters that other packages register by entry point."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Literal

from livebg.errors import UsageError

__all__ = ["registered"]


def registered(
    group: Literal["sources", "sinks", "segmenters"], text: str
) -> tuple[Callable[..., Any], str] | None:
    """Return what is registered under the name before the first colon of ``text``.

    A package registers a function or a class under a name of its choice, for example in its
    ``pyproject.toml``::

        [project.entry-points."livebg.sources"]
        microscope = "microscope.livebg:Microscope"

    ``--camera microscope:2`` then calls ``Microscope("2", ...)``.

    Args:
        group: what is looked for.
        text: what the user wrote: ``NAME:ARGUMENT``; the argument may be empty.

    Returns:
        The function and the argument; None where nothing has that name.

    Raises:
        UsageError: the registered object cannot be imported.
    """
    name, colon, argument = text.partition(":")
    if not colon or argument.startswith("//"):
        return None
    for point in entry_points(group=f"livebg.{group}", name=name):
        try:
            return point.load(), argument
        except Exception as error:
            raise UsageError(
                f"{name} is registered as {point.value}, which cannot be imported ({error}); "
                f"install its package again"
            ) from error
    return None
