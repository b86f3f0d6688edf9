"""Cross-entropy of a sigmoid unit or of a softmax, its gradient, and the probabilities."""

import torch
from torch import Tensor


def output_units(classes: int) -> int:
    """One sigmoid unit for two classes, else a softmax over all."""
    return 1 if classes == 2 else classes


def loss_gradient(
    logits: Tensor, targets: Tensor, weights: Tensor, units: int, out: Tensor
) -> None:
    """out = gradient of each network's mean cross-entropy with respect to its logits [K, B, O].

    The mean is within a network, so the networks of a cohort do not share a loss. weights
    [K, B, 1] are 1 / examples for real rows. logits are overwritten in their padded columns.
    """
    if units == 1:
        torch.sigmoid(logits, out=out)
    else:
        logits[:, :, units:] = -torch.inf
        torch.softmax(logits, 2, out=out)
    out -= targets
    out *= weights


def probabilities(logits: Tensor, units: int, out: Tensor) -> None:
    """out [K, classes, B] = class probabilities; logits are overwritten in their padding."""
    if units == 1:
        torch.sigmoid(logits[:, :, 0], out=out[:, 1])
        torch.sub(1.0, out[:, 1], out=out[:, 0])
        return
    logits[:, :, units:] = -torch.inf
    out.copy_(torch.softmax(logits, 2)[:, :, :units].mT)
