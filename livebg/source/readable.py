"""Whether a file that the user named can be read at all."""

from __future__ import annotations

from pathlib import Path

from livebg.errors import InputError

__all__ = ["check_readable_file"]


def check_readable_file(path: Path) -> None:
    """Refuse what is not a file with something in it that may be read.

    Raises:
        InputError: ``path`` is missing, a folder, a device, empty, or may not be read.
    """
    try:
        if not path.exists():
            raise InputError(f"{path}: there is no such file, check the path")
        if path.is_dir():
            raise InputError(f"{path}: this is a folder, name a file")
        if not path.is_file():
            raise InputError(f"{path}: this is no regular file, name one")
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"{path}: the file is empty (0 bytes), get a whole copy of it")
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path}: the file cannot be read ({reason}), check the path and its permissions"
        ) from error
