"""Checkpoints written by the tests: the real ones of torchvision cannot be had everywhere."""

from pathlib import Path

import torch
from torch import nn
from torchvision.models import segmentation

from livebg.models.catalog import VOC_CLASSES


def write_checkpoint(name: str, path: Path) -> Path:
    """Write random weights of a torchvision network as its released checkpoint is laid out.

    Each batch norm takes the statistics of one batch of noise, so that the network answers
    different pictures differently, as a trained one does; fresh ones give nearly the same logits
    everywhere.
    """
    auxiliary = {"aux_loss": True} if name.startswith("deeplabv3") else {}
    torch.manual_seed(5)
    network: nn.Module = getattr(segmentation, name)(
        weights=None, weights_backbone=None, num_classes=len(VOC_CLASSES), **auxiliary
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    with torch.no_grad():
        network.train()(torch.randn(4, 3, 64, 64))
    torch.save(network.state_dict(), path)
    return path
