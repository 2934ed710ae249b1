"""Whether a file is the checkpoint of a network, before it enters the cache."""

from __future__ import annotations

from pathlib import Path

from livebg.errors import UsageError, WeightsError

__all__ = ["check_checkpoint"]


def check_checkpoint(name: str, path: Path) -> None:
    """Refuse a file that is not the weights of a network.

    Args:
        name: catalogue name: ``rvm`` (its ``.onnx`` or ``.pth``) or one of torchvision's.
        path: the file; it is only read.

    Raises:
        UsageError: there is no such network.
        WeightsError: the file is missing, unreadable, or holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"there is no file {path} to take the weights of {name} from")
    if name == "rvm":
        from livebg.models.nets.rvm_weights import load_rvm

        load_rvm(path)
        return
    from livebg.models.nets.torchvision_nets import NETWORKS, check_state_dict

    if name not in NETWORKS:
        raise UsageError(
            f"no network with weights of its own is named {name!r}; "
            f"choose rvm, {', '.join(NETWORKS)}"
        )
    from livebg.models.nets.state_dict import read_state_dict

    check_state_dict(name, path, read_state_dict(path, name))
