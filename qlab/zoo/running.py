"""Run a model the way it is used, whatever state it is in."""

import torch
from torch import Tensor, nn


def evaluate(model: nn.Module, images: Tensor) -> Tensor | tuple[Tensor, ...]:
    """Return `model(images)`, run in evaluation mode, in the model's own float type and device, without gradients.

    The training flags are put back afterwards.

    >>> evaluate(nn.Linear(2, 3).half(), torch.zeros(1, 2)).dtype
    torch.float16
    """
    weight = next((p for p in model.parameters() if p.is_floating_point()), images)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            return model(images.to(weight.device, weight.dtype))
    finally:
        for module, training in modes:
            module.training = training
