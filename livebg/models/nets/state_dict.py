"""Reading a checkpoint's tensors without running anything that it contains."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from livebg.errors import WeightsError

__all__ = ["read_state_dict"]


def read_state_dict(path: Path, name: str) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by their names, on the CPU.

    Only tensors are unpickled (``weights_only=True``); a file that holds anything else is refused.

    Args:
        path: what ``torch.save`` wrote from a state dict.
        name: the network that it should be for, for messages.

    Raises:
        WeightsError: the file cannot be read, or is no state dict.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle also ends in IndexError, KeyError, AssertionError
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsError(
            f"{path} cannot be read as a checkpoint of {name}: {reason[0]}; "
            "it must hold a plain state dict written by torch.save"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise WeightsError(
            f"{path} is no state dict but {_describe(state)}; save model.state_dict() for {name}"
        )
    return state


def _describe(content: object) -> str:
    if isinstance(content, dict):
        odd = next(key for key, value in content.items() if not isinstance(value, Tensor))
        return f"a dict whose entry {odd!r} is no tensor"
    return f"a {type(content).__name__}"
